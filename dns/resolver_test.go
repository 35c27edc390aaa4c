package dns

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/fixtures"
)

const zone = `
@      SOA ns1 hostmaster 1 7200 3600 1209600 300
@      NS  ns1
ns1    A   198.51.101.1
@      A   93.184.1.1
v6     AAAA 2a00:1450::1
both   A   93.184.1.2
both   AAAA 2a00:1450::2
both   A   93.184.1.3
mapped AAAA ::ffff:93.184.1.9
www    CNAME both
far    CNAME www.other.test.
deep   CNAME d1
d1     CNAME d2
d2     CNAME far
lost   CNAME nowhere.other.test.
loop   CNAME loop2
loop2  CNAME loop
mx     MX  10 ns1
a.b.c  A   93.184.1.4
*.wild A   93.184.1.5
`

// world is a small internet with one resolver and a Resolver of ours behind it.
func world(t *testing.T, edit func(*Config)) (*fixtures.Internet, *Resolver) {
	t.Helper()
	n := fixtures.New(t)
	n.Zone("example.test", zone)
	n.Zone("other.test", "@ SOA ns hostmaster 1 2 3 4 300\n@ NS ns\nns A 198.51.101.2\nwww A 93.184.2.1\n")
	cfg := Config{Servers: []netip.AddrPort{n.Resolver("193.0.0.53")}, Dial: n.Dial, Timeout: time.Second, Concurrency: 8}
	if edit != nil {
		edit(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}

func ask(t *testing.T, r *Resolver, name string) Answer {
	t.Helper()
	return r.Lookup(t.Context(), Question{Name: name})
}

func words(a Answer) string {
	var addrs []string
	for _, x := range a.Addrs {
		addrs = append(addrs, x.String())
	}
	return fmt.Sprintf("%s/%s %s [%s]", a.A.Status, a.AAAA.Status, strings.Join(addrs, " "), strings.Join(a.CNAMEs, " "))
}

func TestLookup(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	for _, c := range []struct{ name, want string }{
		{"example.test", "NOERROR/NODATA 93.184.1.1 []"},
		{"v6.example.test", "NODATA/NOERROR 2a00:1450::1 []"},
		{"both.example.test", "NOERROR/NOERROR 93.184.1.2 93.184.1.3 2a00:1450::2 []"},
		{"mapped.example.test", "NODATA/NOERROR 93.184.1.9 []"},
		{"www.example.test", "NOERROR/NOERROR 93.184.1.2 93.184.1.3 2a00:1450::2 [both.example.test]"},
		{"far.example.test", "NOERROR/NODATA 93.184.2.1 [www.other.test]"},
		{"deep.example.test", "NOERROR/NODATA 93.184.2.1 [d1.example.test d2.example.test far.example.test www.other.test]"},
		{"lost.example.test", "NXDOMAIN/NXDOMAIN  [nowhere.other.test]"},
		{"mx.example.test", "NODATA/NODATA  []"},
		{"b.c.example.test", "NODATA/NODATA  []"},
		{"x.wild.example.test", "NOERROR/NODATA 93.184.1.5 []"},
		{"missing.example.test", "NXDOMAIN/NXDOMAIN  []"},
		{"never-registered.test", "NXDOMAIN/NXDOMAIN  []"},
	} {
		before := len(n.Queries())
		a := ask(t, r, c.name)
		if got := words(a); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if len(a.Addrs) > 0 && len(n.Queries())-before != 2 {
			t.Errorf("%s: %d queries, a clean name costs two", c.name, len(n.Queries())-before)
		}
	}
}

func TestApexTellsAMissingHostFromAMissingDomain(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	host := ask(t, r, "missing.example.test")
	if host.Apex.Status != StatusNoError || !slices.Equal(host.Nameservers, []string{"ns1.example.test"}) {
		t.Errorf("apex %s, name servers %v", host.Apex.Status, host.Nameservers)
	}
	if d := ask(t, r, "www.never-registered.test"); d.Apex.Status != StatusNXDomain {
		t.Errorf("apex of an undelegated domain: %s", d.Apex.Status)
	}
	before := len(n.Queries())
	if d := ask(t, r, "never-registered.test"); d.Apex.Status != StatusNXDomain || len(n.Queries())-before != 2 {
		t.Errorf("the registrable domain itself: apex %s with %d queries, want NXDOMAIN with 2", d.Apex.Status, len(n.Queries())-before)
	}
	before = len(n.Queries())
	ask(t, r, "missing2.example.test")
	if got := len(n.Queries()) - before; got != 2 {
		t.Errorf("a second host of the domain: %d queries, the apex is remembered", got)
	}
}

// TestUnbelievable holds that what is no answer to our question is not believed, and does not hide the answer.
func TestUnbelievable(t *testing.T) {
	t.Parallel()
	const clean = "NOERROR/NODATA 93.184.1.1 []"
	for name, f := range map[string]fixtures.DNSFault{
		"wrong question":      {WrongQuestion: true},
		"wrong ID":            {WrongID: true},
		"wrong source":        {WrongSource: true},
		"garbage":             {Garbage: true},
		"duplicate":           {Duplicate: true},
		"unrelated answer":    {ExtraAnswer: []string{"evil.test. 60 IN A 198.51.100.66", "example.test. 60 IN TXT \"x\""}},
		"glue":                {Glue: []string{"ns1.example.test. 60 IN A 198.51.100.66", "example.test. 60 IN A 198.51.100.66", "example.test. 60 IN NS ns1.example.test."}},
		"cname of a stranger": {ExtraAnswer: []string{"evil.test. 60 IN CNAME evil2.test.", "evil2.test. 60 IN A 198.51.100.66"}},
		"truncated":           {Truncate: true},
		"lost once":           {Drop: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, r := world(t, nil)
			n.Fault("example.test", f)
			if got := words(ask(t, r, "example.test")); got != clean {
				t.Errorf("got %s, want %s", got, clean)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault fixtures.DNSFault
		want  string
	}{
		"never answered":      {fixtures.DNSFault{Drop: true}, "TIMEOUT/TIMEOUT"},
		"only wrong question": {fixtures.DNSFault{WrongQuestion: true, Only: true}, "TIMEOUT/TIMEOUT"},
		"only wrong ID":       {fixtures.DNSFault{WrongID: true, Only: true}, "TIMEOUT/TIMEOUT"},
		"only garbage":        {fixtures.DNSFault{Garbage: true, Only: true}, "TIMEOUT/TIMEOUT"},
		"truncated, no TCP":   {fixtures.DNSFault{Truncate: true, NoTCP: true}, "TIMEOUT/TIMEOUT"},
		"truncated, endless":  {fixtures.DNSFault{Endless: true}, "TIMEOUT/TIMEOUT"},
		"servfail":            {fixtures.DNSFault{RCode: mdns.RcodeServerFailure}, "SERVFAIL/SERVFAIL"},
		"refused":             {fixtures.DNSFault{RCode: mdns.RcodeRefused}, "REFUSED/REFUSED"},
		"one family":          {fixtures.DNSFault{RCode: mdns.RcodeServerFailure, Type: mdns.TypeAAAA}, "NOERROR/SERVFAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, r := world(t, func(c *Config) { c.Timeout = 200 * time.Millisecond })
			n.Fault("example.test", c.fault)
			if got := words(ask(t, r, "example.test")); !strings.HasPrefix(got, c.want+" ") {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOtherResolverFirst(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fixtures.DNSFault{
		"silent":   {Drop: true},
		"servfail": {RCode: mdns.RcodeServerFailure},
		"refused":  {RCode: mdns.RcodeRefused},
		"no TCP":   {Truncate: true, NoTCP: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var second netip.AddrPort
			n := fixtures.New(t)
			n.Zone("example.test", zone)
			first := n.Resolver("193.0.0.53")
			second = n.Resolver("193.0.1.53")
			fault.Server = first
			n.Fault("*", fault)
			r, err := New(Config{Servers: []netip.AddrPort{first, second}, Dial: n.Dial, Timeout: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			a := ask(t, r, "example.test")
			if a.A.Server != second || a.A.Attempts != 2 || len(a.Addrs) != 1 {
				t.Errorf("%s after %d attempts from %s, want the second resolver at the second attempt", words(a), a.A.Attempts, a.A.Server)
			}
		})
	}
}

func TestNoEDNS(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	n.Fault("example.test", fixtures.DNSFault{RCode: mdns.RcodeFormatError, Times: 2})
	if got := words(ask(t, r, "example.test")); got != "NOERROR/NODATA 93.184.1.1 []" {
		t.Errorf("a server that knows no EDNS: %s", got)
	}
}

func TestLoops(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*fixtures.DNSFault{"answered with SERVFAIL": nil, "answered in full": {LoopAnswer: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, r := world(t, nil)
			if fault != nil {
				n.Fault("loop.example.test", *fault)
			}
			if a := ask(t, r, "loop.example.test"); !a.Loop || len(a.Addrs) > 0 {
				t.Errorf("loop %v, %s", a.Loop, words(a))
			}
		})
	}
}

func TestChainTheServerLeftOpen(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	n.Fault("far.example.test", fixtures.DNSFault{OmitTarget: true})
	if got := words(ask(t, r, "far.example.test")); got != "NOERROR/NODATA 93.184.2.1 [www.other.test]" {
		t.Errorf("got %s", got)
	}
}

func TestCheckingDisabledTellsDNSSEC(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	n.Fault("example.test", fixtures.DNSFault{RCode: mdns.RcodeServerFailure, UnlessCD: true})
	if a := ask(t, r, "example.test"); a.CheckingDisabled.Status != StatusNoError {
		t.Errorf("with CD=1: %s, want NOERROR", a.CheckingDisabled.Status)
	}
}

func TestWildcardAsksARandomName(t *testing.T) {
	t.Parallel()
	_, r := world(t, nil)
	a := r.Lookup(t.Context(), Question{Name: "wild.example.test", Wildcard: true})
	b := r.Lookup(t.Context(), Question{Name: "wild.example.test", Wildcard: true})
	if a.Asked == b.Asked || !strings.HasSuffix(a.Asked, ".wild.example.test") || len(a.Addrs) != 1 {
		t.Errorf("asked %s and %s, got %s", a.Asked, b.Asked, words(a))
	}
}

func TestResolveBatch(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	n.Fault("v6.example.test", fixtures.DNSFault{Drop: true, Times: 1})
	const names = 300
	questions := func(yield func(Question) bool) {
		for i := range names {
			name := []string{"both.example.test", "missing.example.test", "v6.example.test"}[i%3]
			if !yield(Question{ID: i, Name: name}) {
				return
			}
		}
	}
	got := map[int]Answer{}
	r.Resolve(t.Context(), questions, func(a Answer) { got[a.ID] = a }) // one at a time: no lock
	if len(got) != names {
		t.Fatalf("%d answers for %d questions", len(got), names)
	}
	for id, a := range got {
		if want := []int{3, 0, 1}[id%3]; len(a.Addrs) != want {
			t.Errorf("%s: %s, want %d addresses", a.Name, words(a), want)
		}
	}
}

func TestCancelEndsTheBatch(t *testing.T) {
	t.Parallel()
	n, r := world(t, func(c *Config) { c.Timeout = time.Hour })
	n.Fault("*", fixtures.DNSFault{Drop: true})
	ctx, cancel := context.WithCancel(t.Context())
	asked, answered := 0, 0
	questions := func(yield func(Question) bool) {
		for i := 0; ; i++ {
			asked++
			if i == 8 { // one more than can be in flight
				cancel()
			}
			if !yield(Question{ID: i, Name: "example.test"}) {
				return
			}
		}
	}
	r.Resolve(ctx, questions, func(a Answer) {
		answered++
		if a.A.Status != StatusCanceled || a.AAAA.Status != StatusCanceled {
			t.Errorf("%s", words(a))
		}
	})
	if asked != answered {
		t.Errorf("%d names read, %d answered", asked, answered)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	n := fixtures.New(t)
	n.Zone("example.test", zone)
	good, bad := n.Resolver("193.0.0.53"), n.Resolver("193.0.1.53")
	n.Fault("*", fixtures.DNSFault{Server: bad, RCode: mdns.RcodeRefused})
	r, err := New(Config{Servers: []netip.AddrPort{bad, good}, Dial: n.Dial, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	silent, err := r.Check(t.Context(), []string{"gone.test", "example.test"})
	if err != nil || !slices.Equal(silent, []netip.AddrPort{bad}) {
		t.Errorf("silent %v, %v", silent, err)
	}
	if a := ask(t, r, "example.test"); a.A.Server != good || a.A.Attempts != 1 {
		t.Errorf("a resolver that failed the check is asked last: %s after %d", a.A.Server, a.A.Attempts)
	}
	if _, err := r.Check(t.Context(), []string{"gone.test"}); err == nil || !strings.Contains(err.Error(), "gone.test NXDOMAIN") || !strings.Contains(err.Error(), "--control") {
		t.Errorf("no control resolves: %v", err)
	}
}

func TestNoServers(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "--resolver") {
		t.Errorf("%v", err)
	}
}

// TestSimulatedTime holds that the transport works on in-memory connections, and that its waits are 0.3, 0.6 and 1 of
// Timeout, to the instant.
func TestSimulatedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		silent := func(_ context.Context, _ string, _ netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() {
				buf := make([]byte, 1500)
				for {
					if _, err := server.Read(buf); err != nil {
						return
					}
				}
			})
			return client, nil
		}
		r, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: silent, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		a := ask(t, r, "example.test")
		if a.A.Status != StatusTimeout || a.A.Attempts != 3 || time.Since(began) != 19*time.Second || a.Elapsed != 19*time.Second {
			t.Errorf("%s after %d attempts and %s (%s)", a.A.Status, a.A.Attempts, time.Since(began), a.Elapsed)
		}
		servers.Wait()
	})
}

// TestLateReply holds that a reply to the first query still counts while the second waits at the same server.
func TestLateReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		late := func(_ context.Context, _ string, _ netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() { replyLate(server, 4*time.Second) })
			return client, nil
		}
		r, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: late, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		a := ask(t, r, "example.test")
		if a.A.Status != StatusNoError || a.A.Attempts != 2 || time.Since(began) != 4*time.Second {
			t.Errorf("%s after %d attempts and %s", a.A.Status, a.A.Attempts, time.Since(began))
		}
		servers.Wait()
	})
}

// replyLate answers each of the first two queries once, after the delay.
func replyLate(c net.Conn, delay time.Duration) {
	var timers sync.WaitGroup
	defer timers.Wait()
	for i := 0; ; i++ {
		buf := make([]byte, 1500)
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if i > 1 {
			continue
		}
		timers.Go(func() {
			time.Sleep(delay)
			var q mdns.Msg
			if q.Unpack(buf[:n]) != nil {
				return
			}
			m := new(mdns.Msg).SetReply(&q)
			if q.Question[0].Qtype == mdns.TypeA {
				rr, _ := mdns.NewRR("example.test. 60 IN A 93.184.1.1")
				m.Answer = append(m.Answer, rr)
			} else {
				rr, _ := mdns.NewRR("example.test. 60 IN AAAA 2a00:1450::1")
				m.Answer = append(m.Answer, rr)
			}
			b, _ := m.Pack()
			_, _ = c.Write(b)
		})
	}
}

// TestIDsAreUnpredictable looks at what goes over the wire: IDs differ, and source ports of two workers as well.
func TestIDsAreUnpredictable(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ids := map[uint16]int{}
	n := fixtures.New(t)
	n.Zone("example.test", zone)
	server := n.Resolver("193.0.0.53")
	dial := func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		c, err := n.Dial(ctx, network, addr)
		return writeSpy{c, func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			ids[binary.BigEndian.Uint16(b)]++
		}}, err
	}
	r, err := New(Config{Servers: []netip.AddrPort{server}, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		ask(t, r, "example.test")
	}
	if len(ids) < 95 { // 100 random IDs of 65,536: fewer than 95 distinct ones happen once in 10^11 runs
		t.Errorf("only %d distinct IDs in 100 queries", len(ids))
	}
}

type writeSpy struct {
	net.Conn
	see func([]byte)
}

func (w writeSpy) Write(b []byte) (int, error) {
	w.see(b)
	return w.Conn.Write(b)
}

// TestServFailThatHeals holds that a resolver which was busy for a moment is not taken for a broken domain.
func TestServFailThatHeals(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	n.Fault("example.test", fixtures.DNSFault{RCode: mdns.RcodeServerFailure, Times: 2})
	a := ask(t, r, "example.test")
	if got := words(a); got != "NOERROR/NODATA 93.184.1.1 []" || a.CheckingDisabled.Status != StatusUnasked {
		t.Errorf("%s, CD %s", got, a.CheckingDisabled.Status)
	}
	// It heals between the second look and the one without validation: no proof of anything.
	n.Fault("v6.example.test", fixtures.DNSFault{RCode: mdns.RcodeServerFailure, Times: 4})
	a = ask(t, r, "v6.example.test")
	if got := words(a); got != "NODATA/NOERROR 2a00:1450::1 []" || a.CheckingDisabled.Status != StatusUnasked {
		t.Errorf("%s, CD %s", got, a.CheckingDisabled.Status)
	}
}

// TestCheckReachesRunningWorkers holds that a server which fails the check is asked last by workers that run already.
func TestCheckReachesRunningWorkers(t *testing.T) {
	t.Parallel()
	n := fixtures.New(t)
	n.Zone("example.test", zone)
	good, bad := n.Resolver("193.0.0.53"), n.Resolver("193.0.1.53")
	n.Fault("*", fixtures.DNSFault{Server: bad, RCode: mdns.RcodeRefused})
	r, err := New(Config{Servers: []netip.AddrPort{bad, good}, Dial: n.Dial, Timeout: time.Second, Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	questions := func(yield func(Question) bool) {
		if yield(Question{ID: 1, Name: "example.test"}) {
			if _, err := r.Check(t.Context(), []string{"example.test"}); err != nil {
				t.Error(err)
			}
			yield(Question{ID: 2, Name: "example.test"})
		}
	}
	attempts := map[int]int{}
	r.Resolve(t.Context(), questions, func(a Answer) { attempts[a.ID] = a.A.Attempts })
	if attempts[2] != 1 {
		t.Errorf("attempts before and after the check: %v", attempts)
	}
}

// TestRefusedSocket holds that a resolver that is down for a moment does not use up the attempts, and that what the
// machine said is told.
func TestRefusedSocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := func(context.Context, string, netip.AddrPort) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		r, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: down, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		a := ask(t, r, "example.test")
		if took := time.Since(began); took != 3*time.Second { // a third of the first two waits
			t.Errorf("took %s", took)
		}
		o := NewNetworks(nil, false).Judge(&a)
		if o.Verdict != Unknown || !strings.Contains(o.Evidence[0], "connection refused") {
			t.Errorf("%s %q", o.Verdict, o.Evidence)
		}
	})
}

// TestFormErrWithoutQuestion holds that a server which knows no EDNS, and answers without the question, is asked again
// without it.
func TestFormErrWithoutQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		defer servers.Wait()
		old := func(context.Context, string, netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() { answerWithoutEDNS(server) })
			return client, nil
		}
		r, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: old})
		if err != nil {
			t.Fatal(err)
		}
		if a := ask(t, r, "example.test"); words(a) != "NOERROR/NODATA 93.184.1.1 []" {
			t.Errorf("%s", words(a))
		}
	})
}

func answerWithoutEDNS(c net.Conn) {
	buf := make([]byte, 1500)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		var q mdns.Msg
		if q.Unpack(buf[:n]) != nil {
			return
		}
		m := new(mdns.Msg).SetReply(&q)
		switch {
		case q.IsEdns0() != nil:
			m.Rcode, m.Question = mdns.RcodeFormatError, nil
		case q.Question[0].Qtype == mdns.TypeA:
			rr, _ := mdns.NewRR("example.test. 60 IN A 93.184.1.1")
			m.Answer = append(m.Answer, rr)
		}
		b, _ := m.Pack()
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func TestDefectIsOneNamesTrouble(t *testing.T) {
	t.Parallel()
	r, err := New(Config{
		Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")},
		Dial:    func(context.Context, string, netip.AddrPort) (net.Conn, error) { panic("a defect") },
	})
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, r, "example.test")
	o := NewNetworks(nil, false).Judge(&a)
	if o.Verdict != Unknown || !strings.Contains(o.Evidence[0], "a defect") {
		t.Errorf("%s %q", o.Verdict, o.Evidence)
	}
}

// TestManyAddresses holds that a name with more addresses than are kept says so.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	n, r := world(t, nil)
	var records strings.Builder
	for i := range 100 {
		fmt.Fprintf(&records, "many A 93.184.3.%d\n", i)
	}
	n.Zone("example.test", records.String())
	a := ask(t, r, "many.example.test")
	if len(a.Addrs) != 64 || a.Dropped != 36 {
		t.Errorf("%d kept, %d dropped", len(a.Addrs), a.Dropped)
	}
	if o := NewNetworks(nil, false).Judge(&a); !strings.Contains(strings.Join(o.Evidence, "\n"), "36 more addresses") {
		t.Errorf("evidence %q", o.Evidence)
	}
}

// TestCheckDoesNotWaitForASilentServer holds that one good server starts the run a second later.
func TestCheckDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		defer servers.Wait()
		good := netip.MustParseAddrPort("193.0.0.53:53")
		dial := func(_ context.Context, _ string, a netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() {
				if a == good {
					answerWithoutEDNS(server)
				} else {
					_, _ = io.Copy(io.Discard, server)
				}
			})
			return client, nil
		}
		silent := netip.MustParseAddrPort("193.0.1.53:53")
		r, err := New(Config{Servers: []netip.AddrPort{silent, good}, Dial: dial, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		got, err := r.Check(t.Context(), []string{"example.test"})
		if took := time.Since(began); err != nil || took != time.Second || !slices.Equal(got, []netip.AddrPort{silent}) {
			t.Errorf("silent %v, %v, took %s", got, err, took)
		}
	})
}

// TestBothRepliesCome answers the first query late and the second at once after it, for A alone: the reply that comes
// twice must not stand for AAAA's.
func TestBothRepliesCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		defer servers.Wait()
		dial := func(context.Context, string, netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() { replyTwice(server) })
			return client, nil
		}
		r, err := New(Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: dial, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if a := ask(t, r, "example.test"); words(a) != "NOERROR/NOERROR 93.184.1.1 2a00:1450::1 []" {
			t.Errorf("%s after %d attempts", words(a), a.AAAA.Attempts)
		}
	})
}

// replyTwice waits for two rounds of A and AAAA, then answers A of both rounds and AAAA of the second a second later.
func replyTwice(c net.Conn) {
	var queries []mdns.Msg
	for len(queries) < 4 {
		buf := make([]byte, 1500)
		n, err := c.Read(buf)
		var q mdns.Msg
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		queries = append(queries, q)
	}
	reply := func(i int, record string) {
		m := new(mdns.Msg).SetReply(&queries[i])
		rr, _ := mdns.NewRR(record)
		m.Answer = append(m.Answer, rr)
		b, _ := m.Pack()
		_, _ = c.Write(b)
	}
	reply(0, "example.test. 60 IN A 93.184.1.1")
	reply(2, "example.test. 60 IN A 93.184.1.99") // too late to count
	time.Sleep(time.Second)
	reply(3, "example.test. 60 IN AAAA 2a00:1450::1")
	_, _ = io.Copy(io.Discard, c)
}
