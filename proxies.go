package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"certscan/dns"
	"certscan/probe"
	"certscan/scan"
)

// providersFile is where fetched edge lists of providers stand: beside the store. Empty where nothing says where home is.
func providersFile(env func(string) (string, bool)) string {
	return usualStateFile(env, os.Geteuid() == 0, "providers.json")
}

var errProvidersTooLarge = fmt.Errorf("larger than %d MiB", dns.ProviderBytesMax>>20)

// readProviders reads the fetched lists; none where there is no file. It is trusted as the configuration file is: who can
// write it says what is behind a proxy.
func readProviders(path string) ([]dns.ProviderRanges, error) {
	text, err := readGuarded(path, dns.ProviderBytesMax, errProvidersTooLarge)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lists []dns.ProviderRanges
	if err == nil {
		lists, err = dns.DecodeProviders(text)
	}
	if err != nil {
		return nil, fmt.Errorf("providers %s: %w", path, err)
	}
	return lists, nil
}

// providerLists returns the fetched lists of a run. Where they cannot be used it goes on with the built-in table, and says so.
func (s *settings) providerLists(notes io.Writer) []dns.ProviderRanges {
	if s.env == nil {
		return nil
	}
	path := providersFile(s.env)
	if path == "" {
		return nil
	}
	lists, err := readProviders(path)
	if err != nil {
		_ = say(notes, "certscan: %v: the built-in table of proxies is used, see certscan providers list", err)
	}
	return lists
}

// lookBehindProxies lets a run look at our own servers for proxied names, and ask for our proof where it is configured. It
// makes a prober for the proof where the run has none.
func (s *settings) lookBehindProxies(p *scan.Pipeline, probing probe.Config) error {
	p.Servers = s.config.servers()
	token, err := s.config.proofToken(s.env)
	if err != nil || token == "" {
		return err
	}
	asker := p.Prober
	if asker == nil {
		if asker, err = probe.New(probing); err != nil {
			return err
		}
	}
	p.Prover, err = asker.Prover(token)
	return err
}

// servers returns the addresses of our machines, by the names of these.
func (c *configuration) servers() []netip.Addr {
	var out []netip.Addr
	for _, name := range slices.Sorted(maps.Keys(c.Ours.Servers)) {
		for _, a := range c.Ours.Servers[name] {
			if !slices.Contains(out, a.addr) {
				out = append(out, a.addr)
			}
		}
	}
	return out
}

// proofToken returns the token of our proof; empty where none is configured.
func (c *configuration) proofToken(env func(string) (string, bool)) (string, error) {
	d := &c.Ours.Proof.Token
	text, at, err := d.read(c, env, "ours.proof.token")
	if err != nil || !at.given() {
		return "", err
	}
	if err := probe.CheckToken(text); err != nil {
		return "", faults{at.at.fault("ours.proof.token: no good token stands there: %v (certscan config init makes one)", err)}
	}
	return text, nil
}

// read returns a text that stands elsewhere, without blanks around it, and the value that says where.
func (d *secretData) read(c *configuration, env func(string) (string, bool), key string) (string, *value, error) {
	if d.Env.given() {
		text, _ := env(d.Env.text)
		if text = strings.TrimSpace(text); text == "" {
			return "", &d.Env.value, faults{d.Env.at.fault("%s.env: %s is not set: set it, or name a file in its place", key, d.Env.text)}
		}
		return text, &d.Env.value, nil
	}
	if d.File.given() {
		text, err := readTrusted(c.beside(d.File.text))
		if err != nil {
			return "", &d.File.value, faults{d.File.at.fault("%s.file: %s: %v", key, d.File.text, err)}
		}
		return strings.TrimSpace(string(text)), &d.File.value, nil
	}
	return "", &d.File.value, nil
}

// check refuses two places for one text.
func (d *secretData) check(key string) (found faults) {
	if d.Env.given() && d.File.given() {
		found = append(found, d.File.at.fault("%s: env and file both: take one of them out", key))
	}
	return found
}
