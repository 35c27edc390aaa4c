// Package scan runs the pipeline: a stream of domains in, one judged result a domain out.
//
// It promises: as many results as domains were read, whatever happens; no more than Concurrency names in flight, so
// that a slow sink slows the reader and memory does not grow with the list; a panic while one name is looked at is
// that name's failed result and nothing else's; once Run returns nothing of it runs on. When the context ends no more
// is read, and what was read and not finished is `unknown`.
package scan

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

// Pipeline is one kind of run. Its fields are read-only while it runs.
type Pipeline struct {
	// Resolver asks the DNS; it must be set.
	Resolver *dns.Resolver
	// Networks says what is ours; nil is a Networks that knows nothing.
	Networks *dns.Networks
	// Registry is asked about names that are not clean; nil leaves it out.
	Registry *dns.Registry
	// RegistrationEvery is how often Registry is asked about a clean name, whose kept registration is in the facts either
	// way. 0 leaves clean names alone.
	RegistrationEvery time.Duration
	// Past tells what earlier runs saw; nil is no history, so that no verdict which takes two looks is sure.
	Past Past
	// Traps asks what may keep a CA or browsers away from names that lead to us: CAA, HTTPS records, wildcards.
	Traps bool
	// Issuer is our CA's domain in CAA records. Empty is letsencrypt.org.
	Issuer string
	// Prober connects to addresses; nil leaves probing out (`certscan dns`).
	Prober *probe.Prober
	// Prover asks for our proof behind proxies; nil leaves that out. It dials those names alone, with a Prober or without.
	Prover *probe.Prover
	// Servers are our own machines: one that shows a certificate for a proxied name that names no origin is its origin. At
	// most 16 are asked.
	Servers []netip.Addr
	// Policy judges; its zero value is the default.
	Policy triage.Policy
	// Now tells the instant; nil is time.Now.
	Now func() time.Time
	// Concurrency is how many names are in flight. 0 is 512, and 8192 without a Prober.
	Concurrency int

	// Controls are names that must resolve before the first question is asked, one of them at least; else nothing is
	// asked, every name is unknown and the run is not to be trusted. Empty leaves that out.
	Controls []string

	// Known is how many names of the same list an earlier process looked at, none of which ended unknown: they count where it
	// is told whether the run is to be trusted.
	Known int

	// Unowned leaves ownership out: the DNS is asked only for addresses (`certscan probe`), and not at all for a name
	// that came with one.
	Unowned bool
	// DialAll dials names whatever their verdict: --probe-all, and `certscan explain`.
	DialAll bool
	// Port is the TLS port of a name that gives none. 0 is 443.
	Port uint16
	// HTTPPort is the port of plain HTTP. 0 is 80.
	HTTPPort uint16
	// NoHTTP leaves HTTP out.
	NoHTTP bool

	// Log takes what a developer must see (a panic with its stack); nil discards it.
	Log *slog.Logger
}

// Summary is what a run came to.
type Summary struct {
	Started, Finished time.Time
	Asked             int // domains read, and results given
	Unknown           int // results whose verdict is unknown
	// Complete says that the list was read to its end and nothing was cut.
	Complete bool
	// Untrusted says why the run tells more of the prober than of the names: no control name resolved, the only name
	// asked for ended unknown, or more than 5% did. Empty for a run that can be trusted.
	Untrusted string
}

const (
	defaultConcurrency = 512
	// askedConcurrency is the default where names are only asked for: the resolver bounds what is in flight.
	askedConcurrency = 8192
	readyMax         = 256 // names between the resolver and the workers, none of which waits for a probe
)

// Run looks at every domain and calls emit once for each, in the order of completion, one call at a time. emit may
// block; what Facts.DNS and Facts.Owner point to is its own only until it returns. An error of emit ends the run and is returned; the context's end is no error.
//
// A name that is not clean gets a goroutine, while name servers and registries are asked why; so does, with
// RegistrationEvery, a clean one while its registration is looked up.
//
//	domains ─▶ (token) ─▶ dns.Resolve ─▶ ready ─▶ workers: judge ─▶ the queue of its address ─▶ probe, further names, triage ─▶ emit
//	                └── invalid, or with an address ──▲
//
// A token is held from the reading of a domain to the end of its emit: the workers wait for nothing that the resolver gives. A name whose
// failure may have been our own doing gives it back and is looked at once more when nothing else is to be done; a run
// that is cut gives what the first look saw.
func (p Pipeline) Run(ctx context.Context, domains iter.Seq[inventory.Domain], emit func(triage.Result) error) (Summary, error) {
	p = p.withDefaults()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{
		Pipeline: p, emit: emit, cancel: cancel,
		tokens: make(chan struct{}, p.Concurrency), ready: make(chan job, min(p.Concurrency, readyMax)),
	}
	if p.Prober != nil {
		r.crew = p.Prober.Crew(ctx)
	}
	r.summary.Started = p.Now().UTC()
	var workers sync.WaitGroup
	for range r.workers() {
		workers.Go(func() {
			for j := range r.ready {
				r.looks.Add(1)
				l := &look{answer: j.answer, began: j.began}
				if j.waits() {
					workers.Go(func() { r.finish(ctx, l, &j) })
				} else {
					r.finish(ctx, l, &j)
				}
			}
		})
	}
	// Of names for which judging is all, one after the other:
	var judged look
	var answer dns.Answer
	p.Resolver.Resolve(ctx, r.questions(ctx, domains), func(a dns.Answer) {
		j := r.land(a.ID)
		if p.Prober != nil || j.waits() {
			j.answer = new(a)
			r.ready <- j
			return
		}
		answer = a
		judged = look{answer: &answer, began: j.began}
		r.looks.Add(1)
		if r.begin(ctx, &judged, &j); r.wonders(&judged, &j) { // it outlives this call
			l := &look{answer: new(a), owner: judged.owner, began: j.began, facts: judged.facts}
			l.facts.DNS, l.facts.Owner = l.answer, &l.owner
			r.inquiries.Go(func() { r.wonder(ctx, l) })
			return
		}
		r.proceed(ctx, &judged)
	})
	close(r.ready)
	workers.Wait()
	r.inquiries.Wait()
	r.await()
	r.summary.Finished = p.Now().UTC()
	r.summary.Complete = r.readAll && ctx.Err() == nil
	r.summary.Untrusted = cmp.Or(r.blind, r.summary.doubt(p.Known))
	return r.summary, r.failed
}

func (s *Summary) doubt(known int) string {
	switch asked := s.Asked + known; {
	case asked == 1 && s.Unknown == 1:
		return "the name that was asked for ended unknown"
	case s.Unknown*20 > asked:
		return fmt.Sprintf("%d of %d names ended unknown, more than 5%%", s.Unknown, asked)
	}
	return ""
}

func (p Pipeline) withDefaults() Pipeline {
	if p.Networks == nil {
		p.Networks = dns.NewNetworks(nil, false)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	usual := defaultConcurrency
	if p.Prober == nil {
		usual = askedConcurrency
	}
	p.Concurrency = cmp.Or(max(p.Concurrency, 0), usual)
	p.Issuer = cmp.Or(p.Issuer, "letsencrypt.org")
	p.Port = cmp.Or(p.Port, 443)
	p.HTTPPort = cmp.Or(p.HTTPPort, 80)
	return p
}

// job is one domain on its way.
type job struct {
	domain inventory.Domain
	answer *dns.Answer // nil where the DNS was not asked
	began  time.Time
}

// waits reports whether a name may have to wait for the DNS before or instead of being dialled.
func (j *job) waits() bool { return len(j.domain.Verify)+len(j.domain.SANs) > 0 }

type run struct {
	Pipeline
	crew  *probe.Crew    // nil without a Prober
	looks sync.WaitGroup // names that are not concluded
	// inquiries are the names about which name servers and registries are being asked.
	inquiries sync.WaitGroup
	deferred  atomic.Int64 // names that wait for a second look
	forgetful atomic.Bool  // the history could not be read, which was logged
	emit      func(triage.Result) error
	cancel    context.CancelCauseFunc
	tokens    chan struct{}
	ready     chan job
	// These are written by the goroutine that reads domains. Others read blind after a job that it sent later.
	readAll bool
	checked bool
	blind   string // why no question can be asked

	mu     sync.Mutex // guards flight and free
	flight []job      // by the ID of its question
	free   []int      // IDs that are not in use

	out     sync.Mutex // one emit at a time; guards summary and failed
	summary Summary
	failed  error
}

// workers is how many goroutines begin with names; none of them waits for a probe.
func (r *run) workers() int {
	if r.Prober == nil {
		return 1
	}
	return min(r.Concurrency, runtime.GOMAXPROCS(0))
}

// await waits for the names that are being probed, the second looks included.
func (r *run) await() {
	if r.crew == nil {
		r.looks.Wait()
		return
	}
	r.crew.Last()
	r.looks.Wait()
	r.crew.Wait()
}

// questions turns domains into questions, and sends those that need none straight on.
func (r *run) questions(ctx context.Context, domains iter.Seq[inventory.Domain]) iter.Seq[dns.Question] {
	return func(yield func(dns.Question) bool) {
		for d := range domains {
			j := job{domain: d}
			select {
			case r.tokens <- struct{}{}:
			case <-ctx.Done():
				r.tokens <- struct{}{} // the names in flight are being cut: one gives its token soon
				j.began = r.Now().UTC()
				r.ready <- j
				return
			}
			ask := !r.unasked(&d) && r.sighted(ctx)
			j.began = r.Now().UTC() // the control names are no part of the first name's time
			if !ask {
				r.ready <- j
				continue
			}
			if !yield(r.takeOff(j)) {
				return
			}
		}
		r.readAll = true
	}
}

// sighted asks for the control names before the first question, and reports whether questions can be asked at all.
func (r *run) sighted(ctx context.Context) bool {
	if r.checked || len(r.Controls) == 0 {
		return r.blind == ""
	}
	r.checked = true
	silent, err := r.Resolver.Check(ctx, r.Controls)
	if ctx.Err() != nil {
		return true // cut: each name says so itself
	}
	if err != nil {
		r.blind = err.Error()
		return false
	}
	for _, s := range silent {
		r.Log.WarnContext(ctx, "resolver does not resolve the control names and is asked last", "server", r.Resolver.Describe(s))
	}
	return true
}

// unasked reports whether a domain needs no question of its own.
func (r *run) unasked(d *inventory.Domain) bool {
	return d.Invalid != "" || (r.Unowned && d.At.IsValid())
}

// takeOff notes a job as in flight and returns its question.
func (r *run) takeOff(j job) dns.Question {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := len(r.flight)
	if n := len(r.free); n > 0 {
		id = r.free[n-1]
		r.free = r.free[:n-1]
		r.flight[id] = j
	} else {
		r.flight = append(r.flight, j)
	}
	q := dns.Question{ID: id, Name: j.domain.Name}
	if j.domain.Wildcard() {
		q.Name, q.Wildcard = j.domain.Name[2:], true
	}
	return q
}

// land returns the job that the answer to a question belongs to.
func (r *run) land(id int) job {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.flight[id]
	r.flight[id] = job{}
	r.free = append(r.free, id)
	return j
}

// give gives out one result.
func (r *run) give(result triage.Result) {
	r.out.Lock()
	defer r.out.Unlock()
	r.summary.Asked++
	if unknown(&result) {
		r.summary.Unknown++
	}
	if r.failed != nil {
		return
	}
	if err := r.emit(result); err != nil {
		r.failed = err
		r.cancel(err)
	}
}

// unknown reports whether a name ended without anything that can be relied on.
func unknown(result *triage.Result) bool {
	f := &result.Facts
	if f.Owner != nil {
		return f.Owner.Verdict == dns.Unknown
	}
	return slices.ContainsFunc(result.Findings, func(f triage.Finding) bool { return f.Code == triage.Inconclusive })
}

// defect is a panic on its way to the goroutine that makes it its name's failure, with the stack of where it happened.
type defect struct {
	value any
	stack []byte
}

// failure logs a recovered panic and returns the facts that tell it. It is nil for no panic.
func (r *run) failure(ctx context.Context, d inventory.Domain, v any) *triage.Facts {
	if v == nil {
		return nil
	}
	bug, ok := v.(defect)
	if !ok {
		bug = defect{v, debug.Stack()}
	}
	r.Log.ErrorContext(ctx, "panic while a name was looked at", "domain", d.Name, "panic", fmt.Sprint(bug.value), "stack", string(bug.stack))
	return &triage.Facts{Domain: d, Failure: fmt.Sprintf("a defect of certscan: %v", bug.value)}
}

// judge judges; a panic in it is the name's own failure.
func (r *run) judge(ctx context.Context, f *triage.Facts) (result triage.Result) {
	defer func() {
		if failed := r.failure(ctx, f.Domain, recover()); failed != nil {
			failed.At, failed.Elapsed = f.At, f.Elapsed
			result = r.Policy.Judge(failed, r.Now().UTC())
		}
	}()
	return r.Policy.Judge(f, r.Now().UTC())
}

// cut makes a name unknown that was read and not finished, or could not be asked for at all.
func (r *run) cut(f *triage.Facts) {
	gone := dns.Reply{Status: dns.StatusCanceled}
	f.DNS = &dns.Answer{Name: f.Domain.Name, Asked: f.Domain.Name, A: gone, AAAA: gone}
	o := dns.CannotTell(cmp.Or(r.blind, "the run was cut before the name was finished"))
	f.Owner = &o
}

// canceled reports whether a probe was cut.
func canceled(probes []probe.Observation) bool {
	for i := range probes {
		if e := probes[i].Err; e != nil && e.Code == probe.CodeCanceled {
			return true
		}
	}
	return false
}
