//go:build unix

package main

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certscan/inventory"
)

// errorRows returns the messages that docs/errors.md lists.
func errorRows(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(.+?)` \\|").FindAllSubmatch(page, -1) {
		rows = append(rows, string(m[1]))
	}
	return rows
}

// rowOf returns the row that a message is, of several the one that says most of it; empty for none.
func rowOf(message string, rows []string) string {
	best := ""
	for _, row := range rows {
		if isMessage(row, message) && len(strings.ReplaceAll(row, "…", "")) > len(strings.ReplaceAll(best, "…", "")) {
			best = row
		}
	}
	return best
}

// configMessages returns what is said of the bad configuration files, without the place.
func configMessages(t *testing.T) []string {
	t.Helper()
	var out []string
	keep := func(text string) {
		message, _, _ := strings.Cut(text, "\n")
		out = append(out, regexp.MustCompile(`^[^:]+:\d+:\d+: `).ReplaceAllString(message, ""))
	}
	files, err := filepath.Glob("testdata/config/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		keep(string(text))
	}
	for _, c := range hostileConfigs() {
		if _, err := readConfiguration("h.yaml", []byte(c.text)); err != nil {
			keep(err.Error())
		}
	}
	return out
}

// badLists are lists that cannot be read, in whole or in part: the name of the file and its text.
var badLists = [][2]string{
	{"x.csv", "PK\x03\x04...."},
	{"x.xls", "\xd0\xcf\x11\xe0...."},
	{"x.csv", "\x1f\x8b\x08\x00"},
	{"x.db", "SQLite format 3\x00...."},
	{"mapped.csv", "domain,owner\n"},
	{"mapped.csv", "site\na.example\n"},
	{"x.json", "# a\n"},
	{"x.json", "a.example\n"},
	{"x.json", `["a.example"}`},
	{"x.json", `{domain: "a.example"}`},
	{"x.json", `{"domain" "a.example"}`},
	{"x.json", `["a.example", {`},
	{"x.yaml", "- {a\n- b\n"},
	{"x.yaml", "- " + strings.Repeat("x", 1<<17)},
	{"x.yaml", strings.Repeat("[", 100)},
	{"x.yaml", "- owner: |\n" + strings.Repeat("    "+strings.Repeat("x", 1<<10)+"\n", 70)},
	{"x.yaml", "- [" + strings.Repeat("a,\n  ", 3000)},
	{"x.yaml", strings.Repeat("k: v\n", 600)},
	{"x.yaml", "- &a a.example\n- *a\n- [b]\n"},
	{"x.txt", "https://\nhttps:///x\nhttp://[\n\x00a\na b\na.example,b\n" + strings.Repeat("x", 1<<17) + "\n"},
	{"x.txt", "localhost\na..example\n-a.example\na!b.example\na.1234\nxn--zz--a.example\nпрример\u200dа.рф\nco.uk\n192.0.2.1\na.example:0\na.example@b\nx:///a\n"},
	{"x.txt", strings.Repeat("a", 70) + ".example\n" + strings.Repeat("abcdefgh.", 30) + "example\n"},
	{"x.csv", "domain,owner\na.example,\"b\nc.example,d\n"},
	{"x.json", `["a.example", tru, 5, {"domain":""}, {"owner":"` + strings.Repeat("x", 1<<20) + `"}]`},
	{"x.json", `[{"domain":"a.example","x":1,"owner":"a","owner":"b","expect":["parked"],"manager":{},"ports":[0],"renew":"no","sans":["b"]}]`},
	{"x.json", `{"domain":"a.example","owner":tru,"\x":1}`},
	{"x.json", `[{"domain":"a.example",` + strings.Repeat(`"x":1,`, 12) + `"y":1}]`},
	{"x.jsonl", "{\"domain\":\"\xff\"}\n"},
	{"x.txt", "//\n"},
}

// listMessages returns what is said of the bad lists and of the names in them, without the place.
func listMessages() []string {
	in := &input{}
	d, _ := inventory.Parse("a.example@192.0.2.1")
	out := []string{in.admit(d).Invalid}
	if _, err := inventory.Parse("a\xff"); err != nil {
		out = append(out, err.Error())
	}
	place := regexp.MustCompile(`^(read [^:]*: line \d+|[^:]*:\d+): `)
	for _, l := range badLists {
		c := inventory.Config{File: l[0]}
		if l[0] == "mapped.csv" {
			c.Columns = map[string]string{"domain": "Site", "owner": "Klient"}
		}
		for d, err := range inventory.ReadWith(strings.NewReader(l[1]), c) {
			if err != nil {
				said := strings.TrimSuffix(place.ReplaceAllString(err.Error(), ""), "; the name is kept without it")
				out = append(out, strings.Split(said, "; ")...)
			} else if d.Invalid != "" {
				out = append(out, d.Invalid)
			}
		}
	}
	return out
}

// unlisted are the texts of errors that need no row of their own, and why.
var unlisted = map[string]string{
	"exit status %d": "an exit status is told by itself alone",
	"write config: nothing says where home is: name a file, or - for standard output": "there is a home wherever a test runs, and root needs none",
	"not YAML: the parser gave up (%v)":                                               "a panic of the parser; no text is known that makes one",
	"not a line of the table: ":                                                       "the reader of CSV takes every line; it has the last word all the same",
	"read %s: %w: name a resolver with --resolver":                                    "a disk that fails while resolv.conf is read",
	"providers: nothing says where the table is usual: set HOME":                      "there is a home wherever a test runs, and root needs none",
	"providers %s: %w":              "a note, with which a run goes on; docs/proxies.md tells it",
	"; the name is kept without it": "the end of a bad line whose name was kept, of which the page speaks",
}

// TestEveryErrorIsListed holds that each error text of this package and of inventory stands in docs/errors.md.
func TestEveryErrorIsListed(t *testing.T) {
	t.Parallel()
	page := strings.Join(errorRows(t), "\n")
	for _, p := range module(t) {
		if p.test || p.pkg != "." && p.pkg != "inventory" {
			continue
		}
		ast.Inspect(p.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			for _, text := range errorTexts(call) {
				if _, argued := unlisted[text]; !argued && !listed(text, page) {
					t.Errorf("%s: docs/errors.md does not list %q", p.fset.Position(call.Pos()), text)
				}
			}
			return true
		})
	}
}

// errorTexts returns the text of an error that a call makes.
func errorTexts(call *ast.CallExpr) []string {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok && (x.Name == "errors" || x.Name == "fmt") {
			name = x.Name + "." + name
		}
	case *ast.Ident:
		name = f.Name
	}
	if !slices.Contains([]string{"errors.New", "fmt.Errorf", "fault", "wrong", "bad", "problem"}, name) {
		return nil
	}
	var out []string
	for _, a := range call.Args {
		ast.Inspect(a, func(n ast.Node) bool { // a call of fmt.Sprintf may stand within
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, _ := strconv.Unquote(l.Value)
				out = append(out, text)
				return false
			}
			return true
		})
	}
	return out[:min(len(out), 1)]
}

var verbs = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// listed reports whether the page has the text, whatever stands in place of its verbs.
func listed(text, page string) bool {
	pattern := ""
	for i, part := range verbs.Split(text, -1) {
		if i > 0 {
			pattern += ".*"
		}
		pattern += regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(pattern).MatchString(page)
}

// TestUnlistedErrorIsSeen holds that a text that no row has would be told.
func TestUnlistedErrorIsSeen(t *testing.T) {
	t.Parallel()
	page := "…: want a list, such as [a, b], not …"
	if !listed("%s: want a list, such as [a, b], not %s", page) || listed("%s: want a tree, not %s", page) {
		t.Error("listed does not tell them apart")
	}
}
