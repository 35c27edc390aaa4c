package probe

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestChainsKnowTheSameLeafInAnotherChain sends one leaf with different company.
func TestChainsKnowTheSameLeafInAnotherChain(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	c := newChains(trusting(t, w.root.cert))
	leaf := w.leaf(t, w.intermediate, nil)
	for range 2 {
		for _, row := range []struct {
			sent []*x509.Certificate
			want ChainState
		}{
			{[]*x509.Certificate{leaf, w.intermediate.cert}, ChainOK},
			{[]*x509.Certificate{leaf}, ChainUntrusted},
			{[]*x509.Certificate{leaf, w.foreignInter.cert}, ChainUntrusted},
			{[]*x509.Certificate{leaf, w.root.cert, w.intermediate.cert}, ChainMisordered},
			{[]*x509.Certificate{leaf, w.intermediate.cert, w.root.cert}, ChainOK},
		} {
			got := c.look(row.sent, now)
			if got.state != row.want || len(got.certs) != len(row.sent) {
				t.Errorf("%d certificates: %s (%s), %d described; want %s", len(row.sent), got.state, got.detail, len(got.certs), row.want)
			}
		}
	}
}

// policies gives a certificate a policy, and lets it demand an acceptable one of its path (RFC 5280 §4.2.1.4, §4.2.1.11).
func policies(policy byte, demand bool) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: []byte{0x30, 6, 0x30, 4, 6, 2, 0x2a, policy}}}
		if demand {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Value: []byte{0x30, 3, 0x80, 1, 0}})
		}
	}
}

// TestChainsAgree compares every judgement by way of the caches with the one from the beginning, in the course of time.
func TestChainsAgree(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	soon := template("Soon Over")
	validity(-100*day, 5*day)(soon)
	brief := sign(t, soon, w.root)
	short := template("No Leaf Below")
	short.MaxPathLen, short.MaxPathLenZero = 0, true
	tight := sign(t, short, nil)
	ending := template("Root That Ends First")
	validity(-100*day, 5*day)(ending)
	passing := sign(t, ending, nil)
	outliving := sign(t, template("Outliving"), passing)
	s := trusting(t, w.root.cert, tight.cert, passing.cert)
	c := newChains(s)
	below := sign(t, template("Below"), tight)
	policed := template("Policed")
	policies(1, true)(policed)
	strict := sign(t, policed, w.root)
	named := template("Other Policy")
	policies(1, false)(named)
	lenient := sign(t, named, w.root)
	sent := map[string][]*x509.Certificate{
		"good":                   {w.leaf(t, w.intermediate, nil), w.intermediate.cert},
		"issuer that ends first": {w.leaf(t, brief, validity(-day, 50*day)), brief.cert},
		"expired issuer":         {w.leaf(t, w.expired, nil), w.expired.cert},
		"two issuers":            {w.leaf(t, w.second, nil), w.second.cert, w.intermediate.cert},
		"root that ends first":   {w.leaf(t, outliving, nil), outliving.cert},
		"path length":            {w.leaf(t, below, nil), below.cert},
		"foreign":                {w.leaf(t, w.foreignInter, nil), w.foreignInter.cert},
		"for clients": {w.leaf(t, w.intermediate, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), w.intermediate.cert},
		"constrained":                  constrained(t, w),
		"impostor":                     impostor(t, w),
		"leaf by a leaf":               leafByLeaf(t, w),
		"issuer that demands a policy": {w.leaf(t, strict, nil), strict.cert},
		"leaf that demands a policy":   {w.leaf(t, lenient, policies(2, true)), lenient.cert},
	}
	for name, chain := range sent {
		for _, offset := range []time.Duration{0, 0, 4 * day, 5*day - time.Second, 5 * day, 5*day + time.Second, 6 * day, 49 * day, 59 * day, 61 * day, 179 * day, 200 * day, -200 * day} {
			at := now.Add(offset)
			state, detail := s.judge(chain, at)
			if got := c.look(chain, at); got.state != state || got.detail != detail {
				t.Errorf("%s after %s: %s (%s), want %s (%s)", name, offset, got.state, got.detail, state, detail)
			}
		}
	}
}

// TestVoucherKeepsTheRootsDemand has a root that accepts no chain any more.
func TestVoucherKeepsTheRootsDemand(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	for _, refuse := range []bool{false, true} {
		s := trusting(t)
		calls := 0
		s.add(w.root.cert, func(path []*x509.Certificate) error {
			if calls++; refuse && len(path) > 1 {
				return errors.New("distrusted")
			}
			return nil
		})
		want := ChainOK
		if refuse {
			want = ChainUntrusted
		}
		c := newChains(s)
		for range 3 {
			if got := c.look([]*x509.Certificate{w.leaf(t, w.intermediate, nil), w.intermediate.cert}, now); got.state != want {
				t.Errorf("refusing %v: %s (%s)", refuse, got.state, got.detail)
			}
		}
		if calls < 3 {
			t.Errorf("the root was asked %d times", calls)
		}
	}
}

// TestChainsAreBounded sends more than is kept, and more at once than is kept of one.
func TestChainsAreBounded(t *testing.T) {
	t.Parallel()
	c := newCache[int, string](1600)
	size := func(s string) int { return len(s) }
	for i := range 1000 {
		c.put(i, fmt.Sprintf("%100d", i), 100)
		c.get(0, size)
	}
	if n := len(c.young) + len(c.old); n > 16 || n == 0 {
		t.Errorf("%d of 1000 are kept", n)
	}
	if v, ok := c.get(0, size); !ok || v != fmt.Sprintf("%100d", 0) {
		t.Error("what is used all the time was dropped")
	}
	if c.put(-1, "", 101); c.young[-1] != "" || len(c.young)+len(c.old) > 16 {
		t.Error("a giant is kept")
	}
	if _, ok := c.young[-1]; ok {
		t.Error("a giant is kept")
	}
}

func BenchmarkChains(b *testing.B) {
	w := newPKI(b)
	s := trusting(b, w.root.cert)
	sent := []*x509.Certificate{w.leaf(b, w.intermediate, nil), w.intermediate.cert}
	c := newChains(s)
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.look(sent, now)
		}
	})
	b.Run("known issuer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.known = newCache[fingerprint, *chain](chainsRoom)
			c.look(sent, now)
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newChains(s).look(sent, now)
		}
	})
}
