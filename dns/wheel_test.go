package dns

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheel holds that each deadline comes once, not before its time and at the tick after it, and that one which was
// taken away never comes.
func TestWheel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var w wheel
	due := map[*transaction]instant{}
	var now instant
	for range 20_000 {
		switch random.IntN(3) {
		case 0, 1:
			q := new(transaction)
			at := now + time.Duration(random.Int64N(int64(8*time.Second)))
			due[q] = at
			w.arm(q, at)
		case 2:
			for q := range due { // any
				w.disarm(q)
				delete(due, q)
				break
			}
		}
		now += time.Duration(random.Int64N(int64(wheelTick)))
		turned := now
		w.turn(now, func(q *transaction) {
			at, ok := due[q]
			if !ok {
				t.Fatal("a deadline that was taken away, or came before, comes")
			}
			if at > turned {
				t.Fatalf("due at %s, came at %s", at, turned)
			}
			delete(due, q)
		})
		for q, at := range due {
			if at <= now-wheelTick {
				t.Fatalf("due at %s, not come at %s (%v)", at, now, q.armed)
			}
			break // any
		}
	}
	if w.armed != len(due) {
		t.Errorf("%d armed, %d due", w.armed, len(due))
	}
	for len(due) > 0 {
		next, ok := w.next()
		if !ok {
			t.Fatalf("%d deadlines never come", len(due))
		}
		before := len(due)
		w.turn(next, func(q *transaction) { delete(due, q) })
		if len(due) == before {
			t.Fatalf("nothing comes at %s, when the next was said to", next)
		}
	}
	if _, ok := w.next(); ok {
		t.Error("an empty wheel has a next deadline")
	}
}

// TestWheelIdle holds that a wheel which stood still for long is right again at the first turn, and that a deadline past
// its rim comes no later than the rim.
func TestWheelIdle(t *testing.T) {
	t.Parallel()
	var w wheel
	q := new(transaction)
	w.arm(q, time.Hour)
	if next, ok := w.next(); !ok || next > wheelBuckets*wheelTick {
		t.Errorf("next look at %s, %v", next, ok)
	}
	w.disarm(q)
	w.disarm(q) // a second time it is nothing
	w.turn(time.Hour, func(*transaction) { t.Error("came") })
	w.arm(q, time.Hour+10*wheelTick)
	if next, _ := w.next(); next != time.Hour+10*wheelTick {
		t.Errorf("next at %s", next)
	}
}

func BenchmarkWheel(b *testing.B) {
	var w wheel
	qs := make([]transaction, 1024)
	b.ReportAllocs()
	i, now := 0, instant(0)
	for b.Loop() {
		q := &qs[i%len(qs)]
		i++
		w.disarm(q)
		w.arm(q, now+200*time.Millisecond)
		if i%len(qs) == 0 {
			now += wheelTick
			w.turn(now, func(*transaction) {})
		}
	}
}
