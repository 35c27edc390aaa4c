package dns

import (
	"context"
	"fmt"
	"net/netip"
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
