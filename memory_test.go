package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certscan/report"
	"certscan/triage"
)

func TestUsualStore(t *testing.T) {
	t.Parallel()
	if filepath.Separator != '/' {
		t.Skip("paths of another kind")
	}
	for _, c := range []struct {
		env  map[string]string
		root bool
		want string
	}{
		{map[string]string{"HOME": "/root", "XDG_STATE_HOME": "/x"}, true, "/var/lib/certscan/certscan.db"},
		{map[string]string{"STATE_DIRECTORY": "/var/lib/certscan:/var/lib/more", "HOME": "/"}, false, "/var/lib/certscan/certscan.db"},
		{map[string]string{"STATE_DIRECTORY": "relative", "XDG_STATE_HOME": "/x"}, false, "/x/certscan/certscan.db"},
		{map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/home/a"}, false, "/home/a/.local/state/certscan/certscan.db"},
		{map[string]string{}, false, ""},
	} {
		env := func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }
		if got := usualStoreFile(env, c.root); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
	if want := "store: nothing says where it is usual: set HOME, or name a file with --db"; errNoHome.Error() != want {
		t.Error(errNoHome)
	}
}

func TestDatabaseFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "url")
	if err := os.WriteFile(secret, []byte("postgres://u:s3cret@h/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	where := func(text string) (string, error) {
		c, err := readConfiguration(filepath.Join(dir, "certscan.yaml"), []byte(text))
		if err != nil {
			return "", err
		}
		set := settings{config: c}
		return set.where(none)
	}
	for text, want := range map[string]string{
		"database: {file: url}": "postgres://u:s3cret@h/d", "database: sqlite:/x/c.db": "/x/c.db", "database: c.db": filepath.Join(dir, "c.db"),
		"database: postgres://u@h/d": "postgres://u@h/d", "port: 1": "",
	} {
		if got, err := where(text); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"database: {file: none}":                     "database.file: none: no such file or directory",
		"database: postgres://u:s3cret@h/d":          ":1:11: database: a password",
		"database: postgres://u@h/d?password=s3cret": ":1:11: database: a password",
		"database: postgres://u:s3cret@h:x/d":        ":1:11: database: a password",
		"database: {env: A, file: B}":                "database: env and file both",
	} {
		if _, err := where(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestMemoryFails takes the store away in mid-run: the run goes on, and the error is there at the end.
func TestMemoryFails(t *testing.T) {
	t.Parallel()
	set := settings{db: filepath.Join(t.TempDir(), "certscan.db")}
	m, err := remember(t.Context(), streams{env: none}, set, report.Run{ID: "r", Kind: "scan"})
	if err != nil {
		t.Fatal(err)
	}
	m.close()
	r := triage.Result{Severity: triage.OK, JudgedAt: time.Now()}
	for range 1000 {
		m.add(t.Context(), &r)
	}
	if m.failed == nil {
		t.Error("nothing failed")
	}
	if err := m.finish(t.Context(), report.Run{}); err == nil || !strings.HasPrefix(err.Error(), "store ") {
		t.Errorf("%v", err)
	}
}
