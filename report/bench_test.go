package report

import (
	"io"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/triage"
)

// parkedPlainly is a clean name of a plain list, with an address of each family, whose DNS alone was asked.
func parkedPlainly() triage.Result {
	f := triage.Facts{
		Domain: inventory.Domain{Name: "www.example.com", Display: "www.example.com", Source: "domains.txt:12345"},
		DNS:    answer("www.example.com", "203.0.113.7", "2001:db8::7"),
		Owner: &dns.Ownership{Verdict: dns.Parked, Confidence: dns.High, Evidence: []string{
			"A 203.0.113.7 is in 203.0.113.0/24, ours", "AAAA 2001:db8::7 is in 2001:db8::/32, ours",
		}},
		At: sampleAt, Elapsed: 84 * time.Millisecond,
	}
	return triage.Result{Facts: f, Severity: triage.OK, JudgedAt: sampleAt}
}

// parkedAndProbed is the same, with what one endpoint showed.
func parkedAndProbed() triage.Result {
	r := parkedPlainly()
	r.Facts.Probes = expiring().Facts.Probes
	return r
}

// BenchmarkEncode goes from a result to its bytes.
func BenchmarkEncode(b *testing.B) {
	for name, r := range map[string]triage.Result{"dns": parkedPlainly(), "probed": parkedAndProbed(), "urgent": expiring()} {
		for _, format := range []Format{FormatJSONL, FormatCSV} {
			b.Run(name+"/"+string(format), func(b *testing.B) {
				w, err := New(io.Discard, format, Options{Run: "20261120T100000Z-01020304"})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := w.Write(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
