package triage

import (
	"fmt"
	"slices"
	"time"

	"certscan/dns"
	"certscan/inventory"
)

// Span is a stretch of time in which every look saw the same verdict. Its zero value is none.
type Span struct {
	Verdict dns.Verdict
	Reason  dns.Reason // of the last look
	Since   time.Time  // the first look of it
	Seen    time.Time  // the last one
}

// Past is what earlier runs of the same vantage point saw of a name, of whatever kind they were. What they could not tell
// (unknown) ends no span. Its zero value is that of a name nobody looked at.
type Past struct {
	// Last is what was seen last, without another verdict in between. It also counts runs that were killed, since what they
	// saw they saw, and degraded ones: so a change that lasts is confirmed although the run that saw it first was not trusted.
	Last Span
	// Trusted is the same of the runs alone that were finished and can be trusted: what the name was before this run.
	Trusted Span
	// Ended is the last span of trusted runs in which the domain was free or expired.
	Ended Span
	// First is when the name came to us: the first look of all.
	First time.Time
}

// SecondLookAfter is how long before a look the first one must lie that confirms it: a fault of a few hours, and the time to
// live of most records, are over by then.
const SecondLookAfter = 6 * time.Hour

// seenLongAgo reports whether the verdict is what was seen last, and long enough before now.
func (p *Past) seenLongAgo(v dns.Verdict, now time.Time) bool {
	return p != nil && p.Last.Verdict == v && !p.Last.Since.IsZero() && now.Sub(p.Last.Since) >= SecondLookAfter
}

// Confirm decides how sure a verdict is that takes two looks (see [dns.Ownership.TakesTwo]) by what earlier runs saw: it
// lowers the confidence, saying why, until one at least six hours before now saw the same, without another in between. past
// is nil where no history is kept. Every other verdict stays as it is.
func Confirm(o *dns.Ownership, past *Past, now time.Time) {
	if !o.TakesTwo() {
		return
	}
	last := Span{}
	if past != nil {
		last = past.Last
	}
	switch {
	case past.seenLongAgo(o.Verdict, now):
		o.Evidence = append(slices.Clip(o.Evidence), fmt.Sprintf("an earlier look agrees: %s since %s", o.Verdict, stamp(last.Since)))
		return
	case past == nil:
		o.Distrust("no earlier look is known: name a store with --db")
	case last.Verdict == o.Verdict:
		o.Distrust(fmt.Sprintf("it was first seen on %s, less than six hours ago", stamp(last.Since)))
	case last.Verdict == "":
		o.Distrust("nobody looked before")
	default:
		o.Distrust(fmt.Sprintf("the last look, on %s, saw %s", stamp(last.Seen), last.Verdict))
	}
}

// stamp writes an instant of the past for people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// alive are the verdicts of a name whose registrable domain is registered and delegated.
var alive = []dns.Verdict{
	dns.Parked, dns.Mixed, dns.Proxied, dns.Moved, dns.Resolved, dns.NameMissing, dns.NoAddress, dns.Dangling, dns.Private,
}

// registeredAfter is how much later than the name came to us its registration must have begun: lists may be a day ahead of
// registries.
const registeredAfter = day

// registration returns what the registry says of the registrable domain of the name itself; nil where nobody was asked.
func (s *scene) registration() *dns.Registration {
	a := s.facts.DNS
	if a == nil || a.Inquiry == nil || a.Inquiry.Registration.Domain != a.Registrable {
		return nil
	}
	return &a.Inquiry.Registration
}

// reregistered says why the domain may be another holder's than the one who gave us the name; "" is none.
func (s *scene) reregistered() string {
	o, past := s.facts.Owner, s.facts.Past
	if o == nil || past == nil || !slices.Contains(alive, o.Verdict) {
		return ""
	}
	r := s.registration()
	if r != nil && !r.Created.IsZero() && !past.First.IsZero() && r.Created.Sub(past.First) > registeredAfter {
		return fmt.Sprintf("the registration of %s began on %s, after the name came to us (first seen on %s)",
			r.Domain, r.Created.UTC().Format(time.DateOnly), past.First.UTC().Format(time.DateOnly))
	}
	e := past.Ended
	if e.Verdict == dns.Expired && o.Verdict == dns.Moved && (r == nil || r.State != dns.Registered) {
		return "" // it pointed elsewhere when it was past its date, and the registry says nothing new
	}
	if e.Verdict != "" {
		return fmt.Sprintf("it was %s from %s to %s, and is %s now",
			e.Verdict, e.Since.UTC().Format(time.DateOnly), e.Seen.UTC().Format(time.DateOnly), o.Verdict)
	}
	return ""
}

// vouched reports whether the list says, rightly, what the name is: a human has looked at whose it is now.
func (s *scene) vouched() bool {
	switch o := s.facts.Owner; s.facts.Domain.Expect {
	case inventory.ExpectParked:
		return o.Verdict == dns.Parked
	case inventory.ExpectProxied:
		return agrees(inventory.ExpectProxied, o)
	case inventory.ExpectNothing, inventory.ExpectElsewhere, inventory.ExpectInternal, inventory.ExpectPlainHTTP, inventory.ExpectRetired:
	}
	return false
}

// raiseReregistered raises a domain that may be another holder's: whoever has it now, nothing is ordered for him unasked.
func raiseReregistered(s *scene, code Code) []Finding {
	why := s.reregistered()
	if why == "" || s.vouched() {
		return nil
	}
	return []Finding{raise(code, ActionInvestigate, why+"; nothing is ordered until the list says whose it is (expect: parked, or proxied)")}
}

func whyReregistered(s *scene, _ Code) string {
	switch why := s.reregistered(); {
	case s.facts.Past == nil:
		return "no earlier run is known"
	case why == "":
		return "no earlier run saw the domain free or expired, and it is not known to be registered later than it came to us"
	case s.vouched():
		return why + "; the list expects " + string(s.facts.Domain.Expect)
	default:
		return why
	}
}
