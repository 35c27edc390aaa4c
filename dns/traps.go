package dns

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// Traps is what may keep a CA from issuing for a name, or browsers away from us, though its addresses look well.
type Traps struct {
	CAA CAASet
	// State is what CAA means for the CA that was named, and Why in words.
	State CAAState
	Why   string
	HTTPS ServiceBinding
	// Wildcard is the zone below which any name has the same addresses as this one; empty where that is not so, or was not
	// asked.
	Wildcard string
}

// Limits of what one name makes us read and ask.
const (
	caaRecordsMax  = 64
	bindingsMax    = 8  // HTTPS records of a name
	bindingHintMax = 32 // addresses in them
)

// InquireTraps asks what [Traps] holds about a name whose addresses are known, and keeps it in a.Traps: CAA at the name and on
// the way up, judged for one CA; the HTTPS record; and whether a wildcard answers for the name. What zones have in common is asked
// once for a run. The Answer must be judged again.
func (r *Resolver) InquireTraps(ctx context.Context, a *Answer, ca CAARequest) {
	e := r.engage(ctx)
	defer r.release(e)
	x := exchanger{e: e}
	t := &Traps{CAA: r.climb(ctx, x, a.Name)}
	if t.CAA.FailedAt != "" && !r.reaches(ctx, x, a) {
		t.CAA = CAASet{} // it is our resolver that fails
	}
	t.State, t.Why = t.CAA.Judge(ca)
	if len(a.Addrs) > 0 {
		t.HTTPS = r.binding(ctx, x, a.Asked)
		t.Wildcard = r.wildcard(ctx, x, a)
	}
	if ctx.Err() == nil {
		a.Traps = t
	}
}

// wildcardFacts is where a random name of a zone leads.
type wildcardFacts struct {
	addrs []netip.Addr
	end   string // of its CNAMEs
}

// wildcard returns the parent of a name where a random name beside it leads to the same place (RFC 4592 §2.1.1).
func (r *Resolver) wildcard(ctx context.Context, x exchanger, a *Answer) string {
	_, parent, _ := strings.Cut(a.Asked, ".")
	if a.Wildcard || a.Registrable == "" || a.Asked == a.Registrable || !within(parent, a.Registrable) {
		return ""
	}
	f := r.wildcards.get(parent, func() (wildcardFacts, bool) {
		b := Answer{Asked: randomLabel() + "." + parent}
		r.addresses(ctx, x, &b)
		return wildcardFacts{addrs: b.Addrs, end: last(b.CNAMEs)}, b.A.Status.OK() && b.AAAA.Status.OK()
	})
	if len(f.addrs) > 0 && (slices.Equal(f.addrs, a.Addrs) || f.end != "" && f.end == last(a.CNAMEs)) {
		return parent
	}
	return ""
}

func last(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}

// ServiceBinding is what the HTTPS records of a name say (RFC 9460 §9).
type ServiceBinding struct {
	// Status is that of the question; unasked where the name has no address.
	Status Status
	// Hints are the addresses that the records hint at, and Targets the names they lead to other than the name itself.
	Hints   []netip.Addr
	Targets []string
	// TargetAddrs are the addresses of the targets.
	TargetAddrs []netip.Addr
}

// binding asks for the HTTPS records of a name, and for the addresses of where they lead.
func (r *Resolver) binding(ctx context.Context, x exchanger, name string) ServiceBinding {
	m := x.exchange(ctx, query{name: name, qtype: mdns.TypeHTTPS})[0]
	s := ServiceBinding{Status: m.reply.Status}
	records := m.records[:min(len(m.records), bindingsMax)]
	for _, rr := range records {
		h, ok := rr.(*mdns.HTTPS)
		if !ok {
			continue
		}
		if target := normal(h.Target); target != "" && target != name && !slices.Contains(s.Targets, target) {
			s.Targets = append(s.Targets, target)
		}
		for _, v := range h.Value {
			s.hint(v)
		}
	}
	for _, target := range s.Targets {
		b := Answer{Asked: target}
		r.addresses(ctx, x, &b)
		s.TargetAddrs = append(s.TargetAddrs, b.Addrs...)
	}
	return s
}

// hint takes the addresses of a parameter (RFC 9460 §7.3).
func (s *ServiceBinding) hint(v mdns.SVCBKeyValue) {
	add := func(ip []byte) {
		if a, ok := netip.AddrFromSlice(ip); ok && len(s.Hints) < bindingHintMax && !slices.Contains(s.Hints, a.Unmap()) {
			s.Hints = append(s.Hints, a.Unmap())
		}
	}
	switch v := v.(type) {
	case *mdns.SVCBIPv4Hint:
		for _, ip := range v.Hint {
			add(ip)
		}
	case *mdns.SVCBIPv6Hint:
		for _, ip := range v.Hint {
			add(ip)
		}
	}
}

// astray tells where the HTTPS records of a name lead that is not ours, while an address of it is; "" is nowhere.
func (j *judgement) astray() string {
	if j.a.Traps == nil || j.count(partyOurs) == 0 {
		return ""
	}
	b := &j.a.Traps.HTTPS
	var foreign []string
	for _, a := range slices.Concat(b.Hints, b.TargetAddrs) {
		if _, ours := j.n.Ours(a); !ours && !slices.Contains(j.origin, a) && !slices.Contains(foreign, a.String()) {
			foreign = append(foreign, a.String())
		}
	}
	switch {
	case len(foreign) == 0:
		return ""
	case len(b.Targets) > 0:
		return "the HTTPS record leads to " + some(b.Targets) + " and to " + some(foreign) + ", which is not ours"
	}
	return "the HTTPS record hints at " + some(foreign) + ", which is not ours"
}
