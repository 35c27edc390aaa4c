package inventory

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Limits of RFC 1035 §2.3.4, without the root's dot.
const (
	nameBytesMax  = 253
	labelBytesMax = 63
)

// invalidBytesMax is what is kept of a name that cannot be scanned.
const invalidBytesMax = 255

// lookup is UTS 46 for looking names up, non-transitional, with "_" and LDH left to us: profiles that are stricter
// refuse hosts that exist (r3---sn, _dmarc).
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// Parse reads one name as people write it: "example.com", "пример.рф", "*.example.com", "example.com:8443",
// "https://example.com/path", "example.com@203.0.113.7", "example.com@[2001:db8::1]:443". An error means that no name
// can be read from the text; a name that can be read and cannot be scanned comes back with Invalid set.
func Parse(text string) (Domain, error) {
	if d, ok := plain(text); ok {
		return d, nil
	}
	return parse(text)
}

// plain returns the domain of a text that is a name as it stands.
func plain(text string) (Domain, bool) {
	if !isPlain(text) {
		return Domain{}, false
	}
	return Domain{Name: text, Display: text}, true
}

// isPlain reports whether a text is a name as it stands, in which there is nothing to take off, to map or to refuse: what
// most lines of most lists are.
func isPlain(text string) bool {
	if len(text) > nameBytesMax {
		return false
	}
	labels, rest := 0, text
	for {
		n := plainLabel(rest)
		if n == 0 {
			return false
		}
		if labels++; n == len(rest) {
			break
		}
		rest = rest[n+1:]
	}
	if labels < 2 || isNumber(rest) {
		return false
	}
	suffix, icann := publicsuffix.PublicSuffix(text)
	return !icann || len(suffix) < len(text)
}

// plainLabel returns the length of the label at the beginning of a name, 0 where it is not one of lower-case ASCII that
// means itself. A-labels (RFC 5890 §2.3.2.1) do not, nor may others with "--" in their place.
func plainLabel(s string) int {
	n := 0
	for n < len(s) && inLabel(s[n]) {
		n++
	}
	switch {
	case n == 0 || n > labelBytesMax, n < len(s) && s[n] != '.':
		return 0
	case s[0] == '-' || s[n-1] == '-', n > 3 && s[2:4] == "--":
		return 0
	}
	return n
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// inLabel reports whether a byte may stand in a label of lower-case ASCII.
func inLabel(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// parse does the work of Parse for any text.
func parse(text string) (Domain, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Domain{}, errors.New("no name")
	case !utf8.ValidString(text):
		return Domain{}, errors.New("not UTF-8 text")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }):
		return Domain{}, errors.New("a control character in it: no text")
	case strings.ContainsFunc(text, unicode.IsSpace):
		return Domain{}, errors.New("more than one word: one name a line is wanted, or a header line with a column named domain")
	}
	var d Domain
	host, err := d.split(text)
	if err != nil {
		return invalid(d, text, err), nil
	}
	if host == "" {
		return Domain{}, fmt.Errorf("no name in %q", text)
	}
	name, err := canonical(host)
	if err != nil {
		return invalid(d, host, err), nil
	}
	d.Name, d.Display = name, display(name)
	return d, nil
}

// invalid keeps a text as the name of what cannot be scanned. Of a long one the end is told by a hash, so that two
// different ones stay two.
func invalid(d Domain, text string, why error) Domain {
	text = strings.ToLower(text)
	if len(text) > invalidBytesMax {
		whole := fnv.New32a()
		_, _ = whole.Write([]byte(text)) // never fails (hash.Hash)
		mark := fmt.Sprintf("…%08x", whole.Sum32())
		for len(text)+len(mark) > invalidBytesMax {
			_, n := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-n]
		}
		text += mark
	}
	d.Name, d.Display, d.Invalid = text, text, why.Error()
	return d
}

// split takes scheme, path, port and given address off, keeps the latter two in d, and returns the host.
func (d *Domain) split(text string) (string, error) {
	var host string
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return rest, fmt.Errorf("a URL without a host after %s://", scheme)
		}
		host = u.Host
		if scheme == "http" {
			host = u.Hostname() // its port is not one of TLS
		}
	} else {
		host, _, _ = strings.Cut(strings.TrimPrefix(text, "//"), "/")
	}
	name, at, given := strings.Cut(host, "@")
	if !given {
		return d.splitPort(host)
	}
	if addr, err := netip.ParseAddr(strings.Trim(at, "[]")); err == nil {
		d.At = addr.Unmap()
		return d.splitPort(name)
	}
	ap, err := netip.ParseAddrPort(at)
	if err != nil || ap.Port() == 0 {
		return text, fmt.Errorf("%q after @ is no address: name@address or name@address:port is wanted", at)
	}
	d.At, d.Ports = ap.Addr().Unmap(), []uint16{ap.Port()}
	return name, nil
}

func (d *Domain) splitPort(host string) (string, error) {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return host, nil // canonical says what is wrong with it
	}
	if ap, err := netip.ParseAddrPort(host); err == nil && ap.Addr().Is6() {
		return ap.Addr().String(), nil // likewise
	}
	name, port, ok := strings.Cut(host, ":")
	if !ok {
		return host, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return host, fmt.Errorf("%q is no port: 1 to 65535 is wanted", port)
	}
	d.Ports = []uint16{uint16(n)}
	return name, nil
}

// canonical returns the lower-case A-label form of a host name.
func canonical(host string) (string, error) {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", errors.New("an address, not a name: name@address probes a name at an address")
	}
	rest, wildcard := strings.CutPrefix(strings.TrimRight(host, ".。．｡"), "*.")
	name, err := lookup.ToASCII(rest)
	if err != nil {
		if !isASCII(rest) {
			return "", fmt.Errorf("not an internationalised domain name: %w", err)
		}
		name = strings.ToLower(rest) // hosts like r3---sn exist all the same
	}
	if err := checkLabels(name); err != nil {
		return "", err
	}
	if suffix, icann := publicsuffix.PublicSuffix(name); icann && suffix == name {
		return "", fmt.Errorf("%s is a public suffix, nobody's own name", name)
	}
	if wildcard {
		name = "*." + name
	}
	if len(name) > nameBytesMax {
		return "", fmt.Errorf("%d bytes long, at most %d are allowed", len(name), nameBytesMax)
	}
	return name, nil
}

func checkLabels(name string) error {
	labels := strings.Split(name, ".")
	if len(labels) < 2 {
		return errors.New("one label only: a domain name has two at least")
	}
	for _, l := range labels {
		switch {
		case l == "":
			return errors.New("an empty label (two dots in a row, or one in front)")
		case len(l) > labelBytesMax:
			return fmt.Errorf("a label of %d bytes, at most %d are allowed", len(l), labelBytesMax)
		case l[0] == '-' || l[len(l)-1] == '-':
			return fmt.Errorf("label %q begins or ends with a hyphen", l)
		}
		for _, c := range []byte(l) {
			if !inLabel(c) {
				return fmt.Errorf("character %q cannot stand in a domain name", string(rune(c)))
			}
		}
	}
	if last := labels[len(labels)-1]; isNumber(last) {
		return fmt.Errorf("the last label %q is a number", last)
	}
	return nil
}

func display(name string) string {
	rest, wildcard := strings.CutPrefix(name, "*.")
	u, err := lookup.ToUnicode(rest)
	if err != nil {
		return name
	}
	if wildcard {
		u = "*." + u
	}
	return u
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
