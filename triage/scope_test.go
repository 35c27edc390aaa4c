package triage

import (
	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// blockedRows are names whose renewal the owner's DNS keeps from succeeding, and such where it only looks like it.
func blockedRows() []row {
	old := func(names ...NameFacts) *Facts {
		f := leaves(clean(first), func(c *probe.Certificate) { *c = leaf(-day, 90*day) })
		f.Names = names
		for _, n := range names {
			f.Domain.SANs = append(f.Domain.SANs, n.Name)
		}
		return f
	}
	half := func(f *Facts) { f.DNS.AAAA.Status = dns.StatusServFail }
	rows := []row{
		{"cert_expired/one address family fails", with(old(), half), []string{
			"cert_expired URGENT P3 investigate", "dns_broken WARN P3 fix_dns",
		}},
		{"down/one address family fails", with(probed(broken(first, probe.StepDial, probe.CodeRefused, "")), half), []string{
			"down URGENT P2 investigate", "dns_broken WARN P3 fix_dns",
		}},
		{"chain_incomplete/one name of the list moved", with(handshakes(clean(first), func(h *probe.Handshake) {
			h.Trust = probe.ChainIncomplete
		}), func(f *Facts) {
			f.Names, f.Domain.SANs = []NameFacts{further("www.example.com", dns.Moved)}, []string{"www.example.com"}
		}), []string{"chain_incomplete WARN P3 deploy", "moved_away WARN P3 call_customer www.example.com"}},
		{"cert_expired/a name that nobody asked for moved", with(old(further("www.example.com", dns.Moved)), func(f *Facts) {
			f.Domain.SANs = nil
		}), []string{"cert_expired URGENT P1 renew", "moved_away WARN P3 call_customer www.example.com"}},
		{"cert_expired/a wildcard of the list has no random label", old(further("*.example.com", dns.NameMissing)), []string{
			"cert_expired URGENT P1 renew",
		}},
		{"cert_expired/a wildcard of the list moved", old(further("*.example.com", dns.Moved)), []string{
			"cert_expired URGENT P3 investigate", "moved_away WARN P3 call_customer *.example.com",
		}},
		{"cert_expired/internal, as all names of the list", with(old(further("www.example.com", dns.Private)), func(f *Facts) {
			f.Owner.Verdict, f.Domain.Expect = dns.Private, inventory.ExpectInternal
		}), []string{"cert_expired URGENT P1 investigate", "private_address OK P3 none", "private_address OK P3 none www.example.com"}},
		{"cert_expired/ownership was not asked", with(old(further("www.example.com", dns.Moved)), func(f *Facts) {
			f.DNS, f.Owner, f.Names = nil, nil, nil
		}), []string{"cert_expired URGENT P1 investigate"}},
	}
	for _, v := range []dns.Verdict{dns.Parked, dns.Resolved} {
		rows = append(rows, row{"cert_expired/a name of the list is " + string(v), old(further("www.example.com", v)), []string{
			"cert_expired URGENT P1 renew",
		}})
	}
	for v, finding := range map[dns.Verdict]string{
		dns.Moved: "moved_away WARN P3 call_customer", dns.Free: "domain_free WARN P3 drop_site",
		dns.Expired: "domain_expired WARN P3 call_customer", dns.OnHold: "domain_on_hold WARN P3 call_customer",
		dns.NotDelegated: "not_delegated WARN P3 call_customer", dns.NoAddress: "no_address WARN P3 fix_dns",
		dns.NameMissing: "name_missing WARN P3 fix_dns", dns.Dangling: "dangling_cname WARN P3 fix_dns",
		dns.Broken: "dns_broken WARN P3 fix_dns", dns.Private: "private_address WARN P3 fix_dns",
	} {
		rows = append(rows, row{"cert_expired/a name of the list is " + string(v), old(further("www.example.com", v)), []string{
			"cert_expired URGENT P3 investigate", finding + " www.example.com",
		}})
	}
	return rows
}

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
