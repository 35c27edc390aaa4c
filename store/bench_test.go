package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"certscan/report"
	"certscan/triage"
)

// BenchmarkAdd keeps one record of a name that the history knows.
func BenchmarkAdd(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "certscan.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r, err := s.Begin(b.Context(), report.Run{ID: "r", Kind: "scan", StartedAt: hour(0)})
	if err != nil {
		b.Fatal(err)
	}
	rec := recordOf("r", hour(0), seen{"a.example", "parked", triage.OK})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rec.Name = fmt.Sprint("d", i, ".example")
		if err := r.Add(b.Context(), &rec); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Finish(b.Context(), report.Run{StartedAt: hour(0), FinishedAt: hour(1), Complete: true, Trusted: true}); err != nil {
		b.Fatal(err)
	}
}
