package triage

import (
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

func hoursAgo(n float64) time.Time { return now.Add(-time.Duration(n * float64(time.Hour))) }

// lasting is a span of a verdict from one hour to another before now.
func lasting(v dns.Verdict, since, seen float64) Span {
	return Span{Verdict: v, Since: hoursAgo(since), Seen: hoursAgo(seen)}
}

// TestConfirm holds what an earlier look does to a verdict that takes two.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row        string
		verdict    dns.Verdict
		reason     dns.Reason
		confidence dns.Confidence // by the resolvers
		past       *Past
		want       dns.Confidence
		says       string
	}{
		{"no store", dns.Moved, "", dns.High, nil, dns.Low, "no earlier look is known: name a store with --db"},
		{"never seen", dns.Moved, "", dns.High, &Past{}, dns.Low, "nobody looked before"},
		{"seen otherwise", dns.Moved, "", dns.High, &Past{Last: lasting(dns.Parked, 900, 24)}, dns.Low, "the last look, on 2026-11-19 10:00 UTC, saw parked"},
		{"seen since five hours and more", dns.Free, "", dns.High, &Past{Last: lasting(dns.Free, 5.9, 1)}, dns.Low, "first seen on 2026-11-20 04:06 UTC, less than six hours ago"},
		{"seen since six hours", dns.Free, "", dns.High, &Past{Last: lasting(dns.Free, 6, 1)}, dns.High, "an earlier look agrees: free since 2026-11-20 04:00 UTC"},
		{"seen once, six hours ago", dns.Expired, "", dns.High, &Past{Last: lasting(dns.Expired, 6, 6)}, dns.High, "an earlier look agrees"},
		{"seen long ago, at one resolver now", dns.Moved, "", dns.Low, &Past{Last: lasting(dns.Moved, 60, 6)}, dns.Low, "an earlier look agrees"},
		{"lame, another reason before", dns.Broken, dns.ReasonLame, dns.High, &Past{Last: lasting(dns.Broken, 60, 6)}, dns.High, "broken since"},
		{"lame, broken for the first time", dns.Broken, dns.ReasonLame, dns.High, &Past{}, dns.Low, "nobody looked before"},
		{"what takes one look", dns.NameMissing, "", dns.High, &Past{}, dns.High, ""},
		{"ours takes one look", dns.Parked, "", dns.High, nil, dns.High, ""},
		{"unknown is never sure", dns.Unknown, "", dns.Low, &Past{Last: lasting(dns.Unknown, 60, 6)}, dns.Low, ""},
	} {
		o := dns.Ownership{Verdict: c.verdict, Reason: c.reason, Confidence: c.confidence}
		Confirm(&o, c.past, now)
		said := strings.Join(o.Evidence, "|") + "|" + o.Doubt
		if o.Confidence != c.want || !strings.Contains(said, c.says) || c.says == "" && said != "|" {
			t.Errorf("%s: %s, %q; want %s, %q", c.row, o.Confidence, said, c.want, c.says)
		}
	}
}

func reregisteredRows() []row {
	ended := func(v dns.Verdict, f *Facts) *Facts {
		f.Past = &Past{Ended: lasting(v, 480, 240), First: hoursAgo(9000)}
		return f
	}
	created := func(at time.Time, f *Facts) *Facts {
		f.Past = &Past{First: hoursAgo(480)}
		f.DNS.Inquiry = &dns.Inquiry{Registration: dns.Registration{Domain: "example.com", State: dns.Registered, Created: at}}
		return f
	}
	expect := func(e inventory.Expect, f *Facts) *Facts {
		f.Domain.Expect = e
		return f
	}
	raised := []string{"reregistered WARN P3 investigate"}
	rows := []row{
		{"reregistered/was free, is ours", ended(dns.Free, clean(first)), raised},
		{"reregistered/was expired, is ours", ended(dns.Expired, clean(first)), raised},
		{"reregistered/the list vouches for it", expect(inventory.ExpectParked, ended(dns.Free, clean(first))), nil},
		{"reregistered/what the list expects is not so", expect(inventory.ExpectParked, ended(dns.Free, ruled(dns.Moved, ""))), []string{
			"moved_away WARN P3 call_customer", "reregistered WARN P3 investigate",
		}},
		{"reregistered/the list vouches for the proxy", expect(inventory.ExpectProxied, ended(dns.Free, ruled(dns.Proxied, dns.ReasonUnverified))), []string{
			"behind_proxy OK P3 none",
		}},
		{"reregistered/still free", ended(dns.Free, ruled(dns.Free, "")), []string{"domain_free WARN P3 drop_site"}},
		{"reregistered/could not be told", ended(dns.Free, ruled(dns.Unknown, "")), []string{"inconclusive WARN P3 investigate"}},
		{"reregistered/expired elsewhere, and the registry not heard", ended(dns.Expired, ruled(dns.Moved, "")), []string{
			"moved_away WARN P3 call_customer",
		}},
		{"reregistered/registered after it came to us", created(hoursAgo(240), clean(first)), raised},
		{"reregistered/registered on the day it came to us", created(hoursAgo(460), clean(first)), nil},
		{"reregistered/registered long before", created(hoursAgo(9000), clean(first)), nil},
		{"reregistered/nothing is ordered", leaves(ended(dns.Free, clean(first)), func(c *probe.Certificate) { *c = leaf(-day, 90*day) }), []string{
			"cert_expired URGENT P3 investigate", "reregistered WARN P3 investigate",
		}},
		{"reregistered/unless the list vouches for it", expect(inventory.ExpectParked,
			leaves(ended(dns.Free, clean(first)), func(c *probe.Certificate) { *c = leaf(-day, 90*day) })), []string{"cert_expired URGENT P1 renew"}},
	}
	for _, v := range []dns.Verdict{dns.NameMissing, dns.NoAddress} {
		rows = append(rows, row{"reregistered/delegated again: " + string(v), ended(dns.Free, ruled(v, "")), []string{
			string(v) + " WARN P3 fix_dns", "reregistered WARN P3 investigate",
		}})
	}
	return rows
}

// TestReregisteredSays holds that the message tells which of both it was, with dates.
func TestReregisteredSays(t *testing.T) {
	t.Parallel()
	was := clean(first)
	was.Past = &Past{Ended: lasting(dns.Free, 480, 240)}
	later := registered(300*day, dns.Registered)
	later.DNS.Inquiry.Registration.Created = hoursAgo(240)
	later.Past = &Past{First: hoursAgo(480)}
	for want, f := range map[string]*Facts{
		"it was free from 2026-10-31 to 2026-11-10, and is parked now":                                              was,
		"the registration of example.com began on 2026-11-10, after the name came to us (first seen on 2026-10-31)": later,
	} {
		res := Policy{}.Judge(f, now)
		if len(res.Findings) != 1 || !strings.HasPrefix(res.Findings[0].Message, want+"; nothing is ordered") {
			t.Errorf("%+v\nwant %s", res.Findings, want)
		}
	}
}

// TestUnconfirmedIsWatched holds that no verdict that takes two and is not sure makes anybody act against a customer, and
// that unknown is never sure, whatever was seen before.
func TestUnconfirmedIsWatched(t *testing.T) {
	t.Parallel()
	watched, sure := 0, 0
	for seed := range uint64(4 * seeds) {
		f := arbitrary(seed)
		if f.Owner == nil {
			continue
		}
		before := f.Owner.Confidence
		if Confirm(f.Owner, f.Past, now); before == dns.Low && f.Owner.Confidence != dns.Low {
			t.Errorf("seed %d: what was not sure became so", seed) // unknown is low by dns.Networks.Judge
		}
		for _, found := range (Policy{}).Judge(f, now).Findings {
			grave := found.Code == MovedAway || found.Code == DomainFree || found.Code == DomainExpired
			acts := found.Action == ActionCallCustomer || found.Action == ActionDropSite
			switch {
			case !grave || found.Name != "":
			case f.Owner.Confidence == dns.High && acts:
				sure++
			case acts:
				t.Errorf("seed %d: %s while %+v", seed, short(found), f.Owner)
			case found.Action == ActionWatch:
				watched++
				if !strings.Contains(found.Message, "; not confirmed yet: ") {
					t.Errorf("seed %d: %q does not say why", seed, found.Message)
				}
			}
		}
	}
	if watched == 0 || sure == 0 {
		t.Errorf("%d watched, %d sure", watched, sure)
	}
}
