package report

import (
	_ "embed"
	"html/template"
	"io"

	"certscan/triage"
)

//go:embed audit.html
var auditPage string

// html writes the list as one page that needs nothing else: no script, no picture, nothing is loaded.
func (a *Audit) html(w io.Writer) error {
	page, err := template.New("audit").Parse(auditPage)
	if err != nil {
		return err
	}
	return page.Execute(w, a.pageOf())
}

// auditSheet is the page as the template reads it. Its texts are fit for a terminal; the template makes them fit for HTML.
type auditSheet struct {
	Title        string
	Head, Method []string
	Managers     []auditManager
}

type auditManager struct {
	Name     string
	Sections []auditPart
}

type auditPart struct {
	Title string
	Rows  []auditLine
}

type auditLine struct{ Change, Domain, Owner, Verdict, Before, Since, Registration, Proposed, Evidence string }

func (a *Audit) pageOf() auditSheet {
	p := auditSheet{Title: "Audit of " + day(a.Run.StartedAt)}
	for _, line := range a.head() {
		p.Head = append(p.Head, readable(line))
	}
	for _, line := range a.Method {
		p.Method = append(p.Method, readable(line))
	}
	for _, g := range a.groups() {
		if g.first {
			p.Managers = append(p.Managers, auditManager{Name: readable(g.manager)})
		}
		part := auditPart{Title: sectionTitles[g.section]}
		for i := range g.rows {
			r := &g.rows[i]
			before := ""
			if r.Change != triage.ChangeUnchanged {
				before = readable(verdictText(r.Before.Verdict, r.Before.Reason))
			}
			part.Rows = append(part.Rows, auditLine{
				Change: string(r.Change), Domain: readable(r.Record.Domain), Owner: readable(r.Record.Owner), Verdict: verdictOf(&r.Record),
				Before: before, Since: dayOrNone(r), Registration: readable(r.registration()),
				Proposed: r.proposed(), Evidence: readable(r.evidence()),
			})
		}
		m := &p.Managers[len(p.Managers)-1]
		m.Sections = append(m.Sections, part)
	}
	return p
}

// readable makes hidden characters visible.
func readable(s string) string { return terminal(s, lineRunes) }
