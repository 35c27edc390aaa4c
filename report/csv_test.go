package report

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/probe"
	"certscan/triage"
)

func TestCSVCell(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, in, want string }{
		{"plain", "example.com", "example.com"},
		{"empty", "", ""},
		{"formula", `=HYPERLINK("http://x")`, `'=HYPERLINK("http://x")`},
		{"plus", "+1", "'+1"},
		{"minus", "-foo.example", "'-foo.example"},
		{"at", "@SUM(A1)", "'@SUM(A1)"},
		{"tab in front", "\t=1", `'\x09=1`},
		{"return in front", "\r=1", `'\x0d=1`},
		{"line feed in front", "\n=1", `'\x0a=1`},
		{"full-width", "＝1", "'＝1"},
		{"full-width plus, minus, at", "＋1;－1;＠1", "'＋1;'－1;'＠1"},
		{"behind a space", " =1", " '=1"},
		{"behind a separator of other countries", "a;=1", "a;'=1"},
		{"behind a comma and a quote", `a,"=1`, `a,"'=1`},
		{"inside", "a=b-c", "a=b-c"},
		{"escape codes", "\x1b[2J", `\x1b[2J`},
		{"bidi and zero width", "\u202ea\u200b", `\u202ea\u200b`},
		{"NUL and a new line", "a\x00\nb", `a\x00\x0ab`},
		{"too long", strings.Repeat("a", 60_000), strings.Repeat("a", lineRunes-1) + "…"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := csvCell(row.in); got != row.want {
				t.Errorf("csvCell(%q)\n got %q\nwant %q", row.in, got, row.want)
			}
			if got, want := string(appendCell(nil, row.in)), string(appendCSV(nil, row.want)); got != want {
				t.Errorf("appendCell(%q)\n got %q\nwant %q", row.in, got, want)
			}
		})
	}
}

// FuzzCSVCell holds that what a spreadsheet cuts out of a cell, with whichever separator, is no formula.
func FuzzCSVCell(f *testing.F) {
	f.Add(hostile)
	for _, seed := range []string{`;"=1`, "", "A 203.0.113.7 is in 203.0.113.0/24, ours; AAAA 2001:db8::7 is", ` "=1`, "a, =b", "-", "é,=1", "tab\tin it", "a\x7f,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := csvCell(s)
		if terminal(cell, 2*lineRunes) != cell {
			t.Errorf("csvCell(%q) = %q holds hidden characters", s, cell)
		}
		if got, want := string(appendCell(nil, s)), string(appendCSV(nil, cell)); got != want {
			t.Errorf("appendCell(%q) = %q, want %q", s, got, want)
		}
		back, err := csv.NewReader(bytes.NewReader(append(appendCSV([]byte("a,"), cell), ",z\n"...))).Read()
		if err != nil || len(back) != 3 || back[1] != cell {
			t.Errorf("csvCell(%q) = %q came back as %q, %v", s, cell, back, err)
		}
		for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == ',' }) {
			if part = strings.TrimLeft(part, `" `); part != "" && strings.ContainsRune(formulaStarts, []rune(part)[0]) {
				t.Errorf("csvCell(%q) = %q holds the formula %q", s, cell, part)
			}
		}
	})
}

// table reads CSV back as maps by column.
func table(t *testing.T, data []byte) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if !slices.Equal(rows[0], csvColumns) {
		t.Fatalf("header %v", rows[0])
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, column := range rows[0] {
			m[column] = row[i]
		}
		out = append(out, m)
	}
	return out
}

func TestCSVGolden(t *testing.T) {
	t.Parallel()
	checkGolden(t, "records.csv", written(t, FormatCSV, Options{Run: "01J"}, assorted()))
}

func TestCSVRows(t *testing.T) {
	t.Parallel()
	rows := table(t, written(t, FormatCSV, Options{Run: "01J"}, assorted()))
	if len(rows) != len(assorted()) {
		t.Fatalf("%d rows", len(rows))
	}
	for name, want := range map[string]map[string]string{
		"xn--e1afmkfd.xn--p1ai": {
			"severity": "URGENT", "domain": "пример.рф", "manager": "north@example.com", "source": "domains.csv:12",
			"verdict": "parked", "addresses": "203.0.113.7", "codes": "cert_expiring", "priority": "P2", "action": "renew",
			"days_left": "12.4", "not_after": "2026-12-02T21:00:00Z", "chain": "ok", "http_status": "200", "run": "01J",
		},
		"zulu.example": {"codes": "cert_expired chain_untrusted", "days_left": "-3.5", "errors": ""},
		"gone.example": {"days_left": "", "issuer": "", "http_status": ""},
	} {
		i := slices.IndexFunc(rows, func(m map[string]string) bool { return m["name"] == name })
		if i < 0 {
			t.Errorf("no row for %s", name)
			continue
		}
		for column, text := range want {
			if rows[i][column] != text {
				t.Errorf("%s: %s is %q, want %q", name, column, rows[i][column], text)
			}
		}
	}
}

// TestCSVHostile holds that no cell of a hostile record is a formula or holds a hidden character, and that numbers stay
// numbers.
func TestCSVHostile(t *testing.T) {
	t.Parallel()
	r := result("=1+1", `=HYPERLINK("http://evil")`, "@SUM(1)", dns.Parked, "",
		found(triage.CertExpired, triage.Urgent, triage.P1, "+cmd|' /C calc'!A0 "+hostile, triage.ActionRenew))
	r.Facts.Domain.Owner = "\t=1"
	r.Facts.Owner.Evidence = []string{"-1", "=2"}
	h := handshakeUntil("x", -84*time.Hour)
	h.Chain[0].CommonName, h.Chain[0].Issuer = "＝1"+strings.Repeat("x", 60_000), "=1;=2"
	r.Facts.Probes = []probe.Observation{observation("x", "203.0.113.7:443", h)}
	row := table(t, written(t, FormatCSV, Options{}, []triage.Result{r}))[0]
	for column, cell := range row {
		if column == "days_left" {
			if cell != "-3.5" {
				t.Errorf("days_left is %q", cell)
			}
			continue
		}
		if cell != "" && strings.ContainsRune(formulaStarts, []rune(cell)[0]) || strings.Contains(cell, ";=") || strings.Contains(cell, "; =") {
			t.Errorf("%s holds a formula: %q", column, cell)
		}
		if terminal(cell, 2*lineRunes) != cell {
			t.Errorf("%s holds hidden characters, or is too long: %q", column, cell)
		}
	}
	if want := `'=HYPERLINK("http://evil")`; row["domain"] != want {
		t.Errorf("domain %q, want %q", row["domain"], want)
	}
}

func TestCSVWithoutRecords(t *testing.T) {
	t.Parallel()
	if rows := table(t, written(t, FormatCSV, Options{}, nil)); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
}

// TestCSVStreams holds that a row is on the writer as soon as its record is written.
func TestCSVStreams(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := New(&out, FormatCSV, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range assorted() {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != i+2 {
			t.Fatalf("%d lines after %d records", n, i+1)
		}
	}
}
