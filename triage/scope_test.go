package triage

import (
	"certscan/dns"
	"certscan/probe"
)

func scopeRows() []row {
	old := func(f *Facts) *Facts { return leaves(f, func(c *probe.Certificate) { *c = leaf(-day, 90*day) }) }
	owned := func(v dns.Verdict, r dns.Reason) *Facts {
		return with(old(clean(first, second)), func(f *Facts) { f.Owner.Verdict, f.Owner.Reason = v, r })
	}
	return []row{
		{"cert_expired/probe", with(old(clean(first)), func(f *Facts) { f.DNS, f.Owner = nil, nil }), []string{
			"cert_expired URGENT P1 investigate",
		}},
		{"cert_expired/resolved", owned(dns.Resolved, ""), []string{"cert_expired URGENT P1 investigate"}},
		{"cert_expired/low confidence", with(old(clean(first)), func(f *Facts) { f.Owner.Confidence = dns.Low }), []string{
			"cert_expired URGENT P1 investigate",
		}},
		{"cert_expired/mixed, only our address", with(owned(dns.Mixed, dns.ReasonSplit), func(f *Facts) {
			f.OursAddrs = append(f.OursAddrs, f.Probes[1].Target.Addr.Addr())
			f.Probes[0] = broken(first, probe.StepDial, probe.CodeRefused, "")
		}), []string{"cert_expired URGENT P3 investigate", "split_addresses WARN P3 fix_dns"}},
		{"chain_incomplete/mixed", with(handshakes(clean(first), func(h *probe.Handshake) { h.Trust = probe.ChainIncomplete }), func(f *Facts) {
			f.Owner.Verdict, f.Owner.Reason = dns.Mixed, dns.ReasonIPv6Elsewhere
			f.OursAddrs = append(f.OursAddrs, f.Probes[0].Target.Addr.Addr())
		}), []string{"chain_incomplete WARN P3 deploy", "ipv6_elsewhere WARN P3 fix_dns"}},
		{"down/mixed stays with on-call", with(probed(broken(first, probe.StepDial, probe.CodeRefused, "")), func(f *Facts) {
			f.Owner.Verdict, f.Owner.Reason = dns.Mixed, dns.ReasonIPv6Elsewhere
			f.OursAddrs = append(f.OursAddrs, f.Probes[0].Target.Addr.Addr())
		}), []string{"down URGENT P2 investigate", "ipv6_elsewhere WARN P3 fix_dns"}},
		{"cert_expired/proxied, unverified", owned(dns.Proxied, dns.ReasonUnverified), []string{
			"cert_expired WARN P3 investigate", "behind_proxy WARN P3 watch",
		}},
		{"cert_expired/proxied, ours: at the edge", owned(dns.Proxied, dns.ReasonOurs), []string{
			"cert_expired URGENT P1 investigate", "behind_proxy OK P3 none",
		}},
		{"cert_expired/proxied, ours: at the origin", with(owned(dns.Proxied, dns.ReasonOurs), func(f *Facts) {
			f.Probes[1].Target.Via = probe.ViaOrigin
		}), []string{"cert_expired URGENT P1 renew", "behind_proxy OK P3 none"}},
		{"cert_expired/proxied, not ours", owned(dns.Proxied, dns.ReasonNotOurs), []string{"behind_proxy WARN P3 call_customer"}},
		{"cert_expired/moved, probed all the same", owned(dns.Moved, ""), []string{"moved_away WARN P3 call_customer"}},
	}
}
