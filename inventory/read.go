package inventory

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// BadLine is a line from which no name, or not every field, could be read. Reading goes on after it.
type BadLine struct {
	Source string // "file:line"; of an entry that takes several lines the first
	Why    string
}

func (e *BadLine) Error() string { return e.Source + ": " + e.Why }

// Config says how a list is read. The zero value reads a list without a name.
type Config struct {
	// File names the list in Source; its ending (.json, .jsonl, .ndjson, .yaml, .yml) tells the form. Without one of
	// those the form is told by the content.
	File string
	// Columns names the column or key of a field where the list calls it otherwise: "domain" to "Domain name". A field
	// named here is found under that name only.
	Columns map[string]string
	// Defaults is what a name gets that says nothing itself: everything but its names and Source.
	Defaults Domain
}

// Read yields what stands in one list, see [ReadWith]. file names the list in Source.
func Read(r io.Reader, file string) iter.Seq2[Domain, error] { return ReadWith(r, Config{File: file}) }

// ReadWith yields what stands in one list: a Domain for each name, in order, and a *[BadLine] for each line that cannot
// be read or field that cannot be taken; any other error is the last thing yielded. The forms are a plain list, one name
// a line with "#" for comments; CSV or TSV whose first line names the columns; JSON; JSON lines; YAML, of which an
// entry may hold no more than the limits in yamltext.go. All are streamed. The text may be UTF-8, UTF-16 or, line by line, Windows-1251, and its lines end in \n, \r\n or \r.
func ReadWith(r io.Reader, c Config) iter.Seq2[Domain, error] {
	return func(yield func(Domain, error) bool) {
		l := &list{Config: c, yield: yield, text: bufio.NewReaderSize(newText(r), lineBytesMax)}
		switch l.form() {
		case formJSON:
			l.readJSON()
		case formJSONLines:
			l.readLines(l.jsonLine)
		case formYAML:
			l.readYAML()
		case formLines:
			t := table{list: l}
			l.readLines(t.line)
			t.end()
		}
	}
}

// list is one list while it is read. Its methods that yield report whether reading may go on.
type list struct {
	Config
	text  *bufio.Reader
	yield func(Domain, error) bool
	done  bool // nothing more may be yielded
}

func (l *list) source(line int) string {
	var b [64]byte
	return string(strconv.AppendInt(append(append(b[:0], l.File...), ':'), int64(line), 10))
}

func (l *list) give(d Domain, err error) bool {
	l.done = l.done || !l.yield(d, err)
	return !l.done
}

// bad yields a line from which something could not be read.
func (l *list) bad(line int, why string) bool {
	return l.give(Domain{}, &BadLine{l.source(line), why})
}

// fail ends the stream with an error.
func (l *list) fail(line int, err error) bool {
	if !l.done {
		l.give(Domain{}, fmt.Errorf("read %s: line %d: %w", l.File, line, err))
		l.done = true
	}
	return false
}

// readLines gives each line to take, and yields those that are too long to be looked at.
func (l *list) readLines(take func(text string, line int) bool) {
	in := lines{r: l.text}
	for {
		text, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			l.fail(in.n, err)
			return
		case in.cut && !l.bad(in.n, fmt.Sprintf("a line of more than %d bytes: one name a line is wanted", lineBytesMax)):
			return
		case !in.cut && !take(text, in.n):
			return
		}
	}
}

// lineBytesMax is the longest line that is looked at; the rest of a longer one is passed over.
const lineBytesMax = 64 << 10

// lines splits decoded text into lines of bounded length.
type lines struct {
	r   *bufio.Reader
	n   int  // number of the line last returned, from 1
	cut bool // it was too long
}

func (l *lines) next() (string, error) {
	l.n++
	l.cut = false
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if err == nil && line == nil && len(part) <= lineBytesMax {
			return string(part[:len(part)-1]), nil // as nearly all are
		}
		if room := lineBytesMax - len(line); len(part) > room {
			part, l.cut = part[:room], true
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		}
		return strings.TrimSuffix(string(line), "\n"), nil
	}
}

// plain reads one line of a plain list. Quotes around a name and a comma behind it are what is left of another form.
func (l *list) plain(text string, line int) bool {
	if d, ok := plain(text); ok {
		return l.good(d, line)
	}
	if before, _, ok := strings.Cut(text, "#"); ok {
		text = before
	}
	if text = strings.TrimSpace(text); text == "" {
		return true
	}
	name := unquoted(strings.TrimRight(text, ",; \t"))
	if strings.ContainsAny(name, ",;\t") {
		return l.bad(line, "several columns, and no first line that names them: one of them must be named domain")
	}
	return l.name(name, line)
}

func unquoted(s string) string {
	if n := len(s); n > 2 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

// name yields a name that stands alone.
func (l *list) name(text string, line int) bool {
	d, err := Parse(text)
	if err != nil {
		return l.bad(line, err.Error())
	}
	return l.good(d, line)
}

// good yields a domain of a plain list.
func (l *list) good(d Domain, line int) bool {
	d.Source = l.source(line)
	d.fill(&l.Defaults)
	return l.give(d, nil)
}
