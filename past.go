package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
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
}

// newPast reads which domains were ever free or expired, so that a clean name costs no question.
func newPast(ctx context.Context, s *store.Store, vantage string) (*past, error) {
	ended, err := s.Ended(ctx, vantage)
	return &past{store: s, vantage: vantage, ended: ended}, err
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

// Ended reports whether the domain of a name was ever free or expired.
func (p *past) Ended(name string) bool { return p.ended[name] }

func spanOf(s store.Span) triage.Span {
	return triage.Span{Verdict: dns.Verdict(s.Verdict), Reason: dns.Reason(s.Reason), Since: s.Since, Seen: s.Seen}
}

// openPast opens the store that the settings name, to read what earlier runs saw: nil where none is named, or none is there yet.
// The caller closes the store.
func openPast(ctx context.Context, s streams, set settings, vantage string) (*past, error) {
	where, err := set.where(s.env)
	if err != nil || where == "" {
		return nil, err
	}
	if !store.IsURL(where) {
		if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
			return nil, nil //nolint:nilnil // no store is no error: nothing is known then
		}
	}
	opened, err := store.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	p, err := newPast(ctx, opened, vantage)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return p, nil
}
