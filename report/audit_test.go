package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/triage"
)

// auditRow is a row of a sample audit.
func auditRow(name, display, manager string, v dns.Verdict, reason dns.Reason, code triage.Code, section triage.Section, change triage.Change, action triage.Action) AuditRow {
	r := result(name, display, manager, v, reason, found(code, triage.Warn, triage.P3, "said", action))
	r.Facts.Domain.Owner = "ACME"
	r.Since = sampleAt.AddDate(0, 0, -14)
	row := AuditRow{Record: NewRecord("01J", "fra", &r), Section: section, Change: change, Action: action}
	if change != triage.ChangeNew {
		row.Before = AuditState{Verdict: string(v), Reason: string(reason), Severity: triage.Warn}
	}
	return row
}

// sampleAudit has every section and every change, in no order.
func sampleAudit() *Audit {
	moved := auditRow("moved.example", "moved.example", "north@example.com", dns.Moved, dns.ReasonParking, triage.MovedAway, triage.SectionOrphan, triage.ChangeUnchanged, triage.ActionCallCustomer)
	free := auditRow("xn--e1afmkfd.xn--p1ai", "пример.рф", "north@example.com", dns.Free, "", triage.DomainFree, triage.SectionOrphan, triage.ChangeChanged, triage.ActionDropSite)
	free.Before = AuditState{Verdict: "expired", Severity: triage.Warn}
	expired := auditRow("late.example", "late.example", "", dns.Expired, "", triage.DomainExpired, triage.SectionOrphan, triage.ChangeNew, triage.ActionCallCustomer)
	expired.Record.DNS.Registration = registration{State: "redemption", Expires: sampleAt.AddDate(0, 0, -9), Source: "rdap"}
	expired.Registered = sampleAt.AddDate(-3, 0, 0)
	mixed := auditRow("mixed.example", "mixed.example", "west", dns.Mixed, dns.ReasonIPv6Elsewhere, triage.IPv6Elsewhere, triage.SectionAttention, triage.ChangeNew, triage.ActionFixDNS)
	mixed.Before = AuditState{Verdict: "parked", Severity: triage.OK}
	once := auditRow("once.example", "once.example", "north@example.com", dns.Moved, "", triage.MovedAway, triage.SectionUnconfirmed, triage.ChangeNew, triage.ActionWatch)
	once.Record.DNS.Confidence = "low"
	pending := auditRow("pending.ru", "pending.ru", "west", dns.NotDelegated, "", triage.NotDelegated, triage.SectionPending, triage.ChangeNew, triage.ActionWatch)
	pending.Retry = sampleAt.Add(time.Hour)
	frozen := auditRow("frozen.ru", "frozen.ru", "west", dns.Parked, "", triage.MovedAway, triage.SectionFrozen, triage.ChangeUnchanged, triage.ActionInvestigate)
	unknown := auditRow("unknown.example", "unknown.example", "west", dns.Unknown, "", triage.Inconclusive, triage.SectionUnknown, triage.ChangeNew, triage.ActionInvestigate)
	settled := auditRow("back.example", "back.example", "west", dns.Parked, "", triage.MovedAway, triage.SectionSettled, triage.ChangeGone, triage.ActionNone)
	settled.Before = AuditState{Verdict: "moved", Severity: triage.Warn}
	run := sampleRun()
	run.Kind, run.Asked, run.Trusted, run.Reason = "audit", 12000, true, ""
	return &Audit{
		Run: run, Before: Run{ID: "01H", Kind: "audit", StartedAt: sampleAt.AddDate(0, 0, -7), Complete: true, Trusted: true},
		Rows: []AuditRow{unknown, settled, pending, moved, expired, frozen, once, mixed, free}, Method: []string{"12,000 names were looked at.", "certscan 1.0"},
		Degraded: "3 of 9 names below .ru turned bad at once: moved",
	}
}

// TestAuditTellsWhy holds that people are told why a name of ours stands on the list, or what is wrong with a further name, once.
func TestAuditTellsWhy(t *testing.T) {
	t.Parallel()
	row := auditRow("ours.example", "ours.example", "north", dns.Parked, "", triage.CAAForbids, triage.SectionAttention, triage.ChangeNew, triage.ActionFixDNS)
	row.Record.DNS.Evidence = []string{"A 192.0.2.1 is ours", "the list says so"}
	row.Record.Findings = []finding{
		{Code: triage.CAAForbids, Severity: triage.Warn, Message: "CAA forbids it"},
		{Code: triage.MovedAway, Severity: triage.Warn, Message: "A 198.51.100.1 is not ours", Name: "mail.ours.example"},
		{Code: triage.Inconclusive, Severity: triage.Warn, Message: "the list says so; not expected"},
		{Code: triage.CertExpired, Severity: triage.Urgent, Message: "the certificate has ended"},
	}
	const want = "CAA forbids it; mail.ours.example: A 198.51.100.1 is not ours; the list says so; not expected; A 192.0.2.1 is ours"
	a := &Audit{Rows: []AuditRow{row}}
	for _, f := range []Format{FormatTable, FormatCSV, FormatHTML, FormatMarkdown} {
		if got := string(auditAs(t, f, a, 0)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", f, got)
		}
	}
	for section, want := range map[triage.Section]string{
		triage.SectionOrphan: "mail.ours.example: A 198.51.100.1 is not ours; A 192.0.2.1 is ours; the list says so", triage.SectionSettled: "A 192.0.2.1 is ours; the list says so",
	} {
		row.Section = section
		if got := row.evidence(); got != want {
			t.Errorf("%s: %s, want %s", section, got, want)
		}
	}
	for range 99 {
		row.Record.Findings = append(row.Record.Findings, row.Record.Findings[1])
	}
	row.Section = triage.SectionOrphan
	if got := row.evidence(); !strings.Contains(got, "; and 92 findings more; A 192.0.2.1 is ours") {
		t.Error(got)
	}
}

func auditAs(t *testing.T, f Format, a *Audit, width int) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := WriteAudit(&w, f, a, AuditOptions{Width: width}); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func TestAuditForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format Format
		width  int
	}{
		"audit_80": {FormatTable, 80}, "audit_200": {FormatTable, 200}, "audit_csv": {FormatCSV, 0}, "audit_json": {FormatJSON, 0},
		"audit_jsonl": {FormatJSONL, 0}, "audit_html": {FormatHTML, 0}, "audit_markdown": {FormatMarkdown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := auditAs(t, c.format, sampleAudit(), c.width)
			checkGolden(t, name, got)
			for line := range strings.Lines(string(got)) {
				if c.width > 0 && cells(strings.TrimSuffix(line, "\n")) > c.width {
					t.Errorf("wider than %d: %s", c.width, line)
				}
			}
		})
	}
}

// TestAuditJSON holds that a record of an audit is a record with one key more, and that a first audit has nothing before it.
func TestAuditJSON(t *testing.T) {
	t.Parallel()
	a := sampleAudit()
	a.Before = Run{}
	var doc struct {
		Before  *Run
		Records []json.RawMessage
	}
	if err := json.Unmarshal(auditAs(t, FormatJSON, a, 0), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Before != nil || len(doc.Records) != len(a.Rows) {
		t.Errorf("before %v, %d records", doc.Before, len(doc.Records))
	}
	for i, raw := range doc.Records {
		rec, err := DecodeRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(rec.AppendJSON(nil)), string(a.Rows[i].Record.AppendJSON(nil)); got != want {
			t.Errorf("record %d\n%s\n%s", i, got, want)
		}
	}
}

// TestAuditOfAManager holds that a manager's list has his rows and no others, and says the same of the audit.
func TestAuditOfAManager(t *testing.T) {
	t.Parallel()
	a := sampleAudit()
	if got := a.Managers(); !slices.Equal(got, []string{"north@example.com", "west", ""}) {
		t.Errorf("managers %q", got)
	}
	total := 0
	for _, m := range a.Managers() {
		one := a.For(m)
		total += len(one.Rows)
		if one.Degraded != a.Degraded || one.Run != a.Run || slices.ContainsFunc(one.Rows, func(r AuditRow) bool { return r.Record.Manager != m }) {
			t.Errorf("%q: %+v", m, one)
		}
	}
	if total != len(a.Rows) {
		t.Errorf("%d rows of %d", total, len(a.Rows))
	}
	if text := string(auditAs(t, FormatTable, a.For("nobody"), 0)); !strings.Contains(text, "Nothing is on the list.") {
		t.Error(text)
	}
}

// hostileAudit holds what others may have written wherever the list shows a text.
func hostileAudit() (*Audit, []string) {
	texts := []string{
		`=HYPERLINK("http://evil.example","click")`, "+1", "-1", "@x", "=1+1", "\t=1", "\r=1", "＝1", "a;=1", hostile, "a\x00b", "_x000D_", "_x005F_x000D_", "<script>alert(1)</script>",
		"&amp;", "|a|b", strings.Repeat("長い", 20_000), "'quoted", `"q"`,
	}
	a := &Audit{Run: sampleRun()}
	for _, text := range texts {
		r := result(text, text, text, dns.Moved, dns.ReasonNone, found(triage.MovedAway, triage.Warn, triage.P3, text, triage.ActionCallCustomer))
		r.Facts.Domain.Owner, r.Facts.Domain.Source, r.Facts.Owner.Evidence = text, text, []string{text}
		a.Rows = append(a.Rows, AuditRow{Record: NewRecord("01J", "", &r), Section: triage.SectionOrphan, Change: triage.ChangeNew, Action: triage.ActionCallCustomer})
	}
	a.Degraded, a.Method = hostile, texts
	return a, texts
}

// TestHostileAudit holds that what others wrote acts on nobody who reads a list.
func TestHostileAudit(t *testing.T) {
	t.Parallel()
	a, _ := hostileAudit()
	for _, f := range []Format{FormatTable, FormatCSV, FormatJSON, FormatJSONL, FormatHTML, FormatMarkdown} {
		got := string(auditAs(t, f, a, 100))
		for _, r := range got {
			if hidden(r) && r != '\n' {
				t.Errorf("%s: %U", f, r)
				break
			}
		}
		switch f { //nolint:exhaustive // the others have nothing more to hold
		case FormatHTML:
			if strings.Contains(got, "<script") || strings.Contains(got, "<b>") || !strings.Contains(got, "&lt;script&gt;") {
				t.Error("html is not escaped")
			}
		case FormatCSV:
			for line := range strings.Lines(got) {
				if strings.ContainsAny(line[:1], "=+-@\t") || strings.Contains(line, ",=") || strings.Contains(line, ",\"=") || strings.Contains(line, ",+") || strings.Contains(line, ",@") {
					t.Errorf("csv: %.80s", line)
				}
			}
		}
	}
}

func BenchmarkAudit(b *testing.B) {
	a := &Audit{Run: sampleRun()}
	for i := range 10_000 {
		name := fmt.Sprintf("name%d.example", i)
		a.Rows = append(a.Rows, auditRow(name, name, fmt.Sprint("manager", i%20), dns.Moved, "", triage.MovedAway, triage.SectionOrphan, triage.ChangeNew, triage.ActionCallCustomer))
	}
	for _, f := range []Format{FormatXLSX, FormatHTML, FormatCSV, FormatJSON} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var w bytes.Buffer
				if err := WriteAudit(&w, f, a, AuditOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
