package inventory

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// table reads the lines of a list, and knows after the first one whether they have columns.
type table struct {
	file    string
	begun   bool
	comma   rune           // 0 for a plain list
	columns map[string]int // by field name
}

// header reports whether the line is the header of a table, and if so remembers its columns.
func (t *table) header(text string) bool {
	if t.begun || strings.TrimSpace(text) == "" || strings.HasPrefix(strings.TrimSpace(text), "#") {
		return false
	}
	t.begun = true
	for _, comma := range []rune{',', ';', '\t'} {
		cells, err := cells(text, comma)
		if err != nil {
			continue
		}
		columns := map[string]int{}
		for i, c := range cells {
			columns[strings.ToLower(strings.TrimSpace(c))] = i
		}
		if _, ok := columns["domain"]; ok {
			t.comma, t.columns = comma, columns
			return true
		}
	}
	return false
}

func cells(text string, comma rune) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace = comma, -1, comma != '\t'
	return r.Read()
}

// line reads one line below the header, or of a plain list.
func (t *table) line(text, source string, yield func(Domain, error) bool) bool {
	if t.comma == 0 {
		return plain(text, source, yield)
	}
	if s := strings.TrimSpace(text); s == "" || s[0] == '#' {
		return true
	}
	row, err := cells(text, t.comma)
	if err != nil {
		return yield(Domain{}, &BadLine{source, "not a line of the table: " + err.Error()})
	}
	d, err := Parse(t.cell(row, "domain"))
	if err != nil {
		return yield(Domain{}, &BadLine{source, err.Error()})
	}
	d.Source = source
	problems := t.fields(&d, row)
	if !yield(d, nil) {
		return false
	}
	for _, p := range problems {
		if !yield(Domain{}, &BadLine{source, p + "; the name is kept without it"}) {
			return false
		}
	}
	return true
}

func (t *table) cell(row []string, column string) string {
	if i, ok := t.columns[column]; ok && i < len(row) {
		return strings.TrimSpace(row[i])
	}
	return ""
}

// list splits a cell of several values at spaces, commas, semicolons and bars.
func (t *table) list(row []string, column string) []string {
	return strings.FieldsFunc(t.cell(row, column), func(r rune) bool { return strings.ContainsRune(" ,;|", r) })
}

// fields fills in what the other columns say, and returns what in them is wrong.
func (t *table) fields(d *Domain, row []string) (problems []string) {
	d.Owner, d.Manager = t.cell(row, "owner"), t.cell(row, "manager")
	d.Challenge, d.DNSPlugin = t.cell(row, "challenge"), t.cell(row, "dns_plugin")
	d.Account, d.Renew = t.cell(row, "account"), t.cell(row, "renew")
	d.Origin, d.Tags = t.list(row, "origin"), t.list(row, "tags")
	d.Expect = Expect(t.cell(row, "expect"))
	if d.Expect != ExpectNothing && !slices.Contains(Expects, d.Expect) {
		problems = append(problems, fmt.Sprintf("expect %q is not one of %v", d.Expect, Expects))
		d.Expect = ExpectNothing
	}
	for _, text := range t.list(row, "ports") {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			problems = append(problems, fmt.Sprintf("ports: %q is not 1 to 65535", text))
			continue
		}
		if !slices.Contains(d.Ports, uint16(n)) {
			d.Ports = append(d.Ports, uint16(n))
		}
	}
	d.SANs, problems = t.names(row, "sans", problems)
	d.Verify, problems = t.names(row, "verify", problems)
	return problems
}

// names reads a cell of names; verify hosts may be addresses as well.
func (t *table) names(row []string, column string, problems []string) ([]string, []string) {
	var out []string
	for _, text := range t.list(row, column) {
		if _, err := netip.ParseAddr(text); err == nil && column == "verify" {
			out = append(out, text)
			continue
		}
		n, err := Parse(text)
		if err != nil || n.Invalid != "" {
			problems = append(problems, fmt.Sprintf("%s: %q cannot be scanned", column, text))
			continue
		}
		out = append(out, n.Name)
	}
	return out, problems
}
