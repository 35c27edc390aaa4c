package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"certscan/report"
	"certscan/triage"
)

func explainCommand(s streams) *cli.Command {
	declared, given := flags("explain", s.env)
	return &cli.Command{
		Name: "explain", Usage: "every fact, every rule tried, and why the verdict came out so", ArgsUsage: "DOMAIN…", Flags: declared,
		Action: func(c *cli.Context) error {
			set, err := configure(s, given)
			if err != nil {
				return err
			}
			in := &input{arguments: c.Args().Slice(), port: set.port, notes: s.err, catalogue: set.config.catalogue()}
			if len(in.arguments) == 0 {
				return errors.New("no domain: certscan explain example.com")
			}
			asked, err := newRegistryMemory(s, set, s.err)
			if err != nil {
				return err
			}
			defer asked.close()
			if err := asked.open(c.Context); err != nil {
				return err
			}
			pipeline, err := wire(s.err, set, "explain", asked)
			if err != nil {
				return err
			}
			var meta report.Run
			earlier, err := asked.past(c.Context, meta.Vantage)
			if err != nil {
				return err
			}
			if earlier != nil {
				pipeline.Past = earlier
			}
			summary, err := pipeline.Run(c.Context, in.domains(), func(r triage.Result) error {
				meta.Counts.Add(r.Severity)
				if err := report.Explain(s.out, pipeline.Explain(r), width(s.out)); err != nil {
					return unprinted(err)
				}
				return nil
			})
			if err != nil {
				return err
			}
			meta.Asked, meta.Complete, meta.Trusted = summary.Asked, summary.Complete, summary.Untrusted == ""
			return verdict(meta, set.exitZero, in.failed)
		},
	}
}
