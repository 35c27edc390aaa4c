package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"certscan/fixtures"
)

// crowd is an internet of n names c0.example.test … behind one resolver, the last of each ten without an address.
func crowd(t *testing.T, n int, way fixtures.Link, edit func(*Config)) (*fixtures.Internet, *Resolver, netip.AddrPort) {
	t.Helper()
	var zone strings.Builder
	zone.WriteString("@ SOA ns1 hostmaster 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 198.51.101.1\n")
	for i := range n {
		if i%10 != 9 {
			fmt.Fprintf(&zone, "c%d A 93.184.%d.%d\nc%d AAAA 2a00:1450::%x\n", i, i/250, i%250, i, i)
		}
	}
	net := fixtures.New(t)
	net.Zone("example.test", zone.String())
	server := net.Resolver("193.0.0.53")
	net.Link(server, way)
	cfg := Config{Servers: []netip.AddrPort{server}, Dial: net.Dial}
	if edit != nil {
		edit(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return net, r, server
}

// askCrowd asks for all names and holds that each gets one answer, right or honestly unknown; it returns how many are
// unknown.
func askCrowd(t *testing.T, r *Resolver, n int) (unknown int) {
	t.Helper()
	seen := make([]bool, n)
	r.Resolve(t.Context(), names(n), func(a Answer) {
		if seen[a.ID] {
			t.Errorf("%s is answered twice", a.Name)
		}
		seen[a.ID] = true
		want := fmt.Sprintf("NOERROR/NOERROR 93.184.%d.%d 2a00:1450::%x []", a.ID/250, a.ID%250, a.ID)
		if a.ID == 0 {
			want = "NOERROR/NOERROR 93.184.0.0 2a00:1450:: []"
		}
		if a.ID%10 == 9 {
			want = "NXDOMAIN/NXDOMAIN  []"
		}
		switch {
		case words(a) == want:
		case a.A.Status.OK() && a.AAAA.Status.OK():
			t.Errorf("%s: %s, want %s", a.Name, words(a), want)
		default:
			unknown++
		}
	})
	for i, ok := range seen {
		if !ok {
			t.Fatalf("c%d has no answer", i)
		}
	}
	return unknown
}

func names(n int) func(func(Question) bool) {
	return func(yield func(Question) bool) {
		for i := range n {
			if !yield(Question{ID: i, Name: fmt.Sprintf("c%d.example.test", i)}) {
				return
			}
		}
	}
}

// TestRoughWays holds that on ways of every kind each name gets its one right answer, by batches and one at a time.
func TestRoughWays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way     fixtures.Link
		unknown int // allowed
	}{
		"clean":              {fixtures.Link{}, 0},
		"far":                {fixtures.Link{Delay: 30 * time.Millisecond}, 0},
		"lossy":              {fixtures.Link{Seed: 1, Loss: 0.1}, 2},
		"lossy both ways":    {fixtures.Link{Seed: 2, Loss: 0.05, ReplyLoss: 0.05}, 2},
		"reordering":         {fixtures.Link{Seed: 3, Delay: 2 * time.Millisecond, Jitter: 30 * time.Millisecond}, 0},
		"duplicating":        {fixtures.Link{Seed: 4, Duplicate: 1}, 0},
		"spoofed":            {fixtures.Link{Seed: 5, Spoof: 1}, 0},
		"small queue":        {fixtures.Link{Seed: 6, Delay: 5 * time.Millisecond, Queue: 20}, 20},
		"everything at once": {fixtures.Link{Seed: 7, Loss: 0.03, ReplyLoss: 0.03, Duplicate: 0.2, Spoof: 0.2, Delay: time.Millisecond, Jitter: 10 * time.Millisecond}, 2},
	} {
		for kind, wrap := range links {
			if kind == "without segments" {
				continue
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				const n = 1000
				_, r, _ := crowd(t, n, c.way, func(c *Config) {
					dial := c.Dial
					c.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
						conn, err := dial(ctx, network, addr)
						if err != nil || network != "udp" {
							return conn, err
						}
						return wrap(conn), nil
					}
				})
				if unknown := askCrowd(t, r, n); unknown > c.unknown {
					t.Errorf("%d of %d unknown", unknown, n)
				}
			})
		}
	}
}

// TestRateLimitingServer holds that a server which drops or refuses what exceeds its rate is found out: most names get
// their answer, the others are unknown, and none is taken for another.
func TestRateLimitingServer(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]bool{"drops": false, "refuses": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 300
			_, r, _ := crowd(t, n, fixtures.Link{Rate: 400, Refuse: refuse}, nil)
			if unknown := askCrowd(t, r, n); unknown > n/2 {
				t.Errorf("%d of %d unknown", unknown, n)
			}
		})
	}
}

// TestOwnRate holds that a server gets no more queries than the rate allows.
func TestOwnRate(t *testing.T) {
	t.Parallel()
	const n, rate = 100, 400
	_, r, _ := crowd(t, n, fixtures.Link{}, func(c *Config) { c.Rate = rate })
	began := time.Now()
	if unknown := askCrowd(t, r, n); unknown > 0 {
		t.Errorf("%d unknown", unknown)
	}
	least := time.Duration((2*n - rate/20 - 2) * int(time.Second) / rate)
	if took := time.Since(began); took < least {
		t.Errorf("%d queries within %s, at %d a second they need %s", 2*n, took, rate, least)
	}
}

func TestPublicResolversArePolitelyAsked(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]float64{"8.8.8.8:53": 1500, "9.9.9.9:53": 100, "[2620:fe::fe]:53": 100, "193.0.0.53:53": 0} {
		if got := new(Config).rate(netip.MustParseAddrPort(server)); got != want {
			t.Errorf("%s: %v a second, want %v", server, got, want)
		}
	}
	google := netip.MustParseAddrPort("8.8.8.8:53")
	c := Config{Rate: 7}
	if got := c.rate(google); got != 7 {
		t.Errorf("the user's rate is %v", got)
	}
	if c.Rates = map[netip.AddrPort]float64{google: 9}; c.rate(google) != 9 {
		t.Errorf("the rate of one server is %v", c.rate(google))
	}
}

// TestDeadNames holds that names which are never answered are told by three attempts each, while others are answered,
// and do not take the server for lossy.
func TestDeadNames(t *testing.T) {
	t.Parallel()
	const n = 2000
	net, r, server := crowd(t, n, fixtures.Link{Delay: 5 * time.Millisecond}, nil)
	for i := 4; i < n; i += 5 {
		net.Fault(fmt.Sprintf("c%d.example.test", i), fixtures.DNSFault{Drop: true})
	}
	dead, attempts := 0, 0
	r.Resolve(t.Context(), names(n), func(a Answer) {
		silent := a.A.Status == StatusTimeout && a.AAAA.Status == StatusTimeout
		if silent != (a.ID%5 == 4) {
			t.Errorf("%s: %s", a.Name, words(a))
		}
		if silent {
			dead++
			attempts += a.A.Attempts
		}
	})
	if dead != n/5 || attempts < 3*dead || attempts > 4*dead {
		t.Errorf("%d dead names after %d attempts", dead, attempts)
	}
	if asked := len(net.Queries()); asked > 2*n+5*2*n/5 {
		t.Errorf("%d queries for %d names of which a fifth is dead", asked, n)
	}
	_ = server
}

// TestOutage holds that a server which is gone for a while costs no name its answer.
func TestOutage(t *testing.T) {
	t.Parallel()
	const n = 1000
	net, r, server := crowd(t, n, fixtures.Link{Delay: 2 * time.Millisecond}, nil)
	var answered atomic.Int64
	var back sync.WaitGroup
	defer back.Wait()
	unknown := 0
	r.Resolve(t.Context(), names(n), func(a Answer) {
		if answered.Add(1) == 300 {
			net.Link(server, fixtures.Link{Loss: 1})
			back.Go(func() {
				pause(t.Context(), 1500*time.Millisecond)
				net.Link(server, fixtures.Link{Delay: 2 * time.Millisecond})
			})
		}
		if !a.A.Status.OK() || !a.AAAA.Status.OK() {
			unknown++
		}
	})
	if unknown > 0 {
		t.Errorf("%d of %d unknown after an outage of a second and a half", unknown, n)
	}
}

// TestSlowReader holds that one who takes his time over each answer loses none, and holds no more names in flight for it.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const n = 3000
	_, r, _ := crowd(t, n, fixtures.Link{}, func(c *Config) { c.Concurrency = 500 })
	read, answered := 0, 0
	var mu sync.Mutex
	most := 0
	r.Resolve(t.Context(), func(yield func(Question) bool) {
		for i := range n {
			mu.Lock()
			read++
			most = max(most, read-answered)
			mu.Unlock()
			if !yield(Question{ID: i, Name: fmt.Sprintf("c%d.example.test", i)}) {
				return
			}
		}
	}, func(a Answer) {
		if !a.A.Status.OK() {
			t.Errorf("%s: %s", a.Name, words(a))
		}
		mu.Lock()
		answered++
		first := answered < 20
		mu.Unlock()
		if first {
			pause(t.Context(), 20*time.Millisecond)
		}
	})
	if answered != n || most > 500+1 {
		t.Errorf("%d of %d answered, %d in flight at most", answered, n, most)
	}
}

// TestNothingRunsOn holds that an engine leaves neither goroutine nor socket behind, however it ended.
func TestNothingRunsOn(t *testing.T) { //nolint:paralleltest // it counts the goroutines of the process
	_, r, _ := crowd(t, 50, fixtures.Link{}, nil)
	askCrowd(t, r, 50)
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		r.Resolve(ctx, names(50), func(Answer) {
			if n++; n == 10 {
				cancel()
			}
		})
		r.Lookup(t.Context(), Question{Name: "c1.example.test"})
		cancel()
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if r.engine != nil || r.users != 0 {
		t.Errorf("the engine has %d users", r.users)
	}
}

// mirror is a server in memory: it answers each query at once, without an allocation.
type mirror struct {
	net.Conn
	box    chan []byte
	spare  chan []byte
	closed chan struct{}
	once   sync.Once
}

func newMirror() *mirror {
	return &mirror{box: make(chan []byte, 1<<14), spare: make(chan []byte, 1<<14), closed: make(chan struct{})}
}

func (m *mirror) Write(query []byte) (int, error) {
	var b []byte
	select {
	case b = <-m.spare:
	default:
		b = make([]byte, 0, 512)
	}
	b = append(b[:0], query...)
	b[2] |= 0x80
	if qtype := b[len(b)-11-3]; qtype == 1 { // the OPT record stands at the end
		b = append(b[:len(b)-11], 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 1, 1)
		b[7] = 1
	} else {
		b = append(b[:len(b)-11], 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x2a, 0, 0x14, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
		b[7] = 1
	}
	b[11] = 0
	m.box <- b
	return len(query), nil
}

func (m *mirror) Read(to []byte) (int, error) {
	select {
	case b := <-m.box:
		n := copy(to, b)
		m.spare <- b
		return n, nil
	case <-m.closed:
		return 0, net.ErrClosed
	}
}

func (m *mirror) Close() error { m.once.Do(func() { close(m.closed) }); return nil }

func (m *mirror) SetWriteDeadline(time.Time) error { return nil }

func mirrored(tb testing.TB) *Resolver {
	tb.Helper()
	r, err := New(Config{
		Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")},
		Dial:    func(context.Context, string, netip.AddrPort) (net.Conn, error) { return newMirror(), nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// same asks for one name n times.
func same(n int) func(func(Question) bool) {
	return func(yield func(Question) bool) {
		for i := range n {
			if !yield(Question{ID: i, Name: "www.customer-domain.example"}) {
				return
			}
		}
	}
}

// TestAllocations holds that a query costs no allocation, and a clean name that of its addresses.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts the allocations of the process
	r := mirrored(t)
	const n = 50_000
	count := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.Resolve(t.Context(), same(n), func(a Answer) {
			if len(a.Addrs) != 2 {
				t.Errorf("%s", words(a))
			}
		})
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	if got := float64(count()) / n; got > 4 { // three, one of them the public-suffix list's; one a query would be five
		t.Errorf("%.2f allocations a name of two queries", got)
	}
}

// BenchmarkResolve is the engine without the kernel: packing, windows, slots, timers, reading, answers.
func BenchmarkResolve(b *testing.B) {
	r := mirrored(b)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	r.Resolve(b.Context(), same(b.N), func(a Answer) { n += len(a.Addrs) })
	if n != 2*b.N {
		b.Fatal("not all answered")
	}
}

// TestRestartedServer holds that a server which starts anew, and refuses meanwhile, costs no name its answer, however
// short its round trip was found to be.
func TestRestartedServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var first *mirror
		r, err := New(Config{
			Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")},
			Dial: func(context.Context, string, netip.AddrPort) (net.Conn, error) {
				if first == nil {
					first = newMirror()
					return first, nil
				}
				if time.Since(began) < 1200*time.Millisecond {
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
				}
				return newMirror(), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		r.Resolve(t.Context(), same(2000), func(a Answer) {
			if n++; n == 500 {
				_ = first.Close()
			}
			if len(a.Addrs) != 2 {
				t.Errorf("%s after %d attempts, %s", words(a), a.A.Attempts, a.A.Trouble)
			}
		})
		if n != 2000 {
			t.Errorf("%d answers", n)
		}
	})
}

// TestPortsChange holds that a long list does not leave by one source port.
func TestPortsChange(t *testing.T) {
	t.Parallel()
	ports := map[string]bool{}
	var mu sync.Mutex
	const n = 500
	_, r, _ := crowd(t, n, fixtures.Link{}, func(c *Config) {
		dial := c.Dial
		c.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				ports[conn.LocalAddr().String()] = true
			}
			return conn, err
		}
	})
	r.socketQueries = 200
	if unknown := askCrowd(t, r, n); unknown > 0 {
		t.Errorf("%d unknown", unknown)
	}
	if len(ports) < 4 {
		t.Errorf("%d queries of at most 200 a port left by %d ports", 2*n, len(ports))
	}
}
