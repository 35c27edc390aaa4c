package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certscan/report"
)

// TestFormatsPage holds docs/formats.md, the flag table and the closed set of formats together.
func TestFormatsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(options, func(o option) bool { return o.name == "format" })
	words := strings.Split(options[i].value, "|")
	all := slices.Concat(report.Formats, report.AuditFormats)
	slices.Sort(all)
	if all = slices.Compact(all); len(words) != len(all) {
		t.Errorf("--format takes %v, the formats are %v", words, all)
	}
	for _, f := range all {
		if !slices.Contains(words, string(f)) || !strings.Contains(string(page), "\n| `"+string(f)+"` |") {
			t.Errorf("%s is not in the flag table, or not in docs/formats.md", f)
		}
	}
	_, rest, _ := strings.Cut(string(page), "\n| column |")
	rest, _, _ = strings.Cut(rest, "\n## ")
	var documented []string
	for line := range strings.Lines(rest) {
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| `") {
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell, -1) {
				documented = append(documented, m[1])
			}
		}
	}
	stdout, _ := runOnce(t, "--format", "csv", "bad name.test")
	header, _, _ := strings.Cut(stdout, "\n")
	if got := strings.Split(header, ","); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(documented))) {
		t.Errorf("columns\n%v, documented\n%v", got, documented)
	}
}

// runOnce runs certscan without an internet.
func runOnce(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, notes strings.Builder
	run(t.Context(), append([]string{"certscan", "--resolver", "127.0.0.1:1"}, args...), streams{strings.NewReader(""), &out, &notes, none})
	return out.String(), notes.String()
}

func TestFormatOfEnding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ output, format, want string }{
		{"a.json", "", "json"},
		{"a.JSONL", "", "jsonl"},
		{"a.ndjson", "", "jsonl"},
		{"a.csv", "", "csv"},
		{"a.md", "", "markdown"},
		{"a.txt", "", "table"},
		{"a.csv", "json", "json"},
		{"a.log", "", ""},
		{"-", "", ""},
		{"", "", ""},
	} {
		_, given := flags("scan", none)
		for name, value := range map[string]string{"output": c.output, "format": c.format} {
			if value != "" {
				_ = given[name].Set(value) // never fails
			}
		}
		s, err := parse(given)
		if err != nil || string(s.format) != c.want || (s.output == "") != (c.output == "" || c.output == "-") {
			t.Errorf("-o %q --format %q: %q to %q, %v; want %q", c.output, c.format, s.format, s.output, err, c.want)
		}
	}
}
