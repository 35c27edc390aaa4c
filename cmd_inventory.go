package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	var entries []report.InventoryEntry
	conflicts := 0
	for m, err := range inventory.Merge(in.sources()...) {
		if err != nil {
			in.note(err)
			continue
		}
		conflicts += len(m.Conflicts)
		entries = append(entries, inventoryEntry(&m))
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read domains: %w", err)
	}
	if err := report.WriteInventory(stdout, set.outputFormat(s.out), entries, width(s.out)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stderr, "certscan: %d names, %d conflicts, %d bad lines, %d lines of names that were read before\n",
		len(entries), conflicts, in.badLines, in.duplicates)
	return errors.Join(in.failed, err)
}

// sources are what is to be merged: the command line, then each file.
func (in *input) sources() []iter.Seq2[inventory.Domain, error] {
	seen := inventory.NewSet()
	admit := func(file string, from iter.Seq2[inventory.Domain, error]) iter.Seq2[inventory.Domain, error] {
		return func(yield func(inventory.Domain, error) bool) {
			for d, err := range from {
				if err == nil && file != "" && in.catalogue.skips(&d) {
					continue
				}
				if err == nil {
					d = in.catalogue.add(in.admit(d), file)
					in.duplicates += btoi(!seen.Add(d.Name))
				}
				if !yield(d, err) {
					return
				}
			}
		}
	}
	out := []iter.Seq2[inventory.Domain, error]{admit("", func(yield func(inventory.Domain, error) bool) {
		for _, d := range in.named() {
			if !yield(d, nil) {
				return
			}
		}
	})}
	for _, f := range in.files {
		out = append(out, admit(f.name, f.read(in.catalogue.format(f.name))))
	}
	return append(out, func(yield func(inventory.Domain, error) bool) {
		for d := range in.catalogue.rest() { // names that stand in the configuration alone
			if !yield(d, nil) {
				return
			}
		}
	})
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
