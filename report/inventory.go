package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
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

// WriteInventory writes a merged inventory: as [FormatTable], [FormatJSON] (one list), [FormatJSONL], [FormatCSV] or
// [FormatMarkdown]. Each name is written as it is yielded, and none is held; a table yields all of them twice, first for
// the widths of its columns. A width of 0 is no limit; only a table has one.
func WriteInventory(w io.Writer, f Format, entries iter.Seq[InventoryEntry], width int) error {
	out := newOutput(w)
	switch f {
	case FormatTable:
		inventoryTable(out, entries, limitOf(width))
	case FormatJSON:
		inventoryDocument(out, entries)
	case FormatJSONL:
		inventoryLines(out, entries)
	case FormatCSV:
		inventoryCSV(out, entries)
	case FormatMarkdown:
		inventoryMarkdown(out, entries)
	case FormatNagios, FormatXLSX, FormatHTML:
		return fmt.Errorf("write inventory: no such form of it as %s: table, json, jsonl, csv and markdown there are", f)
	}
	if err := out.flush(); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	return nil
}

func inventoryDocument(out output, entries iter.Seq[InventoryEntry]) {
	out.text("[")
	var buf []byte
	n := 0
	for e := range entries {
		buf = e.appendTo(appendComma(buf[:0], n))
		out.bytes(buf)
		n++
	}
	out.text("]\n")
}

func inventoryLines(out output, entries iter.Seq[InventoryEntry]) {
	var buf []byte
	for e := range entries {
		buf = append(e.appendTo(buf[:0]), '\n')
		out.bytes(buf)
	}
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
