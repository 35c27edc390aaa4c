package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"certscan/inventory"
	"certscan/report"
)

func inventoryCommand(s streams) *cli.Command {
	declared, given := flags("inventory", s.env)
	return &cli.Command{
		Name: "inventory", Usage: "the lists merged by name: what is said of each, where, and what conflicts", ArgsUsage: "[DOMAIN…]", Flags: declared,
		Action: func(c *cli.Context) error {
			set, err := configure(s, given)
			if err != nil {
				return err
			}
			return runInventory(c.Context, s, set, c.Args().Slice())
		},
	}
}

// runInventory reads all lists whole, writes what they say together, and counts what was wrong.
func runInventory(ctx context.Context, s streams, set settings, arguments []string) error {
	over := patience(ctx)
	stdout, stderr := newPatient(s.out, over), newPatient(s.err, over)
	in := &input{arguments: arguments, port: set.port, notes: stderr}
	if err := in.open(ctx, set.lists(in, "inventory"), s.in); err != nil {
		return err
	}
	all := in.union()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read domains: %w", err)
	}
	conflicts := 0
	entries := func(yield func(report.InventoryEntry) bool) {
		conflicts = 0 // a table asks twice
		for m := range all.Names() {
			conflicts += len(m.Conflicts)
			if !yield(inventoryEntry(&m)) {
				return
			}
		}
	}
	if err := report.WriteInventory(stdout, set.outputFormat(s.out), entries, width(s.out)); err != nil {
		if stdout.failure() != nil {
			err = unprinted(err)
		}
		return err
	}
	_, err := fmt.Fprintf(stderr, "certscan: %d names, %d conflicts, %d bad lines, %d lines of names that were read before\n",
		all.Len(), conflicts, in.badLines, in.duplicates)
	return errors.Join(in.failed, err)
}

// union loads everything whole: the command line, then each file, then what stands in the configuration alone. A file
// that cannot be read to its end keeps none of the next from being read.
func (in *input) union() *inventory.Union {
	var all inventory.Union
	take := func(d inventory.Domain, file string) {
		d = in.catalogue.add(in.admit(d), file)
		in.duplicates += btoi(!all.Add(&d))
	}
	for _, d := range in.named() {
		take(d, "")
	}
	for _, f := range in.files {
		for d, err := range f.read(in.catalogue.format(f.name)) {
			switch {
			case err != nil:
				in.note(err)
			case in.catalogue.skips(&d):
			default:
				take(d, f.name)
			}
		}
	}
	for d := range in.catalogue.rest() {
		take(d, "")
	}
	return &all
}

// inventoryEntry turns a merged name into plain values.
func inventoryEntry(m *inventory.Merged) report.InventoryEntry {
	e := report.InventoryEntry{
		Domain: m.Display, Name: m.Name, Invalid: m.Invalid, SANs: m.SANs, Owner: m.Owner, Manager: m.Manager, Expect: string(m.Expect),
		Origin: m.Origin, Verify: m.Verify, Ports: m.Ports, Challenge: m.Challenge, DNSPlugin: m.DNSPlugin, Account: m.Account,
		Renew: m.Renew, Tags: m.Tags, Source: m.Source,
	}
	for _, field := range slices.Sorted(maps.Keys(m.Facts)) {
		e.Facts = append(e.Facts, report.InventoryFact{Field: field, Source: m.Facts[field]})
	}
	for _, c := range m.Conflicts {
		e.Conflicts = append(e.Conflicts, report.InventoryConflict(c))
	}
	return e
}
