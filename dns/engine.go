package dns

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	freshMax = 256 // queries that wait for a window before no more names are read
	extraMax = 8   // attempts of a query that do not count, because the server or our window was at fault
	probeGap = 100 * time.Millisecond
)

// engine sends queries and finds their replies. While it runs it has one goroutine a server that sends, one a socket
// that receives, and one that is the clock; none of them is woken for a single query where there are more. All its state
// is guarded by mu, which is held for a batch of datagrams at a time and never while anything waits.
//
//	Resolve ─▶ fresh ─▶ upstream.send ─▶ socket ─▶ server
//	   ▲   again ──▲ ▲                     │
//	   │           │ └── clock: time is up │
//	   └── done ◀── socket.receive ◀───────┘
type engine struct {
	cfg    *Config
	order  func() []int // indexes of servers as they are to be asked now
	began  time.Time
	ctx    context.Context //nolint:containedctx // the engine's own life: it is longer than any call
	cancel context.CancelFunc
	wg     sync.WaitGroup
	poke   chan struct{} // wakes the clock
	// socketQueries is how many queries leave by one socket: the next has another source port (RFC 5452 §9.2).
	socketQueries int
	// silence is how long all servers must have answered nobody before names are given up unasked.
	silence time.Duration

	mu      sync.Mutex // guards all below, and all of upstreams, sockets, transactions and groups
	closed  bool
	servers []*upstream
	follow  queue   // transactions of names that are being looked into: before fresh ones
	fresh   queue   // transactions that no server was asked yet
	flights flights // queries on their way
	wheel   wheel
	alarm   instant // when the clock looks next; 0 is never
	random  *rand.ChaCha8
	drained instant   // when names were given up last, or could have been
	hungry  sync.Cond // feeders wait on it until fresh runs low
	spare   *task
	tcp     chan struct{} // a token for each connection
}

func newEngine(ctx context.Context, cfg *Config, order func() []int) *engine {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails (crypto/rand)
	e := &engine{
		cfg: cfg, order: order, began: cfg.Now(), ctx: ctx, cancel: cancel,
		poke: make(chan struct{}, 1), random: rand.NewChaCha8(seed), tcp: make(chan struct{}, 32), socketQueries: 1 << 16,
		silence: max(silenceMin, 4*cfg.Timeout),
	}
	e.hungry.L = &e.mu
	for i, s := range cfg.Servers {
		u := &upstream{e: e, index: i, server: s, pace: newPace(cfg.rate(s))}
		u.work.L = &e.mu
		e.servers = append(e.servers, u)
	}
	for _, u := range e.servers {
		e.wg.Go(u.send)
	}
	e.wg.Go(e.clock)
	return e
}

// stop ends the engine; nothing of it runs on.
func (e *engine) stop() {
	e.cancel()
	e.mu.Lock()
	e.closed = true
	for _, u := range e.servers {
		u.work.Broadcast()
		if u.sock != nil {
			u.sock.close()
		}
	}
	for _, f := range e.flights.all {
		if f.q != nil {
			f.sock.close() // retired ones as well
		}
	}
	e.mu.Unlock()
	e.nudge()
	e.wg.Wait()
}

func (e *engine) now() instant { return e.cfg.Now().Sub(e.began) }

// nudge wakes the clock.
func (e *engine) nudge() {
	select {
	case e.poke <- struct{}{}:
	default:
	}
}

// clock deals with transactions whose time is up, and wakes servers that a rate held back.
func (e *engine) clock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return
		}
		now := e.now()
		for _, u := range e.servers {
			u.confirm(now)
		}
		e.wheel.turn(now, func(q *transaction) { e.due(q, now) })
		e.rouse(now)
		e.alarm = e.nextAlarm()
		wait := time.Hour
		if e.alarm > 0 {
			wait = max(e.alarm-now, 0)
		}
		e.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-e.poke:
		}
	}
}

func (e *engine) nextAlarm() instant {
	next, _ := e.wheel.next()
	for _, u := range e.servers {
		if u.held > 0 && (next == 0 || u.held < next) {
			next = u.held
		}
	}
	return next
}

// alarmAt makes the clock look at an instant, or before.
func (e *engine) alarmAt(at instant) {
	if e.alarm == 0 || at < e.alarm {
		e.alarm = at
		e.nudge()
	}
}

func (e *engine) arm(q *transaction, at instant) {
	e.wheel.arm(q, at)
	e.alarmAt(at)
}

// rouse wakes whoever has something to do now.
func (e *engine) rouse(now instant) {
	for _, u := range e.servers {
		if u.asleep && u.ready(now) {
			u.asleep = false
			u.work.Signal()
		}
	}
	if e.fresh.n < freshMax/2 {
		e.hungry.Broadcast()
	}
}

// exchange asks queries together and returns a message for each. A query without a usable reply (no reply, SERVFAIL,
// REFUSED, or an rcode that says nothing of the name) goes to the next server first, then round again. When all is
// tried, the last real reply counts, else TIMEOUT. only limits it to one server; nil is all.
func (e *engine) exchange(ctx context.Context, only *upstream, queries []query) []message {
	g := &group{left: len(queries), done: make(chan struct{})}
	asked := make([]transaction, len(queries))
	e.mu.Lock()
	now := e.now()
	for i := range asked {
		q := &asked[i]
		q.query, q.group, q.only = queries[i], g, only
		to := &e.follow
		if only != nil {
			to = &only.again
		}
		e.ask(q, to, now)
	}
	e.rouse(now)
	e.mu.Unlock()
	select {
	case <-g.done:
	case <-ctx.Done():
		e.mu.Lock()
		for i := range asked {
			e.cut(&asked[i])
		}
		e.rouse(e.now()) // others may have their place in the window
		e.mu.Unlock()
	}
	out := make([]message, len(asked))
	for i := range asked {
		out[i] = asked[i].out
	}
	return out
}

// cut ends a transaction because its context has ended.
func (e *engine) cut(q *transaction) {
	if q.stage != stageDone {
		q.out.reply.Status = StatusCanceled
		e.finish(q)
	}
}
