package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"certscan/fixtures"
	"certscan/report"
	"certscan/triage"
)

// fails holds that a store cannot be opened, why, and that the file is left as it is.
func fails(t *testing.T, where, want string) {
	t.Helper()
	before, _ := os.ReadFile(where)
	s, err := Open(t.Context(), where)
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s: opened", where)
	}
	if !strings.HasPrefix(err.Error(), "store ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), fixtures.PostgresPassword) {
		t.Errorf("%v\nwant %s", err, want)
	}
	if after, _ := os.ReadFile(where); string(after) != string(before) {
		t.Errorf("%s was written to", where)
	}
}

func TestFaultsOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	fails(t, "certscan.db", "a relative path: name the file from the root on, such as /var/lib/certscan/certscan.db")
	fails(t, dir, "a directory: name a file in it")
	fails(t, os.DevNull, "not a regular file: name one that stands on a disk")
	fails(t, write("list.csv", strings.Repeat("a.example,b\n", 1000)), "not a database, and not touched: name another file with --db")
	fails(t, filepath.Join(write("file", "x"), "certscan.db"), "not a directory: name another file with --db")

	foreign, err := sql.Open("sqlite", path("foreign.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.ExecContext(t.Context(), "CREATE TABLE users (name text)"); err != nil {
		t.Fatal(err)
	}
	_ = foreign.Close()
	fails(t, path("foreign.db"), "a database of another program, which is not touched: name another file with --db")
}

// TestCorruptFile overwrites the middle of a store: what is wrong is told, and the file stays for a rescue.
func TestCorruptFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "certscan.db")
	s := open(t, path)
	var all []seen
	for i := range 1000 {
		all = append(all, seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
	}
	keep(t, s, "r0", 0, nil, all...)
	if err := s.Close(); err != nil { // which also brings the log into the file
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("\xAA", int(info.Size()*3/4))), info.Size()/8); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	s, err = Open(t.Context(), path)
	if err == nil {
		defer func() { _ = s.Close() }()
		for _, err = range s.Records(t.Context(), "r0") {
			if err != nil {
				break
			}
		}
	}
	if err == nil || !strings.Contains(err.Error(), "damaged, and not touched any more: move it away and bring back a copy") {
		t.Errorf("%v", err)
	}
}

// TestFullDisk fills the store up in mid-run: the error says so, and what was there before stays.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "certscan.db"))
	keep(t, s, "r0", 0, nil, seen{"a.example", "parked", triage.OK})
	s.db.SetMaxOpenConns(1) // the limit is one connection's
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Begin(t.Context(), report.Run{ID: "r1", Kind: "scan", StartedAt: hour(1)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		rec := recordOf("r1", hour(1), seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
		if err = r.Add(t.Context(), &rec); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no room left on the disk: make room there; what was stored before is kept") {
		t.Fatalf("%v", err)
	}
	if n := len(collect(t, s.Records(t.Context(), "r0"))); n != 1 {
		t.Errorf("%d records of the run before", n)
	}
	for _, record := range collect(t, s.Records(t.Context(), "r1")) {
		if _, err := report.DecodeRecord(record); err != nil {
			t.Error(err)
		}
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "certscan")
	s := open(t, filepath.Join(dir, "certscan.db"))
	keep(t, s, "r0", 0, nil)
	if info, err := os.Stat(dir); err != nil || filepath.Separator == '/' && info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 { // the log is beside it
		t.Errorf("%v, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || filepath.Separator == '/' && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	var mode string
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("%s, %v", mode, err)
	}
}

// TestPruneShrinks holds that the room of what was removed goes back to the disk.
func TestPruneShrinks(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "certscan.db"))
	var all []seen
	for i := range 2000 {
		all = append(all, seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
	}
	keep(t, s, "r0", 0, nil, all...)
	keep(t, s, "r1", 1, nil)
	pages := func() (n int) {
		if err := s.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	if got := collect(t, s.Prune(t.Context(), 0, hour(1))); len(got) != 1 || got[0].Records != 2000 {
		t.Fatalf("%+v", got)
	}
	if after := pages(); after > before/2 {
		t.Errorf("%d pages of %d are left", after, before)
	}
}

func TestFaultsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"postgres://u:" + fixtures.PostgresPassword + "@h:port/db", "postgres://u:" + fixtures.PostgresPassword + "%zz@h/db",
		"postgres://u:" + fixtures.PostgresPassword + "@h/db?sslmode=perhaps",
	} {
		fails(t, bad, "not a URL of PostgreSQL: want postgres://USER:PASSWORD@HOST/DATABASE")
	}
	fails(t, "postgres://u:"+fixtures.PostgresPassword+"@127.0.0.1:1/db", "postgres://u@127.0.0.1:1/db: no connection: ")
	server := fixtures.Postgres(t)
	with := func(edit func(*url.URL)) string {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		edit(u)
		return u.String()
	}
	fails(t, with(func(u *url.URL) { u.Path = "/none_such" }), "there is no such database: create it with createdb, or correct the URL")
	if _, protected := mustURL(t, server).User.Password(); protected {
		fails(t, with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong-"+fixtures.PostgresPassword) }), "user or password is wrong: correct the URL")
	}
	mine := database(t, server, fmt.Sprint("certscan_faults_", time.Now().UnixNano()))
	s, err := openPostgres(mine)
	if err != nil {
		t.Fatal(err)
	}
	guest := fmt.Sprint("guest_", time.Now().UnixNano())
	for _, query := range []string{
		"CREATE TABLE runs (x text)", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE ROLE " + guest + " LOGIN PASSWORD '" + fixtures.PostgresPassword + "'",
	} {
		if _, err := s.db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = s.db.ExecContext(context.WithoutCancel(t.Context()), "DROP ROLE "+guest); _ = s.Close() })
	if u := mustURL(t, mine); true {
		u.User = url.UserPassword(guest, fixtures.PostgresPassword)
		fails(t, u.String(), "this user may not create tables there: grant it CREATE on the schema, or give certscan a database of its own")
	}
	fails(t, mine+"&options=-c%20default_transaction_read_only%3Don", "the server takes no writes (a standby?): name the primary")
	fails(t, mine, "a table of that name belongs to somebody else: give certscan a database of its own")
}

func TestPostgresAdvice(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"53100": "no room left on the server's disk: make room there; what was stored before is kept", "XX000": `oops (SQLSTATE "XX000")`,
	} {
		s := Store{name: "postgres://h/d"}
		err := s.fault(fmt.Errorf("write: %w", &pgconn.PgError{Code: state, Message: "oops"}))
		if got := err.Error(); got != "store postgres://h/d: "+want {
			t.Error(got)
		}
	}
}

// TestBusy holds the file by another connection for longer than is waited.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "certscan.db")
	s, other := open(t, path), open(t, path)
	s.db.SetMaxOpenConns(1) // the wait is one connection's
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	err := other.inTx(t.Context(), func(*sql.Tx) error { // takes the writer's place
		return s.PutRegistration(t.Context(), "a.example", "r", nil, hour(0))
	})
	if err == nil || !strings.Contains(err.Error(), "another process holds it for longer than 10 s: try again when that is done") {
		t.Errorf("%v", err)
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestPasswordIsNotTold holds it for whatever a library may say.
func TestPasswordIsNotTold(t *testing.T) {
	t.Parallel()
	s, err := openPostgres("postgres://u:s3cret@127.0.0.1:1/db?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got := s.fault(fmt.Errorf("dial with s3cret")).Error(); strings.Contains(got, "s3cret") || !strings.Contains(got, "dial with …") {
		t.Error(got)
	}
	if got := s.String(); got != "postgres://u@127.0.0.1:1/db" {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, "postgres://u:s3cret@127.0.0.1:1/db"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}
