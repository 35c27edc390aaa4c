package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"certscan/report"
	"certscan/store"
	"certscan/triage"
)

// usualStore is the word for the usual place of the store.
const usualStore = "default"

// usualStoreFile is where the store of a machine stands for root and services; everybody else has one of his own. It is never
// in the working directory, and empty where nothing says where home is.
func usualStoreFile(env func(string) (string, bool), root bool) string {
	return usualStateFile(env, root, "certscan.db")
}

// usualStateFile is where a file of what certscan keeps stands, beside the store.
func usualStateFile(env func(string) (string, bool), root bool, file string) string {
	service, _ := env("STATE_DIRECTORY") // what systemd made for the service; several by colon
	service, _, _ = strings.Cut(service, ":")
	state, _ := env("XDG_STATE_HOME")
	home, _ := env("HOME")
	if home == "" {
		home, _ = env("USERPROFILE")
	}
	switch {
	case filepath.IsAbs(service):
		return filepath.Join(service, file)
	case root:
		return filepath.Join("/var/lib/certscan", file)
	case filepath.IsAbs(state):
		return filepath.Join(state, "certscan", file)
	case filepath.IsAbs(home):
		return filepath.Join(home, ".local", "state", "certscan", file)
	}
	return ""
}

var errNoHome = errors.New("store: nothing says where it is usual: set HOME, or name a file with --db")

// place returns where a store is by what a flag or the file says of it: an absolute path or a URL. beside makes a relative path
// absolute, or says why it cannot be.
func (s *settings) place(text string, beside func(string) (string, error), env func(string) (string, bool)) (string, error) {
	path := strings.TrimPrefix(text, "sqlite:")
	switch {
	case text == usualStore:
		if path = usualStoreFile(env, os.Geteuid() == 0); path == "" {
			return "", errNoHome
		}
		return path, nil
	case store.IsURL(text):
		return text, nil
	case strings.Contains(text, "://"):
		scheme, _, _ := strings.Cut(text, "://")
		return "", fmt.Errorf("store: no such kind of URL as %s://: want an absolute path, or postgres://USER@HOST/DATABASE", scheme)
	case filepath.IsAbs(path):
		return path, nil
	}
	return beside(path)
}

// where returns where the store is that flag, environment or file name; empty where none does.
func (s *settings) where(env func(string) (string, bool)) (string, error) {
	if s.db != "" {
		return s.place(s.db, func(path string) (string, error) {
			whole, err := filepath.Abs(path)
			if err != nil {
				return "", err
			}
			return "", fmt.Errorf("store %s: a relative path: name it from the root on, such as %s, or write %s for the usual place", path, whole, usualStore)
		}, env)
	}
	text, err := s.config.database(env)
	if text == "" || err != nil {
		return "", err
	}
	return s.place(text, func(path string) (string, error) { return filepath.Abs(s.config.beside(path)) }, env)
}

// database returns what the file says of the store; empty where it says nothing.
func (c *configuration) database(env func(string) (string, bool)) (string, error) {
	if c == nil {
		return "", nil
	}
	d := &c.Database
	switch {
	case d.Env.given():
		text, _ := env(d.Env.text)
		if text == "" {
			return "", faults{d.Env.at.fault("database.env: %s is not set: set it to a file or postgres://USER:PASSWORD@HOST/DATABASE", d.Env.text)}
		}
		return text, nil
	case d.File.given():
		text, err := readTrusted(c.beside(d.File.text))
		if err != nil {
			return "", faults{d.File.at.fault("database.file: %s: %v", d.File.text, err)}
		}
		return strings.TrimSpace(string(text)), nil
	}
	return d.Place.text, nil
}

// openMemory opens a store that is there: the named one, else the usual one. Reading makes none.
func openMemory(ctx context.Context, s streams, set settings) (*store.Store, error) {
	where, err := set.where(s.env)
	if err == nil && where == "" {
		where, err = set.place(usualStore, nil, s.env)
	}
	if err != nil {
		return nil, err
	}
	if !store.IsURL(where) {
		if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("store %s: there is none yet: certscan scan --db %s keeps runs there, or name another with --db", where, where)
		}
	}
	return store.Open(ctx, where)
}

// memory keeps the records of a run, knows since when each verdict stands, and whether too many turned bad at once. Its zero value keeps nothing. What cannot be kept
// stops no run: the records are written all the same, and the error is told at the end.
type memory struct {
	store     *store.Store
	recording *store.Recording
	run       report.Run
	past      *past
	breaker   triage.Breaker
	failed    error
}

// remember opens the store that the settings name, and notes that the run has begun.
func remember(ctx context.Context, s streams, set settings, run report.Run) (*memory, error) {
	where, err := set.where(s.env)
	if err != nil || where == "" {
		return &memory{}, err
	}
	m := &memory{run: run}
	if m.store, err = store.Open(ctx, where); err != nil {
		return nil, err
	}
	if m.past, err = newPast(ctx, m.store, run.Vantage); err != nil {
		return nil, errors.Join(err, m.store.Close())
	}
	m.run.StartedAt = time.Now().UTC()
	if m.recording, err = m.store.Begin(ctx, m.run); err != nil {
		return nil, errors.Join(err, m.store.Close())
	}
	return m, nil
}

// add keeps one result, and fills in since when it is so.
func (m *memory) add(ctx context.Context, r *triage.Result) {
	if m.recording == nil || m.failed != nil {
		return
	}
	m.breaker.Add(triage.NewTurn(&r.Facts, r.JudgedAt))
	rec := report.NewRecord(m.run.ID, m.run.Vantage, r)
	m.failed = m.recording.Add(ctx, &rec)
	r.Since = rec.Since
}

// distrust makes a run untrusted in which too many names turned bad at once: what was written cannot be taken back, and the
// history stays as it was.
func (m *memory) distrust(run *report.Run) {
	if why := m.breaker.Degraded(); run.Trusted && why != "" {
		run.Trusted, run.Reason = false, store.Degraded+why
	}
}

// finish marks the run finished. One of which a record is missing stays unfinished.
func (m *memory) finish(ctx context.Context, run report.Run) error {
	if m.recording != nil && m.failed == nil {
		m.failed = m.recording.Finish(ctx, run)
	}
	return m.failed
}

func (m *memory) close() {
	if m.store != nil {
		_ = m.store.Close() // what was to be kept is
	}
}
