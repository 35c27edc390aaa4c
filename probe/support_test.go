package probe

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// now is the instant at which the certificates of these tests are judged.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// authority is a certificate that can issue others.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var newKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// template describes a CA certificate that is valid for a year around now.
func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(0x03ab),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-180 * day),
		NotAfter:              now.Add(180 * day),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
}

// leafTemplate describes a leaf for example.com that is valid for 90 days around now.
func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(0x03ab),
		Subject:      pkix.Name{CommonName: "example.com"},
		DNSNames:     []string{"example.com"},
		NotBefore:    now.Add(-30 * day),
		NotAfter:     now.Add(60 * day),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// sign issues a certificate with a key of its own; a nil parent signs itself.
func sign(tb testing.TB, tmpl *x509.Certificate, parent *authority) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signKey(tb, tmpl, parent, key)
}

func signKey(tb testing.TB, tmpl *x509.Certificate, parent *authority, key crypto.Signer) *authority {
	tb.Helper()
	if parent == nil {
		parent = &authority{tmpl, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent.cert, key.Public(), parent.key)
	if err != nil {
		tb.Fatal(err)
	}
	return &authority{parse(tb, der), key}
}

func parse(tb testing.TB, der []byte) *x509.Certificate {
	tb.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

// altered returns the DER of a certificate with bytes of its TBSCertificate replaced, signed anew by the key. It
// makes what CreateCertificate refuses to.
func altered(tb testing.TB, cert *x509.Certificate, key crypto.Signer, old, replacement []byte) []byte {
	tb.Helper()
	if !bytes.Contains(cert.RawTBSCertificate, old) {
		tb.Fatalf("certificate lacks %x", old)
	}
	tbs := bytes.Replace(cert.RawTBSCertificate, old, replacement, 1)
	sum := sha256.Sum256(tbs)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// served returns the chain for crypto/tls.
func served(leaf *authority, issuers ...*x509.Certificate) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key}
	for _, issuer := range issuers {
		c.Certificate = append(c.Certificate, issuer.Raw)
	}
	return c
}

// pipes is a dialer of in-memory connections: each goes to peer, which runs until it returns. UDP connects and is dead.
func pipes(tb testing.TB, peer func(net.Conn)) Dialer {
	tb.Helper()
	var peers sync.WaitGroup
	tb.Cleanup(peers.Wait)
	return func(_ context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
		ours, theirs := net.Pipe()
		if network == "udp" {
			return ours, theirs.Close()
		}
		peers.Go(func() {
			defer func() { _ = theirs.Close() }()
			peer(theirs)
		})
		return ours, nil
	}
}

func newProber(tb testing.TB, config Config) *Prober {
	tb.Helper()
	p, err := New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// target is example.com at an address that only a test's dialer knows.
func target() Target {
	return Target{Name: "example.com", Addr: netip.MustParseAddrPort("203.0.113.7:443"), Via: ViaDNS}
}

// wantErr fails unless the observation failed with this step and code.
func wantErr(t *testing.T, o Observation, step Step, code ErrorCode) {
	t.Helper()
	if o.Err == nil || o.Err.Step != step || o.Err.Code != code {
		t.Fatalf("error is %+v, want %s/%s", o.Err, step, code)
	}
}
