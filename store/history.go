package store

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"certscan/report"
)

// Sighting is what one run saw of a name. Where the runs of a span of time were pruned, Run.ID and Record are empty, and
// Checked is when the name was seen so for the last time.
type Sighting struct {
	Run                       report.Run // without counts
	Verdict, Reason, Severity string
	Checked, Since            time.Time
	Record                    []byte // as it was emitted
}

// History yields what is known of a name (the A-label), newest first: of each run what it saw last, of a probe all addresses.
func (s *Store) History(ctx context.Context, name string) iter.Seq2[Sighting, error] {
	return rows(ctx, s, scanSighting, `
		SELECT u.id, u.kind, u.vantage, u.started, u.finished, u.complete, u.trusted, r.verdict, r.reason, r.severity, r.checked, r.since, r.record
		FROM records r JOIN runs u ON u.id = r.run WHERE r.name = $1 AND (u.kind = 'probe' OR `+lastOfName+`)
		UNION ALL
		SELECT '', h.kind, h.vantage, h.since, h.seen, true, true, h.verdict, h.reason, h.severity, h.seen, h.since, ''
		FROM history h WHERE h.name = $1 AND NOT EXISTS (
			SELECT 1 FROM records r JOIN runs u ON u.id = r.run
			WHERE r.name = h.name AND u.kind = h.kind AND u.vantage = h.vantage AND r.since = h.since)
		ORDER BY 11 DESC, 1 DESC`, text(name))
}

func scanSighting(r *sql.Rows) (g Sighting, err error) {
	var started, finished, checked, since sql.NullInt64
	err = r.Scan(&g.Run.ID, &g.Run.Kind, &g.Run.Vantage, &started, &finished, &g.Run.Complete, &g.Run.Trusted,
		&g.Verdict, &g.Reason, &g.Severity, &checked, &since, &g.Record)
	g.Run.StartedAt, g.Run.FinishedAt, g.Checked, g.Since = instant(started), instant(finished), instant(checked), instant(since)
	return g, err
}

// State is what a run says of a name in short; empty where it says nothing.
type State struct{ Verdict, Reason, Severity string }

// Change is a name of which two runs say different things.
type Change struct {
	What          string // "changed", "new" (the later run alone has it) or "gone" (the earlier)
	Name, Domain  string // key and display form
	Before, After State
	Since         time.Time // as the later record has it; zero for a name that is gone
}

// Diff yields what changed from one run to another: verdict, reason or severity, names that came and names that went.
func (s *Store) Diff(ctx context.Context, before, after string) iter.Seq2[Change, error] {
	return rows(ctx, s, scanChange, `
		WITH a AS (SELECT * FROM records r WHERE r.run = $1 AND `+lastOfName+`),
		     b AS (SELECT * FROM records r WHERE r.run = $2 AND `+lastOfName+`)
		SELECT 'changed' AS what, b.name, b.domain, a.verdict, a.reason, a.severity, b.verdict, b.reason, b.severity, b.since
		FROM b JOIN a ON a.name = b.name WHERE a.verdict <> b.verdict OR a.reason <> b.reason OR a.severity <> b.severity
		UNION ALL
		SELECT 'new', b.name, b.domain, '', '', '', b.verdict, b.reason, b.severity, b.since
		FROM b WHERE NOT EXISTS (SELECT 1 FROM records o WHERE o.run = $1 AND o.name = b.name)
		UNION ALL
		SELECT 'gone', a.name, a.domain, a.verdict, a.reason, a.severity, '', '', '', NULL
		FROM a WHERE NOT EXISTS (SELECT 1 FROM records o WHERE o.run = $2 AND o.name = a.name)
		ORDER BY 1, 2`, before, after)
}

func scanChange(r *sql.Rows) (c Change, err error) {
	var since sql.NullInt64
	err = r.Scan(&c.What, &c.Name, &c.Domain, &c.Before.Verdict, &c.Before.Reason, &c.Before.Severity,
		&c.After.Verdict, &c.After.Reason, &c.After.Severity, &since)
	c.Since = instant(since)
	return c, err
}
