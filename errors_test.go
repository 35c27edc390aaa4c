//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certscan/store"
)

// failing is a way to make certscan end with an error.
type failing struct {
	args string // words; DIR is a folder of the test's own, see mistakes
	in   io.Reader
	out  io.Writer
	// want is the row of docs/errors.md that it must be: its message as the page has it.
	want string
}

// brokenReader fails as a disk does.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("input/output error") }

// brokenWriter fails as a disk does.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: w.err}
}

// mistakes are ways to get every error of the page that needs no special machine; none of them asks the network.
func mistakes() []failing {
	return []failing{
		{args: "--no-such a.test", want: "flag provided but not defined: … (see certscan … --help)"},
		{args: "config check --no-such", want: "flag provided but not defined: … (see certscan … --help)"},
		{args: "a.test --ours", want: "flag needs a value: … (see certscan --help)"},
		{args: "a.test --ours web1", want: `--ours "…": want an address or a network, such as 203.0.113.7 or 203.0.113.0/24`},
		{args: "a.test --ours ::ffff:10.0.0.0/90", want: `--ours "…": want an IPv4 network as such, or ::ffff:a.b.c.d with /96 and more`},
		{args: "a.test --resolver dns.test", want: `--resolver "…": want an address (no name: nothing could look it up), or address:port, such as 127.0.0.1 or [::1]:5353`},
		{args: "a.test --control *.x.test", want: `--control "…": want a domain name that must resolve, or none`},
		{args: "a.test --port 0", want: `--port "…": want a number from 1 to 65535`},
		{args: "a.test --concurrency x", want: `--concurrency "…": want a number from 0 to 100000`},
		{args: "a.test --rate 100001", want: `--rate "…": want a number from 0 to 100000`},
		{args: "a.test --timeout 5", want: `--timeout "…": want a unit: …s for seconds, …ms for milliseconds`},
		{args: "a.test --timeout soon", want: `--timeout "…": want a duration, such as 5s or 800ms`},
		{args: "a.test --rdap-url ftp://x", want: `--rdap-url "…": want the base of an RDAP service, such as https://rdap.example.net/v1/`},
		{args: "a.test --whois-server a..b", want: `--whois-server "…": want a host or host:port, such as whois.example.net or 127.0.0.1:4343`},
		{args: "a.test --severity BAD", want: `--severity "…": want URGENT, WARN or OK, several by comma`},
		{args: "a.test --format xml", want: `--… "…": want …, …`},
		{args: "a.test --summary xml", want: `--… "…": want …, …`},
		{args: "a.test --probe-all=perhaps", want: `--probe-all "…": want true or false`},
		{args: "a.test --ca-file DIR/none", want: `--ca-file: … no such file or directory`},
		{args: "a.test --ca-file DIR", want: `--ca-file: … is not a regular file: name one with PEM blocks`},
		{args: "a.test --ca-file DIR/large", want: `--ca-file: … is larger than 16 MiB: name a file of CA certificates`},
		{args: "a.test --ca-file DIR/empty", want: `--ca-file …: no certificate in it: PEM blocks "BEGIN CERTIFICATE" are wanted`},
		{args: "a.test --ca-file DIR/bad.pem", want: `--ca-file …: certificate …: …`},
		{args: "completion tcsh", want: `completion "…": want one of bash, zsh, fish, powershell`},

		{args: "providers", want: "which of them: certscan providers list or certscan providers update"},
		{args: "providers list all", want: `providers takes no "…": certscan providers list or certscan providers update`},
		{args: "config init DIR/stale/x.yaml", want: "write config: … is there, and holds no token: …: move it away"},

		{args: "a.test -c DIR/none", want: "config …: there is no such file: name another with --config, or write one with certscan config init: …"},
		{args: "a.test -c DIR/secret.yaml", want: "config …: …: let this user read it, or name another file with --config"},
		{args: "a.test -c DIR", want: "config …: a directory: name the file in it"},
		{args: "a.test -c /dev/null", want: "config …: not a regular file: name one that stands on a disk"},
		{args: "a.test -c DIR/large", want: "config …: larger than 256 KiB: lists of names belong into files of their own, named by inventory"},
		{args: "a.test -c DIR/open.yaml", want: "config …: mode … lets others than its owner write it: run chmod go-w …"},
		{args: "config", want: "which of them: certscan config init, config check or config schema"},
		{args: "config check a b", want: "one configuration file at most is wanted, not …"},
		{args: "config init DIR/empty", want: "write config: … exists already and is not touched: name another file, or - for standard output"},
		{args: "config init DIR/empty/x", want: "write config: …: name another file, or - for standard output"},

		{args: "scan", want: "no domains: name some, or a file with --file (- for standard input), or an inventory in the configuration file"},
		{args: "explain", want: "no domain: certscan explain example.com"},
		{args: "-f DIR/none", want: "read domains: … no such file or directory"},
		{args: "-f DIR/locked", want: "read domains: … permission denied"},
		{args: "-f DIR", want: "read domains: … is a directory: name a file in it"},
		{args: "-f DIR/empty", want: "read domains: …: not a single name in it: one name a line is wanted, or a table with a column domain"},
		{args: "-f -", in: brokenReader{}, want: "read …: line …: …"},
		{args: "\x01", want: "not a single name was read"},

		{args: "inventory a.test --format nagios", want: "write …: no such form of it as …: table, json, jsonl, csv and markdown there are"},
		{args: "a.test --format html", want: "write records: no such form of them as …, which certscan audit has: table, json, jsonl, csv, markdown and nagios there are"},
		{args: "audit a.test --format nagios", want: "audit has no form nagios: table, json, jsonl, csv, xlsx, html and markdown there are"},
		{args: "audit a.test --format xlsx", want: "xlsx is no text: name a file with --output"},
		{args: "audit a.test --split-by manager", want: "--split-by manager: a folder for the files is wanted: --output DIR"},
		{args: "a.test --db DIR", want: "store …: a directory: name a file in it"},
		{args: "a.test --db /dev/null", want: "store …: not a regular file: name one that stands on a disk"},
		{args: "a.test --db DIR/locked/x", want: "store …: …: name another file with --db"},
		{args: "a.test --db DIR/bad.pem", want: "store …: not a database, and not touched: name another file with --db"},
		{args: "a.test --db x.db", want: "store …: a relative path: name it from the root on, such as …, or write default for the usual place"},
		{args: "a.test --db mysql://h", want: "store: no such kind of URL as …://: want an absolute path, or postgres://USER@HOST/DATABASE"},
		{args: "a.test --db postgres://h:p/d", want: "store …: not a URL of PostgreSQL: want postgres://USER:PASSWORD@HOST/DATABASE, with what is special in the password written as %XX"},
		{args: "a.test --db postgres://u@127.0.0.1:1/d", want: "store …: no connection: …: correct the URL, or see whether the server runs"},
		{args: "history --db DIR/none.db", want: "store …: there is none yet: certscan scan --db … keeps runs there, or name another with --db"},
		{args: "history a.test b.test --db DIR/history.db", want: "one domain at most is wanted, not …: certscan history example.com"},
		{args: "diff a --db DIR/history.db", want: "two runs are wanted, or none: certscan diff RUN RUN (certscan history lists them)"},
		{args: "diff --db DIR/history.db", want: "store …: no complete run that can be trusted: certscan scan --db keeps one"},
		{args: "diff a b --db DIR/history.db", want: "store …: no run …: certscan history lists them"},
		{args: "diff % b --db DIR/history.db", want: `store …: "…" is no id of a run: certscan history lists them`},
		{args: "prune all --db DIR/history.db", want: `prune takes no "…": certscan prune --older-than 90d, or --keep 10`},
		{args: "prune --db DIR/history.db", want: "prune what: certscan prune --older-than 90d, or --keep 10, or keep.runs in the configuration file"},
		{args: "prune --keep 0", want: `--keep "…": want a number from 1 to 100000`},
		{args: "prune --older-than 90", want: `--older-than "…": want a unit: …s for seconds, …d for days`},
		{args: "prune --older-than soon", want: `--older-than "…": want a duration, such as 30s, 5m, 24h or 14d`},

		{args: "a.test -o DIR", want: "write output: … is a directory: name a file in it"},
		{args: "a.test -o DIR/no/x", want: "write output: …: no such file or directory: make that folder writable, or name another file with --output"},
		{args: "a.test -o DIR/closed/x", want: "write output: …: permission denied: make that folder writable, or name another file with --output"},
		{args: "a.test -o DIR/locked", want: "write output: … permission denied: name another file with --output, or change its rights"},
		{args: "a.test -o DIR/empty/x", want: "write output: … not a directory: name another file with --output"},
		{args: "-f DIR/empty", out: brokenWriter{syscall.ENOSPC}, want: "…: write …: no space left on device: make room there, or write elsewhere with --output"},
		{args: "explain x..test --control none", out: brokenWriter{syscall.ENOSPC}, want: "…: write …: no space left on device: make room there, or write elsewhere"},
		{args: "completion bash", out: brokenWriter{syscall.ENOSPC}, want: "…: write …: no space left on device: make room there, or write elsewhere"},
		{args: "inventory a.test", out: brokenWriter{syscall.ENOSPC}, want: "…: write …: no space left on device: make room there, or write elsewhere"},
		{args: "config schema", out: brokenWriter{syscall.ENOSPC}, want: "…: write …: no space left on device: make room there, or write elsewhere"},
		{args: "config init -", out: brokenWriter{io.ErrUnexpectedEOF}, want: "…: write …: …: write elsewhere"},
		{args: "-f DIR/empty", out: brokenWriter{io.ErrUnexpectedEOF}, want: "…: write …: …: write elsewhere with --output"},
	}
}

// elsewhere are the rows of the page that other tests make: those of resolv.conf, and one that needs Ctrl-C.
var elsewhere = map[string]string{
	"find a resolver: … no such file or directory: name one with --resolver": "TestErrorsOfResolvers",
	"read …: no nameserver line in it: name a resolver with --resolver":      "TestErrorsOfResolvers",
	"…: nobody reads the output any more":                                    "TestErrorOfUnreadOutput",

	"store: nothing says where it is usual: set HOME, or name a file with --db":                                                             "TestUsualStore",
	"providers: …: the lists from before stay":                                                                                              "TestErrorsOfProviders",
	"providers …: …: let this user write there":                                                                                             "TestErrorsOfProviders",
	"ours.proof.token: no good token stands there: … (certscan config init makes one)":                                                      "TestScript/proof",
	"ours.proof.token.env: … is not set: set it, or name a file in its place":                                                               "TestScript/proof",
	"ours.proof.token.file: …: …":                                                                                                           "TestProofToken",
	"database.env: … is not set: set it to a file or postgres://USER:PASSWORD@HOST/DATABASE":                                                "TestScript/memory",
	"database.file: …: …":                                                                                                                   "TestDatabaseFile",
	"store …: permission denied: let this user write the file and its folder, or name another file with --db":                               "store.TestReadOnly",
	"store …: read-only: let this user write the file and its folder, or name another file with --db":                                       "store.TestReadOnly",
	"store …: a database of another program, which is not touched: name another file with --db":                                             "store.TestFaultsOfFiles",
	"store …: written by a newer certscan (schema …, this one knows …), and not touched: upgrade certscan, or name another store with --db": "store, newer schema",
	"store …: damaged, and not touched any more: move it away and bring back a copy, or save what can be read with sqlite3 FILE .recover":   "store.TestCorruptFile",
	"store …: no room left on the disk: make room there; what was stored before is kept":                                                    "store.TestFullDisk",
	"store …: another audit is at work: wait for its end, or name another store with --db":                                                  "TestSecondAudit",
	"write output: …: name another folder with --output":                                                                                    "TestAuditFolder",
	"store …: another process holds it for longer than 10 s: try again when that is done":                                                   "store.TestBusy",
	"what registries are asked and answer is remembered for this run alone, and others may ask them too often: …":                           "TestUnusableUsualStore",
	"store …: interrupted: …":                                                                                               "store, canceled",
	"store …: user or password is wrong: correct the URL":                                                                   "store.TestFaultsOfPostgreSQL",
	"store …: there is no such database: create it with createdb, or correct the URL":                                       "store.TestFaultsOfPostgreSQL",
	"store …: this user may not create tables there: grant it CREATE on the schema, or give certscan a database of its own": "store.TestFaultsOfPostgreSQL",
	"store …: a table of that name belongs to somebody else: give certscan a database of its own":                           "store.TestFaultsOfPostgreSQL",
	"store …: no room left on the server's disk: make room there; what was stored before is kept":                           "store.TestPostgresAdvice",
	"store …: the server takes no writes (a standby?): name the primary":                                                    "store.TestFaultsOfPostgreSQL",
	"store …: … (SQLSTATE \"…\")":                                                                                           "store.TestPostgresAdvice",
	"store …: several runs begin with …: write more of the id":                                                              "store, run by id",
	"store …: one complete run of kind … alone, nothing to compare it with: scan once more":                                 "store, last two runs",

	foreignConfig: "TestErrorOfForeignConfig",
}

const foreignConfig = "owned by user …, who is neither root nor you (…): run chown root …, or name a file of your own with --config"

func TestErrorOfForeignConfig(t *testing.T) {
	t.Parallel()
	if err := ownedWell("f.yaml", 1001, 1000); err == nil || !isMessage(foreignConfig, err.Error()) {
		t.Errorf("%v", err)
	}
}

// folder makes what the mistakes need.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("empty", "", 0o600)
	write("locked", "a.test\n", 0)
	write("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600)
	write("secret.yaml", "", 0)
	write("open.yaml", "", 0o600)
	write("large", "", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "stale"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("stale/proof.token", "short", 0o600)
	s, err := store.Open(t.Context(), filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if err := errors.Join(os.Truncate(filepath.Join(dir, "large"), caFileBytesMax+1), os.Mkdir(filepath.Join(dir, "closed"), 0o500),
		os.Chmod(filepath.Join(dir, "open.yaml"), 0o666)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestErrorsPage makes every error, holds that its message is in docs/errors.md, and that the page has no others.
func TestErrorsPage(t *testing.T) {
	t.Parallel()
	rows := errorRows(t)
	made := map[string]bool{}
	for _, message := range append(configMessages(t), listMessages()...) {
		row := rowOf(message, rows)
		if made[row] = true; row == "" {
			t.Errorf("docs/errors.md lacks %q", message)
		}
	}
	for row, test := range elsewhere {
		made[row] = true
		if !slices.Contains(rows, row) {
			t.Errorf("docs/errors.md lacks %q, which %s makes", row, test)
		}
	}
	dir := folder(t)
	for _, m := range mistakes() {
		made[m.want] = true
		if !slices.Contains(rows, m.want) {
			t.Errorf("docs/errors.md lacks %q", m.want)
		}
		if strings.Contains(m.want, "permission denied") || strings.Contains(m.args, "secret") {
			if os.Geteuid() == 0 {
				continue // root may read and write everything: there is no such error to make
			}
		}
		t.Run(m.args, func(t *testing.T) {
			t.Parallel()
			m.makes(t, dir)
		})
	}
	for _, row := range slices.Compact(slices.Sorted(slices.Values(rows))) {
		if !made[row] {
			t.Errorf("docs/errors.md lists %q, which no test makes", row)
		}
	}
}

// makes runs certscan and holds its exit status and its one error.
func (m failing) makes(t *testing.T, dir string) {
	t.Helper()
	var out, notes bytes.Buffer
	s := streams{in: m.in, out: cmp.Or(m.out, io.Writer(&out)), err: &notes, env: none}
	words := append([]string{"certscan"}, strings.Fields(strings.ReplaceAll(m.args, "DIR", dir))...)
	first, _, _ := strings.Cut(m.args, " ")
	if !slices.Contains([]string{"completion", "config", "inventory", "history", "diff", "prune", "providers"}, first) {
		words = append(words, "--resolver", "127.0.0.1:1")
	}
	if strings.HasSuffix(m.args, "--ours") {
		words = words[:len(words)-2]
	}
	if got := run(t.Context(), words, s); got != exitUnknown {
		t.Errorf("exit status %d, want %d", got, exitUnknown)
	}
	lines := strings.Split(strings.TrimSpace(notes.String()), "\n")
	if got := strings.TrimPrefix(lines[len(lines)-1], "certscan: "); !isMessage(m.want, got) {
		t.Errorf("got  %s\nwant %s", got, m.want)
	}
	if out.Len() > 0 && m.want == "" {
		t.Errorf("standard output holds %q", out.String())
	}
}

// isMessage reports whether a message is that of the page, where … stands for any words.
func isMessage(page, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(page), "…", "(?s:.+)")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

func TestErrorsOfResolvers(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "find a resolver: … no such file or directory: name one with --resolver",
		os.DevNull:                         "read …: no nameserver line in it: name a resolver with --resolver",
	} {
		if _, err := systemResolvers(path); err == nil || !isMessage(want, err.Error()) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestErrorOfUnreadOutput(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe()
	t.Cleanup(func() { _ = errors.Join(r.Close(), w.Close()) })
	_, err := newPatient(w, patience(ctx)).Write([]byte("record"))
	if err = unwritten("standard output", fmt.Errorf("write record: %w", err)); !isMessage("…: nobody reads the output any more", err.Error()) {
		t.Errorf("%v", err)
	}
}
