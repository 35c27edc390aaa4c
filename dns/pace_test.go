package dns

import (
	"math/rand/v2"
	"testing"
	"time"
)

// path simulates a server: it answers rate queries a second in order, each a round trip later, and drops what finds
// more than queue waiting.
type path struct {
	rtt   time.Duration
	rate  float64
	queue int

	busy    []instant // when queries that wait will have been dealt with
	lost    int
	answers []struct{ sent, at instant }
	missing []instant // when lost ones were sent
}

func (s *path) send(now instant) {
	for len(s.busy) > 0 && s.busy[0] <= now {
		s.busy = s.busy[1:]
	}
	if len(s.busy) >= s.queue {
		s.lost++
		s.missing = append(s.missing, now)
		return
	}
	done := now
	if n := len(s.busy); n > 0 {
		done = s.busy[n-1]
	}
	done += time.Duration(float64(time.Second) / s.rate)
	s.busy = append(s.busy, done)
	s.answers = append(s.answers, struct{ sent, at instant }{now, done + s.rtt})
}

// drive lets a pace work against a server for a while of simulated time; it returns how many were answered.
func drive(p *pace, s *path, now *instant, d time.Duration) int {
	answered := 0
	for end := *now + d; *now < end; *now += 100 * time.Microsecond {
		for len(s.answers) > 0 && s.answers[0].at <= *now {
			p.inflight--
			p.replied(*now-s.answers[0].sent, true, *now)
			s.answers = s.answers[1:]
			answered++
		}
		for len(s.missing) > 0 && s.missing[0]+p.wait(0, false, 5*time.Second) <= *now {
			p.inflight--
			p.timedOut(*now)
			p.lost(s.missing[0], *now) // asked again, it is answered
			s.missing = s.missing[1:]
		}
		n, _ := p.room(*now)
		p.sent(max(n, 0))
		for range n {
			s.send(*now)
		}
	}
	return answered
}

// TestPaceFillsALongPath holds that a server far away is used fully within some round trips.
func TestPaceFillsALongPath(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	s := &path{rtt: 50 * time.Millisecond, rate: 100_000, queue: 5000}
	if got := drive(&p, s, &now, 500*time.Millisecond); got < 15_000 || s.lost > 0 {
		t.Errorf("%d answers in half a second, %d lost; window %.0f", got, s.lost, p.window)
	}
}

// TestPaceSparesASlowServer holds that a server's queue is not filled for the sake of it: 30,000 queries a second and
// room for 270 are what a resolver with default settings has.
func TestPaceSparesASlowServer(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	s := &path{rtt: 200 * time.Microsecond, rate: 30_000, queue: 270}
	got := drive(&p, s, &now, 2*time.Second)
	if got < 50_000 {
		t.Errorf("%d answers in two seconds: the server is not used", got)
	}
	if s.lost > 600 {
		t.Errorf("%d lost of %d", s.lost, got)
	}
}

// TestPaceOfSlowNames holds that a resolver with much to find out is asked more at once, although its first replies came
// from its cache: each query takes as long as its name's servers, whatever else is asked.
func TestPaceOfSlowNames(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	p := newPace(0)
	for range 8 { // of the control names
		p.replied(100*time.Microsecond, true, 0)
	}
	type reply struct{ sent, at instant }
	var waiting []reply
	answered := 0
	for now := instant(0); now < 30*time.Second; now += time.Millisecond {
		still := waiting[:0]
		for _, r := range waiting {
			if r.at > now {
				still = append(still, r)
				continue
			}
			p.inflight--
			p.replied(now-r.sent, true, now)
			answered++
		}
		waiting = still
		n, _ := p.room(now)
		p.sent(max(n, 0))
		for range n {
			slow := 20 + random.IntN(80)
			if random.IntN(10) < 3 {
				slow = 100 + random.IntN(3900)
			}
			waiting = append(waiting, reply{now, now + time.Duration(slow)*time.Millisecond})
		}
	}
	if answered < 20_000 {
		t.Errorf("%d answers in half a minute; window %.0f", answered, p.window)
	}
}

// TestPaceKeepsNoMoreThanTheWayHolds holds that a server near by, which answers whatever comes at once, is not given
// ever more queries to keep: they would wait, and take memory.
func TestPaceKeepsNoMoreThanTheWayHolds(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	s := &path{rtt: 300 * time.Microsecond, rate: 1e6, queue: 1e6}
	drive(&p, s, &now, time.Second)
	if most := windowNear + 8*1e6*s.rtt.Seconds(); p.window > most {
		t.Errorf("window %.0f after a second, %.0f is plenty", p.window, most)
	}
}

// TestPaceYieldsAndRecovers holds that the window follows what the path bears, down and up again.
func TestPaceYieldsAndRecovers(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	s := &path{rtt: 20 * time.Millisecond, rate: 200_000, queue: 4000}
	drive(&p, s, &now, time.Second)
	wide := p.window
	s.queue, s.rate = 30, 2000
	drive(&p, s, &now, 5*time.Second)
	narrow := p.window
	if narrow > wide/8 {
		t.Errorf("window %.0f before, %.0f where the server bears a hundredth", wide, narrow)
	}
	s.lost = 0
	if got := drive(&p, s, &now, 5*time.Second); got < 5000 || s.lost > got/5 {
		t.Errorf("the slow server: %d answers, %d lost in five seconds", got, s.lost)
	}
	s.queue, s.rate = 4000, 200_000
	drive(&p, s, &now, 20*time.Second)
	if p.window < 4*narrow {
		t.Errorf("window %.0f, %.0f after the server recovered", narrow, p.window)
	}
}

// TestPaceRate holds that a rate is kept, bursts and all, and that nothing is held back without need.
func TestPaceRate(t *testing.T) {
	t.Parallel()
	p, now := newPace(100), instant(0)
	s := &path{rtt: time.Millisecond, rate: 1e6, queue: 1e6}
	if got := drive(&p, s, &now, 10*time.Second); got < 980 || got > 1010 {
		t.Errorf("%d answers in 10 s at 100 a second", got)
	}
	if n, again := p.room(now); n == 0 && (again <= now || again > now+20*time.Millisecond) {
		t.Errorf("the next query may leave at %s, now is %s", again, now)
	}
}

// TestPaceSlowsDown holds that a server which drops what exceeds a rate is asked no faster for long, however short the
// round trip.
func TestPaceSlowsDown(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	s := &path{rtt: time.Millisecond, rate: 500, queue: 2}
	drive(&p, s, &now, 10*time.Second)
	s.lost = 0
	if got := drive(&p, s, &now, 10*time.Second); got < 1000 || s.lost > got {
		t.Errorf("%d answers, %d lost in ten seconds of a server of 500 a second", got, s.lost)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second
	var p pace
	for attempt, want := range []time.Duration{1500 * time.Millisecond, 3 * time.Second, timeout, timeout} {
		if got := p.wait(attempt, attempt > 1, timeout); got != want {
			t.Errorf("nothing learned, attempt %d: %s, want %s", attempt, got, want)
		}
	}
	for range 1000 {
		p.replied(50*time.Millisecond, true, 0)
	}
	if got := p.wait(0, false, timeout); got != waitMin {
		t.Errorf("at 50 ms: %s, want the least", got)
	}
	if got := p.wait(2, true, timeout); got != patienceMin {
		t.Errorf("at 50 ms, the last wait: %s", got)
	}
	p.replied(900*time.Millisecond, true, 0)
	if got := p.wait(2, true, timeout); got < 3*time.Second {
		t.Errorf("one reply took 900 ms, the last wait is %s", got)
	}
	for range 1000 {
		p.replied(4*time.Second, true, 0)
	}
	if first, last := p.wait(0, false, timeout), p.wait(2, true, timeout); first != timeout*3/10 || last != timeout {
		t.Errorf("at 4 s: %s and %s", first, last)
	}
}

// TestPaceBearsSingleLosses holds that a resolver which loses a query now and then, however few it answers meanwhile,
// keeps its window, and that one which was slow long ago gets a wide one soon.
func TestPaceBearsSingleLosses(t *testing.T) {
	t.Parallel()
	p, now := newPace(0), instant(0)
	p.window, p.threshold = 40, 40
	for i := range 2000 {
		now += 50 * time.Millisecond
		p.inflight = int(p.window)
		p.replied(50*time.Millisecond, true, now)
		if i%20 == 15 {
			p.timedOut(now)
			p.lost(now-200*time.Millisecond, now)
		}
	}
	if p.window < 100 {
		t.Errorf("window %.0f after 2000 answers and 100 losses in 100 s", p.window)
	}
}
