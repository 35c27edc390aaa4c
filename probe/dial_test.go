package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"certscan/fixtures"
)

// TestDialErrors gives each error that the kernel has for a connection.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	for errno, want := range map[error]ErrorCode{
		syscall.ECONNREFUSED:  CodeRefused,
		syscall.ETIMEDOUT:     CodeTimeout,
		syscall.ECONNRESET:    CodeReset,
		syscall.ENETUNREACH:   CodeUnreachable,
		syscall.EHOSTUNREACH:  CodeUnreachable,
		syscall.EACCES:        CodeUnreachable,
		syscall.EMFILE:        CodeCanceled, // our trouble, not the target's
		syscall.EADDRNOTAVAIL: CodeCanceled,
		io.ErrNoProgress:      CodeUnreachable,
	} {
		p := newProber(t, Config{Dial: func(_ context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
			if network == "udp" {
				c, peer := net.Pipe()
				return c, peer.Close()
			}
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", errno)}
		}})
		o := p.Probe(t.Context(), overHTTP())
		if o.Err == nil || o.Err.Step != StepDial || o.Err.Code != want || o.Err.Detail != errno.Error() {
			t.Errorf("%v is %+v, want %s", errno, o.Err, want)
		}
	}
}

func tcpDials(n *fixtures.Internet) int {
	count := 0
	for _, d := range n.Dials() {
		if d.Network == "tcp" {
			count++
		}
	}
	return count
}

func TestBlocked(t *testing.T) {
	t.Parallel()
	internet, p := web(t, named(fixtures.Site{}))
	p.config.Allow = func(a netip.Addr) bool { return !a.IsLoopback() && a != netip.MustParseAddr("203.0.113.7") }
	for _, addr := range []string{"203.0.113.7:443", "[::ffff:203.0.113.7]:443", "[::1]:443"} {
		want := overHTTP()
		want.Addr = netip.MustParseAddrPort(addr)
		wantErr(t, p.Probe(t.Context(), want), StepDial, CodeBlocked)
	}
	wantErr(t, p.Probe(t.Context(), Target{Name: "example.com"}), StepDial, CodeBlocked)
	if dials := internet.Dials(); len(dials) != 0 {
		t.Errorf("dialled %v", dials)
	}
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	internet, p := web(t, named(fixtures.Site{}))
	internet.NoRoute(true)
	if ipv4, ipv6 := p.routed(t.Context(), farIPv4), p.routed(t.Context(), farIPv6); !ipv4 || ipv6 {
		t.Errorf("routes: IPv4 %v, IPv6 %v", ipv4, ipv6)
	}
	six := overHTTP()
	six.Addr = netip.MustParseAddrPort("[2001:db8::7]:443")
	for range 2 {
		wantErr(t, p.Probe(t.Context(), six), StepDial, CodeNoRoute)
	}
	if o := p.Probe(t.Context(), overHTTP()); o.Err != nil {
		t.Errorf("the other family: %+v", o.Err)
	}
	far := 0
	for _, d := range internet.Dials() {
		if d.Addr == farIPv6 || d.Addr == farIPv4 {
			far++
		}
	}
	if far != 2 {
		t.Errorf("the routes were looked for %d times", far)
	}
}

// TestLocalRoute has a family without a default route, and one address of it that is reached all the same.
func TestLocalRoute(t *testing.T) {
	t.Parallel()
	internet := fixtures.New(t)
	internet.Serve("[2001:db8::7]:443", named(fixtures.Site{}))
	near := netip.MustParseAddrPort("[2001:db8::7]:443")
	p := newProber(t, Config{Timeout: generous, Dial: func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		if network == "udp" && addr.Addr() != near.Addr() {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
		}
		if network == "tcp" && addr != near {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}
		}
		return internet.Dial(ctx, network, addr)
	}})
	want := target()
	want.Addr = near
	if o := p.Probe(t.Context(), want); o.Err != nil {
		t.Errorf("an address on the local network: %+v", o.Err)
	}
	want.Addr = netip.AddrPortFrom(near.Addr(), 8443) // dials to it have no address to come from
	wantErr(t, p.Probe(t.Context(), want), StepDial, CodeNoRoute)
}

// TestRoutesUnknown asks with a context that is over: the answer must not be kept.
func TestRoutesUnknown(t *testing.T) {
	t.Parallel()
	p := newProber(t, Config{Dial: func(ctx context.Context, _ string, _ netip.AddrPort) (net.Conn, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, syscall.ENETUNREACH
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // with a context that is over, which way a select goes is left to chance
		if !p.routed(ctx, farIPv4) || !p.routed(ctx, farIPv6) {
			t.Fatal("a route is denied on a guess")
		}
	}
	if p.routed(t.Context(), farIPv4) || p.routed(t.Context(), farIPv6) {
		t.Error("a guess was kept")
	}
}

// TestPerAddress counts at the server how many probes are there at once.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	const limit, probes = 3, 24
	var current, most atomic.Int32
	internet, _ := web(t, named(fixtures.Site{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := current.Add(1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		current.Add(-1)
	})}))
	p := newProber(t, Config{Dial: internet.Dial, Timeout: generous, PerAddress: limit})
	var all sync.WaitGroup
	for range probes {
		all.Go(func() {
			if o := p.Probe(t.Context(), overHTTP()); o.Err != nil {
				t.Errorf("error %+v", o.Err)
			}
		})
	}
	all.Wait()
	if m := most.Load(); m > limit || m == 0 {
		t.Errorf("%d probes at once, want at most %d", m, limit)
	}
}

// TestCloseLeavesNothing proves at the peer that a connection ends in a reset: no side keeps it in TIME_WAIT.
func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ours, err := dialNet(t.Context(), "tcp", netip.MustParseAddrPort(listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Close() }()
	if err := (&conn{Conn: ours}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer read %v", err)
	}
}
