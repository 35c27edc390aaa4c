package triage

import (
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// registered is a clean name whose registration has so much time left.
func registered(left time.Duration, state dns.RegistrationState) *Facts {
	return with(clean(first), func(f *Facts) {
		f.DNS.Registrable = "example.com"
		f.DNS.Inquiry = &dns.Inquiry{Registration: dns.Registration{Domain: "example.com", State: state, Expires: now.Add(left)}}
	})
}

// doubted is a verdict that is not confirmed.
func doubted(v dns.Verdict, r dns.Reason) *Facts {
	return with(ruled(v, r), func(f *Facts) { f.Owner.Confidence, f.Owner.Doubt = dns.Low, "nobody looked before" })
}

func verdictRows() []row {
	return []row{
		{"clean", clean(first, second), nil},
		{"clean/dns only", clean(), nil},
		{"clean/resolved", with(clean(first), func(f *Facts) { f.Owner.Verdict = dns.Resolved }), nil},
		{"ipv6_elsewhere", ruled(dns.Mixed, dns.ReasonIPv6Elsewhere), []string{"ipv6_elsewhere WARN P3 fix_dns"}},
		{"ipv4_elsewhere", ruled(dns.Mixed, dns.ReasonIPv4Elsewhere), []string{"ipv4_elsewhere WARN P3 fix_dns"}},
		{"split_addresses", ruled(dns.Mixed, dns.ReasonSplit), []string{"split_addresses WARN P3 fix_dns"}},
		{"split_addresses/no reason given", ruled(dns.Mixed, ""), []string{"split_addresses WARN P3 fix_dns"}},
		{"origin_leak", ruled(dns.Mixed, dns.ReasonOriginLeak), []string{"origin_leak WARN P3 fix_dns"}},
		{"behind_proxy", ruled(dns.Proxied, dns.ReasonUnverified), []string{"behind_proxy WARN P3 watch"}},
		{"behind_proxy/not ours", ruled(dns.Proxied, dns.ReasonNotOurs), []string{"behind_proxy WARN P3 call_customer"}},
		{"behind_proxy/ours", ruled(dns.Proxied, dns.ReasonOurs), []string{"behind_proxy OK P3 none"}},
		{"moved_away", ruled(dns.Moved, ""), []string{"moved_away WARN P3 call_customer"}},
		{"moved_away/parking page", ruled(dns.Moved, dns.ReasonParking), []string{"moved_away WARN P3 call_customer"}},
		{"domain_free", ruled(dns.Free, ""), []string{"domain_free WARN P3 drop_site"}},
		{"domain_expired", ruled(dns.Expired, ""), []string{"domain_expired WARN P3 call_customer"}},
		{"moved_away/not confirmed", doubted(dns.Moved, ""), []string{"moved_away WARN P3 watch"}},
		{"domain_free/not confirmed", doubted(dns.Free, ""), []string{"domain_free WARN P3 watch"}},
		{"domain_expired/not confirmed", doubted(dns.Expired, ""), []string{"domain_expired WARN P3 watch"}},
		{"dns_broken/lame, not confirmed", doubted(dns.Broken, dns.ReasonLame), []string{"dns_broken WARN P3 watch"}},
		{"dns_broken/lame", ruled(dns.Broken, dns.ReasonLame), []string{"dns_broken WARN P3 fix_dns"}},
		{"dns_broken/servfail takes one look", doubted(dns.Broken, dns.ReasonServFail), []string{"dns_broken WARN P3 fix_dns"}},
		{"moved_away/expected, not confirmed", with(doubted(dns.Moved, ""), func(f *Facts) {
			f.Domain.Expect = inventory.ExpectElsewhere
		}), []string{"moved_away OK P3 none"}},
		{"domain_on_hold", ruled(dns.OnHold, ""), []string{"domain_on_hold WARN P3 call_customer"}},
		{"not_delegated", ruled(dns.NotDelegated, ""), []string{"not_delegated WARN P3 call_customer"}},
		{"no_address", ruled(dns.NoAddress, ""), []string{"no_address WARN P3 fix_dns"}},
		{"name_missing", ruled(dns.NameMissing, ""), []string{"name_missing WARN P3 fix_dns"}},
		{"dangling_cname", ruled(dns.Dangling, ""), []string{"dangling_cname WARN P3 fix_dns"}},
		{"takeover_risk", ruled(dns.Dangling, dns.ReasonTargetFree), []string{
			"takeover_risk URGENT P3 fix_dns", "dangling_cname WARN P3 fix_dns",
		}},
		{"dns_broken", ruled(dns.Broken, dns.ReasonServFail), []string{"dns_broken WARN P3 fix_dns"}},
		{"dns_broken/one family", with(clean(first), func(f *Facts) { f.DNS.AAAA.Status = dns.StatusServFail }), []string{
			"dns_broken WARN P3 fix_dns",
		}},
		{"dns_broken/the other family", with(clean(first), func(f *Facts) {
			f.DNS.A.Status, f.DNS.AAAA.Status = dns.StatusTimeout, dns.StatusNoError
		}), []string{"dns_broken WARN P3 fix_dns"}},
		{"dns_broken/one family not asked", with(clean(first), func(f *Facts) { f.DNS.AAAA.Status = dns.StatusUnasked }), nil},
		{"dns_broken/one family cut", with(clean(first), func(f *Facts) { f.DNS.AAAA.Status = dns.StatusCanceled }), nil},
		{"dns_broken/unknown already says it", with(ruled(dns.Unknown, ""), func(f *Facts) {
			f.DNS.AAAA.Status = dns.StatusTimeout
		}), []string{"inconclusive WARN P3 investigate"}},
		{"private_address", ruled(dns.Private, ""), []string{"private_address WARN P3 fix_dns"}},
		{"caa_forbids", trapped(dns.CAAForbids, "example.com"), []string{"caa_forbids WARN P3 fix_dns"}},
		{"caa_unreachable", trapped(dns.CAAUnreachable, "com"), []string{"caa_unreachable WARN P3 fix_dns"}},
		{"svcb_elsewhere", with(trapped(dns.CAAAllows, ""), func(f *Facts) { f.Owner.Astray = "somewhere" }), []string{"svcb_elsewhere WARN P3 fix_dns"}},
		{"domain_expiring", registered(20*day, dns.Registered), []string{"domain_expiring WARN P3 call_customer"}},
		{"domain_expiring/not yet", registered(30*day, dns.Registered), nil},
		{"domain_expiring/over, which the verdict says", with(registered(-day, dns.RegExpired), func(f *Facts) {
			f.Owner.Verdict, f.Probes = dns.Expired, nil
		}), []string{"domain_expired WARN P3 call_customer"}},
		{"domain_expiring/over, and still ours", registered(-day, dns.RegExpired), []string{"domain_expiring WARN P3 call_customer"}},
		{"domain_expiring/in redemption, and still ours", registered(-day, dns.RegRedemption), []string{"domain_expiring WARN P3 call_customer"}},
		{"domain_expiring/of a further name", with(registered(200*day, dns.Registered), func(f *Facts) {
			n := further("www.example.net", dns.Parked)
			n.DNS.Registrable = "example.net"
			n.DNS.Inquiry = &dns.Inquiry{Registration: dns.Registration{Domain: "example.net", State: dns.Registered, Expires: now.Add(day)}}
			again := n
			again.Name = "example.net"
			f.Names = []NameFacts{n, again}
		}), []string{"domain_expiring WARN P3 call_customer www.example.net"}},
		{"domain_expiring/no date", registered(-time.Duration(now.UnixNano()), dns.RegUnknown), nil},
		{"invalid_name", ruled(dns.Invalid, ""), []string{"invalid_name WARN P3 investigate"}},
		{"invalid_name/never asked", &Facts{Domain: inventory.Domain{Name: "a b", Invalid: "holds a space"}}, []string{
			"invalid_name WARN P3 investigate",
		}},
		{"inconclusive", ruled(dns.Unknown, ""), []string{"inconclusive WARN P3 investigate"}},
		{"inconclusive/cut, said once", with(wildcard(dns.Unknown, "*.example.com"), func(f *Facts) {
			f.Probes[0] = broken(first, probe.StepTLS, probe.CodeCanceled, "the run was cut")
		}), []string{"inconclusive WARN P3 investigate"}},
		{"inconclusive/a verdict from nowhere", ruled("", ""), []string{"inconclusive WARN P3 investigate"}},
		{"inconclusive/our own failure", with(probed(broken(first, probe.StepDial, probe.CodeRefused, "")), func(f *Facts) {
			f.Failure = "panic: index out of range"
		}), []string{"inconclusive WARN P3 investigate"}},
	}
}

func hostRows() []row {
	named := func(f *Facts, names ...NameFacts) *Facts {
		f.Names = names
		for _, n := range names {
			f.Domain.SANs = append(f.Domain.SANs, n.Name)
		}
		return f
	}
	uncovered := func(name string, v dns.Verdict) NameFacts {
		n := further(name, v)
		n.Covered = false
		return n
	}
	return []row{
		{"clean/further name", named(clean(first), further("www.example.com", dns.Parked)), nil},
		{"moved_away/further name", named(clean(first), further("www.example.com", dns.Moved)), []string{
			"moved_away WARN P3 call_customer www.example.com",
		}},
		{"name_missing/further name", named(clean(first), further("www.example.com", dns.NameMissing)), []string{
			"name_missing WARN P3 fix_dns www.example.com",
		}},
		{"name_missing/wildcard as a further name", named(clean(first), further("*.example.com", dns.NameMissing)), nil},
		{"not_delegated/said once", with(named(clean(), further("www.example.com", dns.NotDelegated)), func(f *Facts) {
			f.Owner.Verdict = dns.NotDelegated
		}), []string{"not_delegated WARN P3 call_customer"}},
		{"not_delegated/another domain", with(named(clean(first), further("www.example.net", dns.NotDelegated)), func(f *Facts) {
			f.Owner.Verdict, f.Probes, f.Names[0].DNS.Registrable = dns.NotDelegated, nil, "example.net"
		}), []string{"not_delegated WARN P3 call_customer", "not_delegated WARN P3 call_customer www.example.net"}},
		{"dns_broken/further name", with(named(clean(first), further("www.example.com", dns.Parked)), func(f *Facts) {
			f.Names[0].DNS.AAAA.Status = dns.StatusServFail
		}), []string{"dns_broken WARN P3 fix_dns www.example.com"}},
		{"dns_broken/said once", with(named(clean(first), further("www.example.com", dns.Parked)), func(f *Facts) {
			f.DNS.AAAA.Status, f.Names[0].DNS.AAAA.Status = dns.StatusServFail, dns.StatusServFail
		}), []string{"dns_broken WARN P3 fix_dns"}},
		{"name_mismatch/further name", named(clean(first), uncovered("shop.example.com", dns.Parked)), []string{
			"name_mismatch URGENT P2 renew shop.example.com",
		}},
		{"name_mismatch/further name that moved", named(clean(first), uncovered("shop.example.com", dns.Moved)), []string{
			"moved_away WARN P3 call_customer shop.example.com",
		}},
		{"name_mismatch/further name nobody asked for", with(named(clean(first), uncovered("www.example.com", dns.Parked)), func(f *Facts) {
			f.Domain.SANs = nil
		}), nil},
		{"name_mismatch/wildcard as a further name", named(clean(first), uncovered("*.example.com", dns.NameMissing)), []string{
			"name_mismatch URGENT P2 renew *.example.com",
		}},
		{"name_mismatch/further name, nothing seen", named(clean(), uncovered("shop.example.com", dns.Parked)), nil},
		{"name_missing/wildcard", wildcard(dns.NameMissing, "*.example.com"), nil},
		{"no_address/wildcard", wildcard(dns.NoAddress, "*.example.com"), nil},
		{"moved_away/wildcard", wildcard(dns.Moved, "*.example.com"), []string{"moved_away WARN P3 call_customer"}},
		{"moved_away/further names in order", named(clean(first), further("www.example.com", dns.Moved), further("api.example.com", dns.Moved)), []string{
			"moved_away WARN P3 call_customer api.example.com", "moved_away WARN P3 call_customer www.example.com",
		}},
		{"moved_away/the domain goes first", with(named(clean(), further("api.example.com", dns.Moved)), func(f *Facts) {
			f.Owner.Verdict = dns.Moved
		}), []string{"moved_away WARN P3 call_customer", "moved_away WARN P3 call_customer api.example.com"}},
		{"clean/wildcard at its verifying host", wildcard(dns.NameMissing, "*.example.com"), nil},
		{"name_mismatch/the wildcard does not reach its verifying host", handshakes(wildcard(dns.NameMissing, "*.example.com"), func(h *probe.Handshake) {
			h.NameMatches = false
		}), []string{"name_mismatch URGENT P2 investigate"}},
		{"name_mismatch/the verifying host has the domain's", wildcard(dns.NameMissing, "example.com"), []string{
			"name_mismatch URGENT P2 investigate",
		}},
		{"name_mismatch/the verifying host has its own", wildcard(dns.NameMissing, "api.example.com"), []string{
			"name_mismatch URGENT P2 investigate",
		}},
		{"cert_expired/wildcard at its verifying host", leaves(wildcard(dns.NameMissing, ""), func(c *probe.Certificate) {
			*c = leaf(-day, 90*day)
			c.Names = []string{"*.EXAMPLE.com"}
		}), []string{"cert_expired URGENT P1 investigate"}},
	}
}

// wildcard returns a wildcard entry with a verifying host that serves a certificate for one name.
func wildcard(v dns.Verdict, served string) *Facts {
	f := clean(first)
	f.Domain.Name, f.Domain.Verify = "*.example.com", []string{"api.example.com"}
	f.Owner.Verdict = v
	f.Probes[0].Target.Name = "api.example.com"
	f.Probes[0].TLS.Chain[0].Names = []string{served}
	return f
}
