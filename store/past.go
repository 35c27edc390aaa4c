package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"certscan/report"
)

// Degraded begins the reason of a run in which too many names turned bad at once: it is not trusted, and still a first look
// by which a later one is confirmed.
const Degraded = "degraded: "

// Span is a stretch of time in which every look saw the same verdict. Its zero value is none.
type Span struct {
	Verdict, Reason string    // the reason of the last look
	Since, Seen     time.Time // the first look of it, and the last
}

// Past is what the runs of one vantage point, of whatever kind, saw of a name. What they could not tell (unknown) ends no
// span.
type Past struct {
	// Last is what was seen last, without another verdict in between, by runs that can be trusted, by unfinished ones and by
	// degraded ones.
	Last Span
	// Trusted is the same of the runs alone that can be trusted.
	Trusted Span
	// Ended is the last span of runs that can be trusted in which the verdict was free or expired.
	Ended Span
	// First is the first look of all.
	First time.Time
}

// Past returns what is known of a name (the A-label); a zero one where nothing is. It reads the spans of the name, and a
// record of each run that is not trusted and still counts: CROSS JOIN makes SQLite begin with those few runs, however many
// others saw the name.
func (s *Store) Past(ctx context.Context, name, vantage string) (Past, error) {
	var all, trusted []Span
	for seen, err := range rows(ctx, s, scanSpan, `
		SELECT verdict, reason, since, seen, true FROM history WHERE name = $1 AND vantage = $2
		UNION ALL
		SELECT r.verdict, r.reason, r.checked, r.checked, false FROM runs u CROSS JOIN records r
		WHERE r.run = u.id AND r.name = $1 AND u.vantage = $2 AND NOT u.trusted AND (u.finished IS NULL OR u.reason LIKE '`+Degraded+`%')
			AND r.verdict <> '' AND r.verdict <> 'unknown'`, text(name), vantage) {
		if err != nil {
			return Past{}, err
		}
		all = append(all, seen.Span)
		if seen.trusted {
			trusted = append(trusted, seen.Span)
		}
	}
	p := Past{Last: latest(all), Trusted: latest(trusted), Ended: latest(upToEnd(trusted))}
	for _, s := range all {
		if p.First.IsZero() || s.Since.Before(p.First) {
			p.First = s.Since
		}
	}
	return p, nil
}

// Further returns what is known of a further name that records of a domain tell (its names): what was seen last, back to where
// another verdict was seen in between, and no further than a first look before enough, which confirms whatever came later.
func (s *Store) Further(ctx context.Context, domain, name, vantage string, enough time.Time) (Span, error) {
	var last Span
	for record, err := range rows(ctx, s, scanRecord, `SELECT r.record FROM runs u CROSS JOIN records r
		WHERE r.run = u.id AND r.name = $1 AND u.vantage = $2 AND (u.trusted OR u.finished IS NULL OR u.reason LIKE '`+Degraded+`%')
		ORDER BY u.started DESC, r.seq DESC`, text(domain), vantage) {
		if err != nil {
			return Span{}, err
		}
		rec, err := report.DecodeRecord(record)
		if err != nil {
			return Span{}, s.fault(err)
		}
		for _, n := range rec.Names {
			switch {
			case n.Name != name || n.Verdict == "unknown":
			case last.Verdict == "":
				last = Span{Verdict: n.Verdict, Reason: n.Reason, Since: rec.CheckedAt, Seen: rec.CheckedAt}
			case n.Verdict != last.Verdict:
				return last, nil
			default:
				last.Since = rec.CheckedAt
			}
		}
		if last.Verdict != "" && !last.Since.After(enough) {
			return last, nil
		}
	}
	return last, nil
}

// Ended returns the names of which a run that can be trusted ever said that they were free or expired, and when the first
// look of all was; zero where there was none.
func (s *Store) Ended(ctx context.Context, vantage string) (names map[string]bool, began time.Time, err error) {
	var first sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT MIN(since) FROM history WHERE vantage = $1`, vantage).Scan(&first); err != nil {
		return nil, time.Time{}, s.fault(err)
	}
	names = map[string]bool{}
	name := func(r *sql.Rows) (name string, err error) {
		err = r.Scan(&name)
		return name, err
	}
	for name, err := range rows(ctx, s, name, `SELECT DISTINCT name FROM history WHERE vantage = $1 AND verdict IN ('free', 'expired')`, vantage) {
		if err != nil {
			return nil, time.Time{}, err
		}
		names[name] = true
	}
	return names, instant(first), nil
}

// sightedSpan is a span with whether the runs that saw it can be trusted.
type sightedSpan struct {
	Span
	trusted bool
}

func scanSpan(r *sql.Rows) (s sightedSpan, err error) {
	var since, seen sql.NullInt64
	err = r.Scan(&s.Verdict, &s.Reason, &since, &seen, &s.trusted)
	s.Since, s.Seen = instant(since), instant(seen)
	return s, err
}

// upToEnd returns the spans up to the last one in which the domain was free or expired.
func upToEnd(all []Span) []Span {
	var end time.Time
	for _, s := range all {
		if (s.Verdict == "free" || s.Verdict == "expired") && s.Seen.After(end) {
			end = s.Seen
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s Span) bool { return s.Seen.After(end) })
}

// latest joins the spans of the verdict that was seen last, back to where another one was seen in between. Spans of several
// kinds of runs may overlap; of one that reaches back beyond another verdict its last look alone is sure.
func latest(all []Span) Span {
	if len(all) == 0 {
		return Span{}
	}
	last := slices.MaxFunc(all, func(a, b Span) int { return cmp.Or(a.Seen.Compare(b.Seen), a.Since.Compare(b.Since)) })
	var other time.Time
	for _, s := range all {
		if s.Verdict != last.Verdict && s.Seen.After(other) {
			other = s.Seen
		}
	}
	for _, s := range all {
		since := s.Since
		if !since.After(other) {
			since = s.Seen
		}
		if s.Verdict == last.Verdict && since.After(other) && since.Before(last.Since) {
			last.Since = since
		}
	}
	if !last.Since.After(other) {
		last.Since = last.Seen
	}
	return last
}
