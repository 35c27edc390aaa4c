//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
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
)

// auditWorld is an inventory whose names point to four places, and a registry that knows all of them.
type auditWorld struct {
	*loopback
	dir      string
	registry *fixtures.Registrar
	rdap     string
}

// The names of an audit by where they point: how many, and to which address.
var audited = map[string]struct {
	n    int
	addr string
}{"ours": {240, "127.40.0.1"}, "left": {30, "93.184.9.1"}, "away": {5, "93.184.9.200"}, "back": {3, "93.184.8.1"}}

func newAuditWorld(t *testing.T) *auditWorld {
	t.Helper()
	lo, err := startLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lo.net.Close)
	w := &auditWorld{loopback: lo, dir: t.TempDir()}
	known := map[string]fixtures.RegistryRecord{}
	list := "domain,manager,owner\n"
	long := strings.Repeat("x", 4000)                               // so that a list is more than a pipe holds
	for _, kind := range []string{"ours", "away", "back", "left"} { // the part of the registry's limits for clean names goes to the first
		a := audited[kind]
		for i := range a.n {
			name := fmt.Sprintf("%s%d.test", kind, i)
			lo.net.Zone(name, "@ A "+a.addr)
			known[name] = fixtures.RegistryRecord{Status: []string{"active"}, Expires: time.Now().AddDate(1, 0, 0)}
			list += name + ",north," + long + "\n"
		}
	}
	w.registry = fixtures.NewRegistrar(known)
	port, err := freePort("127.40.0.1")
	if err != nil {
		t.Fatal(err)
	}
	w.rdap = fmt.Sprintf("127.40.0.1:%d", port)
	lo.net.ServeHTTP(w.rdap, w.registry)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(w.dir, "certscan")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"list.csv": list, "root.pem": string(lo.net.CA().RootPEM())} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// audit prepares one audit with what is ours.
func (w *auditWorld) audit(t *testing.T, ours string, more ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	args := append([]string{"audit", "-f", "list.csv", "--rdap-url", "http://" + w.rdap + "/", "--format", "json", "--concurrency", "8"}, more...)
	cmd := exec.CommandContext(ctx, filepath.Join(w.dir, "certscan"), args...)
	cmd.Dir = w.dir
	cmd.Env = append(append(os.Environ(), w.env()...), "STATE_DIRECTORY="+w.dir, "CERTSCAN_OURS="+ours)
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v: %s", more, notes.String())
		}
	})
	return cmd, &out
}

// auditRow is what these tests read of a row.
type auditRow struct {
	Name  string `json:"name"`
	Audit struct {
		Section, Change string
		Before          struct{ Verdict string }
	} `json:"audit"`
}

// whole runs an audit to its end, and returns its rows in short.
func (w *auditWorld) whole(t *testing.T, ours string) []string {
	t.Helper()
	cmd, out := w.audit(t, ours)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Run struct {
			Asked  int
			Counts map[string]int
		}
		Records []auditRow
	}
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var rows []string
	for _, r := range list.Records {
		rows = append(rows, strings.TrimSpace(r.Name+" "+r.Audit.Change+" "+r.Audit.Before.Verdict))
	}
	if c := list.Run.Counts; list.Run.Asked != 278 || c["OK"]+c["WARN"]+c["URGENT"] != 278 {
		t.Errorf("%d names asked, counted %v", list.Run.Asked, c)
	}
	slices.Sort(rows)
	return rows
}

// ended runs an audit until something holds, and ends it by a signal.
func (w *auditWorld) ended(t *testing.T, by os.Signal, ours string, when func() bool, more ...string) {
	t.Helper()
	cmd, _ := w.audit(t, ours, more...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	waitFor(ctx, t, when)
	_ = cmd.Process.Signal(by)
	if _, died := cmd.Wait().(*exec.ExitError); !died { //nolint:errorlint // exec returns it bare
		t.Errorf("it came to its end")
	}
}

// TestKilledAudit ends audits in the middle of their questions, one of them by Ctrl-C, and while they hand their list out: the next one goes on, asks
// the registry for nothing twice, and tells what changed since the last one that came to its end.
func TestKilledAudit(t *testing.T) {
	t.Parallel()
	w := newAuditWorld(t)
	var first, second []string
	for kind, a := range audited {
		for i := range a.n {
			name := fmt.Sprintf("%s%d.test", kind, i)
			switch kind {
			case "left":
				second = append(second, name+" new parked")
			case "away":
				first, second = append(first, name+" new"), append(second, name+" unchanged moved")
			case "back":
				first, second = append(first, name+" new"), append(second, name+" gone moved")
			}
		}
	}
	slices.Sort(first)
	slices.Sort(second)
	if rows := w.whole(t, "127.40.0.0/24,93.184.9.0/25"); !slices.Equal(rows, first) {
		t.Fatalf("the first audit:\n%s", strings.Join(rows, "\n"))
	}
	const now = "127.40.0.0/24,93.184.8.0/24"
	before := len(w.registry.Asked())
	for _, more := range []int{3, 6, 9} {
		by := os.Kill
		if more == 6 {
			by = os.Interrupt
		}
		w.ended(t, by, now, func() bool { return len(w.registry.Asked())-before >= more })
	}
	fifo := filepath.Join(w.dir, "list.json")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	w.ended(t, os.Kill, now, func() bool { return readSome(reader) }, "-o", fifo)
	if rows := w.whole(t, now); !slices.Equal(rows, second) {
		t.Errorf("after four that were ended:\n%s", strings.Join(rows, "\n"))
	}
	asked := w.registry.Asked()
	if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("the registry was asked twice: %v", asked)
	}
	for i, r := range second {
		second[i] = strings.Replace(r, " new parked", " unchanged moved", 1)
	}
	second = slices.DeleteFunc(second, func(r string) bool { return strings.Contains(r, " gone ") })
	slices.Sort(second)
	if rows := w.whole(t, now); !slices.Equal(rows, second) {
		t.Errorf("the next audit:\n%s", strings.Join(rows, "\n"))
	}
}

// readSome reads a little of a FIFO, and reports whether something came.
func readSome(f *os.File) bool {
	if err := f.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		return false
	}
	n, _ := f.Read(make([]byte, 1))
	return n > 0
}
