package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"certscan/report"
)

// Cut returns the newest run of like's kind, vantage point and scope if it was cut or killed, began no earlier than since, and
// was told like's settings; ok is false where the newest is complete, older or another.
func (s *Store) Cut(ctx context.Context, like report.Run, since time.Time) (run report.Run, ok bool, err error) {
	run, ok, err = s.one(ctx, `SELECT `+runColumns+` FROM runs WHERE kind = $1 AND vantage = $2 AND scope = $3 ORDER BY started DESC, id DESC LIMIT 1`,
		like.Kind, like.Vantage, text(like.Scope))
	if err != nil || !ok || run.Complete || run.StartedAt.Before(since) {
		return report.Run{}, false, err
	}
	run.Counts = report.Counts{} // it counts anew what it kept
	err = s.fault(s.db.QueryRowContext(ctx, `SELECT settings FROM runs WHERE id = $1`, run.ID).Scan(&run.Settings))
	run.Scope = like.Scope
	return run, run.Settings == text(like.Settings) && err == nil, err
}

// Last returns the newest complete and trusted run of a kind, vantage point and scope; ok is false where there is none.
func (s *Store) Last(ctx context.Context, kind, vantage, scope string) (run report.Run, ok bool, err error) {
	run, ok, err = s.one(ctx, `SELECT `+runColumns+` FROM runs WHERE kind = $1 AND vantage = $2 AND scope = $3 AND finished IS NOT NULL AND complete AND trusted
		ORDER BY started DESC, id DESC LIMIT 1`, kind, vantage, text(scope))
	run.Scope = scope
	return run, ok, err
}

// one returns the only run that a query gives.
func (s *Store) one(ctx context.Context, query string, args ...any) (run report.Run, ok bool, err error) {
	for run, err := range rows(ctx, s, scanRun, query, args...) {
		return run, err == nil, err
	}
	return report.Run{}, false, nil
}

// Kept is what a run kept of a name.
type Kept struct {
	Name    string
	Verdict string
	Record  []byte // as it was emitted
}

// Kept yields what a run kept, the last record of each name.
func (s *Store) Kept(ctx context.Context, run string) iter.Seq2[Kept, error] {
	return rows(ctx, s, scanKept, `SELECT r.name, r.verdict, r.record FROM records r WHERE r.run = $1 AND `+lastOfName+` ORDER BY r.seq`, run)
}

// Troubled yields what a run kept of the names whose severity is not OK.
func (s *Store) Troubled(ctx context.Context, run string) iter.Seq2[Kept, error] {
	return rows(ctx, s, scanKept, `SELECT r.name, r.verdict, r.record FROM records r
		WHERE r.run = $1 AND r.severity <> 'OK' AND `+lastOfName+` ORDER BY r.seq`, run)
}

// Said returns the verdict that a run kept of a name last, and its reason; both are "" where it did not look at it.
func (s *Store) Said(ctx context.Context, run, name string) (verdict, reason string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT verdict, reason FROM records WHERE run = $1 AND name = $2 ORDER BY seq DESC LIMIT 1`,
		run, text(name)).Scan(&verdict, &reason)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	return verdict, reason, s.fault(err)
}

func scanKept(r *sql.Rows) (k Kept, err error) {
	err = r.Scan(&k.Name, &k.Verdict, &k.Record)
	return k, err
}
