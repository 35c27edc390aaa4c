package probe

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
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
	// Timeout is for each network step: dial, handshake, each HTTP response. It runs from the moment our own bytes left.
	// 0 is 5 s.
	Timeout time.Duration
	// PerAddress caps the probes of one address that it has not been silent to. 0 is 32.
	PerAddress int
	// Connections caps the probes that are open at a time, those of silent hosts included: each needs a file descriptor.
	// 0 is 4000.
	Connections int
	// Handshakes caps the handshakes that are worked on at a time, so that a host's answer never waits long for our
	// processor; a host that is silent for 300 ms counts no more. 0 is 128 a processor.
	Handshakes int
	// Fast stops at the certificate: the server does not prove that it has the key, HTTP is not asked, and TLS 1.2 is
	// offered first, alone, because there the certificate comes before any key exchange.
	Fast bool
	// PostQuantum offers X25519MLKEM768 first, as browsers do. It costs a quarter more of our time.
	PostQuantum bool
	// Roots are extra trust anchors, beside the built-in bundle.
	Roots []*x509.Certificate
	// Allow says whether an address may be dialled; nil allows all.
	Allow func(netip.Addr) bool
	// UserAgent is sent with HTTP requests; empty is "certscan".
	UserAgent string
}

// withDefaults returns the configuration with every zero field filled in but Dial.
func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.PerAddress = cmp.Or(c.PerAddress, 32)
	c.Connections = cmp.Or(max(c.Connections, 0), 4000)
	c.Handshakes = cmp.Or(max(c.Handshakes, 0), 128*runtime.GOMAXPROCS(0))
	c.UserAgent = cmp.Or(c.UserAgent, "certscan")
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

	chains   *chains
	schedule *schedule
	slots    chan struct{} // holds one token for each handshake that is worked on
	routes   *routes
	slowest  *atomic.Int64 // of the steps that went well, in nanoseconds
}

// New returns a Prober. It fails only where a root of the built-in bundle cannot be read.
func New(config Config) (*Prober, error) {
	trust, err := newTrustStore(config.Roots)
	if err != nil {
		return nil, err
	}
	p := &Prober{config: config.withDefaults(), chains: newChains(trust), slowest: new(atomic.Int64)}
	p.schedule = newSchedule(&p.config, p.config.Handshakes)
	p.slots = make(chan struct{}, p.config.Handshakes)
	p.routes = newRoutes()
	return p, nil
}

// Probe connects to the target and returns what it saw; the target's trouble is in Observation.Err. It waits while
// Config.PerAddress probes of the same address are in flight, and that wait counts for none of the deadlines. It
// returns soon after ctx is done, with CodeCanceled.
func (p *Prober) Probe(ctx context.Context, target Target) Observation {
	t := &Turn{s: p.schedule, addr: target.Addr.Addr().Unmap(), started: make(chan struct{})}
	if ctx.Err() == nil && p.dialable(t.addr) {
		p.schedule.mu.Lock()
		p.schedule.enqueue(t)
		p.schedule.unlockAndStart()
		select {
		case <-t.started:
		case <-ctx.Done():
			p.schedule.abandon(t)
		}
	}
	return t.Probe(ctx, p, target)
}

// Probe probes the target with p, whose crew the turn is of, and gives the turn back. What it returns is as of
// [Prober.Probe].
func (t *Turn) Probe(ctx context.Context, p *Prober, target Target) Observation {
	o := Observation{Target: target, At: p.config.Now().UTC()}
	defer func() { t.end(o.Err == nil) }()
	switch {
	case !p.dialable(t.addr):
		o.Err = &Error{Step: StepDial, Code: CodeBlocked}
		return o
	case ctx.Err() != nil:
		o.Err = p.failure(ctx, StepDial, ctx.Err())
		return o
	}
	t.running.Store(true)
	v := newVisit(p, target, t)
	if target.PlainOnly {
		o.HTTP, o.Err = v.plain(ctx)
	} else {
		o.TLS, o.HTTP, o.Err = v.secure(ctx)
	}
	o.Elapsed = p.config.Now().Sub(o.At)
	return o
}

func (p *Prober) dialable(addr netip.Addr) bool { return addr.IsValid() && p.config.Allow(addr) }

// patience is how long each step of a turn waits. A second look waits four times as long as the slowest step that went
// well, two seconds at least, and never longer than the first.
func (p *Prober) patience(t *Turn) time.Duration {
	const least = 2 * time.Second
	slowest := time.Duration(p.slowest.Load())
	if !t.late || slowest == 0 {
		return p.config.Timeout
	}
	return min(p.config.Timeout, max(least, 4*slowest))
}

// took notes how long a step took that went well.
func (p *Prober) took(d time.Duration) {
	for old := p.slowest.Load(); int64(d) > old; old = p.slowest.Load() {
		if p.slowest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}
