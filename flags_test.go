package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"certscan/report"
)

var update = flag.Bool("update", false, "write the golden files and docs/flags.md anew")

// TestFlagsDoc holds docs/flags.md and the flag table together.
func TestFlagsDoc(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Flags\n\nFrom the table in `flags.go`; `go test . -run TestFlagsDoc -update` writes this page. Flags are taken before and after the\n" +
		"domains. A flag wins over the environment, the environment over the [configuration file](configuration.md), that over the default. Lists in the environment are separated by commas.\n\n" +
		"| flag | environment | default | commands | what it does |\n|---|---|---|---|---|\n")
	for _, o := range options {
		name := "`--" + o.name + "`"
		if o.alias != "" {
			name = "`-" + o.alias + "`, " + name
		}
		if o.value != "" {
			name += " `" + strings.ReplaceAll(o.value, "|", "\\|") + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", name, o.env(), o.fallback, strings.Join(o.commands, ", "), strings.ReplaceAll(o.usage, "|", "\\|"))
	}
	if *update {
		if err := os.WriteFile("docs/flags.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != b.String() {
		t.Errorf("docs/flags.md differs from the flag table: run go test . -run TestFlagsDoc -update")
	}
}

// none is an environment in which nothing is set, but for a usual store that nobody can make: tests leave the machine's alone.
func none(name string) (string, bool) {
	if name == "STATE_DIRECTORY" {
		return filepath.Join(os.DevNull, "state"), true
	}
	return "", false
}

func TestSettingPrecedence(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"CERTSCAN_OURS": "192.0.2.1,192.0.2.2", "CERTSCAN_PORT": "8443", "CERTSCAN_PROBE_ALL": "true"}[name]
		return v, ok
	}
	_, given := flags("scan", env)
	if got := given["ours"].raw; !slices.Equal(got, []string{"192.0.2.1", "192.0.2.2"}) {
		t.Errorf("list from the environment: %v", got)
	}
	for _, v := range []string{"198.51.100.1", "198.51.100.2"} {
		if err := given["ours"].Set(v); err != nil {
			t.Fatal(err)
		}
	}
	if got := given["ours"].raw; !slices.Equal(got, []string{"198.51.100.1", "198.51.100.2"}) {
		t.Errorf("flags must replace the environment: %v", got)
	}
	s, err := parse(given)
	if err != nil {
		t.Fatal(err)
	}
	if s.port != 8443 || !s.probeAll || s.httpPort != 80 {
		t.Errorf("port %d, probe-all %v, http-port %d: want 8443, true, 80", s.port, s.probeAll, s.httpPort)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"ours", "not-a-net", `--ours "not-a-net": want an address or a network, such as 203.0.113.7 or 203.0.113.0/24`},
		{"resolver", "dns.example", `--resolver "dns.example": want an address (no name: nothing could look it up), or address:port, such as 127.0.0.1 or [::1]:5353`},
		{"port", "0", `--port "0": want a number from 1 to 65535`},
		{"http", "maybe", `--http "maybe": want auto, off`},
		{"format", "xml", `--format "xml": want table, json, jsonl, csv, xlsx, html, markdown, nagios`},
		{"progress", "on", `--progress "on": want auto, always, never`},
		{"severity", "BAD", `--severity "BAD": want URGENT, WARN or OK, several by comma`},
		{"timeout", "5", `--timeout "5": want a unit: 5s for seconds, 5ms for milliseconds`},
		{"timeout", "-1s", `--timeout "-1s": want a duration, such as 5s or 800ms`},
		{"concurrency", "-1", `--concurrency "-1": want a number from 0 to 100000`},
		{"rate", "-1", `--rate "-1": want a number from 0 to 100000`},
		{"rate", "100/s", `--rate "100/s": want a number from 0 to 100000`},
		{"resolver", "127.0.0.1:0", `--resolver "127.0.0.1:0": want an address (no name: nothing could look it up), or address:port, such as 127.0.0.1 or [::1]:5353`},
		{"probe-all", "perhaps", `--probe-all "perhaps": want true or false`},
		{"ca-file", "testdata/none.pem", `--ca-file: stat testdata/none.pem: no such file or directory`},
		{"ca-file", "go.mod", `--ca-file go.mod: no certificate in it: PEM blocks "BEGIN CERTIFICATE" are wanted`},
	} {
		_, given := flags("scan", none)
		if err := given[c.name].Set(c.value); err != nil {
			t.Fatal(err)
		}
		if _, err := parse(given); err == nil || err.Error() != c.want {
			t.Errorf("--%s %s: %v\nwant %s", c.name, c.value, err, c.want)
		}
	}
}

func TestArrange(t *testing.T) {
	t.Parallel()
	app := &cli.App{Commands: []*cli.Command{{Name: "scan"}, {Name: "probe"}, {Name: "version"}, {Name: "config", Subcommands: []*cli.Command{{Name: "init"}, {Name: "check"}}}}}
	for _, c := range []struct{ in, want string }{
		{"a.test", "scan -- a.test"},
		{"a.test --ours 192.0.2.1 b.test", "scan --ours 192.0.2.1 -- a.test b.test"},
		{"--ours 192.0.2.1 scan a.test", "scan --ours 192.0.2.1 -- a.test"},
		{"--ours=192.0.2.1 a.test", "scan --ours=192.0.2.1 -- a.test"},
		{"scan a.test --exit-zero", "scan --exit-zero -- a.test"},
		{"scan -f - --exit-zero", "scan -f - --exit-zero"},
		{"-f list.txt", "scan -f list.txt"},
		{"probe a.test@192.0.2.1 --port 8443", "probe --port 8443 -- a.test@192.0.2.1"},
		{"scan -- probe", "scan -- probe"},
		{"a.test probe", "scan -- a.test probe"},
		{"--help", "--help"},
		{"help", "help"},
		{"help scan", "help scan"},
		{"--version", "version"},
		{"scan a.test --help", "scan --help"},
		{"version", "version"},
		{"config check -c x.yaml", "config check -c x.yaml"},
		{"-c x.yaml config check y.yaml", "config check -c x.yaml -- y.yaml"},
		{"config init init", "config init -- init"},
		{"scan check", "scan -- check"},
		{"", ""},
	} {
		got, err := arrange(app, append([]string{"certscan"}, strings.Fields(c.in)...))
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if joined := strings.Join(got[1:], " "); joined != c.want {
			t.Errorf("%q: got %q, want %q", c.in, joined, c.want)
		}
	}
	if _, err := arrange(app, []string{"certscan", "a.test", "--ours"}); err == nil {
		t.Error("a flag without its value must be an error")
	}
}

func TestSystemResolvers(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/resolv.conf"
	conf := "# comment\nsearch corp.test\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 127.0.0.1\nnameserver nonsense\noptions ndots:5\n"
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := systemResolvers(path)
	if err != nil || fmt.Sprint(got) != "[127.0.0.1:53 [::1]:53]" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("search corp.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := systemResolvers(path); err == nil || !strings.Contains(err.Error(), "--resolver") {
		t.Errorf("no nameserver line: %v, want the way out named", err)
	}
}

func TestOursNetworks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "203.0.113.9/24": "203.0.113.0/24", "2001:db8::1": "2001:db8::1/128", "2001:db8::/48": "2001:db8::/48",
		"::ffff:203.0.113.7": "203.0.113.7/32", "::ffff:203.0.113.0/120": "203.0.113.0/24", "0.0.0.0/0": "0.0.0.0/0",
	} {
		_, given := flags("scan", none)
		_ = given["ours"].Set(in)
		s, err := parse(given)
		if err != nil || fmt.Sprint(s.ours) != "["+want+"]" {
			t.Errorf("%s: %v, %v, want %s", in, s.ours, err, want)
		}
	}
	_, given := flags("scan", none)
	_ = given["ours"].Set("::ffff:0:0/90")
	if _, err := parse(given); err == nil {
		t.Error("a network that is neither IPv4 nor IPv6 must be refused")
	}
}

// TestExitStatus holds the order: 3 wins over 2, 2 over 1, and only 1 and 2 can be taken out.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	good := report.Run{Complete: true, Trusted: true, Asked: 3}
	with := func(edit func(*report.Run)) report.Run {
		r := good
		edit(&r)
		return r
	}
	warn := with(func(r *report.Run) { r.Counts.Warn = 1 })
	urgent := with(func(r *report.Run) { r.Counts.Warn, r.Counts.Urgent = 1, 1 })
	cut := with(func(r *report.Run) { r.Counts.Urgent, r.Complete = 1, false })
	doubtful := with(func(r *report.Run) { r.Counts.Urgent, r.Trusted = 1, false })
	for _, c := range []struct {
		name     string
		run      report.Run
		exitZero bool
		failed   error
		want     int
	}{
		{"all OK", good, false, nil, 0},
		{"WARN", warn, false, nil, 1},
		{"URGENT", urgent, false, nil, 2},
		{"cut", cut, false, nil, 3},
		{"not to be trusted", doubtful, false, nil, 3},
		{"unreadable list", urgent, false, io.ErrUnexpectedEOF, 3},
		{"nothing read", report.Run{Complete: true, Trusted: true}, false, nil, 3},
		{"WARN taken out", warn, true, nil, 0},
		{"URGENT taken out", urgent, true, nil, 0},
		{"cut stays", cut, true, nil, 3},
		{"not to be trusted stays", doubtful, true, nil, 3},
	} {
		got, err := 0, verdict(c.run, c.exitZero, c.failed)
		if e, ok := errors.AsType[*exit](err); ok {
			got = e.status
		} else if err != nil {
			got = exitUnknown
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
