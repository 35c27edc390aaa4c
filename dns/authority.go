package dns

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

// stand is how one name server of a delegation stands to a name.
type stand int

const (
	standGood stand = iota // answers with authority, or refers further down
	standSilent
	standRefused
	standLame // an answer, without authority; or no address at all
)

// witness is what one name server of a delegation said of a name.
type witness struct {
	server zoneServer
	addr   netip.Addr // where it was asked last
	told   told
	stand  stand
	why    string
	refers *Delegation // to a zone further down
}

// testimony is what the servers of a delegation say of a name: in agreement, or not.
type testimony struct {
	witnesses []witness
	answer    *witness // one that answers with authority; nil where none does
	split     bool     // one says that the name exists, another that it does not
}

// allServers asks every server of a delegation.
const allServers = zoneServersMax

// testify asks the servers of a delegation for a name's A records, and follows referrals further down.
func (r *Resolver) testify(ctx context.Context, x exchanger, d Delegation, name string, most int) testimony {
	var t testimony
	for range zoneCutsMax {
		servers := r.addressesOf(ctx, x, d.Nameservers, d.glue)
		t = r.hear(ctx, servers[:min(len(servers), most)], d.Domain, query{name: name, qtype: mdns.TypeA})
		down := t.referral()
		if down == nil {
			return t
		}
		d = *down
	}
	return t
}

// referral returns where the servers refer to, if one does and none answers.
func (t *testimony) referral() *Delegation {
	if t.answer != nil {
		return nil
	}
	for i := range t.witnesses {
		if d := t.witnesses[i].refers; d != nil {
			return d
		}
	}
	return nil
}

// hear asks servers at once, each at its next address where the first one is silent.
func (r *Resolver) hear(ctx context.Context, servers []zoneServer, zone string, q query) testimony {
	t := testimony{witnesses: make([]witness, len(servers))}
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { t.witnesses[i] = r.question(ctx, s, zone, q) })
	}
	wg.Wait()
	var gone, there bool
	for i := range t.witnesses {
		w := &t.witnesses[i]
		if w.stand != standGood || w.refers != nil {
			continue
		}
		t.answer = cmp.Or(t.answer, w)
		gone = gone || w.told.status() == StatusNXDomain
		there = there || w.told.status() != StatusNXDomain
	}
	t.split = gone && there
	return t
}

func (r *Resolver) question(ctx context.Context, s zoneServer, zone string, q query) witness {
	w := witness{server: s, stand: standLame, why: s.why}
	for _, addr := range s.addrs {
		w.addr, w.told = addr, r.askDirectly(ctx, addr, q)
		w.judge(zone, q.name, addr)
		if w.stand == standGood {
			break
		}
	}
	w.why = s.name + " " + w.why
	return w
}

// judge finds how a server stands to a name by what it said.
func (w *witness) judge(zone, name string, addr netip.Addr) {
	m := w.told.msg
	if m == nil {
		w.stand, w.why = standSilent, fmt.Sprintf("(%s) gave no answer (%s)", addr, w.told.trouble)
		return
	}
	s := w.told.status()
	switch {
	case s == StatusRefused:
		w.stand, w.why = standRefused, fmt.Sprintf("(%s) answers REFUSED", addr)
	case m.Authoritative && s.OK():
		w.stand, w.why = standGood, fmt.Sprintf("(%s) answers %s with authority", addr, s)
	case s == StatusNoData && downward(m, zone, name) != "":
		child := downward(m, zone, name)
		w.refers = &Delegation{Domain: child, Zone: zone, State: Delegated, Nameservers: targets(m.Ns, child, mdns.TypeNS), glue: glueOf(m)}
		w.stand, w.why = standGood, fmt.Sprintf("(%s) refers to %s", addr, some(w.refers.Nameservers))
	case s.OK():
		w.stand, w.why = standLame, fmt.Sprintf("(%s) answers %s without authority", addr, s)
	default:
		w.stand, w.why = standLame, fmt.Sprintf("(%s) answers %s", addr, s)
	}
}

// downward returns the zone below that a reply refers to, on the way to the name; "" is none.
func downward(m *mdns.Msg, zone, name string) string {
	for _, rr := range m.Ns {
		owner := normal(rr.Header().Name)
		if rr.Header().Rrtype == mdns.TypeNS && owner != zone && within(owner, zone) && within(name, owner) {
			return owner
		}
	}
	return ""
}

// within reports whether a name is a zone's own, or below it.
func within(name, zone string) bool {
	return zone == "" || name == zone || strings.HasSuffix(name, "."+zone)
}

// fault says why the servers of a delegation give no answer: silence of all, refusal by all, or any other lack; none
// where one does.
func (t *testimony) fault() Reason {
	if len(t.witnesses) == 0 {
		return ReasonLame
	}
	count := map[stand]int{}
	for i := range t.witnesses {
		count[t.witnesses[i].stand]++
	}
	switch {
	case count[standGood] > 0:
		return ReasonNone
	case count[standSilent] == len(t.witnesses):
		return ReasonTimeout
	case count[standRefused] == len(t.witnesses):
		return ReasonRefused
	}
	return ReasonLame
}

// words tells what each server said.
func (t *testimony) words() []string {
	var out []string
	for i := range t.witnesses {
		out = append(out, t.witnesses[i].why)
	}
	if len(out) == 0 {
		out = []string{"the delegation names no server"}
	}
	return out
}

// overrule puts what a name server said with authority in the place of what the resolver said.
func (r *Resolver) overrule(ctx context.Context, x exchanger, a *Answer, w *witness) {
	a.CNAMEs = nil
	r.overruleEnd(ctx, x, a, w, a.Asked)
	a.Nameservers = slices.Clone(a.Inquiry.Parent.Nameservers)
}

// overruleEnd is overrule of what the resolver said of the end of the CNAME chain alone: that up to there stands.
func (r *Resolver) overruleEnd(ctx context.Context, x exchanger, a *Answer, w *witness, end string) {
	var replies [2]message
	for i, qtype := range families {
		q := query{name: end, qtype: qtype}
		t := w.told
		if qtype != mdns.TypeA {
			t = r.askDirectly(ctx, w.addr, q)
		}
		replies[i] = message{qtype: qtype, reply: Reply{Status: StatusTimeout, Attempts: 1, Trouble: t.trouble}}
		if t.msg != nil {
			replies[i] = newMessage(q, t.msg)
			replies[i].reply.Attempts = 1
		}
		replies[i].reply.Server = netip.AddrPortFrom(w.addr, directPort)
		replies[i].chain = chain{names: slices.Clone(a.CNAMEs)}.join(replies[i].chain)
	}
	r.chase(ctx, x, a, replies[0], replies[1])
	a.CheckingDisabled = Reply{}
}
