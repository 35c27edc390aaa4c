package store

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/report"
	"certscan/triage"
)

// conformance is what every kind of store must do. where makes a new, empty one and returns how to open it.
func conformance(t *testing.T, where func(t *testing.T) string) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, string){
		"a run and its records": testRun, "unfinished runs": testUnfinished, "since": testSince, "untrusted runs": testUntrusted,
		"hostile names": testHostile, "history": testHistory, "diff": testDiff, "last two runs": testLastTwo, "prune": testPrune,
		"run by id": testRunByID, "registrations": testRegistrations, "claims": testClaims, "limits": testLimits, "limits of several processes": testLimitsShared,
		"holds": testHolds, "a clock that went back": testClockBack, "an older schema": testOlder,
		"newer schema": testNewer, "opened by many at once": testOpenedByMany, "canceled": testCanceled, "batches": testBatches,
		"several addresses of a name": testSeveralAddresses, "many names": testMany,
		"past": testPast, "past of overlapping runs": testPastOverlap, "past of further names": testPastFurther,
		"a run that was cut goes on": testCut, "what it saw is no past of its own": testResumedPast, "the last run of a kind": testLast, "one at a time": testExclusive,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, where(t))
		})
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	conformance(t, func(t *testing.T) string {
		t.Helper()
		return filepath.Join(t.TempDir(), "new folder", "50% #1?.db")
	})
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := fixtures.Postgres(t)
	var n atomic.Int64
	conformance(t, func(t *testing.T) string {
		t.Helper()
		return database(t, server, fmt.Sprintf("certscan_test_%d_%d", time.Now().UnixNano(), n.Add(1)))
	})
}

// database makes a database on the server, and returns its URL.
func database(t *testing.T, server, name string) string {
	t.Helper()
	admin, err := openPostgres(server)
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string) {
		if _, err := admin.db.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	run("CREATE DATABASE " + name)
	t.Cleanup(func() {
		run("DROP DATABASE " + name + " WITH (FORCE)")
		_ = admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func open(t *testing.T, where string) *Store {
	t.Helper()
	s, err := Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// noon is when the runs of these tests begin; hours are counted from there.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

// seen is one record of a test's run: name, verdict and severity.
type seen struct {
	name, verdict string
	severity      triage.Severity
}

func recordOf(run string, at time.Time, s seen) report.Record {
	var w strings.Builder
	_, _ = fmt.Fprintf(&w, `{"schema":1,"run":%q,"vantage":"","domain":"shown %s","name":"x","severity":%q,"dns":{"verdict":%q},"checked_at":%q}`,
		run, "", s.severity, s.verdict, at.Format(time.RFC3339))
	rec, err := report.DecodeRecord([]byte(w.String()))
	if err != nil {
		panic(err)
	}
	rec.Name, rec.Domain = s.name, "shown "+s.name
	return rec
}

// keep stores a whole run of kind scan that began at that hour, and returns what Since its records got.
func keep(t *testing.T, s *Store, id string, at int, edit func(*report.Run), all ...seen) map[string]time.Time {
	t.Helper()
	run := report.Run{ID: id, Kind: "scan", StartedAt: hour(at)}
	r, err := s.Begin(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	since := map[string]time.Time{}
	for _, one := range all {
		rec := recordOf(id, hour(at), one)
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
		since[one.name] = rec.Since
	}
	run.FinishedAt, run.Complete, run.Trusted, run.Asked = hour(at).Add(time.Minute), true, true, len(all)
	run.Counts = report.Counts{Urgent: 1, Warn: 2, OK: 3}
	if edit != nil {
		edit(&run)
	}
	if err := r.Finish(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return since
}

func collect[T any](t *testing.T, all iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for one, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, one)
	}
	return out
}

func testRun(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r1", 0, func(r *report.Run) { r.Reason = "why not" }, seen{"a.example", "parked", triage.OK}, seen{"b.example", "moved", triage.Warn})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, where)
	runs := collect(t, s.Runs(t.Context()))
	want := report.Run{
		ID: "r1", Kind: "scan", StartedAt: hour(0), FinishedAt: hour(0).Add(time.Minute), Complete: true, Trusted: true, Reason: "why not",
		Asked: 2, Counts: report.Counts{Urgent: 1, Warn: 2, OK: 3},
	}
	if len(runs) != 1 || runs[0] != want {
		t.Errorf("%+v\nwant %+v", runs, want)
	}
	records := collect(t, s.Records(t.Context(), "r1"))
	if len(records) != 2 {
		t.Fatalf("%d records", len(records))
	}
	rec := recordOf("r1", hour(0), seen{"a.example", "parked", triage.OK})
	rec.Since = hour(0)
	if got, want := string(records[0]), string(rec.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func testUnfinished(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	if _, err := s.Begin(t.Context(), report.Run{ID: "r1", Kind: "scan", StartedAt: hour(0)}); err != nil {
		t.Fatal(err)
	}
	runs := collect(t, s.Runs(t.Context()))
	if len(runs) != 1 || !runs[0].FinishedAt.IsZero() || runs[0].Complete || runs[0].Trusted {
		t.Errorf("%+v", runs)
	}
	if _, _, err := s.LastTwo(t.Context()); err == nil || !strings.Contains(err.Error(), "no complete run") {
		t.Errorf("%v", err)
	}
}

func testSince(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	for i, c := range []struct {
		verdict  string
		severity triage.Severity
		want     time.Time
	}{
		{"parked", triage.OK, hour(0)},
		{"parked", triage.OK, hour(0)},
		{"parked", triage.Urgent, hour(2)},
		{"unknown", triage.Warn, time.Time{}}, // ends nothing
		{"parked", triage.Urgent, hour(2)},
		{"moved", triage.Warn, hour(5)},
		{"parked", triage.Urgent, hour(6)},
	} {
		got := keep(t, s, fmt.Sprint("r", i), i, nil, seen{"a.example", c.verdict, c.severity})
		if !got["a.example"].Equal(c.want) {
			t.Errorf("run %d: since %s, want %s", i, got["a.example"], c.want)
		}
	}
	other, err := s.Begin(t.Context(), report.Run{ID: "other", Kind: "dns", StartedAt: hour(9)})
	if err != nil {
		t.Fatal(err)
	}
	rec := recordOf("other", hour(9), seen{"a.example", "parked", triage.Urgent})
	if err := other.Add(t.Context(), &rec); err != nil || !rec.Since.Equal(hour(9)) {
		t.Errorf("another kind of run has a history of its own: %s, %v", rec.Since, err)
	}
}

func testUntrusted(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	parked := seen{"a.example", "parked", triage.OK}
	keep(t, s, "r0", 0, nil, parked)
	keep(t, s, "r1", 1, func(r *report.Run) { r.Trusted = false }, seen{"a.example", "broken", triage.Warn})
	if got := keep(t, s, "r2", 2, nil, parked); !got["a.example"].Equal(hour(0)) {
		t.Errorf("since %s: a run that is not to be trusted ended what was", got["a.example"])
	}
	keep(t, s, "r3", 3, func(r *report.Run) { r.Complete = false }, seen{"a.example", "moved", triage.Warn})
	if got := keep(t, s, "r4", 4, nil, seen{"a.example", "moved", triage.Warn}); !got["a.example"].Equal(hour(3)) {
		t.Errorf("since %s: what a run saw that was cut counts", got["a.example"])
	}
}

func testHostile(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	names := []string{"a\x00b", "\xff\xfe", "'; DROP TABLE runs; --", strings.Repeat("x", 5000), "\u202e%_"}
	var all []seen
	for _, n := range names {
		all = append(all, seen{n, "invalid", triage.Warn})
	}
	keep(t, s, "r0", 0, nil, all...)
	for name, since := range keep(t, s, "r1", 1, nil, all...) {
		if !since.Equal(hour(0)) {
			t.Errorf("%q: since %s", name, since)
		}
		if got := collect(t, s.History(t.Context(), name)); len(got) != 2 {
			t.Errorf("%q: %d in its history", name, len(got))
		}
	}
}

func testHistory(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r0", 0, nil, seen{"a.example", "parked", triage.OK})
	keep(t, s, "r1", 1, nil, seen{"a.example", "moved", triage.Warn}, seen{"b.example", "parked", triage.OK})
	keep(t, s, "r2", 2, nil, seen{"a.example", "moved", triage.Warn})
	got := collect(t, s.History(t.Context(), "a.example"))
	if len(got) != 3 || got[0].Run.ID != "r2" || got[0].Verdict != "moved" || got[0].Severity != "WARN" || !got[0].Since.Equal(hour(1)) ||
		!got[0].Checked.Equal(hour(2)) || got[2].Run.ID != "r0" || !got[2].Since.Equal(hour(0)) || !got[2].Run.Complete {
		t.Errorf("%+v", got)
	}
	if rec, err := report.DecodeRecord(got[0].Record); err != nil || rec.Name != "a.example" || !rec.Since.Equal(hour(1)) {
		t.Errorf("%+v, %v", rec, err)
	}
}

func testDiff(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r0", 0, nil, seen{"same.example", "parked", triage.OK}, seen{"worse.example", "parked", triage.OK},
		seen{"gone.example", "moved", triage.Warn})
	keep(t, s, "r1", 1, nil, seen{"same.example", "parked", triage.OK}, seen{"worse.example", "parked", triage.Urgent}, seen{"new.example", "free", triage.Warn})
	got := collect(t, s.Diff(t.Context(), "r0", "r1"))
	want := []Change{
		{"changed", "worse.example", "shown worse.example", State{"parked", "", "OK"}, State{"parked", "", "URGENT"}, hour(1)},
		{"gone", "gone.example", "shown gone.example", State{"moved", "", "WARN"}, State{}, time.Time{}},
		{"new", "new.example", "shown new.example", State{}, State{"free", "", "WARN"}, hour(1)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func testSeveralAddresses(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	for i, id := range []string{"r0", "r1"} {
		keep(t, s, id, i, nil, seen{"a.example", "parked", triage.Urgent}, seen{"a.example", "parked", triage.OK})
	}
	if got := collect(t, s.Diff(t.Context(), "r0", "r1")); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func testLastTwo(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r0", 0, nil)
	if _, _, err := s.LastTwo(t.Context()); err == nil || !strings.Contains(err.Error(), "kind scan alone") {
		t.Errorf("%v", err)
	}
	keep(t, s, "r1", 1, nil)
	keep(t, s, "cut", 2, func(r *report.Run) { r.Complete = false })
	keep(t, s, "blind", 3, func(r *report.Run) { r.Trusted = false })
	if _, err := s.Begin(t.Context(), report.Run{ID: "killed", Kind: "scan", StartedAt: hour(4)}); err != nil {
		t.Fatal(err)
	}
	keep(t, s, "r2", 5, nil)
	before, after, err := s.LastTwo(t.Context())
	if err != nil || before.ID != "r1" || after.ID != "r2" {
		t.Errorf("%s, %s, %v", before.ID, after.ID, err)
	}
}
