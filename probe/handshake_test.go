package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"certscan/fixtures"
)

func TestUnrecognizedName(t *testing.T) {
	t.Parallel()
	internet, p := web(t, fixtures.Site{Names: []string{"other.example"}, Strict: true})
	o := p.Probe(t.Context(), overHTTP())
	wantErr(t, o, StepTLS, CodeAlert)
	if o.Err.Detail != "unrecognized_name" {
		t.Errorf("alert is %q", o.Err.Detail)
	}
	if n := tcpDials(internet); n != 1 {
		t.Errorf("%d connections: no other hello would have changed the answer", n)
	}
}

func TestOldServers(t *testing.T) {
	t.Parallel()
	const v10, v11, v12 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12
	tests := []struct {
		name    string
		site    fixtures.Site
		version string
		cipher  string // empty for any
	}{
		{"TLS 1.0", fixtures.Site{MinVersion: v10, MaxVersion: v10}, "TLS 1.0", ""},
		{"TLS 1.1", fixtures.Site{MinVersion: v10, MaxVersion: v11}, "TLS 1.1", ""},
		{"TLS 1.2", fixtures.Site{MaxVersion: v12}, "TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		{"RSA key exchange", suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), "TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"},
		{"3DES", suite(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), "TLS 1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
		{"RC4", suite(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA), "TLS 1.2", "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			internet, p := web(t)
			if len(test.site.CipherSuites) > 0 {
				test.site.Chain = internet.CA().Issue(fixtures.Leaf{Names: []string{"example.com"}, Key: "rsa2048"})
			}
			internet.Serve("203.0.113.7:443", named(test.site))
			o := p.Probe(t.Context(), overHTTP())
			if o.Err != nil || o.HTTP == nil || o.HTTP.Status != 200 {
				t.Fatalf("error %+v, HTTP %+v", o.Err, o.HTTP)
			}
			if o.TLS.Version != test.version || test.cipher != "" && o.TLS.Cipher != test.cipher || o.TLS.Trust != ChainOK {
				t.Errorf("handshake is %+v", o.TLS)
			}
		})
	}
}

func suite(id uint16) fixtures.Site {
	return fixtures.Site{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		max    uint16
		auth   tls.ClientAuthType
		status int // 0 for no HTTP
	}{
		{"TLS 1.2 demanded", tls.VersionTLS12, tls.RequireAnyClientCert, 0},
		{"TLS 1.3 demanded", tls.VersionTLS13, tls.RequireAnyClientCert, 0},
		{"TLS 1.2 wished", tls.VersionTLS12, tls.RequestClientCert, 200},
		{"TLS 1.3 wished", tls.VersionTLS13, tls.RequestClientCert, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			internet, p := web(t, named(fixtures.Site{MaxVersion: test.max, ClientAuth: test.auth}))
			o := p.Probe(t.Context(), overHTTP())
			if o.Err != nil || o.TLS == nil {
				t.Fatalf("error %+v, TLS %v", o.Err, o.TLS)
			}
			if !o.TLS.ClientCert || o.TLS.Trust != ChainOK || !o.TLS.NameMatches {
				t.Errorf("handshake is %+v", o.TLS)
			}
			if got := o.HTTP; (got != nil) != (test.status != 0) || got != nil && got.Status != test.status {
				t.Errorf("HTTP is %+v", got)
			}
			if n := tcpDials(internet); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestALPN has servers that refuse http/1.1. The first connection is refused by hand: crypto/tls lets HTTP/1.1 pass on
// an h2 server.
func TestALPN(t *testing.T) {
	t.Parallel()
	leaf := sign(t, leafTemplate(), nil)
	for _, test := range []struct {
		name, server, want string
		http               bool
	}{
		{"h2 alone", "h2", "h2", true},
		{"another protocol's port", "imap", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{served(leaf)}, NextProtos: []string{test.server}, SessionTicketsDisabled: true}
			var connections atomic.Int32
			p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) {
				if connections.Add(1) == 1 {
					alerting(120)(c)
				} else {
					mute(tls.Server(c, config))
				}
			})})
			want := target()
			want.HTTP = test.http
			o := p.Probe(t.Context(), want)
			if o.Err != nil || o.TLS == nil || o.TLS.ALPN != test.want || o.HTTP != nil {
				t.Errorf("error %+v, TLS %+v, HTTP %+v", o.Err, o.TLS, o.HTTP)
			}
		})
	}
}

// TestUnsupported serves certificates that crypto/x509 cannot read.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	key := newKey()
	plain := signKey(t, leafTemplate(), nil, key).cert
	old := []byte{2, 2, 0x03, 0xab}
	for _, test := range []struct {
		name   string
		serial []byte
		want   ErrorCode // empty for no error
	}{
		{"negative serial", []byte{2, 2, 0xfc, 0x55}, ""},
		{"serial of no length", []byte{2, 0, 5, 0}, CodeUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chain := fixtures.Chain{Certificates: [][]byte{altered(t, plain, key, old, test.serial)}, Key: key}
			_, p := web(t, named(fixtures.Site{Chain: chain}))
			o := p.Probe(t.Context(), overHTTP())
			if test.want != "" {
				wantErr(t, o, StepTLS, test.want)
			} else if o.Err != nil {
				t.Errorf("error %+v", o.Err)
			}
		})
	}
}

// interrupted is a connection on which the peer is gone as soon as something has been sent to it.
type interrupted struct {
	net.Conn
	wrote atomic.Bool
}

func (c *interrupted) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.Conn.Write(b)
}

func (c *interrupted) Read(b []byte) (int, error) {
	if c.wrote.Load() {
		return 0, io.EOF
	}
	return c.Conn.Read(b)
}

// TestSecondHello has servers that fail in one way and then in another.
func TestSecondHello(t *testing.T) {
	t.Parallel()
	leaf := sign(t, leafTemplate(), nil)
	broken := tls.Certificate{Certificate: [][]byte{altered(t, leaf.cert, leaf.key, []byte{2, 2, 0x03, 0xab}, []byte{2, 0, 5, 0})}, PrivateKey: leaf.key}
	serving := func(cert tls.Certificate, cut bool) func(net.Conn) {
		config := &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
		return func(c net.Conn) {
			if cut {
				c = &interrupted{Conn: c}
			}
			_ = tls.Server(c, config).Handshake()
		}
	}
	tests := []struct {
		name        string
		peers       []func(net.Conn)
		code        ErrorCode
		detail      string
		seen        bool
		connections int32
	}{
		{"cut after the certificate", []func(net.Conn){serving(served(leaf), true)}, CodeReset, "", true, 1},
		{"refused, then cut after the certificate", []func(net.Conn){alerting(70), serving(served(leaf), true)}, CodeAlert, "protocol_version", true, 2},
		{"refused, then unsupported", []func(net.Conn){alerting(40), serving(broken, false)}, CodeUnsupported, "", false, 2},
		{"refused twice", []func(net.Conn){alerting(71), alerting(80)}, CodeAlert, "insufficient_security", false, 3},
		{"refused for good", []func(net.Conn){alerting(80)}, CodeAlert, "internal_error", false, 1},
		{"DHE alone", []func(net.Conn){alerting(40), alerting(40), saying(helloRecord(3, 0x009e))}, CodeUnsupported, "server offers only DHE, cipher suite 0x009e", false, 3},
		{"odd key, a warning first", []func(net.Conn){alerting(40), alerting(40), saying([]byte{21, 3, 3, 0, 2, 1, 112}, helloRecord(3, 0xc02b))}, CodeUnsupported, "server has an unusual key or group, cipher suite 0xc02b", false, 3},
		{"refused, then garbage", []func(net.Conn){alerting(40), alerting(40), saying([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))}, CodeAlert, "handshake_failure", false, 3},
		{"gone at once", []func(net.Conn){func(net.Conn) {}, alerting(80)}, CodeReset, "", false, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) {
				test.peers[min(int(connections.Add(1)), len(test.peers))-1](c)
			})})
			o := p.Probe(t.Context(), overHTTP())
			wantErr(t, o, StepTLS, test.code)
			if test.detail != "" && o.Err.Detail != test.detail || (o.TLS != nil) != test.seen {
				t.Errorf("error %+v, TLS %+v", o.Err, o.TLS)
			}
			if n := connections.Load(); n != test.connections {
				t.Errorf("%d connections, want %d", n, test.connections)
			}
		})
	}
}

// helloRecord is a ServerHello that selects a version before TLS 1.3 and a cipher suite.
func helloRecord(version byte, suite uint16) []byte {
	return slices.Concat([]byte{22, 3, version, 0, 42, 2, 0, 0, 38, 3, version}, make([]byte, 33), numbers([]uint16{suite}), []byte{0})
}

// saying answers a ClientHello with what is given.
func saying(records ...[]byte) func(net.Conn) {
	return func(c net.Conn) {
		if skipRecord(c) == nil {
			_, _ = c.Write(slices.Concat(records...))
			mute(c)
		}
	}
}

// TestSelectedVersion has servers that take no notice of the versions offered.
func TestSelectedVersion(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{served(sign(t, leafTemplate(), nil))}, SessionTicketsDisabled: true}
	willing := func(c net.Conn) { mute(tls.Server(c, config)) }
	for _, test := range []struct {
		name  string
		peers []func(net.Conn)
		code  ErrorCode // empty for none
	}{
		{"SSL 3.0", []func(net.Conn){saying(helloRecord(0, 0xc013)), saying(helloRecord(0, 0xc013))}, CodeUnsupported},
		{"TLS 1.0", []func(net.Conn){saying(helloRecord(1, 0xc013)), willing}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) { test.peers[connections.Add(1)-1](c) })})
			o := p.Probe(t.Context(), target())
			if test.code != "" {
				wantErr(t, o, StepTLS, test.code)
			} else if o.Err != nil {
				t.Errorf("error %+v", o.Err)
			}
		})
	}
}

// TestClientCertificateLater has a server that demands a certificate of the second connection alone.
func TestClientCertificateLater(t *testing.T) {
	t.Parallel()
	cert := []tls.Certificate{served(sign(t, leafTemplate(), nil))}
	var connections atomic.Int32
	p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) {
		config := &tls.Config{Certificates: cert, MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
		if connections.Add(1) > 1 {
			config.ClientAuth = tls.RequireAnyClientCert
		}
		_, _ = tls.Server(c, config).Read(make([]byte, 1))
	})})
	if o := p.Probe(t.Context(), overHTTP()); o.Err != nil || o.TLS == nil || o.HTTP != nil || connections.Load() != 2 {
		t.Errorf("error %+v, HTTP %+v, %d connections", o.Err, o.HTTP, connections.Load())
	}
}

// TestInvalidSignature has a server that does not hold the key of its certificate.
func TestInvalidSignature(t *testing.T) {
	t.Parallel()
	leaf := sign(t, leafTemplate(), nil)
	other := sign(t, leafTemplate(), nil)
	_, p := web(t, named(fixtures.Site{Chain: fixtures.Chain{Certificates: [][]byte{leaf.cert.Raw}, Key: other.key}}))
	o := p.Probe(t.Context(), overHTTP())
	wantErr(t, o, StepTLS, CodeNotTLS)
	if o.TLS == nil || len(o.TLS.Chain) != 1 {
		t.Errorf("what was seen is %+v", o.TLS)
	}
}

// TestPostQuantumAlone has servers that speak no other group.
func TestPostQuantumAlone(t *testing.T) {
	t.Parallel()
	cert := []tls.Certificate{served(sign(t, leafTemplate(), nil))}
	for _, group := range []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024} {
		t.Run(group.String(), func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: cert, CurvePreferences: []tls.CurveID{group}}
			p := newProber(t, Config{Timeout: generous, Dial: sockets(t, config)})
			if o := p.Probe(t.Context(), target()); o.Err != nil || o.TLS == nil || o.TLS.Version != "TLS 1.3" {
				t.Errorf("error %+v, TLS %+v", o.Err, o.TLS)
			}
		})
	}
}

// sockets is a dialer of real connections to one TLS server: both sides of a HelloRetryRequest write at once, which a
// pipe has no buffer for.
func sockets(t *testing.T, config *tls.Config) Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var peers sync.WaitGroup
	peers.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			peers.Go(func() {
				defer func() { _ = c.Close() }()
				mute(tls.Server(c, config))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		peers.Wait()
	})
	addr := netip.MustParseAddrPort(listener.Addr().String())
	return func(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
		return dialNet(ctx, network, addr)
	}
}

// TestLongChain serves more certificates than are kept.
func TestLongChain(t *testing.T) {
	t.Parallel()
	leaf := sign(t, leafTemplate(), nil)
	for sent, want := range map[int]int{99: 99, 100: 100, 101: 100} {
		issuers := slices.Repeat([]*x509.Certificate{leaf.cert}, sent-1)
		config := &tls.Config{Certificates: []tls.Certificate{served(leaf, issuers...)}, SessionTicketsDisabled: true}
		p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) { mute(tls.Server(c, config)) })})
		if o := p.Probe(t.Context(), target()); o.Err != nil || len(o.TLS.Chain) != want {
			t.Errorf("of %d certificates %+v is kept, error %+v", sent, o.TLS, o.Err)
		}
	}
}
