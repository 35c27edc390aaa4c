package dns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/fixtures"
)

// resolvers makes the hierarchy ask these, the first one first, with their operators where they are named.
func (h *hierarchy) resolvers(t *testing.T, operators map[netip.AddrPort]string, addrs ...string) {
	t.Helper()
	var servers []netip.AddrPort
	for _, a := range addrs {
		if a != resolverA && a != resolverB { // these run already
			h.Resolver(a)
		}
		servers = append(servers, at53(a))
	}
	var err error
	h.r, err = New(Config{Servers: servers, Dial: h.Dial, Timeout: 900 * time.Millisecond, Operators: operators})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSecondResolver is row 24 and the disagreement of resolvers: what takes two is low until one of another operator agrees,
// and unknown where it contradicts; nothing that is ours is outvoted.
func TestSecondResolver(t *testing.T) {
	t.Parallel()
	past := records{"ours.ru": {Status: []string{"REGISTERED", "DELEGATED"}, Expires: registryNow.AddDate(0, 0, -3)}}
	nx := fixtures.DNSFault{RCode: mdns.RcodeNameError}
	servfail := fixtures.DNSFault{RCode: mdns.RcodeServerFailure}
	drop := fixtures.DNSFault{Drop: true}
	google := []string{"8.8.8.8", "8.8.4.4"}
	says := func(server, name, address string) func(*fixtures.Internet) {
		return func(n *fixtures.Internet) {
			n.Fault(name, fixtures.DNSFault{
				Server: at53(server), Type: mdns.TypeA, ExtraAnswer: []string{name + ". 60 IN A " + address}, Instead: true,
			})
		}
	}
	for _, c := range []struct {
		row, name string
		known     records
		resolvers []string
		operators map[netip.AddrPort]string
		fault     func(*fixtures.Internet)
		want      string
		says      string
	}{
		{"two agree", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, nil, "moved high", resolverB + ":53 agrees: 93.184.1.1"},
		{"one resolver alone", "away.ours.ru", nil, []string{resolverA}, nil, nil, "moved low", "seen at one resolver alone (" + resolverA + ":53): name a second of another operator"},
		{"two of one operator", "away.ours.ru", nil, google, nil, nil, "moved low", "name a second of another operator"},
		{
			"two of one operator by name", "away.ours.ru", nil,
			[]string{resolverA, resolverB},
			map[netip.AddrPort]string{at53(resolverA): "Us", at53(resolverB): "us"},
			nil, "moved low", "name a second of another operator",
		},
		{"a third one of another operator", "away.ours.ru", nil, append(google, "9.9.9.9"), nil, nil, "moved high", "9.9.9.9:53 agrees"},
		{"the first one is silent, another answers", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, byServers("*", drop, resolverA), "moved low", resolverA + ":53 gave no answer (TIMEOUT)"},
		{"the second one is silent", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, byServers("*", drop, resolverB), "moved low", "gave no answer (TIMEOUT)"},
		{"the second one refuses, a third answers", "away.ours.ru", nil, []string{resolverA, resolverB, "9.9.9.9"}, nil, byServers("*", fixtures.DNSFault{RCode: mdns.RcodeRefused}, resolverB), "moved high", "9.9.9.9:53 agrees"},
		{"the second one fails for the name", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, byServers("away.ours.ru", servfail, resolverB), "moved low", "fails for the name (SERVFAIL)"},
		{
			"the second one hides the name", "away.ours.ru", nil,
			[]string{resolverA, resolverB},
			nil,
			byServers("away.ours.ru", fixtures.DNSFault{RCode: mdns.RcodeNameError, EDE: &fixtures.EDE{Code: 15}}, resolverB), "moved low", "own policy",
		},
		{"the second one leads nowhere", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, says(resolverB, "away.ours.ru", "0.0.0.0"), "moved low", resolverB + ":53 answers special-purpose addresses (0.0.0.0)"},
		{"24 moved, and missing at another", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, byServers("away.ours.ru", nx, resolverB), "unknown low", "resolvers are at odds: " + resolverA + ":53 answers 93.184.1.1, " + resolverB + ":53 answers NXDOMAIN"},
		{"24 moved, and ours at another", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, says(resolverB, "away.ours.ru", ours4), "unknown low", "answers " + ours4},
		{"moved, elsewhere at another (geo-DNS)", "away.ours.ru", nil, []string{resolverA, resolverB}, nil, says(resolverB, "away.ours.ru", "93.184.2.2"), "moved high", "agrees: 93.184.2.2"},
		{"24 free, and ours at another", "gone.ru", records{}, []string{resolverA, resolverB}, nil, says(resolverB, "gone.ru", ours4), "unknown low", "at odds"},
		{"free at both", "gone.ru", records{}, []string{resolverA, resolverB}, nil, nil, "free high", "agrees: NXDOMAIN"},
		{"free, one resolver alone", "gone.ru", records{}, []string{resolverA}, nil, nil, "free low", "seen at one resolver alone"},
		{"10 expired elsewhere, at both", "away.ours.ru", past, []string{resolverA, resolverB}, nil, nil, "expired high", "agrees"},
		{"10 expired elsewhere, one alone", "away.ours.ru", past, []string{resolverA}, nil, nil, "expired low", "seen at one resolver alone"},
		{"22 lame, one alone", "adrift.ru", nil, []string{resolverA}, nil, nil, "broken/lame low", "seen at one resolver alone"},
		{"22 lame at both", "adrift.ru", nil, []string{resolverA, resolverB}, nil, nil, "broken/lame high", "agrees: SERVFAIL"},
		{"24 one resolver fails, another answers", "adrift.ru", nil, []string{resolverA, resolverB}, nil, says(resolverB, "adrift.ru", "93.184.2.2"), "moved low", resolverA + ":53 fails for the name"},
		{
			"24 addresses, and no such domain in the parent zone", "gone.ru", nil,
			[]string{resolverA, resolverB},
			nil,
			byResolvers(fixtures.DNSFault{Type: mdns.TypeA, Instead: true, ExtraAnswer: []string{"gone.ru. 60 IN A 93.184.2.2"}}, "gone.ru"),
			"unknown low", "while in the parent zone",
		},
		{"broken in a way that is plain takes one", "ours.ru", nil, []string{resolverA}, nil, byResolvers(fixtures.DNSFault{RCode: mdns.RcodeServerFailure, UnlessCD: true}, "ours.ru"), "broken/dnssec_bogus high", ""},
		{"20 the name servers themselves win", "ours.ru", nil, []string{resolverA, resolverB}, nil, byServers("ours.ru", nx, resolverA), "parked low", "withholds"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			h := newHierarchy(t, c.known)
			h.resolvers(t, c.operators, c.resolvers...)
			if c.fault != nil {
				c.fault(h.Internet)
			}
			got, a := h.verdict(t, Question{Name: c.name})
			if !strings.HasPrefix(got, c.want+" |") || !strings.Contains(got, c.says) {
				t.Errorf("got %s\nwant %s with %q\n%+v", got, c.want, c.says, a.Inquiry)
			}
		})
	}
}

// TestSecondCostsOnePair holds that a name whose verdict takes two costs one pair of queries more, once, and others none.
func TestSecondCostsOnePair(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, nil)
	count := func(name string) (first, second int) {
		for _, q := range h.Queries() {
			switch {
			case q.Name != name:
			case q.Server == at53(resolverA):
				first++
			case q.Server == at53(resolverB):
				second++
			}
		}
		return first, second
	}
	_, a := h.verdict(t, Question{Name: "away.ours.ru"})
	o := testNetworks().Judge(&a)
	h.r.Confirm(t.Context(), &a, &o)
	if first, second := count("away.ours.ru"); first != 2 || second != 2 {
		t.Errorf("%d and %d queries for a name that moved, want 2 and 2", first, second)
	}
	for _, name := range []string{"ours.ru", "mail.ours.ru", "nothing.ours.ru"} {
		h.verdict(t, Question{Name: name})
		if _, second := count(name); second != 0 {
			t.Errorf("%s: %d queries at the second resolver", name, second)
		}
	}
}

// TestOperators holds whose well-known resolvers are, and that any other is its own.
func TestOperators(t *testing.T) {
	t.Parallel()
	c := Config{Operators: map[netip.AddrPort]string{at53("10.0.0.1"): "Google"}}
	for server, want := range map[string]string{
		"8.8.8.8:53": "google", "8.8.4.4:853": "google", "[2001:4860:4860::8844]:53": "google", "1.0.0.1:53": "cloudflare",
		"149.112.112.112:53": "quad9", "77.88.8.1:53": "yandex", "10.0.0.1:53": "google", "10.0.0.2:53": "10.0.0.2:53",
		"[::ffff:9.9.9.9]:53": "quad9", "127.0.0.1:5353": "127.0.0.1:5353",
	} {
		if got := c.operator(netip.MustParseAddrPort(server)); got != want {
			t.Errorf("%s: %q, want %q", server, got, want)
		}
	}
}

// TestUnheardServersAreSpared holds that where port 53 is closed to us names that moved do not wait for name servers that
// would only tell a parking page.
func TestUnheardServersAreSpared(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, nil)
	h.r.silences.Store(unheardMax)
	if got, a := h.verdict(t, Question{Name: "away.ours.ru"}); !strings.HasPrefix(got, "moved high |") || a.Inquiry.Parent.State != DelegationUnasked {
		t.Errorf("%s, %+v", got, a.Inquiry)
	}
	h.r.heard.Store(true)
	if _, a := h.verdict(t, Question{Name: "away.ours.ru"}); !slices.Equal(a.Nameservers, []string{"ns1.host.ru", "ns2.host.ru"}) {
		t.Errorf("%q", a.Nameservers)
	}
}

// TestParkingPage is rows 10 and 11: a foreign address that looks like a parking page, by its name servers or itself.
func TestParkingPage(t *testing.T) {
	t.Parallel()
	page := func(expires time.Time) records {
		return records{"parked.ru": {Status: []string{"REGISTERED", "DELEGATED"}, Expires: expires}}
	}
	for _, c := range []struct {
		row, name string
		known     records
		want      string
		says      string
	}{
		{"11 name servers of a parking service", "parked.ru", page(registryNow.AddDate(1, 0, 0)), "moved/parking high", "ns1.sedoparking.com, which serves parking pages alone"},
		{"10 and its registration is over", "parked.ru", page(registryNow.AddDate(0, 0, -3)), "expired high", "expired"},
		{"11 an address of a parking page", "lander.ours.ru", nil, "moved/parking high", "194.58.112.174"},
		{"an ordinary address", "away.ours.ru", nil, "moved high", ""},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			h := newHierarchy(t, c.known)
			h.Zone("ru", "parked NS ns1.sedoparking.com.\nparked NS ns2.sedoparking.com.")
			h.Zone("parked.ru", "@ A 93.184.5.5")
			h.Zone("ours.ru", "lander A 194.58.112.174")
			got, a := h.verdict(t, Question{Name: c.name})
			if !strings.HasPrefix(got, c.want+" |") || !strings.Contains(got, c.says) || len(a.Nameservers) != 2 {
				t.Errorf("got %s, name servers %q\nwant %s with %q", got, a.Nameservers, c.want, c.says)
			}
		})
	}
}

// TestParkingTable holds that ordinary hosts are not in the table, that it knows what it should, and what it refuses.
func TestParkingTable(t *testing.T) {
	t.Parallel()
	p, nets := builtinParking(), newProviders(Providers())
	for _, ns := range []string{
		"dns1.registrar-servers.com", "ns01.one.com", "ns1.wordpress.com", "shades01.rzone.de", "ns1.name.com", "ns1.markmonitor.com",
		"kate.ns.cloudflare.com", "ns-1.awsdns-1.com", "ns1.reg.ru", "ns1.beget.com", "notsedoparking.com", "com",
	} {
		if p.serves(ns) {
			t.Errorf("%s is an ordinary host", ns)
		}
	}
	for _, ns := range []string{"ns1.sedoparking.com", "ns2.parkingcrew.net", "ns1.bodis.com", "ns1.domainparking.ru", "snparking.ru"} {
		if !p.serves(ns) {
			t.Errorf("%s serves parking pages", ns)
		}
	}
	for addr := range p.addrs {
		if _, id, edge := nets.edge(addr); edge || SpecialPurpose(addr) {
			t.Errorf("%s belongs to %s", addr, id)
		}
	}
	for _, bad := range []string{"address x", "edge 1.2.3.4"} {
		if _, err := parseParking(bad); err == nil {
			t.Errorf("%q must be refused", bad)
		}
	}
}
