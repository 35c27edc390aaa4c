package report

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/xuri/excelize/v2"

	"certscan/triage"
)

// verdictOrder is the order of the sheets: that of docs/codes.md.
var verdictOrder = []string{
	"free", "expired", "on_hold", "not_delegated", "moved", "mixed", "proxied", "dangling", "broken", "no_address", "name_missing", "private",
	"parked", "resolved", "invalid", "unknown",
}

// sheet is one sheet of a workbook: a heading a column, and rows of cells, which are string, int or time.Time.
type sheet struct {
	name     string
	headings []string
	widths   []float64 // characters
	rows     [][]any
}

// workbook writes the list as a workbook (ISO/IEC 29500-1): a sheet for each verdict, one of changes and one of method. Texts stay
// texts, whatever they begin with; instants are dates.
func (a *Audit) workbook(w io.Writer) (err error) {
	f := excelize.NewFile()
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	styles, err := newStyles(f)
	if err != nil {
		return err
	}
	sheets := append(a.verdictSheets(), a.changesSheet(), a.methodSheet())
	for i := range sheets {
		if i == 0 {
			err = f.SetSheetName("Sheet1", sheets[i].name)
		} else {
			_, err = f.NewSheet(sheets[i].name)
		}
		if err == nil {
			err = sheets[i].write(f, styles)
		}
		if err != nil {
			return fmt.Errorf("sheet %s: %w", sheets[i].name, err)
		}
	}
	at := a.Run.FinishedAt.UTC().Format(time.RFC3339)
	if err := f.SetDocProps(&excelize.DocProperties{Creator: "certscan", Title: "Audit of " + day(a.Run.StartedAt), Created: at, Modified: at}); err != nil {
		return err
	}
	return f.Write(w)
}

// styles are the numbers of the styles of cells.
type styles struct{ heading, text, instant, signature int }

func newStyles(f *excelize.File) (s styles, err error) {
	format := "yyyy-mm-dd hh:mm"
	for _, one := range []struct {
		to *int
		as excelize.Style
	}{
		{&s.heading, excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DDE4EE"}}}},
		{&s.text, excelize.Style{NumFmt: 49, Alignment: &excelize.Alignment{Vertical: "top"}}}, // 49 is text, so that what is edited stays one
		{&s.instant, excelize.Style{CustomNumFmt: &format, Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.signature, excelize.Style{NumFmt: 49, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFF8E1"}}}},
	} {
		if *one.to, err = f.NewStyle(&one.as); err != nil {
			return s, err
		}
	}
	return s, nil
}

// write fills the sheet; its heading stays in sight, and every column has a filter.
func (s *sheet) write(f *excelize.File, as styles) error {
	w, err := f.NewStreamWriter(s.name)
	if err != nil {
		return err
	}
	for i, width := range s.widths {
		if err := w.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	cells := make([]any, len(s.headings))
	for i, h := range s.headings {
		cells[i] = excelize.Cell{StyleID: as.heading, Value: h}
	}
	if err := w.SetRow("A1", cells); err != nil {
		return err
	}
	for n, row := range s.rows {
		for i, v := range row {
			cells[i] = cellOf(v, as)
		}
		if s.headings[len(row)-1] == signOff {
			cells[len(row)-1] = excelize.Cell{StyleID: as.signature}
		}
		at, err := excelize.CoordinatesToCellName(1, n+2)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, cells[:len(row)]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	end, err := excelize.CoordinatesToCellName(len(s.headings), len(s.rows)+1)
	if err != nil {
		return err
	}
	return f.AutoFilter(s.name, "A1:"+end, nil)
}

// signOff is the heading of the column that is filled in by hand.
const signOff = "Signed off"

// cellOf returns a cell of the right type. A zero instant is an empty cell.
func cellOf(v any, as styles) excelize.Cell {
	switch v := v.(type) {
	case time.Time:
		if !known(v) || v.Year() < 1900 { // a workbook's days begin there
			return excelize.Cell{StyleID: as.text}
		}
		return excelize.Cell{StyleID: as.instant, Value: v.UTC()}
	case int:
		return excelize.Cell{Value: v}
	}
	return excelize.Cell{StyleID: as.text, Value: workbookText(fmt.Sprint(v))}
}

// workbookText returns s fit for a cell of a workbook: hidden characters become visible escapes as on a terminal. A cell that is a
// text is never taken for a formula, and what looks like an escape of the format (_x000D_) the library escapes itself.
func workbookText(s string) string { return terminal(s, lineRunes) }

// verdictSheets are the rows that stand on the list, a sheet for each verdict.
func (a *Audit) verdictSheets() []sheet {
	var out []sheet
	for _, verdict := range verdictOrder {
		s := sheet{name: verdict}
		for i := range a.Rows {
			r := &a.Rows[i]
			if r.Section == triage.SectionSettled || r.sheet() != verdict {
				continue
			}
			s.rows = append(s.rows, shownCells(r))
		}
		if len(s.rows) == 0 {
			continue
		}
		for i, c := range auditColumns {
			if c.Heading != "" {
				s.headings, s.widths = append(s.headings, c.Heading), append(s.widths, auditWidths[i])
			}
		}
		out = append(out, s)
	}
	return out
}

// sheet is the verdict on whose sheet a row stands. A name that failed for our own doing has none.
func (r *AuditRow) sheet() string {
	if r.Record.DNS == nil {
		return "unknown"
	}
	return cmp.Or(r.Record.DNS.Verdict, "unknown")
}

// auditWidths are the widths of the columns, in characters.
var auditWidths = []float64{24, 20, 32, 32, 13, 11, 14, 16, 24, 11, 17, 22, 14, 40, 14, 17, 17, 9, 17, 80, 28, 24, 17, 16}

// shownCells are the cells of the columns that have a heading.
func shownCells(r *AuditRow) []any {
	var out []any
	for i, v := range r.cells() {
		if auditColumns[i].Heading != "" {
			out = append(out, v)
		}
	}
	return out
}

// changesSheet holds what is new, changed or gone.
func (a *Audit) changesSheet() sheet {
	s := sheet{
		name:     "changes",
		headings: []string{"Change", "Manager", "Customer", "Domain", "Before", "Now", "Severity before", "Severity", "Since", "Proposed"},
		widths:   []float64{11, 24, 20, 32, 24, 24, 16, 10, 17, 40},
	}
	for _, change := range []triage.Change{triage.ChangeNew, triage.ChangeChanged, triage.ChangeGone} {
		for i := range a.Rows {
			r := &a.Rows[i]
			if r.Change != change {
				continue
			}
			s.rows = append(s.rows, []any{
				string(r.Change), r.Record.Manager, r.Record.Owner, r.Record.Domain, verdictText(r.Before.Verdict, r.Before.Reason), verdictOf(&r.Record),
				string(r.Before.Severity), string(r.Record.Severity), r.Record.Since, r.proposed(),
			})
		}
	}
	return s
}

// methodSheet tells how it was looked, and counts.
func (a *Audit) methodSheet() sheet {
	s := sheet{name: "method", headings: []string{"What", "Value"}, widths: []float64{24, 110}}
	add := func(what string, v any) { s.rows = append(s.rows, []any{what, v}) }
	add("Run", a.Run.ID)
	add("Began", a.Run.StartedAt)
	add("Ended", a.Run.FinishedAt)
	if a.Before.ID != "" {
		add("Compared with", a.Before.ID)
		add("Which began", a.Before.StartedAt)
	}
	add("Names looked at", a.Run.Asked)
	if a.Degraded != "" {
		add("Degraded", a.Degraded)
	}
	if why := a.Run.doubt(); why != "" {
		add("Not to be trusted", why)
	}
	sections, _ := a.counts()
	for _, section := range triage.Sections {
		if n := sections[section]; n > 0 {
			add(sectionTitles[section], n)
		}
	}
	for i, line := range a.Method {
		add(fmt.Sprintf("Method %d", i+1), line)
	}
	return s
}
