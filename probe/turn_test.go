package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// begun reports whether it is the turn's turn.
func begun(t *Turn) bool {
	select {
	case <-t.started:
		return true
	default:
		return false
	}
}

// ask queues a lone turn at the n-th address.
func ask(s *schedule, n int) *Turn {
	t := &Turn{s: s, addr: at(n).Addr.Addr(), started: make(chan struct{})}
	s.mu.Lock()
	s.enqueue(t)
	s.unlockAndStart()
	return t
}

// TestLobby holds that no more is dialled while enough are connected and wait for a handshake slot, and that dialling
// goes on when they do no more.
func TestLobby(t *testing.T) {
	t.Parallel()
	const slots = 8
	s := newSchedule(&Config{PerAddress: 32, Connections: 100}, slots)
	for n := range slots / 4 {
		connected := ask(s, n)
		if !begun(connected) {
			t.Fatalf("nothing is dialled while %d wait", n)
		}
		connected.connected()
		connected.wait(1)
		defer connected.end(true)
	}
	next, after := ask(s, 20), ask(s, 21)
	if begun(next) {
		t.Errorf("dialled while %d wait for a slot", slots/4)
	}
	next.wait(-1)
	if !begun(next) || !begun(after) {
		t.Error("not dialled when one of them had its slot")
	}
	next.end(true)
	after.end(true)
}

// TestCrowdInBetween has a crowd that comes after the probe has begun and goes before it ends.
func TestCrowdInBetween(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		others int
		alone  bool
	}{{crowd - 1, true}, {crowd, false}} {
		s := newSchedule(&Config{PerAddress: 32, Connections: 100}, 100)
		early := ask(s, 0)
		var others []*Turn
		for n := range test.others {
			others = append(others, ask(s, n+1))
		}
		for _, other := range others {
			other.end(true)
		}
		after := ask(s, 0)
		after.end(true)
		early.end(false)
		if early.Alone() != test.alone || !after.Alone() {
			t.Errorf("beside %d others: alone is %v, want %v; and %v for one after them", test.others, early.Alone(), test.alone, after.Alone())
		}
	}
}

// TestShortLeaseBesideOthers has a dead address with many names, and others that begin all the time: their longer leases
// do not hold up the short ones.
func TestShortLeaseBesideOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, Config{PerAddress: 1, Timeout: time.Minute, Dial: switched(t, func(netip.Addr) func(net.Conn) { return nil })})
		c := p.Crew(t.Context())
		began := time.Now()
		var mu sync.Mutex
		var dead []time.Duration
		for range 4 {
			c.Queue(at(1).Addr.Addr(), false, func(turn *Turn) {
				mu.Lock()
				dead = append(dead, time.Since(began))
				mu.Unlock()
				turn.Probe(t.Context(), p, at(1))
			})
		}
		time.Sleep(lease - time.Millisecond)
		for n := range 4 {
			c.Queue(at(n+10).Addr.Addr(), false, func(turn *Turn) { turn.Probe(t.Context(), p, at(n+10)) })
		}
		c.Wait()
		if want := []time.Duration{0, lease, lease + shortLease, lease + 2*shortLease}; !slices.Equal(dead, want) {
			t.Errorf("dialled after %v, want %v", dead, want)
		}
	})
}

// TestWaitWaitsForTheQueue has a crew all of whose turns are still waiting, for room that another's probe has.
func TestWaitWaitsForTheQueue(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProber(t, Config{Connections: 1, Dial: pipes(t, mute)})
				other := ask(p.schedule, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := p.Crew(ctx)
				var done atomic.Int32
				for n := range 5 {
					c.Queue(at(n).Addr.Addr(), n > 2, func(turn *Turn) {
						turn.Probe(ctx, p, at(n))
						done.Add(1)
					})
				}
				time.AfterFunc(time.Second, func() {
					if cut {
						cancel()
						return
					}
					other.end(true)
				})
				began := time.Now()
				c.Wait()
				if took := time.Since(began); done.Load() != 5 || cut && took != time.Second {
					t.Errorf("%d of 5 probes are done after %s", done.Load(), took)
				}
				other.end(true)
			})
		})
	}
}

// TestSilentAfterTheHandshake has websites that shake hands and then say nothing, or nothing on the port of plain HTTP, in
// front of live ones: they hold nobody up.
func TestSilentAfterTheHandshake(t *testing.T) {
	t.Parallel()
	const silent, live = 20, 10
	site := securely(t, func(c net.Conn) {
		if _, err := c.Read(make([]byte, 2048)); err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		}
	})
	half := securely(t, func(c net.Conn) {
		if _, err := c.Read(make([]byte, 2048)); err == nil {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
			mute(c)
		}
	})
	for name, test := range map[string]struct {
		tls, plain func(net.Conn)
		code       ErrorCode
	}{
		"no response":       {securely(t, mute), nil, CodeTimeout},
		"half a response":   {half, nil, CodeTimeout},
		"no plain HTTP":     {site, nil, ""},
		"silent plain HTTP": {site, mute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dead := func(a netip.Addr) bool { return last(a) < silent }
				secure := switched(t, func(a netip.Addr) func(net.Conn) {
					if dead(a) {
						return test.tls
					}
					return site
				})
				plain := switched(t, func(a netip.Addr) func(net.Conn) { return test.plain })
				p := newProber(t, Config{Timeout: time.Minute, Handshakes: 1, Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
					if a.Port() == 80 {
						return plain(ctx, network, a)
					}
					return secure(ctx, network, a)
				}})
				c := p.Crew(t.Context())
				var slow, quick atomic.Int32
				for n := range silent + live {
					where := at(n)
					where.HTTP = true
					if dead(where.Addr.Addr()) {
						where.HTTPPort = 80
					}
					c.Queue(where.Addr.Addr(), false, func(turn *Turn) {
						switch o := turn.Probe(t.Context(), p, where); {
						case n < silent && test.code == "" && o.Err == nil, n < silent && o.Err != nil && o.Err.Code == test.code:
							slow.Add(1)
						case n < silent || o.Err != nil || slow.Load() > 0:
							t.Errorf("host %d: %+v, after %d silent ones", n, o.Err, slow.Load())
						default:
							quick.Add(1)
						}
					})
				}
				c.Wait()
				if slow.Load() != silent || quick.Load() != live {
					t.Errorf("%d silent and %d live sites", slow.Load(), quick.Load())
				}
			})
		})
	}
}

// TestSlowPlainHTTPKeepsItsCap counts what a slow server of plain HTTP has to bear at a time.
func TestSlowPlainHTTPKeepsItsCap(t *testing.T) {
	t.Parallel()
	const limit = 3
	synctest.Test(t, func(t *testing.T) {
		var open, most atomic.Int32
		dial := pipes(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 2048))
			time.Sleep(3 * lease)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		})
		p := newProber(t, Config{PerAddress: limit, Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
			c, err := dial(ctx, network, a)
			if network == "tcp" {
				most.Store(max(most.Load(), open.Add(1)))
				c = &counted{Conn: c, open: &open}
			}
			return c, err
		}})
		where := target()
		where.HTTP, where.PlainOnly = true, true
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if o := p.Probe(t.Context(), where); o.Err != nil {
					t.Errorf("%+v", o.Err)
				}
			})
		}
		all.Wait()
		if most.Load() != limit {
			t.Errorf("%d at once, want %d", most.Load(), limit)
		}
	})
}

// TestFurtherDial holds that each dial has a lease of its own.
func TestFurtherDial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSchedule(&Config{PerAddress: 32, Connections: 100}, 8)
		turn := ask(s, 1)
		turn.running.Store(true)
		turn.connected()
		time.Sleep(lease / 2)
		turn.dials()
		for _, want := range []turnState{turnDialing, turnQuiet} {
			time.Sleep(lease * 3 / 4)
			s.mu.Lock()
			if turn.state != want {
				t.Errorf("state %d, want %d", turn.state, want)
			}
			s.mu.Unlock()
		}
		turn.end(false)
	})
}

// TestRoom holds how many probes are open at a time: active ones in all, and silent ones of one address.
func TestRoom(t *testing.T) {
	t.Parallel()
	const slots = 8
	s := newSchedule(&Config{PerAddress: quietMax, Connections: 2 * quietMax}, slots)
	var turns []*Turn
	for n := range 4 * slots {
		turns = append(turns, ask(s, n))
	}
	next := ask(s, 100)
	if begun(next) {
		t.Errorf("%d probes are active", 4*slots+1)
	}
	turns[0].silent()
	if !begun(next) {
		t.Error("a silent peer holds up the others")
	}
	for _, turn := range append(turns, next) {
		turn.end(true)
	}
	turns = nil
	for range quietMax {
		turn := ask(s, 1)
		if !begun(turn) {
			t.Fatalf("%d silent probes are all", len(turns))
		}
		turn.silent()
		turns = append(turns, turn)
	}
	if next = ask(s, 1); begun(next) {
		t.Errorf("%d probes wait at a silent address", quietMax+1)
	}
	for _, turn := range append(turns, next) {
		turn.end(true)
	}
	if !begun(next) || len(s.places) != 0 || s.open != 0 || s.active != 0 || s.timer != nil {
		t.Errorf("%d places, %d open, %d active are left", len(s.places), s.open, s.active)
	}
}

// TestFastAfterAnyAlert has servers of TLS 1.3 alone, which refuse a hello of TLS 1.2 in ways of their own.
func TestFastAfterAnyAlert(t *testing.T) {
	t.Parallel()
	server := sockets(t, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{served(sign(t, leafTemplate(), nil))}})
	for _, number := range []byte{10, 40, 47, 49, 50, 70, 71, 80, 86, 109, 112} {
		t.Run(alertNames[number], func(t *testing.T) {
			t.Parallel()
			refusal := pipes(t, alerting(number))
			var dials atomic.Int32
			p := newProber(t, Config{Fast: true, Timeout: generous, Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
				if network == "tcp" && dials.Add(1) == 1 {
					return refusal(ctx, network, a)
				}
				return server(ctx, network, a)
			}})
			o := p.Probe(t.Context(), target())
			if o.Err != nil || o.TLS == nil || o.TLS.Version != "TLS 1.3" || slices.Contains(o.TLS.Untested, UntestedVersion) {
				t.Errorf("error %+v, TLS %+v", o.Err, o.TLS)
			}
		})
	}
}
