package dns

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// idleEngine is an engine of one server whose goroutines do not run: a test moves it, and its clock.
func idleEngine(t *testing.T) (*engine, *upstream, *socket, *outbox) {
	t.Helper()
	server := netip.MustParseAddrPort("193.0.0.53:53")
	e := &engine{
		cfg: &Config{Servers: []netip.AddrPort{server}, Now: time.Now, Timeout: 5 * time.Second, Attempts: 3}, closed: true,
		order: func() []int { return []int{0} }, poke: make(chan struct{}, 1), random: rand.NewChaCha8([32]byte{}), socketQueries: 1 << 16,
	}
	e.hungry.L = &e.mu
	u := &upstream{e: e, server: server, pace: newPace(0)}
	u.work.L = &e.mu
	e.servers = []*upstream{u}
	u.sock = &socket{up: u, link: &plainLink{conn: newMirror()}, byID: make([]uint32, 1<<16)}
	return e, u, u.sock, new(outbox)
}

// asked is a transaction for A whose query has left.
func asked(e *engine, u *upstream, box *outbox, name string, now instant) *transaction {
	q := &transaction{query: query{name: name, qtype: mdns.TypeA}, group: &group{left: 1, done: make(chan struct{})}}
	e.ask(q, &e.fresh, now)
	u.fill(box, u.sock, now)
	return q
}

// replyTo makes the reply to the flight of a transaction that is back others before its newest.
func replyTo(t *testing.T, e *engine, q *transaction, back int, edit func(*mdns.Msg), records ...string) []byte {
	t.Helper()
	i := q.last
	for range back {
		i = e.flights.all[i].older
	}
	wire := reply(t, q.query, edit, records...)
	binary.BigEndian.PutUint16(wire, e.flights.all[i].id)
	return wire
}

// whole holds that a queue is what it counts, in both directions.
func whole(t *testing.T, l *queue) {
	t.Helper()
	forth, back := 0, 0
	for q := l.head; q != nil && forth <= l.n; q = q.next {
		forth++
		if q.armed || q.in != l {
			t.Errorf("%s is queued, and armed %v, in this queue %v", q.name, q.armed, q.in == l)
		}
	}
	for q := l.tail; q != nil && back <= l.n; q = q.prev {
		back++
	}
	if forth != l.n || back != l.n {
		t.Errorf("%d in the queue, %d from its head, %d from its end", l.n, forth, back)
	}
}

// TestLateReplyToAQueuedTransaction holds that a reply that comes late, while its transaction waits for the window again,
// neither tears the queue nor loses who stands in it, whatever it says.
func TestLateReplyToAQueuedTransaction(t *testing.T) {
	t.Parallel()
	rcode := func(code int) func(*mdns.Msg) { return func(m *mdns.Msg) { m.Rcode = code } }
	for name, c := range map[string]struct {
		edit  func(*mdns.Msg)
		stage stage
	}{
		"an answer": {nil, stageDone},
		"SERVFAIL":  {rcode(mdns.RcodeServerFailure), stageDone},
		"FORMERR":   {rcode(mdns.RcodeFormatError), stageQueued},
		"REFUSED":   {rcode(mdns.RcodeRefused), stagePaused},
		"truncated": {func(m *mdns.Msg) { m.Truncated = true }, stageOverTCP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, u, s, box := idleEngine(t)
			u.good = query{name: "good.test", qtype: mdns.TypeA}
			u.canary = true
			var all []*transaction
			for _, n := range []string{"a.test", "b.test", "c.test"} {
				all = append(all, asked(e, u, box, n, 0))
			}
			e.wheel.turn(2*time.Second, func(q *transaction) { e.due(q, 2*time.Second) })
			if u.again.n != 3 {
				t.Fatalf("%d wait to be asked again", u.again.n)
			}
			q := all[1]
			e.take(s, replyTo(t, e, q, 0, c.edit, "b.test. 60 IN A 93.184.1.1"), 2*time.Second)
			if q.stage != c.stage {
				t.Errorf("stage %d, want %d", q.stage, c.stage)
			}
			whole(t, &u.again)
			if c.stage == stageOverTCP {
				e.retry(q) // TCP came to nothing
				whole(t, &u.again)
			}
			u.fill(box, s, 3*time.Second)
			for _, q := range all {
				if q.stage == stageQueued {
					t.Errorf("%s was not asked again", q.name)
				}
			}
		})
	}
}

// TestLateDuplicate holds that a reply which comes once more ends no other query, not even one that has got the same ID
// since, and is counted once.
func TestLateDuplicate(t *testing.T) {
	t.Parallel()
	e, u, s, box := idleEngine(t)
	first := asked(e, u, box, "a.test", 0)
	wire := replyTo(t, e, first, 0, nil, "a.test. 60 IN A 93.184.1.1")
	e.take(s, wire, time.Millisecond)
	second := asked(e, u, box, "b.test", 2*time.Millisecond)
	e.take(s, wire, 3*time.Millisecond)
	binary.BigEndian.PutUint16(wire, e.flights.all[second.last].id)
	e.take(s, wire, 4*time.Millisecond)
	if first.stage != stageDone || second.stage != stageFlying || u.inflight != 1 {
		t.Fatalf("stages %d and %d with %d in flight, want %d and %d with 1", first.stage, second.stage, u.inflight, stageDone, stageFlying)
	}
	wire = replyTo(t, e, second, 0, nil, "b.test. 60 IN A 93.184.1.2")
	e.take(s, wire, 5*time.Millisecond)
	e.take(s, wire, 6*time.Millisecond)
	if addrs := second.out.chain.addrs; second.stage != stageDone || u.inflight != 0 || len(addrs) != 1 || addrs[0].String() != "93.184.1.2" {
		t.Errorf("stage %d, %d in flight, addresses %v", second.stage, u.inflight, addrs)
	}
}

// TestSlowAnswerIsNoLoss holds that a resolver which answers both attempts at once, the later one first, is not taken
// for one that loses queries, nor one that leaves a question of two seconds ago; and that one is which never answers the
// earlier.
func TestSlowAnswerIsNoLoss(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		both bool
		now  instant // the first attempt is waited for until 1.5 s
		lost bool
	}{
		"both":               {true, 1600 * time.Millisecond, false},
		"the later alone":    {false, 1600 * time.Millisecond, true},
		"the earlier is old": {false, 2000 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, u, s, box := idleEngine(t)
			q := asked(e, u, box, "a.test", 0)
			again := 1520 * time.Millisecond
			e.wheel.turn(again, func(q *transaction) { e.due(q, again) })
			u.fill(box, s, again)
			now := c.now
			later, earlier := replyTo(t, e, q, 0, nil, "a.test. 60 IN A 93.184.1.1"), replyTo(t, e, q, 1, nil, "a.test. 60 IN A 93.184.1.1")
			e.take(s, later, now)
			if c.both {
				e.take(s, earlier, now+time.Millisecond)
			}
			u.confirm(now + suspectFor/2)
			if u.lastLoss > 0 {
				t.Error("lost before there was time for a reply")
			}
			u.confirm(now + suspectFor)
			if lost := u.lastLoss > 0; lost != c.lost {
				t.Errorf("taken for lost: %v", lost)
			}
			if q.stage != stageDone || u.inflight != 0 || len(u.suspects) != 0 {
				t.Errorf("stage %d, %d in flight, %d suspects", q.stage, u.inflight, len(u.suspects))
			}
		})
	}
}

// TestPatienceTakesNoWindow holds that a query which is late gives its place to others, long before its wait is over.
func TestPatienceTakesNoWindow(t *testing.T) {
	t.Parallel()
	e, u, s, box := idleEngine(t)
	for range learned {
		u.replied(50*time.Millisecond, true, 0)
	}
	q := asked(e, u, box, "a.test", 0)
	var now instant
	for now < 10*time.Second && (q.tries < 3 || u.inflight > 0) {
		now += wheelTick
		u.lastReply = now // others are answered
		e.wheel.turn(now, func(q *transaction) { e.due(q, now) })
		u.fill(box, s, now)
	}
	if q.stage != stageFlying || now > time.Second {
		t.Errorf("at %s: stage %d after %d attempts, %d in flight", now, q.stage, q.tries, u.inflight)
	}
	if q.deadline < now+3*time.Second {
		t.Errorf("the last attempt is waited for until %s, now is %s", q.deadline, now)
	}
}
