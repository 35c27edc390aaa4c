package scan

import (
	"cmp"
	"context"
	"net/netip"

	"certscan/dns"
	"certscan/inventory"
	"certscan/triage"
)

// wondrous reports whether a verdict leaves something to ask of name servers and registries. A clean name leaves nothing,
// and, where no registry is asked, neither does one that does not exist.
func (r *run) wondrous(o *dns.Ownership) bool {
	switch o.Verdict {
	case dns.Moved, dns.NoAddress, dns.Dangling, dns.Broken, dns.Unknown, dns.Private:
		return true
	case dns.NotDelegated, dns.NameMissing:
		return r.Registry != nil
	case dns.Parked, dns.Mixed, dns.Proxied, dns.Resolved, dns.Free, dns.Expired, dns.OnHold, dns.Invalid:
	}
	return false
}

// expected reports whether a verdict is what the list says of a name, so that nobody is asked why.
func expected(o *dns.Ownership, d *inventory.Domain) bool {
	return o.Verdict == dns.Private && d.Expect == inventory.ExpectInternal || o.Verdict == dns.Moved && d.Expect == inventory.ExpectElsewhere
}

// inquire asks the name servers themselves, then the registry, then a resolver of another operator where the verdict takes
// two, and returns the verdict that follows.
func (r *run) inquire(ctx context.Context, a *dns.Answer, o dns.Ownership, origin []netip.Addr) dns.Ownership {
	r.Resolver.Inquire(ctx, a, &o)
	if a.Inquiry != nil || len(a.Nameservers) > 0 {
		o = r.Networks.Judge(a, origin...)
	}
	if r.Registry != nil {
		r.Registry.Inform(ctx, a, &o)
		if a.Inquiry != nil {
			o = r.Networks.Judge(a, origin...)
		}
	}
	if o.TakesTwo() {
		r.Resolver.Confirm(ctx, a, &o)
		o = r.Networks.Judge(a, origin...)
	}
	return o
}

// registered reports whether the registration of a name is looked up though nothing is to be asked about it: it is clean,
// or what the list says that it is.
func (r *run) registered(a *dns.Answer, o *dns.Ownership, d *inventory.Domain) bool {
	if r.RegistrationEvery <= 0 || r.Registry == nil || a.Registrable == "" {
		return false
	}
	switch o.Verdict {
	case dns.Parked, dns.Mixed, dns.Proxied, dns.Resolved:
		return true
	case dns.Private, dns.Moved:
		return expected(o, d)
	case dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling, dns.Broken,
		dns.Invalid, dns.Unknown:
	}
	return false
}

// refresh adds what the registry says of a clean name, or said. The verdict stands: it is none of the registry's.
func (r *run) refresh(ctx context.Context, a *dns.Answer) {
	if a.Inquiry == nil {
		a.Inquiry = &dns.Inquiry{}
	}
	if a.Inquiry.Registration.State == "" {
		a.Inquiry.Registration = r.Registry.Refresh(ctx, a.Registrable, r.RegistrationEvery)
	}
}

// ask asks what a verdict leaves open: of name servers and registries, then of the servers themselves.
func (r *run) ask(ctx context.Context, a *dns.Answer, o dns.Ownership, d *inventory.Domain) dns.Ownership {
	origin := originAddrs(d)
	if r.wondrous(&o) && !expected(&o, d) {
		o = r.inquire(ctx, a, o, origin)
	}
	if r.provable(a, &o, d) {
		o = r.prove(ctx, a, d)
	}
	return o
}

// judgeFurther judges one further name. The registration of a clean one is looked up where it is not that of the first.
func (r *run) judgeFurther(ctx context.Context, a *dns.Answer, f *triage.Facts) dns.Ownership {
	d := inventory.Domain{Name: a.Name, Origin: f.Domain.Origin}
	o := r.ask(ctx, a, r.Networks.Judge(a, originAddrs(&d)...), &d)
	if a.Registrable != f.DNS.Registrable && r.registered(a, &o, &d) {
		r.refresh(ctx, a)
	}
	if r.trapped(a, &o) {
		o = r.trap(ctx, a, &f.Domain, originAddrs(&d))
	}
	return o
}

// trapped reports whether CAA, HTTPS records and wildcards are asked about: where the name leads to us or may, and for a
// wildcard below which nothing need be.
func (r *run) trapped(a *dns.Answer, o *dns.Ownership) bool {
	if !r.Traps {
		return false
	}
	switch o.Verdict {
	case dns.Parked, dns.Mixed, dns.Proxied, dns.Resolved, dns.Private:
		return true
	case dns.NameMissing, dns.NoAddress:
		return a.Wildcard
	case dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.Dangling, dns.Broken, dns.Invalid, dns.Unknown:
	}
	return false
}

// trap asks about them, and returns the verdict with what was found.
func (r *run) trap(ctx context.Context, a *dns.Answer, d *inventory.Domain, origin []netip.Addr) dns.Ownership {
	method := cmp.Or(d.Challenge, "http-01")
	if a.Wildcard {
		method = "dns-01" // no other challenge proves one (RFC 8555 §8.4)
	}
	r.Resolver.InquireTraps(ctx, a, dns.CAARequest{Issuer: r.Issuer, Method: method, Wildcard: a.Wildcard})
	return r.Networks.Judge(a, origin...)
}
