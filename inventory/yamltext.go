package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Limits of one entry of a YAML list. The parser takes longer than in proportion over many keys, values or levels in one
// another, so that it gets no more of them at a time.
const (
	yamlEntryBytesMax  = 64 << 10
	yamlEntryValuesMax = 2_000 // lines and commas
	yamlEntryColonsMax = 500   // a key has one
	yamlDepthMax       = 16    // brackets in one another, dashes on one line: an entry needs three
)

// yamlPartBytes is how much is parsed at once where there are more entries than that.
const yamlPartBytes = 16 << 10

// shape is what is being read of a document.
type shape int

const (
	shapeNothing shape = iota // of its beginning
	shapeItems                // a list whose entries begin with dashes
	shapeFlow                 // a list in brackets
	shapeSection              // a key in the first column, and what stands there
	shapeWhole                // anything else
)

// yamlText takes a YAML text apart into parts that are parsed by themselves: some entries of a list, or one key of an
// object. So a list of any length is streamed.
type yamlText struct {
	*list
	in      lines
	shape   shape
	indent  int    // of the dashes; -1 before the first of them
	part    []byte // what is parsed next
	first   int    // lines before it
	blanks  int    // blank lines behind it
	starts  []start
	entry   yamlWeight
	flow    yamlFlow
	object  *yamlObject // the document is one
	section yamlWeight  // of all its keys but domains
}

// start is where an entry begins that stands in the part behind others: its place there, and its line in the file.
type start struct{ at, line int }

// readYAML reads YAML: a list of names and entries, an object with a list named domains, or several such documents.
func (l *list) readYAML() {
	y := &yamlText{list: l, in: lines{r: l.text}}
	for !l.done {
		text, err := y.in.next()
		if errors.Is(err, io.EOF) {
			y.end()
			return
		}
		if err == nil && y.in.cut {
			err = fmt.Errorf("a line of more than %d bytes: write one entry a line", lineBytesMax)
		}
		if err != nil { // what came before is whole
			y.starts = append(y.starts, start{len(y.part), y.in.n})
		} else {
			err = y.line(text)
		}
		if err != nil {
			y.salvage(y.in.n)
			l.fail(y.in.n, err)
		}
	}
}

// line reads one line; an error is what is wrong with it.
func (y *yamlText) line(text string) error {
	indent := len(text) - len(strings.TrimLeft(text, " "))
	rest := strings.TrimRight(text[indent:], " \t")
	dash := rest == "-" || strings.HasPrefix(rest, "- ")
	switch {
	case rest == "" || text[0] == '#' || rest[0] == '#' && y.waits(): // a comment that stands between things
		y.blanks++
		return nil
	case y.mark(text):
		return nil
	case y.shape == shapeNothing:
		return y.begin(text, indent, dash)
	case y.shape == shapeFlow:
		return y.brackets(text)
	case y.shape == shapeItems && dash && (indent == y.indent || y.indent < 0):
		return y.item(text, indent)
	case y.shape == shapeItems && y.indent < 0 && rest[0] == '[':
		return y.startFlow(text)
	case y.object != nil && indent == 0 && !dash:
		return y.key(text)
	case y.shape == shapeItems && y.indent < 0:
		y.shape = shapeSection
	}
	if y.shape == shapeSection {
		return y.add(text, &y.section)
	}
	return y.add(text, &y.entry)
}

// waits reports whether the first entry, or anything at all, is still to come: a comment is no part of it then, however far
// it is indented.
func (y *yamlText) waits() bool {
	return y.shape == shapeNothing || y.shape == shapeItems && y.indent < 0
}

// mark takes what stands between documents, and reports whether the line was that.
func (y *yamlText) mark(text string) bool {
	if y.shape == shapeNothing && text[0] == '%' {
		return true
	}
	rest, header := strings.CutPrefix(text, "---")
	if !header && !strings.HasPrefix(text, "...") || header && rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return false
	}
	y.end()
	if rest = strings.TrimSpace(rest); header && rest != "" && rest[0] != '#' {
		y.shape = shapeWhole
		_ = y.add(text, &y.entry) // a first line is never too much
	}
	return true
}

// begin sees which shape a document has.
func (y *yamlText) begin(text string, indent int, dash bool) error {
	switch {
	case dash:
		y.shape, y.indent = shapeItems, indent
		return y.item(text, indent)
	case text[indent] == '[':
		return y.startFlow(text)
	case indent == 0 && text[0] != '{' && strings.Contains(text, ":"):
		y.object = &yamlObject{}
		return y.key(text)
	}
	y.shape = shapeWhole
	return y.add(text, &y.entry)
}

// item begins an entry with a dash.
func (y *yamlText) item(text string, indent int) error {
	if y.indent < 0 { // the line domains: alone stands in the part
		y.part, y.starts, y.indent, y.object.listed = y.part[:0], y.starts[:0], indent, true
	}
	if len(y.part) >= yamlPartBytes {
		y.flush()
	}
	y.entry = yamlWeight{}
	y.starts = append(y.starts, start{len(y.part), y.in.n})
	return y.add(text, &y.entry)
}

// key begins a key in the first column.
func (y *yamlText) key(text string) error {
	y.flush()
	value, list := strings.CutPrefix(text, "domains:")
	value = strings.TrimSpace(value)
	switch {
	case list && (value == "" || value[0] == '#'):
		y.shape, y.indent = shapeItems, -1
	case list && value[0] == '[':
		y.object.listed = true
		return y.startFlow(value)
	default:
		y.shape = shapeSection
	}
	return y.add(text, &y.section)
}

// add puts a line into the part, at the cost of what it belongs to.
func (y *yamlText) add(text string, to *yamlWeight) error {
	if len(y.part) == 0 {
		y.first, y.blanks = y.in.n-1, 0
	}
	for ; y.blanks > 0; y.blanks-- {
		y.part = append(y.part, '\n')
		to.values++
	}
	y.part = append(append(y.part, text...), '\n')
	to.values++
	return to.add(text)
}

// flush parses the part and yields what stands in it.
func (y *yamlText) flush() {
	part, blank := y.part, len(y.part) == 0
	y.part = y.part[:0]
	if blank || y.done {
		return
	}
	file, line, err := parseYAML(part)
	if err != nil {
		y.part = part
		y.salvage(y.first + line)
		y.fail(y.first+line, err)
		return
	}
	y.starts = y.starts[:0]
	y.yieldAll(file)
}

// salvageTries is how many beginnings of a part are tried: a parser may see a mistake only lines behind it.
const salvageTries = 8

// salvage yields the entries of the part that are complete before the line on which the list ends with an error.
func (y *yamlText) salvage(line int) {
	tries := 0
	for i := len(y.starts) - 1; i >= 0 && tries < salvageTries; i-- {
		s := y.starts[i]
		if s.at == 0 || s.line > line {
			continue
		}
		tries++
		part := y.part[:s.at]
		if bytes.TrimLeft(part, " ")[0] == '[' {
			part = append(slices.Clone(part), "]\n"...)
		}
		if file, _, err := parseYAML(part); err == nil {
			y.yieldAll(file)
			return
		}
	}
}

// yieldAll yields what stands in a part.
func (y *yamlText) yieldAll(file *ast.File) {
	at := &yamlList{list: y.list, first: y.first}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if o := y.object; o == nil || !o.take(at, doc.Body) {
			at.document(doc.Body)
		}
	}
}

// end is the end of a document.
func (y *yamlText) end() {
	y.flush()
	if y.object != nil && !y.done {
		y.object.end(y.list)
	}
	*y = yamlText{list: y.list, in: y.in, part: y.part}
}

// yamlWeight is what an entry holds so far.
type yamlWeight struct{ bytes, values, colons, depth int }

// add counts a line, or a part of one.
func (w *yamlWeight) add(text string) error {
	w.bytes += len(text) + 1
	dashes := 0
	for i, c := range []byte(text) {
		switch c {
		case ',':
			w.values++
		case ':', '?':
			w.colons++
		case '[', '{':
			w.depth++
		case ']', '}':
			w.depth = max(0, w.depth-1)
		case '-':
			dashes += len(text[i:]) - len(strings.TrimPrefix(text[i:], "- "))
		}
		if w.depth > yamlDepthMax || dashes/2 > yamlDepthMax {
			return fmt.Errorf("more than %d brackets or dashes open: a list of entries is wanted", yamlDepthMax)
		}
	}
	const hint = "begin each entry with - on a line of its own, or name the file .json if it is JSON"
	switch {
	case w.bytes > yamlEntryBytesMax:
		return fmt.Errorf("an entry of more than %d bytes: %s", yamlEntryBytesMax, hint)
	case w.values > yamlEntryValuesMax:
		return fmt.Errorf("an entry of more than %d lines and commas: %s", yamlEntryValuesMax, hint)
	case w.colons > yamlEntryColonsMax:
		return fmt.Errorf("an entry of more than %d keys: %s", yamlEntryColonsMax, hint)
	}
	return nil
}

// yamlFlow is how far a list in brackets is read.
type yamlFlow struct {
	depth int
	quote byte // the text in quotes that is open; 0 for none
	last  byte // what stood last that is no blank
}

// take reads one byte, of which next is what follows, and says what it means.
func (f *yamlFlow) take(c, next byte) (skip, comma, closed bool) {
	switch {
	case f.quote == '"' && c == '\\', f.quote == '\'' && c == '\'' && next == '\'':
		return true, false, false
	case f.quote != 0:
		if c == f.quote {
			f.quote = 0
		}
	case (c == '"' || c == '\'') && strings.IndexByte("[{,:", f.last) >= 0:
		f.quote = c
	case c == '[' || c == '{':
		f.depth++
	case c == ']' || c == '}':
		f.depth--
		closed = f.depth == 0
	case c == ',':
		comma = f.depth == 1
	}
	if c != ' ' && c != '\t' {
		f.last = c
	}
	return false, comma, closed
}

// startFlow begins a list in brackets.
func (y *yamlText) startFlow(text string) error {
	if y.object != nil {
		y.object.listed, y.part = true, y.part[:0]
	}
	y.shape, y.flow, y.entry = shapeFlow, yamlFlow{}, yamlWeight{}
	return y.brackets(text)
}

// brackets reads a line of a list in brackets, which is taken apart at its commas.
func (y *yamlText) brackets(text string) error {
	from := 0
	for i := 0; i < len(text); i++ {
		if text[i] == '#' && y.flow.quote == 0 && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			break
		}
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		skip, comma, closed := y.flow.take(text[i], next)
		switch {
		case skip:
			i++
		case closed:
			y.shape = shapeWhole // what may follow is a comment, or the parser says what is wrong with it
		case comma:
			if err := y.add(text[from:i+1], &y.entry); err != nil {
				return err
			}
			y.part = y.part[:len(y.part)-1] // the line goes on
			from, y.entry = i+1, yamlWeight{}
			y.starts = append(y.starts, start{len(y.part), y.in.n})
			if len(y.part) >= yamlPartBytes {
				y.part = append(y.part, "]\n"...)
				y.flush()
				y.first, y.part = y.in.n-1, append(y.part, '[')
			}
		}
	}
	return y.add(text[from:], &y.entry)
}
