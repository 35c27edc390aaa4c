package probe

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"certscan/fixtures"
)

// TestFast stops at the certificate of each kind of server, and says what it left out.
func TestFast(t *testing.T) {
	t.Parallel()
	both := []string{UntestedPossession, UntestedVersion}
	for _, test := range []struct {
		name        string
		site        fixtures.Site
		version     string
		untested    []string
		connections int
	}{
		{"TLS 1.2 and 1.3", fixtures.Site{}, "TLS 1.2", both, 1},
		{"TLS 1.2", fixtures.Site{MaxVersion: tls.VersionTLS12}, "TLS 1.2", both, 1},
		{"TLS 1.3 alone", fixtures.Site{MinVersion: tls.VersionTLS13}, "TLS 1.3", both[:1], 2},
		{"TLS 1.0", fixtures.Site{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, "TLS 1.0", both[:1], 3},
		{"a client certificate", fixtures.Site{ClientAuth: tls.RequireAnyClientCert}, "TLS 1.2", both, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			internet, p := web(t, named(test.site))
			p.config.Fast = true
			o := p.Probe(t.Context(), overHTTP())
			if o.Err != nil || o.TLS == nil || o.HTTP != nil {
				t.Fatalf("error %+v, TLS %v, HTTP %v", o.Err, o.TLS, o.HTTP)
			}
			h := o.TLS
			if h.Version != test.version || !slices.Equal(h.Untested, test.untested) || h.Trust != ChainOK || !h.NameMatches || len(h.Chain) != 2 {
				t.Errorf("handshake is %+v", h)
			}
			if n := tcpDials(internet); n != test.connections {
				t.Errorf("%d connections, want %d", n, test.connections)
			}
		})
	}
}

// TestFastTellsTheServer holds that the server hears an alert, not silence: its log has a line.
func TestFastTellsTheServer(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{served(sign(t, leafTemplate(), nil))}}
	said := make(chan error, 1)
	p := newProber(t, Config{Fast: true, Timeout: generous, Dial: pipes(t, func(c net.Conn) { said <- tls.Server(c, config).Handshake() })})
	if o := p.Probe(t.Context(), target()); o.Err != nil || o.TLS == nil {
		t.Fatalf("error %+v", o.Err)
	}
	if err := <-said; err == nil || err.Error() != "remote error: tls: bad certificate" {
		t.Errorf("the server saw %v", err)
	}
}

// TestHello reads what is offered, in its order.
func TestHello(t *testing.T) {
	t.Parallel()
	usual := []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	for _, test := range []struct {
		name   string
		config Config
		want   []tls.CurveID
	}{
		{"default", Config{}, usual},
		{"post-quantum", Config{PostQuantum: true}, append([]tls.CurveID{tls.X25519MLKEM768}, usual...)},
		{"fast", Config{Fast: true}, usual},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var offered []tls.CurveID
			config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				mu.Lock()
				defer mu.Unlock()
				offered = slices.Clone(h.SupportedCurves)
				return nil, io.EOF
			}}
			test.config.Timeout = generous
			test.config.Dial = pipes(t, func(c net.Conn) { _ = tls.Server(c, config).Handshake() })
			newProber(t, test.config).Probe(t.Context(), target())
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(offered, test.want) {
				t.Errorf("offered %v, want %v", offered, test.want)
			}
		})
	}
}

// TestTLS12WithECDSA has a server of TLS 1.2 whose only certificate is on P-256: it must be offered P-256 although
// X25519 comes first.
func TestTLS12WithECDSA(t *testing.T) {
	t.Parallel()
	for _, fast := range []bool{false, true} {
		_, p := web(t, named(fixtures.Site{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}))
		p.config.Fast = fast
		if o := p.Probe(t.Context(), target()); o.Err != nil || o.TLS.Chain[0].Key != "ECDSA P-256" || o.TLS.Version != "TLS 1.2" {
			t.Errorf("fast %v: error %+v, TLS %+v", fast, o.Err, o.TLS)
		}
	}
}
