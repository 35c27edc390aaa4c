package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Registration is what a registry said of a registrable domain, in whatever form the caller gave it.
type Registration struct {
	Answer  []byte
	Asked   time.Time
	Expires time.Time // from then on it should be asked again; what was said stays known
}

// Registration returns what was kept of a domain (its A-label), also where it is past its Expires; ok is false where nothing was.
func (s *Store) Registration(ctx context.Context, domain string) (r Registration, ok bool, err error) {
	var asked, expires sql.NullInt64
	err = s.db.QueryRowContext(ctx, `SELECT answer, asked, expires FROM registrations WHERE domain = $1`, text(domain)).
		Scan(&r.Answer, &asked, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Registration{}, false, nil
	}
	r.Asked, r.Expires = instant(asked), instant(expires)
	return r, err == nil, s.fault(err)
}

// PutRegistration keeps what a registry said of a domain, in place of what an earlier question gave.
func (s *Store) PutRegistration(ctx context.Context, domain string, r Registration) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO registrations (domain, answer, asked, expires) VALUES ($1, $2, $3, $4)
		ON CONFLICT (domain) DO UPDATE SET answer = excluded.answer, asked = excluded.asked, expires = excluded.expires
		WHERE excluded.asked >= registrations.asked`, text(domain), append([]byte{}, r.Answer...), r.Asked.UnixMilli(), r.Expires.UnixMilli())
	return s.fault(err)
}

// Reserve books a question to a registry that takes n of them in the given time, evenly spaced, over all processes that
// share the store. It returns when the question may be asked: now, or later. Where that would be after latest nothing is booked, ok is
// false, and at tells when it would have been. What is booked and not used is lost.
func (s *Store) Reserve(ctx context.Context, registry string, n int, per time.Duration, latest time.Time) (at time.Time, ok bool, err error) {
	now, gap := s.now().UnixMilli(), max(1, (per/time.Duration(max(1, n))).Milliseconds())
	var next int64
	err = s.db.QueryRowContext(ctx, `INSERT INTO limits (registry, next_at) VALUES ($1, CAST($2 AS bigint) + CAST($3 AS bigint))
		ON CONFLICT (registry) DO UPDATE SET
			next_at = CASE WHEN limits.next_at > CAST($2 AS bigint) THEN limits.next_at ELSE CAST($2 AS bigint) END + CAST($3 AS bigint)
		WHERE limits.next_at <= CAST($4 AS bigint)
		RETURNING next_at`, text(registry), now, gap, max(now, latest.UnixMilli())).Scan(&next)
	if err == nil {
		return time.UnixMilli(next - gap).UTC(), true, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, s.fault(err)
	}
	err = s.db.QueryRowContext(ctx, `SELECT next_at FROM limits WHERE registry = $1`, text(registry)).Scan(&next)
	return time.UnixMilli(next).UTC(), false, s.fault(err)
}

// Hold lets nobody ask a registry before the given instant, as its Retry-After or a ban wants it.
func (s *Store) Hold(ctx context.Context, registry string, until time.Time) error {
	ctx, cancel := settling(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO limits (registry, next_at) VALUES ($1, $2)
		ON CONFLICT (registry) DO UPDATE SET next_at = excluded.next_at WHERE limits.next_at < excluded.next_at`, text(registry), until.UnixMilli())
	return s.fault(err)
}
