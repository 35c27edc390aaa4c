package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// dialNet is the real Dialer: it asks no resolver, and races no second address.
func dialNet(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // no connection here lives long enough for a keep-alive
	if network != "tcp" {
		return d.DialContext(ctx, network, addr.String())
	}
	c, err := d.DialTCP(ctx, network, netip.AddrPort{}, addr)
	if err != nil {
		return nil, err // never a nil *net.TCPConn as a net.Conn
	}
	return c, nil
}

// deadline is a context that has a deadline and no timer for it: the net package keeps it by itself.
type deadline struct {
	context.Context
	at time.Time
}

// Deadline returns the deadline, which is no later than that of the context.
func (d deadline) Deadline() (time.Time, bool) { return d.at, true }

// dial opens a connection with the dialer that is configured, within a timeout.
func (p *Prober) dial(ctx context.Context, network string, addr netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	if p.config.Dial == nil {
		at := time.Now().Add(timeout)
		if end, ok := ctx.Deadline(); ok && end.Before(at) {
			at = end
		}
		return dialNet(deadline{ctx, at}, network, addr) //nolint:contextcheck // it is ctx, with a deadline
	}
	step, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return p.config.Dial(step, network, addr)
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
	c, err := p.dial(ctx, "udp", addr, p.config.Timeout)
	if err != nil {
		return !errorIs(err, errnoUnreachable, errnoLocalAddress)
	}
	_ = c.Close()
	return true
}

// dial opens a TCP connection to a port of the target's address, which ends with ctx.
func (v *visit) dial(ctx context.Context, port uint16) (*conn, *Error) {
	p, addr := v.p, netip.AddrPortFrom(v.t.Addr.Addr().Unmap(), port)
	far := farIPv4
	if addr.Addr().Is6() {
		far = farIPv6
	}
	routed := p.routed(ctx, far)
	v.turn.dials()
	began := time.Now()
	raw, err := p.dial(ctx, "tcp", addr, v.patience)
	if errorIs(err, errnoScarce) && routed {
		raw, err = v.dialScarce(ctx, addr)
	}
	switch {
	case err == nil:
		p.took(time.Since(began))
		v.turn.connected()
		c := &conn{Conn: raw, left: connLimit}
		c.bind(ctx)
		return c, nil
	case !routed && errorIs(err, errnoUnreachable, errnoLocalAddress):
		return nil, p.failure(ctx, StepDial, errNoRoute)
	default:
		return nil, p.failure(ctx, StepDial, err)
	}
}

// dialScarce dials once more where this machine had no descriptor, port or memory left: each time when another probe
// has given something back, for as long as any is there, and for no longer than a step may take.
func (v *visit) dialScarce(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	began, pause := time.Now(), 10*time.Millisecond
	for {
		relief := v.p.schedule.scarce()
		if relief != nil {
			step, cancel := context.WithTimeout(ctx, pause)
			select {
			case <-relief:
			case <-step.Done():
			}
			cancel()
		}
		from := time.Now()
		c, err := v.p.dial(ctx, "tcp", addr, v.patience)
		if !errorIs(err, errnoScarce) || relief == nil || from.Sub(began) > v.patience {
			return c, err
		}
		pause = min(2*pause, time.Second)
	}
}

var errNoRoute = errors.New("no route for this family of addresses")
