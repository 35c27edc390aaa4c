package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// Dialer opens a connection to a literal address. network is "tcp" or "udp"; no name is ever looked up. It is the
// one seam between the program and the network.
type Dialer func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)

// Config configures a Prober. Its zero value works.
type Config struct {
	// Dial opens connections; nil dials for real.
	Dial Dialer
	// Now tells the instant; nil is time.Now.
	Now func() time.Time
	// Timeout is for each network step: dial, handshake, each HTTP response. 0 is 5 s.
	Timeout time.Duration
	// PerAddress caps probes in flight against one address. 0 is 8.
	PerAddress int
	// Roots are extra trust anchors, beside the built-in bundle.
	Roots []*x509.Certificate
	// Allow says whether an address may be dialled; nil allows all.
	Allow func(netip.Addr) bool
	// UserAgent is sent with HTTP requests; empty is "certscan".
	UserAgent string
}

// withDefaults returns the configuration with every zero field filled in.
func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.PerAddress = cmp.Or(c.PerAddress, 8)
	c.UserAgent = cmp.Or(c.UserAgent, "certscan")
	if c.Dial == nil {
		c.Dial = dialNet
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Allow == nil {
		c.Allow = func(netip.Addr) bool { return true }
	}
	return c
}

// Prober probes targets. It may be used from many goroutines at once, and keeps nothing open between probes.
type Prober struct {
	config Config // with defaults filled in; read-only

	trust  *trustStore
	slots  *slots
	routes *routes
}

// New returns a Prober. It fails only where a root of the built-in bundle cannot be read.
func New(config Config) (*Prober, error) {
	trust, err := newTrustStore(config.Roots)
	if err != nil {
		return nil, err
	}
	p := &Prober{config: config.withDefaults(), trust: trust}
	p.slots = newSlots(p.config.PerAddress)
	p.routes = newRoutes()
	return p, nil
}

// Probe connects to the target and returns what it saw; the target's trouble is in Observation.Err. It waits while
// Config.PerAddress probes of the same address are in flight, and that wait counts for none of the deadlines. It
// returns soon after ctx is done, with CodeCanceled.
func (p *Prober) Probe(ctx context.Context, t Target) Observation {
	o := Observation{Target: t}
	addr := t.Addr.Addr().Unmap()
	if !addr.IsValid() || !p.config.Allow(addr) {
		o.At = p.config.Now().UTC()
		o.Err = &Error{Step: StepDial, Code: CodeBlocked}
		return o
	}
	release, err := p.slots.acquire(ctx, addr)
	o.At = p.config.Now().UTC()
	if err != nil {
		o.Err = p.failure(ctx, StepDial, err)
		return o
	}
	defer release()

	v := newVisit(p, t)
	if t.PlainOnly {
		o.HTTP, o.Err = v.plain(ctx)
	} else {
		o.TLS, o.HTTP, o.Err = v.secure(ctx)
	}
	o.Elapsed = p.config.Now().Sub(o.At)
	return o
}
