//go:build unix

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"certscan/report"
	"certscan/triage"
)

// What the test binary does in place of its tests where the environment names a file.
const (
	envOpen  = "CERTSCAN_STORE_TEST_OPEN"  // opens it as a user who is not root, and says what came of it
	envWrite = "CERTSCAN_STORE_TEST_WRITE" // keeps runs there until it is killed
)

func TestMain(m *testing.M) {
	if path := os.Getenv(envOpen); path != "" {
		os.Exit(openAsNobody(path))
	}
	if path := os.Getenv(envWrite); path != "" {
		os.Exit(writeForever(path))
	}
	os.Exit(m.Run())
}

const nobody = 65534

func openAsNobody(path string) int {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	s, err := Open(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		return 0
	}
	fmt.Println("opened", s.Close())
	return 0
}

func writeForever(path string) int {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	r, err := s.Begin(ctx, report.Run{ID: "killed", Kind: "scan", StartedAt: hour(1)})
	for i := 0; err == nil; i++ {
		rec := recordOf("killed", hour(1), seen{fmt.Sprint("d", i, ".example"), "parked", triage.OK})
		err = r.Add(ctx, &rec)
		if i%batchRecords == 0 && i > 0 {
			fmt.Println("written", i)
		}
	}
	fmt.Println(err)
	return 1
}

func child(t *testing.T, env string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), env)
	return cmd
}

// TestKilled kills a process in mid-run: the run stays unfinished, no record is half, the runs before are whole, and the next
// process goes on.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "certscan.db")
	s := open(t, path)
	keep(t, s, "r0", 0, nil, seen{"d0.example", "moved", triage.Warn})
	cmd := child(t, envWrite+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < 3 && lines.Scan(); n++ {
		if !strings.HasPrefix(lines.Text(), "written") {
			t.Fatal(lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	run, err := s.Run(t.Context(), "killed")
	if err != nil || !run.FinishedAt.IsZero() || run.Complete {
		t.Errorf("%+v, %v", run, err)
	}
	records := collect(t, s.Records(t.Context(), "killed"))
	if len(records) < batchRecords || len(records)%batchRecords != 0 {
		t.Errorf("%d records", len(records))
	}
	for i, record := range records {
		if rec, err := report.DecodeRecord(record); err != nil || rec.Name != fmt.Sprint("d", i, ".example") {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	var whole string
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
		t.Errorf("%s, %v", whole, err)
	}
	if got := keep(t, s, "r2", 2, nil, seen{"d0.example", "moved", triage.Warn}); !got["d0.example"].Equal(hour(0)) {
		t.Errorf("since %s: a run that was killed wrote history", got["d0.example"])
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	made := func(name string, mode, folder os.FileMode) string {
		path := filepath.Join(dir, name, "certscan.db")
		s := open(t, path)
		keep(t, s, "r0", 0, nil)
		if err := errors.Join(s.Close(), os.Chmod(path, mode), os.Chmod(filepath.Dir(path), folder)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const denied = "permission denied: let this user write the file and its folder, or name another file with --db"
	for path, want := range map[string]string{
		made("file", 0o444, 0o777):        denied,
		made("folder", 0o666, 0o555):      readOnly,
		made("hidden", 0o666, 0):          denied,
		filepath.Join(dir, "new", "x.db"): denied,
	} {
		if os.Geteuid() != 0 && strings.Contains(path, "/new/") { // the folder is this user's own
			continue
		}
		out, err := child(t, envOpen+"="+path).Output()
		if err != nil || !strings.HasPrefix(string(out), "store "+path+": ") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s\nwant %s", path, err, out, want)
		}
	}
}
