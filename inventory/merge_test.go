package inventory

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
)

// union loads the sources into one inventory.
func union(sources ...iter.Seq2[Domain, error]) (all []Merged, errs []error) {
	var u Union
	for _, source := range sources {
		for d, err := range source {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			u.Add(&d)
		}
	}
	return slices.Collect(u.Names()), errs
}

func TestMerge(t *testing.T) {
	t.Parallel()
	first := "domain,owner,manager,sans,ports,tags\na.example,ACME,north,www.a.example m.a.example,443,vip\nb.example,,,,,\na.example,ACME,,m.a.example www.a.example,,lb\ntwo words,,,,,\n"
	second := `[{"domain":"A.example.","manager":"south","renew":"panel","ports":[993],"tags":["vip","shared"]},"c.example","localhost"]`
	all, errs := union(Read(strings.NewReader(first), "one.csv"), Read(strings.NewReader(second), "two.json"))
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "one.csv:5: ") {
		t.Errorf("errors %q", errs)
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	if want := []string{"a.example", "b.example", "c.example", "localhost"}; !slices.Equal(names, want) {
		t.Fatalf("names %q, want %q", names, want)
	}
	a := all[0]
	if a.Owner != "ACME" || a.Manager != "north" || a.Renew != "panel" || fmt.Sprint(a.Ports) != "[443]" || a.Source != "one.csv:2" {
		t.Errorf("%+v", a)
	}
	if want := []string{"vip", "lb", "shared"}; !slices.Equal(a.Tags, want) {
		t.Errorf("tags %q, want %q", a.Tags, want)
	}
	facts := map[string]string{"owner": "one.csv:2", "manager": "one.csv:2", "sans": "one.csv:2", "ports": "one.csv:2", "tags": "one.csv:2", "renew": "two.json:1"}
	if !maps.Equal(a.Facts, facts) {
		t.Errorf("facts %v, want %v", a.Facts, facts)
	}
	if want := []Conflict{{"manager", "north", "south", "two.json:1"}, {"ports", "443", "993", "two.json:1"}}; !slices.Equal(a.Conflicts, want) {
		t.Errorf("conflicts %v, want %v", a.Conflicts, want)
	}
	if all[3].Invalid == "" || len(all[1].Facts) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestReadWithColumnsAndDefaults(t *testing.T) {
	t.Parallel()
	c := Config{
		File:     "export.csv",
		Columns:  map[string]string{"domain": "Site", "manager": "Account Manager"},
		Defaults: Domain{Owner: "us", Manager: "north", Tags: []string{"shared"}, Ports: []uint16{443}, Name: "never.example", SANs: []string{"never.example"}},
	}
	for name, list := range map[string]string{
		"csv":  "DOMAIN;site;account manager;owner\nno.example;a.example;south;ACME\nno.example;b.example;;\n",
		"json": `[{"Site":"a.example","Account Manager":"south","owner":"ACME"}, {"site":"b.example"}]`,
		"yaml": "---\n- {Site: a.example, Account Manager: south, owner: ACME}\n- b.example\n",
	} {
		got := collectSeq(t, ReadWith(strings.NewReader(list), c))
		if len(got) != 2 {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		a, b := got[0], got[1]
		if a.Name != "a.example" || a.Manager != "south" || a.Owner != "ACME" || !slices.Equal(a.Tags, c.Defaults.Tags) {
			t.Errorf("%s: %+v", name, a)
		}
		if b.Name != "b.example" || b.Manager != "north" || b.Owner != "us" || len(b.SANs) != 0 || len(b.Ports) != 1 {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

func collectSeq(t *testing.T, seq iter.Seq2[Domain, error]) (out []Domain) {
	t.Helper()
	for d, err := range seq {
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		out = append(out, d)
	}
	return out
}

// TestLongYAML holds that entries of a long list stand on their lines.
func TestLongYAML(t *testing.T) {
	t.Parallel()
	const n = 5000
	list := "# customers\n" + strings.Repeat("- domain: a.example\n  owner: |\n    ACME\n\n", n) + "- last.example\n- {broken\n"
	names, last := 0, ""
	var failed error
	for d, err := range Read(strings.NewReader(list), "x.yaml") {
		if err != nil {
			failed = err
			continue
		}
		names++
		last = d.Source + " " + d.Name
	}
	if failed == nil || !strings.Contains(failed.Error(), fmt.Sprintf("line %d: not YAML", 4*n+3)) || names < n-500 {
		t.Errorf("%d names, the last %s, %v", names, last, failed)
	}
	list = strings.TrimSuffix(list, "- {broken\n")
	got := collectSeq(t, Read(strings.NewReader(list), "x.yaml"))
	if len(got) != n+1 || got[n].Source != fmt.Sprintf("x.yaml:%d", 4*n+2) || got[n-1].Source != fmt.Sprintf("x.yaml:%d", 4*n-2) || got[n-1].Owner != "ACME" {
		t.Errorf("%d names, the last %+v", len(got), got[len(got)-1])
	}
}

// TestRefusals holds what is said where a list cannot be read.
func TestRefusals(t *testing.T) {
	t.Parallel()
	mapped := map[string]string{"domain": "Site", "owner": "Klient"}
	for _, c := range []struct {
		name, file, list, want string
		columns                map[string]string
	}{
		{"no mapped domain", "x.csv", "domain,owner\na.example,b\n", `read x.csv: line 1: no column "Site" in the header: give columns.domain the name that this list uses`, mapped},
		{"no mapped owner", "x.csv", "site,owner\na.example,b\n", `x.csv:1: no column "Klient" (columns.owner) in the header ["site" "owner"]`, mapped},
		{"deep yaml", "x.yaml", strings.Repeat("[", 200), "read x.yaml: line 1: more than 16 brackets or dashes open", nil},
		{"dashes in a row", "x.yaml", strings.Repeat("- ", 200), "read x.yaml: line 1: more than 16 brackets or dashes open", nil},
		{"long yaml line", "x.yaml", "- a\n" + strings.Repeat("- ", lineBytesMax), "read x.yaml: line 2: a line of more than 65536 bytes", nil},
		{"large yaml entry", "x.yaml", "- a.example\n- owner: |\n" + strings.Repeat("    "+strings.Repeat("x", 1<<10)+"\n", 70), "read x.yaml: line 66: an entry of more than 65536 bytes", nil},
		{"many lines in an entry", "x.yaml", "- owner: |\n" + strings.Repeat("   x\n", 3000), "read x.yaml: line 2001: an entry of more than 2000 lines and commas", nil},
		{"many keys in an entry", "x.yaml", strings.Repeat("k: v\n", 600), "read x.yaml: line 501: an entry of more than 500 keys", nil},
		{"bad yaml", "x.yaml", "- a.example\n- {domain: b.example\n- c: [", "read x.yaml: line ", nil},
		{"no json", "x.json", "a.example\nb.example\n", `read x.json: line 1: 'a' where a list [...] or an object {...} is wanted`, nil},
		{"json line comment", "x.jsonl", "\"a.example\"\n# b\n", "read x.jsonl: line 2: a comment, and JSON has none", nil},
		{"large entry", "x.json", `["a.example",{"owner":"` + strings.Repeat("x", valueBytesMax) + `"},"b.example"]`, "x.json:1: an entry of more than 1048576 bytes", nil},
		{"gzip", "x.csv", "\x1f\x8b\x08\x00", "read x.csv: line 1: compressed by gzip: unpack it first", nil},
		{"sqlite", "x.db", "SQLite format 3\x00....", "a database, not text", nil},
		{"old excel", "x.xls", "\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet of old Excel", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var said strings.Builder
			for _, err := range ReadWith(strings.NewReader(c.list), Config{File: c.file, Columns: c.columns}) {
				if err != nil {
					fmt.Fprintf(&said, "%v\n", err)
				}
			}
			if !strings.Contains(said.String(), c.want) {
				t.Errorf("said %q, want %q", said.String(), c.want)
			}
		})
	}
}
