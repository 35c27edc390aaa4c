package dns

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
)

// The provider table: which addresses a customer's A and AAAA show when a CDN or proxy stands in front (its edge),
// and which names its CNAMEs lead to. The addresses from which a proxy connects to origins are another list and never
// belong here. A CDN's name servers prove nothing: DNS hosted there is not proxied.
//
//go:embed providers.txt
var providersText string

type providers struct {
	edges    prefixes
	suffixes map[string]string // CNAME suffix without leading dot → provider id
}

// builtin returns the embedded table. That it parses is a test's business.
func builtin() providers {
	p, err := parseProviders(providersText)
	if err != nil {
		panic("built-in provider table: " + err.Error())
	}
	return p
}

// parseProviders reads "[id]", "edge PREFIX…" and "cname SUFFIX…" lines; "#" begins a comment.
func parseProviders(text string) (providers, error) {
	p := providers{suffixes: map[string]string{}}
	id := ""
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if strings.HasPrefix(fields[0], "[") {
			id = strings.Trim(fields[0], "[]")
			continue
		}
		if err := p.add(id, fields[0], fields[1:]); err != nil {
			return providers{}, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return p, nil
}

func (p *providers) add(id, kind string, values []string) error {
	if id == "" {
		return fmt.Errorf("%q before any [provider]", kind)
	}
	for _, v := range values {
		switch kind {
		case "edge":
			prefix, err := netip.ParsePrefix(v)
			if err != nil {
				return fmt.Errorf("edge of %s: %w", id, err)
			}
			if prefix != prefix.Masked() {
				return fmt.Errorf("edge of %s: %s has bits below its mask, want %s", id, v, prefix.Masked())
			}
			p.edges.add(prefix, id)
		case "cname":
			p.suffixes[v] = id
		default:
			return fmt.Errorf("unknown word %q, want edge or cname", kind)
		}
	}
	return nil
}

// edge returns the provider whose edge the address is.
func (p *providers) edge(a netip.Addr) (netip.Prefix, string, bool) { return p.edges.find(a) }

// cname returns the provider to whose names one of the chain's belongs, and that name.
func (p *providers) cname(chain []string) (name, id string, ok bool) {
	for _, name := range chain {
		for suffix := name; suffix != ""; {
			if id, ok := p.suffixes[suffix]; ok {
				return name, id, true
			}
			_, suffix, _ = strings.Cut(suffix, ".")
		}
	}
	return "", "", false
}
