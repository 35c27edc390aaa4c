package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// says is an error of this store.
func (s *Store) says(format string, args ...any) error {
	return fmt.Errorf("store %s: %s", s.name, fmt.Sprintf(format, args...))
}

// fault says what an error means and what to do about it; nil stays nil. The end of a context stays what it is.
func (s *Store) fault(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("store %s: interrupted: %w", s.name, endOf(err))
	}
	return s.says("%s", s.clean(s.advice(err)))
}

// endOf is why a context ended, without what a library wrote around it.
func endOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return context.DeadlineExceeded
}

// advice is what an error means.
func (s *Store) advice(err error) string {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteAdvice(e)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresAdvice(e.Code, e.Message)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "no connection: " + lastLine(err) + ": correct the URL, or see whether the server runs"
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fileAdvice(e)
	}
	return err.Error()
}

// fileAdvice says what to do about a file that cannot be made or opened.
func fileAdvice(e *fs.PathError) string {
	switch {
	case errors.Is(e, fs.ErrPermission):
		return "permission denied: let this user write the file and its folder, or name another file with --db"
	case errors.Is(e, syscall.EROFS):
		return readOnly
	case errors.Is(e, syscall.ENOSPC):
		return diskFull
	}
	return fmt.Sprintf("%v: name another file with --db", e.Err)
}

const (
	readOnly = "read-only: let this user write the file and its folder, or name another file with --db"
	diskFull = "no room left on the disk: make room there; what was stored before is kept"
)

// sqliteAdvice says what to do about an error of SQLite, by its primary code (https://www.sqlite.org/rescode.html).
func sqliteAdvice(e *sqlite.Error) string {
	switch e.Code() & 0xFF {
	case sqlite3.SQLITE_NOTADB:
		return "not a database, and not touched: name another file with --db"
	case sqlite3.SQLITE_CORRUPT:
		return "damaged, and not touched any more: move it away and bring back a copy, or save what can be read with sqlite3 FILE .recover"
	case sqlite3.SQLITE_FULL:
		return diskFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return readOnly
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another process holds it for longer than 10 s: try again when that is done"
	}
	return e.Error()
}

// lastLine is the last of the attempts that an error of the connection tells, one a line.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// clean takes the password out of a text, should a library have put it in.
func (s *Store) clean(text string) string {
	if s.secret == "" {
		return text
	}
	return strings.ReplaceAll(text, s.secret, "…")
}
