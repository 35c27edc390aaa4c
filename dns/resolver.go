package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
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
	// Timeout is the longest wait for one reply. 0 is 5 s. The first waits are shorter (0.3 and 0.6 of it), and a
	// late reply to an earlier query still counts while the wait is for the same server.
	Timeout time.Duration
	// Attempts is how often one query is sent before its status is TIMEOUT, over all servers. 0 is 3, but at
	// least one for each server.
	Attempts int
	// Concurrency is how many names are in flight, each with two queries. 0 is 128: a resolver whose socket has the
	// usual receive buffer of 208 KiB loses what exceeds some 270 queries at once.
	Concurrency int
}

const (
	defaultTimeout     = 5 * time.Second
	defaultAttempts    = 3
	defaultConcurrency = 128
	chainMax           = 16 // CNAMEs followed before a chain counts as a loop
	addrsMax           = 64 // addresses kept of one name
)

// Resolver asks recursive resolvers about names. It is safe for concurrent use.
type Resolver struct {
	cfg  Config
	apex apexCache
	// order holds the servers in the order they are asked; Check replaces it.
	order atomic.Pointer[[]netip.AddrPort]
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
	r := &Resolver{cfg: cfg}
	r.order.Store(&cfg.Servers)
	return r, nil
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
				a := r.safely(ctx, x, q)
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
	return r.safely(ctx, x, q)
}

// safely looks a name up; a panic on what a server sent is that name's trouble and no other's.
func (r *Resolver) safely(ctx context.Context, x *exchanger, q Question) (a Answer) {
	defer func() {
		if v := recover(); v != nil {
			bug := Reply{Status: StatusOther, Trouble: fmt.Sprintf("a defect of certscan: %v", v)}
			a = Answer{ID: q.ID, Name: q.Name, Asked: q.Name, Wildcard: q.Wildcard, A: bug, AAAA: bug}
		}
	}()
	return r.lookup(ctx, x, q)
}

func canceled(q Question) Answer {
	cut := Reply{Status: StatusCanceled}
	return Answer{ID: q.ID, Name: q.Name, Asked: q.Name, Wildcard: q.Wildcard, A: cut, AAAA: cut}
}

// checkGrace is how long Check waits for the other servers once one resolved a control name.
const checkGrace = time.Second

// Check asks every server for the control names before a run. One name at one server is enough; an error says that the
// run cannot be trusted, and why. A server that failed, or stayed silent for a second longer, is asked last from then
// on, and is returned.
func (r *Resolver) Check(ctx context.Context, controls []string) (silent []netip.AddrPort, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var grace *time.Timer
	var once sync.Once
	why := make([]string, len(r.cfg.Servers))
	for i, s := range r.cfg.Servers {
		wg.Go(func() {
			if why[i] = r.checkServer(ctx, s, controls); why[i] == "" {
				once.Do(func() { grace = time.AfterFunc(checkGrace, cancel) })
			}
		})
	}
	wg.Wait()
	if grace != nil {
		grace.Stop()
	}
	var good []netip.AddrPort
	var reasons []string
	for i, s := range r.cfg.Servers {
		if why[i] == "" {
			good = append(good, s)
			continue
		}
		silent = append(silent, s)
		reasons = append(reasons, fmt.Sprintf("%s: %s", s, why[i]))
	}
	if len(good) == 0 {
		return silent, fmt.Errorf("no control name resolves (%s): check the resolver and the network, or name other controls with --control",
			strings.Join(reasons, "; "))
	}
	ordered := append(good, silent...)
	r.order.Store(&ordered)
	return silent, nil
}

// checkServer returns why no control name resolves at a server; empty when one does.
func (r *Resolver) checkServer(ctx context.Context, server netip.AddrPort, controls []string) string {
	x := r.newExchanger()
	x.only = []netip.AddrPort{server}
	defer x.close()
	var queries []query
	for _, name := range controls {
		queries = append(queries, query{name: name, qtype: mdns.TypeA}, query{name: name, qtype: mdns.TypeAAAA})
	}
	var why []string
	for i, m := range x.exchange(ctx, queries) {
		if len(follow(queries[i].name, m).addrs) > 0 {
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
