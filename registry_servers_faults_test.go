//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"certscan/fixtures"
)

// serveOddities starts, in this process, the servers that no honest program can be made to be, and one that is silent.
func (r *realm) serveOddities(t *testing.T) {
	t.Helper()
	n := fixtures.New(t)
	auth := func(host string, origins ...string) netip.AddrPort {
		at := netip.MustParseAddrPort(r.at(host))
		if err := n.Bind(at.Addr().String(), at.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if n.Auth(at.String(), origins...); n.RealAddr(at) != at {
			t.Fatalf("%s is taken: listening on %s", at, n.RealAddr(at))
		}
		return at
	}
	n.Zone("org", "@ NS a.org-servers.net.\n@ NS b.org-servers.net.")
	for _, host := range []string{"ORG1", "ORG2"} {
		n.Fault("vague.org", fixtures.DNSFault{Server: auth(host, "org"), NoAuthority: true})
	}
	n.Zone("halved.com", "@ NS ns5.hoster.net.\n@ AAAA 2001:db8:31::7")
	const typeA = 1
	n.Fault("halved.com", fixtures.DNSFault{Server: auth("BROKEN", "halved.com"), Type: typeA, Denies: true})
	silent, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(r.at("SILENT"))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
}

// office is a registry with an RDAP and a WHOIS server on loopback.
type office struct {
	*fixtures.Registrar
	rdap, whois string // flags
}

// open starts the servers of a registry that knows the given domains; nil is one that never answers.
func (r *realm) open(t *testing.T, known map[string]fixtures.RegistryRecord) office {
	t.Helper()
	o := office{Registrar: fixtures.NewRegistrar(known)}
	var rdap, whois string
	if n, at := fixtures.New(t), r.vars["REGISTRY"]; known == nil {
		rdap = r.silence(t)
		whois = rdap
	} else {
		if err := n.Bind(at, at); err != nil {
			t.Fatal(err)
		}
		n.ServeHTTP(at+":80", o)
		n.Whois(at, o.Registrar)
		rdap = n.RealAddr(netip.MustParseAddrPort(at + ":80")).String()
		whois = n.RealAddr(netip.MustParseAddrPort(at + ":43")).String()
	}
	o.rdap, o.whois = "--rdap-url=http://"+rdap+"/", "--whois-server="+whois
	return o
}

// silence listens for connections, and says nothing on any.
func (r *realm) silence(t *testing.T) (address string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", r.vars["REGISTRY"]+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// kill ends a server that the test started, and waits until nobody listens there.
func kill(t *testing.T, server *exec.Cmd, address string) {
	t.Helper()
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, address+" goes on listening", func() bool {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// suspend makes a server that the test started silent, and waits until it is.
func suspend(t *testing.T, server *exec.Cmd, _ string) {
	t.Helper()
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() }) // it heeds nothing else
	stat := fmt.Sprintf("/proc/%d/stat", server.Process.Pid)
	eventually(t, server.Path+" goes on running", func() bool {
		text, err := os.ReadFile(stat)
		_, state, _ := strings.Cut(string(text), ") ")
		return err == nil && strings.HasPrefix(state, "T")
	})
}

// cutOff makes an unbound that the test started fail for every name, as one that has lost its own way.
func cutOff(t *testing.T, server *exec.Cmd, address string) {
	t.Helper()
	conf := server.Args[len(server.Args)-1]
	text, err := os.ReadFile(conf)
	if err == nil {
		err = os.WriteFile(conf, append(text, "server:\n\tdo-not-query-address: 127.0.0.0/8\n"...), 0o600)
	}
	if err = errors.Join(err, server.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	eventually(t, server.Path+" goes on answering", func() bool {
		_, err := resolver.LookupHost(t.Context(), "good.com.")
		return err != nil
	})
}

// eventually waits until something is so.
func eventually(t *testing.T, otherwise string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), serverWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatal(otherwise)
		case <-tick.C:
		}
	}
}
