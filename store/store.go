// Package store remembers: runs and their records, since when a name has its verdict, what registries said, and when they
// may be asked again. It is the only package that knows SQL.
//
// A [Store] is one SQLite file, or a PostgreSQL database that several machines share; the same SQL text serves both. It
// promises: a record is there whole or not at all; a run counts as finished only once all its records are there, so that a
// process that is killed leaves a run marked unfinished; what a newer certscan wrote, what is damaged, and what is not ours
// is not touched; an error says what to do, and never holds a password. A Store is safe for concurrent use, by several
// processes as well.
package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Store is an open store. The caller closes it.
type Store struct {
	db     *sql.DB
	name   string // of the file, or the URL without its password
	sqlite bool
	secret string           // what no error may hold
	now    func() time.Time // tells the instant
}

// Open opens the store in the file of that absolute path, or at a URL postgres://…, and creates what is missing: folders
// with mode 0700, the file with 0600, tables. An error says what to do.
func Open(ctx context.Context, where string) (*Store, error) {
	open := openSQLite
	if IsURL(where) {
		open = openPostgres
	}
	s, err := open(where)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		_ = s.db.Close()
		return nil, s.fault(err)
	}
	return s, nil
}

// IsURL reports whether where is the URL of a PostgreSQL database, and no file.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Close lets go of the store.
func (s *Store) Close() error { return s.fault(s.db.Close()) }

// String names the store for people: the file, or the URL without its password.
func (s *Store) String() string { return s.name }

// inTx does something in one transaction: all of it, or nothing.
func (s *Store) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// How long a write may take, and how much longer once the run was told to end: Ctrl-C ends within two seconds.
const (
	writeTimeout = time.Minute
	writeGrace   = time.Second
)

// settling returns a context for a write that outlives the end of ctx by writeGrace.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	long, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(writeGrace, cancel) })
	return long, func() {
		stop()
		cancel()
	}
}

// millis is an instant as a column holds it: null for the zero time.
func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// instant reads a column back.
func instant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// text is a text as a column of both databases takes it: UTF-8 without NUL. Names that cannot be scanned may hold anything.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
