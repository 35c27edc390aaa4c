package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Registration is what a registry's server said of a registrable domain.
type Registration struct {
	// Answer is the last answer that was kept, in whatever form the caller gave it; nil where there is none.
	Answer   []byte
	Answered time.Time // when it was given; zero without one
	Asked    time.Time // when the server was last asked for the domain, whether an answer came or not; zero for never
}

// answerBytesMax bounds one answer: the store is no archive of what registries send.
const answerBytesMax = 64 << 10

// Registration returns what was kept of a domain (its A-label) from one server. An instant after now, which a clock that
// went back has left, becomes now, so that nothing is taken for young for ever.
func (s *Store) Registration(ctx context.Context, domain, server string, now time.Time) (r Registration, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var answered, asked sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT answer, answered, asked FROM registrations WHERE domain = $1 AND server = $2`, text(domain), text(server)).
		Scan(&r.Answer, &answered, &asked)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Registration{}, nil
	case err != nil:
		return Registration{}, s.fault(err)
	}
	ahead := max(asked.Int64, answered.Int64) > now.UnixMilli()
	if ahead {
		asked.Int64, answered.Int64 = min(asked.Int64, now.UnixMilli()), min(answered.Int64, now.UnixMilli())
		err = s.notAfter(ctx, s.db, domain, server, now)
	}
	r.Answered, r.Asked = instant(answered), instant(asked)
	if len(r.Answer) == 0 {
		r.Answer = nil
	}
	return r, s.fault(err)
}

// execer is a database, or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// notAfter lets nothing that is kept of a domain lie after now.
func (s *Store) notAfter(ctx context.Context, db execer, domain, server string, now time.Time) error {
	_, err := db.ExecContext(ctx, `UPDATE registrations SET
			asked = CASE WHEN asked > CAST($3 AS bigint) THEN CAST($3 AS bigint) ELSE asked END,
			answered = CASE WHEN answered > CAST($3 AS bigint) THEN CAST($3 AS bigint) ELSE answered END
		WHERE domain = $1 AND server = $2 AND (asked > CAST($3 AS bigint) OR answered > CAST($3 AS bigint))`, text(domain), text(server), now.UnixMilli())
	return err
}

// Claim notes that a server is being asked for a domain at now; ok is false, and nothing noted, where it was asked after
// since. What it answered before stays.
func (s *Store) Claim(ctx context.Context, domain, server string, since, now time.Time) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout) // not settled: what is cut asks nothing
	defer cancel()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if err := s.notAfter(ctx, tx, domain, server, now); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO registrations (domain, server, answer, asked) VALUES ($1, $2, $3, $4)
			ON CONFLICT (domain, server) DO UPDATE SET asked = excluded.asked WHERE registrations.asked <= $5`,
			text(domain), text(server), []byte{}, now.UnixMilli(), since.UnixMilli())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		ok = n > 0
		return err
	})
	return ok && err == nil, s.fault(err)
}

// PutRegistration keeps what a server said of a domain, in place of what it said before.
func (s *Store) PutRegistration(ctx context.Context, domain, server string, answer []byte, answered time.Time) error {
	if len(answer) > answerBytesMax {
		return s.fault(fmt.Errorf("an answer of more than %d bytes about a registration, which is not kept", answerBytesMax))
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO registrations (domain, server, answer, answered, asked) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (domain, server) DO UPDATE SET answer = excluded.answer, answered = excluded.answered, asked = excluded.asked`,
		text(domain), text(server), append([]byte{}, answer...), answered.UnixMilli(), answered.UnixMilli())
	return s.fault(err)
}

// placesMin is how many places of a server are remembered at least.
const placesMin = 1024

// Reserve takes a place for one question to a server at now, so that in no span of per more than n are taken, over all
// processes that share the store. Where none is left, or the server is held, it takes none and returns when to come
// again; a zero time says that the place was taken. A place that is not used is lost. A place or a hold after now, which
// a clock that went back has left, counts from now.
func (s *Store) Reserve(ctx context.Context, server string, n int, per time.Duration, now time.Time) (again time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout) // not settled: what is cut asks nothing
	defer cancel()
	var wait int64
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		wait, err = reserve(ctx, tx, text(server), int64(max(1, n)), per.Milliseconds(), now.UnixMilli())
		return err
	})
	if err != nil || wait == 0 {
		return time.Time{}, s.fault(err)
	}
	return time.UnixMilli(wait).UTC(), nil
}

// reserve is Reserve in milliseconds, in a transaction that has the server's row to itself from its first statement on.
func reserve(ctx context.Context, tx *sql.Tx, server string, n, per, now int64) (again int64, err error) {
	var taken, since, until int64
	if err := tx.QueryRowContext(ctx, `INSERT INTO limits (server, taken, held_since, held_until) VALUES ($1, 0, 0, 0)
		ON CONFLICT (server) DO UPDATE SET taken = limits.taken RETURNING taken, held_since, held_until`, server).
		Scan(&taken, &since, &until); err != nil {
		return 0, err
	}
	if since > now {
		until = now + until - since
		if _, err := tx.ExecContext(ctx, `UPDATE limits SET held_since = $2, held_until = $3 WHERE server = $1`, server, now, until); err != nil {
			return 0, err
		}
	}
	if until > now {
		return until, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE places SET at = $2 WHERE server = $1 AND at > $2`, server, now); err != nil {
		return 0, err
	}
	var at int64 // of the last place but n-1: where that is in the span, n are
	err = tx.QueryRowContext(ctx, `SELECT at FROM places WHERE server = $1 AND seq = $2`, server, taken-n+1).Scan(&at)
	switch {
	case err == nil && at+per > now:
		return at + per, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return 0, err
	}
	for _, step := range []struct {
		query string
		value int64
	}{
		{`INSERT INTO places (server, seq, at) SELECT server, taken + 1, CAST($2 AS bigint) FROM limits WHERE server = $1`, now},
		{`DELETE FROM places WHERE server = $1 AND seq <= $2`, taken + 1 - max(n, placesMin)},
		{`UPDATE limits SET taken = $2 WHERE server = $1`, taken + 1},
	} {
		if _, err := tx.ExecContext(ctx, step.query, server, step.value); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// Hold lets nobody ask a server from now until an instant, as its Retry-After or a ban wants it; a longer hold stays.
func (s *Store) Hold(ctx context.Context, server string, now, until time.Time) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO limits (server, taken, held_since, held_until) VALUES ($1, 0, $2, $3)
		ON CONFLICT (server) DO UPDATE SET held_since = excluded.held_since, held_until = excluded.held_until
		WHERE limits.held_until < excluded.held_until`, text(server), now.UnixMilli(), until.UnixMilli())
	return s.fault(err)
}
