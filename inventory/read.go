package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"strings"
)

// BadLine is a line from which no name, or not every field, could be read. Reading goes on after it.
type BadLine struct {
	Source string // "file:line"
	Why    string
}

func (e *BadLine) Error() string { return e.Source + ": " + e.Why }

// lineBytesMax is the longest line that is looked at; the rest of a longer one is passed over.
const lineBytesMax = 64 << 10

// Read yields what stands in one list: a Domain for each name, in order, a *[BadLine] for each line that cannot be read;
// any other error is the last thing yielded. Two forms are told apart by their first line: a plain list, one name a
// line, "#" for comments; and CSV or TSV whose header (comma, semicolon or tab) has a column named "domain". file names
// the list in Source.
func Read(r io.Reader, file string) iter.Seq2[Domain, error] {
	return func(yield func(Domain, error) bool) {
		l := lines{r: bufio.NewReaderSize(r, 64<<10)}
		t := table{file: file}
		for {
			text, err := l.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Domain{}, fmt.Errorf("read %s: line %d: %w", file, l.n, err))
				return
			}
			source := fmt.Sprintf("%s:%d", file, l.n)
			switch {
			case l.cut:
				if !yield(Domain{}, &BadLine{source, fmt.Sprintf("a line of more than %d bytes", lineBytesMax)}) {
					return
				}
			case t.header(text):
			case !t.line(text, source, yield):
				return
			}
		}
	}
}

// lines splits a stream into lines of bounded length, whatever ends them.
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
		if l.n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}

// plain reads one line of a plain list.
func plain(text, source string, yield func(Domain, error) bool) bool {
	if before, _, ok := strings.Cut(text, "#"); ok {
		text = before
	}
	if text = strings.TrimSpace(text); text == "" {
		return true
	}
	d, err := Parse(text)
	if err != nil {
		return yield(Domain{}, &BadLine{source, err.Error()})
	}
	d.Source = source
	return yield(d, nil)
}

// Set remembers which names were seen, at 8 bytes a name: two of a million different names are taken for one with a
// probability of 3 in 100 million.
type Set struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}} }

// Add reports whether the name is new.
func (s *Set) Add(name string) bool {
	h := maphash.String(s.seed, name)
	if _, ok := s.seen[h]; ok {
		return false
	}
	s.seen[h] = struct{}{}
	return true
}
