package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"certscan/report"
)

// document is the text that the places in it refer to.
type document struct {
	file  string
	lines []string
}

// place is where something stands in the configuration file. The zero place is nowhere.
type place struct {
	doc          *document
	line, column int // from 1, the column in characters
}

// fault is one mistake in the configuration file. Its text is fit for a terminal.
type fault struct {
	at     place
	why    string
	hidden bool // the line holds a secret, and is not shown
}

func (p place) fault(format string, args ...any) *fault {
	return &fault{at: p, why: fmt.Sprintf(format, args...)}
}

// What is shown of a source line: so many characters around the mistake.
const (
	excerptBefore = 60
	excerptAfter  = 40
)

func (f *fault) Error() string {
	where := report.Terminal(f.at.doc.file)
	if f.at.line < 1 || f.at.line > len(f.at.doc.lines) {
		return where + ": " + report.Terminal(f.why)
	}
	if f.hidden {
		return fmt.Sprintf("%s:%d:%d: %s", where, f.at.line, f.at.column, report.Terminal(f.why))
	}
	before, after := f.at.excerpt()
	number := fmt.Sprintf("%4d", f.at.line)
	return fmt.Sprintf("%s:%d:%d: %s\n%s | %s%s\n%s | %s^", where, f.at.line, f.at.column, report.Terminal(f.why),
		number, before, after, strings.Repeat(" ", len(number)), strings.Repeat(" ", utf8.RuneCountInString(before)))
}

// excerpt returns the source line in front of the place and from there on.
func (p place) excerpt() (before, after string) {
	line := []rune(strings.ReplaceAll(p.doc.lines[p.line-1], "\t", " "))
	cut := min(max(p.column-1, 0), len(line))
	from, to := 0, min(cut+excerptAfter, len(line))
	if cut > excerptBefore {
		from = cut - excerptBefore
		before = "…"
	}
	before += report.Terminal(string(line[from:cut]))
	after = report.Terminal(string(line[cut:to]))
	if to < len(line) {
		after += "…"
	}
	return before, after
}

// faults is every mistake found in the configuration file, in the order of its lines.
type faults []*fault

// faultsShown is how many mistakes are printed; the rest are counted.
const faultsShown = 20

func (f faults) Error() string {
	var b strings.Builder
	for i, one := range f[:min(len(f), faultsShown)] {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	if more := len(f) - faultsShown; more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

// sorted brings the faults into the order of the file; it returns nil where there is none.
func (f faults) sorted() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *fault) int {
		if a.at.line != b.at.line {
			return a.at.line - b.at.line
		}
		return a.at.column - b.at.column
	})
	return f
}

// instead names what was probably meant: the nearest of the known words, else all of them.
func instead(word string, known []string) string {
	if len(known) == 0 {
		return "nothing can stand here"
	}
	best, least := "", max(2, utf8.RuneCountInString(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known here: " + strings.Join(known, ", ")
}

// longestWord bounds the work of comparing words: no key is as long.
const longestWord = 64

// distance counts the characters to insert, drop, change or swap with the next, to make b out of a.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > longestWord || len(t) > longestWord {
		return max(len(s), len(t))
	}
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := btoi(s[i-1] != t[j-1])
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
