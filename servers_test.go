//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/report"
	"certscan/triage"
)

// serverCase is one name of the list: what is there, and what certscan has to say of it.
type serverCase struct {
	name    string
	records string // zone-file text of its registrable domain; empty is an A record to addr, noZone is no such domain
	addr    string // empty is mainAddr
	chain   fixtures.Chain
	nginx   string // directives of its server block at addr; it has none where this and chain are empty

	verdict  string   // with its reason: "mixed/split"
	ends     []string // of each endpoint, by address: the state of its chain, or step and code of its error
	findings []string // "WARN P3 behind_proxy", worst first
	facts    []string // what explain must tell, beside the verdict, the rules and the endpoints
	// skips names the commands that would dial a public address of this name, and are not run for that reason.
	skips string
}

const noZone = "no zone"

// TestServers runs the built program over names that a real nginx serves and a real unbound resolves.
func TestServers(t *testing.T) {
	t.Parallel()
	nginx, unbound := fixtures.Need(t, "nginx", "nginx-light"), fixtures.Need(t, "unbound", "unbound")
	ca := fixtures.NewCA("Fixtures")
	cases := slices.Concat(lifetimeCases(ca), chainCases(ca), webCases(ca), faultCases(ca), absenceCases(), addressCases(ca))
	r := newRack(t, ca, cases, nginx, unbound)
	if !r.speaksTLS10(t) {
		t.Logf("OpenSSL of this machine speaks no TLS 1.0: the case at %s is left out", tls10Addr)
		cases = slices.DeleteFunc(cases, func(c serverCase) bool { return c.addr == tls10Addr })
	}
	t.Run("scan", func(t *testing.T) { t.Parallel(); r.testScan(t, cases) })
	t.Run("dns", func(t *testing.T) { t.Parallel(); r.testDNS(t, cases) })
	t.Run("explain", func(t *testing.T) {
		t.Parallel()
		for _, c := range cases {
			if !strings.Contains(c.skips, "explain") {
				t.Run(c.name, func(t *testing.T) { t.Parallel(); r.testExplain(t, &c) })
			}
		}
	})
}

// testScan holds every record of one scan against its case.
func (r *rack) testScan(t *testing.T, cases []serverCase) {
	t.Helper()
	cases = slices.DeleteFunc(slices.Clone(cases), func(c serverCase) bool { return strings.Contains(c.skips, "scan") })
	records := r.list(t, "scan", cases, exitUrgent)
	for i := range cases {
		c := &cases[i]
		rec := records[c.name]
		if rec == nil {
			t.Errorf("%s: no record", c.name)
			continue
		}
		c.holdVerdict(t, rec)
		if got := endsOf(rec); !slices.Equal(got, c.ends) {
			t.Errorf("%s: endpoints %q, want %q", c.name, got, c.ends)
		}
		c.holdFindings(t, rec)
	}
}

// testDNS holds that ownership alone gives the same verdicts, dials nothing, and finds what concerns names.
func (r *rack) testDNS(t *testing.T, cases []serverCase) {
	t.Helper()
	records := r.list(t, "dns", cases, exitWarn)
	for i := range cases {
		c := &cases[i]
		rec := records[c.name]
		if rec == nil {
			t.Errorf("%s: no record", c.name)
			continue
		}
		c.holdVerdict(t, rec)
		if got := endsOf(rec); len(got) > 0 {
			t.Errorf("%s: endpoints %q, want none", c.name, got)
		}
		if len(c.ends) > 0 {
			continue
		}
		c.holdFindings(t, rec)
		if strings.Contains(c.skips, "explain") {
			c.holdFacts(t, strings.Join(rec.DNS.Evidence, "\n"))
		}
	}
}

// testExplain holds what an operator reads of one name.
func (r *rack) testExplain(t *testing.T, c *serverCase) {
	t.Helper()
	out, said, status := r.command(t, "explain", c.name)
	if want := statusFor(c.severity()); status != want {
		t.Errorf("exit status %d, want %d: %s", status, want, said)
	}
	c.holdFacts(t, out)
	matched := 1 // the rule of the verdict
	verdict, _, _ := strings.Cut(c.verdict, "/")
	if !strings.Contains(out, "\nOwnership: "+c.verdict+", because ") || !strings.Contains(out, "\n  yes "+verdict+" ") {
		t.Errorf("verdict %s with its rule is missing", c.verdict)
	}
	for _, f := range c.findings {
		matched++
		severity, code := f[:strings.LastIndex(f, " ")], f[strings.LastIndex(f, " ")+1:]
		if !strings.Contains(out, "\n  yes "+code+" ") || !strings.Contains(out, "\n  "+severity) {
			t.Errorf("finding %q with its rule is missing", f)
		}
	}
	if got := strings.Count(out, "\n  yes "); got != matched {
		t.Errorf("%d rules matched, want %d", got, matched)
	}
	if t.Failed() {
		t.Log(out)
	}
}

func (c *serverCase) holdVerdict(t *testing.T, rec *report.Record) {
	t.Helper()
	if got := strings.TrimSuffix(rec.DNS.Verdict+"/"+rec.DNS.Reason, "/"); got != c.verdict {
		t.Errorf("%s: verdict %s, want %s: %q", c.name, got, c.verdict, rec.DNS.Evidence)
	}
	confidence := "high"
	if c.verdict == "moved" { // which takes two resolvers, and an earlier look
		confidence = "low"
	}
	if rec.DNS.Confidence != confidence {
		t.Errorf("%s: confidence %s: %q", c.name, rec.DNS.Confidence, rec.DNS.Evidence)
	}
}

func (c *serverCase) holdFindings(t *testing.T, rec *report.Record) {
	t.Helper()
	var got, messages []string
	for _, f := range rec.Findings {
		got = append(got, string(f.Severity)+" "+string(f.Priority)+" "+string(f.Code))
		messages = append(messages, f.Message)
	}
	if !slices.Equal(got, c.findings) || rec.Severity != c.severity() {
		t.Errorf("%s: %s, findings %q, want %s, %q: %q", c.name, rec.Severity, got, c.severity(), c.findings, messages)
	}
}

func (c *serverCase) holdFacts(t *testing.T, text string) {
	t.Helper()
	for _, fact := range c.facts {
		if !strings.Contains(text, fact) {
			t.Errorf("%s: not told: %q in\n%s", c.name, fact, text)
		}
	}
}

// severity is that of the worst finding.
func (c *serverCase) severity() triage.Severity {
	if len(c.findings) == 0 {
		return triage.OK
	}
	word, _, _ := strings.Cut(c.findings[0], " ")
	return triage.Severity(word)
}

func statusFor(s triage.Severity) int {
	return map[triage.Severity]int{triage.OK: exitOK, triage.Warn: exitWarn, triage.Urgent: exitUrgent}[s]
}

// endsOf says what became of each endpoint of a record.
func endsOf(rec *report.Record) []string {
	var out []string
	for _, e := range rec.Endpoints {
		switch {
		case e.Error != nil:
			out = append(out, e.Error.Step+" "+e.Error.Code)
		case e.TLS != nil:
			out = append(out, e.TLS.Chain)
		default:
			out = append(out, "nothing")
		}
	}
	return out
}

// list runs a command over the names of a file, some of them written twice, and returns the records by name. It holds
// what is true of every run: a record for each distinct name, the closing line, the closing count, the exit status.
func (r *rack) list(t *testing.T, command string, cases []serverCase, want int) map[string]*report.Record {
	t.Helper()
	text := "# every case\n" + strings.ToUpper(cases[0].name) + ".\n"
	for _, c := range cases {
		text += c.name + "\n"
	}
	out, said, status := r.command(t, command, "--file", r.write(t, command+".txt", []byte(text)), "--format", "jsonl")
	if status != want || !strings.Contains(said, "1 duplicate") {
		t.Errorf("exit status %d, want %d with 1 duplicate counted: %s", status, want, said)
	}
	lines := bytes.Split(bytes.TrimSuffix([]byte(out), []byte("\n")), []byte("\n"))
	var end struct{ Run *report.Run }
	if err := json.Unmarshal(lines[len(lines)-1], &end); err != nil || end.Run == nil {
		t.Fatalf("last line %s: %v, want the run", lines[len(lines)-1], err)
	}
	if n := len(lines) - 1; n != len(cases) || end.Run.Asked != n || !end.Run.Complete || !end.Run.Trusted {
		t.Errorf("%d records of %d names, run %+v", n, len(cases), end.Run)
	}
	records := map[string]*report.Record{}
	var counts report.Counts
	for _, line := range lines[:len(lines)-1] {
		rec, err := report.DecodeRecord(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if records[rec.Name] != nil || rec.DNS == nil {
			t.Fatalf("a second record of a name, or one without DNS: %s", line)
		}
		records[rec.Name] = &rec
		counts.Add(rec.Severity)
	}
	if counts != end.Run.Counts {
		t.Errorf("the run counts %+v, its records %+v", end.Run.Counts, counts)
	}
	return records
}

// command runs certscan with what all cases need, and without the environment of the tester.
func (r *rack) command(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	args = append(args, "--resolver", r.resolver.String(), "--control", "control.test", "--ours", serverNet, "--ours", ownNet6, "--timeout", "4s")
	if args[0] != "dns" {
		args = append(args, "--ca-file", r.dir+"/root.pem", "--port", portText(r.tls), "--http-port", portText(r.web))
	}
	cmd := exec.CommandContext(t.Context(), r.binary, args...)
	cmd.Env = []string{"HOME=" + r.dir, "STATE_DIRECTORY=" + r.dir}
	cmd.WaitDelay = 5 * time.Second
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if cmd.ProcessState == nil || !cmd.ProcessState.Exited() {
		t.Fatalf("certscan %q: %v: %s", args, err, said.String())
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}
