package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"certscan/fixtures"
)

var inventorySample = []InventoryEntry{
	{
		Domain: "пример.рф", Name: "xn--e1afmkfd.xn--p1ai", SANs: []string{"www.xn--e1afmkfd.xn--p1ai"}, Owner: "ACME", Manager: "north", Ports: []uint16{443, 993},
		Tags: []string{"vip"}, Source: "one.csv:2", Facts: []InventoryFact{{"manager", "two.json:1"}, {"owner", "one.csv:2"}},
		Conflicts: []InventoryConflict{{"owner", "ACME", "Other", "two.json:1"}},
	},
	{Domain: hostile, Name: hostile, Invalid: hostile, Owner: hostile, Source: hostile, Conflicts: []InventoryConflict{{"owner", hostile, hostile, hostile}}},
}

func TestInventoryJSON(t *testing.T) {
	t.Parallel()
	var whole, lines bytes.Buffer
	if err := WriteInventory(&whole, FormatJSON, slices.Values(inventorySample), 0); err != nil {
		t.Fatal(err)
	}
	if err := WriteInventory(&lines, FormatJSONL, slices.Values(inventorySample), 0); err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(whole.Bytes(), &list); err != nil || len(list) != 2 {
		t.Fatalf("%d entries, %v: %s", len(list), err, whole.Bytes())
	}
	if got := string(list[0]) + "\n" + string(list[1]) + "\n"; got != lines.String() {
		t.Errorf("json and jsonl differ:\n%s%s", got, lines.String())
	}
	want := `{"domain":"пример.рф","name":"xn--e1afmkfd.xn--p1ai","invalid":"","sans":["www.xn--e1afmkfd.xn--p1ai"],"owner":"ACME","manager":"north",` +
		`"expect":"","origin":[],"verify":[],"ports":[443,993],"challenge":"","dns_plugin":"","account":"","renew":"","tags":["vip"],"source":"one.csv:2",` +
		`"facts":{"manager":"two.json:1","owner":"one.csv:2"},"conflicts":[{"field":"owner","kept":"ACME","dropped":"Other","source":"two.json:1"}]}`
	if string(list[0]) != want {
		t.Errorf("got  %s\nwant %s", list[0], want)
	}
	var empty bytes.Buffer
	if err := WriteInventory(&empty, FormatJSON, slices.Values[[]InventoryEntry](nil), 0); err != nil || empty.String() != "[]\n" {
		t.Errorf("%q, %v", empty.String(), err)
	}
}

func TestInventoryTable(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 20, 40, 80, 200} {
		var b bytes.Buffer
		if err := WriteInventory(&b, FormatTable, slices.Values(inventorySample), width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if width > 0 && cells(line) > width {
				t.Errorf("width %d: %d cells: %s", width, cells(line), line)
			}
			if line != Terminal(line) && cells(line) < cellRunes {
				t.Errorf("width %d: raw text reaches the terminal: %q", width, line)
			}
		}
		if n := strings.Count(b.String(), "\n"); n != 5 {
			t.Errorf("width %d: %d lines", width, n)
		}
		if width == 0 && !strings.Contains(b.String(), "owner=ACME manager=north (two.json:1) sans=www.xn--e1afmkfd.xn--p1ai ports=443,993 tags=vip") {
			t.Errorf("facts are not told:\n%s", b.String())
		}
	}
}

func TestInventoryRefusesOtherFormats(t *testing.T) {
	t.Parallel()
	err := WriteInventory(&bytes.Buffer{}, FormatNagios, slices.Values(inventorySample), 0)
	if err == nil || !strings.Contains(err.Error(), "no such form of it as nagios: table, json, jsonl, csv and markdown there are") {
		t.Errorf("%v", err)
	}
}

// TestInventoryGolden holds each form as it is, and that nothing in it harms a reader.
func TestInventoryGolden(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV, FormatMarkdown} {
		var b bytes.Buffer
		if err := WriteInventory(&b, f, slices.Values(inventorySample), 0); err != nil {
			t.Fatal(err)
		}
		checkGolden(t, "inventory-"+string(f), b.Bytes())
		if err := fixtures.Harmless(string(f), b.String()); err != nil {
			t.Error(err)
		}
	}
}

// TestInventoryCSV holds that the cells say what is in the entry, and that without names there is a header.
func TestInventoryCSV(t *testing.T) {
	t.Parallel()
	var b, empty bytes.Buffer
	if err := errors.Join(WriteInventory(&b, FormatCSV, slices.Values(inventorySample[:1]), 0), WriteInventory(&empty, FormatCSV, slices.Values[[]InventoryEntry](nil), 0)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 || strings.Join(rows[0], ",")+"\n" != empty.String() {
		t.Fatalf("%q, %v, empty %q", rows, err, empty.String())
	}
	got := map[string]string{}
	for i, cell := range rows[1] {
		if cell != "" {
			got[rows[0][i]] = cell
		}
	}
	want := map[string]string{
		"domain": "пример.рф", "name": "xn--e1afmkfd.xn--p1ai", "sans": "www.xn--e1afmkfd.xn--p1ai", "owner": "ACME", "manager": "north", "ports": "443 993",
		"tags": "vip", "source": "one.csv:2", "facts": "manager two.json:1; owner one.csv:2", "conflicts": "owner: ACME is kept, Other was said later at two.json:1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestInventoryStreams holds that a name is on its way before the next is asked for, as far as a buffer goes.
func TestInventoryStreams(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{FormatJSON, FormatJSONL, FormatCSV, FormatMarkdown} {
		var b bytes.Buffer
		entries := func(yield func(InventoryEntry) bool) {
			for range 1000 {
				if !yield(inventorySample[0]) {
					return
				}
			}
			if b.Len() < 100_000 {
				t.Errorf("%s: %d bytes are written after 1000 names", f, b.Len())
			}
		}
		if err := WriteInventory(&b, f, entries, 0); err != nil {
			t.Error(err)
		}
	}
}
