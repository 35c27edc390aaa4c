package report

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

func explained(t *testing.T, r triage.Result, width int) string {
	t.Helper()
	var out bytes.Buffer
	if err := Explain(&out, r, width); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// intricate is a name of which there is much to tell.
func intricate() triage.Result {
	r := expiring()
	f := &r.Facts
	f.Domain.Owner, f.Domain.Tags = "Acme Ltd", []string{"shop", "vip"}
	f.Domain.SANs = []string{"www.xn--e1afmkfd.xn--p1ai"}
	f.DNS.CNAMEs = []string{"edge.example.net", "edge7.example.net"}
	f.DNS.AAAA = dns.Reply{
		Status: dns.StatusServFail, Server: f.DNS.A.Server, Attempts: 3, Elapsed: 5200 * time.Millisecond,
		EDE: []dns.EDE{{Code: 9, Text: "no SEP matching the DS found for xn--e1afmkfd.xn--p1ai."}, {Code: 4711}},
	}
	f.DNS.CheckingDisabled = dns.Reply{Status: dns.StatusNoData, Server: f.DNS.A.Server, Attempts: 1, Elapsed: 9 * time.Millisecond}
	f.Probes[0].TLS.ClientCert = true
	f.Probes[0].TLS.Trust, f.Probes[0].TLS.TrustDetail = probe.ChainUntrusted, "issuer not sent"
	f.Probes[0].HTTP.Redirects = []string{"https://xn--e1afmkfd.xn--p1ai/start", "https://www.example.com/" + hostile}
	f.Probes[0].HTTP.Server = "nginx"
	refused := observation("xn--e1afmkfd.xn--p1ai", "[2001:db8::7]:443", nil)
	refused.Err = &probe.Error{Step: probe.StepDial, Code: probe.CodeRefused, Detail: "connect: connection refused"}
	f.Probes = append(f.Probes, refused)
	f.Names = []triage.NameFacts{{
		Name: "www.xn--e1afmkfd.xn--p1ai", DNS: *answer("www.xn--e1afmkfd.xn--p1ai", "203.0.113.7"), Covered: true,
		Owner: dns.Ownership{
			Verdict: dns.Parked, Confidence: dns.High, Evidence: []string{"A 203.0.113.7 is in 203.0.113.0/24, ours"},
			Tried: []dns.Rule{{Name: "parked", Matched: true, Why: "all of 203.0.113.7 are ours"}},
		},
	}}
	r.Findings = append(r.Findings, triage.Finding{
		Code: triage.DownPartly, Severity: triage.Warn, Priority: triage.P2,
		Message: "2001:db8::7 refuses connections", Action: triage.ActionInvestigate, Address: "2001:db8::7",
	})
	return r
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 80, 120} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, fmt.Sprintf("explain-%d", width), []byte(explained(t, intricate(), width)))
		})
	}
	checkGolden(t, "explain-probe", []byte(explained(t, probed(), 80)))
}

// probed is a name whose DNS was not asked.
func probed() triage.Result {
	r := expiring()
	r.Facts.DNS, r.Facts.Owner, r.Findings, r.Severity = nil, nil, nil, triage.OK
	r.Facts.Probes[0].Target.Via = probe.ViaGiven
	return r
}

func TestExplainTellsEveryRule(t *testing.T) {
	t.Parallel()
	r := intricate()
	out := explained(t, r, 0)
	for _, rule := range r.Facts.Owner.Tried {
		if !strings.Contains(out, rule.Why) {
			t.Errorf("the reason of %s is missing", rule.Name)
		}
	}
	for _, want := range []string{"no  cert_expired", "yes cert_expiring", "yes parked", "no  dangling"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestExplainSanitisesAndFits(t *testing.T) {
	t.Parallel()
	r := intricate()
	f := &r.Facts
	long := strings.Repeat(hostile+"例え ", 30)
	f.Domain.Display, f.Domain.Manager, f.Domain.Invalid, f.Failure = hostile, long, hostile, hostile
	f.DNS.A.EDE = []dns.EDE{{Code: 1, Text: long}}
	f.DNS.CNAMEs = []string{hostile}
	f.Owner.Evidence = []string{long}
	f.Owner.Tried = []dns.Rule{{Name: hostile, Why: hostile}}
	f.Probes[0].TLS.Chain[0].Names = []string{long, hostile}
	f.Probes[0].TLS.Chain[1].CommonName = long
	f.Probes[0].HTTP.Server, f.Probes[0].TLS.Cipher = hostile, hostile
	f.Probes[1].Err.Detail = long
	f.Names[0].Name = hostile
	r.Findings[0].Message, r.Findings[0].Name = long, hostile
	r.Tried = []triage.Rule{{Name: hostile, Why: long}}
	for _, width := range []int{0, 20, 40, 80} {
		for line := range strings.Lines(explained(t, r, width)) {
			line = strings.TrimSuffix(line, "\n")
			if terminal(line, lineRunes*2) != line {
				t.Fatalf("width %d: not sanitised: %q", width, line)
			}
			if width > 0 && cells(line) > width {
				t.Errorf("width %d: %d cells: %q", width, cells(line), line)
			}
		}
	}
}

func TestExplainOfNothing(t *testing.T) {
	t.Parallel()
	out := explained(t, triage.Result{}, 80)
	for _, want := range []string{"DNS: not asked", "Endpoints: none was dialled", "Ownership: not judged", "Findings: none"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if err := Explain(closedPipe{}, triage.Result{}, 80); !errors.Is(err, errClosed) {
		t.Errorf("closed pipe: %v", err)
	}
}

func TestFailuresHaveWords(t *testing.T) {
	t.Parallel()
	for _, code := range probe.ErrorCodes {
		if failureMeaning("dial", string(code)) == "" {
			t.Errorf("no words for %s", code)
		}
	}
	for _, tt := range []struct{ step, code, detail, want string }{
		{"dial", "canceled", "too many open files", "dial: canceled, our own trouble or shutdown, not the server's (too many open files)"},
		{"dial", "blocked", "", "dial: blocked, a special-purpose address, dialled only with --ours or --allow-private"},
		{"tls", "eof", "", "tls: eof, the connection was closed without an answer"},
		{"http", "eof", "no usable response: no status line", "http: eof, there was no usable answer (no usable response: no status line)"},
	} {
		if got := failureText(tt.step, tt.code, tt.detail); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// TestExplainTellsWhatTheListSays gives every fact of the input a value of its own.
func TestExplainTellsWhatTheListSays(t *testing.T) {
	t.Parallel()
	r := triage.Result{}
	r.Facts.Domain = inventory.Domain{
		Name: "xn--e1afmkfd.xn--p1ai", Display: "пример.рф", Invalid: "holds a space", Source: "domains.yaml:7",
		SANs: []string{"www.example.com", "api.example.com"}, Owner: "Acme Ltd", Manager: "north@example.com",
		Expect: inventory.ExpectInternal, Origin: []string{"web1.example.net", "203.0.113.9"},
		Verify: []string{"host1.example.com", "host2.example.com"}, Ports: []uint16{443, 993}, At: netip.MustParseAddr("203.0.113.7"),
		Challenge: "dns-01", DNSPlugin: "plugin-x", Account: "account-y", Renew: "panel", Tags: []string{"shop", "vip"},
	}
	wants := map[string]string{
		"Name": "(xn--e1afmkfd.xn--p1ai)", "Display": "пример.рф", "Invalid": "  invalid     holds a space",
		"Source": "  source      domains.yaml:7", "SANs": "  names       www.example.com, api.example.com",
		"Owner": "  owner       Acme Ltd", "Manager": "  manager     north@example.com", "Expect": "  expected    internal",
		"Origin": "  origin      web1.example.net, 203.0.113.9", "Verify": "  verify      host1.example.com, host2.example.com",
		"Ports": "  ports       443, 993", "At": "  address     203.0.113.7", "Challenge": "  challenge   dns-01",
		"DNSPlugin": "  DNS plugin  plugin-x", "Account": "  account     account-y", "Renew": "  renew       panel",
		"Tags": "  tags        shop, vip",
	}
	out := explained(t, r, 0)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[inventory.Domain]()) {
		if want := wants[field.Name]; want == "" || !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", field.Name, want, out)
		}
	}
	bare := explained(t, triage.Result{}, 0)
	for _, label := range []string{"verify", "ports", "address", "challenge", "account", "renew"} {
		if strings.Contains(bare, "  "+label+" ") {
			t.Errorf("%s of an entry without it:\n%s", label, bare)
		}
	}
}

// TestExplainTellsTheDoubt holds who agreed, what was seen earlier, and why a verdict is not sure.
func TestExplainTellsTheDoubt(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 10, 0, 0, 0, time.UTC) }
	r := triage.Result{}
	r.Facts.Owner = &dns.Ownership{Verdict: dns.Moved, Confidence: dns.Low, Doubt: "nobody looked before"}
	r.Facts.Past = &triage.Past{
		Last:    triage.Span{Verdict: dns.Moved, Reason: dns.ReasonParking, Since: day(3), Seen: day(4)},
		Trusted: triage.Span{Verdict: dns.Parked, Since: day(1), Seen: day(2)}, First: day(1),
	}
	for _, c := range []struct {
		second dns.Second
		want   string
	}{
		{dns.Second{State: dns.SecondAnswered, Server: "9.9.9.9:53 (quad9)", A: dns.StatusNoError, AAAA: dns.StatusNoData, Addrs: []netip.Addr{netip.MustParseAddr("93.184.1.1")}}, "  second      9.9.9.9:53 (quad9): A NOERROR, AAAA NODATA: 93.184.1.1"},
		{dns.Second{State: dns.SecondNone, First: "8.8.8.8:53"}, "  second      none of another operator than 8.8.8.8:53 is named"},
		{dns.Second{State: dns.SecondNone, Server: "9.9.9.9:53", Why: "gave no answer (TIMEOUT)"}, "  second      9.9.9.9:53 gave no answer (TIMEOUT)"},
	} {
		r.Facts.DNS = &dns.Answer{Name: "a.example", Inquiry: &dns.Inquiry{Second: c.second}}
		out := explained(t, r, 0)
		for _, want := range []string{
			c.want, "  doubt       nobody looked before", "Earlier runs\n  first seen  2026-11-01T10:00:00Z",
			"  last look   moved/parking, since 2026-11-03T10:00:00Z, seen at last 2026-11-04T10:00:00Z", "  trusted     parked, since 2026-11-01",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if strings.Contains(out, "  ended ") {
			t.Errorf("a span that there is none of:\n%s", out)
		}
	}
}

func TestCertificateNamesOnce(t *testing.T) {
	t.Parallel()
	names := []string{"b.example", "a.example", "b.example", "a.example", "c.example"}
	if got := certificateNames(names); got != "b.example, a.example, c.example" {
		t.Errorf("got %q", got)
	}
}
