package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// at returns the target at the n-th address.
func at(n int) Target {
	t := target()
	t.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 443)
	return t
}

// switched is a dialer whose peer depends on the address; a nil peer is a black hole.
func switched(tb testing.TB, peer func(netip.Addr) func(net.Conn)) Dialer {
	tb.Helper()
	return func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		if network == "udp" {
			ours, theirs := net.Pipe()
			return ours, theirs.Close()
		}
		then := peer(addr.Addr())
		if then == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return pipes(tb, then)(ctx, network, addr)
	}
}

func last(a netip.Addr) int { b := a.As4(); return int(b[3]) }

// TestSlowLane has one handshake slot, silent hosts in front of the live ones, and a long timeout.
func TestSlowLane(t *testing.T) {
	t.Parallel()
	const silent, live, timeout = 20, 10, time.Minute
	good := securely(t, mute)
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Timeout: timeout, Handshakes: 1, Dial: switched(t, func(a netip.Addr) func(net.Conn) {
			if last(a) < silent {
				return mute
			}
			return good
		})})
		c := p.Crew(t.Context())
		var all sync.WaitGroup
		var given, dead atomic.Int32
		all.Add(silent + live)
		for n := range silent + live {
			c.Queue(at(n).Addr.Addr(), false, func(turn *Turn) {
				defer all.Done()
				if o := turn.Probe(t.Context(), p, at(n)); n < silent {
					wantErr(t, o, StepTLS, CodeTimeout)
					dead.Add(1)
					if o.Elapsed > timeout+silent*lease {
						t.Errorf("a silent host took %s", o.Elapsed)
					}
				} else if o.Err != nil || dead.Load() > 0 {
					t.Errorf("a live host: %+v, after %d silent ones", o.Err, dead.Load())
				} else {
					given.Add(1)
				}
			})
		}
		all.Wait()
		c.Wait()
		if given.Load() != live {
			t.Errorf("%d live hosts, want %d", given.Load(), live)
		}
	})
}

// TestOwnQueueIsNoTimeout has hosts that answer in time, and limits that make most of them wait much longer for us.
func TestOwnQueueIsNoTimeout(t *testing.T) {
	t.Parallel()
	const hosts, delay, timeout = 60, 200 * time.Millisecond, 250 * time.Millisecond
	good := securely(t, mute)
	for _, config := range []Config{{Handshakes: 1}, {Connections: 1}, {PerAddress: 1}} {
		t.Run(fmt.Sprintf("%d %d %d", config.Handshakes, config.Connections, config.PerAddress), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				config.Timeout = timeout
				config.Dial = switched(t, func(netip.Addr) func(net.Conn) {
					return func(c net.Conn) {
						b := make([]byte, 2048)
						n, _ := c.Read(b)
						time.Sleep(delay)
						good(&replayed{c, b[:n]})
					}
				})
				p := newProber(t, config)
				began := time.Now()
				var all sync.WaitGroup
				for n := range hosts {
					all.Go(func() {
						if config.PerAddress == 0 {
							n = 0
						}
						if o := p.Probe(t.Context(), at(n%2)); o.Err != nil {
							t.Errorf("host %d: %+v", n, o.Err)
						}
					})
				}
				all.Wait()
				if took := time.Since(began); took < 10*timeout {
					t.Errorf("all took %s: nobody waited", took)
				}
			})
		})
	}
}

// replayed gives back what was read of a connection before.
type replayed struct {
	net.Conn
	first []byte
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.first) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.first)
	r.first = r.first[n:]
	return n, nil
}

// TestBlockedAddress has many names at an address that lets none in, in front of another address's.
func TestBlockedAddress(t *testing.T) {
	t.Parallel()
	good := securely(t, mute)
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{PerAddress: 2, Handshakes: 4, Dial: switched(t, func(a netip.Addr) func(net.Conn) {
			if last(a) == 1 {
				return nil
			}
			return good
		})})
		c := p.Crew(t.Context())
		var all sync.WaitGroup
		var blocked, others atomic.Int32
		for n := range 300 {
			host := 2
			if n < 200 {
				host = 1
			}
			all.Add(1)
			c.Queue(at(host).Addr.Addr(), false, func(turn *Turn) {
				defer all.Done()
				o := turn.Probe(t.Context(), p, at(host))
				switch {
				case host == 1:
					blocked.Add(1)
				case o.Err != nil || blocked.Load() > 0:
					t.Errorf("error %+v after %d of the blocked address", o.Err, blocked.Load())
				default:
					others.Add(1)
				}
			})
		}
		all.Wait()
		c.Wait()
		if blocked.Load() != 200 || others.Load() != 100 || len(p.schedule.places) != 0 || p.schedule.open != 0 || p.schedule.active != 0 {
			t.Errorf("%d and %d probes; the schedule keeps %d places, %d open, %d active",
				blocked.Load(), others.Load(), len(p.schedule.places), p.schedule.open, p.schedule.active)
		}
	})
}

// TestCapOfALiveServer counts what a slow server that has answered before has to bear at a time.
func TestCapOfALiveServer(t *testing.T) {
	t.Parallel()
	const limit = 3
	good := securely(t, mute)
	synctest.Test(t, func(t *testing.T) {
		var open, most, served atomic.Int32
		queued := make(chan struct{}) // an address is forgotten when nobody waits for it
		dial := switched(t, func(netip.Addr) func(net.Conn) {
			return func(c net.Conn) {
				b := make([]byte, 2048)
				n, _ := c.Read(b)
				<-queued
				if served.Add(1) > limit {
					time.Sleep(10 * lease)
				}
				good(&replayed{c, b[:n]})
			}
		})
		p := newProber(t, Config{PerAddress: limit, Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
			c, err := dial(ctx, network, a)
			if network == "tcp" {
				most.Store(max(most.Load(), open.Add(1)))
				c = &counted{Conn: c, open: &open}
			}
			return c, err
		}})
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if o := p.Probe(t.Context(), target()); o.Err != nil {
					t.Errorf("%+v", o.Err)
				}
			})
		}
		synctest.Wait()
		close(queued)
		all.Wait()
		if most.Load() != limit {
			t.Errorf("%d at once, want %d", most.Load(), limit)
		}
	})
}

// TestLateLooks holds that second looks wait for the first ones, begin with few, and become more while nobody answers.
func TestLateLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{Timeout: 10 * time.Second, Dial: switched(t, func(a netip.Addr) func(net.Conn) { return mute })})
		c := p.Crew(t.Context())
		began := time.Now()
		var all sync.WaitGroup
		var first atomic.Int32
		started := map[time.Duration]int{}
		var mu sync.Mutex
		for n := range 40 + 200 {
			late := n >= 40
			all.Add(1)
			c.Queue(at(n).Addr.Addr(), late, func(turn *Turn) {
				defer all.Done()
				if late {
					mu.Lock()
					started[time.Since(began)]++
					mu.Unlock()
					if first.Load() != 40 {
						t.Errorf("a second look after %d first ones", first.Load())
					}
				}
				turn.Probe(t.Context(), p, at(n))
				if !late {
					first.Add(1)
				}
			})
		}
		all.Wait()
		c.Wait()
		for tick, want := range []int{16, 32, 64, 88} {
			if got := started[10*time.Second+time.Duration(tick)*lateTick]; got != want {
				t.Errorf("batch %d has %d second looks, want %d: %v", tick, got, want, started)
			}
		}
	})
}

// TestCrewCanceled cuts a crew with probes open, waiting and deferred; the bubble fails where a goroutine is left.
func TestCrewCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{PerAddress: 1, Connections: 3, Dial: pipes(t, mute)})
		ctx, cancel := context.WithCancel(t.Context())
		c := p.Crew(ctx)
		var all sync.WaitGroup
		probe := func(turn *Turn) {
			defer all.Done()
			if o := turn.Probe(ctx, p, target()); o.Err == nil || o.Err.Code != CodeCanceled {
				t.Errorf("error %+v", o.Err)
			}
		}
		all.Add(41)
		for n := range 40 {
			c.Queue(target().Addr.Addr(), n%4 == 0, probe)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		c.Queue(target().Addr.Addr(), false, probe)
		all.Wait()
		c.Wait()
		if len(p.schedule.places) != 0 || p.schedule.open != 0 {
			t.Errorf("%d places, %d open", len(p.schedule.places), p.schedule.open)
		}
	})
}

// TestScarceDescriptors has a machine that opens no more than a few connections: it slows down and fails nobody.
func TestScarceDescriptors(t *testing.T) {
	t.Parallel()
	const limit = 4
	good := securely(t, mute)
	var open atomic.Int32
	dial := pipes(t, good)
	p := newProber(t, Config{Timeout: generous, Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
		c, err := dial(ctx, network, a)
		if err != nil || network == "udp" {
			return c, err
		}
		if open.Add(1) > limit {
			open.Add(-1)
			_ = c.Close()
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
		}
		return &counted{Conn: c, open: &open}, nil
	}})
	var all sync.WaitGroup
	for n := range 60 {
		all.Go(func() {
			if o := p.Probe(t.Context(), at(n)); o.Err != nil {
				t.Errorf("%+v", o.Err)
			}
		})
	}
	all.Wait()
}

type counted struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestLateAnswer has an answer in the kernel when the deadline is long over: it came in time.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	raw, err := dialNet(t.Context(), "tcp", netip.MustParseAddrPort(listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{Conn: raw, left: connLimit}
	defer func() { _ = c.Close() }()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Close() }()
	if _, err := io.WriteString(theirs, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Conn.Read(make([]byte, 1)); err != nil { // so that the rest is there
		t.Fatal(err)
	}
	silent := false
	c.vigil = &vigil{lease: time.Millisecond, timeout: generous, silent: func() { silent = true }, spoke: func() {}, began: time.Now().Add(-2 * generous)}
	_ = c.SetReadDeadline(longAgo)
	b := make([]byte, 8)
	if n, err := c.Read(b); err != nil || string(b[:n]) != "ello" || !silent {
		t.Errorf("read %q, %v, silent %v", b[:n], err, silent)
	}
}
