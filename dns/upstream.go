package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// upstream is one server, with its socket and its pace.
type upstream struct {
	e      *engine
	index  int
	server netip.AddrPort
	pace

	again  queue // transactions that are to be asked here
	work   sync.Cond
	asleep bool
	held   instant // when the rate lets the next query leave; 0 where nothing is held back
	sock   *socket // nil until there is something to send

	good   query // one that this server answered
	canary bool  // it is being asked once more
	dead   bool  // it answers nobody

	suspects []missing
}

// socket is a connected UDP socket, so that the kernel lets the server's replies in alone.
type socket struct {
	up      *upstream
	link    link
	byID    []uint32 // flight by ID; 0 is none
	sent    int
	open    int  // flights
	retired bool // no more queries leave by it
	closed  bool
}

// close may be called under the engine's lock.
func (s *socket) close() {
	if !s.closed {
		s.closed = true
		_ = s.link.close()
	}
}

// ready reports whether a query could leave now, and notes when one could where only the rate is against it.
func (u *upstream) ready(now instant) bool {
	u.held = 0
	if u.again.n == 0 && !u.mayTakeFresh(now) {
		return false
	}
	n, again := u.room(now)
	if n <= 0 && again > 0 {
		u.held = again
		u.e.alarmAt(again)
	}
	return n > 0
}

// mayTakeFresh reports whether queries that no server was asked yet may go here: they go to the first server in order
// that has room.
func (u *upstream) mayTakeFresh(now instant) bool {
	if u.e.fresh.n == 0 && u.e.follow.n == 0 {
		return false
	}
	for _, i := range u.e.order() {
		if i == u.index {
			return true
		}
		if n, _ := u.e.servers[i].room(now); n > 0 {
			return false
		}
	}
	return true
}

// send is the goroutine that sends to the server.
func (u *upstream) send() {
	e := u.e
	box := new(outbox)
	for {
		e.mu.Lock()
		for !e.closed && !u.ready(e.now()) {
			u.asleep = true
			u.work.Wait()
		}
		if e.closed {
			e.mu.Unlock()
			return
		}
		sock := u.sock
		if sock == nil {
			e.mu.Unlock()
			var err error
			sock, err = u.open()
			e.mu.Lock()
			if err != nil || !u.adopt(sock) {
				u.unsendable(err)
				e.mu.Unlock()
				continue
			}
		}
		u.fill(box, sock, e.now())
		e.mu.Unlock()
		if err := sock.link.send(box, e.cfg.Timeout); err != nil {
			u.trouble(sock, err)
		}
	}
}

// open opens a socket. A panic of a dialer is its error.
func (u *upstream) open() (s *socket, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a defect of certscan: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(u.e.ctx, u.e.cfg.Timeout)
	defer cancel()
	c, err := u.e.cfg.Dial(ctx, "udp", u.server)
	if err != nil {
		return nil, err
	}
	l, err := newLink(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &socket{up: u, link: l, byID: make([]uint32, 1<<16)}, nil
}

// adopt makes a socket the one that is sent by, and starts to receive.
func (u *upstream) adopt(s *socket) bool {
	if u.e.closed {
		s.close()
		return false
	}
	u.sock = s
	u.e.wg.Go(s.receive)
	return true
}

// unsendable fails what would have been sent.
func (u *upstream) unsendable(err error) {
	if err == nil {
		return
	}
	now := u.e.now()
	for range batchMax {
		q := u.pick(now)
		if q == nil {
			break
		}
		q.tries++
		q.out.reply.Attempts++
		u.e.fail(q, reason(err), now)
	}
	u.e.rouse(now)
}

// pick takes the next transaction from the queues; nil where none is for this server.
func (u *upstream) pick(now instant) *transaction {
	from := &u.again
	if from.n == 0 {
		if !u.mayTakeFresh(now) {
			return nil
		}
		if from = &u.e.follow; from.n == 0 {
			from = &u.e.fresh
		}
	}
	q := from.head
	from.remove(q)
	if q.tries == 0 && q.only == nil {
		q.home = u.place()
	}
	return q
}

// place is where the server stands in the order.
func (u *upstream) place() int8 {
	for p, i := range u.e.order() {
		if i == u.index {
			return int8(p & 63)
		}
	}
	return 0
}

// fill packs as many queries as may leave now.
func (u *upstream) fill(box *outbox, s *socket, now instant) {
	box.reset()
	n, _ := u.room(now)
	for range min(n, batchMax) {
		q := u.pick(now)
		if q == nil {
			break
		}
		u.launch(q, box, s, now)
	}
	u.sent(box.n)
	if s.sent += box.n; s.sent >= u.e.socketQueries || s.open >= len(s.byID)/2 {
		u.retire()
	}
	if u.e.fresh.n < freshMax/2 {
		u.e.hungry.Broadcast()
	}
}

// retire lets no more queries leave by the socket; it is closed when the last reply is in, or given up.
func (u *upstream) retire() {
	s := u.sock
	if s == nil {
		return
	}
	u.sock = nil
	if s.retired = true; s.open == 0 {
		s.close()
	}
}

// launch packs a query and notes its flight.
func (u *upstream) launch(q *transaction, box *outbox, s *socket, now instant) {
	e := u.e
	id := e.unusedID(s)
	if !box.add(q.query, id) {
		e.finish(q) // names are checked before they come here; one that cannot be packed stays without a reply
		return
	}
	q.tries++
	q.out.reply.Attempts++
	q.stage = stageFlying
	q.last = e.flights.add(flight{q: q, sock: s, sent: now, older: q.last, id: id, counted: true})
	s.byID[id] = q.last
	s.open++
	q.deadline = now + u.patience(q)
	if q.tries+q.extra == 1 {
		q.began = now
	}
	e.arm(q, u.look(q, now, now))
	if q.tries > 1 && now-u.lastReply > waitMin/4 {
		u.sendCanary(now)
	}
}

// patience is how long the attempt that was just made is waited for.
func (u *upstream) patience(q *transaction) time.Duration {
	return u.wait(int(q.tries)-1, q.tries >= q.limit && !q.afresh, u.e.cfg.Timeout)
}

// soon is when the attempt that was just made is late, however long it is waited for.
func (u *upstream) soon(q *transaction) time.Duration {
	return u.wait(int(q.tries)-1, false, u.e.cfg.Timeout)
}

// look is when a transaction is looked at whose query left at an instant: at its deadline, sooner while that may still come
// nearer, and when it no longer takes a place in the window.
func (u *upstream) look(q *transaction, sent, now instant) instant {
	at := q.deadline
	if late := sent + u.soon(q); late > now {
		at = min(at, late)
	}
	if u.samples < wellLearned {
		at = min(at, now+probeGap)
	}
	return at
}

// unusedID returns an unpredictable ID (RFC 5452 §9.2) that no query of the socket has.
func (e *engine) unusedID(s *socket) uint16 {
	for {
		n := e.random.Uint64()
		for range 4 {
			if id := uint16(n); s.byID[id] == 0 {
				return id
			}
			n >>= 16
		}
	}
}

// giveUp notes that the server answers nobody, and sends those who wait for it to another.
func (u *upstream) giveUp() {
	if u.dead {
		return
	}
	u.dead = true
	for q, n := u.again.head, u.again.n; n > 0; n-- {
		next := q.next
		if q.only == nil {
			u.again.remove(q)
			u.e.retry(q)
		}
		q = next
	}
}

// sendCanary asks what the server is known to answer, to learn whether it lives.
func (u *upstream) sendCanary(now instant) {
	if u.canary || u.good.name == "" {
		return
	}
	u.canary = true
	q := &transaction{query: u.good, only: u, limit: 1, group: &group{left: 1, canary: u}}
	u.e.ask(q, &u.again, now)
	u.again.remove(q)
	u.again.pushFront(q)
}

// trouble gives a socket up that cannot be written or read: what is on its way by it has failed.
func (u *upstream) trouble(s *socket, err error) {
	e := u.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.closed {
		return
	}
	if u.sock == s {
		u.retire()
	}
	s.close()
	now := e.now()
	for i := range e.flights.all {
		f := e.flights.all[i]
		if f.q == nil || f.sock != s {
			continue
		}
		newest := f.q.last == uint32(i)
		e.land(uint32(i))
		if newest && (f.q.stage == stageFlying || f.q.stage == stageLinger) {
			e.fail(f.q, reason(err), now)
		}
	}
	e.rouse(now)
}

// receive is the goroutine that reads from the socket.
func (s *socket) receive() {
	e := s.up.e
	for {
		n, err := s.link.receive()
		if err != nil {
			s.up.trouble(s, err)
			return
		}
		e.mu.Lock()
		now := e.now()
		for i := range n {
			e.take(s, s.link.datagram(i), now)
		}
		s.up.confirm(now)
		e.rouse(now)
		e.mu.Unlock()
	}
}

// take deals with one datagram. What is no reply to a query on its way is dropped. A panic on what a server sent is that
// query's trouble and no other's.
func (e *engine) take(s *socket, wire []byte, now instant) {
	if len(wire) < 12 {
		return
	}
	id := binary.BigEndian.Uint16(wire)
	s.up.acquit(s, id)
	i := s.byID[id]
	if i == 0 {
		return
	}
	f := e.flights.all[i]
	q := f.q
	defer func() {
		if v := recover(); v != nil {
			q.out.reply = Reply{Status: StatusOther, Trouble: fmt.Sprintf("a defect of certscan: %v", v)}
			e.finish(q)
		}
	}()
	m, ok := q.read(wire, q.room[:0])
	if !ok {
		return
	}
	u := s.up
	u.dead = false
	u.replied(now-f.sent, m.reply.Status != StatusRefused, now)
	if m.reply.Status.OK() {
		u.missed(&f, now)
	}
	newest := q.last == i
	e.land(i)
	if !newest && !m.reply.Status.OK() {
		return // an earlier attempt's: another is under way
	}
	m.reply.Server, m.reply.Elapsed, m.reply.Attempts = u.server, now-f.sent, q.out.reply.Attempts
	e.settle(q, u, m, now)
}

// settle keeps a reply, or asks on where it is no use.
func (e *engine) settle(q *transaction, u *upstream, m message, now instant) {
	status := m.reply.Status
	switch {
	case q.stage == stageOverTCP && m.truncated:
	case m.truncated:
		e.wholeOverTCP(q, u)
	case status.OK():
		if q.group.canary == nil {
			u.good = q.query
		}
		q.out = m
		e.finish(q)
	case status == StatusFormErr && !q.plain:
		q.plain = true // RFC 6891 §7: a server that does not know EDNS
		q.out = m
		e.again(q)
	case status == StatusRefused && u.good.name != "" && q.tries < q.limit && q.group.canary == nil:
		if q.extra < extraMax { // it may be one too many: others are answered
			q.extra++
			q.tries--
			u.refused(now-m.reply.Elapsed, now)
		}
		q.out = m
		e.hold(q)
		q.stage = stagePaused
		e.arm(q, now+u.wait(0, false, e.cfg.Timeout))
	default:
		q.useless |= 1 << (u.index & 63)
		q.out = m
		e.again(q)
	}
}

// again asks once more at once, after a reply that was no use.
func (e *engine) again(q *transaction) {
	e.hold(q)
	e.retry(q)
}

// reason returns the innermost words of a socket error, without the addresses around them.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
