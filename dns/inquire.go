package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// Inquiry is what was asked beyond the resolver about a name: of one that is clean, its Registration alone.
type Inquiry struct {
	// Parent is what the servers of the parent zone say of the registrable domain.
	Parent Delegation
	// Fault says why the servers of the delegation give no answer: lame, refused or timeout; empty where one does, or
	// where they were not asked.
	Fault Reason
	// Overruled says that the resolver's answer was replaced by that of the name servers, and why.
	Overruled string
	// Odds says who contradicts whom, so that nothing can be told; empty where nobody does.
	Odds string
	// Second is what a resolver of another operator says; see [Resolver.Confirm].
	Second Second
	// Notes are further sentences of evidence. They may quote remote text.
	Notes []string
	// Registration is what the registry says of the registrable domain; of a CNAME's target where the name dangles.
	Registration Registration
}

// note adds a sentence of evidence.
func (i *Inquiry) note(format string, args ...any) {
	i.Notes = append(i.Notes, fmt.Sprintf(format, args...))
}

// Inquire asks what tells apart why a name is not clean, and keeps it in a.Inquiry: the servers of the parent zone and of
// the delegation themselves, without recursion. It asks nothing for a verdict that needs nothing. A resolver that
// rewrites NXDOMAIN, or says it of a name that is there, is overruled: a becomes what the name servers say with
// authority, and must be judged again.
func (r *Resolver) Inquire(ctx context.Context, a *Answer, o *Ownership) {
	domain := a.Registrable
	if o.Verdict == Dangling && len(a.CNAMEs) > 0 {
		domain = Registrable(last(a.CNAMEs))
	}
	if domain == "" || ctx.Err() != nil {
		return
	}
	e := r.engage(ctx)
	defer r.release(e)
	x := exchanger{e: e}
	switch o.Verdict {
	case Moved:
		r.unmask(ctx, x, a)
		r.findHost(ctx, x, a)
		r.resolveHosts(ctx, x, a)
	case NotDelegated, NameMissing:
		r.doubtAbsence(ctx, x, a)
	case Dangling:
		r.doubtTarget(ctx, x, a, domain)
	case Broken:
		if o.Reason != ReasonLoop {
			r.doubtFailure(ctx, x, a, o.Reason)
		}
	case Unknown:
		if a.absent() {
			r.doubtAbsence(ctx, x, a)
			return
		}
		r.doubtSilence(ctx, x, a)
	case NoAddress:
		r.doubtEmptiness(ctx, x, a)
	case Parked, Mixed, Proxied, Free, Expired, OnHold, Private, Invalid, Resolved:
	}
}

// look asks the parent zone and keeps what it says.
func (r *Resolver) look(ctx context.Context, x exchanger, a *Answer, domain string) *Inquiry {
	if a.Inquiry == nil {
		a.Inquiry = &Inquiry{}
	}
	a.Inquiry.Parent = r.delegation(ctx, x, domain)
	return a.Inquiry
}

// doubtAbsence tells a name that is not there from one that the resolver withholds. A random name below a wildcard is
// expected to be missing.
func (r *Resolver) doubtAbsence(ctx context.Context, x exchanger, a *Answer) {
	if a.Wildcard && a.Apex.Status != StatusNXDomain {
		return
	}
	i := r.look(ctx, x, a, a.Registrable)
	switch i.Parent.State {
	case Delegated:
		r.doubtMissing(ctx, x, a)
	case Undelegated:
		a.Apex.Status = StatusNXDomain // it may be news to the resolver
	case Undivided, DelegationUnasked:
	case DelegationUnknown:
		if i.Parent.split {
			i.Odds = "the servers of the parent zone are at odds: " + i.Parent.Why
			return
		}
		r.secondOpinion(ctx, x, a)
	}
}

// doubtMissing asks the servers of the delegation for a name that the resolver says is not there.
func (r *Resolver) doubtMissing(ctx context.Context, x exchanger, a *Answer) {
	i := a.Inquiry
	withheld := a.Apex.Status == StatusNXDomain // of a whole domain that is delegated
	most := 2
	if withheld {
		most = allServers
	}
	t := r.testify(ctx, x, i.Parent, a.Asked, most)
	switch {
	case t.split:
		i.Odds = "the name servers are at odds: " + strings.Join(t.words(), "; ")
	case t.answer == nil && withheld:
		i.Fault = t.fault()
		i.Notes = append(i.Notes, t.words()...)
	case t.answer == nil:
	case t.answer.told.status() != StatusNXDomain:
		i.Overruled = "the resolver answered NXDOMAIN, " + t.answer.why + ": the resolver withholds the name or is out of date"
		r.overrule(ctx, x, a, t.answer)
	case withheld:
		i.Overruled = "the resolver answered NXDOMAIN for " + a.Registrable + ", the parent zone refers to " + some(i.Parent.Nameservers)
	}
	if withheld || !a.Apex.Status.OK() {
		a.Apex.Status = StatusNoError
		a.Nameservers = slices.Clone(i.Parent.Nameservers)
	}
}

// doubtTarget asks the servers of its delegation for the end of a CNAME chain that the resolver says is not there: a resolver
// that withholds it, or is out of date, would have somebody delete what works.
func (r *Resolver) doubtTarget(ctx context.Context, x exchanger, a *Answer, domain string) {
	i := r.look(ctx, x, a, domain)
	if i.Parent.State != Delegated || len(a.CNAMEs) == 0 {
		return
	}
	target := last(a.CNAMEs)
	t := r.testify(ctx, x, i.Parent, target, 2)
	switch {
	case t.split:
		i.Odds = "the name servers are at odds: " + strings.Join(t.words(), "; ")
	case t.answer != nil && t.answer.told.status() != StatusNXDomain:
		i.Overruled = "the resolver answered NXDOMAIN for " + target + ", " + t.answer.why + ": the resolver withholds it or is out of date"
		r.overruleEnd(ctx, x, a, t.answer, target)
	}
}

// secondOpinion asks the other resolvers where the name servers themselves cannot be asked.
func (r *Resolver) secondOpinion(ctx context.Context, x exchanger, a *Answer) {
	for _, u := range x.e.servers {
		if u.server == a.A.Server || ctx.Err() != nil {
			continue
		}
		one := exchanger{e: x.e, only: u}
		m := one.exchange(ctx, query{name: a.Asked, qtype: mdns.TypeA})[0]
		if m.reply.Status.OK() && m.reply.Status != StatusNXDomain {
			a.Inquiry.Odds = fmt.Sprintf("the resolvers are at odds: %s answers NXDOMAIN, %s answers %s",
				r.Describe(a.A.Server), r.Describe(u.server), m.reply.Status)
			return
		}
	}
}

// blame asks every server of the delegation of a name for which the resolver cannot get an answer.
func (r *Resolver) blame(ctx context.Context, x exchanger, a *Answer) {
	i := r.look(ctx, x, a, a.Registrable)
	a.Nameservers = slices.Clone(i.Parent.Nameservers)
	if i.Parent.State != Delegated {
		return
	}
	t := r.testify(ctx, x, i.Parent, a.Asked, allServers)
	i.Fault = t.fault()
	i.Notes = append(i.Notes, t.words()...)
	if i.Fault == ReasonNone {
		i.note("a name server answers when it is asked directly, the resolver gets no answer")
	}
}

// doubtEmptiness tells a name that has no address from one of which nothing is known: with the answer that there is no record
// comes the SOA of the zone (RFC 2308 §2.2). Without it the resolver may have been referred in a circle, as by a server of
// the parent zone to which the domain is delegated and that does not serve it.
func (r *Resolver) doubtEmptiness(ctx context.Context, x exchanger, a *Answer) {
	if len(a.CNAMEs) > 0 || a.A.Status != StatusNoData || a.AAAA.Status != StatusNoData {
		return
	}
	if m := x.exchange(ctx, query{name: a.Asked, qtype: mdns.TypeA})[0]; m.reply.Status != StatusNoData || m.negative {
		return
	}
	i := r.look(ctx, x, a, a.Registrable)
	if i.Parent.State != Delegated {
		return
	}
	const bare = "the resolver answers without records and without the SOA of the zone"
	a.Nameservers = slices.Clone(i.Parent.Nameservers)
	t := r.testify(ctx, x, i.Parent, a.Asked, allServers)
	switch {
	case t.split:
		i.Odds = bare + ", and the name servers are at odds: " + strings.Join(t.words(), "; ")
	case t.answer == nil && t.fault() != ReasonNone:
		i.Fault = t.fault()
		i.note(bare)
		i.Notes = append(i.Notes, t.words()...)
	case t.answer != nil && t.answer.told.status() != StatusNoData:
		i.Overruled = bare + "; " + t.answer.why
		r.overrule(ctx, x, a, t.answer)
		a.Apex.Status = StatusNoError
	}
}

// doubtSilence tells name servers that nobody gets an answer from apart from a resolver that is silent itself: it must
// answer something else meanwhile.
func (r *Resolver) doubtSilence(ctx context.Context, x exchanger, a *Answer) {
	if a.A.Status != StatusTimeout || a.AAAA.Status != StatusTimeout {
		return
	}
	if !r.reaches(ctx, x, a) {
		return
	}
	r.blame(ctx, x, a)
	if a.Inquiry.Fault != ReasonNone && !r.reaches(ctx, x, a) { // it may have gone while we asked, and so may the network
		a.Inquiry.Fault = ReasonNone
	}
}

// doubtFailure tells a name for which the resolver cannot get an answer from a resolver that gets none for any name, since it
// has lost its own way, or validates nothing any more: its clock may be wrong, or its anchor old, or the zone above bogus.
func (r *Resolver) doubtFailure(ctx context.Context, x exchanger, a *Answer, reason Reason) {
	if r.reaches(ctx, x, a) {
		if reason == ReasonDNSSECBogus {
			return
		}
		if r.blame(ctx, x, a); a.Inquiry.Fault == ReasonNone || r.reaches(ctx, x, a) {
			return
		}
	}
	if a.Inquiry == nil {
		a.Inquiry = &Inquiry{}
	}
	a.Inquiry.Fault = ReasonNone
	if ctx.Err() == nil {
		a.Inquiry.Odds = "the resolver gets no answer for another name of that zone either, so that this says nothing of the name"
	}
}

// reaches reports whether the resolver gets an answer for another name of the zone above, which it cannot have kept.
func (r *Resolver) reaches(ctx context.Context, x exchanger, a *Answer) bool {
	_, above, _ := strings.Cut(a.Registrable, ".")
	return x.exchange(ctx, query{name: randomLabel() + "." + above, qtype: mdns.TypeA})[0].reply.Status.OK()
}

// rewriting is what a resolver answers for names that cannot exist.
type rewriting struct {
	addrs []netip.Addr
}

// rewritten asks for a random name below a zone: NXDOMAIN is right. Where an address comes, and the servers of the zone
// themselves say that there is none, the resolver makes answers up.
func (r *Resolver) rewritten(ctx context.Context, x exchanger, zone string) []netip.Addr {
	key := zone
	if x.only != nil {
		key += " " + x.only.server.String()
	}
	return r.rewrites.get(key, func() (rewriting, bool) {
		name := randomLabel() + "." + zone
		m := x.exchange(ctx, query{name: name, qtype: mdns.TypeA})[0]
		if len(m.chain.addrs) == 0 {
			return rewriting{}, m.reply.Status.OK()
		}
		if d := r.askParent(ctx, x, name); d.State != Undelegated {
			return rewriting{}, d.State != DelegationUnknown // a wildcard of the zone's own
		}
		return rewriting{addrs: slices.Clone(m.chain.addrs)}, true
	}).addrs
}

// findHost asks the parent zone who serves the domain of a name that points elsewhere: name servers tell a parking page. One
// whose domain the parent does not know has addresses from a resolver that is out of date, or lies.
func (r *Resolver) findHost(ctx context.Context, x exchanger, a *Answer) {
	if a.Inquiry != nil && (a.Inquiry.Overruled != "" || a.Inquiry.Odds != "") || r.unheard() || ctx.Err() != nil {
		return
	}
	i := r.look(ctx, x, a, a.Registrable)
	switch i.Parent.State {
	case Delegated:
		a.Nameservers = slices.Clone(i.Parent.Nameservers)
	case Undelegated:
		i.Odds = "the resolver answers with addresses, while in the parent zone " + i.Parent.Why
	case Undivided, DelegationUnasked, DelegationUnknown:
	}
}

// lies is what is said of a resolver that makes answers up.
const lies = "the resolver answers with addresses for names that do not exist"

// unmask finds out whether the addresses that are nobody's of ours were made up by the resolver.
func (r *Resolver) unmask(ctx context.Context, x exchanger, a *Answer) {
	_, above, _ := strings.Cut(a.Registrable, ".")
	if len(r.rewritten(ctx, x, above)) == 0 {
		return
	}
	i := r.look(ctx, x, a, a.Registrable)
	switch i.Parent.State {
	case Undelegated:
		i.Overruled = lies + "; " + i.Parent.Why
		gone := Reply{Status: StatusNXDomain, Server: a.A.Server, Attempts: a.A.Attempts, Elapsed: a.A.Elapsed}
		a.A, a.AAAA, a.Apex = gone, gone, gone
		a.Addrs, a.CNAMEs, a.Dropped = nil, nil, 0
	case Delegated:
		t := r.testify(ctx, x, i.Parent, a.Asked, 2)
		if t.answer == nil || t.split {
			i.Odds = lies + ", and the name servers give no answer that tells"
			return
		}
		i.Overruled = lies + "; " + t.answer.why
		r.overrule(ctx, x, a, t.answer)
		a.Apex.Status = StatusNoError
		r.unmaskTarget(ctx, x, a)
	case Undivided, DelegationUnasked, DelegationUnknown:
		i.Odds = lies + ", and the parent zone does not tell whether this one does: " + i.Parent.Why
	}
}

// unmaskTarget does for the end of the CNAMEs what unmask does for the name: it may be what does not exist.
func (r *Resolver) unmaskTarget(ctx context.Context, x exchanger, a *Answer) {
	target := last(a.CNAMEs)
	domain := Registrable(target)
	_, above, _ := strings.Cut(domain, ".")
	if domain == "" || len(a.Addrs) == 0 || len(r.rewritten(ctx, x, above)) == 0 {
		return
	}
	i := r.look(ctx, x, a, domain)
	gone := func() {
		a.A.Status, a.AAAA.Status = StatusNXDomain, StatusNXDomain
		a.Addrs, a.Dropped = nil, 0
	}
	switch i.Parent.State {
	case Undelegated:
		gone()
	case Delegated:
		t := r.testify(ctx, x, i.Parent, target, 2)
		switch {
		case t.answer == nil || t.split:
			i.Odds = lies + ", and the name servers of " + target + " give no answer that tells"
		case t.answer.told.status() == StatusNXDomain:
			gone()
		default:
			r.overruleEnd(ctx, x, a, t.answer, target)
		}
	case Undivided, DelegationUnasked, DelegationUnknown:
		i.Odds = lies + ", and the parent zone does not tell whether " + target + " does: " + i.Parent.Why
	}
}

// resolveHosts asks the resolver for the name servers of a name that points elsewhere, unless they are known: those of a proxy's
// provider are a hint. It asks once a domain.
func (r *Resolver) resolveHosts(ctx context.Context, x exchanger, a *Answer) {
	if len(a.Addrs) == 0 || len(a.Nameservers) > 0 || a.Inquiry != nil && a.Inquiry.Odds != "" || ctx.Err() != nil {
		return
	}
	_, a.Nameservers = r.apex.get(a.Registrable, func() apexFacts {
		m := x.exchange(ctx, query{name: a.Registrable, qtype: mdns.TypeNS})[0]
		return apexFacts{reply: m.reply, nameservers: m.targets}
	})
}
