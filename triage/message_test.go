package triage

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"certscan/dns"
	"certscan/probe"
)

// saying is what a finding, and the rule behind it, must tell an operator.
type saying struct {
	name    string
	facts   *Facts
	code    Code
	message string // empty: there is no finding
	why     string
}

func certificateSayings() []saying {
	life := func(left, life time.Duration) *Facts {
		return leaves(clean(first), func(c *probe.Certificate) { *c = leaf(left, life) })
	}
	return []saying{
		{
			"days", life(5*day, 90*day), CertExpiring,
			"the certificate runs out: not after 2026-11-25, 5.0 of 90 days left (issuer R10)",
			"not after 2026-11-25, 5.0 of 90 days left; WARN below 30, URGENT below 14, P1 below 7",
		},
		{
			"never rounded up", life(14*day-time.Second, 90*day-time.Second), CertExpiring,
			"13.9 of 90 days left", "13.9 of 90 days left; WARN below 30, URGENT below 14, P1 below 7",
		},
		{
			"hours", life(24*time.Hour, 160*time.Hour), CertExpiring,
			"not after 2026-11-21 10:00 UTC, 24.0 of 160 hours left", "WARN below 53.3, URGENT below 24.9, P1 below 12.4",
		},
		{"fine", life(60*day, 90*day), CertExpiring, "", "not after 2027-01-19, 60.0 of 90 days left; WARN below 30"},
		{
			"ago", life(-5*day, 90*day), CertExpired,
			"the certificate expired 2026-11-15, 5.0 days ago (issuer R10)", "expired 2026-11-15, 5.0 days ago",
		},
		{
			"wrong name", handshakes(clean(first), func(h *probe.Handshake) { h.NameMatches = false }), NameMismatch,
			"the certificate does not cover example.com, it is for example.com, www.example.com (issuer R10)",
			"the certificate is for example.com, www.example.com",
		},
	}
}

func otherSayings() []saying {
	two := clean(first, second)
	two.Probes[1].TLS.Chain[0].SHA256, two.Probes[1].TLS.Chain[0].Serial = "bb", "04cd"
	ports := probed(broken(first, probe.StepDial, probe.CodeRefused, ""), at(first))
	ports.Probes[1].Target.Addr = netipPort(first, 993)
	mixed := ruled(dns.Mixed, dns.ReasonIPv6Elsewhere)
	mixed.Owner.Evidence = []string{"A 203.0.113.7 is ours.", "AAAA 2001:db8::7 is not ours."}
	return []saying{
		{"no certificate seen", clean(), CertExpired, "", "no endpoint was probed"},
		{"not ours", with(clean(first), func(f *Facts) { f.Owner.Verdict = dns.Moved }), CertExpired, "", "verdict moved"},
		{
			"error codes", probed(broken(first, probe.StepDial, probe.CodeRefused, ""), broken(second, probe.StepTLS, probe.CodeAlert, "internal_error")),
			Down, "no address answers: 203.0.113.7: connection refused, 203.0.113.8: TLS handshake alert (internal_error)", "connection refused",
		},
		{"ports", ports, Down, "no address answers: 203.0.113.7 port 443: connection refused", "203.0.113.7 port 993: answers"},
		{
			"both certificates", two, BackendDiffers,
			"203.0.113.7 serial 03ab until 2027-01-19, 203.0.113.8 serial 04cd until 2027-01-19", "serial 04cd",
		},
		{
			"each address its own", with(clean(first, second), func(f *Facts) { f.Probes[1].TLS.Chain[0].Key = "RSA 2048" }), WeakKey,
			"", "203.0.113.7: key ECDSA P-256; 203.0.113.8: key RSA 2048",
		},
		{
			"evidence first", ruled(dns.Moved, ""), MovedAway, "evidence of moved; no address is ours",
			"verdict moved; no address is ours",
		},
		{"all evidence of mixed", mixed, IPv6Elsewhere, "A 203.0.113.7 is ours; AAAA 2001:db8::7 is not ours; ", "verdict mixed/ipv6_elsewhere"},
		{
			"no address to dial", probed(probe.Observation{
				Target: probe.Target{Name: "example.com"},
				Err:    &probe.Error{Step: probe.StepDNS, Code: probe.CodeUnreachable, Detail: "the name has no address"},
			}), Inconclusive, "example.com was not probed to the end: look-up unreachable (the name has no address)", "look-up unreachable",
		},
		{
			"our own trouble", probed(broken(first, probe.StepDial, probe.CodeCanceled, "too many open files")), Inconclusive,
			"203.0.113.7 was not probed to the end: connection canceled (too many open files)", "203.0.113.7 was not probed to the end",
		},
		{
			"our own trouble, twice",
			probed(broken(first, probe.StepDial, probe.CodeCanceled, "too many open files"), broken(second, probe.StepTLS, probe.CodeCanceled, "")),
			Inconclusive,
			"203.0.113.7 was not probed to the end: connection canceled (too many open files); " +
				"203.0.113.8 was not probed to the end: TLS handshake canceled", "",
		},
		{
			"our own trouble beside a good address", probed(at(first), broken(second, probe.StepDial, probe.CodeCanceled, "")), Inconclusive,
			"203.0.113.8 was not probed to the end: connection canceled",
			"203.0.113.7: probed to the end; 203.0.113.8 was not probed to the end: connection canceled",
		},
		{
			"two blocked", with(probed(broken("10.0.0.1", probe.StepDial, probe.CodeBlocked, ""), broken("10.0.0.2", probe.StepDial, probe.CodeBlocked, "")),
				func(f *Facts) { f.Owner.Verdict = dns.Resolved }), PrivateAddress,
			"10.0.0.1 is a special-purpose address and was not dialled; 10.0.0.2 is a special-purpose address and was not dialled", "",
		},
		{
			"an answer that is none", probed(broken(first, probe.StepHTTP, probe.CodeEOF, "no usable response: no status line")), Down,
			"203.0.113.7: HTTP eof (no usable response: no status line)", "",
		},
		{"closed in the handshake", probed(broken(first, probe.StepTLS, probe.CodeEOF, "EOF")), Down, "203.0.113.7: TLS handshake eof", ""},
		{"our own failure", with(clean(first), func(f *Facts) { f.Failure = "boom" }), Inconclusive, "our own failure: boom", "boom"},
		{
			"half an answer", with(clean(first), func(f *Facts) { f.DNS.AAAA.Status = dns.StatusServFail }), DNSBroken,
			"AAAA ends in SERVFAIL while A answers NOERROR", "AAAA ends in SERVFAIL",
		},
		{
			"no route", probed(broken(sixth, probe.StepDial, probe.CodeNoRoute, "")), Inconclusive,
			"no address could be looked at", "no route for its family",
		},
		{
			"whose rule", with(clean(first), func(f *Facts) { f.Names = []NameFacts{further("www.example.com", dns.Moved)} }), MovedAway,
			"no address is ours", "example.com: verdict parked; www.example.com: verdict moved",
		},
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, tt := range append(certificateSayings(), otherSayings()...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := Policy{}.Judge(tt.facts, now)
			tried := Policy{}.Tried(tt.facts, now)
			message, why := "", ""
			for _, f := range res.Findings {
				if f.Code == tt.code {
					message = f.Message
				}
			}
			for _, r := range tried {
				if r.Name == string(tt.code) {
					why = r.Why
				}
			}
			if !strings.Contains(message, tt.message) || (tt.message == "") != (message == "") {
				t.Errorf("message %q, want %q", message, tt.message)
			}
			if !strings.Contains(why, tt.why) {
				t.Errorf("why %q, want %q", why, tt.why)
			}
		})
	}
}

func TestHostileTextIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж\x1b[2J", 20000)
	f := leaves(clean(first, second, sixth), func(c *probe.Certificate) {
		c.Names, c.Issuer, c.Serial, c.Key, c.Signature = slicesOf(long, 1000), long, long, long, long
		c.WeakKey, c.WeakSignature = true, true
	})
	for i := range f.Probes {
		o := &f.Probes[i]
		o.TLS.Chain[0].SHA256 = o.Target.Addr.String()
		o.TLS.NameMatches, o.TLS.TrustDetail = i > 0, long
		o.HTTP.Loop, o.HTTP.Redirects = true, slicesOf(long, 20)
	}
	f.Owner.Evidence = []string{long}
	res := Policy{}.Judge(f, now)
	if len(res.Findings) < 4 {
		t.Errorf("findings: %q", shorts(res.Findings))
	}
	for _, found := range res.Findings {
		if len(found.Message) > 8192 || !utf8.ValidString(found.Message) {
			t.Errorf("%s: message of %d bytes", found.Code, len(found.Message))
		}
	}
	for _, r := range (Policy{}).Tried(f, now) {
		if len(r.Why) > 8192 {
			t.Errorf("%s: reason of %d bytes", r.Name, len(r.Why))
		}
	}
}

func slicesOf(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}
