package scan

import (
	"context"
	"net/netip"
	"net/url"
	"strings"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

const (
	proofsPerFamily = 2  // addresses of each family that are asked for the proof
	serversMax      = 16 // machines of ours that are tried for one name
)

// provable reports whether a name is to be asked for our proof: one behind a proxy, or that looks as if it could be, unless
// the list says that nobody waits for our server there.
func (r *run) provable(a *dns.Answer, o *dns.Ownership, d *inventory.Domain) bool {
	if r.Prover == nil || r.Unowned || r.NoHTTP || a.Proof != nil || d.Expect == inventory.ExpectElsewhere || d.Expect == inventory.ExpectRetired {
		return false
	}
	return o.Verdict == dns.Proxied || r.Networks.MaybeProxied(a, o)
}

// prove asks a name's addresses for the proof, one after the other until one shows it; then, where a site answers that does
// not know it, our own servers, which tell whether it is installed. It keeps the answers and returns the verdict that follows.
func (r *run) prove(ctx context.Context, a *dns.Answer, d *inventory.Domain) dns.Ownership {
	p := &dns.Proof{}
	for _, addr := range someOf(a.Addrs) {
		if p.Edge = append(p.Edge, r.proofOf(ctx, a, addr, probe.ViaDNS)); p.Proven() || ctx.Err() != nil {
			break
		}
	}
	if p.WantsOrigin(a) {
		p.Origin = r.proofsAtOrigin(ctx, a, d)
	}
	if ctx.Err() != nil {
		return dns.CannotTell("the run was cut before the name was finished")
	}
	a.Proof = p
	return r.Networks.Judge(a, originAddrs(d)...)
}

// proofsAtOrigin asks our own servers: those of the name, else each that may be and shows a certificate for it.
func (r *run) proofsAtOrigin(ctx context.Context, a *dns.Answer, d *inventory.Domain) []dns.ProofAnswer {
	var out []dns.ProofAnswer
	addrs := originAddrs(d)
	given := len(addrs) > 0
	if !given {
		addrs = r.candidates()
	}
	for _, addr := range addrs[:min(len(addrs), serversMax)] {
		if ctx.Err() != nil {
			break
		}
		q := r.Prover.Ask(ctx, r.proofTarget(a, addr, probe.ViaOrigin))
		if !given && !q.Covered {
			continue
		}
		out = append(out, proofAnswer(&q))
		if q.Nonce {
			break
		}
	}
	return out
}

func (r *run) proofTarget(a *dns.Answer, addr netip.Addr, via probe.Via) probe.Target {
	return probe.Target{Name: a.Asked, Addr: netip.AddrPortFrom(addr, r.Port), Via: via, HTTP: true, HTTPPort: r.HTTPPort}
}

func (r *run) proofOf(ctx context.Context, a *dns.Answer, addr netip.Addr, via probe.Via) dns.ProofAnswer {
	q := r.Prover.Ask(ctx, r.proofTarget(a, addr, via))
	return proofAnswer(&q)
}

// proofAnswer tells the judge what was seen.
func proofAnswer(q *probe.Proof) dns.ProofAnswer {
	out := dns.ProofAnswer{
		Addr: q.Target.Addr.Addr(), Status: q.Status, Token: q.Token, Nonce: q.Nonce, Server: q.Server, Challenge: q.Challenge,
	}
	if q.Err != nil {
		out.Trouble = string(q.Err.Code)
	}
	if u, err := url.Parse(q.Location); err == nil {
		if d, err := inventory.Parse(u.Hostname()); err == nil && d.Invalid == "" {
			out.RedirectHost = strings.TrimSuffix(d.Name, ".")
		}
	}
	return out
}

// someOf returns a few addresses of each family.
func someOf(addrs []netip.Addr) []netip.Addr {
	var out []netip.Addr
	taken := map[bool]int{}
	for _, a := range addrs {
		if taken[a.Is4()] < proofsPerFamily {
			taken[a.Is4()]++
			out = append(out, a)
		}
	}
	return out
}

// candidates are our machines that a name without an origin of its own may be served by.
func (r *run) candidates() []netip.Addr { return r.Servers[:min(len(r.Servers), serversMax)] }

// origins says at which of our own servers a proxied name is looked at beside the proxy's edge: its origin, else every
// machine of ours that may be.
func (r *run) origins(f *triage.Facts) []probe.Target {
	d := &f.Domain
	if f.Owner.Verdict != dns.Proxied || !r.dials(f.Owner, d) || d.Wildcard() || d.Expect == inventory.ExpectElsewhere || d.Expect == inventory.ExpectRetired {
		return nil
	}
	addrs := originAddrs(d)
	if len(d.Origin) == 0 {
		addrs = r.candidates()
	}
	var out []probe.Target
	for _, addr := range addrs[:min(len(addrs), serversMax)] {
		out = append(out, r.at(d, d.Name, addr, probe.ViaOrigin)...)
	}
	return out
}

// serving returns what was seen but for the servers that showed no certificate for the name: they do not serve it.
func (l *look) serving() []probe.Observation {
	out := l.probes[: len(l.probes)-l.guesses : len(l.probes)-l.guesses]
	for _, o := range l.probes[len(out):] {
		if o.TLS != nil && o.TLS.NameMatches {
			out = append(out, o)
		}
	}
	return out
}
