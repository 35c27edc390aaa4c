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

// families are the two types that every name is asked for.
var families = [2]uint16{mdns.TypeA, mdns.TypeAAAA}

// exchanger asks queries by an engine: all servers in order, or only one.
type exchanger struct {
	e    *engine
	only *upstream
}

func (x exchanger) exchange(ctx context.Context, queries ...query) []message {
	return x.e.exchange(ctx, x.only, queries)
}

// asked returns the name that goes on the wire.
func (q Question) asked() string {
	if q.Wildcard {
		return randomLabel() + "." + q.Name
	}
	return q.Name
}

// answer is the Answer to a question of which nothing is known yet.
func (q Question) answer(asked string) Answer {
	return Answer{ID: q.ID, Name: q.Name, Asked: asked, Wildcard: q.Wildcard, Registrable: Registrable(q.Name)}
}

// lookup asks everything about one name: A and AAAA, and where these are not clean, what tells the cases apart.
func (r *Resolver) lookup(ctx context.Context, x exchanger, q Question) Answer {
	began := x.e.now()
	a := q.answer(q.asked())
	r.addresses(ctx, x, &a)
	r.investigate(ctx, x, &a)
	a.Elapsed = x.e.now() - began
	return a
}

// glance makes an answer of a task's two replies. It is not clear where there is more to ask.
func (r *Resolver) glance(t *task) (a Answer, clear bool) {
	v4, v6 := &t.queries[0].out, &t.queries[1].out
	a = t.question.answer(t.asked)
	if _, open := openEnd(v4.chain, v6.chain); open {
		return a, false
	}
	a.A, a.AAAA = v4.reply, v6.reply
	a.conclude(v4.chain, v6.chain)
	if a.fails() || a.absent() && !a.tellsApex() {
		return a, false
	}
	return a, true
}

// addresses asks for A and AAAA together and follows a chain that the server left open.
func (r *Resolver) addresses(ctx context.Context, x exchanger, a *Answer) {
	replies := x.exchange(ctx, query{name: a.Asked, qtype: mdns.TypeA}, query{name: a.Asked, qtype: mdns.TypeAAAA})
	r.chase(ctx, x, a, replies[0], replies[1])
}

// chase follows a chain that the server left open to its end.
func (r *Resolver) chase(ctx context.Context, x exchanger, a *Answer, v4, v6 message) {
	a.A, a.AAAA = v4.reply, v6.reply
	chain4, chain6 := v4.chain, v6.chain
	for range chainMax {
		end, open := openEnd(chain4, chain6)
		if !open || ctx.Err() != nil {
			break
		}
		more := x.exchange(ctx, query{name: end, qtype: mdns.TypeA}, query{name: end, qtype: mdns.TypeAAAA})
		a.A.extend(more[0].reply)
		a.AAAA.extend(more[1].reply)
		next4, next6 := more[0].chain, more[1].chain
		if len(next4.names) == 0 && len(next6.names) == 0 {
			next4.open, next6.open = false, false
		}
		chain4, chain6 = chain4.join(next4), chain6.join(next6)
	}
	a.conclude(chain4, chain6)
}

// conclude keeps where the chains of both families lead.
func (a *Answer) conclude(chain4, chain6 chain) {
	a.CNAMEs = chain4.names
	if len(chain6.names) > len(chain4.names) {
		a.CNAMEs = chain6.names
	}
	a.Loop = chain4.loop || chain6.loop
	a.Addrs, a.Dropped = merge(chain4.addrs, chain6.addrs)
}

// investigate asks what tells the cases apart where a name is not clean.
func (r *Resolver) investigate(ctx context.Context, x exchanger, a *Answer) {
	r.explainAbsence(ctx, x, a)
	r.explainFailure(ctx, x, a)
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

// tellsApex notes what an absent name says of its registrable domain, where that needs no query; false where it does.
func (a *Answer) tellsApex() bool {
	if len(a.CNAMEs) > 0 || a.Registrable == "" {
		return true
	}
	if a.Asked != a.Registrable {
		return false
	}
	a.Apex = a.A
	if a.A.Status != StatusNXDomain {
		a.Apex = a.AAAA
	}
	return true
}

// explainAbsence tells a missing host from a registrable domain that is not delegated (RFC 8020 §2).
func (r *Resolver) explainAbsence(ctx context.Context, x exchanger, a *Answer) {
	if !a.absent() || a.tellsApex() {
		return
	}
	a.Apex, a.Nameservers = r.apex.get(a.Registrable, func() apexFacts {
		m := x.exchange(ctx, query{name: a.Registrable, qtype: mdns.TypeNS})[0]
		return apexFacts{reply: m.reply, nameservers: m.targets}
	})
}

// servFailPause is the time after which a name that failed is asked for once more: a resolver that is busy or just
// starting answers SERVFAIL as well.
const servFailPause = 200 * time.Millisecond

// explainFailure asks, after SERVFAIL, whether it lasts, whether the name resolves without DNSSEC validation, and
// whether its CNAMEs go in a circle, which resolvers answer with SERVFAIL as well. The name counts as resolving only
// without validation when it fails with it before and after.
func (r *Resolver) explainFailure(ctx context.Context, x exchanger, a *Answer) {
	if !a.fails() {
		return
	}
	pause(ctx, servFailPause)
	if r.addresses(ctx, x, a); !a.fails() {
		r.explainAbsence(ctx, x, a)
		return
	}
	cd := x.exchange(ctx, query{name: a.Asked, qtype: mdns.TypeA, checkingDisabled: true})[0]
	if cd.reply.Status.OK() && !cd.chain.loop {
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
func (r *Resolver) walk(ctx context.Context, x exchanger, a *Answer) {
	a.CNAMEs = nil
	seen := map[string]bool{a.Asked: true}
	name := a.Asked
	for range chainMax + 1 {
		targets := x.exchange(ctx, query{name: name, qtype: mdns.TypeCNAME, checkingDisabled: true})[0].targets
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

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-limited.Done()
	return ctx.Err() == nil
}

// normal returns the form in which names are compared and kept: lower case, without the trailing dot.
func normal(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
