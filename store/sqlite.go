package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteConnections is how many readers may work beside the one writer, which WAL lets them.
const sqliteConnections = 4

// openSQLite opens a file and creates it where there is none.
func openSQLite(path string) (*Store, error) {
	s := &Store{name: path, sqlite: true, now: time.Now}
	if !filepath.IsAbs(path) {
		return nil, s.says("a relative path: name the file from the root on, such as /var/lib/certscan/certscan.db")
	}
	if err := prepareFile(path); err != nil {
		return nil, s.fault(err)
	}
	db, err := sql.Open("sqlite", sqliteURI(path)+"&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, s.fault(err)
	}
	db.SetMaxOpenConns(sqliteConnections)
	s.db = db
	return s, nil
}

// sqliteURI names the file as SQLite's URI (https://www.sqlite.org/uri.html), and what each connection begins with. A
// transaction takes the writer's place at once: one that began as a reader could not wait for it. auto_vacuum writes, so
// that the wait must be set before it, which the driver does for these two alone.
func sqliteURI(path string) string {
	return fileURI(path) + "?_txlock=immediate&_busy_timeout=10000&_auto_vacuum=2&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
}

func fileURI(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // C:/…
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}

// prepareFile sees to it that there is a file that only this user can read, and that can be written. SQLite gives the
// files that it keeps beside it the same mode.
func prepareFile(path string) error {
	info, err := os.Stat(path) // before it is opened: a FIFO would keep us waiting
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
	case err != nil:
		return err
	case info.IsDir():
		return errDirectory
	case !info.Mode().IsRegular():
		return errIrregular
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

var (
	errDirectory = errors.New("a directory: name a file in it")
	errIrregular = errors.New("not a regular file: name one that stands on a disk")
	errForeign   = errors.New("a database of another program, which is not touched: name another file with --db")
)

// owned refuses a file that holds tables of somebody else and none of ours. It looks by a connection that changes nothing.
func (s *Store) owned(ctx context.Context) error {
	if !s.sqlite {
		return nil
	}
	db, err := sql.Open("sqlite", sqliteURI(s.name))
	if err != nil {
		return err
	}
	var all, ours int
	err = db.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN name = $1 THEN 1 END) FROM sqlite_master WHERE type = 'table'`, versionTable).
		Scan(&all, &ours)
	if err == nil && all > 0 && ours == 0 {
		err = errForeign
	}
	return errors.Join(err, db.Close())
}

// newer says that the schema is of a later version than ours.
type newer struct{ is, known int64 }

func (n newer) Error() string {
	return fmt.Sprintf("written by a newer certscan (schema %d, this one knows %d), and not touched: upgrade certscan, or name another store with --db", n.is, n.known)
}
