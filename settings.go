package main

import (
	"bufio"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/report"
	"certscan/triage"
)

// settings is what the flags and the environment of one command say, parsed.
type settings struct {
	files        []string
	ours         []netip.Prefix
	resolvers    []netip.AddrPort
	rate         int                        // queries a second to each resolver, 0 for the default
	rates        map[netip.AddrPort]float64 // of single ones; the file's
	operators    map[netip.AddrPort]string  // who runs them, for people; the file's
	controls     []string
	roots        []*x509.Certificate
	port         uint16
	httpPort     uint16
	http         bool
	fast         bool
	postQuantum  bool
	probeAll     bool
	allowPrivate bool
	timeout      time.Duration
	concurrency  int
	format       report.Format // empty for the default
	output       string        // empty for standard output
	summary      string
	severities   []triage.Severity
	progress     report.Mode
	noColor      bool
	exitZero     bool
	db           string         // where the store is, as flag or environment say it; empty where they do not
	keep         int            // finished runs of each kind that prune leaves, 0 where it was not said
	olderThan    time.Duration  // of the runs that prune removes, 0 where it was not said
	force        bool           // take what looks wrong
	registration bool           // ask registries
	rdapURL      string         // in place of the table; empty for it
	whoisServer  string         // likewise
	split        string         // "manager": a list for each; empty for one of all
	caa          bool           // ask CAA, HTTPS records and wildcards
	probe        bool           // an audit shakes hands as well
	config       *configuration // what the file says beside the flags; nil where none was looked for
	env          func(string) (string, bool)
}

// parse reads every setting that the command has; the others keep the table's default.
func parse(given map[string]*setting) (settings, error) {
	var s settings
	var errs []error
	get := func(name string) *setting {
		if v := given[name]; v != nil {
			return v
		}
		i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
		return newSetting(options[i], func(string) (string, bool) { return "", false })
	}
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	s.files = get("file").raw
	keep(s.networks(get("ours")))
	keep(s.servers(get("resolver")))
	keep(s.control(get("control")))
	keep(s.anchors(get("ca-file")))
	keep(s.ports(get("port"), get("http-port")))
	keep(s.words(get("http"), get("format"), get("progress")))
	keep(s.severity(get("severity")))
	keep(s.destination(get("output"), get("summary")))
	keep(s.registries(get("registration"), get("rdap-url"), get("whois-server")))
	keep(s.limits(get("timeout"), get("concurrency"), get("rate")))
	s.db = get("db").String()
	keep(s.splitting(get("split-by")))
	keep(s.retention(get("keep"), get("older-than")))
	for name, to := range map[string]*bool{
		"fast": &s.fast, "post-quantum": &s.postQuantum,
		"probe-all": &s.probeAll, "allow-private": &s.allowPrivate, "no-color": &s.noColor, "exit-zero": &s.exitZero,
		"probe": &s.probe, "caa": &s.caa,
		"force": &s.force,
	} {
		var err error
		*to, err = get(name).on()
		keep(err)
	}
	if len(errs) > 0 {
		return s, errs[0]
	}
	return s, nil
}

func (s *settings) networks(v *setting) error {
	for _, text := range v.raw {
		p, err := parseNetwork(text)
		if err != nil {
			return v.bad(text, strings.TrimPrefix(err.Error(), "want "))
		}
		s.ours = append(s.ours, p)
	}
	return nil
}

// parseNetwork reads an address or a network; an error says what is wanted.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, errors.New("want an address or a network, such as 203.0.113.7 or 203.0.113.0/24")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, errors.New("want an IPv4 network as such, or ::ffff:a.b.c.d with /96 and more")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func (s *settings) servers(v *setting) error {
	for _, text := range v.raw {
		a, err := server(text)
		if err != nil {
			return v.bad(text, strings.TrimPrefix(err.Error(), "want "))
		}
		if !slices.Contains(s.resolvers, a) { // it would get twice its rate
			s.resolvers = append(s.resolvers, a)
		}
	}
	return nil
}

var errServer = errors.New("want an address (no name: nothing could look it up), or address:port, such as 127.0.0.1 or [::1]:5353")

// server reads an address with port 53 where it names none; an error says what is wanted.
func server(text string) (netip.AddrPort, error) {
	if rest, ok := strings.CutPrefix(text, "localhost"); ok && (rest == "" || rest[0] == ':') {
		text = "127.0.0.1" + rest
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		if ap.Port() == 0 {
			return ap, errServer
		}
		return ap, nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.AddrPort{}, errServer
	}
	return netip.AddrPortFrom(a, 53), nil
}

// control reads the control names; "none" among them leaves the question out.
func (s *settings) control(v *setting) error {
	if slices.Contains(v.raw, "none") {
		return nil
	}
	for _, text := range v.raw {
		d, err := inventory.Parse(text)
		if err != nil || d.Invalid != "" || d.Wildcard() {
			return v.bad(text, "a domain name that must resolve, or none")
		}
		s.controls = append(s.controls, d.Name)
	}
	return nil
}

// caFileBytesMax bounds a file of trust anchors: the whole of Mozilla's takes some 200 KB.
const caFileBytesMax = 16 << 20

// readAnchors reads a regular file of bounded size; anything else might keep us waiting.
func readAnchors(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file: name one with PEM blocks", path)
	case info.Size() > caFileBytesMax:
		return nil, fmt.Errorf("%s is larger than %d MiB: name a file of CA certificates", path, caFileBytesMax>>20)
	}
	return os.ReadFile(path)
}

func (s *settings) anchors(v *setting) error {
	for _, path := range v.raw {
		data, err := readAnchors(path)
		if err != nil {
			return fmt.Errorf("%s: %w", v.origin, err)
		}
		before := len(s.roots)
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("%s %s: certificate %d: %w", v.origin, path, len(s.roots)-before+1, err)
			}
			s.roots = append(s.roots, c)
		}
		if len(s.roots) == before {
			return fmt.Errorf("%s %s: no certificate in it: PEM blocks \"BEGIN CERTIFICATE\" are wanted", v.origin, path)
		}
	}
	return nil
}

func (s *settings) ports(tls, plain *setting) error {
	p, err := tls.number(1, 65535)
	if err != nil {
		return err
	}
	h, err := plain.number(1, 65535)
	s.port, s.httpPort = uint16(p), uint16(h)
	return err
}

func (s *settings) words(http, format, progress *setting) error {
	h, err1 := http.word()
	f, err2 := format.word()
	p, err3 := progress.word()
	s.http, s.format, s.progress = h != "off", report.Format(f), report.Mode(p)
	return errors.Join(err1, err2, err3)
}

func (s *settings) severity(v *setting) error {
	for _, word := range strings.FieldsFunc(v.String(), func(r rune) bool { return r == ',' || r == ' ' }) {
		level := triage.Severity(strings.ToUpper(word))
		if !slices.Contains(triage.Severities, level) {
			return v.bad(word, "URGENT, WARN or OK, several by comma")
		}
		s.severities = append(s.severities, level)
	}
	return nil
}

// registries reads whether and where registries are asked.
func (s *settings) registries(ask, rdap, whois *setting) error {
	word, err := ask.word()
	if err != nil {
		return err
	}
	s.registration, s.rdapURL, s.whoisServer = word != "off", rdap.String(), whois.String()
	if s.rdapURL != "" {
		u, err := url.Parse(s.rdapURL)
		if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery+u.Fragment != "" || u.User != nil {
			return rdap.bad(s.rdapURL, "the base of an RDAP service, such as https://rdap.example.net/v1/")
		}
	}
	if s.whoisServer != "" && !isHostPort(s.whoisServer) {
		return whois.bad(s.whoisServer, "a host or host:port, such as whois.example.net or 127.0.0.1:4343")
	}
	return nil
}

// isHostPort reports whether a text is a name or an address that can be asked, with or without a port.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "43"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	d, err := inventory.Parse(host)
	return err == nil && d.Invalid == "" && !d.Wildcard() && d.Name == strings.ToLower(host)
}

func (s *settings) splitting(by *setting) error {
	if s.split = by.String(); s.split != "" && s.split != "manager" {
		return by.bad(s.split, "manager")
	}
	return nil
}

// numberMax is the most that a flag with N takes.
const numberMax = 100_000

// retention reads what prune is to leave.
func (s *settings) retention(keep, olderThan *setting) (err error) {
	if keep.String() != "" {
		if s.keep, err = keep.number(1, numberMax); err != nil {
			return err
		}
	}
	if text := olderThan.String(); text != "" {
		if s.olderThan, err = parseDuration(text); err != nil {
			return olderThan.bad(text, strings.TrimPrefix(err.Error(), "want "))
		}
	}
	return nil
}

func (s *settings) limits(timeout, concurrency, rate *setting) error {
	d, err := parseDuration(timeout.String())
	if err != nil {
		if n, bad := strconv.Atoi(timeout.String()); bad == nil && n > 0 {
			return timeout.bad(timeout.String(), fmt.Sprintf("a unit: %ds for seconds, %dms for milliseconds", n, n))
		}
		return timeout.bad(timeout.String(), "a duration, such as 5s or 800ms")
	}
	s.timeout = d
	var bad error
	s.concurrency, err = concurrency.number(0, numberMax)
	s.rate, bad = rate.number(0, numberMax)
	return cmp.Or(err, bad)
}

// asking says how the servers are asked.
func (s *settings) asking(servers []netip.AddrPort) dns.Config {
	return dns.Config{
		Servers: servers, Timeout: s.timeout, Concurrency: s.concurrency,
		Rate: float64(s.rate), Rates: s.rates, Operators: s.operators,
	}
}

// systemResolvers returns the nameserver lines of resolv.conf, and nothing else of it.
func systemResolvers(path string) ([]netip.AddrPort, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("find a resolver: %w: name one with --resolver", err)
	}
	defer func() { _ = f.Close() }()
	var out []netip.AddrPort
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if a, err := server(fields[1]); err == nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w: name a resolver with --resolver", path, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read %s: no nameserver line in it: name a resolver with --resolver", path)
	}
	return out, nil
}
