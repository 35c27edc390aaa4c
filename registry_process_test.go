//go:build unix

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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/fixtures"
)

// bureau is a small internet with a WHOIS server, and a folder for the store of the processes that ask it.
type bureau struct {
	lo    *loopback
	dir   string
	whois string // its address
	where string // CERTSCAN_DB; empty for the usual store
}

// newBureau has domains moved1.example to moved9.example, which are somebody else's, and a configuration.
func newBureau(t *testing.T, config string) *bureau {
	t.Helper()
	lo, err := startLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lo.net.Close)
	b := &bureau{lo: lo, dir: t.TempDir()}
	for i := range 9 {
		lo.net.Zone(fmt.Sprintf("moved%d.example", i+1), "@ A 93.184.9.9")
	}
	port, err := freePort("127.40.0.1")
	if err != nil {
		t.Fatal(err)
	}
	b.whois = net.JoinHostPort("127.40.0.1", strconv.Itoa(int(port)))
	for name, text := range map[string][]byte{"root.pem": lo.net.CA().RootPEM(), "c.yaml": []byte(config + "\n")} {
		if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// serve lets a registry answer at the address.
func (b *bureau) serve(t *testing.T, r *fixtures.Registrar) {
	t.Helper()
	b.lo.net.Whois(b.whois, r)
	if err := b.lo.net.Err(); err != nil {
		t.Fatal(err)
	}
}

// process prepares a certscan of its own.
func (b *bureau) process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(b.dir, "certscan")
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, link, append(args, "-c", "c.yaml", "--whois-server", b.whois, "--format", "jsonl", "--exit-zero")...)
	cmd.Dir = b.dir
	cmd.Env = append(append(os.Environ(), b.lo.env()...), "STATE_DIRECTORY="+filepath.Join(b.dir, "usual"))
	if b.where != "" {
		cmd.Env = append(cmd.Env, "CERTSCAN_DB="+b.where)
	}
	return cmd
}

// run runs a process to its end.
func (b *bureau) run(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := b.process(t, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Errorf("certscan %q: %v: %s", args, err, said.String())
	}
	return out.String(), said.String()
}

// TestLimitOfProcesses runs several processes at once and one after them: together they ask a WHOIS server no more than its
// limit and no name twice, in the usual store and on a server that machines share.
func TestLimitOfProcesses(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(*testing.T) string{
		"usual store": func(*testing.T) string { return "" },
		"PostgreSQL":  func(t *testing.T) string { return fixtures.PostgresDatabase(t) }, //nolint:thelper // no helper, a place
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBureau(t, "registration: {whois_rate: 5/m}")
			b.where = where(t)
			server := fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{"*": {Status: []string{"REGISTERED"}}})
			b.serve(t, server)
			begun := time.Now()
			var wg sync.WaitGroup
			for _, names := range [][]string{
				{"moved1.example", "moved2.example", "moved3.example", "moved4.example"},
				{"moved4.example", "moved5.example", "moved6.example", "moved7.example"},
				{"moved7.example", "moved8.example", "moved9.example", "moved1.example"},
			} {
				wg.Go(func() {
					if _, said := b.run(t, append([]string{"dns"}, names...)...); strings.Contains(said, "this run alone") {
						t.Errorf("%s", said)
					}
				})
			}
			wg.Wait()
			b.run(t, "dns", "moved1.example", "moved5.example", "moved9.example")
			asked := server.Asked()
			if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
				t.Errorf("asked twice: %v", asked)
			}
			// Who took a place for a name that another process claimed meanwhile has lost it.
			if n := len(asked); n < 3 || n > 5 && time.Since(begun) < time.Minute {
				t.Errorf("asked %v, the limit is 5", asked)
			}
		})
	}
}

// TestKilledInMidQuestion kills a process that waits for a WHOIS server: the next one neither asks for the name again, nor
// takes the place anew.
func TestKilledInMidQuestion(t *testing.T) {
	t.Parallel()
	b := newBureau(t, "registration: {whois_rate: 1/m}")
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort(b.whois)))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	cmd := b.process(t, "dns", "moved1.example", "--timeout", "1m")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := ln.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	query := make([]byte, len("moved1.example\r\n"))
	if _, err := conn.Read(query); err != nil || string(query) != "moved1.example\r\n" {
		t.Fatalf("%q, %v", query, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	_, _ = conn.Close(), ln.Close()
	server := fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{"*": {Status: []string{"REGISTERED"}}})
	b.serve(t, server)
	out, _ := b.run(t, "dns", "moved1.example", "moved2.example")
	if time.Since(begun) < time.Minute && len(server.Asked()) != 0 || slices.Contains(server.Asked(), "moved1.example") {
		t.Errorf("asked %v", server.Asked())
	}
	for _, want := range []string{`"state":"unknown","expires":null`, `"state":"unchecked","expires":null`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nlacks %s", out, want)
		}
	}
}

// TestOneOffAsksAnew holds that a run without a named store gets a fresh RDAP answer, and that one with a store asks no
// registry twice, about names that are clean and others.
func TestOneOffAsksAnew(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]int{"": 2, "named.db": 2} {
		b := newBureau(t, "")
		names := []string{"moved1.example"}
		if where != "" {
			b.where = filepath.Join(b.dir, where)
			names = []string{"moved1.example", "example.test"}
		}
		server := fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{"*": {Status: []string{"active"}, Expires: time.Now().AddDate(1, 0, 0)}})
		b.lo.net.ServeHTTP(b.whois, server)
		for range 2 {
			out, said := b.run(t, append([]string{"dns", "--rdap-url", "http://" + b.whois + "/"}, names...)...)
			if strings.Count(out, `"state":"registered"`) != len(names) {
				t.Errorf("%s%s", out, said)
			}
		}
		if asked := server.Asked(); len(asked) != want {
			t.Errorf("store %q: asked %v", where, asked)
		}
	}
}

// TestUnusableUsualStore holds that a run without a named store goes on where the usual one cannot be made, and says so once.
func TestUnusableUsualStore(t *testing.T) {
	t.Parallel()
	b := newBureau(t, "")
	if err := os.WriteFile(filepath.Join(b.dir, "usual"), nil, 0o600); err != nil { // a file where the folder would be
		t.Fatal(err)
	}
	b.serve(t, fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{"*": {Status: []string{"REGISTERED"}}}))
	out, said := b.run(t, "dns", "moved1.example", "moved2.example")
	if strings.Count(out, `"state":"registered"`) != 2 {
		t.Error(out)
	}
	const want = "certscan: what registries are asked and answer is remembered for this run alone, and others may ask them too often: store "
	if strings.Count(said, want) != 1 || !strings.Contains(said, "not a directory: name another file with --db") {
		t.Errorf("%s\nlacks %s", said, want)
	}
}
