package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/fixtures"
)

// TestDeadServerHoldsNobodyUp holds that names of which the living server says SERVFAIL, or nothing, do not queue for
// the small window of one that answers nobody, and that an attempt there does not count.
func TestDeadServerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fixtures.DNSFault{"SERVFAIL": {RCode: mdns.RcodeServerFailure}, "silent": {Drop: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 400
			in, _, good := crowd(t, n, fixtures.Link{}, nil)
			dead := in.Resolver("193.0.1.53")
			in.Link(dead, fixtures.Link{Loss: 1})
			for i := range n {
				if i%2 == 0 {
					in.Fault(fmt.Sprintf("c%d.example.test", i), fault)
				}
			}
			r, err := New(Config{Servers: []netip.AddrPort{dead, good}, Dial: in.Dial, Timeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			canceled := 0
			r.Resolve(ctx, names(n), func(a Answer) {
				if a.A.Status == StatusCanceled || a.AAAA.Status == StatusCanceled {
					canceled++
				} else if a.ID%2 == 1 && (!a.A.Status.OK() || !a.AAAA.Status.OK()) {
					t.Errorf("%s: %s", a.Name, words(a))
				}
			})
			if canceled > 0 {
				t.Errorf("%d of %d names still waited for the dead server", canceled, n)
			}
		})
	}
}

// TestAllServersDead holds that where no server answers anybody, an attempt at one of them counts: a name takes no longer than
// with one server.
func TestAllServersDead(t *testing.T) {
	t.Parallel()
	in := fixtures.New(t)
	in.Zone("example.test", zone)
	r, err := New(Config{
		Servers: []netip.AddrPort{in.Resolver("193.0.0.53"), in.Resolver("193.0.1.53")}, Dial: in.Dial, Timeout: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ask(t, r, "example.test")
	}
	in.Fault("*", fixtures.DNSFault{Drop: true})
	if a := ask(t, r, "v6.example.test"); a.A.Status != StatusTimeout || a.A.Attempts > 5 {
		t.Errorf("%s after %d attempts", words(a), a.A.Attempts)
	}
}

// TestCutOffRunEnds holds that a list comes to its end though no server answers any more, that no name is given up before all were
// silent for long, and that what still waits is asked once one is back.
func TestCutOffRunEnds(t *testing.T) {
	t.Parallel()
	for _, returns := range []bool{false, true} {
		t.Run(fmt.Sprintf("returns %t", returns), func(t *testing.T) {
			t.Parallel()
			const n = 3000
			in, _, server := crowd(t, n, fixtures.Link{}, nil)
			r, err := New(Config{Servers: []netip.AddrPort{server}, Dial: in.Dial, Timeout: 200 * time.Millisecond, Concurrency: 400, Rate: 2000})
			if err != nil {
				t.Fatal(err)
			}
			r.silence = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			good, given, canceled := 0, 0, 0
			r.Resolve(ctx, names(n), func(a Answer) {
				switch {
				case a.A.Status == StatusCanceled:
					canceled++
				case a.A.Status.OK():
					good++
				case strings.Contains(a.A.Trouble, "no resolver has answered anything for 1s"):
					given++
				}
				switch {
				case good == 100 && given == 0:
					in.Link(server, fixtures.Link{Loss: 1})
				case returns && given == 200:
					in.Link(server, fixtures.Link{})
				}
			})
			switch {
			case canceled > 0, given < 200:
				t.Errorf("%d answered, %d given up, %d cut", good, given, canceled)
			case returns && good < 1000:
				t.Errorf("only %d were answered, though the server came back", good)
			}
		})
	}
}
