package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"certscan/report"
)

func auditCommand(s streams) *cli.Command {
	declared, given := flags("audit", s.env)
	return &cli.Command{
		Name: "audit", Usage: "what is no longer ours: a list for each manager, with evidence, and what changed since the last audit",
		ArgsUsage: "[DOMAIN…]", Flags: declared,
		Action: func(c *cli.Context) error {
			set, err := configure(s, given)
			if err != nil {
				return err
			}
			return runAudit(c.Context, s, set, c.Args().Slice())
		},
	}
}

// auditResumed is how old an audit may be that was cut and goes on.
const auditResumed = 24 * time.Hour

// runAudit looks at the whole inventory, compares it with the last audit, and delivers the lists. The run counts as finished only
// once they are delivered: one that was killed before is gone on with, and tells the same changes.
func runAudit(ctx context.Context, s streams, set settings, arguments []string) (err error) {
	over := patience(ctx)
	stdout, stderr := newPatient(s.out, over), newPatient(s.err, over)
	if err := set.checkAudit(); err != nil {
		return err
	}
	if named, err := set.where(s.env); named == "" && err == nil {
		set.db = usualStore // an audit without what it is compared with is none
	}
	in := &input{arguments: arguments, port: set.port, notes: stderr}
	if err := in.open(ctx, set.lists(in, "audit"), s.in); err != nil {
		return err
	}
	all := in.union()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read domains: %w", err)
	}
	a, err := openAudit(ctx, s, set, all, in.scope(all))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	progress := report.NewProgress(report.ProgressConfig{
		Out: stderr, Terminal: isTerminal(s.err), Mode: set.progressMode(s), Now: time.Now, Total: all.Len(),
	})
	if err := a.look(ctx, s, progress, all, in.unread); err != nil {
		return err
	}
	list := a.list(in)
	if err := a.recording.Flush(ctx); err != nil {
		return err
	}
	if err := set.deliver(s, stdout, over, list, a.managers); err != nil {
		return err
	}
	if err := a.recording.Finish(ctx, a.run); err != nil {
		return err
	}
	if err := errors.Join(in.catalogue.tell(stderr), tellAudit(stderr, list, in)); err != nil {
		return err
	}
	if err := in.failed; err != nil {
		return err
	}
	if !a.run.Complete || !a.run.Trusted || a.run.Asked == 0 {
		return &exit{status: exitUnknown}
	}
	return nil
}

// checkAudit refuses what does not go together, before anything is asked.
func (s *settings) checkAudit() error {
	switch {
	case s.split != "" && s.output == "":
		return errors.New("--split-by manager: a folder for the files is wanted: --output DIR")
	case s.format == report.FormatNagios:
		return errors.New("audit has no form nagios: table, json, jsonl, csv, xlsx, html and markdown there are")
	case s.split == "" && s.format == report.FormatXLSX && s.output == "":
		return errors.New("xlsx is no text: name a file with --output")
	}
	return nil
}
