package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// kind is the shape of a flag's value.
type kind int

const (
	text kind = iota
	list      // repeatable
	toggle
)

// option is one row of the table that drives flags, environment and docs/flags.md.
type option struct {
	name, alias string
	kind        kind
	value       string   // what stands for the value in help; "a|b" is a closed set
	fallback    string   // the default
	commands    []string // which take it
	usage       string
}

var (
	everywhere = []string{"scan", "dns", "probe", "explain", "audit"}
	listing    = []string{"scan", "dns", "probe"}
	delivering = append([]string{"audit"}, listing...)
	dialling   = []string{"scan", "probe", "explain", "audit"}
	listingTLS = []string{"scan", "probe"}
	listingDNS = []string{"scan", "dns"}
	owning     = []string{"scan", "dns", "explain", "audit"}
	reading    = []string{"scan", "dns", "probe", "inventory", "audit"}
	showing    = []string{"scan", "dns", "probe", "inventory", "history", "diff", "audit", "providers list"}
	updating   = "providers update"
	keeping    = []string{"scan", "dns", "probe", "explain", "history", "diff", "prune", "audit"}
)

// options is the flag table.
var options = []option{
	{"config", "c", text, "FILE", "", append([]string{"config check", "inventory", "history", "diff", "prune", "providers list", updating}, everywhere...), "the configuration file; default /etc/certscan/certscan.yaml, else certscan/certscan.yaml in $XDG_CONFIG_HOME or ~/.config"},
	{"file", "f", list, "FILE", "", reading, "read domains from FILE, - for standard input: one name a line, CSV with a column domain, JSON or YAML; repeatable"},
	{"ours", "", list, "CIDR|IP", "", owning, "these addresses are ours; repeatable"},
	{"resolver", "", list, "HOST[:PORT]", "", append([]string{updating}, everywhere...), "ask this resolver (an address); repeatable; default the nameserver lines of /etc/resolv.conf"},
	{"control", "", list, "NAME", "iana.org,example.com", everywhere, "a name that must resolve before the run is trusted, or none; repeatable"},
	{"registration", "", text, "auto|off", "auto", owning, "ask registries by RDAP, else WHOIS: about names that are not clean, and where a store is named, slowly, about the others"},
	{"rdap-url", "", text, "URL", "", owning, "ask this RDAP service for every suffix, in place of the built-in table; http:// for a server of your own"},
	{"whois-server", "", text, "HOST[:PORT]", "", owning, "ask this WHOIS server where there is no RDAP, in place of the built-in table"},
	{"caa", "", toggle, "", "", listingDNS, "ask CAA, HTTPS records and wildcards of names that lead to us (audit and explain always do): may our CA issue, do browsers come to us?"},
	{"ca-file", "", list, "PEM", "", append([]string{updating}, dialling...), "trust the certificates in this file as well; repeatable"},
	{"port", "", text, "PORT", "443", dialling, "TLS port"},
	{"http-port", "", text, "PORT", "80", dialling, "port of plain HTTP"},
	{"http", "", text, "auto|off", "auto", dialling, "ask HTTP after the handshake"},
	{"fast", "", toggle, "", "", listingTLS, "stop at the certificate: no proof that the server has its key, no HTTP; leaves an alert in servers' logs"},
	{"post-quantum", "", toggle, "", "", dialling, "offer X25519MLKEM768 first, as browsers do"},
	{"probe-all", "", toggle, "", "", []string{"scan"}, "dial names that are not ours, too (shown without findings)"},
	{"allow-private", "", toggle, "", "", append([]string{updating}, everywhere...), "dial special-purpose addresses (10.0.0.0/8, 127.0.0.0/8, …)"},
	{"timeout", "", text, "DURATION", "5s", append([]string{updating}, everywhere...), "the longest wait of each network step"},
	{"concurrency", "", text, "N", "0", delivering, "names in flight, 0 for what the machine bears"},
	{"rate", "", text, "N", "0", everywhere, "queries a second that one resolver gets at most, 0 for no cap but a polite one at well-known public resolvers"},
	{"format", "", text, "table|json|jsonl|csv|xlsx|html|markdown|nagios", "", showing, "how records are written (xlsx and html: audit alone); default by the ending of --output, else table on a terminal, jsonl off it"},
	{"output", "o", text, "FILE", "", delivering, "write records to FILE, put in place at the end; a device or FIFO streams; with --split-by a folder"},
	{"severity", "", text, "URGENT,WARN,OK", "", listing, "print these only; the exit status is not touched"},
	{"progress", "", text, "auto|always|never", "auto", delivering, "a bar on a terminal, a line every few seconds off it"},
	{"summary", "", text, "text|json", "text", listing, "the closing count, on standard error"},
	{"no-color", "", toggle, "", "", everywhere, "no colours (as with NO_COLOR)"},
	{"db", "", text, "FILE|URL", "", keeping, "the store: an absolute path, postgres://USER@HOST/DATABASE, or the word default; scan, dns and probe keep their run in it where it is named, audit in the usual one without, explain reads what earlier runs saw, history, diff and prune read the usual one without; what registries are asked and answer is always kept"},
	{"force", "", toggle, "", "", []string{updating}, "take a list as well that covers less than half of what was known"},
	{"keep", "", text, "N", "", []string{"prune"}, "keep the newest N finished runs of each kind, remove the others"},
	{"older-than", "", text, "DURATION", "", []string{"prune"}, "remove runs that began longer ago, such as 90d"},
	{"split-by", "", text, "manager", "", []string{"audit"}, "write a list for each manager into the folder that --output names, .xlsx where --format is absent"},
	{"probe", "", toggle, "", "", []string{"audit"}, "shake hands and ask HTTP as scan does; without it nothing is dialled but for our proof behind proxies"},
	{"exit-zero", "", toggle, "", "", []string{"scan", "dns", "probe", "explain"}, "exit with 0 where it would be 1 or 2"},
}

// env returns the environment variable of the option.
func (o option) env() string {
	return "CERTSCAN_" + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

// setting is the value of one option: what the flag said, else the environment, else the configuration
// file, else the default. It implements
// flag.Value.
type setting struct {
	option
	raw    []string
	origin string  // "--ours", "CERTSCAN_OURS", "FILE:LINE: ours" or "default": what an error names
	places []place // of raw, where the configuration file says it
}

func newSetting(o option, env func(string) (string, bool)) *setting {
	s := &setting{option: o, origin: "default"}
	s.raw = s.split(o.fallback)
	if v, ok := env(o.env()); ok && v != "" {
		s.raw, s.origin = s.split(v), o.env()
	}
	return s
}

func (s *setting) split(v string) []string {
	switch {
	case v == "":
		return nil
	case s.kind == list:
		var out []string
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
		return out
	}
	return []string{v}
}

// Set takes one value from the command line, which replaces what the environment said.
func (s *setting) Set(v string) error {
	if own := "--" + s.name; s.origin != own || s.kind != list {
		s.raw, s.origin, s.places = nil, own, nil
	}
	s.raw = append(s.raw, v)
	return nil
}

// fromFile reports whether the configuration file gave the value.
func (s *setting) fromFile() bool { return len(s.places) > 0 }

func (s *setting) String() string { return strings.Join(s.raw, ",") }

// IsBoolFlag lets a toggle stand without a value.
func (s *setting) IsBoolFlag() bool { return s.kind == toggle }

// bad says what is wrong with the setting's value and where it came from.
func (s *setting) bad(value, want string) error {
	if i := slices.Index(s.raw, value); i >= 0 && i < len(s.places) {
		return faults{s.places[i].fault("%s %q: want %s", s.key(), value, want)}
	}
	return fmt.Errorf("%s %q: want %s", s.origin, value, want)
}

// word returns the one value, checked against the closed set that the table names.
func (s *setting) word() (string, error) {
	v := s.String()
	if set := strings.Split(s.value, "|"); len(set) > 1 && v != "" && !slices.Contains(set, v) {
		return "", s.bad(v, strings.Join(set, ", "))
	}
	return v, nil
}

func (s *setting) number(least, most int) (int, error) {
	n, err := strconv.Atoi(s.String())
	if err != nil || n < least || n > most {
		return 0, s.bad(s.String(), fmt.Sprintf("a number from %d to %d", least, most))
	}
	return n, nil
}

func (s *setting) on() (bool, error) {
	switch v := strings.ToLower(s.String()); v {
	case "", "0", "false", "no":
		return false, nil
	case "1", "true", "yes":
		return true, nil
	default:
		return false, s.bad(v, "true or false")
	}
}

// bound is a setting as a flag of the command-line library.
type bound struct{ *setting }

// Names returns the flag's name. Of a short form the library must not know: it would set each value once more.
func (b *bound) Names() []string { return []string{b.name} }

// IsSet reports whether the command line named the flag.
func (b *bound) IsSet() bool { return b.origin == "--"+b.name }

// IsVisible reports that help shows the flag.
func (b *bound) IsVisible() bool { return true }

// Apply puts the flag into a set.
func (b *bound) Apply(set *flag.FlagSet) error {
	set.Var(b.setting, b.name, b.usage)
	if b.alias != "" {
		set.Var(b.setting, b.alias, b.usage)
	}
	return nil
}

// String is the flag's line of help: its names, a tab, and what it does.
func (b *bound) String() string {
	line := "--" + b.name
	if b.alias != "" {
		line = "-" + b.alias + ", " + line
	}
	if b.value != "" {
		line += " " + b.value
	}
	line += "\t" + b.usage
	if b.fallback != "" {
		line += " (default " + b.fallback + ")"
	}
	return line
}

// flags returns the flags of one command, bound to settings that start from the environment.
func flags(command string, env func(string) (string, bool)) ([]cli.Flag, map[string]*setting) {
	var out []cli.Flag
	settings := map[string]*setting{}
	for _, o := range options {
		if !slices.Contains(o.commands, command) {
			continue
		}
		s := newSetting(o, env)
		settings[o.name] = s
		out = append(out, &bound{s})
	}
	return out, settings
}

// arrange puts flags in front of the domains, so that they are taken before and after them, and names the default
// command. The flag package would take what follows the first domain for domains.
func arrange(app *cli.App, args []string) ([]string, error) {
	var command string
	var given, domains, words []string // words name a command of a command
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			domains = append(domains, args[i+1:]...)
			i = len(args)
		case a == "--version" && command == "":
			command = "version"
		case len(a) > 1 && a[0] == '-':
			given = append(given, a)
			if takesValue(a) {
				if i++; i == len(args) {
					return nil, fmt.Errorf("flag needs a value: %s (see certscan --help)", a)
				}
				given = append(given, args[i])
			}
		case command == "" && len(domains) == 0 && (app.Command(a) != nil || a == "help"):
			command = a
		case len(domains) == 0 && len(words) == 0 && app.Command(command) != nil && has(app.Command(command).Subcommands, a):
			words = append(words, a)
		default:
			domains = append(domains, a)
		}
	}
	if command == "" && (len(domains) > 0 || slices.ContainsFunc(given, func(a string) bool { return !isHelp(a) })) {
		command = "scan"
	}
	out := []string{args[0]}
	if command != "" {
		out = append(append(out, command), words...)
	}
	switch out = append(out, given...); {
	case command == "help":
		out = append(out, domains...)
	case len(domains) > 0 && !slices.ContainsFunc(given, isHelp):
		out = append(append(out, "--"), domains...)
	}
	return out, nil
}

func has(commands []*cli.Command, name string) bool {
	return slices.ContainsFunc(commands, func(c *cli.Command) bool { return c.HasName(name) })
}

func isHelp(a string) bool { return a == "-h" || a == "--help" || a == "-help" }

// takesValue reports whether the next argument belongs to a flag.
func takesValue(a string) bool {
	name := strings.TrimLeft(a, "-") // "ours=x" is the name of none
	return slices.ContainsFunc(options, func(o option) bool {
		return o.kind != toggle && (o.name == name || (o.alias != "" && o.alias == name))
	})
}
