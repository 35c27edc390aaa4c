package dns

import (
	"context"
	"sync"
	"time"
)

// claims reports whether a question is noted before it is asked, so that no other process asks it, even where this one is
// killed before the answer.
func (g *Registry) claims(s source, urgency Urgency) bool {
	return s.once() || urgency == spare || !g.cfg.Fresh
}

// settle notes that a question that was claimed was answered, though not to rely on: an RDAP server may be asked again. What
// it said before stays.
func (g *Registry) settle(ctx context.Context, s source, r Registration, urgency Urgency) {
	if s.once() || !g.claims(s, urgency) || ctx.Err() != nil {
		return
	}
	if kept, _, err := g.cfg.Memory.Recall(ctx, r.Domain, s.host(), g.cfg.Now()); err == nil && kept.known() {
		r = kept
	}
	_ = g.keep(ctx, r) // else it is asked again a little later
}

// limited asks one query where the limits allow it. What was not asked has no AskedAt.
func (g *Registry) limited(ctx context.Context, s source, domain string, urgency Urgency) (Registration, bool) {
	leave, again, err := g.reserve(ctx, s, urgency)
	defer leave()
	switch {
	case err != nil:
		return failing(ctx, domain, "the registry's limits could not be kept", err), false
	case !again.IsZero():
		return limitedUntil(s, domain, again), false
	case ctx.Err() != nil:
		return Registration{Domain: domain, State: RegUnchecked, Why: runCut}, false
	}
	if g.claims(s, urgency) {
		now, within := g.cfg.Now(), registrationFresh
		if !s.once() && urgency != spare {
			within = 0 // what is known for a day is not asked for; the rest is
		}
		claimed, err := g.cfg.Memory.Claim(ctx, domain, s.host(), now.Add(-within), now)
		switch {
		case err != nil:
			return failing(ctx, domain, "that it is asked could not be kept", err), false
		case !claimed: // another process was faster
			return notTwice(domain, now), false
		}
	}
	r, unable := s.ask(ctx, domain)
	r.Domain, r.Server, r.AskedAt = domain, s.host(), g.cfg.Now().UTC()
	if until := r.Retry; until.After(r.AskedAt) {
		if err := g.cfg.Memory.Hold(ctx, s.host(), r.AskedAt, until); err != nil {
			r = unreliable(domain, "the registry's limits could not be kept: "+err.Error())
		}
	}
	return r, unable
}

// limitedUntil is what is known of a domain that its server may not be asked for yet.
func limitedUntil(s source, domain string, again time.Time) Registration {
	why := "the limits of " + s.host() + " do not allow to ask before " + again.UTC().Format(time.RFC3339)
	return Registration{Domain: domain, State: RegUnchecked, Retry: again, Why: why}
}

// reserve takes a place for one query, and waits for it as long as patience lasts; else it returns when to come again.
//
// A WHOIS server is asked one question at a time: leave, which is to be called whatever comes, lets the next one come.
func (g *Registry) reserve(ctx context.Context, s source, urgency Urgency) (leave func(), again time.Time, err error) {
	g.began.Store(true)
	for {
		entered := false
		if leave, entered = g.enter(ctx, s); !entered {
			return leave, time.Time{}, nil // it is told as cut
		}
		now := g.cfg.Now()
		if urgency == spare {
			again, err = g.reserveSpare(ctx, s)
			return leave, again, err
		}
		if again, err = g.cfg.Memory.Reserve(ctx, s.host(), s.limit(), now); err != nil || again.IsZero() {
			return leave, again, err
		}
		leave() // nobody waits for who waits for the limits
		if urgency != Patient || again.After(g.patience(s.host(), now)) || !pause(ctx, max(again.Sub(now), time.Millisecond)) {
			return func() {}, again, nil
		}
	}
}

// enter waits for the turn at a server that is asked one question at a time; false is the end of ctx.
func (g *Registry) enter(ctx context.Context, s source) (leave func(), ok bool) {
	if !s.once() {
		return func() {}, true
	}
	g.mu.Lock()
	line := g.lines[s.host()]
	if line == nil {
		line = make(chan struct{}, 1)
		g.lines[s.host()] = line
	}
	g.mu.Unlock()
	select {
	case line <- struct{}{}:
		return sync.OnceFunc(func() { <-line }), true
	case <-ctx.Done():
		return func() {}, false
	}
}

// spentUntil returns until when the part of a server's limits that is for clean names is known to be used up; zero where
// it is not. Till then the memory is left alone: there may be many such names.
func (g *Registry) spentUntil(s source) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	again := g.spent[s.host()]
	if left := again.Sub(g.cfg.Now()); left <= 0 || left > retryMax { // the clock went back
		return time.Time{}
	}
	return again
}

// reserveSpare takes a place in that part.
func (g *Registry) reserveSpare(ctx context.Context, s source) (again time.Time, err error) {
	if again = g.spentUntil(s); !again.IsZero() {
		return again, nil
	}
	if again, err = g.cfg.Memory.Reserve(ctx, s.host(), s.limit().spare(), g.cfg.Now()); err == nil && !again.IsZero() {
		g.mu.Lock()
		g.spent[s.host()] = again
		g.mu.Unlock()
	}
	return again, err
}

// patience returns until when places at a registry are waited for.
func (g *Registry) patience(host string, now time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	since, bitten := g.since[host]
	if !bitten {
		since = now
		g.since[host] = now
	}
	return since.Add(g.cfg.Patience)
}
