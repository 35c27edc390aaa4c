//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"certscan/fixtures"
)

// The addresses of the servers, all in serverNet, which is ours. Linux alone has the whole of 127.0.0.0/8.
const (
	serverNet    = "127.30.0.0/24"
	ownNet6      = "2001:db8:30::/48" // ours too: nothing dials there
	mainAddr     = "127.30.0.1"       // nginx, many names
	plainAddr    = "127.30.0.2"       // nginx without TLS on the TLS port
	rejectAddr   = "127.30.0.3"       // nginx without a default certificate
	tls10Addr    = "127.30.0.4"       // nginx with TLS 1.0 alone
	tls12Addr    = "127.30.0.5"       // nginx with TLS 1.2 alone
	resetAddr    = "127.30.0.11"
	silentAddr   = "127.30.0.12"
	garbageAddr  = "127.30.0.13"
	closedAddr   = "127.30.0.14" // nothing listens
	resolverAddr = "127.30.0.53" // unbound
	serverTries  = 5             // a free port may be taken before its server has it
	serverWait   = 20 * time.Second
)

// Public addresses that are not ours. They stand in the DNS only: no command is run that would dial them. 3ffe::/16 was
// given back when the 6bone ended (RFC 3701), and 192.31.196.0/24 is a sink of AS112 (RFC 7535).
const (
	elsewhere6 = "3ffe::7"
	elsewhere4 = "192.31.196.1"
)

// Names that a server treats in a way of its own.
const (
	bareName     = "bare.test"     // nginx answers its plain HTTP
	servfailName = "servfail.test" // the authoritative server answers SERVFAIL
	bogusName    = "bogus.test"    // unbound has a trust anchor for it, and the zone is not signed
)

// rack is what the cases are served by: nginx and unbound as processes, the name servers behind unbound and the servers
// that misbehave in this process, all on loopback.
type rack struct {
	binary   string // certscan, built
	dir      string
	resolver netip.AddrPort
	tls, web uint16
}

// newRack builds certscan and starts the servers of the cases.
func newRack(t *testing.T, ca *fixtures.CA, cases []serverCase, nginx, unbound string) *rack {
	t.Helper()
	r := &rack{dir: t.TempDir()}
	r.binary = buildBinary(t, r.dir)
	r.write(t, "root.pem", ca.RootPEM())
	for _, c := range cases {
		if len(c.chain.Certificates) > 0 {
			fullchain, key := c.chain.PEM()
			r.write(t, c.name+".pem", fullchain)
			r.write(t, c.name+".key", key)
		}
	}
	attempt(t, func() error { return r.startNginx(t, nginx, cases) })
	r.serveFaults(t)
	names := nameServers(t, cases)
	attempt(t, func() error { return r.startUnbound(t, unbound, names) })
	return r
}

// buildBinary builds the program as make does, without the stamp of a working copy that may be in any state.
func buildBinary(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "certscan")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build certscan: %v\n%s", err, out)
	}
	return path
}

func portText(port uint16) string { return strconv.Itoa(int(port)) }

func (r *rack) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// attempt starts a server anew while its ports are taken from under it.
func attempt(t *testing.T, start func() error) {
	t.Helper()
	var errs []error
	for range serverTries {
		err := start()
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	t.Fatal(errors.Join(errs...))
}

// freePortOn returns a TCP port that is free on all of the addresses.
func freePortOn(addrs ...string) (port uint16, err error) {
	for _, a := range addrs {
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(a), Port: int(port)})
		if err != nil {
			return 0, fmt.Errorf("find free port: %w", err)
		}
		defer ln.Close() //nolint:errcheck // it carried nothing
		port = ln.Addr().(*net.TCPAddr).AddrPort().Port()
	}
	return port, nil
}

// nginxConf is a configuration that needs no root and leaves nothing outside its prefix.
var nginxConf = template.Must(template.New("nginx").Parse(`
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	add_header Strict-Transport-Security max-age=31536000 always;
	ssl_protocols TLSv1.2 TLSv1.3;
	server {
		listen {{.Main}}:{{.Web}};
		if ($host = {{.Bare}}) {
			return 200;
		}
		return 301 https://$host:{{.TLS}}$request_uri;
	}
{{- range .Servers}}
	server {
		listen {{.Listen}};
		server_name {{.Name}};
	{{- if .Certificate}}
		ssl_certificate {{.Certificate}}.pem;
		ssl_certificate_key {{.Certificate}}.key;
	{{- end}}
		{{.Directives}}
	}
{{- end}}
}
`))

// nginxServer is one server block for TLS.
type nginxServer struct{ Listen, Name, Certificate, Directives string }

// nginxServers returns the blocks of the cases that have one.
func nginxServers(cases []serverCase, port uint16) (blocks []nginxServer) {
	for _, c := range cases {
		if c.nginx == "" {
			continue
		}
		s := nginxServer{Name: c.name, Directives: c.nginx, Listen: cmp.Or(c.addr, mainAddr) + ":" + portText(port)}
		if c.addr != plainAddr {
			s.Listen += " ssl"
		}
		if len(c.chain.Certificates) > 0 {
			s.Certificate = c.name
		}
		blocks = append(blocks, s)
	}
	return blocks
}

func (r *rack) startNginx(t *testing.T, program string, cases []serverCase) error {
	t.Helper()
	var err error
	if r.tls, err = freePortOn(mainAddr, plainAddr, rejectAddr, tls10Addr, tls12Addr, resetAddr, silentAddr, garbageAddr, closedAddr); err != nil {
		return err
	}
	if r.web, err = freePortOn(mainAddr); err != nil {
		return err
	}
	var conf bytes.Buffer
	if err := nginxConf.Execute(&conf, map[string]any{
		"Main": mainAddr, "TLS": r.tls, "Web": r.web, "Bare": bareName, "Servers": nginxServers(cases, r.tls),
	}); err != nil {
		return fmt.Errorf("write nginx.conf: %w", err)
	}
	path := r.write(t, "nginx.conf", conf.Bytes())
	cmd := exec.CommandContext(t.Context(), program, "-e", "stderr", "-p", r.dir, "-c", path)
	return startServer(t, cmd, mainAddr+":"+portText(r.tls))
}

// speaksTLS10 reports whether nginx was able to switch TLS 1.0 on: a policy of OpenSSL may forbid it.
func (r *rack) speaksTLS10(t *testing.T) bool {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}}
	c, err := d.DialContext(t.Context(), "tcp", tls10Addr+":"+portText(r.tls))
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// serveFaults starts the servers that misbehave, at the port of nginx.
func (r *rack) serveFaults(t *testing.T) {
	t.Helper()
	n := fixtures.New(t)
	for addr, fault := range map[string]fixtures.SiteFault{
		resetAddr: fixtures.FaultReset, silentAddr: fixtures.FaultSilent, garbageAddr: fixtures.FaultGarbage,
	} {
		if err := n.Bind(addr, addr); err != nil {
			t.Fatal(err)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr(addr), r.tls)
		n.Serve(at.String(), fixtures.Site{Fault: fault})
		if got := n.RealAddr(at); got != at {
			t.Fatalf("%s is taken: listening on %s", at, got)
		}
	}
}

// nameServers starts the authoritative servers behind unbound and returns the address of each stub zone.
func nameServers(t *testing.T, cases []serverCase) map[string]netip.AddrPort {
	t.Helper()
	n := fixtures.New(t)
	origins := []string{"test", "control.test"}
	n.Zone("control.test", "@ A "+mainAddr)
	for _, c := range cases {
		if c.records == noZone {
			continue
		}
		labels := strings.Split(c.name, ".")
		origin := strings.Join(labels[len(labels)-2:], ".")
		n.Zone(origin, cmp.Or(c.records, "@ A "+cmp.Or(c.addr, mainAddr)))
		origins = append(origins, origin)
	}
	n.Zone("hosting.example", `
		web     A     `+mainAddr+`
		alias   CNAME web
		circle  CNAME circle.test.`)
	n.Zone("cloudfront.net", "d1 AAAA 2001:db8::9")
	test := n.Auth("192.0.2.1", origins...)
	n.Fault(servfailName, fixtures.DNSFault{Server: test, RCode: 2})
	return map[string]netip.AddrPort{
		".":       n.RealAddr(n.Auth("192.0.2.3", ".", "cloudfront.net")), // so that unbound never asks the real root
		"test":    n.RealAddr(test),
		"example": n.RealAddr(n.Auth("192.0.2.2", "example", "hosting.example")),
	}
}

func (r *rack) startUnbound(t *testing.T, program string, zones map[string]netip.AddrPort) error {
	t.Helper()
	port, err := freePortOn(resolverAddr)
	if err != nil {
		return err
	}
	r.resolver = netip.AddrPortFrom(netip.MustParseAddr(resolverAddr), port)
	conf := fmt.Sprintf(unboundConf, r.resolver.Addr(), port, bogusName)
	for name, addr := range zones {
		conf += fmt.Sprintf("stub-zone:\n\tname: %q\n\tstub-addr: %s@%d\n", name, addr.Addr(), addr.Port())
	}
	path := r.write(t, "unbound.conf", []byte(conf))
	return startServer(t, exec.CommandContext(t.Context(), program, "-d", "-c", path), r.resolver.String())
}

// unboundConf lets unbound send from 127.0.0.1 alone, from where nothing leaves the machine. The trust anchor belongs
// to no key, so that the zone below it does not validate.
const unboundConf = `
server:
	interface: %s@%d
	outgoing-interface: 127.0.0.1
	access-control: 127.0.0.0/8 allow
	do-ip6: no
	do-not-query-localhost: no
	do-daemonize: no
	username: ""
	chroot: ""
	directory: ""
	pidfile: ""
	use-syslog: no
	num-threads: 1
	ede: yes
	module-config: "validator iterator"
	local-zone: "test." nodefault
	trust-anchor: "%s. DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000"
remote-control:
	control-enable: no
`

// startServer starts a process, waits until it listens, and ends it with the test: SIGTERM when the test's context
// ends, and SIGKILL should it not heed that, or should the test be killed.
func startServer(t *testing.T, cmd *exec.Cmd, listens string) error {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { defer close(ended); cmd.Wait() }) //nolint:errcheck // it is ended by a signal
	t.Cleanup(wg.Wait)
	if err := listening(t.Context(), listens, ended); err != nil {
		err = errors.Join(err, cmd.Process.Kill())
		<-ended
		return fmt.Errorf("start %s: %w\n%s", cmd.Path, err, said.String())
	}
	return nil
}

// listening waits until a TCP address accepts connections.
func listening(ctx context.Context, addr string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, serverWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
