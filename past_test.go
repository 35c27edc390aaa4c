package main

import (
	"path/filepath"
	"testing"
	"time"

	"certscan/dns"
	"certscan/report"
	"certscan/store"
	"certscan/triage"
)

// TestPast holds what a run is told of earlier ones, and of which clean names nobody needs to ask.
func TestPast(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "certscan.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	empty, err := newPast(t.Context(), s, "")
	if err != nil || empty.Notable("a.example", time.Now()) {
		t.Errorf("a store without a run: %+v, %v", empty, err)
	}
	began := time.Now().Add(-240 * time.Hour).UTC().Truncate(time.Second)
	run := report.Run{ID: "r", Kind: "dns", StartedAt: began}
	kept, err := s.Begin(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]dns.Verdict{"a.example": dns.Parked, "b.example": dns.Free} {
		r := triage.Result{Severity: triage.Warn}
		r.Facts.Domain.Name, r.Facts.At, r.Facts.Owner = name, began, &dns.Ownership{Verdict: v}
		r.Facts.Names = []triage.NameFacts{{Name: "www." + name, Owner: dns.Ownership{Verdict: dns.Moved}}}
		rec := report.NewRecord(run.ID, "", &r)
		if err := kept.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
	}
	run.FinishedAt, run.Complete, run.Trusted = began, true, true
	if err := kept.Finish(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	p, err := newPast(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, created := range map[string]time.Time{"a.example": began.Add(-time.Hour), "c.example": {}} {
		if p.Notable(name, created) {
			t.Errorf("%s is asked for", name)
		}
	}
	for name, created := range map[string]time.Time{"b.example": {}, "a.example": began.Add(48 * time.Hour)} {
		if !p.Notable(name, created) {
			t.Errorf("%s is not asked for", name)
		}
	}
	span := triage.Span{Verdict: dns.Free, Since: began, Seen: began}
	if got, err := p.Past(t.Context(), "b.example"); err != nil || got != (triage.Past{Last: span, Trusted: span, Ended: span, First: began}) {
		t.Errorf("%+v, %v", got, err)
	}
	span.Verdict = dns.Moved
	if got, err := p.Further(t.Context(), "a.example", "www.a.example", time.Now()); err != nil || got != (triage.Past{Last: span}) {
		t.Errorf("a further name: %+v, %v", got, err)
	}
	span.Verdict = dns.Parked
	if got, err := p.Further(t.Context(), "c.example", "a.example", time.Now()); err != nil || got.Last != span {
		t.Errorf("a further name that was looked at by itself: %+v, %v", got, err)
	}
}
