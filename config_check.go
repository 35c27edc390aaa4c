package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"certscan/inventory"
	"certscan/report"
)

// checkConfig reads the configuration file as a run would, then every inventory in it, and says what they hold.
func checkConfig(ctx context.Context, s streams, named string) error {
	usual := usualConfigs(s.env)
	c, err := findConfiguration(named, usual)
	if err != nil {
		return err
	}
	if c.doc == nil {
		return say(s.out, "OK: no configuration file at %s: the defaults apply (certscan config init writes one)", strings.Join(usual, ", "))
	}
	if _, err := c.settings(everySetting(s.env)); err != nil {
		return err
	}
	if _, err := c.proofToken(s.env); err != nil {
		return err
	}
	t := &tally{catalogue: c.catalogue(), managers: map[string]int{}, seen: inventory.NewSet()}
	var lines []string
	for _, file := range c.inventoryFiles() {
		line, err := t.read(ctx, file, s.err)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	err = say(s.out, "OK %s", c.doc.file)
	for _, line := range append(lines, t.warnings(c)...) {
		err = errors.Join(err, say(s.out, "%s", line))
	}
	return err
}

// everySetting returns a setting for each option, as the environment has it.
func everySetting(env func(string) (string, bool)) map[string]*setting {
	out := map[string]*setting{}
	for _, o := range options {
		out[o.name] = newSetting(o, env)
	}
	return out
}

// tally counts what the inventories hold of what the configuration speaks of.
type tally struct {
	catalogue *catalogue
	seen      *inventory.Set
	managers  map[string]int
}

// read counts one inventory, and returns a line about it.
func (t *tally) read(ctx context.Context, file string, notes io.Writer) (string, error) {
	in := &input{notes: notes, catalogue: t.catalogue}
	if err := in.open(ctx, []string{file}, nil); err != nil {
		return "", err
	}
	names, invalid := 0, 0
	ignored := t.catalogue.ignored
	in.file(in.files[0], func(d inventory.Domain) bool {
		names++
		invalid += btoi(d.Invalid != "")
		if t.seen.Add(d.Name) {
			t.managers[d.Manager]++
		}
		return true
	})
	line := []string{fmt.Sprintf("inventory %s: %s", file, report.Plural(names, "name"))}
	for _, part := range []struct {
		n    int
		what string
	}{
		{invalid, "that cannot be scanned"}, {t.catalogue.ignored - ignored, "ignored"},
	} {
		if part.n > 0 {
			line = append(line, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if in.badLines > 0 {
		line = append(line, report.Plural(in.badLines, "bad line"))
	}
	if in.unread && in.failed == nil {
		in.failed = ctx.Err()
	}
	return strings.Join(line, ", "), in.failed
}

// warnings says what matches no name.
func (t *tally) warnings(c *configuration) []string {
	var out []string
	for _, e := range t.catalogue.order {
		if !t.catalogue.met[e] {
			out = append(out, fmt.Sprintf("note: %s: domains: %s stands in no inventory: it is looked at all the same", e.Domain.at.source(), e.Domain.text))
			t.managers[t.catalogue.add(e.Domain.domain, "").Manager]++
		}
	}
	for _, g := range c.Ignore {
		if t.catalogue.hits[g.text] == 0 {
			out = append(out, fmt.Sprintf("warning: %s: ignore: %s matches no name", g.at.source(), g.text))
		}
	}
	if c.Managers == nil {
		return out
	}
	for _, m := range slices.Sorted(maps.Keys(c.Managers)) {
		if t.managers[m] == 0 {
			out = append(out, fmt.Sprintf("warning: managers: %s has no name", m))
		}
	}
	for _, m := range slices.Sorted(maps.Keys(t.managers)) {
		if _, known := c.Managers[m]; !known && m != "" {
			out = append(out, fmt.Sprintf("warning: managers: %q is unknown and has %s: %s", m, report.Plural(t.managers[m], "name"), instead(m, slices.Sorted(maps.Keys(c.Managers)))))
		}
	}
	return out
}
