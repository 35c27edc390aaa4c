package probe

import (
	"cmp"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lease is how long a peer may be silent before it counts as slow: it then gives back what others wait for.
	lease = 300 * time.Millisecond
	// shortLease is the same at an address that has been silent to a whole share of probes and has answered none: a dead
	// host with thousands of names must not be waited for name by name.
	shortLease = 30 * time.Millisecond
	// quietMax is how many probes wait at one address that has answered none, beside the ones that count.
	quietMax = 1024
	// crowd is how many probes are open at once before their own number can be what makes one fail.
	crowd = 16
)

// schedule says which probe goes next. Probes wait in the queue of their address, where they cost nothing but memory, and
// addresses with something to do and room for it take turns.
type schedule struct {
	perAddress int // active probes of one address
	window     int // active probes in all
	lobbyMax   int // probes that may wait for a handshake slot before no more is dialled

	mu     sync.Mutex // guards all below, and every place, crew and turn
	limit  int        // open probes at a time, silent ones included
	most   int        // what limit grows back to after this machine had too little for it
	done   int        // turns given back since limit was changed
	open   int
	active int // those of them whose peer is not known to be silent
	lobby  int // those of them that are connected and wait for a handshake slot
	places map[netip.Addr]*place
	ready  queue[*place] // places that may have room and somebody waiting
	relief chan struct{} // closed when a turn is given back; nil where nobody waits for it

	crowds int // turns that began while more than crowd were open

	dialing [2]queue[rent] // leases and short ones, oldest first
	timer   *time.Timer    // for the first of them; nil where none runs
	due     time.Time      // when timer fires
}

// rent is a lease that runs, unless its turn has another by now.
type rent struct {
	turn  *Turn
	until time.Time
}

func (r *rent) over() bool { return r.turn.state != turnDialing || !r.turn.until.Equal(r.until) }

// place is one address. It is forgotten when nobody uses or awaits it.
type place struct {
	waiting  queue[*Turn]
	active   int  // its probes that count against the cap
	quiet    int  // those that don't, since their peer is silent
	silences int  // peers that were silent for a lease since one answered
	answered bool // a peer has said something: from then on the cap is for all
	listed   bool // stands in schedule.ready
}

func newSchedule(c *Config, slots int) *schedule {
	return &schedule{
		perAddress: max(c.PerAddress, 1), window: 4 * slots, lobbyMax: max(slots/4, 1), limit: c.Connections, most: c.Connections,
		places: make(map[netip.Addr]*place),
	}
}

// turnState says how far a turn has come.
type turnState int

const (
	turnWaiting turnState = iota
	turnDialing           // its lease runs
	turnActive            // connected, shaking hands, or waiting for a response
	turnSilent            // its peer was silent for a lease, and it still counts at its address
	turnQuiet             // the same, and it does not
	turnOver
)

// Turn is the leave to probe one address once.
type Turn struct {
	s       *schedule
	addr    netip.Addr
	place   *place
	state   turnState
	until   time.Time     // the end of the lease
	started chan struct{} // closed when it is its turn; nil where visit is run instead
	visit   func(*Turn)
	crew    *Crew       // nil for a lone probe
	late    bool        // a second look
	batch   int         // the crew's batch it belongs to
	running atomic.Bool // the probe has begun: a lease does not run while its goroutine waits for a processor
	crowds  int         // schedule.crowds before it began
	crowded bool        // more than crowd probes were open at some time while it was
}

// Alone reports whether the probe had too little company for that to be what made it fail. It is known once Probe has
// returned.
func (t *Turn) Alone() bool {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return !t.crowded
}

// enqueue puts a turn into the queue of its address.
func (s *schedule) enqueue(t *Turn) {
	p := s.places[t.addr]
	if p == nil {
		p = &place{}
		s.places[t.addr] = p
	}
	t.place = p
	p.waiting.push(t)
	s.list(p)
}

// list puts a place among those to look at, where it has somebody waiting and room.
func (s *schedule) list(p *place) {
	if !p.listed && p.waiting.len() > 0 && p.active < s.perAddress && p.quiet < quietMax {
		p.listed = true
		s.ready.push(p)
	}
}

// grant returns the turns that can begin now.
func (s *schedule) grant() []*Turn {
	var out []*Turn
	now := time.Now()
	for s.open < s.limit && s.active < s.window && s.lobby < s.lobbyMax && s.ready.len() > 0 {
		p := s.ready.pop()
		p.listed = false
		if p.waiting.len() > 0 && p.active < s.perAddress && p.quiet < quietMax {
			t := p.waiting.pop()
			s.begin(t, now)
			out = append(out, t)
		}
		s.list(p)
	}
	return out
}

func (s *schedule) begin(t *Turn, now time.Time) {
	s.open++
	s.active++
	t.place.active++
	t.crowds = s.crowds
	if s.open > crowd {
		s.crowds++
	}
	t.state = turnDialing
	if t.crew != nil {
		t.crew.begun(t)
	}
	s.let(t, s.leaseAt(t.place), now)
}

// let starts a turn's lease.
func (s *schedule) let(t *Turn, wait time.Duration, now time.Time) {
	t.until = now.Add(wait)
	s.dialing[short(wait)].push(rent{t, t.until})
	s.wake(t.until)
}

// wake lets expire run at an instant, or earlier where it will anyway.
func (s *schedule) wake(at time.Time) {
	if s.timer != nil {
		if !at.Before(s.due) {
			return
		}
		s.timer.Stop() // where it has fired already, expire finds nothing more to do than it would have later
	}
	s.timer, s.due = time.AfterFunc(time.Until(at), s.expire), at
}

func (s *schedule) leaseAt(p *place) time.Duration {
	if !p.answered && p.silences >= s.perAddress {
		return shortLease
	}
	return lease
}

func short(wait time.Duration) int {
	if wait == shortLease {
		return 1
	}
	return 0
}

// expire ends the leases of dials that are over, and comes back for the next.
func (s *schedule) expire() {
	s.mu.Lock()
	now := time.Now()
	var late []*Turn
	for i := range s.dialing {
		for q := &s.dialing[i]; q.len() > 0; {
			r := q.first()
			if !r.over() && r.until.After(now) {
				break
			}
			switch q.pop(); {
			case r.over():
			case r.turn.running.Load():
				s.hush(r.turn)
			default:
				late = append(late, r.turn)
			}
		}
	}
	if s.timer != nil {
		s.timer.Stop() // it is another's where this one was too late to be stopped
		s.timer = nil
	}
	for _, t := range late {
		s.let(t, lease, now)
	}
	for i := range s.dialing {
		if s.dialing[i].len() > 0 {
			s.wake(s.dialing[i].first().until)
		}
	}
	s.unlockAndStart()
}

// unlockAndStart gives up the lock and starts what can begin.
func (s *schedule) unlockAndStart() {
	turns := s.grant()
	s.mu.Unlock()
	for _, t := range turns {
		t.start()
	}
}

// start lets a turn begin.
func (t *Turn) start() {
	if t.started != nil {
		close(t.started)
		return
	}
	t.crew.work(t)
}

// hush notes that the peer of a turn is silent: it makes room for others. At an address that has answered before it
// goes on counting: a server that works is not given more at once for being slow.
func (s *schedule) hush(t *Turn) {
	s.active--
	t.place.silences++
	t.state = turnSilent
	if t.crew != nil {
		t.crew.hushed(t)
	}
	if !t.place.answered {
		t.state = turnQuiet
		t.place.active--
		t.place.quiet++
		s.list(t.place)
	}
}

// dials starts the lease of a further dial; that of the first one runs already.
func (t *Turn) dials() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.state == turnActive {
		t.state = turnDialing
		t.s.let(t, t.s.leaseAt(t.place), time.Now())
	}
}

// connected ends the lease of a dial.
func (t *Turn) connected() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.state == turnDialing {
		t.state = turnActive
	}
}

// wait says by how many more turns, or fewer, a handshake slot is waited for.
func (t *Turn) wait(more int) {
	t.s.mu.Lock()
	t.s.lobby += more
	t.s.unlockAndStart()
}

// silent notes that the peer has been silent for a lease since our hello had left.
func (t *Turn) silent() {
	t.s.mu.Lock()
	if t.state == turnActive || t.state == turnDialing {
		t.s.hush(t)
	}
	t.s.unlockAndStart()
}

// answered notes that the peer has said something.
func (t *Turn) answered() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.place.answered, t.place.silences = true, 0
}

// lease is how long the peer may be silent.
func (t *Turn) lease() time.Duration {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	return t.s.leaseAt(t.place)
}

// end gives the turn back; ok says that nothing failed. Ending twice is harmless.
func (t *Turn) end(ok bool) {
	s := t.s
	s.mu.Lock()
	if t.state == turnWaiting || t.state == turnOver {
		s.mu.Unlock()
		return
	}
	t.crowded = s.crowds > t.crowds
	s.open--
	switch t.state {
	case turnQuiet:
		t.place.quiet--
	case turnSilent:
		t.place.active--
	case turnDialing, turnActive, turnWaiting, turnOver:
		t.place.active--
		s.active--
	}
	if t.crew != nil {
		t.crew.ended(t, ok)
	}
	t.state = turnOver
	s.recover()
	s.leave(t)
	s.unlockAndStart()
}

// leave forgets the turn's place where nobody else uses it, and else lets the next one there.
func (s *schedule) leave(t *Turn) {
	p := t.place
	if p.active+p.quiet+p.waiting.len() == 0 {
		delete(s.places, t.addr)
	}
	s.list(p)
	if s.relief != nil {
		close(s.relief)
		s.relief = nil
	}
	if s.open == 0 && s.timer != nil {
		s.timer.Stop()
		s.timer = nil
		s.dialing = [2]queue[rent]{}
	}
}

// abandon takes a turn out of the queue, or gives it back where it has begun.
func (s *schedule) abandon(t *Turn) {
	s.mu.Lock()
	if t.state == turnWaiting {
		t.place.waiting.take(func(other *Turn) bool { return other == t })
		s.leave(t)
	}
	s.mu.Unlock()
	t.end(false)
}

// recover lets limit grow back, slowly, after it was lowered.
func (s *schedule) recover() {
	const turns = 16
	if s.done++; s.done%turns == 0 && s.limit < s.most {
		s.limit++
	}
}

// scarce is told that this machine had nothing left to open a connection with. It lowers the limit, and returns a
// channel that is closed when the next probe gives something back; nil where no other has anything.
func (s *schedule) scarce() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open <= 1 {
		return nil
	}
	s.limit = max(1, min(s.limit, s.open*3/4))
	s.relief = cmp.Or(s.relief, make(chan struct{}))
	return s.relief
}
