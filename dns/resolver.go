package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dialer opens a connection to a literal address. network is "udp" or "tcp"; no name is ever looked up. It is the
// one seam between the package and the network.
type Dialer func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error)

// Config configures a Resolver. Only Servers must be set.
type Config struct {
	// Servers are the recursive resolvers, the one normally asked first.
	Servers []netip.AddrPort
	// Dial opens connections; nil dials for real.
	Dial Dialer
	// Now tells the instant; nil is time.Now.
	Now func() time.Time
	// Timeout is the longest wait for one reply. 0 is 5 s. The first waits are shorter (0.3 and 0.6 of it), and a
	// late reply to an earlier query still counts while the wait is for the same server.
	Timeout time.Duration
	// Attempts is how often one query is sent before its status is TIMEOUT, over all servers. 0 is 3, but at
	// least one for each server.
	Attempts int
	// Concurrency is how many names are in flight. 0 is 512.
	Concurrency int
}

const (
	defaultTimeout     = 5 * time.Second
	defaultAttempts    = 3
	defaultConcurrency = 512
	chainMax           = 16 // CNAMEs followed before a chain counts as a loop
	addrsMax           = 64 // addresses kept of one name
)

// Resolver asks recursive resolvers about names. It is safe for concurrent use.
type Resolver struct {
	cfg  Config
	apex apexCache

	mu      sync.Mutex // guards demoted
	demoted map[netip.AddrPort]bool
}

// New returns a Resolver. It opens nothing yet.
func New(cfg Config) (*Resolver, error) {
	if len(cfg.Servers) == 0 {
		return nil, errors.New("no resolver: name one with --resolver, or put a nameserver line into /etc/resolv.conf")
	}
	if cfg.Dial == nil {
		cfg.Dial = dialReal
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.Attempts = max(cmp.Or(cfg.Attempts, defaultAttempts), len(cfg.Servers))
	cfg.Concurrency = cmp.Or(cfg.Concurrency, defaultConcurrency)
	return &Resolver{cfg: cfg, demoted: map[netip.AddrPort]bool{}}, nil
}

func dialReal(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr.String())
}

// Resolve asks for every name of questions and calls answer once for each, in the order of completion, one call at a
// time. answer may block: names that are read, and no others, wait meanwhile. When ctx ends no more questions are
// taken, and what was taken and not finished is answered with StatusCanceled. Nothing of it runs on after it returns.
//
//	questions ──▶ feed ──▶ Concurrency workers, each with its own sockets ──▶ answer
func (r *Resolver) Resolve(ctx context.Context, questions iter.Seq[Question], answer func(Answer)) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // one answer at a time
		feed = make(chan Question)
	)
	wg.Go(func() {
		defer close(feed)
		for q := range questions {
			select {
			case feed <- q:
			case <-ctx.Done():
				mu.Lock()
				answer(canceled(q))
				mu.Unlock()
				return
			}
		}
	})
	for range r.cfg.Concurrency {
		wg.Go(func() {
			x := r.newExchanger()
			defer x.close()
			for q := range feed {
				a := r.lookup(ctx, x, q)
				mu.Lock()
				answer(a)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// Lookup asks for one name. It is for the few names that only turn up while others are looked at; a list goes to
// Resolve.
func (r *Resolver) Lookup(ctx context.Context, q Question) Answer {
	x := r.newExchanger()
	defer x.close()
	return r.lookup(ctx, x, q)
}

func canceled(q Question) Answer {
	cut := Reply{Status: StatusCanceled}
	return Answer{ID: q.ID, Name: q.Name, Asked: q.Name, Wildcard: q.Wildcard, A: cut, AAAA: cut}
}

// Check asks for the control names before a run. One that resolves is enough; an error says that the run cannot be
// trusted, and why. A server that failed where another resolved a control name is asked last from then on, and is
// returned.
func (r *Resolver) Check(ctx context.Context, controls []string) (silent []netip.AddrPort, err error) {
	var wg sync.WaitGroup
	results := make([]controlResult, len(r.cfg.Servers))
	for i, s := range r.cfg.Servers {
		wg.Go(func() { results[i] = r.checkServer(ctx, s, controls) })
	}
	wg.Wait()
	var good bool
	var why []string
	for i, res := range results {
		if res.ok {
			good = true
			continue
		}
		silent = append(silent, r.cfg.Servers[i])
		why = append(why, fmt.Sprintf("%s: %s", r.cfg.Servers[i], strings.Join(res.why, ", ")))
	}
	if !good {
		return silent, fmt.Errorf("no control name resolves (%s): check the resolver and the network, or name other controls with --control",
			strings.Join(why, "; "))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range silent {
		r.demoted[s] = true
	}
	return silent, nil
}

type controlResult struct {
	ok  bool
	why []string
}

func (r *Resolver) checkServer(ctx context.Context, server netip.AddrPort, controls []string) (res controlResult) {
	x := r.newExchanger()
	x.servers = []netip.AddrPort{server}
	defer x.close()
	for _, name := range controls {
		a := Answer{Name: name, Asked: name}
		r.addresses(ctx, x, &a)
		if len(a.Addrs) > 0 {
			return controlResult{ok: true}
		}
		res.why = append(res.why, name+" "+string(a.A.Status))
	}
	return res
}

// servers returns the servers in the order they are to be asked.
func (r *Resolver) servers() []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.demoted) == 0 {
		return r.cfg.Servers
	}
	ordered := slices.Clone(r.cfg.Servers)
	slices.SortStableFunc(ordered, func(a, b netip.AddrPort) int {
		return cmp.Compare(btoi(r.demoted[a]), btoi(r.demoted[b]))
	})
	return ordered
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
