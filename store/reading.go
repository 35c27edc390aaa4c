package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"regexp"

	"certscan/report"
)

const runColumns = `id, kind, vantage, started, finished, complete, trusted, reason, asked, urgent, warn, ok`

// Runs yields every run, newest first. FinishedAt of an unfinished one is zero.
func (s *Store) Runs(ctx context.Context) iter.Seq2[report.Run, error] {
	return rows(ctx, s, scanRun, `SELECT `+runColumns+` FROM runs ORDER BY started DESC, id DESC`)
}

// Run returns the run whose id begins with id, which must be one alone.
func (s *Store) Run(ctx context.Context, id string) (report.Run, error) {
	if !regexp.MustCompile(`^[0-9A-Za-z-]+$`).MatchString(id) {
		return report.Run{}, s.says("%q is no id of a run: certscan history lists them", id)
	}
	var found []report.Run
	for run, err := range rows(ctx, s, scanRun, `SELECT `+runColumns+` FROM runs WHERE id LIKE $1 ORDER BY id LIMIT 2`, id+"%") {
		if err != nil {
			return run, err
		}
		found = append(found, run)
	}
	switch {
	case len(found) == 0:
		return report.Run{}, s.says("no run %s: certscan history lists them", id)
	case len(found) > 1 && found[0].ID != id:
		return report.Run{}, s.says("several runs begin with %s: write more of the id", id)
	}
	return found[0], nil
}

// LastTwo returns the last two runs of one kind and vantage point that are complete and trusted, the older first. The kind is that
// of the last run of all. An error says which is missing.
func (s *Store) LastTwo(ctx context.Context) (before, after report.Run, err error) {
	const whole = `FROM runs WHERE finished IS NOT NULL AND complete AND trusted`
	var last []report.Run
	for run, err := range rows(ctx, s, scanRun, `SELECT `+runColumns+` `+whole+` AND (kind, vantage) IN
		(SELECT kind, vantage `+whole+` ORDER BY started DESC, id DESC LIMIT 1) ORDER BY started DESC, id DESC LIMIT 2`) {
		if err != nil {
			return before, after, err
		}
		last = append(last, run)
	}
	switch len(last) {
	case 0:
		return before, after, s.says("no complete run that can be trusted: certscan scan --db keeps one")
	case 1:
		return before, after, s.says("one complete run of kind %s alone, nothing to compare it with: scan once more", last[0].Kind)
	}
	return last[1], last[0], nil
}

// Records yields the records of a run as they were emitted, in the order of completion.
func (s *Store) Records(ctx context.Context, run string) iter.Seq2[[]byte, error] {
	return rows(ctx, s, scanRecord, `SELECT record FROM records WHERE run = $1 ORDER BY seq`, run)
}

func scanRecord(r *sql.Rows) (record []byte, err error) {
	err = r.Scan(&record)
	return record, err
}

func scanRun(r *sql.Rows) (run report.Run, err error) {
	var started, finished sql.NullInt64
	err = r.Scan(&run.ID, &run.Kind, &run.Vantage, &started, &finished, &run.Complete, &run.Trusted, &run.Reason, &run.Asked,
		&run.Counts.Urgent, &run.Counts.Warn, &run.Counts.OK)
	run.StartedAt, run.FinishedAt = instant(started), instant(finished)
	return run, err
}

// rows yields what a query gives. It ends with the first error.
func rows[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := errors.New("enough")
		err := func() error {
			r, err := s.db.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			defer func() { _ = r.Close() }()
			for r.Next() {
				one, err := scan(r)
				if err != nil {
					return fmt.Errorf("read a row: %w", err)
				}
				if !yield(one, nil) {
					return stopped
				}
			}
			return r.Err()
		}()
		if err != nil && !errors.Is(err, stopped) {
			var none T
			yield(none, s.fault(err))
		}
	}
}
