package inventory

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// fields are the names of what a list may say of a name, and whether it is a list of values.
var fields = map[string]bool{
	"domain": false, "sans": true, "owner": false, "manager": false, "expect": false, "origin": true, "verify": true,
	"ports": true, "challenge": false, "dns_plugin": false, "account": false, "renew": false, "tags": true,
}

// domainHeaders is what exports call the field domain and nothing else.
var domainHeaders = []string{"domain_name", "domainname", "fqdn", "домен", "доменное_имя", "имя_домена"}

// The closed sets of words.
var (
	challenges = []string{"http-01", "dns-01", "tls-alpn-01"}
	renewals   = []string{"certscan", "panel", "other", "never"}
)

// fieldOf returns the field that a list calls key, "" for none of ours.
func (c *Config) fieldOf(key string) string {
	key = strings.TrimSpace(key)
	for field, header := range c.Columns {
		if strings.EqualFold(strings.TrimSpace(header), key) {
			return field
		}
	}
	field := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(key))
	if slices.Contains(domainHeaders, field) {
		field = "domain"
	}
	if _, known := fields[field]; !known || c.Columns[field] != "" {
		return ""
	}
	return field
}

// entry is what a list says of one name, before it is understood.
type entry struct {
	values   map[string][]string // by field
	problems []string
	more     int // problems that are not kept
}

// problemsMax is how many problems of one entry are told.
const problemsMax = 10

func (e *entry) problem(format string, args ...any) {
	if len(e.problems) == problemsMax {
		e.more++
		return
	}
	e.problems = append(e.problems, fmt.Sprintf(format, args...))
}

func (e *entry) word(field string) string {
	if v := e.values[field]; len(v) > 0 {
		return strings.TrimSpace(v[0])
	}
	return ""
}

// split takes a cell of several values apart at spaces, commas, semicolons and bars.
func split(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(" ,;|\t\n", r) })
}

// entry yields the name of an entry with its fields, and what in them cannot be taken.
func (l *list) entry(e *entry, line int) bool {
	d, err := Parse(e.word("domain"))
	if err != nil {
		why := err.Error()
		if len(e.problems) > 0 {
			why += "; " + strings.Join(e.problems, "; ")
		}
		return l.bad(line, why)
	}
	d.Source = l.source(line)
	d.take(e)
	d.fill(&l.Defaults)
	if !l.give(d, nil) {
		return false
	}
	if e.more > 0 {
		e.problems = append(e.problems, fmt.Sprintf("%d more problems", e.more))
	}
	for _, p := range e.problems {
		if !l.bad(line, p+"; the name is kept without it") {
			return false
		}
	}
	return true
}

// take fills in what the entry says beside the name, and notes what in it is wrong.
func (d *Domain) take(e *entry) {
	d.Owner, d.Manager = e.word("owner"), e.word("manager")
	d.DNSPlugin, d.Account = e.word("dns_plugin"), e.word("account")
	d.Expect = Expect(oneOf(e, "expect", Expects))
	d.Challenge, d.Renew = oneOf(e, "challenge", challenges), oneOf(e, "renew", renewals)
	d.Origin, d.Tags = slices.Clone(e.values["origin"]), slices.Clone(e.values["tags"])
	for _, text := range e.values["ports"] {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			e.problem("ports: %q is not 1 to 65535", text)
			continue
		}
		if !slices.Contains(d.Ports, uint16(n)) {
			d.Ports = append(d.Ports, uint16(n))
		}
	}
	d.SANs, d.Verify = e.names("sans"), e.names("verify")
}

// oneOf returns a word of a closed set.
func oneOf[T ~string](e *entry, field string, set []T) string {
	v := strings.ToLower(e.word(field))
	if v != "" && !slices.Contains(set, T(v)) {
		e.problem("%s %q is not one of %v", field, v, set)
		return ""
	}
	return v
}

// names reads a field of names; verify hosts may be addresses as well.
func (e *entry) names(field string) []string {
	var out []string
	for _, text := range e.values[field] {
		if _, err := netip.ParseAddr(text); err == nil && field == "verify" {
			out = append(out, text)
			continue
		}
		n, err := Parse(text)
		if err != nil || n.Invalid != "" {
			e.problem("%s: %q cannot be scanned", field, text)
			continue
		}
		out = append(out, n.Name)
	}
	return out
}

// fill gives the domain what it does not say itself.
func (d *Domain) fill(defaults *Domain) {
	for _, w := range []struct{ to, from *string }{
		{&d.Owner, &defaults.Owner},
		{&d.Manager, &defaults.Manager},
		{(*string)(&d.Expect), (*string)(&defaults.Expect)},
		{&d.Challenge, &defaults.Challenge},
		{&d.DNSPlugin, &defaults.DNSPlugin},
		{&d.Account, &defaults.Account},
		{&d.Renew, &defaults.Renew},
	} {
		if *w.to == "" {
			*w.to = *w.from
		}
	}
	for _, l := range []struct{ to, from *[]string }{
		{&d.Origin, &defaults.Origin}, {&d.Verify, &defaults.Verify}, {&d.Tags, &defaults.Tags},
	} {
		if len(*l.to) == 0 {
			*l.to = *l.from
		}
	}
	if len(d.Ports) == 0 {
		d.Ports = defaults.Ports
	}
}
