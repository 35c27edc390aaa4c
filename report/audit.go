package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"certscan/triage"
)

// Audit is the orphan audit: what of an inventory is no longer ours, since when, and what is to be done about it.
type Audit struct {
	Run Run // this audit; its Kind is "audit"
	// Before is the audit that it is compared with; its ID is "" for the first one.
	Before Run
	// Rows are in any order: every name that is not simply ours, and those that stood on the list before.
	Rows []AuditRow
	// Method tells how it was looked, a sentence each.
	Method []string
	// Degraded says what the names have in common that turned bad at once, so that their verdicts are frozen; "" is none.
	Degraded string
}

// AuditRow is one name of the list.
type AuditRow struct {
	// Record is what this audit saw; for a name that is gone from the inventory what the last one saw.
	Record  Record
	Section triage.Section
	Change  triage.Change
	// Before is what the last audit said; empty where it did not look at the name.
	Before AuditState
	// Action is what is proposed for the name as a whole.
	Action triage.Action
	// Registered is when the registration began; zero where the registry does not say.
	Registered time.Time
	// Retry is when the registry may be asked, where its limits did not allow it yet.
	Retry time.Time
}

// AuditState is what one audit says of a name in short.
type AuditState struct {
	Verdict, Reason string
	Severity        triage.Severity
}

// AuditOptions says how an audit is written. Its zero value works.
type AuditOptions struct {
	// Width is the number of cells a line of a table may take, 20 at least; 0 is no limit. The other formats ignore it.
	Width int
}

// WriteAudit writes an audit as [FormatTable], [FormatJSON] (one document), [FormatJSONL], [FormatCSV], [FormatXLSX],
// [FormatHTML] or [FormatMarkdown]. It sorts a.Rows: by manager, section, severity and name; nobody's come last.
func WriteAudit(w io.Writer, f Format, a *Audit, o AuditOptions) error {
	a.sort()
	out := newOutput(w)
	var err error
	switch f {
	case FormatTable:
		a.table(out, limitOf(o.Width))
	case FormatJSON:
		a.document(out)
	case FormatJSONL:
		a.lines(out)
	case FormatCSV:
		err = a.csv(out)
	case FormatXLSX:
		err = a.workbook(out.buf)
	case FormatHTML:
		err = a.html(out.buf)
	case FormatMarkdown:
		a.markdown(out)
	case FormatNagios:
		err = fmt.Errorf("no such form of it as %s: table, json, jsonl, csv, xlsx, html and markdown there are", f)
	}
	if err == nil {
		err = out.flush()
	}
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// Managers lists who has rows, in order; "", nobody's, comes last.
func (a *Audit) Managers() []string {
	var out []string
	for i := range a.Rows {
		out = append(out, a.Rows[i].Record.Manager)
	}
	slices.SortFunc(out, compareManagers)
	return slices.Compact(out)
}

// For returns the audit with the rows of one manager alone; "" is nobody's.
func (a *Audit) For(manager string) *Audit {
	one := *a
	one.Rows = nil
	for i := range a.Rows {
		if a.Rows[i].Record.Manager == manager {
			one.Rows = append(one.Rows, a.Rows[i])
		}
	}
	return &one
}

func (a *Audit) sort() {
	slices.SortStableFunc(a.Rows, func(x, y AuditRow) int {
		return cmp.Or(
			compareManagers(x.Record.Manager, y.Record.Manager),
			cmp.Compare(slices.Index(triage.Sections, x.Section), slices.Index(triage.Sections, y.Section)),
			cmp.Compare(y.Record.Severity.Rank(), x.Record.Severity.Rank()),
			cmp.Compare(x.Record.Name, y.Record.Name),
		)
	})
}

// auditGroup is the rows of one manager and section.
type auditGroup struct {
	manager string // fit for people
	first   bool   // of the manager's
	section triage.Section
	rows    []AuditRow
}

// groups puts the sorted rows of each manager and section together.
func (a *Audit) groups() []auditGroup {
	var out []auditGroup
	for i := range a.Rows {
		r := &a.Rows[i]
		first := i == 0 || a.Rows[i-1].Record.Manager != r.Record.Manager
		if first || a.Rows[i-1].Section != r.Section {
			out = append(out, auditGroup{manager: cmp.Or(r.Record.Manager, "(no manager)"), first: first, section: r.Section, rows: a.Rows[i:i]})
		}
		g := &out[len(out)-1]
		g.rows = g.rows[:len(g.rows)+1]
	}
	return out
}
