package triage

import (
	"time"

	"certscan/dns"
	"certscan/probe"
)

func certificateRows() []row {
	life := func(left, life time.Duration) *Facts {
		return leaves(clean(first), func(c *probe.Certificate) { *c = leaf(left, life) })
	}
	return []row{
		{"cert_expired", life(-5*day, 90*day), []string{"cert_expired URGENT P1 renew"}},
		{"cert_not_yet_valid", life(91*day, 90*day), []string{"cert_not_yet_valid URGENT P2 investigate"}},
		{"cert_not_yet_valid/a life that ends before it begins", life(-day, -2*day), []string{"cert_expired URGENT P1 renew"}},
		{"cert_expiring", life(5*day, 90*day), []string{"cert_expiring URGENT P1 renew", "renewal_overdue WARN P2 renew"}},
		{"cert_expiring/urgent", life(10*day, 90*day), []string{"cert_expiring URGENT P2 renew", "renewal_overdue WARN P2 renew"}},
		{"cert_expiring/due", life(28*day, 90*day), []string{"cert_expiring WARN P3 renew"}},
		{"renewal_overdue", life(20*day, 90*day), []string{"cert_expiring WARN P3 renew", "renewal_overdue WARN P2 renew"}},
		{"renewal_overdue/of a short life, not yet expiring", life(60*time.Hour, 160*time.Hour), []string{"renewal_overdue WARN P2 renew"}},
		{"clean/four days of 160 hours", life(96*time.Hour, 160*time.Hour), nil},
		{"cert_revoked", handshakes(clean(first), func(h *probe.Handshake) {
			h.Revocation = probe.Revocation{Status: probe.RevocationRevoked, Via: probe.RevocationViaCRL}
		}), []string{"cert_revoked URGENT P1 renew"}},
		{"clean/must-staple, not looked at", handshakes(clean(first), func(h *probe.Handshake) { h.Revocation.MustStaple = true }), nil},
		{"name_mismatch", with(life(-5*day, 90*day), func(f *Facts) {
			f.Probes[0].TLS.NameMatches, f.Probes[0].TLS.Trust = false, probe.ChainUntrusted
			f.Probes[0].TLS.Version, f.Probes[0].HTTP.Status = "TLS 1.0", 503
			f.Probes[0].TLS.Chain[0].WeakKey, f.Probes[0].TLS.Chain[0].WeakSignature = true, true
		}), []string{"name_mismatch URGENT P2 renew"}},
		{"weak_key", leaves(clean(first), func(c *probe.Certificate) { c.WeakKey = true }), []string{"weak_key WARN P3 investigate"}},
		{"weak_signature", leaves(clean(first), func(c *probe.Certificate) { c.WeakSignature = true }), []string{
			"chain_untrusted URGENT P2 investigate", "weak_signature WARN P3 investigate",
		}},
		{"old_protocol", handshakes(clean(first), func(h *probe.Handshake) { h.Version = "TLS 1.1" }), []string{"old_protocol WARN P3 investigate"}},
		{"clean/TLS 1.2", handshakes(clean(first), func(h *probe.Handshake) { h.Version = "TLS 1.2" }), nil},
	}
}

func chainRows() []row {
	trust := func(t probe.ChainState) *Facts {
		return handshakes(clean(first), func(h *probe.Handshake) { h.Trust, h.TrustDetail = t, "why" })
	}
	return []row{
		{"chain_untrusted", trust(probe.ChainUntrusted), []string{"chain_untrusted URGENT P2 investigate"}},
		{"chain_untrusted/expired issuer", trust(probe.ChainExpiredIssuer), []string{"chain_untrusted URGENT P2 investigate"}},
		{"clean/misordered", trust(probe.ChainMisordered), nil},
		{"self_signed", trust(probe.ChainSelfSigned), []string{"self_signed URGENT P2 renew"}},
		{"self_signed/weak signature", leaves(trust(probe.ChainSelfSigned), func(c *probe.Certificate) { c.WeakSignature = true }), []string{
			"self_signed URGENT P2 renew", "weak_signature WARN P3 investigate",
		}},
		{"chain_incomplete", trust(probe.ChainIncomplete), []string{"chain_incomplete WARN P3 deploy"}},
		{"chain_incomplete/weak signature", leaves(trust(probe.ChainIncomplete), func(c *probe.Certificate) { c.WeakSignature = true }), []string{
			"chain_untrusted URGENT P2 investigate", "weak_signature WARN P3 investigate",
		}},
	}
}

func aggregateRows() []row {
	differ := func(f *Facts, change func(*probe.Certificate)) *Facts {
		change(&f.Probes[1].TLS.Chain[0])
		return f
	}
	old := func(c *probe.Certificate) { *c = leaf(-day, 90*day) }
	renewed := func(c *probe.Certificate) { c.SHA256, c.Serial = "bb", "04cd" }
	return []row{
		{"cert_expired/every address", leaves(clean(first, second), old), []string{"cert_expired URGENT P1 renew"}},
		{"cert_expired/one address of two", differ(clean(first, second), old), []string{"cert_expired URGENT P1 renew @" + second}},
		{"cert_expired/the only one seen", with(probed(broken(first, probe.StepDial, probe.CodeRefused, ""), at(second)), func(f *Facts) {
			old(&f.Probes[1].TLS.Chain[0])
		}), []string{"cert_expired URGENT P1 renew", "down_partly WARN P2 investigate @" + first}},
		{"cert_expiring/one address of two", differ(clean(first, second), func(c *probe.Certificate) { *c = leaf(5*day, 90*day) }), []string{
			"cert_expiring URGENT P1 renew @" + second, "renewal_overdue WARN P2 renew @" + second,
		}},
		{"cert_expiring/both, one sooner", differ(leaves(clean(first, second), func(c *probe.Certificate) {
			*c = leaf(28*day, 90*day)
		}), func(c *probe.Certificate) { *c = leaf(10*day, 90*day) }), []string{
			"cert_expiring URGENT P2 renew", "renewal_overdue WARN P2 renew @" + second,
		}},
		{"backend_differs", differ(clean(first, second), renewed), []string{"backend_differs WARN P3 deploy"}},
		{"backend_differs/one key type each", differ(clean(first, second), func(c *probe.Certificate) {
			renewed(c)
			c.KeyType = "RSA"
		}), nil},
		{"backend_differs/another port", with(differ(clean(first, second), renewed), func(f *Facts) {
			f.Probes[1].Target.Addr = netipPort(second, 993)
		}), nil},
		{"backend_differs/wrong name instead", with(differ(clean(first, second), renewed), func(f *Facts) {
			f.Probes[1].TLS.NameMatches = false
		}), []string{"name_mismatch URGENT P2 renew @" + second}},
		{"backend_differs/nobody said what is ours", with(differ(clean(first, second), renewed), func(f *Facts) {
			f.Owner.Verdict = dns.Resolved
		}), nil},
		{"backend_differs/probe", with(differ(clean(first, second), renewed), func(f *Facts) { f.DNS, f.Owner = nil, nil }), []string{
			"backend_differs WARN P3 investigate",
		}},
	}
}
