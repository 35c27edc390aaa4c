package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"certscan/fixtures"
	"certscan/report"
	"certscan/store"
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
			e.Vars = append(e.Vars, "STATE_DIRECTORY="+filepath.Join(e.WorkDir, "usual")) // never the machine's own
			if filepath.Base(e.WorkDir) == "script-providers" {
				lo.serveVendors()
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "root.pem"), lo.net.CA().RootPEM(), 0o600)
		},
		Condition: condition,
		// status N CMD… runs a command and holds its exit status. earlier HOURS RECORDS STORE [OLD=NEW…] keeps records as if a
		// run so long ago had seen them.
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"status": status, "earlier": earlier},
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

// earlier keeps the records of a file as those of a run that began some hours ago, words of theirs replaced. reason=WHY makes
// the run one that is not to be trusted, kind=KIND one of that kind.
func earlier(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: earlier HOURS RECORDS STORE [OLD=NEW…]")
	}
	age, err := time.ParseDuration(args[0] + "h")
	ts.Check(err)
	run := report.Run{ID: "earlier-" + args[0], Kind: "dns", StartedAt: time.Now().Add(-age).UTC(), Complete: true, Trusted: true}
	text := ts.ReadFile(args[1])
	for _, a := range args[3:] {
		from, to, _ := strings.Cut(a, "=")
		switch from {
		case "reason":
			run.Trusted, run.Reason = false, to
			continue
		case "kind":
			run.Kind = to
			continue
		}
		text = strings.ReplaceAll(text, from, to)
	}
	ctx := context.Background()
	s, err := store.Open(ctx, args[2])
	ts.Check(err)
	defer func() { ts.Check(s.Close()) }()
	kept, err := s.Begin(ctx, run)
	ts.Check(err)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"schema"`) {
			continue
		}
		rec, err := report.DecodeRecord([]byte(line))
		ts.Check(err)
		rec.CheckedAt = run.StartedAt
		ts.Check(kept.Add(ctx, &rec))
	}
	run.FinishedAt = run.StartedAt
	ts.Check(kept.Finish(ctx, run))
}

// loopback is a small internet whose servers listen on real loopback addresses, at one port for TLS.
type loopback struct {
	net      *fixtures.Internet
	resolver netip.AddrPort
	second   netip.AddrPort // a resolver of somebody else
	tls, web uint16
	rdap     uint16 // of a registry in which past.example, elsewhere, and lapsed.example, ours, are past their dates
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
` + proxiedZone + `
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
	if err == nil {
		lo.rdap, err = freePort("127.40.0.1")
	}
	if err != nil {
		return nil, fmt.Errorf("127.0.0.0/8 cannot be bound here: %w", err)
	}
	for _, a := range []string{"127.40.0.1", "127.40.0.2", "127.40.0.53", "127.40.0.54"} {
		if err := n.Bind(a, a); err != nil {
			return nil, err
		}
	}
	n.Zone("example.test", loopbackZone)
	lo.resolver = n.RealAddr(n.Resolver("127.40.0.53"))
	lo.second = n.RealAddr(n.Resolver("127.40.0.54"))
	now := time.Now()
	leaf := func(name string, left time.Duration) fixtures.Site {
		chain := n.CA().Issue(fixtures.Leaf{Names: []string{name}, NotBefore: now.Add(left - 90*24*time.Hour), NotAfter: now.Add(left)})
		return fixtures.Site{Names: []string{name}, Chain: chain, Handler: fixtures.HSTS(31536000)}
	}
	fine := leaf("example.test", 60*24*time.Hour)
	at := func(ip string, port uint16) string { return net.JoinHostPort(ip, strconv.Itoa(int(port))) }
	n.Serve(at("127.40.0.1", lo.tls), fine, leaf("expired.example.test", -time.Hour), leaf("soon.example.test", 5*24*time.Hour))
	n.Serve(at("127.40.0.2", lo.tls), fixtures.Site{Fault: fixtures.FaultSilent})
	n.Zone("past.example", "@ A 93.184.9.9")
	n.Zone("forbidden.test", "@ A 127.40.0.1\n@ CAA 0 issue \"pki.goog\"\nwww A 127.40.0.1")
	n.Zone("wild.test", "@ A 127.40.0.1\n@ CAA 0 issuewild \";\"\n* A 127.40.0.1")
	n.Zone("hint.test", "@ A 127.40.0.1\n@ HTTPS 1 . ipv4hint=93.184.9.9")
	n.Zone("lapsed.example", "@ A 127.40.0.1")
	n.ServeHTTP(at("127.40.0.1", lo.rdap), fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{
		"past.example":   {Status: []string{"auto renew period"}, Expires: now.AddDate(0, 0, -3)},
		"lapsed.example": {Status: []string{"redemption period"}, Expires: now.AddDate(0, 0, -3)},
	}))
	n.ServeHTTP(at("127.40.0.1", lo.web), fixtures.RedirectHTTPS(int(lo.tls)))
	if err := lo.serveProxy(at); err != nil {
		return nil, err
	}
	return lo, n.Err()
}

func (lo *loopback) env() []string {
	return []string{
		"CERTSCAN_RESOLVER=" + lo.resolver.String(), "CERTSCAN_CONTROL=example.test", "CERTSCAN_OURS=127.40.0.0/24",
		"CERTSCAN_PORT=" + strconv.Itoa(int(lo.tls)), "CERTSCAN_HTTP_PORT=" + strconv.Itoa(int(lo.web)),
		"SECOND=" + lo.second.String(), "BOTH=" + lo.resolver.String() + "," + lo.second.String(),
		"RDAP=" + netip.AddrPortFrom(netip.MustParseAddr("127.40.0.1"), lo.rdap).String(),
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
