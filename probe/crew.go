package probe

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lateFirst = crowd                  // second looks at once, to begin with
	lateMost  = 1024                   // and when nobody is any better
	lateTick  = 100 * time.Millisecond // how often the number may be doubled
)

// Crew is the probes of one run. Its probes wait for their turn without a goroutine. Second looks wait until nothing else
// is to be done: 16 at a time, and while nobody turns out well, twice as many every tenth of a second: those hosts
// fail by themselves.
type Crew struct {
	s     *schedule
	turns sync.WaitGroup // that were queued and whose visit has not returned
	group sync.WaitGroup // goroutines
	over  chan struct{}  // closed by Wait
	spare chan *Turn     // takes a turn where a goroutine has nothing to do
	idle  atomic.Int32   // goroutines that have nothing to do

	// The schedule's lock guards these.
	first   int  // first looks that are waiting or open
	waiting int  // those that are waiting
	active  int  // those that are open and not silent
	last    bool // no first look comes any more
	cut     bool // the context is done
	late    queue[*Turn]
	size    int // of a batch of second looks
	fresh   int // of this batch, still open
	batch   int // its number
	healed  bool
	tick    *time.Timer
}

// Crew returns a new crew whose probes end when ctx is done. Wait must be called in the end.
func (p *Prober) Crew(ctx context.Context) *Crew {
	c := &Crew{s: p.schedule, over: make(chan struct{}), spare: make(chan *Turn), size: lateFirst}
	c.group.Go(func() {
		select {
		case <-ctx.Done():
			c.flush()
		case <-c.over:
		}
	})
	return c
}

// work runs a turn in a goroutine that has nothing to do, else in a new one. A used one has its stack already.
func (c *Crew) work(t *Turn) {
	select {
	case c.spare <- t:
	default:
		c.group.Go(func() {
			for ok := true; ok; {
				c.run(t)
				t, ok = c.next()
			}
		})
	}
}

func (c *Crew) run(t *Turn) {
	defer c.turns.Done()
	defer t.end(false)
	t.visit(t)
}

// next waits for another turn; false means that enough others wait, or that the crew is over.
func (c *Crew) next() (*Turn, bool) {
	const idleMax = 32
	defer c.idle.Add(-1)
	if c.idle.Add(1) > idleMax {
		return nil, false
	}
	select {
	case t := <-c.spare:
		return t, true
	case <-c.over:
		return nil, false
	}
}

// Queue returns at once, and calls visit in a goroutine of its own when it is the address's turn: soon, where the context
// is done. visit should call Turn.Probe once; what it does after that keeps nobody waiting. With late it is a second
// look, which waits until nothing else is to be done.
func (c *Crew) Queue(addr netip.Addr, late bool, visit func(*Turn)) {
	t := &Turn{s: c.s, addr: addr.Unmap(), visit: visit, crew: c, late: late}
	c.turns.Add(1)
	c.s.mu.Lock()
	switch {
	case c.cut:
		c.s.mu.Unlock()
		t.start()
		return
	case late:
		c.late.push(t)
	default:
		c.first++
		c.waiting++
		c.s.enqueue(t)
	}
	c.resume()
	c.s.unlockAndStart()
}

// Last says that no first look comes any more: second looks wait only for those that are there.
func (c *Crew) Last() {
	c.s.mu.Lock()
	c.last = true
	c.resume()
	c.s.unlockAndStart()
}

// Wait waits for all that was queued. Nothing may be queued afterwards, but by a visit.
func (c *Crew) Wait() {
	c.Last()
	c.turns.Wait()
	c.s.mu.Lock()
	if c.tick != nil {
		c.tick.Stop()
	}
	c.s.mu.Unlock()
	close(c.over)
	c.group.Wait()
}

// flush runs what still waits: with a context that is done each probe fails at once.
func (c *Crew) flush() {
	s := c.s
	s.mu.Lock()
	c.cut = true
	mine := func(t *Turn) bool { return t.crew == c }
	turns := c.late.take(mine)
	for addr, p := range s.places {
		turns = append(turns, p.waiting.take(mine)...)
		if p.active+p.quiet+p.waiting.len() == 0 {
			delete(s.places, addr)
		}
	}
	c.first, c.waiting = c.first-c.waiting, 0
	s.mu.Unlock()
	for _, t := range turns {
		c.run(t)
	}
}

// begun, hushed and ended are told what becomes of a turn.
func (c *Crew) begun(t *Turn) {
	if !t.late {
		c.waiting--
		c.active++
	}
}

func (c *Crew) hushed(t *Turn) {
	if !t.late {
		c.active--
	}
	c.resume()
}

func (c *Crew) ended(t *Turn, ok bool) {
	switch {
	case t.late:
		c.healed = c.healed || ok
		if t.batch == c.batch {
			c.fresh--
		}
	case t.state == turnSilent || t.state == turnQuiet:
		c.first--
	default:
		c.first--
		c.active--
	}
	c.resume()
}

// resume lets as many second looks wait for their turn as there may be at a time, where it is their time.
func (c *Crew) resume() {
	idle := c.first == 0 || (c.last && c.waiting == 0 && c.active <= crowd)
	for idle && c.fresh < c.size && c.late.len() > 0 {
		t := c.late.pop()
		t.batch = c.batch
		c.fresh++
		c.s.enqueue(t)
	}
	if c.late.len() > 0 && c.tick == nil && c.fresh > 0 {
		c.tick = time.AfterFunc(lateTick, c.turnBatch)
	}
}

// turnBatch lets the next batch begin beside those that have not ended.
func (c *Crew) turnBatch() {
	c.s.mu.Lock()
	c.tick = nil
	c.size = min(2*c.size, lateMost)
	if c.healed {
		c.size = lateFirst
	}
	c.batch, c.fresh, c.healed = c.batch+1, 0, false
	if !c.cut {
		c.resume()
	}
	c.s.unlockAndStart()
}
