package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"certscan/triage"
)

// The columns of the table, in order.
const (
	columnSeverity = iota
	columnDomain
	columnVerdict
	columnDays
	columnWhy
	columns
)

var headings = [columns]string{"SEVERITY", "DOMAIN", "VERDICT", "DAYS", "WHY"}

const (
	gap        = 2  // cells between columns
	widthFloor = 20 // below it there is nothing to fit
	roomyWidth = 60 // below it the verdict has no column of its own
	tightWidth = 32 // below it the days left have none either
)

// tableSink writes a table for people, and below it what is not served by us.
type tableSink struct {
	out     io.Writer
	options Options
	rows    []tableRow
	orphans []orphan
}

// tableRow is one line, sanitised: a table of many names must not hold whole records.
type tableRow struct {
	position
	severity triage.Severity
	cells    [columns]string
}

func (s *tableSink) add(r *triage.Result) error {
	rec := NewRecord(s.options.Run, s.options.Vantage, r)
	row := tableRow{position: positionOf(&rec, &r.Facts), severity: rec.Severity}
	row.cells = [columns]string{
		string(rec.Severity), Terminal(rec.Domain), verdictOf(&rec), daysCell(row.days), whyCell(rec.Findings),
	}
	if s.options.Width > 0 {
		row.cells[columnWhy] = fit(row.cells[columnWhy], s.options.Width)
	}
	s.rows = append(s.rows, row)
	if o, is := orphanOf(&rec); is {
		s.orphans = append(s.orphans, o)
	}
	return nil
}

func (s *tableSink) close(*Run) error {
	out := newOutput(s.out)
	if len(s.rows) > 0 {
		slices.SortStableFunc(s.rows, func(a, b tableRow) int { return a.compare(b.position) })
		if err := s.render(out); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	writeOrphans(out, s.orphans, limitOf(s.options.Width))
	if err := out.flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// render writes the rows. The table is drawn into memory first, since its last column comes padded.
func (s *tableSink) render(out output) error {
	widths := s.widths(limitOf(s.options.Width))
	var drawn bytes.Buffer
	table := newTable(&drawn, widths)
	table.Header(visibleCells(fitAll(headings, widths), widths))
	for i := range s.rows {
		r := &s.rows[i]
		cut := fitAll(r.cells, widths)
		if s.options.Color {
			cut[columnSeverity] = colored(cut[columnSeverity], r.severity)
		}
		if err := table.Append(visibleCells(cut, widths)); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range bytes.Lines(drawn.Bytes()) {
		out.bytes(bytes.TrimRight(line, " \n"))
		out.text("\n")
	}
	return nil
}

// newTable returns a table of the columns that have a width.
func newTable(w io.Writer, widths [columns]int) *tablewriter.Table {
	align := visibleCells([columns]tw.Align{columnDays: tw.AlignRight}, widths)
	for i := range align {
		if align[i] == "" {
			align[i] = tw.AlignLeft
		}
	}
	return alignedTable(w, align)
}

// alignedTable sets the library up to align and nothing else: it neither wraps, nor upper-cases, nor draws lines.
func alignedTable(w io.Writer, align []tw.Align) *tablewriter.Table {
	return tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: align}),
		tablewriter.WithPadding(tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}),
	)
}

// fitAll cuts each cell to the width of its column.
func fitAll(row [columns]string, widths [columns]int) [columns]string {
	for c, w := range widths {
		row[c] = fit(row[c], w)
	}
	return row
}

// visibleCells returns those of the columns that have a width.
func visibleCells[T any](all [columns]T, widths [columns]int) []T {
	var shown []T
	for c, w := range widths {
		if w > 0 {
			shown = append(shown, all[c])
		}
	}
	return shown
}

// widths shares out limit among the columns: severity and days need what they need, a verdict gets at most a quarter of
// the rest, a domain two fifths of what is left then (half of it where that is little), and the reasons what remains. A
// narrow terminal has no column for the verdict, a tiny one none for the days.
func (s *tableSink) widths(limit int) [columns]int {
	w := s.natural()
	total := gap * (columns - 1)
	for _, n := range w {
		total += n
	}
	if limit == 0 || total <= limit {
		return w
	}
	if limit < roomyWidth {
		w[columnVerdict] = -gap // no column, and no gap before it
	}
	if limit < tightWidth {
		w[columnDays] = -gap
	}
	room := limit - w[columnSeverity] - w[columnDays] - gap*(columns-1)
	w[columnVerdict] = min(w[columnVerdict], max(8, room/4))
	room -= w[columnVerdict]
	if w[columnDomain]+w[columnWhy] > room {
		share := max(room*2/5, min(16, room/2), room-w[columnWhy])
		w[columnDomain] = max(1, min(w[columnDomain], share))
		w[columnWhy] = max(0, room-w[columnDomain])
	}
	w[columnVerdict], w[columnDays] = max(0, w[columnVerdict]), max(0, w[columnDays])
	return w
}

// natural returns the width of the widest cell of each column, its heading included.
func (s *tableSink) natural() [columns]int {
	var w [columns]int
	for c, h := range headings {
		w[c] = cells(h)
	}
	for i := range s.rows {
		for c, text := range s.rows[i].cells {
			w[c] = max(w[c], cells(text))
		}
	}
	return w
}

// limitOf returns the width that lines must keep to, 0 for none.
func limitOf(width int) int {
	if width <= 0 {
		return 0
	}
	return max(width, widthFloor)
}

func verdictOf(r *Record) string {
	switch {
	case r.DNS == nil:
		return ""
	case r.DNS.Reason == "":
		return r.DNS.Verdict
	default:
		return r.DNS.Verdict + "/" + r.DNS.Reason
	}
}

func daysCell(days float64) string {
	if math.IsInf(days, 0) {
		return ""
	}
	return strconv.FormatFloat(days, 'f', 1, 64)
}

// whyCell tells the worst one or two findings, those of one severity: what is merely listed says nothing beside an alarm.
func whyCell(findings []finding) string {
	var b strings.Builder
	for i := range min(2, len(findings)) {
		f := &findings[i]
		if f.Severity != findings[0].Severity {
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(string(f.Code))
		if f.Name != "" {
			b.WriteString(" (" + Terminal(f.Name) + ")")
		}
		b.WriteString(": " + Terminal(f.Message))
	}
	return b.String()
}

// colored puts the colour of a severity around text: bold red, yellow, green.
func colored(text string, s triage.Severity) string {
	const reset = "\x1b[0m"
	switch s {
	case triage.Urgent:
		return "\x1b[1;31m" + text + reset
	case triage.Warn:
		return "\x1b[33m" + text + reset
	case triage.OK:
		return "\x1b[32m" + text + reset
	}
	return text
}
