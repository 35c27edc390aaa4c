package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certscan/dns"
	"certscan/report"
)

func providersCommand(s streams) *cli.Command {
	listed, given := flags("providers list", s.env)
	fetched, wanted := flags(updating, s.env)
	return &cli.Command{
		Name: "providers", Usage: "the table of CDNs and proxies: list shows it, update fetches what the vendors publish",
		Action: func(*cli.Context) error {
			return errors.New("which of them: certscan providers list or certscan providers update")
		},
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "show the table of CDNs and proxies, where its address ranges are from, and how old they are", Flags: listed,
				Action: func(c *cli.Context) error { return withProviders(c, s, given, listProviders) },
			},
			{
				Name: "update", Usage: "fetch the address ranges that the vendors publish; a scan never does", Flags: fetched,
				Action: func(c *cli.Context) error { return withProviders(c, s, wanted, updateProviders) },
			},
		},
	}
}

// withProviders runs a command on the file of fetched lists.
func withProviders(c *cli.Context, s streams, given map[string]*setting, do func(context.Context, console, settings, string) error) error {
	set, err := configure(s, given)
	if err != nil {
		return err
	}
	if c.NArg() > 0 {
		return fmt.Errorf("providers takes no %q: certscan providers list or certscan providers update", c.Args().First())
	}
	path := providersFile(s.env)
	if path == "" {
		return errors.New("providers: nothing says where the table is usual: set HOME")
	}
	over := patience(c.Context)
	return do(c.Context, console{s, newPatient(s.out, over), newPatient(s.err, over)}, set, path)
}

// providersStale is the age from which on a list is called old: vendors change theirs a few times a year.
const providersStale = 90 * 24 * time.Hour

func listProviders(_ context.Context, s console, set settings, path string) error {
	lists, bad := readProviders(path)
	if bad != nil {
		if err := say(s.notes, "certscan: %v: the built-in table is used", bad); err != nil {
			return err
		}
	}
	all, now := dns.Providers(lists...), time.Now()
	if err := set.list(s, providerListing(all, now)); err != nil {
		return err
	}
	var old []string
	for _, p := range all {
		if p.Published && now.Sub(p.At) > providersStale {
			old = append(old, p.ID)
		}
	}
	if len(old) > 0 {
		return say(s.notes, "certscan: older than 90 days: %s: certscan providers update fetches what is published now", strings.Join(old, ", "))
	}
	return nil
}

func providerListing(all []dns.Provider, now time.Time) report.Listing {
	return report.Listing{
		Name: "providers",
		Columns: []report.Column{
			{Key: "provider", Heading: "PROVIDER"},
			{Key: "edge_ipv4", Heading: "EDGE IPv4"},
			{Key: "edge_ipv6", Heading: "EDGE IPv6"},
			{Key: "origin_sources", Heading: "ORIGIN SOURCES"},
			{Key: "cname", Heading: "CNAME"},
			{Key: "nameservers", Heading: "NAME SERVERS"},
			{Key: "source", Heading: "SOURCE"},
			{Key: "at"},
			{Key: "age_days", Heading: "AGE"},
		},
		Rows: func(yield func([]any, error) bool) {
			for _, p := range all {
				if !yield(providerRow(&p, now), nil) {
					return
				}
			}
		},
	}
}

func providerRow(p *dns.Provider, now time.Time) []any {
	v4 := 0
	for _, prefix := range p.Edge {
		v4 += btoi(prefix.Addr().Is4())
	}
	source := "built-in"
	if p.Updated {
		source = "updated"
	}
	return []any{
		p.ID, v4, len(p.Edge) - v4, len(p.OriginSrc), strings.Join(p.CNAMEs, " "), strings.Join(p.Nameservers, " "), source, p.At,
		int(now.Sub(p.At) / (24 * time.Hour)),
	}
}

// updateProviders fetches what vendors publish, and puts what is good into the file. A vendor whose list was not taken ends
// it with an error, once the others are written.
func updateProviders(ctx context.Context, s console, set settings, path string) error {
	known, err := readProviders(path)
	if err != nil { // what is there is lost either way: it would be written anew
		if err := say(s.notes, "certscan: %v: it is written anew", err); err != nil {
			return err
		}
	}
	cfg, err := set.fetching()
	if err != nil {
		return err
	}
	lists, failed, err := dns.UpdateProviders(ctx, cfg, known)
	if err != nil {
		return fmt.Errorf("providers: %w: the lists from before stay", err)
	}
	published := 0
	for _, p := range dns.Providers(lists...) {
		published += btoi(p.Published)
	}
	if len(failed) < published {
		if err := writeProviders(path, lists); err != nil {
			return err
		}
	}
	for _, f := range failed {
		if err := say(s.notes, "certscan: %s: the list from before stays: %s", f.ID, f.Err); err != nil {
			return err
		}
	}
	if err := say(s.notes, "certscan: %d of %d lists fetched to %s", published-len(failed), published, path); err != nil {
		return err
	}
	if len(failed) > 0 {
		return &exit{status: exitUnknown}
	}
	return nil
}

// fetching says how lists are fetched: names are looked up as in a scan.
func (s *settings) fetching() (dns.ProviderConfig, error) {
	servers := s.resolvers
	var err error
	if len(servers) == 0 {
		if servers, err = systemResolvers("/etc/resolv.conf"); err != nil {
			return dns.ProviderConfig{}, err
		}
	}
	resolver, err := dns.New(s.asking(servers))
	if err != nil {
		return dns.ProviderConfig{}, err
	}
	return dns.ProviderConfig{
		Lookup: func(ctx context.Context, host string) []netip.Addr {
			a := resolver.Lookup(ctx, dns.Question{Name: host})
			return a.Addrs
		},
		Allow: dns.NewNetworks(nil, s.allowPrivate).Dialable, Timeout: s.timeout, Roots: s.roots, Force: s.force,
		UserAgent: cmp.Or(s.config.Probe.UserAgent.text, userAgent()),
	}, nil
}

// writeProviders puts the file in place as a whole: a scan that runs meanwhile reads the old one or the new one.
func writeProviders(path string, lists []dns.ProviderRanges) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // as for the store
		return fmt.Errorf("providers %s: %w: let this user write there", path, err)
	}
	to, err := beside(path)
	if err != nil {
		return fmt.Errorf("providers %s: %w: let this user write there", path, errors.Unwrap(err))
	}
	defer to.discard()
	if _, err := to.Write(dns.EncodeProviders(lists)); err != nil {
		return unwrittenBut(path, err, "")
	}
	if err := to.commit(); err != nil {
		return unwrittenBut(path, err, "")
	}
	return os.Chmod(path, 0o644) // whatever the umask: other users' scans read it
}
