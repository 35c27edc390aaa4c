package inventory

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rowLinesMax is how many lines one row may take, by line breaks in quoted cells.
const rowLinesMax = 50

// table reads the lines of a list, and knows after the first one whether they have columns.
type table struct {
	*list
	begun   bool
	comma   rune           // 0 for a plain list
	columns map[string]int // by field
	open    []string       // lines of a row that is not complete: a quote is open
	first   int            // the number of the first of them
	bytes   int            // their length
	entryOf entry          // used again for each row
	buffer  *bufio.Reader  // likewise
}

// line reads one line of the list.
func (t *table) line(text string, line int) bool {
	switch {
	case len(t.open) > 0:
		return t.goOn(text)
	case blank(text):
		return true
	case !t.begun:
		if rest, ok := strings.CutPrefix(strings.ToLower(text), "sep="); ok && len(rest) == 1 {
			return true // Excel's note to itself; the header shows it as well
		}
		t.begun = true
		if header, err := t.header(text, line); err != nil {
			return t.fail(line, err)
		} else if header {
			return !t.done
		}
	}
	if t.comma == 0 {
		return t.plain(text, line)
	}
	if open, _ := t.quoted(text, false); open {
		t.open, t.first, t.bytes = append(t.open, text), line, len(text)
		return true
	}
	return t.row(text, line, "")
}

func blank(text string) bool {
	s := strings.TrimSpace(text)
	return s == "" || s[0] == '#'
}

// goOn adds a line to a row whose quote is open.
func (t *table) goOn(text string) bool {
	t.open = append(t.open, text)
	t.bytes += len(text) + 1
	open, again := t.quoted(text, true)
	switch {
	case t.bytes > lineBytesMax || len(t.open) > rowLinesMax || again:
		return t.giveUp()
	case open:
		return true
	}
	row := strings.Join(t.open, "\n")
	t.open = nil
	return t.row(row, t.first, "")
}

// quoted reports whether a quote is open at the end of the line, where open says whether one was at its beginning. A
// quote opens at the beginning of a cell and closes at its end; any other stands for itself. Again is whether one that was
// open at the beginning opens once more, as a cell does: it did not close, and this is a row of its own.
func (t *table) quoted(text string, open bool) (still, again bool) {
	start, carried := !open, open
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case open && c == '"' && strings.HasPrefix(text[i+1:], `"`):
			i++
		case open && c == '"':
			open = i+1 < len(text) && rune(text[i+1]) != t.comma
			again = again || open && carried && (i == 0 || rune(text[i-1]) == t.comma)
			carried = carried && open
		case open:
		case start && c == '"':
			open, start = true, false
		default:
			start = rune(c) == t.comma || start && c == ' '
		}
	}
	return open, again
}

// end reads what is left of a row whose quote never closed.
func (t *table) end() {
	for len(t.open) > 0 && !t.done {
		t.giveUp()
	}
}

// giveUp reads the lines of a row whose quote does not close one by one, so that a quote too many costs a cell.
func (t *table) giveUp() bool {
	open, first := t.open, t.first
	t.open = nil
	if !t.row(open[0], first, fmt.Sprintf("a quote that does not close, in this line or the next %d", len(open)-1)) {
		return false
	}
	for i, text := range open[1:] {
		if !t.line(text, first+1+i) {
			return false
		}
	}
	return true
}

// row reads one row of the table. unclosed says what is wrong with the quote that its last cell begins with.
func (t *table) row(text string, line int, unclosed string) bool {
	row, err := t.cells(text, t.comma)
	if err != nil {
		return t.bad(line, "not a line of the table: "+err.Error())
	}
	e := &t.entryOf
	if e.values == nil {
		e.values = map[string][]string{}
	}
	clear(e.values)
	e.problems, e.more = e.problems[:0], 0
	if unclosed != "" {
		row = row[:len(row)-1]
		e.problem("%s", unclosed)
	}
	for field, i := range t.columns {
		switch {
		case i >= len(row):
		case fields[field]:
			e.values[field] = split(row[i])
		default:
			e.values[field] = row[i : i+1]
		}
	}
	return t.entry(e, line)
}

// header reports whether the line is the header of a table, and if so remembers its columns.
func (t *table) header(text string, line int) (bool, error) {
	for _, comma := range []rune{',', ';', '\t'} {
		row, err := t.cells(text, comma)
		if err != nil {
			continue
		}
		columns := t.columnsOf(row)
		if _, ok := columns["domain"]; ok {
			t.comma, t.columns = comma, columns
			t.missing(row, line)
			return true, nil
		}
	}
	if wanted := t.Columns["domain"]; wanted != "" {
		return false, fmt.Errorf("no column %q in the header: give columns.domain the name that this list uses", wanted)
	}
	return false, nil
}

// columnsOf finds the columns of our fields: the first that has our own name for it, else the first of its other names.
func (t *table) columnsOf(row []string) map[string]int {
	columns := map[string]int{}
	for i, c := range row {
		field := t.fieldOf(c)
		if field == "" {
			continue
		}
		old, known := columns[field]
		own := strings.EqualFold(strings.TrimSpace(c), field)
		if !known || own && !strings.EqualFold(strings.TrimSpace(row[old]), field) {
			columns[field] = i
		}
	}
	return columns
}

// missing tells of columns that the caller named and the header does not have.
func (t *table) missing(row []string, line int) {
	for _, field := range slices.Sorted(maps.Keys(t.Columns)) {
		if _, ok := t.columns[field]; !ok && !t.bad(line, fmt.Sprintf("no column %q (columns.%s) in the header %q", t.Columns[field], field, row)) {
			return
		}
	}
}

// cells takes a line apart. A quote within a cell stands for itself.
func (t *table) cells(text string, comma rune) ([]string, error) {
	if t.buffer == nil {
		t.buffer = bufio.NewReader(nil)
	}
	t.buffer.Reset(strings.NewReader(text))
	r := csv.NewReader(t.buffer) // which takes the buffer as it is
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.LazyQuotes = comma, -1, comma != '\t', true
	return r.Read()
}
