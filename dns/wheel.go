package dns

import "time"

const (
	wheelTick    = 4 * time.Millisecond
	wheelBuckets = 2048 // a power of two; later deadlines than 8 s wait at the rim and are looked at again
)

// wheel is a hashed timing wheel: arming and disarming a deadline costs a few writes and never an allocation. A
// deadline is rounded up to the next tick. It is not for concurrent use.
type wheel struct {
	tick    int64 // the last one that was turned to
	armed   int
	buckets [wheelBuckets]*transaction
}

// arm sets the deadline of a transaction that has none.
func (w *wheel) arm(q *transaction, at instant) {
	tick := int64((at + wheelTick - 1) / wheelTick)
	tick = min(max(tick, w.tick+1), w.tick+wheelBuckets-1)
	q.bucket = int32(tick & (wheelBuckets - 1))
	head := &w.buckets[q.bucket]
	q.prev, q.next = nil, *head
	if *head != nil {
		(*head).prev = q
	}
	*head = q
	q.armed = true
	w.armed++
}

// disarm takes a transaction's deadline away, where it has one.
func (w *wheel) disarm(q *transaction) {
	if !q.armed {
		return
	}
	if q.prev != nil {
		q.prev.next = q.next
	} else {
		w.buckets[q.bucket] = q.next
	}
	if q.next != nil {
		q.next.prev = q.prev
	}
	q.prev, q.next, q.armed = nil, nil, false
	w.armed--
}

// turn moves on to an instant and calls due for each transaction whose deadline has come, disarmed already.
func (w *wheel) turn(to instant, due func(*transaction)) {
	target := int64(to / wheelTick)
	for w.tick < target {
		if w.armed == 0 {
			w.tick = target
			return
		}
		w.tick++
		for head := &w.buckets[w.tick&(wheelBuckets-1)]; *head != nil; {
			q := *head
			w.disarm(q)
			due(q)
		}
	}
}

// next returns when the next deadline comes; false where none is armed.
func (w *wheel) next() (instant, bool) {
	if w.armed == 0 {
		return 0, false
	}
	for tick := w.tick + 1; ; tick++ {
		if w.buckets[tick&(wheelBuckets-1)] != nil {
			return time.Duration(tick) * wheelTick, true
		}
	}
}
