package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"certscan/report"
)

// Recording is a run that is being kept. It is not safe for concurrent use.
type Recording struct {
	store *Store
	run   report.Run
	state *sql.Stmt // the last span of a name

	batch []any // columns of the records that wait for their transaction
	held  int
	first time.Time // when the first of them came
	seq   int64
	buf   []byte
}

// A batch is written when it holds so many records, and with the next record after so long.
const (
	batchRecords = 200
	batchAge     = time.Second
)

const recordColumns = 10

// Begin notes that a run has begun: ID, Kind, Vantage and StartedAt of run must be set. Until Finish it is unfinished.
func (s *Store) Begin(ctx context.Context, run report.Run) (*Recording, error) {
	ctx, cancel := settling(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO runs (id, kind, vantage, started, complete, trusted, reason, asked, urgent, warn, ok, settings, scope)
		VALUES ($1, $2, $3, $4, false, false, '', 0, 0, 0, 0, $5, $6)`, run.ID, run.Kind, run.Vantage, millis(run.StartedAt), text(run.Settings), text(run.Scope))
	if err != nil {
		return nil, s.fault(err)
	}
	return s.recording(ctx, run, 0)
}

// Resume goes on with a run that [Store.Cut] returned: it is unfinished again, and what is added follows what it has. Spans of the
// history that began with it are taken out until it ends: what it saw before it was cut is no past of its own.
func (s *Store) Resume(ctx context.Context, run report.Run) (*Recording, error) {
	ctx, cancel := settling(ctx)
	defer cancel()
	var last sql.NullInt64
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET finished = NULL, complete = false, trusted = false WHERE id = $1`, run.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM history WHERE kind = $2 AND vantage = $3 AND EXISTS (SELECT 1 FROM records r
			WHERE r.run = $1 AND r.name = history.name AND r.since = history.since AND r.checked = r.since)`, run.ID, run.Kind, run.Vantage); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT max(seq) FROM records WHERE run = $1`, run.ID).Scan(&last)
	})
	if err != nil {
		return nil, s.fault(err)
	}
	return s.recording(ctx, run, last.Int64)
}

// recording returns the Recording of a run whose last record has that number.
func (s *Store) recording(ctx context.Context, run report.Run, seq int64) (*Recording, error) {
	// The statement lives as long as the recording, which may outlive this call's context.
	state, err := s.db.PrepareContext(ctx, `SELECT since, verdict, severity FROM history
		WHERE name = $1 AND kind = $2 AND vantage = $3 ORDER BY since DESC LIMIT 1`)
	if err != nil {
		return nil, s.fault(err)
	}
	return &Recording{store: s, run: run, state: state, seq: seq}, nil
}

// Add fills rec.Since from the history, and keeps rec. Since stays zero where nothing could be told: without a verdict,
// as from `certscan probe`, and with the verdict unknown, which ends nothing. Records are written in batches: a process
// that is killed may lose the last one, and nothing else. After an error nothing more can be kept: the run stays unfinished.
func (r *Recording) Add(ctx context.Context, rec *report.Record) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	verdict, reason := "", ""
	if rec.DNS != nil {
		verdict, reason = rec.DNS.Verdict, rec.DNS.Reason
	}
	if verdict != "" && verdict != "unknown" {
		var err error
		if rec.Since, err = r.since(ctx, rec, verdict); err != nil {
			return r.store.fault(err)
		}
	}
	if r.held == 0 {
		r.first = time.Now()
	}
	r.seq++
	r.held++
	r.buf = rec.AppendJSON(r.buf[:0])
	r.batch = append(r.batch, r.run.ID, r.seq, text(rec.Name), text(rec.Domain), verdict, reason, string(rec.Severity),
		rec.CheckedAt.UnixMilli(), millis(rec.Since), string(r.buf))
	if r.held < batchRecords && time.Since(r.first) < batchAge {
		return nil
	}
	return r.write(ctx)
}

// Flush writes what waits, so that nothing that was added is lost whatever comes.
func (r *Recording) Flush(ctx context.Context) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	return r.write(ctx)
}

func (r *Recording) write(ctx context.Context) error {
	if err := r.store.inTx(ctx, func(tx *sql.Tx) error { return r.flush(ctx, tx) }); err != nil {
		return r.store.fault(err)
	}
	r.written()
	return nil
}

// since returns when the verdict and severity of rec began: with the last span, where they still are what they were.
func (r *Recording) since(ctx context.Context, rec *report.Record, verdict string) (time.Time, error) {
	var since sql.NullInt64
	var was, severity string
	err := r.state.QueryRowContext(ctx, text(rec.Name), r.run.Kind, r.run.Vantage).Scan(&since, &was, &severity)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && (was != verdict || severity != string(rec.Severity)):
		return rec.CheckedAt, nil
	case err != nil:
		return time.Time{}, err
	}
	return instant(since), nil
}

// flush writes what waits.
func (r *Recording) flush(ctx context.Context, tx *sql.Tx) error {
	if r.held == 0 {
		return nil
	}
	rows := r.held // as one statement: a server is asked once
	if r.store.sqlite {
		rows = 1 // its driver looks each parameter up among all of the statement
	}
	insert, err := tx.PrepareContext(ctx, insertRecords(rows))
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for values := range slices.Chunk(r.batch, rows*recordColumns) {
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

// written forgets what was flushed, once it is there for good.
func (r *Recording) written() {
	clear(r.batch)
	r.batch, r.held = r.batch[:0], 0
}

// insertRecords is the statement for so many records.
func insertRecords(rows int) string {
	var q strings.Builder
	q.WriteString("INSERT INTO records (run, seq, name, domain, verdict, reason, severity, checked, since, record) VALUES ")
	for row := range rows {
		for c := range recordColumns {
			q.WriteString([]string{", ", "("}[btoi(c == 0)])
			fmt.Fprintf(&q, "$%d", row*recordColumns+c+1)
		}
		q.WriteString([]string{"), ", ")"}[btoi(row == rows-1)])
	}
	return q.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Finish writes the rest, marks the run finished with what run says of it, and, where it is trusted, carries its verdicts
// into the history: all of it or nothing.
func (r *Recording) Finish(ctx context.Context, run report.Run) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	err := r.store.inTx(ctx, func(tx *sql.Tx) error {
		if err := r.flush(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE runs SET started = $1, finished = $2, complete = $3, trusted = $4, reason = $5, asked = $6,
			urgent = $7, warn = $8, ok = $9 WHERE id = $10`, millis(run.StartedAt), millis(run.FinishedAt), run.Complete, run.Trusted,
			text(run.Reason), run.Asked, run.Counts.Urgent, run.Counts.Warn, run.Counts.OK, r.run.ID)
		if err != nil || !run.Trusted {
			return err
		}
		return remember(ctx, tx, r.run.ID)
	})
	return r.store.fault(errors.Join(err, r.state.Close()))
}

// remember carries the records of a run into the history: a span goes on, or a new one begins.
func remember(ctx context.Context, tx *sql.Tx, run string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO history (name, kind, vantage, since, verdict, reason, severity, seen)
		SELECT r.name, u.kind, u.vantage, r.since, r.verdict, r.reason, r.severity, r.checked
		FROM records r JOIN runs u ON u.id = r.run
		WHERE r.run = $1 AND r.since IS NOT NULL AND `+lastOfName+`
		ON CONFLICT (name, kind, vantage, since) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
			severity = excluded.severity, seen = CASE WHEN excluded.seen > history.seen THEN excluded.seen ELSE history.seen END`, run)
	return err
}

// lastOfName chooses one record of each name: probe may look at a name at several addresses.
const lastOfName = `NOT EXISTS (SELECT 1 FROM records d WHERE d.name = r.name AND d.run = r.run AND d.seq > r.seq)`
