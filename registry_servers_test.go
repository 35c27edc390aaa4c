//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"certscan/fixtures"
	"certscan/report"
)

// TestRegistryServers runs the built program over names that real name servers serve and real resolvers resolve, from a
// root of their own down, and whose registries answer over RDAP and WHOIS.
func TestRegistryServers(t *testing.T) {
	t.Parallel()
	unbound := fixtures.Need(t, "unbound", "unbound")
	r := newRealm(t)
	t.Run("rdap", func(t *testing.T) { t.Parallel(); r.testRDAP(t) })
	t.Run("whois", func(t *testing.T) { t.Parallel(); r.testWhois(t) })
	t.Run("scan", func(t *testing.T) { t.Parallel(); r.testScan(t) })
	t.Run("audit", func(t *testing.T) { t.Parallel(); r.testAudit(t) })
	t.Run("explain", func(t *testing.T) { t.Parallel(); r.testExplain(t) })
	t.Run("registry trouble", func(t *testing.T) {
		t.Parallel()
		for _, trouble := range registryTroubles() {
			t.Run(trouble.name, func(t *testing.T) { t.Parallel(); r.testTrouble(t, trouble) })
		}
	})
	t.Run("rewriting resolver", func(t *testing.T) { t.Parallel(); r.testRewriter(t) })
	t.Run("resolvers killed", func(t *testing.T) { t.Parallel(); r.testGone(t, unbound, []string{"MORTAL1", "MORTAL2"}, kill) })
	t.Run("resolver cut off", func(t *testing.T) { t.Parallel(); r.testGone(t, unbound, []string{"MORTAL4"}, cutOff) })
	t.Run("resolver suspended", func(t *testing.T) { t.Parallel(); r.testGone(t, unbound, []string{"MORTAL3"}, suspend) })
}

var bothResolvers = []string{"RESOLVER1", "RESOLVER2"}

// testRDAP holds every verdict of the names whose registry is asked by RDAP, and what is told of it.
func (r *realm) testRDAP(t *testing.T) {
	t.Helper()
	o := r.open(t, realmRegistry())
	r.hold(t, realmCases(), r.records(t, r.command(t, bothResolvers, "dns", o.rdap, "--timeout=2s"), realmCases(), exitUrgent))
	asked := o.Asked()
	if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("the registry was asked twice for a domain: %v", asked)
	}
}

func (r *realm) testWhois(t *testing.T) {
	t.Helper()
	o := r.open(t, whoisRegistry())
	r.hold(t, whoisCases(), r.records(t, r.command(t, bothResolvers, "dns", o.whois, "--timeout=2s"), whoisCases(), exitWarn))
	if n := len(o.Asked()); n > 15 {
		t.Errorf("%d queries within a minute: %v", n, o.Asked())
	}
}

// testScan holds that a scan has the same verdicts, and dials what is ours.
func (r *realm) testScan(t *testing.T) {
	t.Helper()
	o := r.open(t, realmRegistry())
	cases := slices.DeleteFunc(realmCases(), func(c realmCase) bool {
		return !c.scanned && strings.HasPrefix(c.verdict, "parked") || c.name == "six.com"
	})
	records := r.records(t, r.command(t, bothResolvers, "scan", o.rdap, "--timeout=2s"), cases, exitUrgent)
	r.hold(t, cases, records)
	for _, c := range cases {
		if rec := records[c.name]; rec != nil && len(rec.Endpoints) > 0 != c.scanned {
			t.Errorf("%s: endpoints %+v, want some: %t", c.name, rec.Endpoints, c.scanned)
		}
	}
}

// testAudit holds that two audits list every name that is not clean with its verdict, the second one as unchanged, and that no
// name is sure to have moved or to be free that was looked at on one day alone.
func (r *realm) testAudit(t *testing.T) {
	t.Helper()
	o, state := r.open(t, realmRegistry()), t.TempDir()
	// That nothing is there is normal for a wildcard, and on no list.
	cases := slices.DeleteFunc(realmCases(), func(c realmCase) bool { return c.name == "*.good.com" })
	for _, change := range []string{"new", "unchanged"} {
		cmd := r.command(t, bothResolvers, "audit", o.rdap, "--timeout=1s", "--file=-", "--format=jsonl")
		cmd.Env = append(cmd.Env, "STATE_DIRECTORY="+state)
		var list, said strings.Builder
		for _, c := range cases {
			fmt.Fprintln(&list, c.name)
		}
		cmd.Stdin, cmd.Stderr = strings.NewReader(list.String()), &said
		out, err := cmd.Output()
		if status := statusOf(err); status != exitOK {
			t.Fatalf("exit status %d: %s", status, said.String())
		}
		listed := map[string]auditLine{}
		for line := range bytes.Lines(out) {
			var l auditLine
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			listed[l.Domain] = l
		}
		for _, c := range cases {
			l, ok := listed[c.name]
			verdict := strings.TrimSuffix(l.DNS.Verdict+"/"+l.DNS.Reason, "/")
			if c.verdict != "parked" && (!ok || verdict != c.verdict || l.Audit.Change != change) {
				t.Errorf("%s: listed %t, %s, %s, want %s, %s", c.name, ok, verdict, l.Audit.Change, c.verdict, change)
			}
			if takesTwo := c.verdict == "free" || c.verdict == "moved"; takesTwo && l.Audit.Section != "unconfirmed" {
				t.Errorf("%s: %s after looks of one day", c.name, l.Audit.Section)
			}
		}
	}
	asked := o.Asked()
	if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("the registry was asked twice for a domain: %v", asked)
	}
}

// auditLine is what this test reads of a name on the list of an audit.
type auditLine struct {
	Domain string
	DNS    struct{ Verdict, Reason string }
	Audit  struct{ Section, Change string }
}

// testExplain holds what an operator reads of some names.
func (r *realm) testExplain(t *testing.T) {
	t.Helper()
	o := r.open(t, realmRegistry())
	cases := slices.DeleteFunc(realmCases(), func(c realmCase) bool {
		return !slices.Contains([]string{"free.com", "hold.com", "refused.com", "stale.com", "www.dangling.com"}, c.name)
	})
	for _, c := range cases {
		out, err := r.command(t, bothResolvers, "explain", o.rdap, "--timeout=2s", c.name).Output()
		want := exitWarn
		if c.verdict == "dangling/target_free" {
			want = exitUrgent
		}
		if status := statusOf(err); status != want {
			t.Errorf("%s: exit status %d, want %d", c.name, status, want)
		}
		for _, want := range []string{"\nOwnership: " + c.verdict + ", because ", r.says(&c)} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: not told: %q in\n%s", c.name, want, out)
			}
		}
	}
}

// testTrouble holds that no domain is free where the registry has no answer to rely on, though the parent zone says that it
// is not there.
func (r *realm) testTrouble(t *testing.T, trouble registryTrouble) {
	t.Helper()
	o := r.open(t, trouble.known)
	flags, cases := []string{"dns", o.rdap}, undelegatedCases()
	if trouble.whois { // .com has RDAP in the built-in table, and no server for it here
		flags, cases = []string{"dns", o.whois}, nil
		for _, name := range []string{"free.ru", "hold.ru", "lapsed.ru"} {
			cases = append(cases, realmCase{name: name})
		}
	}
	said := 0
	for name, rec := range r.records(t, r.command(t, bothResolvers, append(flags, "--timeout=1s")...), cases, exitWarn) {
		if rec.DNS.Verdict != "not_delegated" {
			t.Errorf("%s: %s, want not_delegated: %q", name, rec.DNS.Verdict, rec.DNS.Evidence)
		}
		if strings.Contains(strings.Join(rec.DNS.Evidence, "\n"), trouble.says) {
			said++
		}
	}
	if said == 0 {
		t.Errorf("nobody is told %q", trouble.says)
	}
}

// testRewriter holds that a resolver that makes addresses up for what does not exist is found out and overruled.
func (r *realm) testRewriter(t *testing.T) {
	t.Helper()
	o := r.open(t, realmRegistry())
	const lies = "the resolver answers with addresses for names that do not exist"
	cases := []realmCase{
		{name: "good.com", verdict: "parked", registered: true, says: "A $WEB"},
		{name: "free.com", verdict: "free", says: lies},
		{name: "hold.com", verdict: "on_hold", registered: true, says: lies},
		{name: "lapsed.com", verdict: "expired", registered: true, says: lies},
		{name: "taken.com", verdict: "not_delegated", registered: true, says: lies},
		{name: "gone.good.com", verdict: "name_missing", registered: true, says: lies},
		{name: "moved.com", verdict: "moved", registered: true, says: lies},
	}
	r.hold(t, cases, r.records(t, r.command(t, []string{"REWRITER"}, "dns", o.rdap, "--timeout=2s"), cases, exitWarn))
}

// testGone takes the resolvers away one after the other while a run goes on: what is asked with one left comes out right,
// what is asked with none is unknown, also where the parent zone and the registry were heard before.
func (r *realm) testGone(t *testing.T, unbound string, hosts []string, take func(t *testing.T, server *exec.Cmd, address string)) {
	t.Helper()
	var servers []*exec.Cmd
	for _, host := range hosts {
		servers = append(servers, r.startResolver(t, unbound, host))
	}
	want := map[string]string{}
	for _, c := range realmCases() {
		want[c.name] = c.verdict
	}
	o := r.open(t, realmRegistry())
	s := newSession(t, r.command(t, hosts, "dns", o.rdap, "--timeout=1s", "--file=-", "--format=jsonl"))
	seen := []string{"good.com", "free.com", "hold.com", "lapsed.com", "moved.com", "refused.com", "gone.good.com", "taken.com"}
	more := []string{"half.com", "www.free.com", "overdue.com", "parking.com", "nodata.com", "www.dangling.com"}
	s.ask(seen...)
	holdVerdicts(t, s.await(len(seen)), want)
	for i, host := range hosts {
		take(t, servers[i], r.at(host))
		if i < len(hosts)-1 {
			s.ask(more...)
			holdVerdicts(t, s.await(len(more)), want)
		}
	}
	asked := 0
	for _, domain := range append(seen, "deleting.com", "failing.com", "never.com") {
		s.ask("a."+domain, "b."+domain)
		asked += 2
	}
	for _, rec := range s.await(asked) {
		if rec.DNS.Verdict != "unknown" {
			t.Errorf("%s: %s/%s without a resolver, want unknown: %q", rec.Name, rec.DNS.Verdict, rec.DNS.Reason, rec.DNS.Evidence)
		}
	}
	if status := s.end(); status != exitUnknown {
		t.Errorf("exit status %d, want %d: %s", status, exitUnknown, s.said.String())
	}
}

func holdVerdicts(t *testing.T, records []*report.Record, want map[string]string) {
	t.Helper()
	for _, rec := range records {
		if got := verdictOf(rec); got != want[rec.Name] {
			t.Errorf("%s: %s, want %s: %q", rec.Name, got, want[rec.Name], rec.DNS.Evidence)
		}
	}
}

func verdictOf(rec *report.Record) string {
	return strings.TrimSuffix(rec.DNS.Verdict+"/"+rec.DNS.Reason, "/")
}

// session is a run whose list is written while its records are read.
type session struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	said    bytes.Buffer
	settled sync.Once
}

func newSession(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	s := &session{t: t, cmd: cmd}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &s.said
	s.in, s.out = in, bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end() })
	return s
}

func (s *session) ask(names ...string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, strings.Join(names, "\n")+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// await reads the next n records. The context of the test, and certscan's own deadlines, bound the wait.
func (s *session) await(n int) []*report.Record {
	s.t.Helper()
	var out []*report.Record
	for len(out) < n && s.out.Scan() {
		rec, err := report.DecodeRecord(s.out.Bytes())
		if err != nil {
			s.t.Fatalf("%v: %s", err, s.out.Text())
		}
		out = append(out, &rec)
	}
	if len(out) < n {
		s.t.Fatalf("%d records of %d", len(out), n)
	}
	return out
}

// end ends the list, and returns the exit status.
func (s *session) end() (status int) {
	s.settled.Do(func() {
		_ = s.in.Close()
		for s.out.Scan() { // the closing line
		}
		status = statusOf(s.cmd.Wait())
	})
	return status
}

// statusOf is the exit status that an error of exec tells; -1 where it did not exit.
func statusOf(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // exec returns it as it is
		return e.ExitCode()
	}
	return -1
}

// says is what is to be told of a case.
func (r *realm) says(c *realmCase) string {
	return r.text(strings.ReplaceAll(c.says, "$NET", r.net))
}

// hold holds the records of a run against its cases.
func (r *realm) hold(t *testing.T, cases []realmCase, records map[string]*report.Record) {
	t.Helper()
	for _, c := range cases {
		rec := records[c.name]
		if rec == nil {
			t.Errorf("%s: no record", c.name)
			continue
		}
		evidence := strings.Join(rec.DNS.Evidence, "\n")
		if got := verdictOf(rec); got != c.verdict {
			t.Errorf("%s: verdict %s, want %s:\n%s", c.name, got, c.verdict, evidence)
		}
		if c.registered && rec.DNS.Verdict == "free" {
			t.Errorf("%s is registered, and called free", c.name)
		}
		if !strings.Contains(evidence, r.says(&c)) {
			t.Errorf("%s: not told: %q in\n%s", c.name, r.says(&c), evidence)
		}
	}
}

// records runs a command over the names of cases, and returns the records by the names as the cases write them.
func (r *realm) records(t *testing.T, cmd *exec.Cmd, cases []realmCase, want int) map[string]*report.Record {
	t.Helper()
	var list, said strings.Builder
	for _, c := range cases {
		fmt.Fprintln(&list, c.name)
	}
	cmd.Args = append(cmd.Args, "--file=-", "--format=jsonl")
	cmd.Stdin, cmd.Stderr = strings.NewReader(list.String()), &said
	out, err := cmd.Output()
	if status := statusOf(err); status != want {
		t.Errorf("exit status %d, want %d: %s", status, want, said.String())
	}
	lines := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	var end struct{ Run *report.Run }
	if err := json.Unmarshal(lines[len(lines)-1], &end); err != nil || end.Run == nil || !end.Run.Complete || end.Run.Asked != len(cases) {
		t.Fatalf("last line %s: %v, want a run of %d names: %s", lines[len(lines)-1], err, len(cases), said.String())
	}
	records := map[string]*report.Record{}
	for _, line := range lines[:len(lines)-1] {
		rec, err := report.DecodeRecord(line)
		if err != nil || rec.DNS == nil {
			t.Fatalf("%v: %s", err, line)
		}
		records[rec.Domain], records[rec.Name] = &rec, &rec
	}
	return records
}
