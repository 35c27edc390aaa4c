package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"certscan/inventory"
	"certscan/triage"
)

// value is one scalar of the configuration file and where it stands. The zero value was not given.
type value struct {
	text string
	at   place
}

// scalar is a type of value: it reads itself from the text, and says what the text may be.
type scalar interface {
	keep(v value)
	parse() error // says what is wanted
	form() form
}

// form is what a schema and the docs say about a type of value.
type form struct {
	kind    string // JSON Schema's type: string, integer, boolean
	says    string // for people
	pattern string
	words   []string // a closed set
	least   int      // of an integer
	most    int
}

func (v *value) keep(x value) { *v = x }
func (v *value) given() bool  { return v.at.doc != nil }

// word is any text but none.
type word struct{ value }

func (w *word) parse() error {
	if strings.TrimSpace(w.text) == "" {
		return errors.New("want a word, not nothing")
	}
	return nil
}

func (*word) form() form { return form{kind: "string", says: "text"} }

// duration is a length of time of more than nothing.
type duration struct {
	value
	length time.Duration
}

const wantDuration = "want a duration, such as 30s, 5m, 24h or 14d"

func (d *duration) parse() (err error) {
	d.length, err = parseDuration(d.text)
	return err
}

func (*duration) form() form {
	return form{kind: "string", says: "duration: 30s, 5m, 24h, 14d", pattern: `^([0-9]+d|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`}
}

// longest is the longest duration that means something here.
const longest = 100 * 365 * 24 * time.Hour

// parseDuration reads 800ms, 30s, 5m, 24h, 14d and what time.ParseDuration takes, but nothing of no length.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	switch n, bad := strconv.Atoi(text); {
	case bad == nil && n > 0:
		return 0, fmt.Errorf("want a unit: %ds for seconds, %dd for days", n, n)
	case err != nil || d <= 0 || d > longest:
		return 0, errors.New(wantDuration)
	}
	return d, nil
}

// share is a part of a lifetime: 1/3, 14/90, 20%.
type share struct {
	value
	part triage.Share
}

func (s *share) parse() error {
	num, den, ok := strings.Cut(s.text, "/")
	if percent, is := strings.CutSuffix(s.text, "%"); is {
		num, den, ok = percent, "100", true
	}
	n, err1 := strconv.ParseUint(strings.TrimSpace(num), 10, 16)
	d, err2 := strconv.ParseUint(strings.TrimSpace(den), 10, 16)
	if !ok || err1 != nil || err2 != nil || n == 0 || n > d {
		return errors.New("want a part of the lifetime, such as 1/3, 14/90 or 20%")
	}
	s.part = triage.Share{Num: int64(n), Den: int64(d)}
	return nil
}

func (*share) form() form {
	return form{kind: "string", says: "part: 1/3, 20%", pattern: `^[0-9]+ *(/ *[0-9]+|%)$`}
}

// network is an address or a network.
type network struct {
	value
	prefix netip.Prefix
}

func (n *network) parse() (err error) {
	n.prefix, err = parseNetwork(n.text)
	return err
}

func (*network) form() form { return form{kind: "string", says: "network or address: 203.0.113.0/24"} }

// address is a literal address.
type address struct {
	value
	addr netip.Addr
}

func (a *address) parse() error {
	addr, err := netip.ParseAddr(a.text)
	if err != nil || addr.Zone() != "" {
		return errors.New("want an address, such as 203.0.113.7 or 2001:db8::7")
	}
	a.addr = addr.Unmap()
	return nil
}

func (*address) form() form { return form{kind: "string", says: "address: 203.0.113.7"} }

// resolverAddress is where a resolver is asked.
type resolverAddress struct {
	value
	server netip.AddrPort
}

func (a *resolverAddress) parse() (err error) {
	a.server, err = server(a.text)
	return err
}

func (*resolverAddress) form() form {
	return form{kind: "string", says: "address or address:port: 127.0.0.1, [::1]:5353"}
}

// name is a domain name that can be scanned.
type name struct {
	value
	domain inventory.Domain
}

func (n *name) parse() error {
	d, err := inventory.Parse(n.text)
	switch {
	case err != nil:
		return err
	case d.Invalid != "":
		return errors.New(d.Invalid)
	case d.At.IsValid() || len(d.Ports) > 0:
		return errors.New("want the name alone, without port or address")
	}
	n.domain = d
	return nil
}

func (*name) form() form { return form{kind: "string", says: "domain name"} }

// host is a domain name or an address.
type host struct {
	value
	canonical string
}

func (h *host) parse() error {
	if a, err := netip.ParseAddr(h.text); err == nil {
		h.canonical = a.Unmap().String()
		return nil
	}
	n := name{value: h.value}
	err := n.parse()
	h.canonical = n.domain.Name
	return err
}

func (*host) form() form { return form{kind: "string", says: "domain name or address"} }

// glob is a pattern of names: * is any run of characters, dots as well, ? is one.
type glob struct{ value }

func (g *glob) parse() error {
	if _, err := path.Match(g.text, ""); err != nil || g.text == "" || strings.ContainsAny(g.text, "/ ") {
		return errors.New("want a pattern of names, such as *.test.example.net")
	}
	return nil
}

func (*glob) form() form { return form{kind: "string", says: "pattern of names: *.test.example.net"} }

// matches reports whether the pattern covers a name, in either form.
func (g *glob) matches(d *inventory.Domain) bool {
	pattern := strings.ToLower(g.text)
	a, _ := path.Match(pattern, d.Name)
	b, _ := path.Match(pattern, d.Display)
	return a || b
}

// expectation is what is expected of a name.
type expectation struct{ value }

func (e *expectation) parse() error {
	if words := e.form().words; !slices.Contains(words, e.text) {
		return fmt.Errorf("want one of %s: %s", strings.Join(words, ", "), instead(e.text, words))
	}
	return nil
}

func (*expectation) form() form {
	f := form{kind: "string", says: "word"}
	for _, e := range inventory.Expects {
		f.words = append(f.words, string(e))
	}
	return f
}

// port is a TCP port.
type port struct {
	value
	number uint16
}

func (p *port) parse() error {
	n, err := strconv.ParseUint(p.text, 10, 16)
	if err != nil || n == 0 {
		return errors.New("want a port, 1 to 65535")
	}
	p.number = uint16(n)
	return nil
}

func (*port) form() form { return form{kind: "integer", says: "port", least: 1, most: 65535} }

// count is a number of things.
type count struct {
	value
	number int
}

func (c *count) parse() error {
	n, err := strconv.Atoi(c.text)
	if f := c.form(); err != nil || n < f.least || n > f.most {
		return fmt.Errorf("want a number from %d to %d", f.least, f.most)
	}
	c.number = n
	return nil
}

func (*count) form() form { return form{kind: "integer", says: "number", least: 1, most: numberMax} }

// perMinute is a rate: 15/m.
type perMinute struct {
	value
	number int
}

// perMinuteMax is more than any registry bears.
const perMinuteMax = 1000

func (r *perMinute) parse() error {
	text, ok := strings.CutSuffix(r.text, "/m")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 1 || n > perMinuteMax {
		return fmt.Errorf("want a rate from 1/m to %d/m, such as 15/m", perMinuteMax)
	}
	r.number = n
	return nil
}

func (*perMinute) form() form {
	return form{kind: "string", says: "rate: 15/m", pattern: "^[0-9]+/m$"}
}

// header is a text that can stand in a line of HTTP.
type header struct{ value }

func (h *header) parse() error {
	printable := !strings.ContainsFunc(h.text, func(r rune) bool { return r < ' ' || r > '~' })
	if !printable || strings.TrimSpace(h.text) == "" || len(h.text) > 256 {
		return errors.New("want a line of printable ASCII, at most 256 bytes")
	}
	return nil
}

func (*header) form() form {
	return form{kind: "string", says: "line of ASCII", pattern: "^[ -~]{1,256}$"}
}

// days writes a duration in days where it is a whole number of them.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}
