package scan

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

// notHTTP holds the registered TLS ports of protocols other than HTTP (IANA service names).
var notHTTP = []uint16{
	25, 110, 143, 389, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 3306, 3389, 4460, 5061, 5223, 5269, 5349,
	5432, 5671, 6379, 6697, 8883, 9093,
}

// aims says what is dialled for a name whose ownership was judged, and what had no address to dial.
func (r *run) aims(ctx context.Context, f *triage.Facts) (targets []probe.Target, missing []probe.Observation) {
	if d := &f.Domain; len(d.Verify) > 0 && (d.Wildcard() || d.Expect == inventory.ExpectInternal) {
		return r.verify(ctx, f)
	}
	return r.targets(f), nil
}

// targets says what is dialled for a name whose ownership was judged.
func (r *run) targets(f *triage.Facts) []probe.Target {
	d := &f.Domain
	if d.Wildcard() || !r.dials(f.Owner, d) {
		return nil
	}
	var out []probe.Target
	for _, addr := range f.DNS.Addrs {
		if f.Owner.Verdict == dns.Private && !r.Networks.Dialable(addr) {
			continue // the verdict says it already
		}
		out = append(out, r.at(d, d.Name, addr, probe.ViaDNS)...)
	}
	return out
}

// dials reports whether a verdict lets a name's addresses be dialled at all.
func (r *run) dials(o *dns.Ownership, d *inventory.Domain) bool {
	switch o.Verdict {
	case dns.Parked, dns.Mixed, dns.Resolved:
		return true
	case dns.Proxied:
		return r.DialAll || o.Reason != dns.ReasonNotOurs
	case dns.Private:
		return r.DialAll || d.Expect == inventory.ExpectInternal
	case dns.Moved:
		return r.DialAll
	case dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling, dns.Broken,
		dns.Invalid, dns.Unknown:
	}
	return false
}

// verify finds the hosts that show the certificate of a wildcard or an internal name. One without an address is an
// observation that failed.
func (r *run) verify(ctx context.Context, f *triage.Facts) (targets []probe.Target, missing []probe.Observation) {
	for _, host := range f.Domain.Verify {
		if addr, err := netip.ParseAddr(host); err == nil {
			targets = append(targets, r.at(&f.Domain, f.DNS.Asked, addr.Unmap(), probe.ViaGiven)...)
			continue
		}
		a := r.Resolver.Lookup(ctx, dns.Question{Name: host})
		if len(a.Addrs) == 0 {
			missing = append(missing, r.unresolved(ctx, &job{domain: inventory.Domain{Name: host, Ports: f.Domain.Ports}, answer: &a}))
		}
		for _, addr := range a.Addrs {
			targets = append(targets, r.at(&f.Domain, host, addr, probe.ViaGiven)...)
		}
	}
	return targets, missing
}

// given says what is dialled where ownership is left out: the given address, or all that the DNS has.
func (r *run) given(j *job) []probe.Target {
	if j.domain.At.IsValid() {
		return r.at(&j.domain, j.domain.Name, j.domain.At, probe.ViaGiven)
	}
	var out []probe.Target
	if j.answer != nil {
		for _, addr := range j.answer.Addrs {
			out = append(out, r.at(&j.domain, j.domain.Name, addr, probe.ViaDNS)...)
		}
	}
	return out
}

// unresolved is the observation of a name that has no address to dial.
func (r *run) unresolved(ctx context.Context, j *job) probe.Observation {
	o := probe.Observation{At: r.Now().UTC(), Target: probe.Target{Name: j.domain.Name, Via: probe.ViaDNS}}
	o.Target.Addr = netip.AddrPortFrom(netip.Addr{}, append(slices.Clip(j.domain.Ports), r.Port)[0])
	o.Err = &probe.Error{Step: probe.StepDNS, Code: probe.CodeUnreachable}
	switch a := j.answer; {
	case a == nil || ctx.Err() != nil:
		o.Err.Code, o.Err.Detail = probe.CodeCanceled, cmp.Or(r.blind, "the run was cut")
	case a.A.Status == dns.StatusTimeout && a.AAAA.Status == dns.StatusTimeout:
		o.Err.Code, o.Err.Detail = probe.CodeTimeout, "no resolver answered"
	default:
		o.Err.Detail = fmt.Sprintf("the name has no address: A %s, AAAA %s", a.A.Status, a.AAAA.Status)
	}
	return o
}

// at returns the targets of one address, a port each. Plain HTTP is asked once an address, beside the run's own port.
func (r *run) at(d *inventory.Domain, name string, addr netip.Addr, via probe.Via) []probe.Target {
	if d.Expect == inventory.ExpectPlainHTTP {
		plain := netip.AddrPortFrom(addr, r.HTTPPort)
		return []probe.Target{{Name: name, Addr: plain, Via: via, HTTP: true, HTTPPort: r.HTTPPort, PlainOnly: true}}
	}
	ports := d.Ports
	if len(ports) == 0 {
		ports = []uint16{r.Port}
	}
	var out []probe.Target
	for _, port := range ports {
		t := probe.Target{Name: name, Addr: netip.AddrPortFrom(addr, port), Via: via}
		if !r.NoHTTP && !slices.Contains(notHTTP, port) {
			t.HTTP = true
			if port == r.Port {
				t.HTTPPort = r.HTTPPort
			}
		}
		out = append(out, t)
	}
	return out
}

// ours returns those of the probed addresses that are ours, sorted.
func (r *run) ours(probes []probe.Observation, origin []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for i := range probes {
		addr := probes[i].Target.Addr.Addr()
		if _, ok := r.Networks.Ours(addr); ok || slices.Contains(origin, addr) {
			out = append(out, addr)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// originAddrs returns the addresses among a domain's origins.
func originAddrs(d *inventory.Domain) []netip.Addr {
	var out []netip.Addr
	for _, o := range d.Origin {
		if a, err := netip.ParseAddr(o); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}

// further looks at the other names of the same input: the list's own, and the www. that the served certificate covers.
func (r *run) further(ctx context.Context, f *triage.Facts) []triage.NameFacts {
	served := servedNames(f.Probes)
	names := f.Domain.SANs
	if www := "www." + f.Domain.Name; !strings.HasPrefix(f.Domain.Name, "www.") && !f.Domain.Wildcard() && covers(served, www) {
		names = append(slices.Clip(names), www)
	}
	seen := map[string]bool{f.Domain.Name: true}
	var out []triage.NameFacts
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		base, wildcard := strings.CutPrefix(name, "*.")
		a := r.Resolver.Lookup(ctx, dns.Question{Name: base, Wildcard: wildcard})
		o := r.judgeFurther(ctx, &a, f)
		out = append(out, triage.NameFacts{Name: name, DNS: a, Owner: o, Covered: covers(served, name)})
	}
	return out
}

// servedNames returns the names of the first certificate seen that covers its own target.
func servedNames(probes []probe.Observation) []string {
	for i := range probes {
		if h := probes[i].TLS; h != nil && h.NameMatches && len(h.Chain) > 0 {
			return h.Chain[0].Names
		}
	}
	return nil
}

// covers reports whether a certificate's names cover a name, a wildcard standing for one label (RFC 9525 §6.3).
func covers(names []string, name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	for _, n := range names {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if n == name || (n == "*."+parent && !strings.HasPrefix(name, "*.")) {
			return true
		}
	}
	return false
}
