package dns

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// The registry table: see its own head.
//
//go:embed registries.txt
var registriesText string

// registries says who answers for a suffix.
type registries struct {
	rdap     map[string]string // base URL by suffix, ending in a slash
	whois    map[string]string // server by suffix
	controls map[string][]string
}

// builtinRegistries returns the embedded table. That it parses is a test's business.
func builtinRegistries() registries {
	t, err := parseRegistries(registriesText)
	if err != nil {
		panic("built-in registry table: " + err.Error())
	}
	return t
}

// parseRegistries reads "rdap BASE SUFFIX…", "whois SERVER SUFFIX…" and "control SUFFIX NAME…" lines; "#" begins a comment.
func parseRegistries(text string) (registries, error) {
	t := registries{rdap: map[string]string{}, whois: map[string]string{}, controls: map[string][]string{}}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3 {
			return t, fmt.Errorf("line %d: want a kind, a place and suffixes", n+1)
		}
		if err := t.add(fields[0], fields[1], fields[2:]); err != nil {
			return t, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return t, nil
}

func (t *registries) add(kind, at string, values []string) error {
	if kind == "control" {
		t.controls[at] = append(t.controls[at], values...)
		return nil
	}
	for _, suffix := range values {
		if _, twice := t.rdap[suffix]; twice || t.whois[suffix] != "" {
			return fmt.Errorf("%s stands twice", suffix)
		}
		switch kind {
		case "rdap":
			base := strings.ReplaceAll(at, "{}", suffix)
			if u, err := url.Parse(base); err != nil || u.Scheme != "https" || !strings.HasSuffix(base, "/") {
				return fmt.Errorf("%s: want https and a slash at the end", base)
			}
			t.rdap[suffix] = base
		case "whois":
			t.whois[suffix] = at
		default:
			return fmt.Errorf("unknown word %q, want rdap, whois or control", kind)
		}
	}
	return nil
}

// suffixOf returns the suffix whose registry answers for a registrable domain: its public suffix where that has a row,
// else the top-level domain where the public suffix is of the ICANN section. ok is false for a suffix of the private
// section without a row: who registers there is not known to us.
func (t *registries) suffixOf(domain string) (suffix string, ok bool) {
	_, above, _ := strings.Cut(domain, ".")
	if t.rdap[above] != "" || t.whois[above] != "" {
		return above, true
	}
	listed, icann := publicsuffix.PublicSuffix(domain)
	if !icann && strings.Contains(listed, ".") {
		return above, false
	}
	return domain[strings.LastIndexByte(domain, '.')+1:], true
}

// controlNames returns names that a registry must find before its "not found" counts: nic. of the public suffix first,
// the table's after it.
func (t *registries) controlNames(domain string) []string {
	_, above, _ := strings.Cut(domain, ".")
	return append([]string{"nic." + above}, t.controls[above]...)
}
