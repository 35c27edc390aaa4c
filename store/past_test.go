package store

import (
	"fmt"
	"testing"
	"time"

	"certscan/report"
	"certscan/triage"
)

// testPast goes through a life of a name, and holds what the store says of it after each run.
func testPast(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	span := func(verdict string, since, seen int) Span {
		return Span{Verdict: verdict, Since: hour(since), Seen: hour(seen)}
	}
	untrusted := func(why string) func(*report.Run) {
		return func(r *report.Run) { r.Trusted, r.Reason = false, why }
	}
	for _, c := range []struct {
		row     string
		at      int
		verdict string
		edit    func(*report.Run)
		want    Past
	}{
		{"first", 0, "parked", nil, Past{Last: span("parked", 0, 0), Trusted: span("parked", 0, 0)}},
		{"the same", 1, "parked", nil, Past{Last: span("parked", 0, 1), Trusted: span("parked", 0, 1)}},
		{"not trusted", 2, "moved", untrusted("no control name resolves"), Past{Last: span("parked", 0, 1), Trusted: span("parked", 0, 1)}},
		{"degraded", 3, "moved", untrusted(Degraded + "too many"), Past{Last: span("moved", 3, 3), Trusted: span("parked", 0, 1)}},
		{"unknown ends nothing", 4, "unknown", untrusted(Degraded + "too many"), Past{Last: span("moved", 3, 3), Trusted: span("parked", 0, 1)}},
		{"degraded again", 5, "moved", untrusted(Degraded + "too many"), Past{Last: span("moved", 3, 5), Trusted: span("parked", 0, 1)}},
		{"trusted at last", 10, "moved", nil, Past{Last: span("moved", 3, 10), Trusted: span("moved", 10, 10)}},
		{"free, degraded", 11, "free", untrusted(Degraded + "too many"), Past{Last: span("free", 11, 11), Trusted: span("moved", 10, 10)}},
		{"free", 12, "free", nil, Past{Last: span("free", 11, 12), Trusted: span("free", 12, 12), Ended: span("free", 12, 12)}},
		{"free again", 13, "free", nil, Past{Last: span("free", 11, 13), Trusted: span("free", 12, 13), Ended: span("free", 12, 13)}},
		{"back", 20, "parked", nil, Past{Last: span("parked", 20, 20), Trusted: span("parked", 20, 20), Ended: span("free", 12, 13)}},
		{"expired", 30, "expired", nil, Past{Last: span("expired", 30, 30), Trusted: span("expired", 30, 30), Ended: span("expired", 30, 30)}},
		{"killed", 40, "parked", func(*report.Run) {}, Past{Last: span("parked", 40, 40), Trusted: span("expired", 30, 30), Ended: span("expired", 30, 30)}},
	} {
		seen := seen{"a.example", c.verdict, triage.OK}
		if c.row == "killed" {
			kill(t, s, c.at, seen)
		} else {
			keep(t, s, fmt.Sprint("r", c.at), c.at, c.edit, seen)
		}
		got, err := s.Past(t.Context(), "a.example", "")
		if c.want.First = hour(0); err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", c.row, err, got, c.want)
		}
	}
	for _, other := range [][2]string{{"b.example", ""}, {"a.example", "msk"}} {
		if got, err := s.Past(t.Context(), other[0], other[1]); err != nil || got != (Past{}) {
			t.Errorf("%q: %+v, %v", other, got, err)
		}
	}
	keep(t, s, "r50", 50, nil, seen{"b.example", "parked", triage.OK})
	if got, began, err := s.Ended(t.Context(), ""); err != nil || len(got) != 1 || !got["a.example"] || !began.Equal(hour(0)) {
		t.Errorf("%v, %s, %v", got, began, err)
	}
	if got, began, err := s.Ended(t.Context(), "msk"); err != nil || len(got) != 0 || !began.IsZero() {
		t.Errorf("another vantage point: %v, %s, %v", got, began, err)
	}
	collect(t, s.Prune(t.Context(), 0, hour(45)))
	if got, err := s.Past(t.Context(), "a.example", ""); err != nil || got.Trusted != span("expired", 30, 30) || !got.First.Equal(hour(0)) {
		t.Errorf("after pruning: %+v, %v", got, err)
	}
}

// kill keeps one record of a run that is never finished.
func kill(t *testing.T, s *Store, at int, one seen) {
	t.Helper()
	r, err := s.Begin(t.Context(), report.Run{ID: fmt.Sprint("killed", at), Kind: "scan", StartedAt: hour(at)})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []seen{one, {"other.example", "parked", triage.OK}} {
		rec := recordOf("killed", hour(at), one)
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
		r.first = time.Now().Add(-time.Hour) // the next one writes the batch
	}
}

// testPastOverlap holds that a verdict which another kind of run saw in between does not reach back beyond that.
func testPastOverlap(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	as := func(kind string, at int, verdict string) {
		t.Helper()
		run := report.Run{ID: fmt.Sprint(kind, at), Kind: kind, StartedAt: hour(at)}
		r, err := s.Begin(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		rec := recordOf(run.ID, hour(at), seen{"a.example", verdict, triage.OK})
		run.FinishedAt, run.Complete, run.Trusted = hour(at), true, true
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
		if err := r.Finish(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	as("scan", 0, "moved")
	as("dns", 5, "parked")
	as("scan", 8, "moved") // its span begins at 0
	got, err := s.Past(t.Context(), "a.example", "")
	if want := (Span{Verdict: "moved", Since: hour(8), Seen: hour(8)}); err != nil || got.Last != want || got.Trusted != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	as("dns", 9, "moved")
	if got, err := s.Past(t.Context(), "a.example", ""); err != nil || !got.Last.Since.Equal(hour(8)) || !got.Last.Seen.Equal(hour(9)) {
		t.Errorf("%+v, %v", got, err)
	}
}

// testPastFurther holds what records of a domain tell of its further names.
func testPastFurther(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	for at, verdict := range []string{"moved", "parked", "moved", "unknown", "moved", "moved"} {
		run := report.Run{ID: fmt.Sprint("r", at), Kind: "scan", StartedAt: hour(at)}
		r, err := s.Begin(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := report.DecodeRecord(fmt.Appendf(nil, `{"schema":1,"name":"a.example","severity":"OK","dns":{"verdict":"parked"},"checked_at":%q,
			"names":[{"name":"b.a.example","verdict":"parked"},{"name":"www.a.example","verdict":%q,"reason":"parking"}]}`, hour(at).Format(time.RFC3339), verdict))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(t.Context(), &rec); err != nil {
			t.Fatal(err)
		}
		run.FinishedAt, run.Complete, run.Trusted = hour(at), true, at != 2
		if at == 2 {
			run.Reason = Degraded + "too many"
		}
		if err := r.Finish(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		enough int
		want   Span
	}{
		"www.a.example": {0, Span{"moved", "parking", hour(2), hour(5)}},
		"b.a.example":   {3, Span{"parked", "", hour(3), hour(5)}}, // whatever was before
		"c.a.example":   {0, Span{}},
	} {
		got, err := s.Further(t.Context(), "a.example", name, "", hour(c.enough))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// BenchmarkPast measures what it costs to ask for a name that is not clean.
func BenchmarkPast(b *testing.B) {
	s, err := Open(b.Context(), b.TempDir()+"/bench.db")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for run := range 5 {
		r, err := s.Begin(b.Context(), report.Run{ID: fmt.Sprint(run), Kind: "scan", StartedAt: hour(run)})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 2000 {
			rec := recordOf(fmt.Sprint(run), hour(run), seen{fmt.Sprintf("n%d.example", i), "moved", triage.OK})
			if err := r.Add(b.Context(), &rec); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Finish(b.Context(), report.Run{StartedAt: hour(run), FinishedAt: hour(run), Complete: true, Trusted: run > 1, Reason: Degraded}); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		i++
		if p, err := s.Past(b.Context(), fmt.Sprintf("n%d.example", i%2000), ""); err != nil || p.Last.Verdict != "moved" {
			b.Fatal(p, err)
		}
	}
}
