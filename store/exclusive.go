package store

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrHeld says that another process is at the same work.
var ErrHeld = errors.New("another process is at it")

// Exclusive lets one process at a time do a kind of work with this store, and returns how to let go. The end of the process lets go
// as well, however it comes. Where somebody else holds it the error is [ErrHeld]. work is a word.
func (s *Store) Exclusive(ctx context.Context, work string) (release func() error, err error) {
	db, lock := s.db, s.advisory
	if s.sqlite {
		if db, err = sql.Open("sqlite", fileURI(s.name+"-"+work)); err != nil {
			return nil, s.fault(err)
		}
		lock = besideFile
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		if err = lock(ctx, conn, work); err == nil {
			return func() error { return s.fault(s.letGo(context.WithoutCancel(ctx), db, conn)) }, nil
		}
		_ = conn.Close()
	}
	if s.sqlite {
		_ = db.Close()
	}
	if errors.Is(err, ErrHeld) {
		return nil, err
	}
	return nil, s.fault(err)
}

// besideFile holds a file beside the store by SQLite's own lock, which every system has and which ends with the process. The
// file stays empty.
func besideFile(ctx context.Context, conn *sql.Conn, _ string) error {
	_, err := conn.ExecContext(ctx, `BEGIN EXCLUSIVE`)
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xFF == sqlite3.SQLITE_BUSY {
		return ErrHeld
	}
	return err
}

// advisory holds an advisory lock of PostgreSQL, which ends with its connection.
func (s *Store) advisory(ctx context.Context, conn *sql.Conn, work string) error {
	key := fnv.New32a()
	_, _ = key.Write([]byte(work)) // never fails (hash.Hash)
	var held bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, exclusiveClass, int32(key.Sum32())).Scan(&held); err != nil {
		return err
	}
	if !held {
		return ErrHeld
	}
	return nil
}

// exclusiveClass is the first key of those locks.
const exclusiveClass = int32(0x63657274) // "cert"

// letGo ends the connection, and with it the lock.
func (s *Store) letGo(ctx context.Context, db *sql.DB, conn *sql.Conn) error {
	if s.sqlite {
		return errors.Join(conn.Close(), db.Close())
	}
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`)
	return errors.Join(err, conn.Close())
}
