package probe

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"certscan/fixtures"
)

// generous is a deadline that no test waits for, however busy the machine.
const generous = time.Minute

// web is an internet with one address, and a prober that trusts it.
func web(tb testing.TB, sites ...fixtures.Site) (*fixtures.Internet, *Prober) {
	tb.Helper()
	internet := fixtures.New(tb)
	if len(sites) > 0 {
		internet.Serve("203.0.113.7:443", sites...)
	}
	roots := []*x509.Certificate{internet.CA().Root}
	return internet, newProber(tb, Config{Dial: internet.Dial, Timeout: generous, Roots: roots, UserAgent: "certscan/test (+https://example.com)"})
}

// overHTTP is the target with HTTP.
func overHTTP() Target {
	t := target()
	t.HTTP = true
	return t
}

func named(s fixtures.Site) fixtures.Site {
	s.Names = []string{"example.com"}
	return s
}

func TestProbe(t *testing.T) {
	t.Parallel()
	_, p := web(t, named(fixtures.Site{}))
	at := time.Now().UTC().Add(-time.Second)
	p.config.Now = func() time.Time { at = at.Add(time.Second); return at }
	began := at.Add(time.Second)
	o := p.Probe(t.Context(), overHTTP())
	if o.Err != nil || o.TLS == nil || o.HTTP == nil {
		t.Fatalf("error %+v, TLS %v, HTTP %v", o.Err, o.TLS, o.HTTP)
	}
	if o.At != began || o.Elapsed <= 0 || o.Target != overHTTP() {
		t.Errorf("probed %+v at %s for %s", o.Target, o.At, o.Elapsed)
	}
	h := o.TLS
	if h.Version != "TLS 1.3" || h.Cipher != "TLS_AES_128_GCM_SHA256" || h.ALPN != "http/1.1" || !h.NameMatches || h.ClientCert {
		t.Errorf("handshake is %+v", h)
	}
	if h.Trust != ChainOK || h.TrustDetail != "" || len(h.Chain) != 2 || h.Revocation.Status != RevocationUnchecked {
		t.Errorf("chain is %s (%s), %d certificates, revocation %+v", h.Trust, h.TrustDetail, len(h.Chain), h.Revocation)
	}
	if !slices.Equal(h.Chain[0].Names, []string{"example.com"}) || h.Chain[1].Names == nil {
		t.Errorf("chain is for %q", h.Chain[0].Names)
	}
	if o.HTTP.Status != 200 || o.HTTP.Method != http.MethodHead || o.HTTP.RedirectsToHTTPS != nil {
		t.Errorf("HTTP is %+v", o.HTTP)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const http1 = "HTTP/1.x"
	tests := []struct {
		fault  fixtures.SiteFault
		step   Step
		code   ErrorCode
		detail string // empty for any
	}{
		{fixtures.FaultRefused, StepDial, CodeRefused, ""},
		{fixtures.FaultReset, StepTLS, CodeReset, ""},
		{fixtures.FaultEOF, StepTLS, CodeEOF, "EOF"},
		{fixtures.FaultResetHello, StepTLS, CodeReset, ""},
		{fixtures.FaultGarbage, StepTLS, CodeNotTLS, "garbage"},
		{fixtures.FaultPlainHTTP, StepTLS, CodeNotTLS, http1},
		{fixtures.FaultEndless, StepTLS, CodeNotTLS, ""},
		{fixtures.FaultAlert, StepTLS, CodeAlert, "handshake_failure"},
		{fixtures.FaultResetHTTP, StepHTTP, CodeReset, ""},
		{fixtures.FaultEOFHTTP, StepHTTP, CodeEOF, ""},
		{fixtures.FaultEndlessHeader, StepHTTP, CodeEOF, "no usable response: too many bytes"},
	}
	for _, test := range tests {
		t.Run(string(test.fault), func(t *testing.T) {
			t.Parallel()
			_, p := web(t, named(fixtures.Site{Fault: test.fault}))
			o := p.Probe(t.Context(), overHTTP())
			wantErr(t, o, test.step, test.code)
			if test.detail != "" && o.Err.Detail != test.detail {
				t.Errorf("detail is %q, want %q", o.Err.Detail, test.detail)
			}
			if seen := o.TLS != nil; seen != (test.step == StepHTTP) {
				t.Errorf("TLS data: %v", seen)
			}
		})
	}
}

// TestServed sees through the whole probe what chain_test.go judges alone.
func TestServed(t *testing.T) {
	t.Parallel()
	long := time.Now().Add(-200 * day)
	tests := []struct {
		name    string
		leaf    fixtures.Leaf
		foreign bool
		state   ChainState
		matches bool
	}{
		{"good", fixtures.Leaf{}, false, ChainOK, true},
		{"expired", fixtures.Leaf{NotBefore: long, NotAfter: long.Add(90 * day)}, false, ChainOK, true},
		{"not yet valid", fixtures.Leaf{NotBefore: time.Now().Add(day)}, false, ChainOK, true},
		{"another name", fixtures.Leaf{Names: []string{"other.example"}}, false, ChainOK, false},
		{"the common name alone", fixtures.Leaf{Names: []string{"other.example"}, CommonName: "example.com"}, false, ChainOK, false},
		{"wildcard of another level", fixtures.Leaf{Names: []string{"*.example.com"}}, false, ChainOK, false},
		{"no intermediate", fixtures.Leaf{Send: "leaf"}, false, ChainUntrusted, true},
		{"misordered", fixtures.Leaf{Send: "misordered"}, false, ChainMisordered, true},
		{"with the root", fixtures.Leaf{Send: "root"}, false, ChainOK, true},
		{"leaf twice", fixtures.Leaf{Send: "duplicate"}, false, ChainOK, true},
		{"self-signed", fixtures.Leaf{SelfSigned: true}, false, ChainSelfSigned, true},
		{"expired intermediate", fixtures.Leaf{ExpiredIntermediate: true}, false, ChainExpiredIssuer, true},
		{"unknown root", fixtures.Leaf{}, true, ChainUntrusted, true},
		{"SHA-1", fixtures.Leaf{SHA1: true}, false, ChainUntrusted, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			internet, p := web(t)
			ca := internet.CA()
			if test.foreign {
				ca = fixtures.NewCA("Foreign")
			}
			if test.leaf.Names == nil {
				test.leaf.Names = []string{"example.com"}
			}
			chain := ca.Issue(test.leaf)
			internet.Serve("203.0.113.7:443", named(fixtures.Site{Chain: chain}))
			o := p.Probe(t.Context(), target())
			if o.Err != nil || o.TLS == nil {
				t.Fatalf("error %+v", o.Err)
			}
			if o.TLS.Trust != test.state || o.TLS.NameMatches != test.matches {
				t.Errorf("chain is %s (%s), name matches: %v", o.TLS.Trust, o.TLS.TrustDetail, o.TLS.NameMatches)
			}
			if len(o.TLS.Chain) != len(chain.Certificates) || !o.TLS.Chain[0].NotAfter.Equal(chain.Leaf().NotAfter) {
				t.Errorf("%d certificates, the first until %s", len(o.TLS.Chain), o.TLS.Chain[0].NotAfter)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	p := newProber(t, Config{})
	if p.config.Timeout != 5*time.Second || p.config.PerAddress != 32 || p.config.Connections != 4000 || p.config.UserAgent != "certscan" || !p.config.Allow(netip.Addr{}) {
		t.Errorf("defaults are %+v", p.config)
	}
	if _, err := p.dial(t.Context(), "tcp", netip.MustParseAddrPort("127.0.0.1:1"), generous); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the real dialer says %v", err)
	}
}

func BenchmarkProbe(b *testing.B) {
	_, p := web(b, named(fixtures.Site{}))
	for _, row := range []struct {
		name string
		want Target
	}{{"handshake", target()}, {"http", overHTTP()}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if o := p.Probe(b.Context(), row.want); o.Err != nil {
					b.Fatal(o.Err)
				}
			}
		})
	}
}
