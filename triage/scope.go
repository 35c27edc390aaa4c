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
	label  string             // its address, with the port where several were probed
	leaf   *probe.Certificate // nil where no certificate was seen
	covers bool               // the leaf covers the name
	ours   bool               // the address is known as ours
	life   calendar           // the unit in which the leaf's life is told
}

func newScene(p Policy, f *Facts, now time.Time) *scene {
	s := &scene{policy: p, facts: f, now: now, hosts: hostsOf(f), scope: admit(f)}
	s.blocked = s.renewalBlocked()
	for i := range f.Probes {
		if o := &f.Probes[i]; s.scope.counts(o) {
			s.ends = append(s.ends, s.endpoint(o))
		}
	}
	slices.SortStableFunc(s.ends, func(a, b endpoint) int {
		return cmp.Or(a.Target.Addr.Compare(b.Target.Addr), strings.Compare(a.Target.Name, b.Target.Name))
	})
	ports := severalPorts(s.ends)
	for i := range s.ends {
		e := &s.ends[i]
		if ports {
			e.label += " port " + strconv.Itoa(int(e.Target.Addr.Port()))
		}
		if e.leaf != nil {
			s.seen = append(s.seen, *e)
		}
		// Behind the wrong certificate stands somebody else's site: what it says is not the name's.
		if e.Err == nil && e.HTTP != nil && (e.leaf == nil || e.covers) {
			s.answered = append(s.answered, *e)
		}
	}
	return s
}

func (s *scene) endpoint(o *probe.Observation) endpoint {
	e := endpoint{Observation: o, state: stateOf(o), label: o.Target.Addr.Addr().String(), ours: isOurs(s.facts, o)}
	if !o.Target.Addr.Addr().IsValid() {
		e.label = o.Target.Name // no address was found to dial
	}
	if o.TLS == nil || len(o.TLS.Chain) == 0 {
		return e
	}
	e.leaf = &o.TLS.Chain[0]
	e.life = calendarFor(e.leaf.Lifetime())
	e.covers = o.TLS.NameMatches
	if d := &s.facts.Domain; d.Wildcard() {
		// A host that shows the wildcard's certificate may have one of its own, which proves nothing.
		e.covers = e.covers && slices.ContainsFunc(e.leaf.Names, func(n string) bool { return strings.EqualFold(n, d.Name) })
	}
	if !e.covers {
		e.state = stateUp // what fails behind it is somebody else's site
	}
	return e
}

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
	counts  func(*probe.Observation) bool
	ceiling Severity
	why     string
}

func everyEndpoint(why string) admission {
	return admission{func(*probe.Observation) bool { return true }, Urgent, why}
}

func noEndpoint(why string) admission {
	return admission{func(*probe.Observation) bool { return false }, Urgent, why}
}

// admit decides by what the list says, and then by the verdict.
func admit(f *Facts) admission {
	switch d := &f.Domain; {
	case d.Invalid != "":
		return noEndpoint("not a name that can be probed")
	case d.Expect == inventory.ExpectRetired:
		return noEndpoint("the list says that the name is retired: nobody waits for its server")
	case d.Expect == inventory.ExpectPlainHTTP:
		byOwner := admitByOwner(f)
		return admission{
			counts:  func(o *probe.Observation) bool { return o.Target.PlainOnly && byOwner.counts(o) },
			ceiling: byOwner.ceiling,
			why:     byOwner.why + "; the list expects plain HTTP, so TLS is left out",
		}
	case len(d.Verify) > 0 && (d.Wildcard() || d.Expect == inventory.ExpectInternal):
		return everyEndpoint("seen at the hosts that the list names to verify it")
	}
	return admitByOwner(f)
}

// admitByOwner decides by the verdict alone.
func admitByOwner(f *Facts) admission {
	o, expect := f.Owner, f.Domain.Expect
	if o == nil {
		return everyEndpoint("ownership was not asked: every endpoint counts")
	}
	why := "verdict " + verdictOf(o)
	switch o.Verdict {
	case dns.Parked:
		return everyEndpoint(why)
	case dns.Resolved:
		if expect == inventory.ExpectElsewhere {
			return noEndpoint(why + ", and the list says that somebody else serves it")
		}
		return everyEndpoint(why)
	case dns.Proxied:
		return admitProxied(o, why)
	case dns.Mixed:
		ours := func(o *probe.Observation) bool { return isOurs(f, o) }
		return admission{ours, Urgent, why + ": only our own addresses count"}
	case dns.Private:
		if expect == inventory.ExpectInternal {
			return everyEndpoint(why + ", dialled because the list expects it")
		}
	case dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling,
		dns.Broken, dns.Invalid, dns.Unknown:
	}
	return noEndpoint(why + ": what its servers show is not ours to mend")
}

// admitProxied tells what may be raised at the edge of a proxy, and at our origin behind it.
func admitProxied(o *dns.Ownership, why string) admission {
	a := everyEndpoint(why)
	if o.Reason == dns.ReasonNotOurs {
		return noEndpoint(why + ": what its servers show is not ours to mend")
	}
	if o.Reason != dns.ReasonOurs {
		a.ceiling = Warn
		a.why += ": alarms are WARN at most"
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
// address family fails, or a name that the list wants on the same certificate does not lead to us.
func (s *scene) renewalBlocked() bool {
	f := s.facts
	if f.Owner == nil {
		return false
	}
	if f.Owner.Verdict == dns.Mixed || halfBroken(s.hosts[0]) != "" {
		return true
	}
	for i := range f.Names {
		n := &f.Names[i]
		astray := slices.Contains(orphaned, n.Owner.Verdict) && !absenceIsNormal(hostOf(n)) && !agrees(f.Domain.Expect, &n.Owner)
		if astray && slices.Contains(f.Domain.SANs, n.Name) {
			return true
		}
	}
	return false
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
	name  string // empty for the domain itself
	dns   *dns.Answer
	owner *dns.Ownership
	wild  bool
}

func hostsOf(f *Facts) []host {
	hosts := make([]host, 0, 1+len(f.Names))
	hosts = append(hosts, host{dns: f.DNS, owner: f.Owner, wild: f.Domain.Wildcard()})
	for i := range f.Names {
		h := hostOf(&f.Names[i])
		if !sameCause(hosts[0], h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func hostOf(n *NameFacts) host {
	return host{name: n.Name, dns: &n.DNS, owner: &n.Owner, wild: strings.HasPrefix(n.Name, "*.")}
}

// sameCause reports whether a further name only repeats what its registrable domain already says of the domain.
func sameCause(domain, further host) bool {
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
func (h host) label(f *Facts) string { return cmp.Or(h.name, f.Domain.Name) }
