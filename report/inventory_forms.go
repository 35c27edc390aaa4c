package report

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

var inventoryHeadings = [3]string{"DOMAIN", "SOURCE", "FACTS"}

// rows are what a table says of the name: a line for it, and below it one for each conflict. They are sanitised.
func (e *InventoryEntry) rows() iter.Seq[[3]string] {
	return func(yield func([3]string) bool) {
		if !yield([3]string{Terminal(e.Domain), Terminal(e.Source), e.summary()}) {
			return
		}
		for _, c := range e.Conflicts {
			if !yield([3]string{"", Terminal(c.Source), Terminal("! " + c.told())}) {
				return
			}
		}
	}
}

func (c *InventoryConflict) told() string {
	return fmt.Sprintf("%s: %s is kept, %s was said later", c.Field, c.Kept, c.Dropped)
}

// inventoryTable writes the rows below their headings.
func inventoryTable(out output, entries iter.Seq[InventoryEntry], limit int) {
	widths := inventoryWidths(entries, limit)
	write := func(row [3]string) {
		var line strings.Builder
		for c, text := range row {
			line.WriteString(pad(fit(text, widths[c]), widths[c]+gap))
		}
		out.text(strings.TrimRight(line.String(), " "), "\n")
	}
	write(inventoryHeadings)
	for e := range entries {
		for row := range e.rows() {
			write(row)
		}
	}
}

// inventoryWidths gives names and sources at most a third of the line each, and the facts what remains.
func inventoryWidths(entries iter.Seq[InventoryEntry], limit int) (w [3]int) {
	widen := func(row [3]string) {
		for c, text := range row {
			w[c] = max(w[c], cells(text))
		}
	}
	widen(inventoryHeadings)
	for e := range entries {
		for row := range e.rows() {
			widen(row)
		}
	}
	if limit == 0 || w[0]+w[1]+w[2]+2*gap <= limit {
		return w
	}
	room := limit - 2*gap
	w[0], w[1] = min(w[0], room/3), min(w[1], room/3)
	w[2] = room - w[0] - w[1]
	return w
}

// inventoryMarkdown writes what the table says as a table of GitHub's Markdown.
func inventoryMarkdown(out output, entries iter.Seq[InventoryEntry]) {
	writeMarkdownRow(out, inventoryHeadings[:])
	out.text("|---|---|---|\n")
	for e := range entries {
		for row := range e.rows() {
			writeMarkdownRow(out, row[:])
		}
	}
}

// inventoryColumns are the columns of an inventory as CSV, in order: what docs/lists.md says of each.
var inventoryColumns = []string{
	"domain", "name", "invalid", "sans", "owner", "manager", "expect", "origin", "verify", "ports", "challenge", "dns_plugin",
	"account", "renew", "tags", "source", "facts", "conflicts",
}

// inventoryCSV writes a header and one row a name.
func inventoryCSV(out output, entries iter.Seq[InventoryEntry]) {
	out.text(strings.Join(inventoryColumns, ","), "\n")
	var row csvSink
	for e := range entries {
		row.buf = row.buf[:0]
		for _, cell := range e.cells() {
			row.text(cell)
		}
		row.buf[len(row.buf)-1] = '\n' // for the comma behind the last cell
		out.bytes(row.buf)
	}
}

// cells are the texts of inventoryColumns.
func (e *InventoryEntry) cells() []string {
	list := func(l []string) string { return strings.Join(l, " ") }
	var ports, facts, conflicts []string
	for _, p := range e.Ports {
		ports = append(ports, strconv.Itoa(int(p)))
	}
	for _, f := range e.Facts {
		facts = append(facts, f.Field+" "+f.Source)
	}
	for _, c := range e.Conflicts {
		conflicts = append(conflicts, c.told()+" at "+c.Source)
	}
	return []string{
		e.Domain, e.Name, e.Invalid, list(e.SANs), e.Owner, e.Manager, e.Expect, list(e.Origin), list(e.Verify), list(ports),
		e.Challenge, e.DNSPlugin, e.Account, e.Renew, list(e.Tags), e.Source, strings.Join(facts, "; "), strings.Join(conflicts, "; "),
	}
}
