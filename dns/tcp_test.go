package dns

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"certscan/fixtures"
)

// TestDefectOverTCP holds that a panic while a reply is fetched over TCP is that name's trouble.
func TestDefectOverTCP(t *testing.T) {
	t.Parallel()
	in, r := world(t, nil)
	in.Fault("both.example.test", fixtures.DNSFault{Truncate: true})
	dial := r.cfg.Dial
	r.cfg.Dial = func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
		if network == "tcp" {
			panic("a defect")
		}
		return dial(ctx, network, a)
	}
	if a := ask(t, r, "both.example.test"); a.A.Status != StatusTimeout || a.A.Trouble != "a defect of certscan: a defect" {
		t.Errorf("%s %q", words(a), a.A.Trouble)
	}
}
