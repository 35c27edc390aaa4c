package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"certscan/fixtures"
	"certscan/report"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certscan": main})
}

// TestScript plays the stories of testdata/script: certscan as a command, in a small internet on loopback.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			lo, err := startLoopback()
			if err != nil {
				return err
			}
			e.Defer(lo.net.Close)
			e.Vars = append(e.Vars, lo.env()...)
			return os.WriteFile(filepath.Join(e.WorkDir, "root.pem"), lo.net.CA().RootPEM(), 0o600)
		},
		// status N CMD… runs a command and holds its exit status.
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"status": status},
	})
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // testscript returns it bare
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if want, _ := strconv.Atoi(args[0]); got != want {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// loopback is a small internet whose servers listen on real loopback addresses, at one port for TLS.
type loopback struct {
	net      *fixtures.Internet
	resolver netip.AddrPort
	tls, web uint16
}

// The addresses of 127.40.0.0/24 are ours in these tests.
const loopbackZone = `
@       SOA ns1 hostmaster 1 7200 3600 1209600 300
@       NS  ns1
@       A   127.40.0.1
ns1     A   127.40.0.53
expired A   127.40.0.1
soon    A   127.40.0.1
silent  A   127.40.0.2
closed  A   127.40.0.3
moved   A   93.184.9.9
private A   10.0.0.1
nodata  MX  10 ns1
v6      A   127.40.0.1
v6      AAAA 2a00:1450::1
`

func startLoopback() (*loopback, error) {
	n, err := fixtures.Start()
	if err != nil {
		return nil, err
	}
	lo := &loopback{net: n}
	if lo.tls, err = freePort("127.40.0.1"); err == nil {
		lo.web, err = freePort("127.40.0.1")
	}
	if err != nil {
		return nil, fmt.Errorf("127.0.0.0/8 cannot be bound here: %w", err)
	}
	for _, a := range []string{"127.40.0.1", "127.40.0.2", "127.40.0.53"} {
		if err := n.Bind(a, a); err != nil {
			return nil, err
		}
	}
	n.Zone("example.test", loopbackZone)
	lo.resolver = n.RealAddr(n.Resolver("127.40.0.53"))
	now := time.Now()
	leaf := func(name string, left time.Duration) fixtures.Site {
		chain := n.CA().Issue(fixtures.Leaf{Names: []string{name}, NotBefore: now.Add(left - 90*24*time.Hour), NotAfter: now.Add(left)})
		return fixtures.Site{Names: []string{name}, Chain: chain, Handler: fixtures.HSTS(31536000)}
	}
	fine := leaf("example.test", 60*24*time.Hour)
	at := func(ip string, port uint16) string { return net.JoinHostPort(ip, strconv.Itoa(int(port))) }
	n.Serve(at("127.40.0.1", lo.tls), fine, leaf("expired.example.test", -time.Hour), leaf("soon.example.test", 5*24*time.Hour))
	n.Serve(at("127.40.0.2", lo.tls), fixtures.Site{Fault: fixtures.FaultSilent})
	n.ServeHTTP(at("127.40.0.1", lo.web), fixtures.RedirectHTTPS(int(lo.tls)))
	return lo, n.Err()
}

func (lo *loopback) env() []string {
	return []string{
		"CERTSCAN_RESOLVER=" + lo.resolver.String(), "CERTSCAN_CONTROL=example.test", "CERTSCAN_OURS=127.40.0.0/24",
		"CERTSCAN_PORT=" + strconv.Itoa(int(lo.tls)), "CERTSCAN_HTTP_PORT=" + strconv.Itoa(int(lo.web)),
		"CERTSCAN_CA_FILE=root.pem", "CERTSCAN_TIMEOUT=1s",
	}
}

func freePort(ip string) (uint16, error) {
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	if err != nil {
		return 0, err
	}
	port := ln.Addr().(*net.TCPAddr).AddrPort().Port()
	return port, ln.Close()
}

// interrupted is a certscan command that gets Ctrl-C in the middle of its work.
type interrupted struct {
	cmd    *exec.Cmd
	lo     *loopback
	stderr bytes.Buffer
}

// certscan prepares the command in a small internet of its own.
func certscan(t *testing.T, args ...string) *interrupted {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send")
	}
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
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	i := &interrupted{cmd: exec.CommandContext(ctx, link, args...), lo: lo}
	i.cmd.Dir, i.cmd.Env, i.cmd.Stderr = dir, append(os.Environ(), lo.env()...), &i.stderr
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
	i.asked(t, "d500.example.test")
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
