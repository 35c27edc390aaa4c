//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// endless yields a block again and again, so many bytes altogether.
type endless struct {
	block []byte
	left  int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(copy(p, e.block), e.left)
	e.left -= n
	return n, nil
}

// peakKB is the most memory that a command that has ended ever had.
func peakKB(t *testing.T, i *interrupted) int64 {
	t.Helper()
	usage, ok := i.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell the memory of a command")
	}
	if runtime.GOOS == "darwin" { // counted in bytes there
		return usage.Maxrss / 1024
	}
	return usage.Maxrss
}

// TestLongLine feeds a line of 1 GB: it is a bad line, what stands behind it is read, and memory stays what it was.
func TestLongLine(t *testing.T) {
	t.Parallel()
	i := certscan(t, "dns", "-f", "-", "--format", "jsonl", "--progress", "never")
	var stdout bytes.Buffer
	i.cmd.Stdin, i.cmd.Stdout = io.MultiReader(&endless{bytes.Repeat([]byte("a"), 64<<10), 1 << 30}, strings.NewReader("\nexample.test\n")), &stdout
	if err := i.cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, i.stderr.String())
	}
	if notes := i.stderr.String(); !strings.Contains(notes, "standard input:1: a line of more than") || !strings.Contains(notes, "1 name: ") || !strings.Contains(notes, "1 bad line") {
		t.Errorf("%.500s", notes)
	}
	if !strings.Contains(stdout.String(), `"name":"example.test"`) {
		t.Errorf("%s", stdout.String())
	}
	if kb := peakKB(t, i); kb > 200<<10 {
		t.Errorf("%d MB at most", kb>>10)
	}
}

// TestManyBadLines feeds 100,000 bad lines: twenty are told, all are counted, the name among them is scanned.
func TestManyBadLines(t *testing.T) {
	t.Parallel()
	i := certscan(t, "dns", "-f", "bad.txt", "--format", "jsonl", "--progress", "never")
	list := strings.Repeat("two words\n", 100_000) + "example.test\n"
	if err := os.WriteFile(filepath.Join(i.cmd.Dir, "bad.txt"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, i.stderr.String())
	}
	notes := i.stderr.String()
	if n := strings.Count(notes, "bad.txt:"); n != badLinesShown || !strings.Contains(notes, "100,000 bad lines") || !strings.Contains(notes, "bad.txt:20: more than one word") {
		t.Errorf("%d bad lines are told:\n%.3000s", n, notes)
	}
	if n := strings.Count(notes, "\n"); n != badLinesShown+2 {
		t.Errorf("%d lines on standard error:\n%.3000s", n, notes)
	}
}

// parts returns what a run has left beside a file.
func parts(t *testing.T, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".*.part"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestInterruptedFile presses Ctrl-C: what was done is put in place, whole and saying that it was cut.
func TestInterruptedFile(t *testing.T) {
	t.Parallel()
	i := certscan(t, "-f", "-", "-o", "run.json", "--timeout", "1m")
	stdin, err := i.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(stdin, "example.test\nsilent.example.test\n"); err != nil {
		t.Fatal(err)
	}
	i.asked(t, "silent.example.test")
	if _, err := os.Stat(filepath.Join(i.cmd.Dir, "run.json")); err == nil {
		t.Error("the file is there before the run is over")
	}
	i.press(t)
	got, err := os.ReadFile(filepath.Join(i.cmd.Dir, "run.json"))
	if err != nil || !bytes.Contains(got, []byte(`"complete":false`)) || !bytes.HasSuffix(got, []byte("]}\n")) {
		t.Errorf("%v: %s", err, got)
	}
	if left := parts(t, i.cmd.Dir); len(left) > 0 {
		t.Errorf("left beside: %v", left)
	}
}

// TestTargetAfterAnError holds that a run that fails leaves what stood there before, and nothing beside it.
func TestTargetAfterAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "run.csv")
	if err := os.WriteFile(path, []byte("of yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := openTarget(path, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write(bytes.Repeat([]byte("x"), 200<<10)); err != nil {
		t.Fatal(err)
	}
	if len(parts(t, dir)) != 1 {
		t.Error("nothing is written beside")
	}
	to.discard()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "of yesterday" || len(parts(t, dir)) > 0 {
		t.Errorf("%q, %v, left beside %v", got, err, parts(t, dir))
	}
}

// TestTargetMode holds that a new file may be read by all that the umask lets.
func TestTargetMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	f, err := os.OpenFile(plain, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	path := filepath.Join(dir, "run.json")
	to, err := openTarget(path, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.commit(); err != nil {
		t.Fatal(err)
	}
	to.discard() // does nothing any more
	want, err1 := os.Stat(plain)
	got, err2 := os.Stat(path)
	if err1 != nil || err2 != nil || got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v; %v, %v", got, want, err1, err2)
	}
}

// TestOutputFIFO writes to a FIFO as records come, ends quietly when its reader goes, and heeds Ctrl-C while there is none.
func TestOutputFIFO(t *testing.T) {
	t.Parallel()
	fifo := func(t *testing.T, i *interrupted) string {
		t.Helper()
		path := filepath.Join(i.cmd.Dir, "fifo")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("read", func(t *testing.T) {
		t.Parallel()
		i := certscan(t, "example.test", "-o", "fifo")
		path := fifo(t, i)
		if err := i.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(got, []byte(`"asked":1`)) {
			t.Errorf("%v: %s", err, got)
		}
		if err := i.cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, i.stderr.String())
		}
		if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
			t.Errorf("the FIFO was replaced: %v, %v", info, err)
		}
	})
	t.Run("reader goes", func(t *testing.T) {
		t.Parallel()
		i := certscan(t, "dns", "-f", "list.txt", "-o", "fifo", "--progress", "never")
		var list strings.Builder
		for n := range 2000 { // more than a pipe holds
			fmt.Fprintf(&list, "d%d.example.test\n", n)
		}
		if err := os.WriteFile(filepath.Join(i.cmd.Dir, "list.txt"), []byte(list.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		path := fifo(t, i)
		if err := i.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = r.Read(make([]byte, 100))
		_ = r.Close()
		_ = i.cmd.Wait()
		if code := i.cmd.ProcessState.ExitCode(); code != exitUnknown || i.stderr.Len() > 0 {
			t.Errorf("exit status %d, want %d and no word: %s", code, exitUnknown, i.stderr.String())
		}
	})
	t.Run("nobody reads", func(t *testing.T) {
		t.Parallel()
		i := certscan(t, "dns", "example.test", "-o", "fifo")
		fifo(t, i)
		if err := i.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		i.asked(t, "example.test")
		i.press(t)
	})
}
