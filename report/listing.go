package report

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Column is one column of a [Listing]. Key names it in JSON and CSV, Heading in tables; where one is empty it is not there.
type Column struct{ Key, Heading string }

// Listing is a list of rows that [WriteListing] writes in every form there is of it.
type Listing struct {
	Name    string // of the list, in one JSON document
	Columns []Column
	// Rows yields a cell a column: string, int, or time.Time, whose zero is unknown. Texts may be anybody's. The first error
	// ends the list.
	Rows iter.Seq2[[]any, error]
	// Summary appends one JSON object about the whole, once all rows were yielded; nil where there is none. SummaryName is its key.
	Summary     func(dst []byte) []byte
	SummaryName string
}

// WriteListing writes a listing as [FormatTable], [FormatJSON] (one document), [FormatJSONL], [FormatCSV] or [FormatMarkdown]. A
// table holds its rows; the others write each as it is yielded. A width of 0 is no limit; only a table has one.
func WriteListing(w io.Writer, f Format, l Listing, width int) error {
	out := newOutput(w)
	var err error
	switch f {
	case FormatTable:
		err = l.table(out, limitOf(width))
	case FormatJSON:
		err = l.document(out)
	case FormatJSONL:
		err = l.lines(out)
	case FormatCSV:
		err = l.csv(out)
	case FormatMarkdown:
		err = l.markdown(out)
	case FormatNagios, FormatXLSX, FormatHTML:
		return fmt.Errorf("write %s: no such form of it as %s: table, json, jsonl, csv and markdown there are", l.Name, f)
	}
	if err != nil {
		return err
	}
	if err := out.flush(); err != nil {
		return fmt.Errorf("write %s: %w", l.Name, err)
	}
	return nil
}

func (l *Listing) document(out output) error {
	out.text(`{"schema":`, strconv.Itoa(schema), `,"`, l.Name, `":[`)
	var buf []byte
	n := 0
	for row, err := range l.Rows {
		if err != nil {
			return err
		}
		buf = l.appendRow(appendComma(buf[:0], n), row)
		out.bytes(buf)
		n++
	}
	out.text("]")
	if l.Summary != nil {
		out.text(`,"`, l.SummaryName, `":`)
		out.bytes(l.Summary(buf[:0]))
	}
	out.text("}\n")
	return nil
}

func (l *Listing) lines(out output) error {
	var buf []byte
	for row, err := range l.Rows {
		if err != nil {
			return err
		}
		buf = append(l.appendRow(buf[:0], row), '\n')
		out.bytes(buf)
	}
	if l.Summary != nil {
		out.text(`{"`, l.SummaryName, `":`)
		out.bytes(l.Summary(buf[:0]))
		out.text("}\n")
	}
	return nil
}

// appendRow appends a row as one JSON object.
func (l *Listing) appendRow(dst []byte, row []any) []byte {
	dst = append(dst, '{')
	n := 0
	for i, c := range l.Columns {
		if c.Key == "" {
			continue
		}
		dst = append(appendJSON(appendComma(dst, n), c.Key), ':')
		switch v := row[i].(type) {
		case int:
			dst = strconv.AppendInt(dst, int64(v), 10)
		case time.Time:
			dst = appendTime(dst, v)
		default:
			dst = appendJSON(dst, fmt.Sprint(v))
		}
		n++
	}
	return append(dst, '}')
}

func (l *Listing) csv(out output) error {
	var row csvSink
	for _, c := range l.Columns {
		if c.Key != "" {
			row.text(c.Key)
		}
	}
	flush := func() {
		row.buf[len(row.buf)-1] = '\n' // for the comma behind the last cell
		out.bytes(row.buf)
		row.buf = row.buf[:0]
	}
	flush()
	for cells, err := range l.Rows {
		if err != nil {
			return err
		}
		for i, c := range l.Columns {
			if c.Key != "" {
				row.cellOf(cells[i])
			}
		}
		flush()
	}
	return nil
}

func (s *csvSink) cellOf(v any) {
	switch v := v.(type) {
	case int:
		s.number(strconv.Itoa(v))
	case time.Time:
		s.instant(v)
	default:
		s.text(fmt.Sprint(v))
	}
}

// shown returns the cells that a table has, fit for a terminal.
func (l *Listing) shown(row []any) []string {
	var out []string
	for i, c := range l.Columns {
		if c.Heading == "" {
			continue
		}
		switch v := row[i].(type) {
		case time.Time:
			var at []byte
			if known(v) {
				at = appendInstant(nil, v)
			}
			out = append(out, string(at))
		default:
			out = append(out, Terminal(fmt.Sprint(v)))
		}
	}
	return out
}

func (l *Listing) headings() []string {
	var out []string
	for _, c := range l.Columns {
		if c.Heading != "" {
			out = append(out, c.Heading)
		}
	}
	return out
}

func (l *Listing) markdown(out output) error {
	headings := l.headings()
	writeMarkdownRow(out, headings)
	out.text(strings.Repeat("|---", len(headings)), "|\n")
	for row, err := range l.Rows {
		if err != nil {
			return err
		}
		writeMarkdownRow(out, l.shown(row))
	}
	return nil
}

// table writes the rows below their headings; nothing at all where there is no row.
func (l *Listing) table(out output, limit int) error {
	all := [][]string{l.headings()}
	for row, err := range l.Rows {
		if err != nil {
			return err
		}
		all = append(all, l.shown(row))
	}
	if len(all) == 1 {
		return nil
	}
	widths := listingWidths(all, limit)
	for _, row := range all {
		var line bytes.Buffer
		for c, text := range row {
			line.WriteString(pad(fit(text, widths[c]), widths[c]+gap))
		}
		out.bytes(bytes.TrimRight(line.Bytes(), " "))
		out.text("\n")
	}
	return nil
}

// listingWidths gives each column what it needs, and takes from the widest, again and again, what the line has not.
func listingWidths(all [][]string, limit int) []int {
	w := make([]int, len(all[0]))
	total := gap * (len(w) - 1)
	for c := range w {
		for _, row := range all {
			w[c] = max(w[c], cells(row[c]))
		}
		total += w[c]
	}
	for ; limit > 0 && total > limit; total-- {
		widest := 0
		for c := range w {
			if w[c] > w[widest] {
				widest = c
			}
		}
		if w[widest] == 0 {
			break
		}
		w[widest]--
	}
	return w
}
