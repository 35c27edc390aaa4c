package report

import (
	"cmp"
	"fmt"
	"slices"
)

// markdownSink writes what the table shows as tables of GitHub's Markdown. It collects as tableSink does.
type markdownSink struct{ tableSink }

func (s *markdownSink) close(*Run) error {
	slices.SortStableFunc(s.rows, func(a, b tableRow) int { return a.compare(b.position) })
	out := newOutput(s.out)
	if len(s.rows) > 0 {
		writeMarkdownRow(out, headings[:])
		out.text("|---|---|---|---:|---|\n")
	}
	for i := range s.rows {
		writeMarkdownRow(out, s.rows[i].cells[:])
	}
	writeMarkdownOrphans(out, s.orphans)
	if err := out.flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func writeMarkdownRow(out output, row []string) {
	for _, c := range row {
		out.text("| ", markdownCell(c), " ")
	}
	out.text("|\n")
}

// writeMarkdownOrphans writes every name that is not served by us, a table for each manager.
func writeMarkdownOrphans(out output, orphans []orphan) {
	if len(orphans) == 0 {
		return
	}
	out.text("\n## Not served by us, by manager\n")
	for manager, group := range byManager(orphans) {
		out.text("\n### ", markdownCell(cmp.Or(manager, "(no manager)")), ": ", grouped(len(group)), "\n\n")
		out.text("| DOMAIN | VERDICT | EVIDENCE |\n|---|---|---|\n")
		for _, o := range group {
			writeMarkdownRow(out, []string{o.domain, o.verdict, o.evidence})
		}
	}
}
