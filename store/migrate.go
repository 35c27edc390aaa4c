package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable holds the version of the schema. Its name tells our databases from those of others.
const versionTable = "certscan_schema"

// How often, and after what pause, a file is tried again while another process makes its tables: SQLite does not wait for
// the one that turns on WAL.
const (
	migrationAttempts = 100
	migrationPause    = 50 * time.Millisecond
)

// migrate brings the tables to the version of this program. One that is newer is left as it is.
func (s *Store) migrate(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	pause := time.NewTicker(migrationPause)
	defer pause.Stop()
	for attempt := 1; ; attempt++ {
		if err = s.owned(ctx); err == nil {
			err = s.locked(ctx, func() error { return upgrade(ctx, p) })
		}
		if !contended(err) || attempt == migrationAttempts {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// contended reports whether an error may be another process's making of the same tables: busy, or there already.
func contended(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xFF == sqlite3.SQLITE_BUSY || e.Code()&0xFF == sqlite3.SQLITE_ERROR)
}

func upgrade(ctx context.Context, p *goose.Provider) error {
	sources := p.ListSources()
	known := sources[len(sources)-1].Version
	is, err := p.GetDBVersion(ctx)
	switch {
	case err != nil:
		return err
	case is > known:
		return newer{is, known}
	case is == known:
		return nil
	}
	_, err = p.Up(ctx)
	return err
}

// provider applies the migrations.
func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectPostgres
	if s.sqlite {
		dialect = goose.DialectSQLite3
	}
	return goose.NewProvider(dialect, s.db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
}

// migrationLock is the advisory lock of PostgreSQL under which one process makes tables at a time. A file has SQLite's own.
const migrationLock = 0x63657274_7363616E // "certscan"

// locked does something under that lock, which ends with its connection at the latest.
func (s *Store) locked(ctx context.Context, do func() error) error {
	if s.sqlite {
		return do()
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return err
	}
	err = do()
	_, unlocked := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrationLock))
	return errors.Join(err, unlocked)
}
