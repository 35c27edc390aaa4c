package probe

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// Bytes that the caches may take. A described chain takes about one kilobyte, an issuer some ten.
const (
	chainsRoom  = 4 << 20
	issuersRoom = 4 << 20
)

type fingerprint = [sha256.Size]byte

// chain is what is known of certificates that were sent together.
type chain struct {
	certs      []Certificate
	mustStaple bool // of the leaf
	state      ChainState
	detail     string
	judged     interval // in which the judgement stands
	size       int
}

// interval is a time from its first instant to before its second.
type interval struct{ from, to time.Time }

func (i interval) contains(t time.Time) bool { return !t.Before(i.from) && t.Before(i.to) }

// chains judges chains, each once as long as no date in it is passed. Issuers are kept as well: crypto/tls parses no
// certificate that somebody still holds, and the signature of an issuer that a root vouched for need not be verified
// for each of its leaves.
type chains struct {
	trust *trustStore

	mu      sync.Mutex // guards both caches
	known   *cache[fingerprint, *chain]
	issuers *cache[fingerprint, *issuer]
}

// issuer is a certificate that was sent after a leaf.
type issuer struct {
	cert  *x509.Certificate
	about Certificate
	vouch *voucher // nil where no root of ours issued it
}

func newChains(trust *trustStore) *chains {
	return &chains{trust: trust, known: newCache[fingerprint, *chain](chainsRoom), issuers: newCache[fingerprint, *issuer](issuersRoom)}
}

// look describes a chain and says how it verifies.
func (c *chains) look(sent []*x509.Certificate, now time.Time) *chain {
	sums := make([]fingerprint, len(sent))
	together := sha256.New()
	for i, cert := range sent {
		sums[i] = sha256.Sum256(cert.Raw)
		together.Write(sums[i][:]) // a hash takes everything
	}
	key := fingerprint(together.Sum(nil))
	at := within(sent[0], now)
	c.mu.Lock()
	known, ok := c.known.get(key, func(k *chain) int { return k.size })
	c.mu.Unlock()
	if ok && known.judged.contains(at) {
		return known
	}
	fresh := &chain{mustStaple: mustStaple(sent[0])}
	if ok {
		fresh.certs = known.certs
	} else {
		fresh.certs = c.describe(sent, sums)
	}
	fresh.state, fresh.detail = c.judge(sent, sums, now)
	fresh.judged = c.trust.stands(sent, at)
	fresh.size = fresh.weigh()
	c.mu.Lock()
	c.known.put(key, fresh, fresh.size)
	c.mu.Unlock()
	return fresh
}

// describe returns what is kept of certificates; what is known of issuers is shared.
func (c *chains) describe(sent []*x509.Certificate, sums []fingerprint) []Certificate {
	out := make([]Certificate, len(sent))
	out[0] = describe(sent[0])
	for i := 1; i < len(sent); i++ {
		out[i] = c.issuer(sent[i], sums[i]).about
	}
	return out
}

func (c *chains) issuer(cert *x509.Certificate, sum fingerprint) *issuer {
	weigh := func(known *issuer) int { return 4<<10 + 4*len(known.cert.Raw) }
	c.mu.Lock()
	known, ok := c.issuers.get(sum, weigh)
	c.mu.Unlock()
	if ok {
		return known
	}
	known = &issuer{cert: cert, about: describe(cert), vouch: c.trust.vouchFor(cert)}
	c.mu.Lock()
	c.issuers.put(sum, known, weigh(known))
	c.mu.Unlock()
	return known
}

// judge says how a chain verifies: by its first issuer, where a root of ours has vouched for it, else from
// the beginning.
func (c *chains) judge(sent []*x509.Certificate, sums []fingerprint, now time.Time) (ChainState, string) {
	if len(sent) > 1 {
		if v := c.issuer(sent[1], sums[1]).vouch; v != nil && v.covers(sent, within(sent[0], now)) {
			return ChainOK, ""
		}
	}
	return c.trust.judge(sent, now)
}

// stands returns the time around an instant in which a judgement of the chain stands: until a certificate of it, or a root
// that it may end in, begins or ends.
func (s *trustStore) stands(sent []*x509.Certificate, at time.Time) interval {
	i := interval{to: time.Unix(1<<40, 0)}
	for _, cert := range slices.Concat(sent, s.candidates(sent[0], sent[1:])) {
		for _, edge := range []time.Time{cert.NotBefore, cert.NotAfter.Add(1)} { // both ends are inside (RFC 5280 §4.1.2.5)
			if edge.After(at) && edge.Before(i.to) {
				i.to = edge
			}
			if !edge.After(at) && edge.After(i.from) {
				i.from = edge
			}
		}
	}
	return i
}

// weigh says how many bytes a chain takes, about.
func (c *chain) weigh() int {
	const fixed, each = 512, 384
	n := fixed
	for i := range c.certs {
		cert := &c.certs[i]
		n += each + len(cert.CommonName) + len(cert.Issuer)
		for _, name := range cert.Names {
			n += 16 + len(name)
		}
	}
	return n
}
