package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"certscan/triage"
)

// nagiosLinesMax is how many names the long output lists: a monitoring server cuts long before thousands.
const nagiosLinesMax = 100

// nagiosNamed is how many names stand in the status line.
const nagiosNamed = 5

// nagiosSink writes the output of a monitoring plug-in: a status line with performance data, then a line for each name
// that is not OK. It holds those alone.
type nagiosSink struct {
	tableSink
	unknown int
	days    float64 // of the certificate that ends first; +Inf where none was seen
}

// count takes every record, also one that --severity leaves out.
func (s *nagiosSink) count(r *triage.Result) {
	rec := NewRecord("", "", r)
	if rec.DNS != nil && rec.DNS.Verdict == "unknown" {
		s.unknown++
	}
	s.days = min(s.days, worstDays(&rec, &r.Facts))
}

func (s *nagiosSink) add(r *triage.Result) error {
	if r.Severity == triage.OK {
		return nil
	}
	return s.tableSink.add(r)
}

func (s *nagiosSink) close(run *Run) error {
	slices.SortStableFunc(s.rows, func(a, b tableRow) int { return a.compare(b.position) })
	out := newOutput(s.out)
	out.text("CERTSCAN ", nagiosState(run), " - ", s.status(run), " | ", s.performance(run), "\n")
	for i := range s.rows[:min(len(s.rows), nagiosLinesMax)] {
		c := &s.rows[i].cells
		out.text(c[columnSeverity], " ", nagiosText(c[columnDomain]), " ", nagiosText(c[columnWhy]), "\n")
	}
	if more := len(s.rows) - nagiosLinesMax; more > 0 {
		out.text("and ", grouped(more), " more\n")
	}
	if err := out.flush(); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// nagiosState is the state by which the exit status goes.
func nagiosState(run *Run) string {
	switch {
	case run.doubt() != "":
		return "UNKNOWN"
	case run.Counts.Urgent > 0:
		return "CRITICAL"
	case run.Counts.Warn > 0:
		return "WARNING"
	}
	return "OK"
}

// status tells the counts, and the worst names with the code that makes them so.
func (s *nagiosSink) status(run *Run) string {
	text := fmt.Sprintf("%s URGENT, %s WARN of %s", grouped(run.Counts.Urgent), grouped(run.Counts.Warn), Plural(run.Asked, "name"))
	if why := run.doubt(); why != "" {
		text = nagiosText(why) + ": " + text
	}
	var named []string
	for i := range s.rows[:min(len(s.rows), nagiosNamed)] {
		c := &s.rows[i].cells
		code, _, _ := strings.Cut(c[columnWhy], ":")
		named = append(named, strings.TrimSpace(nagiosText(c[columnDomain])+" "+nagiosText(code)))
	}
	if len(s.rows) > nagiosNamed {
		named = append(named, "…")
	}
	if len(named) > 0 {
		text += ": " + strings.Join(named, "; ")
	}
	return text
}

// performance tells the counts as performance data: 'label'=value;warn;crit, where a threshold of 0 is passed by 1. U is
// what no certificate tells.
func (s *nagiosSink) performance(run *Run) string {
	days := cmp.Or(daysCell(s.days), "U")
	return fmt.Sprintf("urgent=%d;;0 warn=%d;0 ok=%d unknown=%d days_min=%s",
		run.Counts.Urgent, run.Counts.Warn, run.Counts.OK, s.unknown, days)
}

// NagiosUnknown is the status line of a run that could not be done.
func NagiosUnknown(why string) string { return "CERTSCAN UNKNOWN - " + nagiosText(why) + "\n" }
