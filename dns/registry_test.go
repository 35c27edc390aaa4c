package dns

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/fixtures"
)

var registryNow = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// bureau is a Registry whose RDAP and WHOIS servers are the given registrars; nil is none.
func bureau(t *testing.T, rdap, whois *fixtures.Registrar, edit func(*RegistryConfig)) *Registry {
	t.Helper()
	n := fixtures.New(t)
	cfg := RegistryConfig{Dial: n.Dial, Timeout: 2 * time.Second, Patience: time.Millisecond, Now: func() time.Time { return registryNow }}
	if rdap != nil {
		n.ServeHTTP("193.0.20.1:80", rdap)
		cfg.RDAPURL = "http://193.0.20.1/v1"
	}
	if whois != nil {
		n.Whois("193.0.20.2", whois)
		cfg.WhoisServer = "193.0.20.2"
	}
	if edit != nil {
		edit(&cfg)
	}
	g, err := NewRegistry(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type records = map[string]fixtures.RegistryRecord

const limitBanner = "% You have exceeded allowed connection rate\r\n"

func TestRegistryStates(t *testing.T) {
	t.Parallel()
	later, past := registryNow.AddDate(0, 6, 0), registryNow.AddDate(0, 0, -3)
	record := func(expires time.Time, status ...string) records {
		return records{"example.com": {Status: status, Expires: expires}}
	}
	code := func(c int) records { return records{"*": {Code: c}} }
	with404 := func(raw string) records { return records{"*": {Code: 404, Raw: raw}, "nic.com": {}} }
	for _, c := range []struct {
		row     string
		records records
		want    RegistrationState
		says    string
	}{
		{"registered", record(later, "active"), Registered, "until 2027-05-21"},
		{"client hold", record(later, "client hold", "client transfer prohibited"), RegOnHold, "client hold"},
		{"server hold as EPP writes it", record(later, "serverHold"), RegOnHold, ""},
		{"redemption period", record(past, "redemption period", "pending delete restorable"), RegRedemption, ""},
		{"redemption period, for which EPP knows no state but pendingDelete", record(past, "pending delete", "redemption period", "server hold"), RegRedemption, ""},
		{"about to be restored", record(past, "pendingDelete", "pendingRestore"), RegRedemption, ""},
		{"pending delete", record(past, "pending delete", "server hold"), RegPendingDelete, ""},
		{"past its date, on hold by the registrar", record(past, "client hold"), RegExpired, "until 2026-11-18"},
		{"no expiration told", record(time.Time{}), Registered, ""},
		{"404, and the control name is found", records{"nic.com": {}}, RegNone, "no record of example.com"},
		{"404, and the control name is not found either", records{}, RegUnknown, "does not find the control name nic.com"},
		{"404 with a page of HTML", with404("<html>Not Found</html>"), RegUnknown, "no RDAP"},
		{"400", code(400), RegUnknown, "answers 400"},
		{"429", code(429), RegUnknown, "asked again after"},
		{"500", code(500), RegUnknown, "answers 500"},
		{"503", code(503), RegUnknown, "answers 503"},
		{"501, and no WHOIS is known", code(501), RegUnchecked, "no registry"},
		{"200 with a page of HTML", records{"*": {Code: 200, Raw: "<html>"}}, RegUnknown, "no RDAP record"},
		{"200 with another domain", records{"*": {Code: 200, Raw: `{"objectClassName":"domain","ldhName":"other.com"}`}}, RegUnknown, "another domain"},
		{"200 with another object", records{"*": {Code: 200, Raw: `{"objectClassName":"entity"}`}}, RegUnknown, "no RDAP record"},
		{"more than 1 MiB", records{"*": {Raw: strings.Repeat(" ", 1<<20) + "{}"}}, RegUnknown, "1 MiB"},
		{"a redirect to a foreign host", records{"*": {Code: 302, Header: http.Header{"Location": {"http://193.0.20.9/domain/example.com"}}}}, RegUnknown, "another host"},
		{"a redirect to another domain", records{"example.com": {Code: 302, Header: http.Header{"Location": {"/v1/domain/other.com"}}}, "nic.com": {Status: []string{"active"}}}, RegUnknown, "another domain"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			r := bureau(t, fixtures.NewRegistrar(c.records), nil, nil).Ask(t.Context(), "example.com", Patient)
			if r.State != c.want || !strings.Contains(r.Why, c.says) {
				t.Errorf("got %s (%s), want %s with %q", r.State, r.Why, c.want, c.says)
			}
		})
	}
}

func TestWhoisStates(t *testing.T) {
	t.Parallel()
	later, past := registryNow.AddDate(0, 6, 0), registryNow.AddDate(0, 0, -3)
	const name, control = "xn--e1afmkfd.xn--p1ai", "nic.xn--p1ai"
	raw := func(text string) records { return records{name: {Raw: text}, control: {}} }
	for _, c := range []struct {
		row     string
		records records
		want    RegistrationState
		says    string
	}{
		{"registered and delegated", records{name: {Status: []string{"REGISTERED", "DELEGATED", "VERIFIED"}, Expires: later}}, Registered, "until 2027-05-21"},
		{"NOT DELEGATED", records{name: {Status: []string{"REGISTERED", "NOT DELEGATED", "VERIFIED"}, Expires: later}}, RegOnHold, "NOT DELEGATED"},
		{"paid-till passed", records{name: {Status: []string{"REGISTERED", "NOT DELEGATED"}, Expires: past}}, RegExpired, ""},
		{"not found, the control name is", records{control: {Status: []string{"REGISTERED"}}}, RegNone, "no record"},
		{"not found, nor any control name", records{}, RegUnknown, "control name"},
		{"the limit's banner", raw(limitBanner), RegUnknown, "too often"},
		{"a ban", raw("You are not allowed to connect\r\n"), RegUnknown, "too often"},
		{"nothing", raw("\r\n"), RegUnknown, "not understood"},
		{"another domain", raw("domain: OTHER.RU\r\nstate: REGISTERED\r\n"), RegUnknown, "another domain"},
		{"Windows-1251", raw("domain: " + strings.ToUpper(name) + "\r\nstate: REGISTERED, DELEGATED\r\norg: \xcf\xf0\xe8\xec\xe5\xf0\r\npaid-till: 2027-05-21T21:00:00Z\r\n"), Registered, "2027-05-21"},
		{"UTF-8", raw("domain: " + name + "\r\nstate: REGISTERED, DELEGATED\r\norg: Пример\r\npaid-till: 2027.05.21\r\n"), Registered, "2027-05-21"},
		{"more than 64 KiB", raw(strings.Repeat("x", 65<<10)), RegUnknown, "64 KiB"},
		{"an ICANN registry", raw("   Domain Name: " + strings.ToUpper(name) + "\r\n   Registry Expiry Date: 2027-05-21T00:00:00Z\r\n   Domain Status: clientHold https://icann.org/epp#clientHold\r\n"), RegOnHold, "2027-05-21"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			r := bureau(t, nil, fixtures.NewRegistrar(c.records), nil).Ask(t.Context(), name, Patient)
			if r.State != c.want || !strings.Contains(r.Why, c.says) {
				t.Errorf("got %s (%s), want %s with %q", r.State, r.Why, c.want, c.says)
			}
		})
	}
}

func TestDecodeWhois(t *testing.T) {
	t.Parallel()
	if got := decodeWhois([]byte("\xcf\xf0\xe8\xec\xe5\xf0 \xa8\xb8")); got != "Пример Ёё" {
		t.Errorf("got %q", got)
	}
}

// TestRDAP501FallsToWhois holds that a service that is not there for a name is no statement about it.
func TestRDAP501FallsToWhois(t *testing.T) {
	t.Parallel()
	g := bureau(t, fixtures.NewRegistrar(records{"*": {Code: 501}}), fixtures.NewRegistrar(records{"nic.ru": {}}), nil)
	if r := g.Ask(t.Context(), "example.ru", Patient); r.State != RegNone || r.Source != "whois" {
		t.Errorf("got %+v", r)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, registryNow.Add(3 * time.Minute).Format(http.TimeFormat): 3 * time.Minute,
		"": time.Minute, "soon": time.Minute, "99999999": 24 * time.Hour, registryNow.Add(-time.Hour).Format(http.TimeFormat): time.Second,
	} {
		if got := retryAfter(text, registryNow).Sub(registryNow); got != want {
			t.Errorf("Retry-After %q: %s, want %s", text, got, want)
		}
	}
}

// TestRetryAfterIsKept holds that after a 429 the registry is left alone, and the next name is pending.
func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"120", registryNow.Add(2 * time.Minute).Format(http.TimeFormat)} {
		server := fixtures.NewRegistrar(records{"a.com": {Code: 429, Header: http.Header{"Retry-After": {after}}}})
		memory := NewRegistryMemory()
		keep := func(cfg *RegistryConfig) { cfg.Memory = memory }
		if r := bureau(t, server, nil, keep).Ask(t.Context(), "a.com", Patient); r.State != RegUnknown {
			t.Errorf("429: %+v", r)
		}
		r := bureau(t, server, nil, keep).Ask(t.Context(), "b.com", Patient) // another process with the same memory
		if r.State != RegUnchecked || !r.Retry.Equal(registryNow.Add(2*time.Minute)) || len(server.Asked()) != 1 {
			t.Errorf("after Retry-After %s: %+v, asked %v", after, r, server.Asked())
		}
	}
}

// TestWhoisBudget holds the queries a minute, over processes, and that what they do not allow is pending.
func TestWhoisBudget(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}, Raw: ""}})
	memory := NewRegistryMemory()
	now := registryNow
	keep := func(cfg *RegistryConfig) {
		cfg.Memory, cfg.WhoisRate, cfg.Now = memory, 4, func() time.Time { return now }
	}
	var states []RegistrationState
	for _, name := range []string{"a.ru", "b.ru", "c.ru", "d.ru", "e.ru", "f.ru"} {
		states = append(states, bureau(t, nil, server, keep).Ask(t.Context(), name, Patient).State)
	}
	want := []RegistrationState{Registered, Registered, Registered, Registered, RegUnchecked, RegUnchecked}
	if !slices.Equal(states, want) || len(server.Asked()) != 4 {
		t.Errorf("got %v with %d queries, want %v with 4", states, len(server.Asked()), want)
	}
	now = now.Add(time.Minute)
	if r := bureau(t, nil, server, keep).Ask(t.Context(), "e.ru", Patient); r.State != Registered {
		t.Errorf("a minute later: %+v", r)
	}
}

// narrowMemory allows every second query only when it is asked for again.
type narrowMemory struct {
	RegistryMemory
	calls int
}

func (m *narrowMemory) Reserve(_ context.Context, _ string, _ RegistryLimit, now time.Time) (time.Time, error) {
	if m.calls++; m.calls == 2 || m.calls == 3 {
		return now.Add(time.Millisecond), nil
	}
	return time.Time{}, nil
}

// TestUrgency holds that what decides nothing spends no query of a WHOIS server, and that only what decides whether a
// domain is free is waited for.
func TestUrgency(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	memory := &narrowMemory{RegistryMemory: NewRegistryMemory()}
	g := bureau(t, nil, server, func(cfg *RegistryConfig) { cfg.Memory, cfg.Patience = memory, time.Hour })
	for _, c := range []struct {
		name    string
		urgency Urgency
		want    RegistrationState
	}{
		{"a.ru", Idle, RegUnchecked},
		{"b.ru", Prompt, Registered},
		{"c.ru", Prompt, RegUnchecked},
		{"d.ru", Patient, Registered},
		{"b.ru", Idle, Registered},
	} {
		if r := g.Ask(t.Context(), c.name, c.urgency); r.State != c.want {
			t.Errorf("%s, %d: %+v, want %s", c.name, c.urgency, r, c.want)
		}
	}
}

// TestWhoisNeverTwiceADay holds that neither a name nor a control name is asked for again within a day, by another process
// or after an answer of no use.
func TestWhoisNeverTwiceADay(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"nic.ru": {Status: []string{"REGISTERED"}}, "cctld.ru": {Status: []string{"REGISTERED"}}, "odd.ru": {Raw: "?\r\n"}})
	memory := NewRegistryMemory()
	keep := func(cfg *RegistryConfig) { cfg.Memory = memory }
	for range 2 {
		g := bureau(t, nil, server, keep)
		for name, want := range map[string]RegistrationState{"gone.ru": RegNone, "odd.ru": RegUnknown} {
			if r := g.Ask(t.Context(), name, Patient); r.State != want {
				t.Errorf("%s: %+v, want %s", name, r, want)
			}
		}
	}
	if r := bureau(t, nil, server, keep).Ask(t.Context(), "also-gone.ru", Patient); r.State != RegNone {
		t.Errorf("a new process with another control name: %+v", r)
	}
	asked := server.Asked()
	if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("asked twice: %v", asked)
	}
}

// TestNotTwiceSaysWhen holds that a name that was asked for in vain, or by a process that did not live to keep the answer, comes back
// with when it may be asked for again.
func TestNotTwiceSaysWhen(t *testing.T) {
	t.Parallel()
	server, memory := fixtures.NewRegistrar(records{}), NewRegistryMemory()
	g := bureau(t, nil, server, func(cfg *RegistryConfig) { cfg.Memory = memory })
	asked := registryNow.Add(-time.Hour)
	if ok, err := memory.Claim(t.Context(), "lost.ru", "193.0.20.2", asked, asked); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if r := g.Ask(t.Context(), "lost.ru", Patient); r.State != RegUnknown || !r.Retry.Equal(asked.AddDate(0, 0, 1)) || len(server.Asked()) != 0 {
		t.Errorf("%+v, asked %v", r, server.Asked())
	}
}

// TestFoundNameIsControl holds that a name found in the same process is as good as a control name.
func TestFoundNameIsControl(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"ours.ru": {Status: []string{"REGISTERED"}}})
	g := bureau(t, nil, server, nil)
	g.Ask(t.Context(), "ours.ru", Patient)
	if r := g.Ask(t.Context(), "gone.ru", Patient); r.State != RegNone || !slices.Equal(server.Asked(), []string{"ours.ru", "gone.ru"}) {
		t.Errorf("got %+v, asked %v", r, server.Asked())
	}
}

// TestPrivateSuffixIsNotAsked holds that who registers below com.ru or github.io is not guessed, whatever is overridden.
func TestPrivateSuffixIsNotAsked(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"nic.com.ru": {}})
	g := bureau(t, server, nil, nil)
	for _, name := range []string{"b.com.ru", "someone.github.io"} {
		if r := g.Ask(t.Context(), name, Patient); r.State != RegUnchecked || len(server.Asked()) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestRegistrationDue(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration, left time.Duration) Registration {
		r := Registration{State: Registered, AskedAt: registryNow.Add(-d)}
		if left != 0 {
			r.Expires = registryNow.Add(left)
		}
		return r
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		row   string
		last  Registration
		every time.Duration
		want  bool
	}{
		{"never asked", Registration{}, 0, true},
		{"yesterday, far from its end", ago(2*day, 200*day), 0, false},
		{"29 days ago", ago(29*day, 200*day), 0, false},
		{"30 days ago", ago(30*day, 200*day), 0, true},
		{"30 days ago, no end told", ago(30*day, 0), 0, true},
		{"every 60 days", ago(30*day, 200*day), 60 * day, false},
		{"44 days before its end", ago(day, 44*day), 0, true},
		{"44 days before its end, an hour ago", ago(time.Hour, 44*day), 0, false},
		{"past its end", ago(day, -2*day), 0, true},
		{"nothing to rely on came, yesterday", Registration{State: RegUnknown, AskedAt: registryNow.Add(-day)}, 0, true},
		{"nothing to rely on came, today", Registration{State: RegUnknown, AskedAt: registryNow.Add(-time.Hour)}, 0, false},
	} {
		if got := RegistrationDue(c.last, c.every, registryNow); got != c.want {
			t.Errorf("%s: due %t", c.row, got)
		}
	}
}

func TestRegistryTable(t *testing.T) {
	t.Parallel()
	table := builtinRegistries()
	if table.rdap["com"] != "https://rdap.verisign.com/com/v1/" || table.whois["xn--p1ai"] != "whois.tcinet.ru" {
		t.Error("the table is not what its head says")
	}
	for _, suffix := range []string{"ru", "su", "xn--p1ai"} {
		if table.rdap[suffix] != "" {
			t.Errorf(".%s has no RDAP", suffix)
		}
	}
	for domain, want := range map[string]string{"example.com": "com", "example.co.uk": "uk", "example.ru": "ru"} {
		if got, ok := table.suffixOf(domain); !ok || got != want {
			t.Errorf("%s: registry of %q %t, want %q", domain, got, ok, want)
		}
	}
	for text, want := range map[string]string{
		"rdap http://x/ com": "https", "rdap https://x com": "slash", "whois x ru\nwhois y ru": "twice", "dns x ru": "unknown word", "rdap x": "want",
	} {
		if _, err := parseRegistries(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// TestRegistryOverHTTPS holds that a registry of the table is reached by our resolver, over TLS that is verified, and at
// public addresses alone.
func TestRegistryOverHTTPS(t *testing.T) {
	t.Parallel()
	n := fixtures.New(t)
	server := fixtures.NewRegistrar(records{"nic.com": {}})
	n.Serve("193.0.20.1:443", fixtures.Site{Names: []string{"rdap.verisign.com"}, Handler: server})
	for address, want := range map[string]RegistrationState{"193.0.20.1": RegNone, "10.0.0.1": RegUnknown} {
		cfg := RegistryConfig{Dial: n.Dial, Timeout: 2 * time.Second, Roots: []*x509.Certificate{n.CA().Root}}
		cfg.Lookup = func(_ context.Context, host string) []netip.Addr {
			if host != "rdap.verisign.com" {
				t.Errorf("looked up %s", host)
			}
			return []netip.Addr{netip.MustParseAddr(address)}
		}
		g, err := NewRegistry(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r := g.Ask(t.Context(), "example.com", Patient); r.State != want || r.Source != "rdap" {
			t.Errorf("at %s: %+v", address, r)
		}
	}
}
