package triage

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// docTable returns the rows of the first table below a heading of docs/codes.md, cells without backticks.
func docTable(t *testing.T, heading string) [][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/codes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(strings.ReplaceAll(string(page), "\r\n", "\n"), "\n"+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(below) {
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 || strings.HasPrefix(line, "#") {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("no table below %q", heading)
	}
	return rows[2:]
}

func texts[T ~string](set []T) []string {
	out := make([]string, len(set))
	for i, s := range set {
		out[i] = string(s)
	}
	return out
}

func TestDocumentedSets(t *testing.T) {
	t.Parallel()
	reasons := []dns.Reason{
		dns.ReasonIPv6Elsewhere, dns.ReasonIPv4Elsewhere, dns.ReasonSplit, dns.ReasonOriginLeak, dns.ReasonOurs,
		dns.ReasonNotOurs, dns.ReasonUnverified, dns.ReasonParking, dns.ReasonTargetFree, dns.ReasonDNSSECBogus,
		dns.ReasonLame, dns.ReasonServFail, dns.ReasonRefused, dns.ReasonTimeout, dns.ReasonLoop,
	}
	tests := []struct {
		heading string
		set     []string
	}{
		{"## Verdicts", texts(dns.Verdicts)},
		{"### Reasons", texts(reasons)},
		{"### What the list expects", texts(inventory.Expects)},
		{"## Codes", texts(Codes)},
		{"## Endpoint errors", texts(probe.ErrorCodes)},
		{"## Chain states", texts(probe.ChainStates)},
	}
	for _, tt := range tests {
		t.Run(tt.heading, func(t *testing.T) {
			t.Parallel()
			var named []string
			for _, row := range docTable(t, tt.heading) {
				named = append(named, row[0])
				if slices.Contains(row, "") {
					t.Errorf("%s: an empty cell", row[0])
				}
			}
			for _, want := range tt.set {
				if !slices.Contains(named, want) {
					t.Errorf("%s is missing", want)
				}
			}
			for i, name := range named {
				if !slices.Contains(tt.set, name) {
					t.Errorf("%s is not in the set", name)
				}
				if slices.Contains(named[:i], name) {
					t.Errorf("%s is there twice", name)
				}
			}
		})
	}
}

// TestDocumentedCodes holds the page's severities, priorities and origins against the tables that judge.
func TestDocumentedCodes(t *testing.T) {
	t.Parallel()
	for _, row := range docTable(t, "## Codes") {
		code := Code(row[0])
		st, known := standings[code]
		if !known || row[1] != string(st.severity) || row[2] != string(st.priority) {
			t.Errorf("%s: documented as %s %s, judged as %s %s", code, row[1], row[2], st.severity, st.priority)
		}
		raisedBy := "later commands"
		if slices.ContainsFunc(rules, func(r rule) bool { return r.code == code }) {
			raisedBy = "scan"
		}
		if row[3] != raisedBy {
			t.Errorf("%s: documented as raised by %s, is raised by %s", code, row[3], raisedBy)
		}
	}
}

// TestDocumentedWords refuses a word in code style that looks like a code and is none: a typo in the prose.
func TestDocumentedWords(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/codes.md")
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(texts(Codes), texts(dns.Verdicts), texts(inventory.Expects), texts(probe.ErrorCodes),
		texts(probe.ChainStates), []string{"unrecognized_name"})
	for _, row := range docTable(t, "### Reasons") {
		known = append(known, row[0])
	}
	for _, m := range regexp.MustCompile("`([a-z0-9]+_[a-z0-9_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s is no word of the program", m[1])
		}
	}
}

func TestEveryCodeHasItsStanding(t *testing.T) {
	t.Parallel()
	for _, code := range Codes {
		if _, ok := standings[code]; !ok {
			t.Errorf("%s has no severity", code)
		}
	}
	if len(standings) != len(Codes) {
		t.Errorf("%d standings for %d codes", len(standings), len(Codes))
	}
}
