package triage

import (
	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

func expectRows() []row {
	expect := func(e inventory.Expect, f *Facts) *Facts {
		f.Domain.Expect = e
		return f
	}
	old := func(f *Facts) *Facts { return leaves(f, func(c *probe.Certificate) { *c = leaf(-day, 90*day) }) }
	rows := []row{
		{"clean/expected parked", expect(inventory.ExpectParked, clean(first)), nil},
		{"moved_away/expected parked", expect(inventory.ExpectParked, ruled(dns.Moved, "")), []string{
			"moved_away WARN P3 call_customer",
		}},
		{"behind_proxy/expected", expect(inventory.ExpectProxied, ruled(dns.Proxied, dns.ReasonUnverified)), []string{
			"behind_proxy OK P3 none",
		}},
		{"behind_proxy/expected, not ours", expect(inventory.ExpectProxied, ruled(dns.Proxied, dns.ReasonNotOurs)), []string{
			"behind_proxy WARN P3 call_customer",
		}},
		{"origin_leak/expected a proxy", expect(inventory.ExpectProxied, clean(first)), []string{
			"origin_leak WARN P3 investigate",
		}},
		{"moved_away/expected", expect(inventory.ExpectElsewhere, ruled(dns.Moved, "")), []string{"moved_away OK P3 none"}},
		{"behind_proxy/expected elsewhere", expect(inventory.ExpectElsewhere, ruled(dns.Proxied, dns.ReasonNotOurs)), []string{
			"behind_proxy OK P3 none",
		}},
		{"inconclusive/expected elsewhere, is ours", expect(inventory.ExpectElsewhere, old(clean(first))), []string{
			"cert_expired URGENT P1 investigate", "inconclusive WARN P3 investigate",
		}},
		{"clean/expected elsewhere, ownership unknown", with(expect(inventory.ExpectElsewhere, old(clean(first))), func(f *Facts) {
			f.Owner.Verdict = dns.Resolved
		}), nil},
		{"private_address/expected", expect(inventory.ExpectInternal, ruled(dns.Private, "")), []string{
			"private_address OK P3 none",
		}},
		{"cert_expired/internal name that was dialled", with(expect(inventory.ExpectInternal, old(clean(first))), func(f *Facts) {
			f.Owner.Verdict = dns.Private
		}), []string{"cert_expired URGENT P1 investigate", "private_address OK P3 none"}},
		{"inconclusive/retired, is ours", expect(inventory.ExpectRetired, old(clean(first))), []string{
			"inconclusive WARN P3 investigate",
		}},
		{"inconclusive/retired, resolves", with(expect(inventory.ExpectRetired, clean(first)), func(f *Facts) {
			f.Owner.Verdict = dns.Resolved
		}), []string{"inconclusive WARN P3 investigate"}},
		{"moved_away/retired", expect(inventory.ExpectRetired, ruled(dns.Moved, "")), []string{"moved_away WARN P3 call_customer"}},
		{"down/plain HTTP", with(expect(inventory.ExpectPlainHTTP, probed(broken(first, probe.StepDial, probe.CodeRefused, ""))),
			func(f *Facts) { f.Probes[0].Target.PlainOnly = true }), []string{"down URGENT P2 investigate"}},
		{"clean/plain HTTP", with(expect(inventory.ExpectPlainHTTP, clean(first)), func(f *Facts) {
			no := false
			f.Probes[0].Target.PlainOnly, f.Probes[0].TLS = true, nil
			f.Probes[0].HTTP = &probe.Exchange{Method: "HEAD", Status: 200, RedirectsToHTTPS: &no}
		}), nil},
		{"clean/plain HTTP, TLS is not looked at", expect(inventory.ExpectPlainHTTP, old(clean(first))), nil},
	}
	for v, code := range map[dns.Verdict]Code{
		dns.NotDelegated: NotDelegated, dns.NameMissing: NameMissing, dns.NoAddress: NoAddress, dns.Free: DomainFree,
		dns.OnHold: DomainOnHold, dns.Expired: DomainExpired,
	} {
		f := expect(inventory.ExpectRetired, ruled(v, ""))
		rows = append(rows, row{string(code) + "/expected of a retired name", f, []string{string(code) + " OK P3 none"}})
	}
	return rows
}
