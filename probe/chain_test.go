package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// pki is a small world of certificates: a trusted root, an intermediate, an old and a foreign one.
type pki struct {
	root, intermediate, second, expired, foreign, foreignInter *authority
}

func newPKI(tb testing.TB) *pki {
	tb.Helper()
	var w pki
	w.root = sign(tb, template("Test Root"), nil)
	w.intermediate = sign(tb, template("Test Issuer"), w.root)
	w.second = sign(tb, template("Second Issuer"), w.intermediate)
	old := template("Old Issuer")
	old.NotBefore, old.NotAfter = now.Add(-900*day), now.Add(-10*day)
	w.expired = sign(tb, old, w.root)
	w.foreign = sign(tb, template("Foreign Root"), nil)
	w.foreignInter = sign(tb, template("Foreign Issuer"), w.foreign)
	return &w
}

// leaf issues a leaf from the template of leafTemplate, changed.
func (w *pki) leaf(tb testing.TB, by *authority, change func(*x509.Certificate)) *x509.Certificate {
	tb.Helper()
	tmpl := leafTemplate()
	if change != nil {
		change(tmpl)
	}
	return sign(tb, tmpl, by).cert
}

func trusting(tb testing.TB, roots ...*x509.Certificate) *trustStore {
	tb.Helper()
	s, err := newTrustStore(roots)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func validity(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(from), now.Add(to) }
}

func TestJudge(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	issuer := func(name string, from, to time.Duration, by *authority) *authority {
		tmpl := template(name)
		validity(from, to)(tmpl)
		return sign(t, tmpl, by)
	}
	oldRoot := issuer("Old Root", -900*day, -10*day, nil)
	underOld := issuer("Under Old", -100*day, 100*day, oldRoot)
	overlate := issuer("Overlate Issuer", -5*day, 100*day, oldRoot)
	older := issuer("Older Issuer", -800*day, -20*day, oldRoot)
	early := issuer("Early Issuer", 3*day, 100*day, w.root)
	s := trusting(t, w.root.cert, oldRoot.cert)
	inter, second, root := w.intermediate.cert, w.second.cert, w.root.cert
	good := w.leaf(t, w.intermediate, nil)
	deep := w.leaf(t, w.second, nil)
	tests := []struct {
		name   string
		sent   []*x509.Certificate
		state  ChainState
		detail string // part of it
	}{
		{"in order", []*x509.Certificate{good, inter}, ChainOK, ""},
		{"with the root", []*x509.Certificate{good, inter, root}, ChainOK, ""},
		{"with a double", []*x509.Certificate{good, inter, inter, good}, ChainOK, ""},
		{"with a surplus", []*x509.Certificate{good, w.foreign.cert, inter, w.expired.cert}, ChainOK, ""},
		{"root before the issuer", []*x509.Certificate{good, root, inter}, ChainMisordered, "order"},
		{"issued by the root", []*x509.Certificate{w.leaf(t, w.root, nil)}, ChainOK, ""},
		{"misordered", []*x509.Certificate{deep, inter, second}, ChainMisordered, "order"},
		{"misordered, then once more in order", []*x509.Certificate{deep, inter, second, inter}, ChainOK, ""},
		{"expired leaf", []*x509.Certificate{w.leaf(t, w.intermediate, validity(-90*day, -time.Hour)), inter}, ChainOK, ""},
		{"leaf not yet valid", []*x509.Certificate{w.leaf(t, w.intermediate, validity(time.Hour, 90*day)), inter}, ChainOK, ""},
		{"expired leaf, issuer expired later", []*x509.Certificate{w.leaf(t, w.expired, validity(-90*day, -20*day)), w.expired.cert}, ChainOK, ""},
		{"leaf valid at no time", []*x509.Certificate{w.leaf(t, w.intermediate, validity(time.Hour, -time.Hour)), inter}, ChainUntrusted, "at no time"},
		{"issuer not sent", []*x509.Certificate{good}, ChainUntrusted, "issuer not sent"},
		{"a wrong issuer sent", []*x509.Certificate{good, w.foreignInter.cert}, ChainUntrusted, "issuer not sent"},
		{"gap above the issuer", []*x509.Certificate{deep, second}, ChainUntrusted, "unknown authority: Test Issuer"},
		{"unknown root", []*x509.Certificate{w.leaf(t, w.foreignInter, nil), w.foreignInter.cert}, ChainUntrusted, "unknown authority: Foreign Root"},
		{"expired issuer", []*x509.Certificate{w.leaf(t, w.expired, nil), w.expired.cert}, ChainExpiredIssuer, "issuer Old Issuer expired on 2026-11-10"},
		{"issuer expired before the leaf began", []*x509.Certificate{w.leaf(t, w.expired, validity(-time.Hour, day)), w.expired.cert}, ChainExpiredIssuer, "Old Issuer"},
		{"an expired surplus beside an unknown root", []*x509.Certificate{w.leaf(t, w.foreignInter, nil), w.foreignInter.cert, w.expired.cert}, ChainUntrusted, "Foreign Root"},
		{"issuer not yet valid", []*x509.Certificate{w.leaf(t, early, nil), early.cert}, ChainUntrusted, "issuer Early Issuer is not valid before 2026-11-23"},
		{"expired root not sent", []*x509.Certificate{w.leaf(t, underOld, nil), underOld.cert}, ChainExpiredIssuer, "issuer Old Root expired on 2026-11-10"},
		{"expired root sent", []*x509.Certificate{w.leaf(t, underOld, nil), underOld.cert, oldRoot.cert}, ChainExpiredIssuer, "issuer Old Root expired on 2026-11-10"},
		{"issued by an expired root", []*x509.Certificate{w.leaf(t, oldRoot, nil)}, ChainExpiredIssuer, "issuer Old Root expired on 2026-11-10"},
		{"issuer begun after its root's end", []*x509.Certificate{w.leaf(t, overlate, nil), overlate.cert}, ChainUntrusted, "issuer Old Root expired on 2026-11-10"},
		{"expired issuer of an expired root", []*x509.Certificate{w.leaf(t, older, nil), older.cert}, ChainExpiredIssuer, "issuer Older Issuer expired on 2026-10-31"},
		{"self-signed", []*x509.Certificate{sign(t, leafTemplate(), nil).cert}, ChainSelfSigned, "own issuer"},
		{"leaf issued by a leaf", leafByLeaf(t, w), ChainUntrusted, "issuer not accepted: invalid signature: parent certificate cannot sign"},
		{"for clients only", []*x509.Certificate{w.leaf(t, w.intermediate, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), inter}, ChainUntrusted, "not for server authentication"},
		{"name constraints", constrained(t, w), ChainUntrusted, "name constraints"},
		{"issuer of the same name, another key", impostor(t, w), ChainUntrusted, "issuer not accepted: ECDSA verification failure"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			state, detail := s.judge(test.sent, now)
			if state != test.state || !strings.Contains(detail, test.detail) {
				t.Errorf("chain is %s (%s), want %s (%s)", state, detail, test.state, test.detail)
			}
			if (state == ChainOK) != (detail == "") {
				t.Errorf("%s with detail %q", state, detail)
			}
		})
	}
}

func leafByLeaf(tb testing.TB, w *pki) []*x509.Certificate {
	tb.Helper()
	tmpl := leafTemplate()
	tmpl.Subject.CommonName = "no authority"
	middle := sign(tb, tmpl, w.intermediate)
	return []*x509.Certificate{w.leaf(tb, middle, nil), middle.cert, w.intermediate.cert}
}

func constrained(tb testing.TB, w *pki) []*x509.Certificate {
	tb.Helper()
	tmpl := template("Constrained Issuer")
	tmpl.PermittedDNSDomains, tmpl.PermittedDNSDomainsCritical = []string{"example.org"}, true
	issuer := sign(tb, tmpl, w.root)
	return []*x509.Certificate{w.leaf(tb, issuer, nil), issuer.cert}
}

func impostor(tb testing.TB, w *pki) []*x509.Certificate {
	tb.Helper()
	fake := sign(tb, template("Test Issuer"), w.foreign)
	fake.cert.SubjectKeyId = w.intermediate.cert.SubjectKeyId // so that it is tried
	return []*x509.Certificate{w.leaf(tb, fake, nil), w.intermediate.cert}
}

func TestJudgeSHA1(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	leaf := w.leaf(t, w.intermediate, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	for name, sent := range map[string][]*x509.Certificate{
		"issuer sent":     {leaf, w.intermediate.cert},
		"issuer not sent": {leaf},
	} {
		if state, detail := trusting(t, w.root.cert).judge(sent, now); state != ChainUntrusted || detail != "SHA-1 signature" {
			t.Errorf("%s: chain is %s (%s)", name, state, detail)
		}
	}
	if c := describe(leaf); !c.WeakSignature {
		t.Error("a SHA-1 signature is not called weak")
	}
}

func TestJudgeTrustedLeaf(t *testing.T) {
	t.Parallel()
	own := sign(t, leafTemplate(), nil).cert
	if state, detail := trusting(t, own).judge([]*x509.Certificate{own}, now); state != ChainOK {
		t.Errorf("a root of ours is %s (%s)", state, detail)
	}
}

func TestJudgeConstraint(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	s := &trustStore{roots: x509.NewCertPool()}
	s.roots.AddCertWithConstraint(w.root.cert, func([]*x509.Certificate) error { return errors.New("distrusted after 2026") })
	state, detail := s.judge([]*x509.Certificate{w.leaf(t, w.intermediate, nil), w.intermediate.cert}, now)
	if state != ChainUntrusted || !strings.Contains(detail, "distrusted after 2026") {
		t.Errorf("chain is %s (%s)", state, detail)
	}
}

// TestJudgeCrossSigns sends a chain in which every name has many certificates: the number of paths grows
// exponentially, the work must not.
func TestJudgeCrossSigns(t *testing.T) {
	t.Parallel()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	top := signKey(t, template("Level 0"), nil, key())
	level, all := top, []*x509.Certificate{}
	for depth := 1; depth <= 10; depth++ {
		k := key()
		for range 5 { // the same name and key, signed five times
			tmpl := template(fmt.Sprintf("Level %d", depth))
			level2 := signKey(t, tmpl, level, k)
			all = append(all, level2.cert)
		}
		level = &authority{all[len(all)-1], k}
	}
	leaf := sign(t, leafTemplate(), level)
	sent := append([]*x509.Certificate{leaf.cert}, all...)
	if len(distinct(sent)) != intermediatesLimit {
		t.Errorf("%d certificates to build from, want %d", len(distinct(sent)), intermediatesLimit)
	}
	if state, _ := trusting(t).judge(sent, now); state != ChainUntrusted {
		t.Errorf("chain is %s", state)
	}
}

// TestBuiltInRoots proves that the bundle is there, and that the host's own store is not asked.
func TestBuiltInRoots(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "/dev/null")
	s := trusting(t)
	all := x509.NewCertPool()
	for root := range bundle.Roots() {
		all.AddCert(parse(t, root.Certificate))
	}
	if !s.roots.Equal(all) || all.Equal(x509.NewCertPool()) {
		t.Error("the roots are not those of the bundle")
	}
	w := newPKI(t)
	if state, _ := s.judge([]*x509.Certificate{w.leaf(t, w.intermediate, nil), w.intermediate.cert}, now); state != ChainUntrusted {
		t.Errorf("a root of nobody's is %s", state)
	}
}

// TestJudgeExpiredSurplus puts expired issuers that do not matter before the one that does: no more than five are tried.
func TestJudgeExpiredSurplus(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	s := trusting(t, w.root.cert)
	for surplus, want := range map[int]ChainState{4: ChainExpiredIssuer, 5: ChainUntrusted} {
		sent := []*x509.Certificate{w.leaf(t, w.expired, nil)}
		for range surplus {
			tmpl := template("Surplus")
			validity(-2000*day, -1000*day)(tmpl)
			sent = append(sent, sign(t, tmpl, w.foreign).cert)
		}
		if state, detail := s.judge(append(sent, w.expired.cert), now); state != want {
			t.Errorf("after %d others the chain is %s (%s), want %s", surplus, state, detail, want)
		}
	}
}

// TestCandidates has a root that was sent as well: it is tried once, and after it the others of its name.
func TestCandidates(t *testing.T) {
	t.Parallel()
	w := newPKI(t)
	namesake := sign(t, template("Test Root"), nil).cert
	s := trusting(t, w.root.cert, namesake, w.foreign.cert)
	issuers := []*x509.Certificate{w.root.cert, w.intermediate.cert, w.second.cert}
	got := s.candidates(w.leaf(t, w.second, nil), issuers)
	if want := append(issuers, namesake); !slices.EqualFunc(got, want, (*x509.Certificate).Equal) {
		t.Errorf("%d candidates, want %d", len(got), len(want))
	}
}
