package probe

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	issuer := sign(t, template("Test Root"), nil)
	tmpl := leafTemplate()
	tmpl.Subject.CommonName = "common"
	tmpl.DNSNames = []string{"b.example.com", "a.example.com"}
	tmpl.IPAddresses = []net.IP{net.ParseIP("2001:db8::1"), net.IPv4(203, 0, 113, 7)}
	leaf := sign(t, tmpl, issuer).cert
	c := describe(leaf)
	got := fmt.Sprint(c.CommonName, c.Names, c.Issuer, c.Serial, c.Key, c.KeyType, c.WeakKey, c.Signature, c.WeakSignature, c.SelfSigned)
	want := fmt.Sprint("common", "[b.example.com a.example.com 2001:db8::1 203.0.113.7]", "Test Root", "03ab", "ECDSA P-256", "ECDSA", false,
		"ECDSA-SHA256", false, false)
	if got != want {
		t.Errorf("certificate is\n%s, want\n%s", got, want)
	}
	if !c.NotBefore.Equal(tmpl.NotBefore) || !c.NotAfter.Equal(tmpl.NotAfter) || c.Lifetime() != 90*day {
		t.Errorf("validity %s to %s", c.NotBefore, c.NotAfter)
	}
	if sum := crypto.SHA256.New(); sum != nil {
		sum.Write(leaf.Raw)
		if c.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
			t.Errorf("SHA-256 is %s", c.SHA256)
		}
	}
	if !describe(issuer.cert).SelfSigned {
		t.Error("a root is not called self-signed")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, row := range []struct {
		key  crypto.Signer
		want string
		weak bool
	}{
		{short, "RSA 1024", true},
		{edwards, "Ed25519", false},
		{p384, "ECDSA P-384", false},
	} {
		t.Run(row.want, func(t *testing.T) {
			t.Parallel()
			c := describe(signKey(t, leafTemplate(), nil, row.key).cert)
			if c.Key != row.want || c.WeakKey != row.weak || !strings.HasPrefix(row.want, c.KeyType) {
				t.Errorf("key is %q (%s), weak %v", c.Key, c.KeyType, c.WeakKey)
			}
		})
	}
}

func TestIssuerText(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name pkix.Name
		want string
	}{
		{pkix.Name{CommonName: "R13", Organization: []string{"Let's Encrypt"}}, "R13"},
		{pkix.Name{Organization: []string{"Let's Encrypt"}, Country: []string{"US"}}, "Let's Encrypt"},
		{pkix.Name{Country: []string{"US"}}, "C=US"},
		{pkix.Name{}, ""},
	} {
		if got := rdnText(row.name); got != row.want {
			t.Errorf("issuer is %q, want %q", got, row.want)
		}
	}
}

func TestSerial(t *testing.T) {
	t.Parallel()
	key := newKey()
	plain := signKey(t, leafTemplate(), nil, key).cert
	negative := parse(t, altered(t, plain, key, []byte{2, 2, 0x03, 0xab}, []byte{2, 2, 0xfc, 0x55}))
	padded := parse(t, altered(t, plain, key, []byte{2, 2, 0x03, 0xab}, []byte{2, 2, 0, 0xab}))
	for want, serial := range map[string]*big.Int{
		"-03ab": negative.SerialNumber, "ab": padded.SerialNumber, "00": big.NewInt(0), "": nil,
		strings.Repeat("ee", 64): new(big.Int).SetBytes(bytes.Repeat([]byte{0xee}, 64)),
		strings.Repeat("dd", 63): new(big.Int).SetBytes(bytes.Repeat([]byte{0xdd}, 63)),
		strings.Repeat("ff", 64): new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, 60_000)),
	} {
		if got := serialText(serial); got != want {
			t.Errorf("serial is %q, want %q", got, want)
		}
	}
}

func TestMustStaple(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		extensions []pkix.Extension
		want       bool
	}{
		"none":           {nil, false},
		"status_request": {[]pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 3, 2, 1, 5}}}, true},
		"two features":   {[]pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 6, 2, 1, 17, 2, 1, 5}}}, true},
		"v2 only":        {[]pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 3, 2, 1, 17}}}, false},
		"garbage":        {[]pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 200, 2}}}, false},
	} {
		tmpl := leafTemplate()
		tmpl.ExtraExtensions = row.extensions
		if got := mustStaple(sign(t, tmpl, nil).cert); got != row.want {
			t.Errorf("%s: must-staple is %v", name, got)
		}
	}
}

// hostile is a certificate with everything too long, and control characters in it.
func hostile(tb testing.TB) *x509.Certificate {
	tb.Helper()
	tmpl := leafTemplate()
	tmpl.Subject.CommonName = "a\x00b\x1b[2J" + strings.Repeat("ж", 30_000)
	tmpl.DNSNames = nil
	for i := range 1500 {
		tmpl.DNSNames = append(tmpl.DNSNames, fmt.Sprintf("n%d.example.com", i))
	}
	tmpl.DNSNames[0] = strings.Repeat("x", 60_000)
	tmpl.IPAddresses = []net.IP{net.IPv4(203, 0, 113, 7)}
	return sign(tb, tmpl, nil).cert
}

// checkBounds fails where a description is larger than promised.
func checkBounds(t *testing.T, c Certificate) {
	t.Helper()
	if len(c.Names) > 1000 || len(c.Serial) > 2*serialLimit+1 {
		t.Errorf("%d names, a serial of %d digits", len(c.Names), len(c.Serial))
	}
	for _, text := range append([]string{c.CommonName, c.Issuer, c.Key, c.Signature}, c.Names...) {
		if len(text) > textLimit || !utf8.ValidString(text) {
			t.Errorf("a text of %d bytes: %.40q", len(text), text)
		}
	}
}

func TestDescribeHostile(t *testing.T) {
	t.Parallel()
	c := describe(hostile(t))
	checkBounds(t, c)
	if len(c.Names) != 1000 || !strings.HasPrefix(c.CommonName, "a\x00b") {
		t.Errorf("%d names, common name %.20q", len(c.Names), c.CommonName)
	}
}

func FuzzCertificate(f *testing.F) {
	key := newKey()
	plain := signKey(f, leafTemplate(), nil, key).cert
	staple := leafTemplate()
	staple.ExtraExtensions = []pkix.Extension{{Id: tlsFeature, Value: []byte{0x30, 3, 2, 1, 5}}}
	f.Add(plain.Raw)
	f.Add(hostile(f).Raw)
	f.Add(altered(f, plain, key, []byte{2, 2, 0x03, 0xab}, []byte{2, 2, 0xfc, 0x55}))
	f.Add(altered(f, plain, key, []byte{2, 2, 0x03, 0xab}, []byte{2, 0, 5, 0}))
	f.Add(signKey(f, staple, nil, key).cert.Raw)
	store, err := newTrustStore(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		checkBounds(t, describe(cert))
		mustStaple(cert)
		if state, detail := store.judge([]*x509.Certificate{cert, plain}, now); state == "" || len(detail) > detailLimit {
			t.Errorf("chain is %q, %d bytes of detail", state, len(detail))
		}
	})
}
