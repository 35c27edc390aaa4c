package dns

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The provider table: which addresses a customer's A and AAAA show when a CDN or proxy stands in front (its edge),
// and which names its CNAMEs lead to. The addresses from which a proxy connects to origins are another list, which never
// says whose a customer's address is. A CDN's name servers prove nothing: DNS hosted there is not proxied.
//
//go:embed providers.txt
var providersText string

// Provider is one row of the provider table.
type Provider struct {
	ID string
	// Edge holds what a customer's addresses are in, OriginSrc where the provider connects to origins from.
	Edge, OriginSrc []netip.Prefix
	// CNAMEs and Nameservers are suffixes without leading dot.
	CNAMEs, Nameservers []string
	// Published says whether the vendor publishes its edge list, so that [UpdateProviders] can fetch it.
	Published bool
	// Updated says whether Edge is a fetched list, and not the built-in one.
	Updated bool
	// At is when Edge was so, UTC.
	At time.Time

	form  listForm
	lists []string // URLs, whose parts together are Edge
}

// ProviderRanges is the edge list of one provider as it was fetched; it takes the place of the built-in one.
type ProviderRanges struct {
	ID   string
	At   time.Time // when it was fetched, UTC
	Edge []netip.Prefix
}

// Providers returns the provider table in the order of the built-in one, with fetched lists in place of built-in ones.
// Lists of providers that it does not know are left out.
func Providers(updates ...ProviderRanges) []Provider {
	all := builtinProviders()
	for _, u := range updates {
		i := slices.IndexFunc(all, func(p Provider) bool { return p.ID == u.ID && p.Published })
		if i >= 0 {
			all[i].Edge, all[i].At, all[i].Updated = u.Edge, u.At, true
		}
	}
	return all
}

// builtinProviders returns the embedded table. That it parses is a test's business.
func builtinProviders() []Provider {
	all, err := parseProviders(providersText)
	if err != nil {
		panic("built-in provider table: " + err.Error())
	}
	return all
}

// parseProviders reads "date", then "[id]" with the lines of one provider each; "#" begins a comment.
func parseProviders(text string) ([]Provider, error) {
	var all []Provider
	var date time.Time
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		var err error
		switch {
		case len(fields) == 0:
		case strings.HasPrefix(fields[0], "["):
			all = append(all, Provider{ID: strings.Trim(fields[0], "[]"), At: date})
		case len(all) > 0:
			err = all[len(all)-1].add(fields[0], fields[1:])
		case fields[0] == "date" && len(fields) == 2:
			date, err = time.Parse(time.DateOnly, fields[1])
		default:
			err = fmt.Errorf("%q before any [provider]", fields[0])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return all, nil
}

func (p *Provider) add(kind string, values []string) error {
	if kind == "from" {
		return p.addLists(values)
	}
	for _, v := range values {
		switch kind {
		case "edge", "origin_src":
			prefix, err := netip.ParsePrefix(v)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", kind, p.ID, err)
			}
			if prefix != prefix.Masked() {
				return fmt.Errorf("%s of %s: %s has bits below its mask, want %s", kind, p.ID, v, prefix.Masked())
			}
			if kind == "edge" {
				p.Edge = append(p.Edge, prefix)
			} else {
				p.OriginSrc = append(p.OriginSrc, prefix)
			}
		case "cname":
			p.CNAMEs = append(p.CNAMEs, v)
		case "ns":
			p.Nameservers = append(p.Nameservers, v)
		default:
			return fmt.Errorf("unknown word %q, want edge, origin_src, cname, ns or from", kind)
		}
	}
	return nil
}

// addLists reads the form of a vendor's lists and where they are.
func (p *Provider) addLists(values []string) error {
	if len(values) < 2 || !slices.Contains(listForms, listForm(values[0])) {
		return fmt.Errorf("from of %s: want one of %v and a URL", p.ID, listForms)
	}
	p.form, p.Published = listForm(values[0]), true
	for _, v := range values[1:] {
		if !strings.HasPrefix(v, "https://") {
			return fmt.Errorf("from of %s: %s is not https://", p.ID, v)
		}
		p.lists = append(p.lists, v)
	}
	return nil
}

// providers is the table as it is looked up in.
type providers struct {
	edges    prefixes
	suffixes suffixes // of CNAMEs
	hosts    suffixes // of name servers
}

func newProviders(all []Provider) providers {
	p := providers{suffixes: suffixes{}, hosts: suffixes{}}
	for i := range all {
		for _, prefix := range all[i].Edge {
			p.edges.add(prefix, all[i].ID)
		}
		for _, v := range all[i].CNAMEs {
			p.suffixes[v] = all[i].ID
		}
		for _, v := range all[i].Nameservers {
			p.hosts[v] = all[i].ID
		}
	}
	return p
}

// edge returns the provider whose edge the address is.
func (p *providers) edge(a netip.Addr) (netip.Prefix, string, bool) { return p.edges.find(a) }

// cname returns the provider to whose names one of the chain's belongs, and that name.
func (p *providers) cname(chain []string) (name, id string, ok bool) { return p.suffixes.find(chain) }

// host returns the provider to whose name servers one belongs, and that one.
func (p *providers) host(nameservers []string) (name, id string, ok bool) {
	return p.hosts.find(nameservers)
}

// suffixes maps names to the word for all that is at or below them.
type suffixes map[string]string

// find returns the first name that is at or below one of the table's.
func (s suffixes) find(names []string) (name, word string, ok bool) {
	for _, name := range names {
		for suffix := name; suffix != ""; {
			if word, ok := s[suffix]; ok {
				return name, word, true
			}
			_, suffix, _ = strings.Cut(suffix, ".")
		}
	}
	return "", "", false
}
