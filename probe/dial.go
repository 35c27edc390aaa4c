package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// dialNet is the real Dialer. A literal address leaves nothing to look up, and no second address to race.
func dialNet(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // no connection here lives long enough for a keep-alive
	return d.DialContext(ctx, network, addr.String())
}

// Two root name servers (a.root-servers.net): addresses that only a default route leads to. Nothing is sent to them.
var (
	farIPv4 = netip.MustParseAddrPort("198.41.0.4:53")
	farIPv6 = netip.MustParseAddrPort("[2001:503:ba3e::2:30]:53")
)

// routes remembers which families of addresses this machine has a default route for.
type routes struct {
	gate  chan struct{} // a lock that honours a context; guards known
	known map[netip.AddrPort]bool
}

func newRoutes() *routes {
	return &routes{gate: make(chan struct{}, 1), known: make(map[netip.AddrPort]bool)}
}

// routed reports whether this machine has a default route for the family of far, which is farIPv4 or farIPv6. It is
// found out once, without a packet on the wire. Where it could not be found out (ctx is done, say) the answer is true:
// nothing is blamed on a guess.
func (p *Prober) routed(ctx context.Context, far netip.AddrPort) bool {
	select {
	case p.routes.gate <- struct{}{}:
	case <-ctx.Done():
		return true
	}
	defer func() { <-p.routes.gate }()
	has, ok := p.routes.known[far]
	if !ok {
		has = p.reaches(ctx, far)
		if ctx.Err() == nil {
			p.routes.known[far] = has
		}
	}
	return has
}

// reaches reports whether the kernel would send a datagram towards the address: connecting a UDP socket asks it for
// a route and sends nothing.
func (p *Prober) reaches(ctx context.Context, addr netip.AddrPort) bool {
	step, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	c, err := p.config.Dial(step, "udp", addr)
	if err != nil {
		return !errorIs(err, errnoUnreachable, errnoLocalAddress)
	}
	_ = c.Close()
	return true
}

// connect dials the port of the target's address.
func (p *Prober) connect(ctx context.Context, t Target, port uint16) (*conn, *Error) {
	addr := netip.AddrPortFrom(t.Addr.Addr().Unmap(), port)
	far := farIPv4
	if addr.Addr().Is6() {
		far = farIPv6
	}
	routed := p.routed(ctx, far)
	if !routed && !p.reaches(ctx, addr) {
		return nil, p.failure(ctx, StepDial, errNoRoute)
	}
	step, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	c, err := p.config.Dial(step, "tcp", addr)
	switch {
	case err == nil:
		return &conn{Conn: c, left: connLimit}, nil
	case !routed && errorIs(err, errnoUnreachable, errnoLocalAddress):
		return nil, p.failure(ctx, StepDial, errNoRoute)
	default:
		return nil, p.failure(ctx, StepDial, err)
	}
}

var errNoRoute = errors.New("no route for this family of addresses")
