package report

import (
	"strings"
	"testing"

	"certscan/dns"
	"certscan/triage"
)

func TestWhoIsAnOrphan(t *testing.T) {
	t.Parallel()
	warn := func(code triage.Code) triage.Finding {
		return found(code, triage.Warn, triage.P3, "said", triage.ActionNone)
	}
	expected := func(code triage.Code) triage.Finding {
		return found(code, triage.OK, triage.P3, "said", triage.ActionNone)
	}
	old := found(triage.CertExpired, triage.Urgent, triage.P1, "the certificate expired", triage.ActionInvestigate)
	further := warn(triage.MovedAway)
	further.Name = "www.example.com"
	type row struct {
		name     string
		verdict  dns.Verdict
		reason   dns.Reason
		findings []triage.Finding
		want     bool
	}
	rows := []row{
		{"a wildcard without a random label, expired", dns.NameMissing, "", []triage.Finding{old}, false},
		{"internal as expected, expired", dns.Private, "", []triage.Finding{old, expected(triage.PrivateAddress)}, false},
		{"internal as expected, half broken", dns.Private, "", []triage.Finding{warn(triage.DNSBroken), expected(triage.PrivateAddress)}, false},
		{"private", dns.Private, "", []triage.Finding{warn(triage.PrivateAddress)}, true},
		{"ours, and one address not dialled", dns.Parked, "", []triage.Finding{warn(triage.PrivateAddress)}, false},
		{"broken", dns.Broken, dns.ReasonServFail, []triage.Finding{warn(triage.DNSBroken)}, true},
		{"ours, half broken", dns.Parked, "", []triage.Finding{warn(triage.DNSBroken)}, false},
		{"elsewhere as expected", dns.Moved, "", []triage.Finding{expected(triage.MovedAway)}, false},
		{"elsewhere as expected, and its www", dns.Moved, "", []triage.Finding{further, expected(triage.MovedAway)}, false},
		{"ours, and its www moved", dns.Parked, "", []triage.Finding{further}, false},
		{"dangling and claimable", dns.Dangling, dns.ReasonTargetFree, []triage.Finding{warn(triage.TakeoverRisk), warn(triage.DanglingCNAME)}, true},
		{"somebody else behind the proxy", dns.Proxied, dns.ReasonNotOurs, []triage.Finding{warn(triage.BehindProxy)}, true},
		{"nobody knows who behind the proxy", dns.Proxied, dns.ReasonUnverified, []triage.Finding{warn(triage.BehindProxy)}, false},
		{"could not be told", dns.Unknown, "", []triage.Finding{warn(triage.Inconclusive)}, false},
	}
	for _, code := range []triage.Code{
		triage.MovedAway, triage.DomainFree, triage.DomainExpired, triage.DomainOnHold, triage.NotDelegated, triage.NoAddress,
		triage.NameMissing, triage.DanglingCNAME,
	} {
		rows = append(rows, row{string(code), dns.Moved, "", []triage.Finding{warn(code)}, true})
	}
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := result("example.com", "example.com", "north@example.com", tt.verdict, tt.reason, tt.findings...)
			rec := NewRecord("", "", &r)
			if o, is := orphanOf(&rec); is != tt.want {
				t.Errorf("listed: %v, want %v (%+v)", is, tt.want, o)
			}
		})
	}
	r := result("example.com", "", "", dns.Moved, "", warn(triage.MovedAway))
	r.Facts.DNS, r.Facts.Owner = nil, nil
	if rec := NewRecord("", "", &r); rec.DNS != nil {
		t.Fatal("the DNS was not asked")
	} else if _, is := orphanOf(&rec); is {
		t.Error("listed without a verdict")
	}
}

func TestEveryOrphanIsListed(t *testing.T) {
	t.Parallel()
	out := string(written(t, FormatTable, Options{}, assorted()))
	_, section, _ := strings.Cut(out, "Not served by us, by manager\n")
	want := `
west@example.com: 2
  cdn.example   proxied/not_ours  A 203.0.113.7 is in 203.0.113.0/24
  gone.example  moved             A 198.51.100.9 is not ours

(no manager): 2
  free.example  free              A 203.0.113.7 is in 203.0.113.0/24
  💩.example    broken/servfail   A 203.0.113.7 is in 203.0.113.0/24
`
	if section != want {
		t.Errorf("got\n%s\nwant\n%s", section, want)
	}
	none := string(written(t, FormatTable, Options{}, assorted()[:1]))
	if strings.Contains(none, "Not served") {
		t.Errorf("a section about nothing:\n%s", none)
	}
}
