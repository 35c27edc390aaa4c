package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// How many characters a sink takes at most, so that one certificate cannot fill a screen: a cell, and a line of an
// explanation, which joins several texts.
const (
	cellRunes = 512
	lineRunes = 8192
)

const hexDigits = "0123456789abcdef"

// Terminal returns s fit for a terminal: every control, format, separator and unassigned character becomes a visible
// escape (\x1b, \u202e, \U000e0001), every byte that is not UTF-8 becomes \xff, and what is longer than 512 characters
// is cut and ends in "…". Backslashes stay as they are, so that applying it twice changes nothing more.
func Terminal(s string) string { return terminal(s, cellRunes) }

func terminal(s string, limit int) string {
	if len(s) <= limit && plainASCII(s) {
		return s
	}
	var b strings.Builder
	runes := 0
	for i, r := range s {
		piece := visible(s, i, r)
		runes += utf8.RuneCountInString(piece)
		if runes >= limit && !fits(s[i:], limit-runes+utf8.RuneCountInString(piece)) {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

// fits reports whether all of s takes at most limit characters once escaped.
func fits(s string, limit int) bool {
	for i, r := range s {
		if limit -= utf8.RuneCountInString(visible(s, i, r)); limit < 0 {
			return false
		}
	}
	return true
}

// visible returns the form in which a terminal may see the rune r that stands at s[i].
func visible(s string, i int, r rune) string {
	if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
		return string([]byte{'\\', 'x', hexDigits[s[i]>>4], hexDigits[s[i]&15]})
	}
	switch {
	case !hidden(r):
		return string(r)
	case r < utf8.RuneSelf:
		return string(appendHex([]byte(`\x`), r, 2))
	case r <= 0xFFFF:
		return string(appendHex([]byte(`\u`), r, 4))
	default:
		return string(appendHex([]byte(`\U`), r, 8))
	}
}

// formulaStarts are the characters by which a spreadsheet takes a cell for a formula, and their full-width forms.
const formulaStarts = "=+-@＝＋－＠"

// csvCell returns s fit for a cell of CSV that a spreadsheet may open: hidden characters become visible escapes as on a
// terminal, and where a formula could begin an apostrophe stands in front. That is at the start, and behind "," and ";"
// as well: a spreadsheet set to another separator than ours cuts there. Quotes are appendCSV's.
func csvCell(s string) string {
	var b strings.Builder
	start := true // a cell may begin here
	if s != "" && strings.Contains("\t\r\n", s[:1]) {
		b.WriteByte('\'')
		start = false
	}
	for _, r := range terminal(s, lineRunes) {
		if start && strings.ContainsRune(formulaStarts, r) {
			b.WriteByte('\'')
		}
		start = r == ',' || r == ';' || start && (r == '"' || unicode.IsSpace(r))
		b.WriteRune(r)
	}
	return b.String()
}

// appendCSV appends s as one field (RFC 4180 §2), quoted where it must be, and where another separator might cut it.
func appendCSV(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",;\"\t") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

// bare are the bytes that a cell may hold without a second look, other than as its first.
var bare = func() (plain [256]bool) {
	for c := byte('!'); c < 0x7F; c++ {
		plain[c] = !strings.ContainsRune(`,;"`, rune(c))
	}
	plain[' '] = true
	return plain
}()

// appendCell appends what csvCell makes of s as one field. Plain text, which most is, costs nothing more than itself.
func appendCell(dst []byte, s string) []byte {
	if len(s) > lineRunes {
		return appendCSV(dst, csvCell(s))
	}
	plain := 0
	for plain < len(s) && bare[s[plain]] {
		plain++
	}
	switch {
	case plain == len(s) && (s == "" || strings.IndexByte(" =+-@", s[0]) < 0):
		return append(dst, s...)
	case !plainASCII(s[plain:]):
		return appendCSV(dst, csvCell(s))
	}
	return appendPrintable(dst, s)
}

// appendPrintable does it for printable ASCII.
func appendPrintable(dst []byte, s string) []byte {
	quoted := strings.ContainsAny(s, `,;"`)
	if quoted {
		dst = append(dst, '"')
	}
	start := true // a cell may begin here
	for _, c := range []byte(s) {
		if start && strings.IndexByte("=+-@", c) >= 0 {
			dst = append(dst, '\'')
		}
		start = c == ',' || c == ';' || start && (c == '"' || c == ' ')
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	if quoted {
		dst = append(dst, '"')
	}
	return dst
}

// markdownCell returns s fit for a cell of a table in GitHub's Markdown: as on a terminal, and with a backslash before
// whatever could end the cell or become markup, a link or a mention.
func markdownCell(s string) string {
	s = terminal(s, lineRunes)
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		link := c == ':' && strings.HasPrefix(s[i:], "://") ||
			c == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www")
		inWord := c == '_' && i > 0 && i+1 < len(s) && alphanumeric(s[i-1]) && alphanumeric(s[i+1]) // which is no emphasis
		if link || !inWord && strings.IndexByte("\\`*_[]<>|~#&!$@{}", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// nagiosText returns s fit for the output of a monitoring plug-in: as on a terminal, without the bar that begins
// performance data, without the characters that a notification command could give to a shell or a browser, and with
// slashes for backslashes, since "\n" may be read as the end of a line.
func nagiosText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("|`~$&'\"<>", r):
			return -1
		case r == '\\':
			return '/'
		}
		return r
	}, Terminal(s))
}

// unescaped are the bytes that a JSON string of ours takes as they are.
var unescaped = func() (plain [256]bool) {
	for c := byte(' '); c < 0x7F; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// appendJSON appends s as a JSON string (RFC 8259 §7). Beside what JSON demands, hidden characters are escaped, so that
// raw JSON is safe on a terminal and in JavaScript; what is not UTF-8 becomes U+FFFD.
func appendJSON(dst []byte, s string) []byte {
	plain := 0
	for plain < len(s) && unescaped[s[plain]] {
		plain++
	}
	dst = append(append(dst, '"'), s[:plain]...)
	if plain < len(s) {
		dst = appendEscaped(dst, s[plain:])
	}
	return append(dst, '"')
}

// appendEscaped appends what goes between the quotes.
func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		if unescaped[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && !hidden(r) && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, r)
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}

// appendEscape appends r as a JSON escape; U+FFFD alone stands for itself.
func appendEscape(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, '\\', 'n')
	case r == '\t':
		return append(dst, '\\', 't')
	case r == '\r':
		return append(dst, '\\', 'r')
	case r == utf8.RuneError:
		return append(dst, "\uFFFD"...)
	case r > 0xFFFF: // a surrogate pair (RFC 8259 §7)
		r -= 0x10000
		dst = appendHex(append(dst, '\\', 'u'), 0xD800+r>>10, 4)
		return appendHex(append(dst, '\\', 'u'), 0xDC00+r&0x3FF, 4)
	default:
		return appendHex(append(dst, '\\', 'u'), r, 4)
	}
}

// appendHex appends r in lower-case hexadecimal of a fixed number of digits.
func appendHex(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&15])
	}
	return dst
}

// hidden reports whether r could act on a reader instead of being read: controls (C0, DEL, C1), format characters
// (bidirectional and zero-width controls, tags), line and paragraph separators, and whatever Unicode has not assigned.
func hidden(r rune) bool { return !unicode.IsGraphic(r) }

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// cells returns the number of terminal cells that s takes; colour sequences of our own take none.
func cells(s string) int {
	if plainASCII(s) {
		return len(s)
	}
	return twwidth.WidthNoCache(s)
}

// fit cuts s to at most width cells and marks the cut with "…"; a width of 0 or less gives "". s must be sanitised.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if cells(s) <= width {
		return s
	}
	return s[:prefix(s, width-cells("…"))] + "…"
}

// prefix returns the length in bytes of the longest start of s that takes at most width cells.
func prefix(s string, width int) int {
	for i, r := range s {
		if width -= cells(string(r)); width < 0 {
			return i
		}
	}
	return len(s)
}

// pad appends spaces to s until it takes width cells.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-cells(s)))
}
