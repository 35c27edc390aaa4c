package dns

import (
	"net/netip"
	"slices"
	"time"
)

// stage is where a transaction stands.
type stage uint8

const (
	stageNew     stage = iota
	stageQueued        // for a server's window
	stageFlying        // a query is on its way
	stagePaused        // until its deadline, then it is asked again
	stageOverTCP       // a truncated reply is fetched whole
	stageLinger        // all attempts are made, but nobody is answered: until the server is back, or the time is up
	stageDone
)

// transaction is one query until it has an outcome.
type transaction struct {
	query
	out   message
	group *group
	only  *upstream // the one server to ask; nil is all in order

	serial   uint64 // tells one use of the struct from the next
	stage    stage
	limit    int8 // attempts that count, at most
	tries    int8 // attempts that count
	extra    int8 // attempts that did not
	home     int8 // place of the first server asked
	afresh   bool // it is asked once more after the last wait
	useless  uint64
	began    instant
	deadline instant
	last     uint32 // the newest flight; 0 is none
	room     [4]netip.Addr

	// A transaction is armed, or in a queue, or neither; never both.
	prev, next *transaction
	in         *queue
	bucket     int32
	armed      bool
}

// group is the transactions that are waited for together.
type group struct {
	left int
	// One of them is told when none is left.
	task   *task
	done   chan struct{}
	canary *upstream
}

// queue is a first-in-first-out list.
type queue struct {
	head, tail *transaction
	n          int
}

func (l *queue) push(q *transaction) {
	q.in, q.prev, q.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = q
	} else {
		l.head = q
	}
	l.tail = q
	l.n++
}

func (l *queue) pushFront(q *transaction) {
	q.in, q.prev, q.next = l, nil, l.head
	if l.head != nil {
		l.head.prev = q
	} else {
		l.tail = q
	}
	l.head = q
	l.n++
}

func (l *queue) remove(q *transaction) {
	if q.prev != nil {
		q.prev.next = q.next
	} else {
		l.head = q.next
	}
	if q.next != nil {
		q.next.prev = q.prev
	} else {
		l.tail = q.prev
	}
	q.in, q.prev, q.next = nil, nil, nil
	l.n--
}

// flight is one datagram on its way, or given up and perhaps late.
type flight struct {
	q     *transaction
	sock  *socket
	sent  instant
	older uint32 // the transaction's flight before
	id    uint16
	// counted is set while it takes a place in the server's window.
	counted bool
}

// flights are numbered from 1.
type flights struct {
	all  []flight
	free []uint32
}

func (l *flights) add(f flight) uint32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		l.all[i] = f
		return i
	}
	if len(l.all) == 0 {
		l.all = append(l.all, flight{})
	}
	l.all = append(l.all, f)
	return uint32(len(l.all) - 1)
}

// ask takes a transaction in. The caller wakes the servers.
func (e *engine) ask(q *transaction, to *queue, now instant) {
	q.began = now
	if q.limit == 0 {
		q.limit = int8(min(e.cfg.Attempts, 100))
	}
	q.out = message{qtype: q.qtype, reply: Reply{Status: StatusTimeout}}
	e.enqueue(q, to)
}

func (e *engine) enqueue(q *transaction, to *queue) {
	q.stage = stageQueued
	to.push(q)
}

// hold takes a transaction away from the wheel and from its queue, where it is in one: what comes next is decided anew.
func (e *engine) hold(q *transaction) {
	e.wheel.disarm(q)
	if q.in != nil {
		q.in.remove(q)
	}
}

// finish ends a transaction with what its out says.
func (e *engine) finish(q *transaction) {
	if q.stage == stageDone {
		return
	}
	e.hold(q)
	for q.last != 0 {
		e.land(q.last)
	}
	q.stage = stageDone
	q.serial++
	g := q.group
	if g.left--; g.left > 0 {
		return
	}
	switch {
	case g.task != nil:
		g.task.batch.finished(g.task)
	case g.canary != nil:
		g.canary.canary = false
	default:
		close(g.done)
	}
}

// land ends a flight.
func (e *engine) land(i uint32) {
	f := e.flights.all[i]
	e.uncount(i)
	for at := &f.q.last; *at != 0; at = &e.flights.all[*at].older {
		if *at == i {
			*at = f.older
			break
		}
	}
	f.sock.byID[f.id] = 0
	e.flights.all[i] = flight{}
	e.flights.free = append(e.flights.free, i)
	if f.sock.open--; f.sock.open == 0 && f.sock.retired {
		f.sock.close()
	}
}

// uncount gives a flight's place in the window free.
func (e *engine) uncount(i uint32) {
	if f := &e.flights.all[i]; f.counted {
		f.counted = false
		f.sock.up.inflight--
	}
}

// due deals with a transaction whose time is up.
func (e *engine) due(q *transaction, now instant) {
	switch q.stage {
	case stagePaused:
		e.retry(q)
	case stageFlying:
		f := e.flights.all[q.last]
		u := f.sock.up
		if q.deadline = f.sent + u.patience(q); q.deadline > now {
			if now >= f.sent+u.soon(q) {
				e.uncount(q.last) // it is no longer in a queue: the server looks for an answer, or there is none
			}
			e.wheel.arm(q, u.look(q, f.sent, now))
			return
		}
		e.expire(q, u, f.sent, now)
	case stageLinger:
		u := e.flights.all[q.last].sock.up
		switch {
		case u.aliveAt(e.flights.all[q.last].sent) && q.extra < extraMax:
			q.extra++
			q.tries--
			e.retry(q)
		case now >= q.deadline:
			e.finish(q)
		default:
			e.linger(q, u, now)
		}
	case stageNew, stageQueued, stageOverTCP, stageDone:
	}
}

// expire deals with a query that got no reply in time. It counts as an attempt where the server answered anybody since:
// otherwise the server is at fault, and a query that is known to have an answer finds out whether it lives.
func (e *engine) expire(q *transaction, u *upstream, sent, now instant) {
	e.uncount(q.last)
	defer e.drain(now)
	u.timedOut(now)
	heard := u.aliveAt(sent)
	if !heard {
		if q.group.canary != nil || u.good.name == "" {
			u.silent(sent, now)
			u.giveUp()
		}
		if q.group.canary != nil {
			u.retire() // the way may have changed: another socket may have another source address
		}
		u.sendCanary(now)
	}
	if u.dead && q.only == nil && q.extra < extraMax && e.lives() {
		q.extra++
		q.tries--
	} else if u.lastLoss > sent && q.extra < extraMax && now < q.began+e.cfg.Timeout*19/10 {
		q.extra++
		q.tries--
	}
	switch {
	case q.tries < q.limit:
		e.retry(q)
	case heard && u.samples >= learned && !q.afresh && now-sent > discardAfter:
		q.afresh = true // the answer may be there meanwhile, and no longer be sent to a question that old
		q.tries--
		e.retry(q)
	case !heard && u.samples >= learned && q.group.canary == nil:
		q.deadline = q.began + e.cfg.Timeout*19/10 // as long as all waits without anything learned
		e.linger(q, u, now)
	default:
		e.finish(q)
	}
}

func (e *engine) linger(q *transaction, u *upstream, now instant) {
	q.stage = stageLinger
	u.sendCanary(now)
	e.wheel.arm(q, now+u.wait(0, false, e.cfg.Timeout))
}

// lives reports whether a server is there that was not found dead: where all are, an attempt at one is as good as at another.
func (e *engine) lives() bool {
	return slices.ContainsFunc(e.servers, func(u *upstream) bool { return !u.dead })
}

const (
	silenceMin = 20 * time.Second
	drainRate  = 400 // transactions a second: 200 names
)

// drain gives up, at a bounded rate, what waits to be sent while no server has answered anybody for long. A few queries go on
// finding out whether one is back, and what still waits then is asked; but a run that is cut off for good comes to its end.
func (e *engine) drain(now instant) {
	since := now - e.drained
	e.drained = now
	for _, u := range e.servers {
		if !u.dead || now-u.lastReply < e.silence {
			return
		}
	}
	for range int64(min(since, time.Second)) * drainRate / int64(time.Second) {
		q := e.follow.head
		if q == nil {
			q = e.fresh.head
		}
		if q == nil {
			break
		}
		q.out.reply.Trouble = "no resolver has answered anything for " + e.silence.String()
		e.finish(q)
	}
	e.hungry.Broadcast()
}

// retry queues a transaction for the server whose turn it is, or ends it where all attempts are made.
func (e *engine) retry(q *transaction) {
	u := e.turn(q)
	if u == nil || q.tries >= q.limit {
		e.finish(q)
		return
	}
	e.enqueue(q, &u.again)
}

// turn returns the server that is to be asked next; nil where all have given replies that are no use. One that answers
// nobody is left to names that were not asked yet, which find out when it is back: few may be on their way to it, and the
// others would queue for it.
func (e *engine) turn(q *transaction) *upstream {
	if q.only != nil {
		if q.useless != 0 {
			return nil
		}
		return q.only
	}
	next, dead := (*upstream)(nil), (*upstream)(nil)
	order := e.order()
	for i := range order {
		u := e.servers[order[(int(q.home)+int(q.tries)+i)%len(order)]]
		switch {
		case q.useless&(1<<(u.index&63)) != 0:
		case u.dead && dead == nil:
			dead = u
		case !u.dead && next == nil:
			next = u
		}
	}
	if next == nil && q.out.reply.Status != StatusServFail {
		return dead // where all are, or the others will not serve us
	}
	return next
}

// fail notes that this machine could not send a transaction's query or not read its reply, and tries again: at once at
// another server, after a pause where all were tried, since a server that is just starting anew refuses at once.
func (e *engine) fail(q *transaction, why string, now instant) {
	q.out.reply.Trouble = why
	e.hold(q)
	servers := len(e.servers)
	if q.only != nil {
		servers = 1
	}
	if q.tries >= q.limit || int(q.tries)%servers != 0 {
		e.retry(q)
		return
	}
	q.stage = stagePaused
	e.arm(q, now+firstWait(int(q.tries)-1, e.cfg.Timeout)/3) // whatever the round trip: it starts when it starts
}
