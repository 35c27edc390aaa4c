package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/report"
	"certscan/triage"
)

func testPrune(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	s.now = func() time.Time { return hour(30) }
	for i := range 5 {
		keep(t, s, fmt.Sprint("r", i), i, func(r *report.Run) { r.Trusted = i < 3 }, seen{"a.example", "parked", triage.OK})
	}
	for _, at := range []int{-1, 10} { // killed long ago, and perhaps at work still
		if _, err := s.Begin(t.Context(), report.Run{ID: fmt.Sprint("killed", at), Kind: "scan", StartedAt: hour(at)}); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(all []Pruned) (out []string) {
		for _, p := range all {
			out = append(out, fmt.Sprint(p.Run.ID, ":", p.Records))
		}
		return out
	}
	if got := ids(collect(t, s.Prune(t.Context(), 4, time.Time{}))); !slices.Equal(got, []string{"r0:1", "killed-1:0"}) {
		t.Errorf("keep 4: %v", got)
	}
	if got := ids(collect(t, s.Prune(t.Context(), 0, hour(20)))); !slices.Equal(got, []string{"r4:1", "r3:1", "r1:1"}) {
		t.Errorf("older: %v", got)
	}
	var left []string
	for _, r := range collect(t, s.Runs(t.Context())) {
		left = append(left, r.ID)
	}
	if !slices.Equal(left, []string{"killed10", "r2"}) {
		t.Errorf("left: %v", left)
	}
	if got := keep(t, s, "r9", 9, nil, seen{"a.example", "parked", triage.OK}); !got["a.example"].Equal(hour(0)) {
		t.Errorf("since %s is forgotten", got["a.example"])
	}
	keep(t, s, "r10", 10, nil, seen{"a.example", "moved", triage.OK})
	collect(t, s.Prune(t.Context(), 1, time.Time{}))
	got := collect(t, s.History(t.Context(), "a.example"))
	if len(got) != 2 || got[1].Run.ID != "" || got[1].Verdict != "parked" || !got[1].Since.Equal(hour(0)) || !got[1].Checked.Equal(hour(9)) {
		t.Errorf("a span whose runs are gone: %+v", got)
	}
}

func testRunByID(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	for i, id := range []string{"20261120T120000Z-aa", "20261120T120000Z-ab", "x", "xy"} {
		keep(t, s, id, i, nil)
	}
	for id, want := range map[string]string{
		"20261120T120000Z-aa": "", "20261120": "several runs begin with", "x": "", "xy": "", "z": "no run z", "%": "no id of a run", "": "no id of a run",
	} {
		run, err := s.Run(t.Context(), id)
		if want == "" && (err != nil || run.ID != id) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %s, %v", id, run.ID, err)
		}
	}
}

func testNewer(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r0", 0, nil, seen{"a.example", "parked", triage.OK})
	if _, err := s.db.ExecContext(t.Context(), `INSERT INTO certscan_schema (version_id, is_applied) VALUES ($1, $2)`, 99, true); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), where)
	p, failed := s.provider()
	if failed != nil {
		t.Fatal(failed)
	}
	known := p.ListSources()[len(p.ListSources())-1].Version
	if want := fmt.Sprintf("written by a newer certscan (schema 99, this one knows %d), and not touched: upgrade certscan, or name another store with --db", known); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if n := len(collect(t, s.Records(t.Context(), "r0"))); n != 1 {
		t.Errorf("%d records left", n)
	}
}

func testOpenedByMany(t *testing.T, where string) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := Open(t.Context(), where)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.PutRegistration(t.Context(), "a.example", "r", nil, hour(0)); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// testCanceled holds that a run that is told to end is stored all the same, and that reading ends.
func testCanceled(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	run := report.Run{ID: "r0", Kind: "scan", StartedAt: hour(0)}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Begin(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	rec := recordOf("r0", hour(0), seen{"a.example", "parked", triage.OK})
	if err := r.Add(ctx, &rec); err != nil {
		t.Error(err)
	}
	run.FinishedAt = hour(1)
	if err := r.Finish(ctx, run); err != nil {
		t.Error(err)
	}
	if n := len(collect(t, s.Records(t.Context(), "r0"))); n != 1 {
		t.Errorf("%d records", n)
	}
	for _, err := range s.Runs(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

// testBatches holds that records are there while the run goes on, that nothing of one is lost between batches, and that a reader in
// the middle of a list keeps no writer waiting.
func testBatches(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	r, err := s.Begin(t.Context(), report.Run{ID: "r0", Kind: "scan", StartedAt: hour(0)})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2*batchRecords + 7
	for i := range n {
		rec := recordOf("r0", hour(0), seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(collect(t, s.Records(t.Context(), "r0"))); got < 2*batchRecords {
		t.Errorf("%d records in mid-run", got)
	}
	for _, err := range s.Records(t.Context(), "r0") {
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Finish(t.Context(), report.Run{StartedAt: hour(0), FinishedAt: hour(1), Complete: true, Trusted: true}); err != nil {
			t.Fatal(err)
		}
		break
	}
	if got := len(collect(t, s.Records(t.Context(), "r0"))); got != n {
		t.Errorf("%d records, want %d", got, n)
	}
	var spans int
	if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM history`).Scan(&spans); err != nil || spans != n {
		t.Errorf("%d spans, %v", spans, err)
	}
}

// testMany holds that the work grows with the number of names, and not with its square: that would take minutes.
func testMany(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	var all []seen
	for i := range 20_000 {
		all = append(all, seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
	}
	keep(t, s, "r0", 0, nil, all...)
	keep(t, s, "r1", 1, nil, all[1:]...)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	for _, err := range s.Diff(ctx, "r0", "r1") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d changes", n)
	}
	if got := collect(t, s.Prune(ctx, 0, hour(1))); len(got) != 1 || got[0].Records != 20_000 {
		t.Errorf("%+v", got)
	}
}
