package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
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
	// Timeout is the longest wait for one reply. 0 is 5 s. Waits are shorter where the round trip is known, and the
	// first ones always (0.3 and 0.6 of it); a late reply to an earlier attempt still counts.
	Timeout time.Duration
	// Attempts is how often one query is sent before its status is TIMEOUT, over all servers. 0 is 3, but at
	// least one for each server. An attempt at a server that answered nobody meanwhile does not count.
	Attempts int
	// Concurrency is how many names may be in flight, each with two queries. 0 is 8192. How many are follows from
	// what the servers bear.
	Concurrency int
	// Rate is how many queries a second one server gets at most. 0 is no cap, but for well-known public resolvers.
	Rate float64
	// Rates are the rates of single servers, where they differ from Rate.
	Rates map[netip.AddrPort]float64
	// Allow says which addresses of name servers found in the DNS may be asked; nil is the public ones. Resolvers are
	// asked wherever they are.
	Allow func(netip.Addr) bool
	// Operators name who runs a server: for people to tell servers apart, and since two of one operator do not count as two
	// (see [Resolver.Confirm]). Well-known public resolvers need not be named; any other is an operator of its own.
	Operators map[netip.AddrPort]string
}

// rate returns the cap for a server.
func (c *Config) rate(server netip.AddrPort) float64 {
	if r := cmp.Or(c.Rates[server], c.Rate); r > 0 {
		return r
	}
	return publicRates[server.Addr().Unmap()]
}

const (
	defaultTimeout     = 5 * time.Second
	defaultAttempts    = 3
	defaultConcurrency = 8192
	chainMax           = 16 // CNAMEs followed before a chain counts as a loop
	addrsMax           = 64 // addresses kept of one name
)

// Resolver asks recursive resolvers about names. It is safe for concurrent use.
type Resolver struct {
	cfg  Config
	apex apexCache
	// What zones said, so that a thousand names of one ask once.
	zones       remembered[zoneFacts]
	delegations remembered[Delegation]
	rewrites    remembered[rewriting]
	caa         remembered[caaLevel]
	wildcards   remembered[wildcardFacts]
	direct      chan struct{} // a place for each open question to a name server
	heard       atomic.Bool   // a name server answered once
	silences    atomic.Int64  // questions to name servers that stayed without an answer
	// order holds the indexes of servers in the order they are asked; Check replaces it.
	order atomic.Pointer[[]int]

	mu     sync.Mutex // guards the two below
	engine *engine    // nil while nobody needs it
	users  int

	socketQueries int           // a test's; 0 is the engine's own
	silence       time.Duration // likewise
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
	if cfg.Allow == nil {
		cfg.Allow = func(a netip.Addr) bool { return !SpecialPurpose(a) }
	}
	r := &Resolver{cfg: cfg, direct: make(chan struct{}, DirectMax)}
	order := make([]int, len(cfg.Servers))
	for i := range order {
		order[i] = i
	}
	r.order.Store(&order)
	return r, nil
}

// engage returns the engine, started where it is not running. Each call needs one of release.
func (r *Resolver) engage(ctx context.Context) *engine {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.engine == nil {
		r.engine = newEngine(ctx, &r.cfg, func() []int { return *r.order.Load() })
		r.engine.socketQueries = cmp.Or(r.socketQueries, r.engine.socketQueries)
		r.engine.silence = cmp.Or(r.silence, r.engine.silence)
	}
	r.users++
	return r.engine
}

// release stops the engine when its last user has gone.
func (r *Resolver) release(e *engine) {
	r.mu.Lock()
	r.users--
	last := r.users == 0
	if last {
		r.engine = nil
	}
	r.mu.Unlock()
	if last {
		e.stop()
	}
}

func dialReal(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr.String())
}

// Lookup asks for one name. It is for the few names that only turn up while others are looked at; a list goes to
// Resolve.
func (r *Resolver) Lookup(ctx context.Context, q Question) Answer {
	e := r.engage(ctx)
	defer r.release(e)
	return r.safely(q, func() Answer { return r.lookup(ctx, exchanger{e: e}, q) })
}

// safely looks a name up; a panic on what a server sent is that name's trouble and no other's.
func (r *Resolver) safely(q Question, look func() Answer) (a Answer) {
	defer func() {
		if v := recover(); v != nil {
			bug := Reply{Status: StatusOther, Trouble: fmt.Sprintf("a defect of certscan: %v", v)}
			a = Answer{ID: q.ID, Name: q.Name, Asked: q.Name, Wildcard: q.Wildcard, A: bug, AAAA: bug}
		}
	}()
	return look()
}

// checkGrace is how long Check waits for the other servers once one resolved a control name.
const checkGrace = time.Second

// Check asks every server for the control names before a run. One name at one server is enough; an error says that the
// run cannot be trusted, and why. A server that failed, or stayed silent for a second longer, is asked last from then
// on, and is returned.
func (r *Resolver) Check(ctx context.Context, controls []string) (silent []netip.AddrPort, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := r.engage(ctx)
	defer r.release(e)
	var wg sync.WaitGroup
	var grace *time.Timer
	var once sync.Once
	why := make([]string, len(r.cfg.Servers))
	for i := range r.cfg.Servers {
		wg.Go(func() {
			if why[i] = r.checkServer(ctx, e, i, controls); why[i] == "" {
				once.Do(func() { grace = time.AfterFunc(checkGrace, cancel) })
			}
		})
	}
	wg.Wait()
	if grace != nil {
		grace.Stop()
	}
	var good, bad []int
	var reasons []string
	for i, s := range r.cfg.Servers {
		if why[i] == "" {
			good = append(good, i)
			continue
		}
		bad = append(bad, i)
		silent = append(silent, s)
		reasons = append(reasons, r.Describe(s)+": "+why[i])
	}
	if len(good) == 0 {
		return silent, fmt.Errorf("no control name resolves (%s): check the resolver and the network, or name other controls with --control",
			strings.Join(reasons, "; "))
	}
	ordered := append(good, bad...)
	r.order.Store(&ordered)
	return silent, nil
}

// Describe names a server for people: its address, and who runs it where Config.Operators says so.
func (r *Resolver) Describe(server netip.AddrPort) string {
	if o := r.cfg.Operators[server]; o != "" {
		return server.String() + " (" + o + ")"
	}
	return server.String()
}

// checkServer returns why no control name resolves at a server; empty when one does.
func (r *Resolver) checkServer(ctx context.Context, e *engine, server int, controls []string) string {
	x := exchanger{e: e, only: e.servers[server]}
	var queries []query
	for _, name := range controls {
		queries = append(queries, query{name: name, qtype: mdns.TypeA}, query{name: name, qtype: mdns.TypeAAAA})
	}
	var why []string
	for i, m := range x.exchange(ctx, queries...) {
		if len(m.chain.addrs) > 0 {
			return ""
		}
		if i%2 == 0 {
			why = append(why, queries[i].name+" "+m.reply.words())
		}
	}
	return strings.Join(why, ", ")
}

// words tells the status, and what this machine had to say.
func (r Reply) words() string {
	if r.Trouble == "" {
		return string(r.Status)
	}
	return string(r.Status) + " (" + r.Trouble + ")"
}
