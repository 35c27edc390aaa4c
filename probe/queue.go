package probe

// queue is a list that is filled at one end and emptied at the other.
type queue[T any] struct {
	values []T
	head   int
}

func (q *queue[T]) len() int { return len(q.values) - q.head }

func (q *queue[T]) push(v T) {
	if q.head > 32 && q.head*2 > len(q.values) { // half of it is spent
		n := copy(q.values, q.values[q.head:])
		clear(q.values[n:])
		q.values, q.head = q.values[:n], 0
	}
	q.values = append(q.values, v)
}

// first returns the oldest value; the queue must not be empty.
func (q *queue[T]) first() T { return q.values[q.head] }

// pop takes the oldest value out; the queue must not be empty.
func (q *queue[T]) pop() T {
	var none T
	v := q.values[q.head]
	q.values[q.head] = none
	q.head++
	if q.head == len(q.values) {
		q.values, q.head = q.values[:0], 0
	}
	return v
}

// take takes out all values that are wanted, in their order.
func (q *queue[T]) take(wanted func(T) bool) []T {
	var out []T
	kept := q.values[q.head:q.head]
	for _, v := range q.values[q.head:] {
		if wanted(v) {
			out = append(out, v)
		} else {
			kept = append(kept, v)
		}
	}
	clear(q.values[q.head+len(kept):])
	q.values = q.values[:q.head+len(kept)]
	return out
}
