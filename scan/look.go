package scan

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"certscan/dns"
	"certscan/probe"
	"certscan/triage"
)

// deferredMax bounds the names that wait for a second look; above it a failure is judged as it was seen.
const deferredMax = 10_000

// look is one name on its way from its answer to its result. Between its steps it holds no goroutine: its targets wait
// in the queues of their addresses.
//
//	begin: whose is it, what is dialled ─▶ a probe for each target ─▶ settle ─▶ conclude: further names, triage, emit
//	                                                 ▲                   │
//	                                                 └── a second look ◀─┘ of what failed and may have been our own doing
type look struct {
	answer   *dns.Answer   // nil where the DNS was not asked
	owner    dns.Ownership // what facts.Owner points to
	began    time.Time
	facts    triage.Facts
	failed   *triage.Facts // of a panic; it takes the place of facts
	targets  []probe.Target
	missing  []probe.Observation // of hosts without an address
	guesses  int                 // how many of targets, the last ones, are servers of ours that may serve the name
	deferred bool                // its token was given back, and no third look follows

	mu       sync.Mutex // guards all below while probes run
	probes   []probe.Observation
	left     int // probes still to come
	doubtful []int
	bug      any
}

// finish takes one name through the rest of the pipeline. It returns before that is done where something is dialled.
func (r *run) finish(ctx context.Context, l *look, j *job) {
	r.begin(ctx, l, j)
	if r.wonders(l, j) {
		r.inquiries.Go(func() { r.wonder(ctx, l) })
		return
	}
	r.proceed(ctx, l)
}

// wonders reports whether a look's verdict leaves something to ask of name servers and registries, or for our proof.
func (r *run) wonders(l *look, j *job) bool {
	return l.failed == nil && l.answer != nil && l.facts.Owner == &l.owner &&
		(r.wondrous(&l.owner) && !expected(&l.owner, &j.domain) || r.registered(l.answer, &l.owner, &j.domain) ||
			r.trapped(l.answer, &l.owner) || r.provable(l.answer, &l.owner, &j.domain))
}

// wonder asks name servers and registries about a name, and goes on with the verdict that follows.
func (r *run) wonder(ctx context.Context, l *look) {
	r.guard(ctx, l, func() {
		d := &l.facts.Domain
		l.owner = r.ask(ctx, l.answer, l.owner, d)
		if r.registered(l.answer, &l.owner, d) {
			r.refresh(ctx, l.answer)
		}
		if r.trapped(l.answer, &l.owner) {
			l.owner = r.trap(ctx, l.answer, d, originAddrs(d))
		}
		r.aim(ctx, l)
	})
	r.proceed(ctx, l)
}

// proceed takes a name whose verdict stands through the rest of the pipeline.
func (r *run) proceed(ctx context.Context, l *look) {
	if l.failed != nil || len(l.targets) == 0 {
		r.conclude(ctx, l)
		return
	}
	l.probes = make([]probe.Observation, len(l.targets))
	l.left = len(l.targets)
	for i := range l.targets {
		r.queue(ctx, l, i)
	}
}

// guard runs a step of a look; a panic in it is the name's own failure.
func (r *run) guard(ctx context.Context, l *look, step func()) {
	defer func() {
		if failed := r.failure(ctx, l.facts.Domain, recover()); failed != nil {
			l.failed = failed
		}
	}()
	step()
}

// begin finds out what is known without dialling, and what is to be dialled.
func (r *run) begin(ctx context.Context, l *look, j *job) {
	f := &l.facts
	f.Domain = j.domain
	r.guard(ctx, l, func() {
		switch {
		case j.domain.Invalid != "":
			o := dns.InvalidName(j.domain.Invalid)
			f.Owner = &o
		case r.Unowned:
			if l.targets = r.given(j); len(l.targets) == 0 {
				f.Probes = []probe.Observation{r.unresolved(ctx, j)}
			}
		case l.answer == nil:
			r.cut(f)
		default:
			l.owner = r.Networks.Judge(l.answer, originAddrs(&f.Domain)...)
			f.DNS, f.Owner = l.answer, &l.owner
			if !r.wonders(l, j) {
				r.aim(ctx, l)
			}
		}
	})
}

// aim says what a look dials.
func (r *run) aim(ctx context.Context, l *look) {
	if r.Prober == nil {
		return
	}
	l.targets, l.missing = r.aims(ctx, &l.facts)
	origin := r.origins(&l.facts)
	l.targets = append(l.targets, origin...)
	if len(l.facts.Domain.Origin) == 0 {
		l.guesses = len(origin)
	}
}

// guess reports whether a target is a server of ours of which it is only tried whether it serves the name.
func (l *look) guess(i int) bool { return i >= len(l.targets)-l.guesses }

// queue queues a probe of one target; the last one to end settles the look.
func (r *run) queue(ctx context.Context, l *look, i int) {
	r.crew.Queue(l.targets[i].Addr.Addr(), l.deferred, func(t *probe.Turn) {
		if r.observe(ctx, l, i, t) {
			r.settle(ctx, l)
		}
	})
}

// observe makes one probe, and reports whether it was the last.
func (r *run) observe(ctx context.Context, l *look, i int, t *probe.Turn) (last bool) {
	defer func() {
		v := recover()
		l.mu.Lock()
		defer l.mu.Unlock()
		if v != nil && l.bug == nil {
			l.bug = defect{v, debug.Stack()}
		}
		l.left--
		last = l.left == 0
	}()
	o := t.Probe(ctx, r.Prober, l.targets[i])
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.deferred:
		l.probes[i] = o
		if ctx.Err() == nil && !l.guess(i) && doubtful(&o, t.Alone()) {
			l.doubtful = append(l.doubtful, i)
		}
	case o.Err == nil || o.Err.Code != probe.CodeCanceled: // what cut the second look does not undo the first
		l.probes[i] = o
	}
	return false
}

// doubtful reports whether a failure may have been our own doing: too many probes at once, here or for the server. What
// refused, said something or showed a certificate is certain, and so is silence to a probe that had little company.
func doubtful(o *probe.Observation, alone bool) bool {
	if o.Err == nil || o.TLS != nil {
		return false
	}
	switch o.Err.Code {
	case probe.CodeReset, probe.CodeCanceled: // canceled without a cancelled run: this machine had nothing left to dial with
		return true
	case probe.CodeTimeout:
		return !alone
	case probe.CodeRefused, probe.CodeUnreachable, probe.CodeEOF, probe.CodeAlert, probe.CodeNotTLS, probe.CodeUnsupported,
		probe.CodeBlocked, probe.CodeNoRoute:
	}
	return false
}

// settle ends a look, or defers it for a second one.
func (r *run) settle(ctx context.Context, l *look) {
	if len(l.doubtful) > 0 && !l.deferred && l.bug == nil && ctx.Err() == nil {
		if r.deferred.Add(1) <= deferredMax {
			l.deferred = true
			<-r.tokens
			l.left = len(l.doubtful)
			for _, i := range l.doubtful {
				r.queue(ctx, l, i)
			}
			return
		}
		r.deferred.Add(-1)
	}
	if l.deferred {
		r.deferred.Add(-1)
	}
	r.conclude(ctx, l)
}

// conclude judges a name and gives out its result.
func (r *run) conclude(ctx context.Context, l *look) {
	defer r.looks.Done()
	defer func() {
		if !l.deferred {
			<-r.tokens
		}
	}()
	if l.failed == nil {
		r.guard(ctx, l, func() {
			if l.bug != nil {
				panic(l.bug) // so that it is told once, as this name's failure
			}
			r.gather(ctx, l)
			l.facts.At = l.began
			r.recall(ctx, &l.facts)
		})
	}
	f := &l.facts
	if l.failed != nil {
		f = l.failed
	}
	f.At, f.Elapsed = l.began, r.Now().Sub(l.began)
	r.give(r.judge(ctx, f))
}

// gather puts together what was seen, and looks at the further names.
func (r *run) gather(ctx context.Context, l *look) {
	f := &l.facts
	if len(l.targets) > 0 || len(l.missing) > 0 {
		f.Probes = append(l.serving(), l.missing...)
	}
	if l.answer == nil || r.Unowned || f.Domain.Invalid != "" {
		return
	}
	if r.Prober != nil {
		f.OursAddrs = r.ours(f.Probes, originAddrs(&f.Domain))
	}
	f.Names = r.further(ctx, f)
	if ctx.Err() != nil && (canceled(f.Probes) || len(f.Names) > 0) {
		f.Probes, f.Names = nil, nil
		r.cut(f)
	}
}
