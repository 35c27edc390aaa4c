package triage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"certscan/dns"
)

// Turn is one name of a run, as far as a [Breaker] goes by it.
type Turn struct {
	Name        string
	Registrable string // its registrable domain, where it has one
	// Nameservers are those on which the verdict rests, where they are known: empty for a name that is clean, or points
	// elsewhere, whose name servers are those of the new place.
	Nameservers []string
	// Before is what the last trusted run saw, and BeforeReason why; empty where none did.
	Before, Now  dns.Verdict
	BeforeReason dns.Reason
	// Confirmed says that the verdict of now was seen at least six hours ago as well, by whatever run, and by two resolvers
	// of different operators where it takes two: it lasts, and turns no more. So does what the list expects.
	Confirmed bool
}

// NewTurn makes the turn of one judged name. Names that were not asked for, and those that cannot be, turn nowhere.
func NewTurn(f *Facts, now time.Time) Turn {
	t := Turn{Name: f.Domain.Name}
	o := f.Owner
	if o == nil {
		return t
	}
	t.Now = o.Verdict
	if a := f.DNS; a != nil {
		t.Registrable = a.Registrable
		if o.Verdict != dns.Moved && o.Verdict != dns.Expired {
			t.Nameservers = a.Nameservers
		}
	}
	if f.Past != nil {
		t.Before, t.BeforeReason = f.Past.Trusted.Verdict, f.Past.Trusted.Reason
		t.Confirmed = f.Past.seenLongAgo(o.Verdict, now) && !unconfirmed(o) || agrees(f.Domain.Expect, o)
	}
	return t
}

// turned reports whether the name was good and is bad now, and nothing yet says that it stays so.
func (t *Turn) turned() bool {
	return slices.Contains(good, t.Before) && slices.Contains(bad, t.Now) && !t.Confirmed
}

var (
	good = []dns.Verdict{dns.Parked, dns.Mixed, dns.Proxied, dns.Resolved}
	bad  = []dns.Verdict{
		dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling,
		dns.Broken, dns.Private, dns.Unknown,
	}
)

// Shares of names that turn bad in one run above which it is no longer believed that each did so by itself.
var (
	breakAll   = Share{20, 100} // of all names
	breakGroup = Share{30, 100} // of those of one top-level domain, or of one set of name servers
)

// turnedMin is how many names must have turned at least. One customer who leaves with his two names is no incident, and
// without it he would be one wherever ours are few below a TLD: 30% of three names is one of them.
const turnedMin = 3

// Breaker finds out whether so many names turned bad in one run that something they have in common did, and not each name:
// a registry's incident, a DNS host that is down, our own resolver. Then nobody acts on those verdicts.
//
//	var b triage.Breaker
//	for each result r: b.Add(triage.NewTurn(&r.Facts, r.JudgedAt))
//	if why := b.Degraded(); why != "" { … }   // the run is not to be trusted: one sentence tells what the names share
//	frozen := b.Frozen()                      // of these the verdict before is shown; b.Trips() tells each group apart
//
// Add each name once. A change that lasts gets through by itself: the run that saw it first is kept,
// though not trusted, and one at least six hours later finds it confirmed.
//
// Its zero value is ready. It keeps a count for each TLD and each set of name servers, and the names that turned, and nothing
// of the others. It is not safe for concurrent use.
type Breaker struct {
	all    group
	tlds   map[string]*group
	sets   map[string]*group
	turned []Turn
}

// group counts the names that share something.
type group struct{ names, turned int }

// Trip is one group of names of which too many turned bad.
type Trip struct {
	// What says what the names share: "all names", "TLD ru", "name servers a.example, b.example".
	What string
	// Turned of Of names turned.
	Turned, Of int
	// Names that turned, in the order in which they came: their verdicts are frozen.
	Names []string
	// Why is one sentence that tells all that, and what else the names have in common.
	Why string
}

// Add counts one name.
func (b *Breaker) Add(t Turn) {
	if t.Now == "" || t.Now == dns.Invalid {
		return
	}
	if b.tlds == nil {
		b.tlds, b.sets = map[string]*group{}, map[string]*group{}
	}
	turned := t.turned()
	for _, g := range b.groups(&t) {
		g.names++
		if turned {
			g.turned++
		}
	}
	if turned {
		b.turned = append(b.turned, t)
	}
}

// groups returns the groups of a name: all, its TLD, and its set of name servers where that is known.
func (b *Breaker) groups(t *Turn) []*group {
	out := []*group{&b.all}
	for _, in := range []struct {
		groups map[string]*group
		key    string
	}{{b.tlds, tldOf(t.Name)}, {b.sets, setOf(t.Nameservers)}} {
		if in.key == "" {
			continue
		}
		g := in.groups[in.key]
		if g == nil {
			g = new(group)
			in.groups[in.key] = g
		}
		out = append(out, g)
	}
	return out
}

func tldOf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// setOf writes a set of name servers in one way.
func setOf(nameservers []string) string {
	sorted := slices.Sorted(slices.Values(nameservers))
	return strings.Join(slices.Compact(sorted), ", ")
}

// over reports whether too many names of a group turned.
func (g *group) over(s Share) bool {
	return g.turned >= turnedMin && int64(g.turned)*s.Den > int64(g.names)*s.Num
}

// Trips returns the groups of which too many names turned, the widest first. A TLD or a set of name servers whose turned
// names are all of one registrable domain is left out: that domain did it, and no incident.
func (b *Breaker) Trips() []Trip {
	var out []Trip
	add := func(what string, g *group, s Share, in func(*Turn) bool, several bool) {
		if !g.over(s) {
			return
		}
		var members []Turn
		domains := map[string]bool{}
		for _, t := range b.turned {
			if in(&t) {
				members = append(members, t)
				domains[t.Registrable] = true
			}
		}
		if !several || len(domains) > 1 {
			out = append(out, trip(what, g, members))
		}
	}
	add("all names", &b.all, breakAll, func(*Turn) bool { return true }, false)
	for _, key := range slices.Sorted(maps.Keys(b.tlds)) {
		add("TLD "+key, b.tlds[key], breakGroup, func(t *Turn) bool { return tldOf(t.Name) == key }, true)
	}
	for _, key := range slices.Sorted(maps.Keys(b.sets)) {
		add("name servers "+key, b.sets[key], breakGroup, func(t *Turn) bool { return setOf(t.Nameservers) == key }, true)
	}
	return out
}

func trip(what string, g *group, members []Turn) Trip {
	t := Trip{What: what, Turned: g.turned, Of: g.names}
	for i := range members {
		t.Names = append(t.Names, members[i].Name)
	}
	whose := "names of " + clip(what, maxQuote)
	if what == "all names" {
		whose = "names"
	}
	t.Why = fmt.Sprintf("%d of %d %s (%d%%) turned bad at once: %s", g.turned, g.names, whose, 100*g.turned/g.names, verdictsOf(members))
	if shared := sharedBy(members, what); shared != "" {
		t.Why += ", all of " + shared
	}
	return t
}

// verdictsOf counts what the names are now.
func verdictsOf(members []Turn) string {
	counts := map[dns.Verdict]int{}
	for i := range members {
		counts[members[i].Now]++
	}
	var out []string
	for _, v := range dns.Verdicts {
		if n := counts[v]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(out, ", ")
}

// sharedBy says what all the names have in common beside what they are grouped by; "" is nothing.
func sharedBy(members []Turn, what string) string {
	first := &members[0]
	var out []string
	for _, c := range []struct {
		label string
		of    func(*Turn) string
	}{
		{"domain ", func(t *Turn) string { return t.Registrable }},
		{"TLD ", func(t *Turn) string { return tldOf(t.Name) }},
		{"name servers ", func(t *Turn) string { return setOf(t.Nameservers) }},
	} {
		key := c.of(first)
		same := !slices.ContainsFunc(members, func(t Turn) bool { return c.of(&t) != key })
		if key != "" && same && c.label+key != what {
			out = append(out, c.label+clip(key, maxQuote))
		}
	}
	return strings.Join(out, " and ")
}

// Degraded says in one sentence what tripped, for the run as a whole; "" where nothing did.
func (b *Breaker) Degraded() string {
	trips := b.Trips()
	if len(trips) == 0 {
		return ""
	}
	// A trip that says nothing of other names than a wider one is the wider one's detail.
	var whys []string
	told := map[string]bool{}
	for _, t := range trips {
		known := len(told)
		for _, name := range t.Names {
			told[name] = true
		}
		if len(told) > known {
			whys = append(whys, t.Why)
		}
	}
	text := strings.Join(whys[:min(len(whys), maxQuoted)], "; ")
	if more := len(whys) - maxQuoted; more > 0 {
		text += fmt.Sprintf("; and %d groups more", more)
	}
	return text + "; those verdicts are frozen until two resolvers of different operators, and a look at least six hours later, see the same"
}

// Frozen tells the names whose verdicts are not to be acted on, each with its turn, which says what it was before.
func (b *Breaker) Frozen() map[string]Turn {
	out := map[string]Turn{}
	before := map[string]Turn{}
	for i := range b.turned {
		before[b.turned[i].Name] = b.turned[i]
	}
	for _, t := range b.Trips() {
		for _, name := range t.Names {
			out[name] = before[name]
		}
	}
	return out
}
