//go:build linux

package main

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/probe"
)

// proofAddr is where the web servers of these tests listen, each at a free port.
const proofAddr = "127.30.1.1"

// locationOf returns what config init prints for one web server.
func locationOf(t *testing.T, server, token string) string {
	t.Helper()
	for block := range strings.SplitSeq(string(proofLocations(token)), "\n\n") {
		if strings.HasPrefix(block, "# "+server) {
			return block
		}
	}
	t.Fatalf("no location for %s", server)
	return ""
}

// proofServer is a real web server with the location of config init in its configuration.
type proofServer struct {
	name, program, debianPackage string
	// conf is its configuration: DIR, ADDR and PORT are put in, and the location in place of LOCATION.
	conf string
	args []string // DIR and CONF are put in
}

var proofServers = []proofServer{
	{
		"nginx", "nginx", "nginx-light", `
daemon off;
master_process off;
pid DIR/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	server {
		listen ADDR:PORT;
		LOCATION
		location / { return 200 "a site\n"; }
	}
}`, []string{"-e", "stderr", "-p", "DIR", "-c", "CONF"},
	},
	{
		"Apache", "apache2", "apache2", `
ServerRoot DIR
PidFile DIR/apache.pid
DefaultRuntimeDir DIR
Mutex file:DIR default
ErrorLog /dev/stderr
ServerName server.test
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule headers_module MODULES/mod_headers.so
LoadModule rewrite_module MODULES/mod_rewrite.so
Listen ADDR:PORT
LOCATION
<VirtualHost ADDR:PORT>
	ServerName site.test
	DocumentRoot DIR
</VirtualHost>`, []string{"-f", "CONF", "-D", "FOREGROUND"},
	},
	{
		"HAProxy", "haproxy", "haproxy", `
global
	log stderr local0 emerg
defaults
	mode http
	timeout client 5s
	timeout server 5s
	timeout connect 5s
frontend web
	bind ADDR:PORT
	LOCATION
	http-request return status 200 content-type text/plain string "a site"
`, []string{"-db", "-f", "CONF"},
	},
}

// start runs a server with a token and returns its port.
func (s *proofServer) start(t *testing.T, token string) (port uint16) {
	t.Helper()
	program := fixtures.Need(t, s.program, s.debianPackage)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // a server that starts as root may read as somebody else
		t.Fatal(err)
	}
	attempt(t, func() (err error) {
		if port, err = freePortOn(proofAddr); err != nil {
			return err
		}
		conf := filepath.Join(dir, "server.conf")
		text := strings.NewReplacer("DIR", dir, "ADDR", proofAddr, "PORT", portText(port), "MODULES", "/usr/lib/apache2/modules").Replace(s.conf)
		text = strings.Replace(text, "LOCATION", locationOf(t, s.name, token), 1)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := strings.Split(strings.NewReplacer("DIR", dir, "CONF", conf).Replace(strings.Join(s.args, "\n")), "\n")
		return startServer(t, exec.CommandContext(t.Context(), program, args...), proofAddr+":"+portText(port))
	})
	return port
}

// get returns a whole response as it comes.
func get(t *testing.T, port uint16, target string) string {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", proofAddr+":"+portText(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it is read
	if _, err := io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: shop.example.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestProofLocations holds that what config init prints makes each of the web servers answer with our proof, and that no
// stranger's text comes back.
func TestProofLocations(t *testing.T) {
	t.Parallel()
	token := newToken()
	prober, err := probe.New(probe.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	prover, err := prober.Prover(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range proofServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			port := s.start(t, token)
			at := netip.AddrPortFrom(netip.MustParseAddr(proofAddr), port)
			for range 2 { // a nonce each
				p := prover.Ask(t.Context(), probe.Target{Name: "shop.example.test", Addr: netip.AddrPortFrom(at.Addr(), 1), HTTPPort: port})
				if !p.Nonce || p.Status != 200 || p.Server != at.Addr() {
					t.Errorf("%+v", p)
				}
			}
			good := get(t, port, probe.ProofPath+"?nonce="+strings.Repeat("0a", 16))
			body := regexp.MustCompile(`(?s)\r\n\r\n(.*)$`).FindStringSubmatch(good)
			if !strings.HasPrefix(good, "HTTP/1.1 200") || body == nil || strings.TrimRight(body[1], "\n") != token+" "+strings.Repeat("0a", 16)+" "+proofAddr {
				t.Errorf("answers %q", good)
			}
			for _, header := range []string{`(?mi)^content-type: text/plain(;.*)?\r$`, `(?mi)^cache-control: no-store\r$`} {
				if !regexp.MustCompile(header).MatchString(good) {
					t.Errorf("no header %s in %q", header, good)
				}
			}
			for _, query := range []string{
				"", "?nonce=", "?nonce=abc", "?nonce=%3Cscript%3Ealert(1)%3C/script%3E", "?nonce=" + strings.Repeat("0A", 16), "?nonce=" + strings.Repeat("0a", 17),
				"?nonce=" + strings.Repeat("0a", 16) + "%0d%0aX-Evil:1", "?nonce=" + strings.Repeat("0a", 16) + "%0a",
			} {
				if got := get(t, port, probe.ProofPath+query); strings.Contains(got, token) || strings.Contains(got, "script>alert") || strings.Contains(got, "X-Evil:1") {
					t.Errorf("%s is answered: %q", query, got)
				}
			}
			if got := get(t, port, "/"); strings.Contains(got, token) {
				t.Errorf("the front page: %q", got)
			}
		})
	}
}
