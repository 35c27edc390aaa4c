package triage

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"certscan/dns"
)

// turns makes n names below a TLD, each of a domain of its own, with the same turn.
func turns(n int, tld string, before, now dns.Verdict, edits ...func(*Turn)) []Turn {
	out := make([]Turn, n)
	for i := range out {
		name := fmt.Sprintf("%s%d-%s.%s", before, i, now, tld)
		out[i] = Turn{Name: name, Registrable: name, Before: before, Now: now}
		for _, edit := range edits {
			edit(&out[i])
		}
	}
	return out
}

func servedBy(ns ...string) func(*Turn) { return func(t *Turn) { t.Nameservers = ns } }

// TestBreaker is row 2 (an incident of a TLD) and the breaker at 30% of §8: what trips, and what does not.
func TestBreaker(t *testing.T) {
	t.Parallel()
	confirmed := func(t *Turn) { t.Confirmed = true }
	one := func(t *Turn) { t.Registrable = "one.example" }
	ns := servedBy("ns2.host.example", "ns1.host.example")
	sn := servedBy("ns1.host.example", "ns2.host.example")
	for _, c := range []struct {
		row   string
		turns [][]Turn
		want  []string // What, Turned/Of of each trip
		says  string
	}{
		{"nothing turned", [][]Turn{turns(100, "ru", dns.Parked, dns.Parked), turns(50, "ru", dns.Moved, dns.Moved)}, nil, ""},
		{"30% of all names", [][]Turn{turns(30, "ru", dns.Parked, dns.Broken), turns(70, "ru", dns.Parked, dns.Parked)}, []string{"all names 30/100"}, "30 of 100 names (30%) turned bad at once: 30 broken, all of TLD ru"},
		{"20% of all names is not more than 20%", [][]Turn{turns(10, "ru", dns.Parked, dns.Moved), turns(10, "com", dns.Parked, dns.Moved), turns(40, "ru", dns.Parked, dns.Parked), turns(40, "com", dns.Parked, dns.Parked)}, nil, ""},
		{"21% of all names", [][]Turn{turns(11, "ru", dns.Parked, dns.Moved), turns(10, "com", dns.Mixed, dns.Free), turns(40, "ru", dns.Parked, dns.Parked), turns(39, "com", dns.Parked, dns.Parked)}, []string{"all names 21/100"}, "11 moved, 10 free"},
		{"2 an incident of one TLD", [][]Turn{turns(9, "ru", dns.Parked, dns.NotDelegated), turns(2, "ru", dns.Resolved, dns.Unknown), turns(25, "ru", dns.Parked, dns.Parked), turns(500, "com", dns.Parked, dns.Parked)}, []string{"TLD ru 11/36"}, "11 of 36 names of TLD ru (30%) turned bad at once: 9 not_delegated, 2 unknown"},
		{"30% of one TLD is not more than 30%", [][]Turn{turns(3, "ru", dns.Parked, dns.NotDelegated), turns(7, "ru", dns.Parked, dns.Parked), turns(500, "com", dns.Parked, dns.Parked)}, nil, ""},
		{"two names are no incident", [][]Turn{turns(2, "ru", dns.Parked, dns.Moved)}, nil, ""},
		{"three names of one customer's domain below a TLD", [][]Turn{turns(3, "ru", dns.Parked, dns.Moved, one), turns(500, "com", dns.Parked, dns.Parked)}, nil, ""},
		{"one set of name servers", [][]Turn{turns(3, "ru", dns.Parked, dns.Broken, ns), turns(2, "com", dns.Proxied, dns.Broken, sn), turns(5, "ru", dns.Broken, dns.Broken, ns), turns(500, "ru", dns.Parked, dns.Parked), turns(500, "com", dns.Parked, dns.Parked)}, []string{"name servers ns1.host.example, ns2.host.example 5/10"}, "5 broken"},
		{"a few more of many that were broken", [][]Turn{turns(5, "ru", dns.Parked, dns.Broken, ns), turns(50, "ru", dns.Broken, dns.Broken, ns), turns(500, "ru", dns.Parked, dns.Parked)}, nil, ""},
		{"confirmed, so it lasts", [][]Turn{turns(30, "ru", dns.Parked, dns.Moved, confirmed), turns(70, "ru", dns.Parked, dns.Parked)}, nil, ""},
		{"nobody looked before", [][]Turn{turns(30, "ru", "", dns.Moved), turns(70, "ru", "", dns.Parked)}, nil, ""},
		{"from bad to worse", [][]Turn{turns(30, "ru", dns.NameMissing, dns.Free), turns(70, "ru", dns.Parked, dns.Parked)}, nil, ""},
		{"from good to good", [][]Turn{turns(30, "ru", dns.Parked, dns.Proxied), turns(70, "ru", dns.Parked, dns.Parked)}, nil, ""},
		{"what cannot be scanned does not count", [][]Turn{turns(4, "ru", dns.Parked, dns.Moved), turns(100, "ru", "", dns.Invalid), turns(100, "ru", "", "")}, []string{"all names 4/4", "TLD ru 4/4"}, ""},
	} {
		var b Breaker
		var turned []string
		for _, t := range slices.Concat(c.turns...) {
			b.Add(t)
			if t.turned() {
				turned = append(turned, t.Name)
			}
		}
		trips := b.Trips()
		var got []string
		for _, trip := range trips {
			got = append(got, fmt.Sprintf("%s %d/%d", trip.What, trip.Turned, trip.Of))
		}
		if c.row == "30% of all names" {
			got = slices.DeleteFunc(got, func(g string) bool { return strings.HasPrefix(g, "TLD") })
		}
		degraded := b.Degraded()
		if !slices.Equal(got, c.want) || !strings.Contains(degraded, c.says) || (degraded == "") != (len(c.want) == 0) {
			t.Errorf("%s: %q, %q\nwant %q, %q", c.row, got, degraded, c.want, c.says)
		}
		frozen := b.Frozen()
		if len(c.want) == 0 && len(frozen) > 0 || len(c.want) > 0 && len(frozen) != len(turned) {
			t.Errorf("%s: %d frozen of %d that turned", c.row, len(frozen), len(turned))
		}
		for name, before := range frozen {
			if !slices.Contains(turned, name) || !slices.Contains(good, before.Before) {
				t.Errorf("%s: %s is frozen as %q", c.row, name, before.Before)
			}
		}
	}
}

// TestDegradedSaysEachCauseOnce holds that a trip which a wider one explains is not told beside it.
func TestDegradedSaysEachCauseOnce(t *testing.T) {
	t.Parallel()
	var b Breaker
	for _, turn := range slices.Concat(turns(40, "ru", dns.Parked, dns.Broken, servedBy("ns.a")), turns(60, "ru", dns.Parked, dns.Parked)) {
		b.Add(turn)
	}
	want := "40 of 100 names (40%) turned bad at once: 40 broken, all of TLD ru and name servers ns.a; " +
		"those verdicts are frozen until two resolvers of different operators, and a look at least six hours later, see the same"
	if got := b.Degraded(); got != want || len(b.Trips()) != 3 {
		t.Errorf("%s, %d trips", got, len(b.Trips()))
	}
}

// TestDegradedIsBounded holds that many groups, and name servers that strangers named, make no endless sentence.
func TestDegradedIsBounded(t *testing.T) {
	t.Parallel()
	var b Breaker
	for i := range 50 {
		long := servedBy(strings.Repeat(fmt.Sprintf("%d.", i), 5000) + "example")
		for _, turn := range slices.Concat(turns(3, fmt.Sprintf("t%d", i), dns.Parked, dns.Broken, long), turns(100, "com", dns.Parked, dns.Parked)) {
			b.Add(turn)
		}
	}
	if got := b.Degraded(); len(got) > 4096 || !strings.Contains(got, "; and 46 groups more; those verdicts") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// TestBreakerForgetsWhatStays holds that names which do not turn are counted and not kept.
func TestBreakerForgetsWhatStays(t *testing.T) {
	t.Parallel()
	var b Breaker
	for _, turn := range turns(1000, "ru", dns.Parked, dns.Parked) {
		b.Add(turn)
	}
	if len(b.turned) != 0 || len(b.tlds) != 1 || b.all.names != 1000 {
		t.Errorf("%d kept, %d TLDs, %d names", len(b.turned), len(b.tlds), b.all.names)
	}
}

// TestNewTurn holds what a judged name turns from and to, and when it no longer turns.
func TestNewTurn(t *testing.T) {
	t.Parallel()
	past := func(f *Facts, hours float64) *Facts {
		f.Past = &Past{Trusted: lasting(dns.Parked, 900, 24), Last: lasting(f.Owner.Verdict, hours, 1)}
		f.DNS.Nameservers = []string{"ns.a"}
		return f
	}
	for _, c := range []struct {
		row       string
		f         *Facts
		before    dns.Verdict
		confirmed bool
		ns        int
	}{
		{"no history", ruled(dns.Moved, ""), "", false, 0},
		{"first seen", past(doubted(dns.Moved, ""), 0), dns.Parked, false, 0},
		{"seen six hours ago, by two resolvers", past(ruled(dns.Moved, ""), 6), dns.Parked, true, 0},
		{"seen six hours ago, by one resolver", past(doubted(dns.Moved, ""), 6), dns.Parked, false, 0},
		{"seen six hours ago, and takes one resolver", past(ruled(dns.NameMissing, ""), 6), dns.Parked, true, 1},
		{"first seen, and expected", with(past(doubted(dns.Moved, ""), 0), func(f *Facts) { f.Domain.Expect = "elsewhere" }), dns.Parked, true, 0},
		{"seen five hours ago", past(ruled(dns.NameMissing, ""), 5), dns.Parked, false, 1},
	} {
		got := NewTurn(c.f, now)
		if got.Before != c.before || got.Confirmed != c.confirmed || got.Now != c.f.Owner.Verdict || len(got.Nameservers) != c.ns {
			t.Errorf("%s: %+v", c.row, got)
		}
	}
	leaving := ruled(dns.Moved, "")
	leaving.Past = &Past{Trusted: Span{Verdict: dns.Mixed, Reason: dns.ReasonSplit}}
	if got := NewTurn(leaving, now); got.Before != dns.Mixed || got.BeforeReason != dns.ReasonSplit {
		t.Errorf("%+v", got)
	}
	if got := NewTurn(&Facts{}, now); got.Now != "" {
		t.Errorf("%+v", got)
	}
}
