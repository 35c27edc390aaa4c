package dns

import (
	"context"
	"iter"
	"sync"
)

// batch is one call of Resolve. The engine's lock guards it.
type batch struct {
	e        *engine
	canceled bool
	read     bool // the questions have ended
	inflight int
	tasks    *task // all that are not answered yet
	done     []*task
	some     sync.Cond // Resolve waits on it for the next that is done
}

// task is one question of a batch.
type task struct {
	batch    *batch
	question Question
	asked    string
	queries  [2]transaction // A and AAAA
	group    group
	began    instant
	// answer is set once it is worked out; nil while the two replies are all there is.
	answer     *Answer
	prev, next *task // in the batch, or of the spare ones
}

// Resolve asks for every name of questions and calls answer once for each, in the order of completion, one call at a
// time. answer may block: names that are read, and no others, wait meanwhile. When ctx ends no more questions are
// taken, and what was taken and not finished is answered with StatusCanceled. Nothing of it runs on after it returns.
//
//	questions ─▶ feed ─▶ engine ─▶ both replies ────────────────────────────────▶ answer
//	                                     └─▶ a goroutine, where more is to be asked ─▶┘
func (r *Resolver) Resolve(ctx context.Context, questions iter.Seq[Question], answer func(Answer)) {
	e := r.engage(ctx)
	defer r.release(e)
	b := &batch{e: e}
	b.some.L = &e.mu
	stop := context.AfterFunc(ctx, b.cut)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { b.feed(questions) })
	var ready []*task
	for {
		if ready = b.next(ready[:0]); len(ready) == 0 {
			return
		}
		now := e.now()
		for i, t := range ready {
			if t.answer != nil {
				answer(*t.answer)
				continue
			}
			a, clear := r.glance(t)
			if !clear {
				ready[i] = nil
				unclear := a // so that a stays off the heap
				wg.Go(func() { b.lookInto(ctx, r, t, unclear) })
				continue
			}
			a.Elapsed = now - t.began
			answer(a)
		}
		b.release(ready)
	}
}

// feed reads the questions, no faster than they can be sent, and their answers be taken.
func (b *batch) feed(questions iter.Seq[Question]) {
	e := b.e
	for q := range questions {
		e.mu.Lock()
		for !b.canceled && (e.fresh.n >= freshMax || len(b.done) >= freshMax || b.inflight >= e.cfg.Concurrency) {
			e.hungry.Wait()
		}
		canceled := b.canceled
		b.take(q)
		e.mu.Unlock()
		if canceled {
			break
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b.read = true
	b.some.Signal()
}

// take makes a task of a question and asks for both families.
func (b *batch) take(q Question) {
	e := b.e
	t := e.spare
	if t == nil {
		t = new(task)
	} else {
		e.spare = t.next
	}
	now := e.now()
	t.batch, t.question, t.asked, t.began, t.answer = b, q, q.asked(), now, nil
	t.group = group{left: 2, task: t}
	t.prev, t.next = nil, b.tasks
	if t.next != nil {
		t.next.prev = t
	}
	b.tasks = t
	b.inflight++
	for i, qtype := range families {
		t.queries[i] = transaction{query: query{name: t.asked, qtype: qtype}, group: &t.group, serial: t.queries[i].serial}
		e.ask(&t.queries[i], &e.fresh, now)
	}
	if b.canceled {
		e.cut(&t.queries[0])
		e.cut(&t.queries[1])
		return
	}
	e.rouse(now)
}

// finished notes that both replies of a task are in, or that its answer is worked out.
func (b *batch) finished(t *task) {
	b.done = append(b.done, t)
	b.some.Signal()
}

// next waits for tasks that are done and returns them; none at the end.
func (b *batch) next(ready []*task) []*task {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	for len(b.done) == 0 && (!b.read || b.inflight > 0) {
		b.some.Wait()
	}
	b.done, ready = ready, b.done
	b.e.hungry.Broadcast()
	return ready
}

// release takes back tasks that are answered; nil ones are not yet.
func (b *batch) release(tasks []*task) {
	e := b.e
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range tasks {
		if t == nil {
			continue
		}
		if t.prev != nil {
			t.prev.next = t.next
		} else {
			b.tasks = t.next
		}
		if t.next != nil {
			t.next.prev = t.prev
		}
		t.batch, t.answer, t.question = nil, nil, Question{}
		t.prev, t.next = nil, e.spare
		e.spare = t
		b.inflight--
	}
	e.hungry.Broadcast()
}

// cut ends what is on its way, because the context has ended.
func (b *batch) cut() {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	b.canceled = true
	for t := b.tasks; t != nil; t = t.next {
		b.e.cut(&t.queries[0])
		b.e.cut(&t.queries[1])
	}
	b.e.hungry.Broadcast()
}

// lookInto asks what the two replies leave open, and hands the task back with its answer.
func (b *batch) lookInto(ctx context.Context, r *Resolver, t *task, a Answer) {
	v4, v6 := t.queries[0].out, t.queries[1].out
	a = r.safely(t.question, func() Answer {
		x := exchanger{e: b.e}
		r.chase(ctx, x, &a, v4, v6)
		r.investigate(ctx, x, &a)
		a.Elapsed = b.e.now() - t.began
		return a
	})
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	t.answer = &a
	b.finished(t)
}
