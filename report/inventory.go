package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/tw"
)

// InventoryEntry is one name of a merged inventory and where each fact about it came from.
type InventoryEntry struct {
	Domain, Name, Invalid                string // Invalid says why it cannot be scanned
	SANs                                 []string
	Owner, Manager, Expect               string
	Origin, Verify                       []string
	Ports                                []uint16
	Challenge, DNSPlugin, Account, Renew string
	Tags                                 []string
	Source                               string // where the name was read first
	Facts                                []InventoryFact
	Conflicts                            []InventoryConflict
}

// InventoryFact is where a field was said first.
type InventoryFact struct{ Field, Source string }

// InventoryConflict is what Source says otherwise than what is kept.
type InventoryConflict struct{ Field, Kept, Dropped, Source string }

// WriteInventory writes a merged inventory as [FormatTable], [FormatJSON] (one list) or [FormatJSONL].
func WriteInventory(w io.Writer, f Format, entries []InventoryEntry, width int) error {
	out := newOutput(w)
	switch f {
	case FormatTable:
		if err := inventoryTable(out, entries, limitOf(width)); err != nil {
			return fmt.Errorf("write inventory: %w", err)
		}
	case FormatJSON:
		out.bytes(append(appendList([]byte(nil), entries), '\n'))
	case FormatJSONL:
		for i := range entries {
			out.bytes(append(entries[i].appendTo(nil), '\n'))
		}
	case FormatCSV, FormatMarkdown, FormatNagios:
		return fmt.Errorf("write inventory: no such form of it as %s: table, json and jsonl there are", f)
	}
	if err := out.flush(); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	return nil
}

func (e *InventoryEntry) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"domain":`...), e.Domain)
	dst = appendJSON(append(dst, `,"name":`...), e.Name)
	dst = appendJSON(append(dst, `,"invalid":`...), e.Invalid)
	dst = appendStrings(append(dst, `,"sans":`...), e.SANs)
	dst = appendJSON(append(dst, `,"owner":`...), e.Owner)
	dst = appendJSON(append(dst, `,"manager":`...), e.Manager)
	dst = appendJSON(append(dst, `,"expect":`...), e.Expect)
	dst = appendStrings(append(dst, `,"origin":`...), e.Origin)
	dst = appendStrings(append(dst, `,"verify":`...), e.Verify)
	dst = append(dst, `,"ports":[`...)
	for i, p := range e.Ports {
		dst = strconv.AppendUint(appendComma(dst, i), uint64(p), 10)
	}
	dst = appendJSON(append(dst, `],"challenge":`...), e.Challenge)
	dst = appendJSON(append(dst, `,"dns_plugin":`...), e.DNSPlugin)
	dst = appendJSON(append(dst, `,"account":`...), e.Account)
	dst = appendJSON(append(dst, `,"renew":`...), e.Renew)
	dst = appendStrings(append(dst, `,"tags":`...), e.Tags)
	dst = appendJSON(append(dst, `,"source":`...), e.Source)
	dst = append(dst, `,"facts":{`...)
	for i, f := range e.Facts {
		dst = appendJSON(append(appendJSON(appendComma(dst, i), f.Field), ':'), f.Source)
	}
	dst = appendList(append(dst, `},"conflicts":`...), e.Conflicts)
	return append(dst, '}')
}

func (c *InventoryConflict) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"field":`...), c.Field)
	dst = appendJSON(append(dst, `,"kept":`...), c.Kept)
	dst = appendJSON(append(dst, `,"dropped":`...), c.Dropped)
	dst = appendJSON(append(dst, `,"source":`...), c.Source)
	return append(dst, '}')
}

// inventoryTable writes a line a name, and below it one for each conflict.
func inventoryTable(out output, entries []InventoryEntry, limit int) error {
	rows := [][3]string{{"DOMAIN", "SOURCE", "FACTS"}}
	for i := range entries {
		e := &entries[i]
		rows = append(rows, [3]string{Terminal(e.Domain), Terminal(e.Source), e.summary()})
		for _, c := range e.Conflicts {
			told := fmt.Sprintf("! %s: %s is kept, %s was said later", c.Field, c.Kept, c.Dropped)
			rows = append(rows, [3]string{"", Terminal(c.Source), Terminal(told)})
		}
	}
	widths := inventoryWidths(rows, limit)
	var drawn bytes.Buffer
	table := alignedTable(&drawn, []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft})
	for i, r := range rows {
		cut := []string{fit(r[0], widths[0]), fit(r[1], widths[1]), fit(r[2], widths[2])}
		if i == 0 {
			table.Header(cut)
		} else if err := table.Append(cut); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range bytes.Lines(drawn.Bytes()) {
		out.bytes(bytes.TrimRight(line, " \n"))
		out.text("\n")
	}
	return nil
}

// inventoryWidths gives names and sources at most a third of the line each, and the facts what remains.
func inventoryWidths(rows [][3]string, limit int) (w [3]int) {
	for _, r := range rows {
		for c, text := range r {
			w[c] = max(w[c], cells(text))
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

// summary tells the facts on one line; one that another line said has its source behind it.
func (e *InventoryEntry) summary() string {
	var parts []string
	if e.Invalid != "" {
		parts = append(parts, "invalid: "+Terminal(e.Invalid))
	}
	for _, f := range e.facts() {
		if f[1] == "" {
			continue
		}
		part := f[0] + "=" + Terminal(f[1])
		i := slices.IndexFunc(e.Facts, func(known InventoryFact) bool { return known.Field == f[0] })
		if i >= 0 && e.Facts[i].Source != e.Source {
			part += " (" + Terminal(e.Facts[i].Source) + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

// facts are the fields and their values as text.
func (e *InventoryEntry) facts() [][2]string {
	list := func(l []string) string { return strings.Join(l, ",") }
	var ports []string
	for _, p := range e.Ports {
		ports = append(ports, strconv.Itoa(int(p)))
	}
	return [][2]string{
		{"owner", e.Owner},
		{"manager", e.Manager},
		{"expect", e.Expect},
		{"sans", list(e.SANs)},
		{"origin", list(e.Origin)},
		{"verify", list(e.Verify)},
		{"ports", list(ports)},
		{"challenge", e.Challenge},
		{"dns_plugin", e.DNSPlugin},
		{"account", e.Account},
		{"renew", e.Renew},
		{"tags", list(e.Tags)},
	}
}
