package triage

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// scene is one name under judgement: the facts, and what follows from them before any rule is tried.
type scene struct {
	policy Policy
	facts  *Facts
	now    time.Time
	hosts  []host // the domain, then its further names
	domain [1]host

	scope   admission
	blocked bool       // the owner's DNS keeps a renewal from succeeding
	ends    []endpoint // the endpoints whose trouble is an alarm, sorted by address
	// seen and answered are those of ends that showed a certificate, and that said something over HTTP.
	seen, answered []endpoint
}

// endpoint is one observation whose trouble is an alarm.
type endpoint struct {
	*probe.Observation
	state  state
	leaf   *probe.Certificate // nil where no certificate was seen
	covers bool               // the leaf covers the name
	ours   bool               // the address is known as ours
	ports  bool               // several ports were probed
}

func newScene(p Policy, f *Facts, now time.Time) *scene {
	s := &scene{policy: p.filled(), facts: f, now: now, scope: admit(f)}
	s.hosts = s.domain[:0]
	s.findHosts()
	s.blocked = s.renewalBlocked()
	for i := range f.Probes {
		if o := &f.Probes[i]; s.scope.admits(s.facts, o) {
			s.ends = append(s.ends, s.endpoint(o))
		}
	}
	slices.SortStableFunc(s.ends, func(a, b endpoint) int {
		return cmp.Or(a.Target.Addr.Compare(b.Target.Addr), strings.Compare(a.Target.Name, b.Target.Name))
	})
	if severalPorts(s.ends) {
		for i := range s.ends {
			s.ends[i].ports = true
		}
	}
	s.seen = those(s.ends, func(e *endpoint) bool { return e.leaf != nil })
	// Behind the wrong certificate stands somebody else's site: what it says is not the name's.
	s.answered = those(s.ends, func(e *endpoint) bool { return e.Err == nil && e.HTTP != nil && (e.leaf == nil || e.covers) })
	return s
}

// those returns the endpoints that are wanted; where all are, the same slice.
func those(all []endpoint, wanted func(*endpoint) bool) []endpoint {
	first := 0
	for first < len(all) && wanted(&all[first]) {
		first++
	}
	out := all[:first:first]
	for i := first; i < len(all); i++ {
		if wanted(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}

func (s *scene) endpoint(o *probe.Observation) endpoint {
	e := endpoint{Observation: o, state: stateOf(o), ours: isOurs(s.facts, o)}
	if o.TLS == nil || len(o.TLS.Chain) == 0 {
		return e
	}
	e.leaf = &o.TLS.Chain[0]
	e.covers = o.TLS.NameMatches
	if d := s.facts.Domain; d.Wildcard() {
		// A host that shows the wildcard's certificate may have one of its own, which proves nothing.
		e.covers = e.covers && slices.ContainsFunc(e.leaf.Names, func(n string) bool { return strings.EqualFold(n, d.Name) })
	}
	if !e.covers {
		e.state = stateUp // what fails behind it is somebody else's site
	}
	return e
}

// label is the address of an endpoint, with the port where several were probed; the name where no address was found.
func (e *endpoint) label() string {
	text := e.Target.Name
	if addr := e.Target.Addr.Addr(); addr.IsValid() {
		text = addr.String()
	}
	if e.ports {
		text += " port " + strconv.Itoa(int(e.Target.Addr.Port()))
	}
	return text
}

// life is the unit in which the life of the leaf is told.
func (e *endpoint) life() calendar { return calendarFor(e.leaf.Lifetime()) }

func severalPorts(ends []endpoint) bool {
	return slices.ContainsFunc(ends, func(e endpoint) bool { return e.Target.Addr.Port() != ends[0].Target.Addr.Port() })
}

// isOurs reports whether an endpoint stands on an address known as ours.
func isOurs(f *Facts, o *probe.Observation) bool {
	if o.Target.Via == probe.ViaOrigin || f.Owner != nil && f.Owner.Verdict == dns.Parked {
		return true
	}
	return slices.Contains(f.OursAddrs, o.Target.Addr.Addr())
}

// admission says which endpoints may raise alarms, how loud at most, and why.
type admission struct {
	counts  func(*Facts, *probe.Observation) bool
	plain   bool // of those only what was asked by plain HTTP alone, as the list expects it
	ceiling Severity
	owner   *dns.Ownership // whose verdict decides; nil where it was not that
	says    string         // what follows from it
}

func (a *admission) admits(f *Facts, o *probe.Observation) bool {
	return a.counts(f, o) && (o.Target.PlainOnly || !a.plain)
}

// why writes what the admission rests on.
func (a *admission) why() string {
	why := a.says
	if a.owner != nil {
		why = "verdict " + verdictOf(a.owner) + a.says
	}
	if a.plain {
		why += "; the list expects plain HTTP, so TLS is left out"
	}
	return why
}

func every(*Facts, *probe.Observation) bool { return true }

func none(*Facts, *probe.Observation) bool { return false }

// admit decides by what the list says, and then by the verdict.
func admit(f *Facts) admission {
	switch d := &f.Domain; {
	case d.Invalid != "":
		return admission{counts: none, ceiling: Urgent, says: "not a name that can be probed"}
	case d.Expect == inventory.ExpectRetired:
		return admission{counts: none, ceiling: Urgent, says: "the list says that the name is retired: nobody waits for its server"}
	case d.Expect == inventory.ExpectPlainHTTP:
		a := admitByOwner(f)
		a.plain = true
		return a
	case len(d.Verify) > 0 && (d.Wildcard() || d.Expect == inventory.ExpectInternal):
		return admission{counts: every, ceiling: Urgent, says: "seen at the hosts that the list names to verify it"}
	}
	return admitByOwner(f)
}

// admitByOwner decides by the verdict alone.
func admitByOwner(f *Facts) admission {
	o, expect := f.Owner, f.Domain.Expect
	if o == nil {
		return admission{counts: every, ceiling: Urgent, says: "ownership was not asked: every endpoint counts"}
	}
	a := admission{counts: every, ceiling: Urgent, owner: o}
	switch o.Verdict {
	case dns.Parked:
		return a
	case dns.Resolved:
		if expect == inventory.ExpectElsewhere {
			a.counts, a.says = none, ", and the list says that somebody else serves it"
		}
		return a
	case dns.Proxied:
		return admitProxied(a)
	case dns.Mixed:
		a.counts, a.says = isOurs, ": only our own addresses count"
		return a
	case dns.Private:
		if expect == inventory.ExpectInternal {
			a.says = ", dialled because the list expects it"
			return a
		}
	case dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling,
		dns.Broken, dns.Invalid, dns.Unknown:
	}
	return notOurs(a)
}

func notOurs(a admission) admission {
	a.counts, a.says = none, ": what its servers show is not ours to mend"
	return a
}

// admitProxied tells what may be raised at the edge of a proxy, and at our origin behind it.
func admitProxied(a admission) admission {
	if a.owner.Reason == dns.ReasonNotOurs {
		return notOurs(a)
	}
	if a.owner.Reason != dns.ReasonOurs {
		a.ceiling = Warn
		a.says = ": alarms are WARN at most"
	}
	return a
}

// verdictOf writes a verdict with its reason.
func verdictOf(o *dns.Ownership) string {
	if o.Reason == dns.ReasonNone {
		return string(o.Verdict)
	}
	return string(o.Verdict) + "/" + string(o.Reason)
}

// temper lowers what is not for on-call to mend: behind a proxy that may not be ours nothing is louder than WARN, and
// while the owner's own DNS keeps a renewal from succeeding, its certificate is the manager's business.
func (s *scene) temper(about subject, f Finding) Finding {
	if about == ofName {
		return f
	}
	if f.Severity.Rank() > s.scope.ceiling.Rank() {
		f.Severity = s.scope.ceiling
	}
	if s.scope.ceiling != Urgent || about == ofCertificate && s.blocked {
		f.Priority = P3
	}
	return f
}

// orphaned are the verdicts under which no CA gets to our server by a name.
var orphaned = []dns.Verdict{
	dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling,
	dns.Broken, dns.Private,
}

// renewalBlocked reports whether the owner's DNS keeps a renewal from succeeding: some addresses are not ours, one
// address family fails, or a name that the list wants on the same certificate does not lead to us; or the domain may be
// another holder's by now.
func (s *scene) renewalBlocked() bool {
	f := s.facts
	if f.Owner == nil {
		return false
	}
	if s.reregistered() != "" && !s.vouched() {
		return true
	}
	if _, half := halfBroken(&s.hosts[0]); half || f.Owner.Verdict == dns.Mixed || refused(f.DNS) {
		return true
	}
	for i := range f.Names {
		n := &f.Names[i]
		h := hostOf(n)
		astray := slices.Contains(orphaned, n.Owner.Verdict) && !absenceIsNormal(&h) && !agrees(f.Domain.Expect, &n.Owner)
		if (astray || refused(&n.DNS)) && slices.Contains(f.Domain.SANs, n.Name) {
			return true
		}
	}
	return false
}

// refused reports whether CAA keeps our CA from issuing.
func refused(a *dns.Answer) bool {
	return a != nil && a.Traps != nil && (a.Traps.State == dns.CAAForbids || a.Traps.State == dns.CAAUnreachable)
}

// mend returns the action for a certificate at an endpoint: wish where we surely may, else a look by a human.
func (s *scene) mend(e *endpoint, wish Action) Action {
	o := s.facts.Owner
	if o == nil || o.Confidence == dns.Low || !e.ours || s.facts.Domain.Expect == inventory.ExpectElsewhere {
		return ActionInvestigate
	}
	switch {
	case wish == ActionRenew && s.blocked:
		return ActionInvestigate
	case o.Verdict == dns.Parked, o.Verdict == dns.Proxied && o.Reason == dns.ReasonOurs:
		return wish
	case o.Verdict == dns.Mixed && wish == ActionDeploy:
		return wish
	}
	return ActionInvestigate
}

// host is one name of the input with what the DNS said of it.
type host struct {
	name    string // empty for the domain itself
	dns     *dns.Answer
	owner   *dns.Ownership
	wild    bool
	telling bool // its verdict can raise a code
}

// findHosts notes the domain and its further names.
func (s *scene) findHosts() {
	f := s.facts
	s.add(host{dns: f.DNS, owner: f.Owner, wild: f.Domain.Wildcard()})
	for i := range f.Names {
		if h := hostOf(&f.Names[i]); !sameCause(&s.hosts[0], &h) {
			s.add(h)
		}
	}
}

func (s *scene) add(h host) {
	h.telling = telling(s.facts.Domain.Expect, h.owner)
	s.hosts = append(s.hosts, h)
}

func hostOf(n *NameFacts) host {
	return host{name: n.Name, dns: &n.DNS, owner: &n.Owner, wild: strings.HasPrefix(n.Name, "*.")}
}

// sameCause reports whether a further name only repeats what its registrable domain already says of the domain.
func sameCause(domain, further *host) bool {
	if domain.dns == nil || domain.owner == nil || domain.dns.Registrable == "" {
		return false
	}
	if domain.dns.Registrable != further.dns.Registrable || domain.owner.Verdict != further.owner.Verdict {
		return false
	}
	return slices.Contains([]dns.Verdict{
		dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.Broken, dns.Unknown,
	}, domain.owner.Verdict)
}

// label names a host in a reason.
func (h *host) label(f *Facts) string { return cmp.Or(h.name, f.Domain.Name) }
