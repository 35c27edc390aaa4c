package store

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"certscan/report"
)

// unfinishedAge is how old a run must be before nobody can be at work on it.
const unfinishedAge = 24 * time.Hour

// Pruned is a run that was removed, and how many records went with it.
type Pruned struct {
	Run     report.Run
	Records int64
}

// Prune removes runs with their records and yields each once it is gone: those that began before the given instant where
// that is not zero, else all but the newest keep finished ones of each kind and vantage point. The newest complete and trusted
// run of each kind and vantage point always stays, and so do all spans of the history: since when a name has its verdict is
// never forgotten.
func (s *Store) Prune(ctx context.Context, keep int, before time.Time) iter.Seq2[Pruned, error] {
	return func(yield func(Pruned, error) bool) {
		doomed, err := s.doomed(ctx, keep, before)
		for _, run := range doomed {
			var n int64
			if n, err = s.remove(ctx, run.ID); err != nil || !yield(Pruned{run, n}, nil) {
				break
			}
		}
		if err == nil && s.sqlite {
			_, err = s.db.ExecContext(ctx, `PRAGMA incremental_vacuum`) // gives the room back to the disk
		}
		if err != nil {
			yield(Pruned{}, s.fault(err))
		}
	}
}

// remove takes one run out. A span of the history that only it saw stays.
func (s *Store) remove(ctx context.Context, id string) (n int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		gone, err := tx.ExecContext(ctx, `DELETE FROM records WHERE run = $1`, id)
		if err != nil {
			return err
		}
		if n, err = gone.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM runs WHERE id = $1`, id)
		return err
	})
	return n, err
}

// doomed lists the runs to be removed, newest first.
func (s *Store) doomed(ctx context.Context, keep int, before time.Time) ([]report.Run, error) {
	type line struct{ kind, vantage string }
	finished, whole := map[line]int{}, map[line]bool{}
	var out []report.Run
	for run, err := range s.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		l := line{run.Kind, run.Vantage}
		old := !before.IsZero() && run.StartedAt.Before(before) || before.IsZero() && finished[l] >= keep
		switch {
		case run.FinishedAt.IsZero():
			old = old && s.now().Sub(run.StartedAt) > unfinishedAge
		default:
			finished[l]++
		}
		if good := !run.FinishedAt.IsZero() && run.Complete && run.Trusted; good && !whole[l] {
			whole[l] = true
			continue
		}
		if old {
			out = append(out, run)
		}
	}
	return out, nil
}
