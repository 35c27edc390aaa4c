package main

import (
	"context"
	"time"

	"certscan/dns"
	"certscan/store"
	"certscan/triage"
)

// past tells a run what earlier runs in the store saw; it implements scan.Past.
type past struct {
	store   *store.Store
	vantage string
	ended   map[string]bool
	began   time.Time // of the first run that is kept; zero for none
}

// newPast reads which domains were ever free or expired, and since when runs are kept, so that a clean name costs no question.
func newPast(ctx context.Context, s *store.Store, vantage string) (*past, error) {
	ended, began, err := s.Ended(ctx, vantage)
	return &past{store: s, vantage: vantage, ended: ended, began: began}, err
}

// Past returns what is known of a name.
func (p *past) Past(ctx context.Context, name string) (triage.Past, error) {
	kept, err := p.store.Past(ctx, name, p.vantage)
	return triage.Past{
		Last: spanOf(kept.Last), Trusted: spanOf(kept.Trusted), Ended: spanOf(kept.Ended), First: kept.First,
	}, err
}

// Further returns what records of a domain tell of a further name of it, or what is known of that name by itself.
func (p *past) Further(ctx context.Context, domain, name string, now time.Time) (triage.Past, error) {
	last, err := p.store.Further(ctx, domain, name, p.vantage, now.Add(-triage.SecondLookAfter))
	if err == nil && last.Verdict == "" {
		return p.Past(ctx, name)
	}
	return triage.Past{Last: spanOf(last)}, err
}

// Notable reports whether there may be something to tell of a clean name: its domain was free or expired once, or was
// registered after the first run that is kept.
func (p *past) Notable(name string, created time.Time) bool {
	return p.ended[name] || !p.began.IsZero() && created.After(p.began)
}

func spanOf(s store.Span) triage.Span {
	return triage.Span{Verdict: dns.Verdict(s.Verdict), Reason: dns.Reason(s.Reason), Since: s.Since, Seen: s.Seen}
}

// past returns what the named store tells of earlier runs; nil where none is named.
func (m *registryMemory) past(ctx context.Context, vantage string) (*past, error) {
	if !m.named {
		return nil, nil //nolint:nilnil // no store is no error: nothing is known then
	}
	opened, _, err := m.opened(ctx, true)
	if err != nil {
		return nil, err
	}
	return newPast(ctx, opened, vantage)
}
