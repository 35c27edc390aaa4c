package scan_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/inventory"
	"certscan/probe"
	"certscan/scan"
	"certscan/triage"
)

// flaky is a dialer that counts TCP connections by address and lets one fail in a way of its own.
type flaky struct {
	net  *fixtures.Internet
	fail func(ctx context.Context, addr netip.Addr, dial int) error // of the dial-th connection to addr, from 1
	mu   sync.Mutex
	seen map[netip.Addr]int
}

func (f *flaky) dial(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	if network == "tcp" {
		f.mu.Lock()
		f.seen[addr.Addr()]++
		n := f.seen[addr.Addr()]
		f.mu.Unlock()
		if err := f.fail(ctx, addr.Addr(), n); err != nil {
			return nil, err
		}
	}
	return f.net.Dial(ctx, network, addr)
}

func (f *flaky) dials(addr string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[netip.MustParseAddr(addr)]
}

func broken(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
}

// silence waits for the end of the step.
func silence(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// parked is a pipeline that dials given addresses, each with a certificate for *.example.test.
func parked(t *testing.T, timeout time.Duration, hosts int, fail func(ctx context.Context, addr netip.Addr, dial int) error) (scan.Pipeline, *flaky, []inventory.Domain) {
	t.Helper()
	n := fixtures.New(t)
	var names []string
	for i := range hosts {
		addr := fmt.Sprintf("93.184.2.%d", i+1)
		n.Serve(addr+":443", fixtures.Site{Names: []string{"*.example.test"}})
		names = append(names, fmt.Sprintf("n%d.example.test@%s", i+1, addr))
	}
	f := &flaky{net: n, fail: fail, seen: map[netip.Addr]int{}}
	prober, err := probe.New(probe.Config{Dial: f.dial, Timeout: timeout, Roots: []*x509.Certificate{n.CA().Root}})
	if err != nil {
		t.Fatal(err)
	}
	return scan.Pipeline{Prober: prober, Resolver: newWorld(t).pipeline.Resolver, Unowned: true, NoHTTP: true}, f, domains(names...)
}

// TestSecondLookHeals has a host whose first connection is reset: its record is right, and there is one of it.
func TestSecondLookHeals(t *testing.T) {
	t.Parallel()
	const hosts = 30
	p, f, list := parked(t, time.Minute, hosts, func(_ context.Context, addr netip.Addr, dial int) error {
		if addr.As4()[3] == 1 && dial == 1 {
			return broken(syscall.ECONNRESET)
		}
		return nil
	})
	var order []string
	if _, err := p.Run(t.Context(), slices.Values(list), func(r triage.Result) error {
		order = append(order, r.Facts.Domain.Name)
		if r.Severity != triage.OK {
			t.Errorf("%s: %s", r.Facts.Domain.Name, brief(r))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(order) != hosts || f.dials("93.184.2.1") != 2 {
		t.Errorf("%d records, %d connections to the host", len(order), f.dials("93.184.2.1"))
	}
}

// TestSecondLookAfterACrowd has hosts that are silent to the first connection: in a crowd that may be our doing, alone it
// is theirs.
func TestSecondLookAfterACrowd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hosts, dials int
		want         triage.Severity
	}{{20, 2, triage.OK}, {3, 1, triage.Urgent}} {
		t.Run(fmt.Sprint(test.hosts), func(t *testing.T) {
			t.Parallel()
			p, f, list := parked(t, time.Second, test.hosts, func(ctx context.Context, _ netip.Addr, dial int) error {
				if dial == 1 {
					return silence(ctx)
				}
				return nil
			})
			got, _ := scanAll(t, p, list)
			for name, r := range got {
				if r.Severity != test.want {
					t.Errorf("%s: %s", name, brief(r))
				}
			}
			if n := f.dials("93.184.2.1"); n != test.dials {
				t.Errorf("%d connections, want %d", n, test.dials)
			}
		})
	}
}

// TestCertainFailuresAreNotLookedAtTwice counts the connections of failures that are the host's own.
func TestCertainFailuresAreNotLookedAtTwice(t *testing.T) {
	t.Parallel()
	failures := []syscall.Errno{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH}
	p, f, list := parked(t, time.Minute, 24, func(_ context.Context, addr netip.Addr, _ int) error {
		if i := int(addr.As4()[3]); i <= len(failures) {
			return broken(failures[i-1])
		}
		return nil
	})
	f.net.Serve("93.184.2.4:443", fixtures.Site{Names: []string{"n4.example.test"}, Fault: fixtures.FaultAlert})
	f.net.Serve("93.184.2.5:443", fixtures.Site{Names: []string{"n5.example.test"}, Fault: fixtures.FaultResetHTTP})
	p.NoHTTP = false
	got, _ := scanAll(t, p, list)
	for i, most := range []int{1, 1, 1, 3, 3} { // hellos of three kinds for an alert; HEAD and GET and redirects
		if n := f.dials(fmt.Sprintf("93.184.2.%d", i+1)); n > most {
			t.Errorf("host %d has %d connections, want %d: %s", i+1, n, most, brief(got[fmt.Sprintf("n%d.example.test", i+1)]))
		}
	}
}

// TestCutDuringSecondLook holds that a run that is cut gives what the first look saw.
func TestCutDuringSecondLook(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, _, list := parked(t, time.Minute, 1, func(step context.Context, _ netip.Addr, dial int) error {
		if dial == 1 {
			return broken(syscall.ECONNRESET)
		}
		cancel()
		return silence(step)
	})
	summary, err := p.Run(ctx, slices.Values(list), func(r triage.Result) error {
		if b := brief(r); b != "- URGENT [down] [93.184.2.1:443 reset]" {
			t.Error(b)
		}
		return nil
	})
	if err != nil || summary.Complete || summary.Asked != 1 {
		t.Errorf("%v, %+v", err, summary)
	}
}

// TestSecondLookHoldsNoToken has more names to look at twice than may be in flight.
func TestSecondLookHoldsNoToken(t *testing.T) {
	t.Parallel()
	p, _, list := parked(t, time.Minute, 40, func(_ context.Context, _ netip.Addr, dial int) error {
		if dial == 1 {
			return broken(syscall.ECONNRESET)
		}
		return nil
	})
	p.Concurrency = 2
	got, summary := scanAll(t, p, list)
	for name, r := range got {
		if r.Severity != triage.OK {
			t.Errorf("%s: %s", name, brief(r))
		}
	}
	if !summary.Complete {
		t.Errorf("%+v", summary)
	}
}

// TestSecondLooksAreBounded has a name that keeps second looks from beginning, and more to be looked at twice than may wait:
// those too many are judged as they were seen.
func TestSecondLooksAreBounded(t *testing.T) {
	t.Parallel()
	const beyond = 50
	released := make(chan struct{})
	p, f, _ := parked(t, time.Minute, 2, func(_ context.Context, addr netip.Addr, _ int) error {
		if addr.As4()[3] == 2 {
			<-released
		}
		return broken(syscall.ECONNRESET)
	})
	p.Concurrency = 64
	given, all := make(chan struct{}, scan.DeferredMax+beyond+1), 0
	list := func(yield func(inventory.Domain) bool) {
		defer close(released)
		yield(domains("blocker.example.test@93.184.2.2")[0])
		d := domains("n.example.test@93.184.2.1")[0]
		for range scan.DeferredMax + beyond {
			if !yield(d) {
				return
			}
		}
		patience := time.After(time.Minute)
		for n := range beyond {
			select {
			case <-given:
			case <-patience:
				t.Errorf("%d of %d are judged at once", n, beyond)
				return
			}
		}
	}
	if _, err := p.Run(t.Context(), list, func(triage.Result) error {
		all++
		given <- struct{}{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := f.dials("93.184.2.1"); all != scan.DeferredMax+beyond+1 || n != 2*scan.DeferredMax+beyond {
		t.Errorf("%d records, %d connections", all, n)
	}
}
