package probe_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/inventory"
	"certscan/probe"
	"certscan/report"
	"certscan/triage"
)

// instant is when what is served here is judged.
var instant = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// FuzzServed gives a prober of ours whatever a server may send, a certificate and the head of an HTTP response, and takes
// what it saw to findings and a record in each format. It holds that every word is of its closed set, that the record
// comes back from its JSON, and that nothing a server wrote reaches a reader raw.
func FuzzServed(f *testing.F) {
	issuer := issued(f, plainTemplate(), newECDSA(f))
	for i, der := range certificates(f) {
		f.Add(der, heads[i%len(heads)])
	}
	var server answering
	p, err := probe.New(probe.Config{Dial: server.dial, Now: func() time.Time { return instant }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der, head []byte) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			cert = issuer // no handshake comes to its end with such a one; the head counts all the same
		}
		server.head = head
		defer server.conns.Wait()
		to := probe.Target{Name: "example.com", Addr: netip.MustParseAddrPort("203.0.113.7:443"), Via: probe.ViaDNS, HTTPPort: 80, PlainOnly: true}
		o := p.Probe(t.Context(), to)
		o.TLS = p.Shown(to, []*x509.Certificate{cert, issuer})
		if h := o.TLS; !slices.Contains(probe.ChainStates, h.Trust) || !slices.Contains(probe.RevocationStatuses, h.Revocation.Status) {
			t.Fatalf("%+v", h)
		}
		if o.Err != nil && !slices.Contains(probe.ErrorCodes, o.Err.Code) {
			t.Fatalf("%+v", o.Err)
		}
		a := dns.Answer{Name: "example.com", Asked: "example.com", Registrable: "example.com", A: dns.Reply{Status: dns.StatusNoError}, Addrs: []netip.Addr{to.Addr.Addr()}}
		owner := dns.Ownership{Verdict: dns.Parked, Confidence: dns.High, Evidence: []string{"A 203.0.113.7 is in 203.0.113.0/24, ours"}}
		rendered(t, triage.Policy{}.Judge(&triage.Facts{
			Domain: inventory.Domain{Name: "example.com", Display: "example.com", Source: "list:1"},
			DNS:    &a, Owner: &owner, Probes: []probe.Observation{o}, At: instant,
		}, instant))
	})
}

// answering answers each request with the same head.
type answering struct {
	head  []byte
	conns sync.WaitGroup
}

func (s *answering) dial(_ context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
	ours, theirs := net.Pipe()
	if network == "udp" {
		return ours, theirs.Close()
	}
	s.conns.Go(func() {
		defer func() { _ = theirs.Close() }()
		if _, err := theirs.Read(make([]byte, 1)); err != nil {
			return
		}
		s.conns.Go(func() { _, _ = io.Copy(io.Discard, theirs) }) // a request may be longer than a response
		_, _ = theirs.Write(s.head)
	})
	return ours, nil
}

// rendered holds what every result keeps to in every format.
func rendered(t *testing.T, r triage.Result) {
	t.Helper()
	for _, f := range r.Findings {
		if !slices.Contains(triage.Codes, f.Code) || !slices.Contains(triage.Severities, f.Severity) {
			t.Fatalf("%+v", f)
		}
	}
	rec := report.NewRecord("run", "here", &r)
	if back, err := report.DecodeRecord(rec.AppendJSON(nil)); err != nil || back.Name != r.Facts.Domain.Name {
		t.Fatalf("%v: %s", err, rec.AppendJSON(nil))
	}
	for _, format := range report.Formats {
		var b strings.Builder
		w, err := report.New(&b, format, report.Options{Width: 80})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(report.Run{}); err != nil {
			t.Fatal(err)
		}
		if err := fixtures.Harmless(string(format), b.String()); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := report.Explain(&b, r, 80); err != nil {
		t.Fatal(err)
	}
	if err := fixtures.Harmless("explanation", b.String()); err != nil {
		t.Fatal(err)
	}
}

// spite is what a stranger may write wherever he can.
const spite = "=HYPERLINK(\"http://evil\")|`id`<b>\x1b]0;pwn\x07\x1b[2J\r\nURGENT fake.example\x00\u202egnp.exe\u200b\u2028\u009b[x](http://evil)"

// heads are what servers answer to a request, and what they should not.
var heads = [][]byte{
	[]byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\nContent-Length: 0\r\n\r\n"),
	[]byte("HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com/\r\n\r\n"),
	[]byte("HTTP/1.1 302 " + spite + "\r\nServer: " + spite + "\r\nLocation: http://example.com/\x1b[2J|`\u202e\r\n\r\n"),
	[]byte("HTTP/1.1 302 Found\r\nLocation: http://example.com:80/" + strings.Repeat("\u202e", 20_000) + "\r\n\r\n"),
	[]byte("HTTP/1.1 307 x\r\nLocation: //[::1%25\x1b]:0/\r\nSet-Cookie: a=b\r\n\r\n"),
	[]byte("\x16\x03\x01\x00\x02\x02\x28"),
	[]byte("220 mail.example ESMTP\r\n"),
	nil,
}

func plainTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(0x03ab), Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"example.com", "*.example.com"},
		NotBefore: instant.AddDate(0, -1, 0), NotAfter: instant.AddDate(0, 2, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func newECDSA(tb testing.TB) crypto.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func issued(tb testing.TB, tmpl *x509.Certificate, key crypto.Signer) *x509.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return cert
}

// certificates are those of every kind of key, and such as no CA would issue.
func certificates(tb testing.TB) [][]byte {
	tb.Helper()
	ec := newECDSA(tb)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		tb.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	changed := func(change func(*x509.Certificate)) *x509.Certificate {
		tmpl := plainTemplate()
		change(tmpl)
		return issued(tb, tmpl, ec)
	}
	hostile := pkix.Name{CommonName: spite, Organization: []string{spite}, Country: []string{"\u202e"}}
	out := [][]byte{issued(tb, plainTemplate(), weak).Raw, issued(tb, plainTemplate(), edwards).Raw}
	for _, cert := range []*x509.Certificate{
		changed(func(*x509.Certificate) {}),
		changed(func(c *x509.Certificate) { c.Subject, c.DNSNames = hostile, []string{"example.com", "=1+1|`id`.test"} }),
		changed(func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("ж", 30_000) }),
		changed(func(c *x509.Certificate) { c.DNSNames = []string{strings.Repeat("x", 60_000)} }),
		changed(func(c *x509.Certificate) { c.NotAfter = instant.AddDate(0, 0, -1) }),
		changed(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		}),
		changed(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(203, 0, 113, 7)} }),
		changed(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
		}),
	} {
		out = append(out, cert.Raw)
	}
	// The serial is found by its own bytes: what is signed need not hold for it to be parsed.
	negative := slices.Clone(out[2])
	if i := strings.Index(string(negative), "\x02\x02\x03\xab"); i > 0 {
		negative[i+2] = 0xFC
	}
	return append(out, negative)
}
