package dns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// lookup asks everything about one name: A and AAAA, and where these are not clean, what tells the cases apart.
func (r *Resolver) lookup(ctx context.Context, x *exchanger, q Question) Answer {
	began := r.cfg.Now()
	a := Answer{ID: q.ID, Name: q.Name, Asked: q.Name, Wildcard: q.Wildcard, Registrable: Registrable(q.Name)}
	if q.Wildcard {
		a.Asked = randomLabel() + "." + q.Name
	}
	r.addresses(ctx, x, &a)
	r.explainAbsence(ctx, x, &a)
	r.explainFailure(ctx, x, &a)
	a.Elapsed = r.cfg.Now().Sub(began)
	return a
}

// addresses asks for A and AAAA together and follows a chain that the server left open.
func (r *Resolver) addresses(ctx context.Context, x *exchanger, a *Answer) {
	replies := x.exchange(ctx, []query{{name: a.Asked, qtype: mdns.TypeA}, {name: a.Asked, qtype: mdns.TypeAAAA}})
	v4, v6 := replies[0], replies[1]
	a.A, a.AAAA = v4.reply, v6.reply
	chain4, chain6 := follow(a.Asked, v4), follow(a.Asked, v6)
	for range chainMax {
		end, open := openEnd(chain4, chain6)
		if !open || ctx.Err() != nil {
			break
		}
		more := x.exchange(ctx, []query{{name: end, qtype: mdns.TypeA}, {name: end, qtype: mdns.TypeAAAA}})
		a.A.extend(more[0].reply)
		a.AAAA.extend(more[1].reply)
		next4, next6 := follow(end, more[0]), follow(end, more[1])
		if len(next4.names) == 0 && len(next6.names) == 0 {
			next4.open, next6.open = false, false
		}
		chain4, chain6 = chain4.join(next4), chain6.join(next6)
	}
	a.CNAMEs = chain4.names
	if len(chain6.names) > len(chain4.names) {
		a.CNAMEs = chain6.names
	}
	a.Loop = chain4.loop || chain6.loop
	a.Addrs, a.Dropped = merge(chain4.addrs, chain6.addrs)
}

// extend makes r the outcome of a chain whose next part came to more.
func (r *Reply) extend(more Reply) {
	r.Status = more.Status
	r.EDE = append(r.EDE, more.EDE...)
	r.Attempts += more.Attempts
	r.Elapsed += more.Elapsed
}

// openEnd returns the name at which both chains stop without saying whether it has addresses.
func openEnd(v4, v6 chain) (string, bool) {
	if v4.loop || v6.loop || len(v4.addrs) > 0 || len(v6.addrs) > 0 {
		return "", false
	}
	for _, c := range []chain{v4, v6} {
		if c.open && len(c.names) > 0 {
			return c.names[len(c.names)-1], true
		}
	}
	return "", false
}

func merge(v4, v6 []netip.Addr) (addrs []netip.Addr, dropped int) {
	addrs = slices.Concat(v4, v6)
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	if len(addrs) > addrsMax {
		dropped = len(addrs) - addrsMax
		addrs = addrs[:addrsMax]
	}
	return addrs, dropped
}

// explainAbsence tells a missing host from a registrable domain that is not delegated (RFC 8020 §2).
func (r *Resolver) explainAbsence(ctx context.Context, x *exchanger, a *Answer) {
	if !a.absent() || len(a.CNAMEs) > 0 || a.Registrable == "" {
		return
	}
	if a.Asked == a.Registrable {
		a.Apex = a.A
		if a.A.Status != StatusNXDomain {
			a.Apex = a.AAAA
		}
		return
	}
	a.Apex, a.Nameservers = r.apex.get(a.Registrable, func() apexFacts {
		m := x.exchange(ctx, []query{{name: a.Registrable, qtype: mdns.TypeNS}})[0]
		return apexFacts{reply: m.reply, nameservers: m.targets(a.Registrable, mdns.TypeNS)}
	})
}

// servFailPause is the time after which a name that failed is asked for once more: a resolver that is busy or just
// starting answers SERVFAIL as well.
const servFailPause = 200 * time.Millisecond

// explainFailure asks, after SERVFAIL, whether it lasts, whether the name resolves without DNSSEC validation, and
// whether its CNAMEs go in a circle, which resolvers answer with SERVFAIL as well. The name counts as resolving only
// without validation when it fails with it before and after.
func (r *Resolver) explainFailure(ctx context.Context, x *exchanger, a *Answer) {
	if !a.fails() {
		return
	}
	pause(ctx, servFailPause)
	if r.addresses(ctx, x, a); !a.fails() {
		r.explainAbsence(ctx, x, a)
		return
	}
	cd := x.exchange(ctx, []query{{name: a.Asked, qtype: mdns.TypeA, checkingDisabled: true}})[0]
	if cd.reply.Status.OK() && !follow(a.Asked, cd).loop {
		if r.addresses(ctx, x, a); a.fails() {
			a.CheckingDisabled = cd.reply
		}
		return
	}
	a.CheckingDisabled = cd.reply
	r.walk(ctx, x, a)
}

// fails reports whether the answer is a SERVFAIL and nothing to go by.
func (a *Answer) fails() bool {
	return len(a.Addrs) == 0 && !a.Loop && (a.A.Status == StatusServFail || a.AAAA.Status == StatusServFail)
}

// walk follows CNAMEs one by one and notes a circle.
func (r *Resolver) walk(ctx context.Context, x *exchanger, a *Answer) {
	a.CNAMEs = nil
	seen := map[string]bool{a.Asked: true}
	name := a.Asked
	for range chainMax + 1 {
		m := x.exchange(ctx, []query{{name: name, qtype: mdns.TypeCNAME, checkingDisabled: true}})[0]
		targets := m.targets(name, mdns.TypeCNAME)
		if len(targets) == 0 {
			return
		}
		name = targets[0]
		a.CNAMEs = append(a.CNAMEs, name)
		if seen[name] {
			a.Loop = true
			return
		}
		seen[name] = true
	}
	a.Loop = true
}

// randomLabel returns a label that nobody has registered by chance: 16 hexadecimal digits.
func randomLabel() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "certscan-" + hex.EncodeToString(b[:])
}

// apexCache keeps what registrable domains said of themselves, so that a thousand hosts of one of them ask once.
type apexCache struct {
	mu      sync.Mutex // guards entries
	entries map[string]*apexEntry
}

type apexEntry struct {
	once  sync.Once
	facts apexFacts
}

type apexFacts struct {
	reply       Reply
	nameservers []string
}

const apexMax = 10_000 // entries kept; one costs some 300 bytes

func (c *apexCache) get(domain string, ask func() apexFacts) (Reply, []string) {
	c.mu.Lock()
	e := c.entries[domain]
	if e == nil {
		if c.entries == nil || len(c.entries) >= apexMax {
			c.entries = make(map[string]*apexEntry)
		}
		e = new(apexEntry)
		c.entries[domain] = e
	}
	c.mu.Unlock()
	e.once.Do(func() { e.facts = ask() })
	if !e.facts.reply.Status.OK() {
		c.forget(domain, e)
	}
	return e.facts.reply, e.facts.nameservers
}

// forget drops an entry that failed: the next host asks again.
func (c *apexCache) forget(domain string, e *apexEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[domain] == e {
		delete(c.entries, domain)
	}
}

// normal returns the form in which names are compared and kept: lower case, without the trailing dot.
func normal(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
