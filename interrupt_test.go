//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/report"
)

// interrupted is a certscan command that gets Ctrl-C in the middle of its work.
type interrupted struct {
	cmd    *exec.Cmd
	lo     *loopback
	stderr bytes.Buffer
}

// certscan prepares the command in a small internet of its own.
func certscan(t *testing.T, args ...string) *interrupted {
	t.Helper()
	lo, err := startLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lo.net.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "root.pem"), lo.net.CA().RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	// The test binary itself is certscan when it is called by that name.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "certscan")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	i := &interrupted{cmd: exec.CommandContext(ctx, link, args...), lo: lo}
	i.cmd.Dir, i.cmd.Env, i.cmd.Stderr = dir, append(append(os.Environ(), lo.env()...), "STATE_DIRECTORY="+dir), &i.stderr
	return i
}

// press sends SIGINT, and holds that the command ends with 3 within two seconds.
func (i *interrupted) press(t *testing.T) {
	t.Helper()
	pressed := time.Now()
	if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := i.cmd.Wait()
	if took := time.Since(pressed); took > 2*time.Second {
		t.Errorf("Ctrl-C took %s", took)
	}
	if code := i.cmd.ProcessState.ExitCode(); code != exitUnknown {
		t.Errorf("exit status %d (%v), want %d; %s", code, err, exitUnknown, i.stderr.String())
	}
}

// asked waits until the resolver was asked for a name.
func (i *interrupted) asked(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	waitFor(ctx, t, func() bool {
		return slices.ContainsFunc(i.lo.net.Queries(), func(q fixtures.Query) bool { return q.Name == name })
	})
}

// TestInterrupt presses Ctrl-C in the middle of a run over silent servers, with the list still open: every name that
// was read has its record, and the counts are right.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	i := certscan(t, "-f", "-", "--format", "jsonl", "--timeout", "1m")
	stdin, err := i.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	i.cmd.Stdout = &stdout
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(stdin, "example.test\nsilent.example.test\nexpired.example.test\n"); err != nil {
		t.Fatal(err)
	}
	i.asked(t, "silent.example.test")
	i.asked(t, "expired.example.test")
	i.press(t)
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, `{"run":{`) || !strings.Contains(last, `"complete":false`) || !strings.Contains(last, `"asked":3`) {
		t.Errorf("last line %s", last)
	}
	got := map[string]string{}
	for _, line := range lines[:len(lines)-1] {
		r, err := report.DecodeRecord([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		got[r.Name] = string(r.DNS.Verdict)
	}
	if len(got) != 3 || got["silent.example.test"] != "unknown" {
		t.Errorf("records %v", got)
	}
	if !strings.Contains(i.stderr.String(), "cut") {
		t.Errorf("the closing count must say that the list was cut: %s", i.stderr.String())
	}
}

// TestInterruptUnreadOutput presses Ctrl-C while nobody reads the pipe that the records go to.
func TestInterruptUnreadOutput(t *testing.T) {
	t.Parallel()
	i := certscan(t, "dns", "-f", "list.txt", "--format", "jsonl")
	var list strings.Builder
	for n := range 2000 { // records of some 700 bytes each: more than a pipe holds
		fmt.Fprintf(&list, "d%d.example.test\n", n)
	}
	list.WriteString("last.example.test\n")
	if err := os.WriteFile(filepath.Join(i.cmd.Dir, "list.txt"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(r.Close(), w.Close()) })
	i.cmd.Stdout = w
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	i.asked(t, "d200.example.test")
	i.press(t)
}

// TestInterruptUnopenedFIFO presses Ctrl-C while a list is a FIFO that nobody writes to.
func TestInterruptUnopenedFIFO(t *testing.T) {
	t.Parallel()
	mkfifo, err := exec.LookPath("mkfifo")
	if err != nil {
		t.Fatal(err)
	}
	i := certscan(t, "dns", "example.test", "-f", "fifo")
	if out, err := exec.CommandContext(t.Context(), mkfifo, filepath.Join(i.cmd.Dir, "fifo")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	i.asked(t, "example.test")
	i.press(t)
}

// waitFor polls until a condition holds or the context ends.
func waitFor(ctx context.Context, t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}
