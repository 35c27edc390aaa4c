package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/report"
	"certscan/store"
	"certscan/triage"
)

// TestManagerFiles holds that each manager has a file of his own inside the folder, whatever his name is.
func TestManagerFiles(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	want := map[string]string{"north": "north", "anna.berg@example.net": "anna.berg@example.net", "": "no-manager", "Ольга": "Ольга"}
	seen := map[string]string{}
	for _, manager := range []string{
		"north", "anna.berg@example.net", "", "Ольга", "North", "no-manager", "../../etc/passwd", "..", ".", "-rf", "a/b", "a\\b", "a b", "a_b", "CON", "con.txt",
		"x\x00y", "x\x1b[2Jy", "\u202egnp.exe", strings.Repeat("long", 100), strings.Repeat("long", 101), " ", "c:evil", "\xff",
	} {
		file := fileOf(manager, taken)
		if expect, plain := want[manager]; plain && file != expect {
			t.Errorf("%q: %q, want %q", manager, file, expect)
		}
		if other, twice := seen[strings.ToLower(file)]; twice {
			t.Errorf("%q and %q share %q", manager, other, file)
		}
		seen[strings.ToLower(file)] = manager
		if filepath.Dir(filepath.Join("out", file)) != "out" || len(file) > 255 || strings.ContainsAny(file, "/\\:\x00\x1b \u202e") || file[0] == '.' || file[0] == '-' {
			t.Errorf("%q: %q", manager, file)
		}
	}
}

// TestSecondAudit holds that one audit at a time is at work on a store.
func TestSecondAudit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "c.db")
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	release, err := s.Exclusive(t.Context(), "audit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(release(), s.Close()) })
	status, text := auditRun(t, "audit", "a.test", "--control", "none", "--db", file)
	if status != exitUnknown || !strings.Contains(text, "another audit is at work: wait for its end, or name another store with --db") {
		t.Errorf("%d: %s", status, text)
	}
}

// TestAuditFolder holds that lists that cannot be handed out leave the run unfinished, so that the next one tells the same.
func TestAuditFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "taken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "c.db")
	status, text := auditRun(t, "audit", "x..test", "--control", "none", "--db", file, "--split-by", "manager", "-o", filepath.Join(dir, "taken", "lists"))
	if status != exitUnknown || !strings.Contains(text, "write output: ") || !strings.Contains(text, ": name another folder with --output") {
		t.Errorf("%d: %s", status, text)
	}
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for run, err := range s.Runs(t.Context()) {
		if err != nil || !run.FinishedAt.IsZero() {
			t.Errorf("%+v, %v", run, err)
		}
	}
}

// TestFrozenRow holds that a name that stood on the last list, and turned bad with too many others, shows what it was: no change.
func TestFrozenRow(t *testing.T) {
	t.Parallel()
	a, now := &audit{last: map[string]*lastEntry{}}, time.Now()
	for i, name := range []string{"a.test", "b.test", "c.test"} {
		if was := (triage.Standing{Verdict: dns.Mixed, Findings: []triage.Finding{{Code: triage.SplitAddresses, Severity: triage.Warn}}}); i > 0 {
			a.last[name] = &lastEntry{standing: was}
		}
		r := triage.Policy{}.Judge(&triage.Facts{
			Domain: inventory.Domain{Name: name}, DNS: &dns.Answer{Name: name, Registrable: name}, Owner: &dns.Ownership{Verdict: dns.Moved, Confidence: dns.Low},
			Past: &triage.Past{Trusted: triage.Span{Verdict: dns.Mixed, Since: now}},
		}, now)
		rec := report.NewRecord("r", "", &r)
		a.breaker.Add(triage.NewTurn(&r.Facts, now))
		a.take(rec, standingOf(&rec))
	}
	a.freeze()
	for i, want := range []triage.Change{triage.ChangeNew, triage.ChangeUnchanged, triage.ChangeUnchanged} {
		if r := &a.rows[i]; r.Section != triage.SectionFrozen || r.Change != want || r.Record.DNS.Verdict != "mixed" {
			t.Errorf("%s: %s, %s, %s, want %s", r.Record.Name, r.Section, r.Change, r.Record.DNS.Verdict, want)
		}
	}
}

// TestDatedRows holds that a run that goes on tells from the store when registrations began, and asks no registry for that: neither
// about what was kept weeks ago, nor where the answer was of no use.
func TestDatedRows(t *testing.T) {
	t.Parallel()
	asked := atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(server.Close)
	memory, now := dns.NewRegistryMemory(), time.Now().UTC().Truncate(time.Second)
	registry, err := dns.NewRegistry(dns.RegistryConfig{RDAPURL: server.URL, Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	created, host := now.AddDate(-3, 0, 0), strings.TrimPrefix(server.URL, "http://")
	if err := memory.Keep(t.Context(), dns.Registration{
		Domain: "old.test", Server: host, State: dns.Registered, Created: created, Expires: now.AddDate(1, 0, 0), AskedAt: now.AddDate(0, 0, -10),
	}); err != nil {
		t.Fatal(err)
	}
	if ok, err := memory.Claim(t.Context(), "vain.test", host, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	a := &audit{kept: map[string]*report.Record{}}
	for name, state := range map[string]dns.RegistrationState{"old.test": dns.Registered, "vain.test": dns.RegUnknown} {
		r := triage.Result{Facts: triage.Facts{
			Domain: inventory.Domain{Name: name}, DNS: &dns.Answer{Name: name, Registrable: name, Inquiry: &dns.Inquiry{Registration: dns.Registration{
				Domain: name, State: state, Source: "rdap",
			}}},
		}}
		rec := report.NewRecord("r", "", &r)
		a.kept[name] = &rec
		a.rows = append(a.rows, report.AuditRow{Record: rec})
	}
	a.date(t.Context(), registry, dns.RegistrationEvery)
	for i := range a.rows {
		if r := &a.rows[i]; r.Registered.Equal(created) != (r.Record.Name == "old.test") {
			t.Errorf("%s registered %s", r.Record.Name, r.Registered)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the registry was asked %d times", n)
	}
}

// TestFingerprint holds that an audit that was cut does not go on under what changes its verdicts.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) { return "abcdefghijklmnop", name == "PROOF" }
	of := func(edit func(*settings, *inventory.Domain)) string {
		set, d := settings{config: new(configuration), env: env}, inventory.Domain{Name: "a.test", Display: "a.test"}
		if edit != nil {
			edit(&set, &d)
		}
		var all inventory.Union
		all.Add(&d)
		return set.fingerprint(&all)
	}
	same := of(nil)
	if of(nil) != same || of(func(_ *settings, d *inventory.Domain) { d.Manager = "north" }) != same {
		t.Error("what changes no verdict ends it")
	}
	for why, edit := range map[string]func(*settings, *inventory.Domain){
		"challenge": func(_ *settings, d *inventory.Domain) { d.Challenge = "dns-01" },
		"expect":    func(_ *settings, d *inventory.Domain) { d.Expect = inventory.ExpectElsewhere },
		"servers": func(s *settings, _ *inventory.Domain) {
			s.config.Ours.Servers = map[string][]address{"web1": {{addr: netip.MustParseAddr("192.0.2.1")}}}
		},
		"proof": func(s *settings, _ *inventory.Domain) {
			s.config.Ours.Proof.Token.Env.value = value{"PROOF", place{doc: new(document)}}
		},
	} {
		if of(edit) == same {
			t.Errorf("%s: the same", why)
		}
	}
}

// TestRegistrationOfTarget holds that a row tells when its own domain was registered, not that to which its CNAME leads.
func TestRegistrationOfTarget(t *testing.T) {
	t.Parallel()
	of := dns.Registration{Domain: "target.test", State: dns.Registered, Created: time.Unix(1, 0), Retry: time.Unix(2, 0)}
	r := triage.Result{Facts: triage.Facts{DNS: &dns.Answer{Registrable: "own.test", Inquiry: &dns.Inquiry{Registration: of}}}}
	if got := registrationOf(&r); !got.Created.IsZero() || !got.Retry.Equal(of.Retry) {
		t.Errorf("%+v", got)
	}
	r.Facts.DNS.Registrable = of.Domain
	if got := registrationOf(&r); !got.Created.Equal(of.Created) {
		t.Errorf("%+v", got)
	}
}

// auditRun runs certscan in this process, and returns its status and what it said.
func auditRun(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, notes bytes.Buffer
	env := func(name string) (string, bool) {
		if name == "CERTSCAN_RESOLVER" {
			return "127.0.0.1:1", true
		}
		return "", false
	}
	status := run(t.Context(), append([]string{"certscan"}, args...), streams{strings.NewReader(""), &out, &notes, env})
	return status, notes.String()
}
