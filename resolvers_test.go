package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certscan/dns"
)

// askedAs returns how the resolvers are asked under a configuration file, an environment and a command line.
func askedAs(t *testing.T, file string, env map[string]string, words ...string) dns.Config {
	t.Helper()
	c, err := readConfiguration("f.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	_, given := flags("scan", func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	for i := 0; i < len(words); i += 2 {
		if err := given[words[i]].Set(words[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	set, err := c.settings(given)
	if err != nil {
		t.Fatal(err)
	}
	return set.asking(set.resolvers)
}

// TestResolverRates holds who says how fast a resolver is asked: the flag, the environment, its entry in the file, the
// file's rate for all.
func TestResolverRates(t *testing.T) {
	t.Parallel()
	const file = "rate: 7\nresolvers:\n- 127.0.0.1\n- {address: 9.9.9.9, operator: quad9, rate: 100}\n- {address: '[2620:fe::fe]:5353', rate: 50}\n"
	const own = "map[9.9.9.9:53:100 [2620:fe::fe]:5353:50]"
	for name, c := range map[string]struct {
		file  string
		env   map[string]string
		words []string
		want  string // servers, rate, rates
	}{
		"nothing":               {"", nil, nil, "[] 0 map[]"},
		"the flag":              {"", nil, []string{"resolver", "9.9.9.9", "rate", "20"}, "[9.9.9.9:53] 20 map[]"},
		"the environment":       {"", map[string]string{"CERTSCAN_RATE": "30"}, nil, "[] 30 map[]"},
		"one named twice":       {"", nil, []string{"resolver", "9.9.9.9", "resolver", "9.9.9.9:53"}, "[9.9.9.9:53] 0 map[]"},
		"the file":              {file, nil, nil, "[127.0.0.1:53 9.9.9.9:53 [2620:fe::fe]:5353] 7 " + own},
		"addresses alone":       {"resolvers: [127.0.0.1, '::1']", nil, nil, "[127.0.0.1:53 [::1]:53] 0 map[]"},
		"other resolvers":       {file, nil, []string{"resolver", "9.9.9.9"}, "[9.9.9.9:53] 7 map[]"},
		"of the environment":    {file, map[string]string{"CERTSCAN_RESOLVER": "9.9.9.9"}, nil, "[9.9.9.9:53] 7 map[]"},
		"another rate":          {file, nil, []string{"rate", "20"}, "[127.0.0.1:53 9.9.9.9:53 [2620:fe::fe]:5353] 20 map[]"},
		"no rate":               {file, nil, []string{"rate", "0"}, "[127.0.0.1:53 9.9.9.9:53 [2620:fe::fe]:5353] 0 map[]"},
		"rate of environment":   {file, map[string]string{"CERTSCAN_RATE": "30"}, nil, "[127.0.0.1:53 9.9.9.9:53 [2620:fe::fe]:5353] 30 map[]"},
		"an entry's rate alone": {"resolvers: [{address: 9.9.9.9, rate: 1}]", nil, nil, "[9.9.9.9:53] 0 map[9.9.9.9:53:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := askedAs(t, c.file, c.env, c.words...)
			if said := fmt.Sprint(got.Servers, got.Rate, got.Rates); said != c.want {
				t.Errorf("got  %s\nwant %s", said, c.want)
			}
		})
	}
}

// TestResolverConcurrency holds that the engine's own default stays where nothing is said, and what else it is told.
func TestResolverConcurrency(t *testing.T) {
	t.Parallel()
	if got := askedAs(t, "", nil); got.Concurrency != 0 || got.Timeout != 5*time.Second {
		t.Errorf("%+v", got)
	}
	got := askedAs(t, "resolvers: [{address: 9.9.9.9, operator: quad9}]\n", nil, "concurrency", "600", "timeout", "1s")
	if got.Concurrency != 600 || got.Timeout != time.Second || got.Operators[netip.MustParseAddrPort("9.9.9.9:53")] != "quad9" {
		t.Errorf("%+v", got)
	}
	if got := askedAs(t, "resolvers: [{address: 9.9.9.9, operator: quad9}]\n", nil, "resolver", "9.9.9.9"); len(got.Operators) > 0 {
		t.Errorf("the flag takes the place of the whole key: %v", got.Operators)
	}
}

// TestOperatorIsTold holds that a resolver which resolves nothing is told with the name that the file gives it.
func TestOperatorIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "resolvers: [{address: '127.0.0.1:1', operator: \"qu\\e[1mad9\"}]\ncontrols: [control.test]\nprobe: {timeout: 50ms}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, notes strings.Builder
	status := run(t.Context(), []string{"certscan", "dns", "-c", file, "a.test"}, streams{strings.NewReader(""), &out, &notes, none})
	const want = "no control name resolves (127.0.0.1:1 (qu"
	if status != exitUnknown || !strings.Contains(notes.String(), want) || !strings.Contains(out.String(), want) {
		t.Errorf("exit status %d\n%s%s", status, out.String(), notes.String())
	}
	if strings.Contains(notes.String(), "\x1b[1m") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("an escape sequence gets through: %q", notes.String()+out.String())
	}
}
