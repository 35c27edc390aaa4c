package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// text decodes a list into UTF-8 whose lines end in "\n". UTF-16 is told by its byte-order mark, or by its zero bytes; in
// anything else a line that is not UTF-8 is taken for Windows-1251, so that a file put together from two loses no name.
type text struct {
	raw    *bufio.Reader
	begun  bool
	out    []byte // used again for each piece
	rest   []byte // of out: decoded and not yet read
	cr     bool   // the last line ended in \r: a \n that follows belongs to it
	failed error  // what ended the stream
}

func newText(r io.Reader) *text {
	return &text{raw: bufio.NewReaderSize(&sticky{from: r}, lineBytesMax)}
}

// sticky repeats the error that ended its reader: a look ahead takes it away otherwise, and not every reader says it
// twice.
type sticky struct {
	from io.Reader
	err  error
}

func (s *sticky) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	n, s.err = s.from.Read(p)
	return n, s.err
}

// Read implements io.Reader. It waits for no more than one line.
func (t *text) Read(p []byte) (int, error) {
	if !t.begun {
		t.begin()
	}
	for len(t.rest) == 0 {
		if t.failed != nil {
			return 0, t.failed
		}
		t.fill()
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// archives are the beginnings of files that hold lists, but are no text.
var archives = []struct{ magic, what string }{
	{"PK\x03\x04", "a spreadsheet or zip archive, not text: save the list as CSV"},
	{"\xd0\xcf\x11\xe0", "a spreadsheet of old Excel, not text: save the list as CSV"},
	{"\x1f\x8b", "compressed by gzip: unpack it first"},
	{"SQLite format 3\x00", "a database, not text: export its list of domains as CSV"},
}

// begin looks at the first bytes, without waiting for more than two of them.
func (t *text) begin() {
	t.begun = true
	_, _ = t.raw.Peek(2) // a shorter input is what it is; an error comes again
	head, _ := t.raw.Peek(min(t.raw.Buffered(), 512))
	for _, a := range archives {
		if strings.HasPrefix(a.magic, string(head)) && len(head) > 1 {
			head, _ = t.raw.Peek(len(a.magic))
		}
		if bytes.HasPrefix(head, []byte(a.magic)) {
			t.failed = errors.New(a.what)
			return
		}
	}
	if mark := "\xef\xbb\xbf"; len(head) > 1 && strings.HasPrefix(mark, string(head[:2])) {
		if head, _ = t.raw.Peek(len(mark)); string(head) == mark {
			_, _ = t.raw.Discard(len(mark))
		}
		return
	}
	if order, is := utf16Order(head); is {
		wide := unicode.UTF16(order, unicode.UseBOM).NewDecoder()
		t.raw = bufio.NewReaderSize(transform.NewReader(t.raw, wide), lineBytesMax)
	}
}

// utf16Order reports the byte order of UTF-16. Without a mark every second byte must be 0 often (of ASCII it is) and the
// others never.
func utf16Order(head []byte) (unicode.Endianness, bool) {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return unicode.LittleEndian, true
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.BigEndian, true
	}
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	often := max(1, len(head)/8)
	switch {
	case zeros[0] == 0 && zeros[1] >= often:
		return unicode.LittleEndian, true
	case zeros[1] == 0 && zeros[0] >= often:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

// fill decodes the next lines: those that have come and need no decoding, else one, or as much of it as the buffer
// holds.
func (t *text) fill() {
	if ready := t.ready(); len(ready) > 0 {
		t.out = append(t.out[:0], ready...)
		t.rest = t.out
		_, _ = t.raw.Discard(len(ready))
		return
	}
	n, err := t.lineLength()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		t.failed = err
		return
	}
	if n == 0 {
		t.failed = io.EOF
		return
	}
	line, _ := t.raw.Peek(n) // they are there
	if errors.Is(err, bufio.ErrBufferFull) {
		line = wholeRunes(line)
	}
	t.rest = t.decoded(line)
	_, _ = t.raw.Discard(len(line))
}

// readyMax bounds how much of what has come is looked at together: a line that must be decoded ends it, and what stands
// before that line is looked at once more.
const readyMax = 4 << 10

// ready returns whole lines that have come, in UTF-8 and ended by "\n" alone.
func (t *text) ready() []byte {
	if t.cr {
		return nil
	}
	all, _ := t.raw.Peek(min(t.raw.Buffered(), readyMax))
	if i := bytes.IndexByte(all, '\r'); i >= 0 {
		all = all[:i]
	}
	all = all[:bytes.LastIndexByte(all, '\n')+1]
	if !utf8.Valid(all) {
		return nil
	}
	return all
}

// lineLength returns how many bytes of the buffer are one line with its end.
func (t *text) lineLength() (int, error) {
	n := 0
	for {
		_, err := t.raw.Peek(n + 1)
		all, _ := t.raw.Peek(t.raw.Buffered())
		if i := bytes.IndexAny(all[n:], "\r\n"); i >= 0 {
			return n + i + 1, nil
		}
		if n = len(all); err != nil {
			return n, err
		}
	}
}

// wholeRunes takes the beginning of a character off the end.
func wholeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= len(b)-utf8.UTFMax+1 && i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// decoded returns a copy of a line in UTF-8 that ends, if it ends, in "\n", until the next piece is decoded.
func (t *text) decoded(line []byte) []byte {
	if after := t.cr && line[0] == '\n'; after {
		t.cr = false
		return nil
	}
	last := line[len(line)-1]
	t.cr = last == '\r'
	out := t.out[:0]
	if utf8.Valid(line) {
		out = append(out, line...)
	} else {
		out, _ = charmap.Windows1251.NewDecoder().Bytes(line) // never fails: a byte without a meaning becomes U+FFFD
	}
	if t.cr {
		out[len(out)-1] = '\n'
	}
	t.out = out
	return out
}
