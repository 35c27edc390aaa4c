package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"certscan/store"
	"certscan/triage"
)

// configuration is the configuration file. Beside these sections every flag has a key of its own: option.key. The tags
// are the one source of the reader, the schema and docs/configuration.md.
type configuration struct {
	Ours       ourAddresses           `key:"ours" doc:"What is ours. --ours takes the place of all of it."`
	Inventory  []inventorySource      `key:"inventory" doc:"Where the names stand. scan and dns without domains and --file look at these; what was said first of a name counts."`
	Defaults   nameFacts              `key:"defaults" doc:"For every name that says nothing itself."`
	Domains    []exception            `key:"domains" doc:"The exceptions: what is said here of a name wins over its inventory. A name that stands in none is looked at as well."`
	Ignore     []glob                 `key:"ignore" doc:"Names of an inventory or a list that are not looked at, only counted. A name on the command line is looked at all the same."`
	Managers   map[string]managerData `key:"managers" doc:"Who answers for customers, by the name that manager refers to."`
	Resolvers  []resolverData         `key:"resolvers" doc:"Ask these, the first one normally; default the nameserver lines of /etc/resolv.conf. --resolver takes the place of all of it."`
	Registries registryData           `key:"registration" doc:"How registries are asked."`
	Probe      probeData              `key:"probe" doc:"How servers are asked."`
	Database   databaseData           `key:"database" doc:"Where runs are kept: sqlite: and an absolute path, postgres://USER@HOST/DATABASE, or the word default for the usual place; a URL with a password belongs into env or file. Without it scan, dns and probe keep nothing."`
	Keep       keepData               `key:"keep" doc:"How long it is kept."`
	Thresholds thresholdData          `key:"thresholds" doc:"When a certificate that runs out is told: the smaller of the time left and the share of its lifetime."`

	doc     *document          // nil where no file was found
	options map[string][]value // what stands at the keys of flags
}

type ourAddresses struct {
	Networks []network            `key:"networks" doc:"Ours when a name points there."`
	Servers  map[string][]address `key:"servers" doc:"Machines that answer for customers, by a name that origin may refer to. Their addresses are ours, and asked for proxied names that name no origin."`
	Proof    proofData            `key:"proof" doc:"How our servers are known behind a proxy, see proxies.md."`
}

type proofData struct {
	Token secretData `key:"token" doc:"What the location /.well-known/certscan of our web servers answers with."`
}

// secretData is a text that stands elsewhere.
type secretData struct {
	Env  word `key:"env" doc:"The environment variable that holds it."`
	File word `key:"file" doc:"The file that holds it, which others than its owner must not be able to write."`
}

type inventorySource struct {
	File     word        `key:"file" need:"yes" doc:"The list; a relative path counts from the folder of the configuration file."`
	Columns  columnNames `key:"columns" doc:"What the file calls its columns, where that differs from our names."`
	Defaults nameFacts   `key:"defaults" doc:"For every name of this file that says nothing itself; wins over the defaults of all."`
}

type columnNames struct {
	Domain    word `key:"domain" doc:"Column of the name."`
	SANs      word `key:"sans" doc:"Column of further names of the same certificate."`
	Owner     word `key:"owner" doc:"Column of the customer."`
	Manager   word `key:"manager" doc:"Column of who answers for the customer."`
	Expect    word `key:"expect" doc:"Column of what is expected of the name."`
	Origin    word `key:"origin" doc:"Column of the servers behind a proxy."`
	Verify    word `key:"verify" doc:"Column of the hosts that show a wildcard's certificate."`
	Ports     word `key:"ports" doc:"Column of the TLS ports."`
	Challenge word `key:"challenge" doc:"Column of the challenge."`
	DNSPlugin word `key:"dns_plugin" doc:"Column of the DNS plug-in."`
	Account   word `key:"account" doc:"Column of the account."`
	Renew     word `key:"renew" doc:"Column of who renews."`
	Tags      word `key:"tags" doc:"Column of the tags."`
}

type nameFacts struct {
	Manager word        `key:"manager" doc:"Who answers for the customer: one of managers, where that section stands."`
	Owner   word        `key:"owner" doc:"The customer."`
	Expect  expectation `key:"expect" doc:"What is expected of a name: what agrees is OK, what disagrees is the finding."`
}

type exception struct {
	Domain  name        `key:"domain" need:"yes" doc:"The name, or *. and a name."`
	SANs    []name      `key:"sans" doc:"Further names of the same certificate."`
	Manager word        `key:"manager" doc:"Who answers for the customer: one of managers, where that section stands."`
	Owner   word        `key:"owner" doc:"The customer."`
	Expect  expectation `key:"expect" doc:"What is expected of the name."`
	Origin  []word      `key:"origin" doc:"Our servers behind a proxy: names of ours.servers, or addresses."`
	Verify  []host      `key:"verify" doc:"Hosts that show the certificate of a wildcard or an internal name."`
	Ports   []port      `key:"ports" doc:"TLS ports, in place of port."`
}

type managerData struct {
	Mail word `key:"mail" doc:"The address for mail."`
}

type resolverData struct {
	Address  resolverAddress `key:"address" need:"yes" alone:"yes" doc:"Where it is asked; port 53 where none is given."`
	Operator word            `key:"operator" doc:"Who runs it: messages about the resolver tell it, and two resolvers of one operator do not count as two."`
	Rate     count           `key:"rate" doc:"Queries a second that it gets at most; default the key rate. --rate takes the place of it."`
}

type registryData struct {
	WhoisRate perMinute `key:"whois_rate" fallback:"15/m" doc:"Queries a minute that one WHOIS server gets at most."`
	Every     duration  `key:"every" fallback:"30d" doc:"How often the registration of a clean name is looked up where a store is named; daily in the last 45 days before its end."`
}

type probeData struct {
	PerAddress count  `key:"per_address" fallback:"32" doc:"The most probes of one address at a time, beside those that wait for a silent host."`
	UserAgent  header `key:"user_agent" doc:"What we call ourselves in HTTP requests; default certscan, its version and where to read about it."`
}

type databaseData struct {
	Place word `alone:"yes"`
	Env   word `key:"env" doc:"The environment variable that holds it."`
	File  word `key:"file" doc:"The file that holds it, which others than its owner must not be able to write."`
}

type keepData struct {
	Runs duration `key:"runs" doc:"prune removes runs that began longer ago; since when a name has its verdict is never forgotten."`
}

type thresholdData struct {
	Warn   threshold `key:"warn" doc:"cert_expiring at WARN; default 30d and 1/3."`
	Urgent threshold `key:"urgent" doc:"cert_expiring at URGENT; default 14d and 14/90."`
	Page   threshold `key:"page" doc:"cert_expiring at URGENT and priority P1; default 7d and 7/90."`
}

type threshold struct {
	Left       duration `key:"left" doc:"Time left; where it is not given the default stays."`
	OfLifetime share    `key:"of_lifetime" doc:"Share of the whole lifetime; where it is not given the default stays."`
}

// values returns what the file says in place of an option's flag.
func (c *configuration) values(o option) []value {
	var out []value
	switch o.name {
	case "resolver":
		for _, r := range c.Resolvers {
			out = append(out, r.Address.value)
		}
		return out
	case "older-than":
		if c.Keep.Runs.given() {
			return []value{c.Keep.Runs.value}
		}
		return nil
	case "ours":
	default:
		return c.options[o.key()]
	}
	for _, n := range c.Ours.Networks {
		out = append(out, n.value)
	}
	for _, server := range slices.Sorted(maps.Keys(c.Ours.Servers)) {
		for _, a := range c.Ours.Servers[server] {
			out = append(out, a.value)
		}
	}
	return out
}

// beside returns a path of the file as seen from the working directory.
func (c *configuration) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.doc.file), path)
}

// policy returns the judgement's policy.
func (c *configuration) policy() triage.Policy {
	p := triage.Defaults()
	c.Thresholds.Warn.over(&p.Warn)
	c.Thresholds.Urgent.over(&p.Urgent)
	c.Thresholds.Page.over(&p.Page)
	return p
}

func (t *threshold) over(d *triage.Threshold) {
	if t.Left.given() {
		d.Left = t.Left.length
	}
	if t.OfLifetime.given() {
		d.Share = t.OfLifetime.part
	}
}

// check finds what each value alone does not show.
func (c *configuration) check() faults {
	found := c.Thresholds.check(c.policy())
	found = append(found, c.checkManagers()...)
	found = append(found, c.checkOrigins()...)
	found = append(found, c.checkResolvers()...)
	found = append(found, c.checkOptions()...)
	found = append(found, c.Database.check()...)
	found = append(found, c.Ours.Proof.Token.check("ours.proof.token")...)
	first := map[string]place{}
	for _, e := range c.Domains {
		if at, known := first[e.Domain.domain.Name]; known && e.Domain.given() {
			found = append(found, e.Domain.at.fault("domains: %s stands in line %d already: put both into one entry", e.Domain.text, at.line))
			continue
		}
		first[e.Domain.domain.Name] = e.Domain.at
	}
	for _, s := range c.Inventory {
		if s.File.text == "-" {
			found = append(found, s.File.at.fault("inventory.file: standard input is nobody's inventory: name a file (--file - reads it once)"))
		}
	}
	return found
}

// checkOptions holds that what stands in place of flags can be taken, whichever command reads the file. What ca_file names is
// read by the commands that dial.
func (c *configuration) checkOptions() (found faults) {
	for _, o := range options {
		if o.value == "PEM" {
			continue
		}
		s := newSetting(o, func(string) (string, bool) { return "", false })
		c.fill(s)
		if _, err := parse(map[string]*setting{o.name: s}); err != nil {
			bad, _ := errors.AsType[faults](err)
			found = append(found, bad...)
		}
	}
	return found
}

// check refuses a password in the file. The line is not shown.
func (d *databaseData) check() (found faults) {
	if u, err := url.Parse(d.Place.text); store.IsURL(d.Place.text) && (err != nil || u.User.String() != u.User.Username() || u.Query().Has("password")) {
		f := d.Place.at.fault("database: a password, or a URL that cannot be read: write database: {env: DATABASE_URL} or {file: PATH}, and the URL there")
		f.hidden = true
		found = append(found, f)
	}
	if d.Env.given() && d.File.given() {
		found = append(found, d.File.at.fault("database: env and file both: take one of them out"))
	}
	return found
}

// checkResolvers holds that no resolver stands in the list twice: which rate would be its own?
func (c *configuration) checkResolvers() (found faults) {
	first := map[netip.AddrPort]place{}
	for _, r := range c.Resolvers {
		if at, known := first[r.Address.server]; known {
			found = append(found, r.Address.at.fault("resolvers: %s stands in line %d already: take one of them out", r.Address.text, at.line))
			continue
		}
		first[r.Address.server] = r.Address.at
	}
	return found
}

// checkManagers holds that each manager named is one of managers, where that section stands.
func (c *configuration) checkManagers() (found faults) {
	if c.Managers == nil {
		return nil
	}
	known := slices.Sorted(maps.Keys(c.Managers))
	check := func(w word) {
		if _, ok := c.Managers[w.text]; w.given() && !ok {
			found = append(found, w.at.fault("unknown manager %q: %s", w.text, instead(w.text, known)))
		}
	}
	check(c.Defaults.Manager)
	for _, s := range c.Inventory {
		check(s.Defaults.Manager)
	}
	for _, e := range c.Domains {
		check(e.Manager)
	}
	return found
}

// checkOrigins holds that each origin is a server of ours or an address.
func (c *configuration) checkOrigins() (found faults) {
	known := slices.Sorted(maps.Keys(c.Ours.Servers))
	for _, e := range c.Domains {
		for _, o := range e.Origin {
			if _, err := netip.ParseAddr(o.text); err == nil || slices.Contains(known, o.text) {
				continue
			}
			hint := "name it in ours.servers, or give its address"
			if len(known) > 0 {
				hint = instead(o.text, known)
			}
			found = append(found, o.at.fault("unknown origin %q: %s", o.text, hint))
		}
	}
	return found
}

// check holds that no level is reached before a milder one.
func (t *thresholdData) check(p triage.Policy) (found faults) {
	levels := []struct {
		name  string
		given *threshold
		is    triage.Threshold
	}{{"warn", &t.Warn, p.Warn}, {"urgent", &t.Urgent, p.Urgent}, {"page", &t.Page, p.Page}}
	for i := 1; i < len(levels); i++ {
		mild, strict := levels[i-1], levels[i]
		if strict.is.Left > mild.is.Left {
			at := either(strict.given.Left.value, mild.given.Left.value)
			found = append(found, at.fault("thresholds: left of %s (%s) is more than of %s (%s): each level must be reached after the one before",
				strict.name, days(strict.is.Left), mild.name, days(mild.is.Left)))
		}
		a, b := strict.is.Share, mild.is.Share
		if a.Num*b.Den > b.Num*a.Den {
			at := either(strict.given.OfLifetime.value, mild.given.OfLifetime.value)
			found = append(found, at.fault("thresholds: of_lifetime of %s (%d/%d) is more than of %s (%d/%d): each level must be reached after the one before",
				strict.name, a.Num, a.Den, mild.name, b.Num, b.Den))
		}
	}
	return found
}

func either(a, b value) place {
	if a.given() {
		return a.at
	}
	return b.at
}

// key is where the option stands in the configuration file: parts by dot, empty for one that stands in none.
func (o option) key() string {
	switch o.name {
	case "config", "file", "keep", "force": // the file cannot name itself; inventory stands for --file, and keep.runs for --keep
		return ""
	case "db":
		return "database"
	case "older-than":
		return "keep.runs"
	case "resolver":
		return "resolvers"
	case "control":
		return "controls"
	case "timeout":
		return "probe.timeout"
	case "registration":
		return "registration.ask"
	case "rdap-url", "whois-server":
		return "registration." + strings.ReplaceAll(o.name, "-", "_")
	}
	return strings.ReplaceAll(o.name, "-", "_")
}

// several reports whether the option takes a list in the file.
func (o option) several() bool { return o.kind == list || strings.Contains(o.value, ",") }

// form says what an option's value may be in the file.
func (o option) form() form {
	words := strings.FieldsFunc(o.value, func(r rune) bool { return r == '|' || r == ',' })
	switch {
	case o.kind == toggle:
		return form{kind: "boolean", says: "true or false"}
	case o.value == "PORT":
		return (&port{}).form()
	case o.value == "N":
		return form{kind: "integer", says: "number", most: numberMax}
	case o.value == "DURATION":
		return (&duration{}).form()
	case len(words) > 1 && o.name != "ours":
		return form{kind: "string", says: "word", words: words}
	}
	return form{kind: "string", says: "text: " + o.value}
}

// resolvers gives the settings what the file says of single resolvers. It counts where the file names those that are
// asked, and a rate of theirs where neither flag nor environment gives one for all.
func (c *configuration) resolvers(set *settings, servers, rate *setting) {
	if servers == nil || !servers.fromFile() {
		return
	}
	set.rates, set.operators = map[netip.AddrPort]float64{}, map[netip.AddrPort]string{}
	for _, r := range c.Resolvers {
		if r.Operator.given() {
			set.operators[r.Address.server] = r.Operator.text
		}
		if r.Rate.given() && (rate.fromFile() || rate.origin == "default") {
			set.rates[r.Address.server] = float64(r.Rate.number)
		}
	}
}

// fill fills a setting that neither flag nor environment gave from the file.
func (c *configuration) fill(s *setting) {
	values := c.values(s.option)
	if s.origin != "default" || len(values) == 0 {
		return
	}
	s.raw, s.places = nil, nil
	s.origin = fmt.Sprintf("%s:%d: %s", c.doc.file, values[0].at.line, s.key())
	for _, v := range values {
		text := v.text
		if s.value == "PEM" {
			text = c.beside(text)
		}
		s.raw, s.places = append(s.raw, text), append(s.places, v.at)
	}
}
