package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/probe"
	"certscan/triage"
)

func TestMarkdownCell(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, in, want string }{
		{"plain", "shop.example.com (3.5 days)", "shop.example.com (3.5 days)"},
		{"end of the cell", "a|b", `a\|b`},
		{"code", "`rm`", "\\`rm\\`"},
		{"a backslash cannot take ours away", `\|`, `\\\|`},
		{"link", "[a](http://x)", `\[a\](http\://x)`},
		{"bare link", "https://x www.x WWW.x", `https\://x www\.x WWW\.x`},
		{"markup", "*a* _b_ ~c~", `\*a\* \_b\_ \~c\~`},
		{"a code", "cert_expired _a_b_", `cert_expired \_a_b\_`},
		{"HTML and entities", "<img src=x>&lt;", `\<img src=x\>\&lt;`},
		{"mention, issue, image, formula", "@a #1 ![x] $y$", `\@a \#1 \!\[x\] \$y\$`},
		{"hidden characters", "a\nb\x1b\u202e", `a\\x0ab\\x1b\\u202e`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := markdownCell(row.in); got != row.want {
				t.Errorf("markdownCell(%q)\n got %q\nwant %q", row.in, got, row.want)
			}
		})
	}
}

func TestMarkdownGolden(t *testing.T) {
	t.Parallel()
	checkGolden(t, "table.md", written(t, FormatMarkdown, Options{Width: 40}, assorted()))
}

// TestMarkdownHostile holds that every row has its five cells, whatever stands in them.
func TestMarkdownHostile(t *testing.T) {
	t.Parallel()
	out := string(written(t, FormatMarkdown, Options{}, everyVerdict(60)))
	rows, _, found := strings.Cut(out, "\n## ")
	if !found {
		t.Error("no list of managers")
	}
	escaped := regexp.MustCompile(`\\[[:punct:]]`)
	for line := range strings.Lines(strings.TrimSpace(rows)) {
		if n := strings.Count(escaped.ReplaceAllString(line, ""), "|"); n != columns+1 {
			t.Errorf("%d bars in %q", n, line)
		}
		if text := strings.TrimSuffix(line, "\n"); terminal(text, 2*lineRunes) != text {
			t.Errorf("hidden characters in %q", line)
		}
	}
}

func TestMarkdownWithoutRecords(t *testing.T) {
	t.Parallel()
	if got := written(t, FormatMarkdown, Options{}, nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestNagiosText(t *testing.T) {
	t.Parallel()
	in, want := "a|b `id` $(x) <b> & 'q' \"r\" \\n \n\x1b", "ab id (x) b  q r /n /x0a/x1b"
	if got := nagiosText(in); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNagiosGolden(t *testing.T) {
	t.Parallel()
	checkGolden(t, "status.nagios", written(t, FormatNagios, Options{}, assorted()))
}

// pluginOutput is the form of a monitoring plug-in's output: one status line with performance data, then more lines.
var pluginOutput = regexp.MustCompile(`^CERTSCAN (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+ \| ` +
	`urgent=\d+;;0 warn=\d+;0 ok=\d+ unknown=\d+ days_min=(U|-?\d+\.\d)\n([^|\n]+\n)*$`)

func TestNagiosStates(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		run  Run
		want string
	}{
		{"OK", Run{Complete: true, Trusted: true, Asked: 2, Counts: Counts{OK: 2}}, "CERTSCAN OK - 0 URGENT, 0 WARN of 2 names | urgent=0;;0 warn=0;0 ok=2 unknown=0 days_min=U\n"},
		{"WARN", Run{Complete: true, Trusted: true, Asked: 2, Counts: Counts{Warn: 1, OK: 1}}, "CERTSCAN WARNING - "},
		{"URGENT", Run{Complete: true, Trusted: true, Asked: 2, Counts: Counts{Urgent: 1, Warn: 1}}, "CERTSCAN CRITICAL - "},
		{"cut", Run{Trusted: true, Asked: 2, Counts: Counts{Urgent: 2}}, "CERTSCAN UNKNOWN - the list was cut: 2 URGENT"},
		{"untrusted", Run{Complete: true, Asked: 2, Reason: "no control | resolves"}, "CERTSCAN UNKNOWN - no control  resolves: "},
		{"a list without a name", Run{Complete: true, Trusted: true, Asked: 2, Problem: "x.txt: not a single name"}, "CERTSCAN UNKNOWN - x.txt: "},
		{"nothing read", Run{Complete: true, Trusted: true}, "CERTSCAN UNKNOWN - not a single name was read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			w, err := New(&out, FormatNagios, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(row.run); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), row.want) || !pluginOutput.MatchString(out.String()) {
				t.Errorf("got %q, want %q", out.String(), row.want)
			}
		})
	}
}

// TestNagiosHostile holds the form, whatever the texts hold, and that no more than a hundred names are listed.
func TestNagiosHostile(t *testing.T) {
	t.Parallel()
	list := everyVerdict(300)
	for i := range list {
		list[i].Facts.Domain.Display += "|`id`$(x)" + hostile
	}
	out := string(written(t, FormatNagios, Options{}, list))
	if !pluginOutput.MatchString(out) {
		t.Errorf("not the output of a plug-in:\n%s", out)
	}
	if n := strings.Count(out, "\n"); n != 1+nagiosLinesMax+1 || !strings.HasSuffix(out, "and 100 more\n") {
		t.Errorf("%d lines, the last ones %q", n, out[len(out)-40:])
	}
}

// TestNagiosCountsWhatIsNotPrinted holds that --severity changes the lines and not the figures.
func TestNagiosCountsWhatIsNotPrinted(t *testing.T) {
	t.Parallel()
	hidden := result("a.example", "a.example", "", dns.Unknown, dns.ReasonNone,
		found(triage.Inconclusive, triage.Warn, triage.P3, "nobody answered", triage.ActionInvestigate))
	ends := result("b.example", "b.example", "", dns.Parked, dns.ReasonNone)
	ends.Facts.Probes = []probe.Observation{observation("b.example", "203.0.113.7:443", handshakeUntil("b.example", 36*time.Hour))}
	out := string(written(t, FormatNagios, Options{Severities: []triage.Severity{triage.Urgent}}, []triage.Result{hidden, ends}))
	if !strings.HasSuffix(out, " unknown=1 days_min=1.5\n") || strings.Contains(out, "a.example") {
		t.Errorf("%s", out)
	}
}

func TestSummaryJSON(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := SummaryJSON(&out, sampleRun(), 3, 1); err != nil {
		t.Fatal(err)
	}
	run := sampleRun()
	if want := fmt.Sprintf(`{"run":%s,"bad_lines":3,"duplicates":1}`+"\n", run.AppendJSON(nil)); out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}
