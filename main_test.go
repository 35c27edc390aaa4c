package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// TestInterruptEndsInTwoSeconds presses Ctrl-C in the middle of a run over silent servers, with the list still open:
// every name that was read has its record, the counts are right, and the status is 3.
func TestInterruptEndsInTwoSeconds(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send")
	}
	lo, err := startLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lo.net.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, lo.net.CA().RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	// The test binary itself is certscan when it is called by that name.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "certscan")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, link, "-f", "-", "--format", "jsonl", "--timeout", "1m", "--ca-file", root)
	cmd.Env = append(os.Environ(), lo.env()...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(stdin, "example.test\nsilent.example.test\nexpired.example.test\n"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, ctx, func() bool {
		for _, d := range lo.net.Queries() {
			if d.Name == "silent.example.test" {
				return true
			}
		}
		return false
	})
	pressed := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	took := time.Since(pressed)
	if took > 2*time.Second {
		t.Errorf("Ctrl-C took %s", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitUnknown {
		t.Errorf("exit status %d (%v), want %d", code, err, exitUnknown)
	}
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
	if !strings.Contains(stderr.String(), "cut") {
		t.Errorf("the closing count must say that the list was cut: %s", stderr.String())
	}
}

// waitFor polls until a condition holds or the context ends.
func waitFor(t *testing.T, ctx context.Context, holds func() bool) {
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
