package probe

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/fixtures"
)

// TestRenegotiation has a TLS 1.2 server that reads the request and then asks for a client certificate: openssl, for
// crypto/tls does not renegotiate as a server.
func TestRenegotiation(t *testing.T) {
	t.Parallel()
	openssl := fixtures.Need(t, "openssl", "openssl")
	w := newPKI(t)
	pair := filepath.Join(t.TempDir(), "pair.pem")
	writePair(t, pair, sign(t, leafTemplate(), w.root))
	for _, row := range []struct {
		name, then string // then is what openssl is told once it knows that there is no certificate
		status     int    // 0 for no HTTP
	}{
		{"wished", "HTTP/1.1 200 OK\n\n", 200},
		{"demanded", "Q\n", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			addr := renegotiating(t, openssl, pair, row.then)
			p := newProber(t, Config{
				Timeout: generous,
				Roots:   []*x509.Certificate{w.root.cert},
				Now:     func() time.Time { return now },
				Dial: func(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
					return dialNet(ctx, network, addr)
				},
			})
			o := p.Probe(t.Context(), overHTTP())
			if o.Err != nil || o.TLS == nil || !o.TLS.ClientCert || o.TLS.Trust != ChainOK || o.TLS.Version != "TLS 1.2" {
				t.Fatalf("error %+v, TLS %+v", o.Err, o.TLS)
			}
			if (o.HTTP != nil) != (row.status != 0) || o.HTTP != nil && o.HTTP.Status != row.status {
				t.Errorf("HTTP is %+v", o.HTTP)
			}
		})
	}
}

func writePair(t *testing.T, path string, pair *authority) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// renegotiating runs openssl and returns its address. By its commands it renegotiates after each request, and then does
// what then says.
func renegotiating(t *testing.T, openssl, pair, then string) netip.AddrPort {
	t.Helper()
	server := exec.CommandContext(t.Context(), openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", pair, "-key", pair, "-tls1_2")
	commands, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	addr, listens := "", false
	for !listens && lines.Scan() {
		addr, listens = strings.CutPrefix(lines.Text(), "ACCEPT ")
	}
	var driver sync.WaitGroup
	t.Cleanup(func() {
		_ = commands.Close()
		driver.Wait()
		_ = server.Wait() // the context of the test has ended it
	})
	listener, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatalf("openssl listens on %q: %v", addr, err)
	}
	driver.Go(func() {
		for lines.Scan() {
			switch lines.Text() {
			case "Connection: close":
				_, _ = io.WriteString(commands, "R\n")
			case "Read BLOCK": // the second handshake is done
				_, _ = io.WriteString(commands, then)
			}
		}
	})
	return listener
}
