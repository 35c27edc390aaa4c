package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"certscan/inventory"
	"certscan/report"
)

// catalogue is what the configuration says of single names. Its zero value says nothing.
type catalogue struct {
	exceptions map[string]*exception // by key of the name
	order      []*exception
	ignore     []glob
	defaults   nameFacts
	perFile    map[string]nameFacts
	columns    map[string]map[string]string // by file
	servers    map[string][]address

	met      map[*exception]bool
	hits     map[string]int // names that each pattern of ignore covered
	ignored  int
	complete bool // the configured inventory is read: exceptions that stand in none of its files are names as well
}

// catalogue gathers what the file says of names; files are the paths of its inventory.
func (c *configuration) catalogue() *catalogue {
	out := &catalogue{
		exceptions: map[string]*exception{}, ignore: c.Ignore, defaults: c.Defaults, servers: c.Ours.Servers,
		perFile: map[string]nameFacts{}, columns: map[string]map[string]string{}, met: map[*exception]bool{}, hits: map[string]int{},
	}
	for i := range c.Domains {
		e := &c.Domains[i]
		out.exceptions[e.Domain.domain.Name] = e
		out.order = append(out.order, e)
	}
	for _, s := range c.Inventory {
		file := c.beside(s.File.text)
		out.perFile[file], out.columns[file] = s.Defaults, s.Columns.named()
	}
	return out
}

// inventoryFiles returns the paths of the configured inventory.
func (c *configuration) inventoryFiles() []string {
	var out []string
	for _, s := range c.Inventory {
		if file := c.beside(s.File.text); !slices.Contains(out, file) {
			out = append(out, file)
		}
	}
	return out
}

// named returns what the file calls our fields; nil where it calls them as we do.
func (n *columnNames) named() map[string]string {
	out := map[string]string{}
	for field, column := range map[string]word{
		"domain": n.Domain, "sans": n.SANs, "owner": n.Owner, "manager": n.Manager, "expect": n.Expect, "origin": n.Origin,
		"verify": n.Verify, "ports": n.Ports, "challenge": n.Challenge, "dns_plugin": n.DNSPlugin, "account": n.Account,
		"renew": n.Renew, "tags": n.Tags,
	} {
		if column.given() {
			out[field] = column.text
		}
	}
	return out
}

// skips reports, and counts, whether a name of a list is not looked at.
func (c *catalogue) skips(d *inventory.Domain) bool {
	if c == nil {
		return false
	}
	hit := false
	for _, g := range c.ignore {
		if g.matches(d) {
			c.hits[g.text]++
			hit = true
		}
	}
	c.ignored += btoi(hit)
	return hit
}

// add fills in what the configuration says of a name: its exception first, then what its list said, then the
// defaults of its file, then those of all. file is empty for a name of the command line.
func (c *catalogue) add(d inventory.Domain, file string) inventory.Domain {
	if c == nil || d.Invalid != "" {
		return d
	}
	if e := c.exceptions[d.Name]; e != nil {
		c.met[e] = true
		e.over(&d)
	}
	if file != "" {
		c.perFile[file].below(&d)
	}
	c.defaults.below(&d)
	d.Origin = c.origins(d.Origin)
	return d
}

// rest yields the exceptions that stood in no inventory, once all of it was read.
func (c *catalogue) rest() iter.Seq[inventory.Domain] {
	return func(yield func(inventory.Domain) bool) {
		if c == nil || !c.complete {
			return
		}
		for _, e := range c.order {
			d := e.Domain.domain
			d.Source = e.Domain.at.source()
			if !c.met[e] && !yield(c.add(d, "")) {
				return
			}
		}
	}
}

// origins puts addresses in place of the names of our servers.
func (c *catalogue) origins(words []string) []string {
	if len(words) == 0 {
		return words
	}
	var out []string
	for _, w := range words {
		server, known := c.servers[w]
		if !known {
			out = append(out, w)
		}
		for _, a := range server {
			out = append(out, a.addr.String())
		}
	}
	return out
}

// below fills in the facts that nothing said yet.
func (f nameFacts) below(d *inventory.Domain) {
	d.Manager = cmp.Or(d.Manager, f.Manager.text)
	d.Owner = cmp.Or(d.Owner, f.Owner.text)
	d.Expect = cmp.Or(d.Expect, inventory.Expect(f.Expect.text))
}

// over puts what the exception says in place of what was said.
func (e *exception) over(d *inventory.Domain) {
	d.Manager = cmp.Or(e.Manager.text, d.Manager)
	d.Owner = cmp.Or(e.Owner.text, d.Owner)
	d.Expect = cmp.Or(inventory.Expect(e.Expect.text), d.Expect)
	if len(e.SANs) > 0 {
		d.SANs = nil
		for _, n := range e.SANs {
			d.SANs = append(d.SANs, n.domain.Name)
		}
	}
	if len(e.Origin) > 0 {
		d.Origin = nil
		for _, o := range e.Origin {
			d.Origin = append(d.Origin, canonicalOrigin(o.text))
		}
	}
	if len(e.Verify) > 0 {
		d.Verify = nil
		for _, h := range e.Verify {
			d.Verify = append(d.Verify, h.canonical)
		}
	}
	if len(e.Ports) > 0 && (len(d.Ports) == 0 || !fromArgument(d.Source)) {
		d.Ports = nil
		for _, p := range e.Ports {
			if !slices.Contains(d.Ports, p.number) {
				d.Ports = append(d.Ports, p.number)
			}
		}
	}
}

func canonicalOrigin(text string) string {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().String()
	}
	return text
}

// hasNames reports whether there are names without any list.
func (c *catalogue) hasNames() bool { return c != nil && c.complete && len(c.order) > 0 }

// format says how a list is written.
func (c *catalogue) format(file string) inventory.Config {
	f := inventory.Config{File: file}
	if c != nil {
		f.Columns = c.columns[file]
	}
	return f
}

// lists returns the lists of a run, and gives its input what the configuration says of names. The configured inventory
// is read where nothing else is named.
func (s *settings) lists(in *input, kind string) []string {
	in.catalogue = s.config.catalogue()
	if kind == "probe" || len(in.arguments) > 0 || len(s.files) > 0 {
		return s.files
	}
	in.catalogue.complete = true
	return s.config.inventoryFiles()
}

// fromArgument reports whether a name stood on the command line, where a port was meant for this run.
func fromArgument(source string) bool { return strings.HasPrefix(source, "argument:") }

// source names the place as a domain's source.
func (p place) source() string { return fmt.Sprintf("%s:%d", p.doc.file, p.line) }

// tell says how many names were ignored.
func (c *catalogue) tell(notes io.Writer) error {
	if c == nil || c.ignored == 0 {
		return nil
	}
	return say(notes, "certscan: %s not looked at, as ignore in the configuration file has it", report.Plural(c.ignored, "name"))
}
