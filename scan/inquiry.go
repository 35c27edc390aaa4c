package scan

import (
	"context"
	"net/netip"

	"certscan/dns"
	"certscan/inventory"
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

// inquire asks the name servers themselves, then the registry, and returns the verdict that follows.
func (r *run) inquire(ctx context.Context, a *dns.Answer, o dns.Ownership, origin []netip.Addr) dns.Ownership {
	r.Resolver.Inquire(ctx, a, &o)
	if a.Inquiry != nil {
		o = r.Networks.Judge(a, origin...)
	}
	if r.Registry == nil {
		return o
	}
	r.Registry.Inform(ctx, a, &o)
	if a.Inquiry != nil {
		o = r.Networks.Judge(a, origin...)
	}
	return o
}

// judgeFurther judges one further name.
func (r *run) judgeFurther(ctx context.Context, a *dns.Answer, origin []netip.Addr) dns.Ownership {
	o := r.Networks.Judge(a, origin...)
	if r.wondrous(&o) {
		o = r.inquire(ctx, a, o, origin)
	}
	return o
}
