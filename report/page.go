package report

import (
	"io"
	"strings"
)

// page writes labelled lines for a terminal. Everything that passes is sanitised here, and wrapped at width cells with
// the text standing clear of its label.
type page struct {
	out   output
	width int // 0 is no limit
}

func newPage(w io.Writer, width int) *page {
	return &page{out: newOutput(w), width: limitOf(width)}
}

// heading starts a section.
func (p *page) heading(text string) {
	p.out.text("\n")
	p.wrapped("", 0, text)
}

// line writes one labelled text; an empty text writes nothing.
func (p *page) line(indent int, label, text string) {
	if text == "" {
		return
	}
	start := strings.Repeat(" ", indent) + pad(Terminal(label), labelCells) + " "
	p.wrapped(start, min(cells(start), indent+labelCells+1), text)
}

// ruleLine writes one rule that was tried: its mark, its name, its reason.
func (p *page) ruleLine(mark, name, why string) {
	start := "  " + mark + " " + pad(Terminal(name), ruleCells) + " "
	p.wrapped(start, cells("  ")+len(mark)+1+ruleCells+1, why)
}

// The room that labels and names of rules take.
const (
	labelCells = 11
	ruleCells  = 18
)

// wrapped writes text after start, and continues it hang cells in.
func (p *page) wrapped(start string, hang int, text string) {
	text = terminal(text, lineRunes)
	if p.width == 0 {
		p.out.text(strings.TrimRight(start+text, " "), "\n")
		return
	}
	const least = widthFloor / 2 // cells for the text beside its label
	start, hang = fit(start, p.width-least), min(hang, p.width-least)
	for text != "" {
		n := lineEnd(text, p.width-cells(start))
		p.out.text(strings.TrimRight(start+text[:n], " "), "\n")
		text = strings.TrimLeft(text[n:], " ")
		start = strings.Repeat(" ", hang)
	}
}

// lineEnd returns how many bytes of text go on a line of width cells: up to the last space that fits, or as many
// characters as fit where there is none; one at least.
func lineEnd(text string, width int) int {
	n := prefix(text, width)
	if n == len(text) {
		return n
	}
	if text[n] == ' ' {
		return n
	}
	if space := strings.LastIndexByte(text[:n], ' '); space > 0 {
		return space
	}
	if n == 0 {
		n = len(string([]rune(text)[:1]))
	}
	return n
}
