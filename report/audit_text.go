package report

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"certscan/triage"
)

// marks are what a terminal shows of a change.
var marks = map[triage.Change]string{triage.ChangeNew: "+", triage.ChangeChanged: "~", triage.ChangeUnchanged: "=", triage.ChangeGone: "-"}

// table writes the list for a terminal, by manager and section: two lines a name, the second with what it rests on.
func (a *Audit) table(out output, limit int) {
	write := func(line string) {
		if limit > 0 {
			line = fit(line, limit)
		}
		out.text(strings.TrimRight(line, " "), "\n")
	}
	for _, line := range a.head() {
		write(Terminal(line))
	}
	if len(a.Rows) > 0 {
		write("+ new, ~ changed, = unchanged, - gone")
	}
	for _, g := range a.groups() {
		if g.first {
			write("")
			write(Terminal(g.manager))
		}
		write("")
		write("  " + sectionTitles[g.section] + ": " + grouped(len(g.rows)))
		for _, line := range g.lines(limit) {
			write(line)
		}
	}
}

// lines are those of a group, for a terminal.
func (g *auditGroup) lines(limit int) []string {
	type shown struct{ domain, verdict string }
	all := make([]shown, len(g.rows))
	domain, verdict := 0, 0
	for i := range g.rows {
		r := &g.rows[i]
		s := shown{Terminal(r.Record.Domain), Terminal(verdictOf(&r.Record))}
		if was := verdictText(r.Before.Verdict, r.Before.Reason); was != "" && r.Change != triage.ChangeUnchanged {
			s.verdict += " (was " + Terminal(was) + ")"
		}
		all[i] = s
		domain, verdict = max(domain, cells(s.domain)), max(verdict, cells(s.verdict))
	}
	if limit > 0 {
		domain, verdict = min(domain, limit*2/5), min(verdict, limit/3)
	}
	var out []string
	for i := range g.rows {
		r := &g.rows[i]
		out = append(out, "  "+marks[r.Change]+" "+pad(fit(all[i].domain, domain), domain)+"  "+pad(fit(all[i].verdict, verdict), verdict)+"  "+
			pad(dayOrNone(r), len(time.DateOnly))+"  "+r.proposed())
		if because := r.because(); because != "" {
			out = append(out, "      "+Terminal(because))
		}
	}
	return out
}

// because is what a row rests on, the registry's word first.
func (r *AuditRow) because() string {
	parts := []string{r.evidence()}
	if reg := r.registration(); reg != "" {
		parts = []string{"registration " + reg, r.evidence()}
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// listingOf is what people are shown of a section.
func listingOf(rows []AuditRow) Listing {
	return Listing{
		Columns: []Column{
			{Heading: "CHANGE"},
			{Heading: "DOMAIN"},
			{Heading: "VERDICT"},
			{Heading: "BEFORE"},
			{Heading: "SINCE"},
			{Heading: "REGISTRATION"},
			{Heading: "PROPOSED"},
			{Heading: "EVIDENCE"},
			{Heading: "SIGNED OFF"},
		},
		Rows: func(yield func([]any, error) bool) {
			for i := range rows {
				r := &rows[i]
				if !yield([]any{
					string(r.Change), r.Record.Domain, verdictOf(&r.Record), verdictText(r.Before.Verdict, r.Before.Reason), dayOrNone(r), r.registration(), r.proposed(), r.evidence(), "",
				}, nil) {
					return
				}
			}
		},
	}
}

func dayOrNone(r *AuditRow) string {
	if !known(r.Record.Since) {
		return ""
	}
	return day(r.Record.Since)
}

// registration tells the registry's word in short.
func (r *AuditRow) registration() string {
	d := r.Record.DNS
	switch {
	case d == nil || d.Registration.State == "unchecked" && r.Retry.IsZero():
		return ""
	case d.Registration.State == "unchecked":
		return "pending"
	case known(d.Registration.Expires):
		return d.Registration.State + " until " + day(d.Registration.Expires)
	}
	return d.Registration.State
}

// findingsShown is how many findings are told of a row in words; the codes of all are listed.
const findingsShown = 8

// evidence tells why the name stands on the list: what the findings say where the verdict does not say it, of a name that is ours
// and of further names, then what the verdict rests on.
func (r *AuditRow) evidence() string {
	var parts []string
	for i := range r.Record.Findings {
		f := triage.Finding(r.Record.Findings[i])
		switch {
		case !f.Listed(), r.Section == triage.SectionSettled, r.Section == triage.SectionFrozen:
		case f.Name != "":
			parts = append(parts, f.Name+": "+f.Message)
		case r.Section == triage.SectionAttention:
			parts = append(parts, f.Message)
		}
	}
	if more := len(parts) - findingsShown; more > 0 {
		parts = append(parts[:findingsShown], fmt.Sprintf("and %s more", Plural(more, "finding")))
	}
	told := strings.Join(parts, "; ")
	if d := r.Record.DNS; d != nil {
		for _, sentence := range d.Evidence {
			if !strings.Contains(told, sentence) {
				parts = append(parts, sentence)
			}
		}
	}
	return strings.Join(parts, "; ")
}

// markdown writes the list as tables of GitHub's Markdown, one a manager and section.
func (a *Audit) markdown(out output) {
	out.text("# Audit\n\n")
	for _, line := range a.head() {
		out.text(markdownCell(line), "\n\n")
	}
	for _, g := range a.groups() {
		if g.first {
			out.text("## ", markdownCell(g.manager), "\n\n")
		}
		out.text("### ", sectionTitles[g.section], ": ", grouped(len(g.rows)), "\n\n")
		l := listingOf(g.rows)
		_ = l.markdown(out) // its rows give no error
		out.text("\n")
	}
	if len(a.Method) > 0 {
		out.text("## Method\n\n")
	}
	for _, line := range a.Method {
		out.text("- ", markdownCell(line), "\n")
	}
}

// csv writes the list as CSV, one row a name.
func (a *Audit) csv(out output) error {
	l := Listing{Columns: auditColumns, Rows: a.rows()}
	return l.csv(out)
}

func (a *Audit) rows() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for i := range a.Rows {
			if !yield(a.Rows[i].cells(), nil) {
				return
			}
		}
	}
}

// document writes the list as one JSON document.
func (a *Audit) document(out output) {
	buf := a.Run.AppendJSON([]byte(`{"schema":1,"run":`))
	buf = a.appendBefore(buf)
	buf = appendJSON(append(buf, `,"degraded":`...), a.Degraded)
	buf = appendStrings(append(buf, `,"method":`...), a.Method)
	out.bytes(append(buf, `,"records":[`...))
	for i := range a.Rows {
		out.bytes(a.Rows[i].appendJSON(appendComma(buf[:0], i)))
	}
	out.text("]}\n")
}

// lines writes the list as JSON lines: a record each, and the run at the end.
func (a *Audit) lines(out output) {
	var buf []byte
	for i := range a.Rows {
		buf = append(a.Rows[i].appendJSON(buf[:0]), '\n')
		out.bytes(buf)
	}
	buf = a.appendBefore(a.Run.AppendJSON(append(buf[:0], `{"run":`...)))
	buf = appendJSON(append(buf, `,"degraded":`...), a.Degraded)
	out.bytes(append(buf, "}\n"...))
}

func (a *Audit) appendBefore(dst []byte) []byte {
	if a.Before.ID == "" {
		return append(dst, `,"before":null`...)
	}
	return a.Before.AppendJSON(append(dst, `,"before":`...))
}

// appendJSON appends the record with one key more, "audit".
func (r *AuditRow) appendJSON(dst []byte) []byte {
	dst = r.Record.AppendJSON(dst)
	dst = appendJSON(append(dst[:len(dst)-1], `,"audit":{"section":`...), string(r.Section))
	dst = appendJSON(append(dst, `,"change":`...), string(r.Change))
	dst = appendJSON(append(dst, `,"before":{"verdict":`...), r.Before.Verdict)
	dst = appendJSON(append(dst, `,"reason":`...), r.Before.Reason)
	dst = appendJSON(append(dst, `,"severity":`...), string(r.Before.Severity))
	dst = appendJSON(append(dst, `},"action":`...), string(cmp.Or(r.Action, triage.ActionNone)))
	dst = appendJSON(append(dst, `,"proposed":`...), r.proposed())
	dst = appendTime(append(dst, `,"registered":`...), r.Registered)
	dst = appendTime(append(dst, `,"retry_at":`...), r.Retry)
	return append(dst, `,"signed_off":""}}`...)
}
