package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/report"
	"certscan/triage"
)

// audited keeps some records of an audit and leaves it as it is.
func audited(t *testing.T, s *Store, run report.Run, all ...seen) *Recording {
	t.Helper()
	r, err := s.Begin(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	addAll(t, r, run.ID, all...)
	return r
}

func addAll(t *testing.T, r *Recording, run string, all ...seen) {
	t.Helper()
	for _, one := range all {
		rec := recordOf(run, hour(0), one)
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// testCut holds that a run that was killed, or cut, is found again and goes on where it was, and no other.
func testCut(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	run := report.Run{ID: "a1", Kind: "audit", StartedAt: hour(0), Settings: "ours 192.0.2.0/24"}
	audited(t, s, run, seen{"a.example", "parked", triage.OK}, seen{"b.example", "moved", triage.Warn})
	keep(t, s, "s1", 1, nil, seen{"a.example", "parked", triage.OK}) // of another kind
	for why, c := range map[string]struct {
		kind, vantage, settings, scope string
		since                          time.Time
	}{
		"of another kind": {"dns", "", run.Settings, "", hour(-1)}, "from elsewhere": {"audit", "fra", run.Settings, "", hour(-1)},
		"told otherwise": {"audit", "", "ours 192.0.2.0/25", "", hour(-1)}, "too old": {"audit", "", run.Settings, "", hour(1)},
		"of something else": {"audit", "", run.Settings, "names", hour(-1)},
	} {
		if got, ok, err := s.Cut(t.Context(), report.Run{Kind: c.kind, Vantage: c.vantage, Settings: c.settings, Scope: c.scope}, c.since); ok || err != nil {
			t.Errorf("a run %s: %+v, %v", why, got, err)
		}
	}
	found, ok, err := s.Cut(t.Context(), run, hour(-1))
	if err != nil || !ok || found.ID != "a1" || found.Settings != run.Settings {
		t.Fatalf("%+v, %t, %v", found, ok, err)
	}
	r, err := s.Resume(t.Context(), found)
	if err != nil {
		t.Fatal(err)
	}
	addAll(t, r, "a1", seen{"b.example", "parked", triage.OK}, seen{"c.example", "free", triage.Warn})
	var kept []string
	for _, k := range collect(t, s.Kept(t.Context(), "a1")) {
		kept = append(kept, k.Name+" "+k.Verdict)
	}
	if want := "a.example parked, b.example parked, c.example free"; strings.Join(kept, ", ") != want {
		t.Errorf("kept %v, want %s", kept, want)
	}
	if troubled := collect(t, s.Troubled(t.Context(), "a1")); len(troubled) != 1 || troubled[0].Name != "c.example" ||
		!strings.Contains(string(troubled[0].Record), `"free"`) {
		t.Errorf("troubled %v", troubled)
	}
	// Cut by a signal it is finished, and goes on all the same.
	found.FinishedAt, found.Trusted, found.Counts = hour(0), true, report.Counts{Warn: 1, OK: 2}
	if err := r.Finish(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if found, ok, err = s.Cut(t.Context(), run, hour(-1)); !ok || err != nil {
		t.Fatalf("a run that was cut by a signal: %t, %v", ok, err)
	}
	if r, err = s.Resume(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Run(t.Context(), "a1"); err != nil || !again.FinishedAt.IsZero() || again.Trusted {
		t.Errorf("it is not unfinished: %+v, %v", again, err)
	}
	if found.Counts != (report.Counts{}) {
		t.Errorf("it goes on from counts of its own: %+v", found.Counts)
	}
	found.FinishedAt, found.Complete = hour(0), true
	if err := r.Finish(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if found, ok, err := s.Cut(t.Context(), run, hour(-1)); ok || err != nil {
		t.Errorf("a complete run: %+v, %v", found, err)
	}
}

// testResumedPast holds that what a run saw before it was cut is no past of its own once it goes on, and is one again at its end.
func testResumedPast(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "s0", -9, nil, seen{"a.example", "moved", triage.Warn}, seen{"b.example", "parked", triage.OK})
	before := audited(t, s, report.Run{ID: "a0", Kind: "audit", StartedAt: hour(-8)})
	for _, one := range []seen{{"a.example", "parked", triage.OK}, {"b.example", "moved", triage.Warn}} {
		rec := recordOf("a0", hour(-8), one)
		if err := before.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := before.Finish(t.Context(), report.Run{ID: "a0", Kind: "audit", StartedAt: hour(-8), FinishedAt: hour(-8), Complete: true, Trusted: true}); err != nil {
		t.Fatal(err)
	}
	run := report.Run{ID: "a1", Kind: "audit", StartedAt: hour(0)}
	r := audited(t, s, run, seen{"a.example", "moved", triage.Warn}, seen{"b.example", "moved", triage.Warn})
	past := func(when, a string) {
		t.Helper()
		for name, want := range map[string]string{"a.example": a, "b.example": "moved"} {
			if p, err := s.Past(t.Context(), name, ""); err != nil || p.Trusted.Verdict != want || p.Last.Verdict != "moved" {
				t.Errorf("%s, %s: %+v, %v, want %s", when, name, p, err, want)
			}
		}
	}
	run.FinishedAt, run.Trusted = hour(0), true
	if err := r.Finish(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	past("cut", "moved")
	r, err := s.Resume(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	past("gone on with", "parked")
	run.Complete = true
	if err := r.Finish(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	past("at its end", "moved")
}

// testLast holds that an audit is compared with the last one that is complete and trusted.
func testLast(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	if run, ok, err := s.Last(t.Context(), "audit", "", ""); ok || err != nil {
		t.Errorf("an empty store: %+v, %v", run, err)
	}
	for i, edit := range []func(*report.Run){
		nil, nil, func(r *report.Run) { r.Trusted = false }, func(r *report.Run) { r.Complete = false },
	} {
		run := report.Run{ID: fmt.Sprint("a", i), Kind: "audit", StartedAt: hour(i)}
		r := audited(t, s, run, seen{"a.example", "parked", triage.OK})
		run.FinishedAt, run.Complete, run.Trusted = hour(i), true, true
		if edit != nil {
			edit(&run)
		}
		if err := r.Finish(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	keep(t, s, "s1", 9, nil, seen{"a.example", "parked", triage.OK})
	named := report.Run{ID: "n1", Kind: "audit", StartedAt: hour(8), Scope: "names"}
	r := audited(t, s, named, seen{"a.example", "parked", triage.OK})
	named.FinishedAt, named.Complete, named.Trusted = hour(8), true, true
	if err := r.Finish(t.Context(), named); err != nil {
		t.Fatal(err)
	}
	if run, ok, err := s.Last(t.Context(), "audit", "", "names"); !ok || err != nil || run.ID != "n1" || run.Scope != "names" {
		t.Errorf("of some names: %+v, %t, %v", run, ok, err)
	}
	for name, want := range map[string]string{"a.example": "parked", "b.example": ""} {
		if verdict, _, err := s.Said(t.Context(), "a1", name); err != nil || verdict != want {
			t.Errorf("a1 said %q of %s, %v", verdict, name, err)
		}
	}
	if run, ok, err := s.Last(t.Context(), "audit", "", ""); !ok || err != nil || run.ID != "a1" {
		t.Errorf("%+v, %t, %v", run, ok, err)
	}
}

// testExclusive holds that one at a time does a kind of work, and that the next one may once that lets go.
func testExclusive(t *testing.T, where string) {
	t.Helper()
	one, other := open(t, where), open(t, where)
	release, err := one.Exclusive(t.Context(), "audit")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := other.Exclusive(t.Context(), "audit"); !errors.Is(err, ErrHeld) {
			t.Errorf("held twice: %v", err)
		}
	}
	elsewise, err := other.Exclusive(t.Context(), "renew")
	if err != nil {
		t.Errorf("other work: %v", err)
	}
	keep(t, other, "s1", 1, nil, seen{"a.example", "parked", triage.OK}) // the store itself is free
	if err := errors.Join(release(), elsewise()); err != nil {
		t.Error(err)
	}
	again, err := other.Exclusive(t.Context(), "audit")
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
	if kinds := collect(t, one.Runs(t.Context())); !slices.ContainsFunc(kinds, func(r report.Run) bool { return r.ID == "s1" }) {
		t.Error("the run is not there")
	}
}
