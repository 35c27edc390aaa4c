package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certscan/inventory"
	"certscan/report"
	"certscan/store"
)

func historyCommand(s streams) *cli.Command {
	return memoryCommand(s, "history", "what earlier runs saw of a domain, and since when; without one, the runs that are kept", "[DOMAIN]", runHistory)
}

func diffCommand(s streams) *cli.Command {
	return memoryCommand(s, "diff", "what changed from one run to another, by default between the last two complete ones of one kind", "[RUN RUN]", runDiff)
}

func pruneCommand(s streams) *cli.Command {
	return memoryCommand(s, "prune", "remove old runs; since when a domain has its verdict is never forgotten", "", runPrune)
}

// console is where a command writes to: what it was started with, and the same by writers that do not wait forever.
type console struct {
	streams
	stdout, notes io.Writer
}

// recall is what a command does with an open store.
type recall func(ctx context.Context, s console, set settings, kept *store.Store, arguments []string) error

// memoryCommand is a command that reads a store.
func memoryCommand(s streams, name, usage, arguments string, do recall) *cli.Command {
	declared, given := flags(name, s.env)
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: arguments, Flags: declared,
		Action: func(c *cli.Context) error {
			set, err := configure(s, given)
			if err != nil {
				return err
			}
			over := patience(c.Context)
			at := console{s, newPatient(s.out, over), newPatient(s.err, over)}
			kept, err := openMemory(c.Context, s, set)
			if err != nil {
				return err
			}
			return errors.Join(do(c.Context, at, set, kept, c.Args().Slice()), kept.Close())
		},
	}
}

func runHistory(ctx context.Context, s console, set settings, kept *store.Store, arguments []string) error {
	switch len(arguments) {
	case 0:
		return set.list(s, runListing(kept.Runs(ctx)))
	case 1:
	default:
		return fmt.Errorf("one domain at most is wanted, not %d: certscan history example.com", len(arguments))
	}
	d, err := inventory.Parse(arguments[0])
	if err != nil {
		return err
	}
	n := 0
	l := historyListing(kept.History(ctx, d.Name), &n)
	if err := set.list(s, l); err != nil {
		return err
	}
	if n == 0 {
		return say(s.notes, "certscan: no run that is kept in %s saw %s", report.Terminal(kept.String()), report.Terminal(d.Display))
	}
	return nil
}

// list writes a listing as the settings have it.
func (s *settings) list(at console, l report.Listing) error {
	return report.WriteListing(at.stdout, s.outputFormat(at.out), l, width(at.out))
}

// state says in a word what a run is worth.
func state(r *report.Run) string {
	switch {
	case r.ID == "":
		return "pruned"
	case r.FinishedAt.IsZero():
		return "unfinished"
	case !r.Trusted:
		return "untrusted"
	case !r.Complete:
		return "cut"
	}
	return "complete"
}

func runListing(runs iter.Seq2[report.Run, error]) report.Listing {
	return report.Listing{
		Name: "runs",
		Columns: []report.Column{
			{Key: "run", Heading: "RUN"},
			{Key: "kind", Heading: "KIND"},
			{Key: "vantage"},
			{Key: "started_at", Heading: "STARTED"},
			{Key: "finished_at"},
			{Key: "state", Heading: "STATE"},
			{Key: "reason"},
			{Key: "asked", Heading: "NAMES"},
			{Key: "URGENT", Heading: "URGENT"},
			{Key: "WARN", Heading: "WARN"},
			{Key: "OK", Heading: "OK"},
		},
		Rows: mapped(runs, func(r *report.Run) []any {
			return []any{
				r.ID, r.Kind, r.Vantage, r.StartedAt, r.FinishedAt, state(r), r.Reason, r.Asked, r.Counts.Urgent, r.Counts.Warn, r.Counts.OK,
			}
		}),
	}
}

// historyListing counts in n what it lists.
func historyListing(all iter.Seq2[store.Sighting, error], n *int) report.Listing {
	return report.Listing{
		Name: "history",
		Columns: []report.Column{
			{Key: "checked_at", Heading: "SEEN"},
			{Heading: "VERDICT"},
			{Key: "verdict"},
			{Key: "reason"},
			{Key: "severity", Heading: "SEVERITY"},
			{Key: "since", Heading: "SINCE"},
			{Key: "codes", Heading: "FINDINGS"},
			{Key: "run", Heading: "RUN"},
			{Key: "kind", Heading: "KIND"},
			{Key: "vantage"},
			{Key: "state", Heading: "STATE"},
		},
		Rows: mapped(all, func(g *store.Sighting) []any {
			*n++
			return []any{
				g.Checked, told(g.Verdict, g.Reason, ""), g.Verdict, g.Reason, g.Severity, g.Since, codes(g.Record), g.Run.ID, g.Run.Kind,
				g.Run.Vantage, state(&g.Run),
			}
		}),
	}
}

// codes are those of the findings of a record; none of one that is gone or of another schema.
func codes(record []byte) string {
	rec, err := report.DecodeRecord(record)
	if err != nil {
		return ""
	}
	var out []string
	for _, f := range rec.Findings {
		if code := string(f.Code); !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return strings.Join(out, " ")
}

// told joins what is known of a name in short.
func told(verdict, reason, severity string) string {
	if reason != "" {
		verdict += "/" + reason
	}
	return strings.TrimSpace(verdict + " " + severity)
}

func runDiff(ctx context.Context, s console, set settings, kept *store.Store, arguments []string) error {
	before, after, err := twoRuns(ctx, kept, arguments)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	l := diffListing(kept.Diff(ctx, before.ID, after.ID), counts)
	l.SummaryName, l.Summary = "diff", func(dst []byte) []byte {
		dst = before.AppendJSON(append(dst, `{"before":`...))
		dst = after.AppendJSON(append(dst, `,"after":`...))
		return fmt.Appendf(dst, `,"counts":{"new":%d,"gone":%d,"changed":%d}}`, counts["new"], counts["gone"], counts["changed"])
	}
	if err := set.list(s, l); err != nil {
		return err
	}
	for _, r := range []report.Run{before, after} {
		if state(&r) != "complete" {
			if err := say(s.notes, "certscan: run %s is %s: what it lacks or doubts is no change", r.ID, state(&r)); err != nil {
				return err
			}
		}
	}
	return say(s.notes, "certscan: %s from %s (%s, %s) to %s (%s, %s): %d changed, %d new, %d gone", report.Plural(counts["new"]+counts["gone"]+counts["changed"], "change"),
		before.ID, before.Kind, report.Plural(before.Asked, "name"), after.ID, after.Kind, report.Plural(after.Asked, "name"),
		counts["changed"], counts["new"], counts["gone"])
}

// twoRuns returns the runs to compare.
func twoRuns(ctx context.Context, kept *store.Store, arguments []string) (before, after report.Run, err error) {
	switch len(arguments) {
	case 0:
		return kept.LastTwo(ctx)
	case 2:
	default:
		return before, after, errors.New("two runs are wanted, or none: certscan diff RUN RUN (certscan history lists them)")
	}
	if before, err = kept.Run(ctx, arguments[0]); err == nil {
		after, err = kept.Run(ctx, arguments[1])
	}
	return before, after, err
}

// diffListing counts the changes by what they are.
func diffListing(all iter.Seq2[store.Change, error], counts map[string]int) report.Listing {
	return report.Listing{
		Name: "changes",
		Columns: []report.Column{
			{Key: "change", Heading: "CHANGE"},
			{Key: "domain", Heading: "DOMAIN"},
			{Key: "name"},
			{Heading: "BEFORE"},
			{Key: "verdict_before"},
			{Key: "reason_before"},
			{Key: "severity_before"},
			{Heading: "AFTER"},
			{Key: "verdict"},
			{Key: "reason"},
			{Key: "severity"},
			{Key: "since", Heading: "SINCE"},
		},
		Rows: mapped(all, func(c *store.Change) []any {
			counts[c.What]++
			b, a := c.Before, c.After
			return []any{
				c.What, c.Domain, c.Name, told(b.Verdict, b.Reason, b.Severity), b.Verdict, b.Reason, b.Severity,
				told(a.Verdict, a.Reason, a.Severity), a.Verdict, a.Reason, a.Severity, c.Since,
			}
		}),
	}
}

// mapped turns each of a sequence into the cells of a row.
func mapped[T any](all iter.Seq2[T, error], row func(*T) []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for one, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(row(&one), nil) {
				return
			}
		}
	}
}

func runPrune(ctx context.Context, s console, set settings, kept *store.Store, arguments []string) error {
	var before time.Time
	switch {
	case len(arguments) > 0:
		return fmt.Errorf("prune takes no %q: certscan prune --older-than 90d, or --keep 10", arguments[0])
	case set.keep > 0: // named, and wins over what the file says
	case set.olderThan > 0:
		before = time.Now().Add(-set.olderThan)
	default:
		return errors.New("prune what: certscan prune --older-than 90d, or --keep 10, or keep.runs in the configuration file")
	}
	runs, records := 0, int64(0)
	for p, err := range kept.Prune(ctx, set.keep, before) {
		if err != nil {
			return err
		}
		runs, records = runs+1, records+p.Records
		if err := say(s.stdout, "removed %s (%s, %s, %s): %s", p.Run.ID, p.Run.Kind, p.Run.StartedAt.Format(time.RFC3339), state(&p.Run), report.Plural(int(p.Records), "record")); err != nil {
			return unwritten("standard output", err)
		}
	}
	return say(s.notes, "certscan: %s with %s removed from %s; the history of verdicts stays", report.Plural(runs, "run"), report.Plural(int(records), "record"), report.Terminal(kept.String()))
}
