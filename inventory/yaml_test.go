package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// TestYAMLShapes holds that each way to write a long list gives the same names on the right lines.
func TestYAMLShapes(t *testing.T) {
	t.Parallel()
	const n = 3000
	for name, shape := range map[string]struct {
		head, entry, tail string
		first, lines      int // the line of the first entry, and how many each takes
	}{
		"dashes":             {"# ours\n---\n\n", "- domain: d%d.example # it's [one\n  owner: \"a, b\"\n# - old.example\n\n", "", 4, 4},
		"indented":           {"", "  - domain: d%d.example\n    owner: 'a, b'\n", "", 1, 2},
		"domains":            {"# x\ndomains: # all\n", "  - {domain: d%d.example, owner: \"a, b\"}\n", "", 3, 1},
		"domains flat":       {"domains:\n\n", "- domain: d%d.example\n  owner: a, b\n", "", 3, 2},
		"brackets":           {"[\n", "  {domain: d%d.example, owner: 'a, b'}, # it's ] one\n", "]\n", 2, 1},
		"JSON in brackets":   {"[", "{\"domain\": \"d%d.example\",\n \"owner\": \"a, b\", \"sans\": [\"x.example\"]},\n", "]", 1, 2},
		"domains brackets":   {"domains: [", "\n  {domain: d%d.example, owner: 'a, b'},", "\n  ]\n", 2, 1},
		"several documents":  {"--- # first\n- a.example\n---\n", "- domain: d%d.example\n  owner: a, b\n", "...\n", 4, 2},
		"behind another key": {"domains:\n", "- domain: d%d.example\n  owner: a, b\n", "", 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString(shape.head)
			for i := range n {
				fmt.Fprintf(&b, shape.entry, i)
			}
			b.WriteString(shape.tail)
			i := 0
			for _, d := range collectSeq(t, Read(strings.NewReader(b.String()), "x.yaml")) {
				if d.Name == "a.example" {
					continue
				}
				if want := fmt.Sprintf("x.yaml:%d", shape.first+i*shape.lines); d.Source != want || d.Name != fmt.Sprintf("d%d.example", i) || d.Owner != "a, b" {
					t.Fatalf("entry %d: %+v, want %s", i, d, want)
				}
				i++
			}
			if i != n {
				t.Errorf("%d names, want %d", i, n)
			}
		})
	}
}

// TestYAMLObject holds what is said of an object's other keys, wherever its list stands.
func TestYAMLObject(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"version: 1\ndomains:\n  - a.example\n":                 "name  x.yaml:3: a.example\nbad   x.yaml:1: \"version\" is no field of ours\n",
		"domains:\n- a.example\n- b.example\nversion: [1,\n 2]": "name  x.yaml:2: a.example\nname  x.yaml:3: b.example\nbad   x.yaml:4: \"version\" is no field of ours\n",
		"domains: [a.example,\n b.example]\nversion: 1\n":       "name  x.yaml:1: a.example\nname  x.yaml:2: b.example\nbad   x.yaml:3: \"version\" is no field of ours\n",
		"domains:\n  [a.example,\n   b.example]\n":              "name  x.yaml:2: a.example\nname  x.yaml:3: b.example\n",
		"'domains':\n  - a.example\n":                           "name  x.yaml:2: a.example\n",
		"domains:\n":                                            "bad   x.yaml:1: no name; \"domains\" is no field of ours\n",
		"{}\n":                                                  "bad   x.yaml:1: no name\n",
		"domain: a.example\n\nowner: b\n":                       "name  x.yaml:1: a.example owner=\"b\"\n",
		"domain: a.example\n\n[\n":                              "error read x.yaml: line 3: not YAML",
		"[a.example] x\n":                                       "error read x.yaml: line 1: not YAML",
		"[a.example\n":                                          "error read x.yaml: line 1: not YAML",
		"a.example\n":                                           "name  x.yaml:1: a.example\n",
		"--- a.example\n--- b.example\n":                        "name  x.yaml:1: a.example\nname  x.yaml:2: b.example\n",
		"%YAML 1.2\n---\n- a.example\n":                         "name  x.yaml:3: a.example\n",
	} {
		var b strings.Builder
		for d, err := range Read(strings.NewReader(list), "x.yaml") {
			b.WriteString(transcript(d, err))
		}
		if got := b.String(); got != want && (!strings.HasPrefix(want, "error") || !strings.HasPrefix(got, want)) {
			t.Errorf("%q\n got %s\nwant %s", list, got, want)
		}
	}
}

// yamlTexts are lists of some MB: as they should be, and as somebody writes them who wants to keep us busy.
func yamlTexts() map[string]string {
	numbered := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const batch = "- domain: shop%[1]d.example.com\n  sans: [www.shop%[1]d.example.com]\n  challenge: http-01\n"
	return map[string]string{
		"10000 entries":          numbered(batch, 10_000),
		"100000 entries":         numbered(batch, 100_000),
		"100000 in brackets":     "[\n" + numbered("{domain: shop%[1]d.example.com, sans: [www.shop%[1]d.example.com], challenge: http-01},\n", 100_000) + "]\n",
		"100000 under domains":   "domains:\n" + numbered("  - domain: shop%[1]d.example.com\n    challenge: http-01\n", 100_000),
		"20000 keys":             numbered("k%d: v\n", 20_000),
		"20000 keys in an entry": "- a: b\n" + numbered("  k%d: v\n", 20_000),
		"50000 bare keys":        "- {" + numbered("k%d,\n", 50_000) + "}\n",
		"20000 question marks":   numbered("? k%d\n", 20_000),
		"20000 questions inside": "- ? a\n" + numbered("  ? k%d\n", 20_000),
		"20000 documents":        strings.Repeat("--- a\n", 20_000),
		"30000 dashes":           strings.Repeat("- ", 30_000) + "\n",
		"100000 brackets":        strings.Repeat("[", 100_000),
		"100000 braces":          strings.Repeat("{a: ", 100_000),
		"brackets on lines":      strings.Repeat("[\n", 100_000),
		"pairs of brackets":      "- [" + strings.Repeat(strings.Repeat("[", 14)+strings.Repeat("]", 14)+",\n  ", 20_000) + "]\n",
		"stairs":                 stairs(1400),
		"blank lines in a text":  "- |\n  a\n" + strings.Repeat("\n", 1_000_000),
		"blank lines inside":     "- |\n  a\n" + strings.Repeat("\n", 1_000_000) + "  b\n",
		"aliases of aliases":     "a: &a [x,x,x,x]\n" + strings.Repeat("b: &b [*a,*a,*a,*a]\n", 50) + "domains: [*b]\n",
		"anchors":                strings.Repeat("- &a b\n- *a\n", 10_000),
		"a quote that is open":   "- \"" + strings.Repeat("a: b\n  ", 100_000),
		"a bracket in a text":    "- a: \"[\"\n" + numbered("  k%d: v\n", 20_000),
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func BenchmarkYAML(b *testing.B) {
	for name, text := range yamlTexts() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Read(strings.NewReader(text), "x.yaml")(func(Domain, error) bool { return true })
			}
		})
	}
}

// TestYAMLUpToTheMistake holds that the entries in front of a mistake are read, however the list is written.
func TestYAMLUpToTheMistake(t *testing.T) {
	t.Parallel()
	const n = 2000
	for name, list := range map[string][3]string{
		"dashes":         {"", "- d%d.example\n", "- \"open.example\n" + strings.Repeat("- last.example\n", 2*salvageTries)},
		"domains":        {"domains:\n", "  - domain: d%d.example\n    owner: x\n", "  - domain: open.example\n    owner: \"x\n"},
		"tab":            {"", "- d%d.example\n", "- domain: open.example\n\towner: x\n"},
		"brackets":       {"[\n", "{domain: d%d.example, owner: x},\n", "{domain: open.example, owner: 'x},\n"},
		"one line":       {"  [", "d%d.example, ", "'open.example, last.example]"},
		"same line":      {"[", "d%d.example,\n", "\"x\" y, last.example, last.example]"},
		"too deep":       {"", "- d%d.example\n", "- " + strings.Repeat("[", yamlDepthMax+1) + "\n"},
		"too long":       {"", "- d%d.example\n", "- " + strings.Repeat("x", lineBytesMax+1) + "\n"},
		"too many names": {"[", "d%d.example,\n", "{" + strings.Repeat("a:\n", yamlEntryColonsMax+1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString(list[0])
			for i := range n {
				fmt.Fprintf(&b, list[1], i)
			}
			b.WriteString(list[2])
			names, failed := 0, error(nil)
			for d, err := range Read(strings.NewReader(b.String()), "x.yaml") {
				if failed = err; err == nil && d.Name == fmt.Sprintf("d%d.example", names) {
					names++
				}
			}
			if names != n || failed == nil {
				t.Errorf("%d names, then %v", names, failed)
			}
		})
	}
}

// TestYAMLMistakeAnywhere holds that no entry is lost or yielded twice wherever in a part the mistake stands.
func TestYAMLMistakeAnywhere(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "- {domain: d%d.example, owner: %s}\n", i, strings.Repeat("x", yamlPartBytes/16))
		}
		b.WriteString("- \"open.example\n")
		names := 0
		for d, err := range Read(strings.NewReader(b.String()), "x.yaml") {
			if err == nil && d.Name != fmt.Sprintf("d%d.example", names) {
				t.Errorf("%d entries: %s is yielded after %d", n, d.Name, names)
			}
			if err == nil {
				names++
			}
		}
		if names != n {
			t.Errorf("%d names of %d", names, n)
		}
	}
}

// TestYAMLCommentFirst holds that a comment in front of the first entry does not make one thing of the list.
func TestYAMLCommentFirst(t *testing.T) {
	t.Parallel()
	list := "  # ours\n\ndomains:\n  # those in the north\n" + strings.Repeat("  - {domain: a.example, owner: \"[x\"}\n", 3000)
	if got := collectSeq(t, Read(strings.NewReader(list), "x.yaml")); len(got) != 3000 || got[2999].Source != "x.yaml:3004" {
		t.Errorf("%d names", len(got))
	}
}

// TestYAMLSaidTwice holds that a key said twice costs its second value, not the list.
func TestYAMLSaidTwice(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for d, err := range Read(strings.NewReader("- domain: a.example\n  domain: b.example\n- c.example\n"), "x.yaml") {
		got.WriteString(transcript(d, err))
	}
	want := "name  x.yaml:1: a.example\nbad   x.yaml:1: \"domain is said twice; the name is kept without it\"\nname  x.yaml:3: c.example\n"
	if strings.ReplaceAll(got.String(), "\"", "") != strings.ReplaceAll(want, "\"", "") {
		t.Errorf("got %s\nwant %s", got.String(), want)
	}
}
