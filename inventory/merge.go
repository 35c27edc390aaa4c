package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// Merged is one name of an inventory that was loaded whole: what all lines and sources say of it together.
type Merged struct {
	Domain
	// Facts says where each field that has a value was said first, by the name of the field.
	Facts map[string]string
	// Conflicts are what was said later and otherwise, in the order of reading.
	Conflicts []Conflict
}

// Conflict is a field of which two lines say different things. Kept stood at Facts[Field], Dropped at Source.
type Conflict struct {
	Field, Kept, Dropped, Source string
}

// key is what makes two lines speak of the same: the name, and the address where one was given.
func (d *Domain) key() string {
	if d.At.IsValid() {
		return d.Name + "@" + d.At.String()
	}
	return d.Name
}

// bare returns the domain without what is merged.
func bare(d *Domain) Domain {
	return Domain{Name: d.Name, Display: d.Display, Invalid: d.Invalid, Source: d.Source, At: d.At}
}

// add merges what one more line says.
func (m *Merged) add(d *Domain) {
	merge(m, d.Source, "sans", &m.SANs, d.SANs)
	m.word(d.Source, "owner", &m.Owner, d.Owner)
	m.word(d.Source, "manager", &m.Manager, d.Manager)
	m.word(d.Source, "expect", (*string)(&m.Expect), string(d.Expect))
	merge(m, d.Source, "origin", &m.Origin, d.Origin)
	merge(m, d.Source, "verify", &m.Verify, d.Verify)
	merge(m, d.Source, "ports", &m.Ports, d.Ports)
	m.word(d.Source, "challenge", &m.Challenge, d.Challenge)
	m.word(d.Source, "dns_plugin", &m.DNSPlugin, d.DNSPlugin)
	m.word(d.Source, "account", &m.Account, d.Account)
	m.word(d.Source, "renew", &m.Renew, d.Renew)
	m.tags(d)
}

func (m *Merged) word(source, field string, kept *string, said string) {
	switch {
	case said == "" || said == *kept:
	case *kept == "":
		*kept = said
		m.fact(field, source)
	default:
		m.Conflicts = append(m.Conflicts, Conflict{field, *kept, said, source})
	}
}

// merge does for a list of values what word does for one; their order says nothing.
func merge[T comparable](m *Merged, source, field string, kept *[]T, said []T) {
	switch {
	case len(said) == 0:
	case len(*kept) == 0:
		*kept = slices.Clone(said)
		m.fact(field, source)
	case !sameSet(*kept, said):
		m.Conflicts = append(m.Conflicts, Conflict{field, joined(*kept), joined(said), source})
	}
}

func (m *Merged) tags(d *Domain) {
	for _, t := range d.Tags {
		if !slices.Contains(m.Tags, t) {
			m.Tags = append(m.Tags, t)
			m.fact("tags", d.Source)
		}
	}
}

// fact notes where a field was said first.
func (m *Merged) fact(field, source string) {
	if m.Facts == nil {
		m.Facts = map[string]string{}
	}
	if _, known := m.Facts[field]; !known {
		m.Facts[field] = source
	}
}

func sameSet[T comparable](a, b []T) bool {
	in := func(whole []T) func(T) bool { return func(v T) bool { return !slices.Contains(whole, v) } }
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

func joined[T any](list []T) string { return strings.Trim(fmt.Sprint(list), "[]") }
