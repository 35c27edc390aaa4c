package dns

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/fixtures"
)

// The servers of .ru, the resolvers, and who serves the domains below .ru in these tests.
const (
	parentA, parentB     = "193.232.128.6", "193.232.142.17"
	resolverA, resolverB = "193.0.0.53", "193.0.1.53"
	childA, childB       = "185.3.1.1", "185.3.1.2"
)

const parentZone = `
@         NS a.dns.ripn.net.
@         NS b.dns.ripn.net.
ours      NS ns1.host.ru.
ours      NS ns2.host.ru.
host      NS ns1.host.ru.
host      NS ns2.host.ru.
ns1.host  A  185.3.1.1
ns2.host  A  185.3.1.2
hidden    NS ns.inner.ru.
ns.inner  A  10.0.0.1
silent    NS ns1.silent.ru.
ns1.silent A 185.3.9.9
refusing  NS ns1.refusing.ru.
ns1.refusing A 185.3.8.1
adrift    NS ns.nowhere.net.
circular  NS a.dns.ripn.net.
half      NS ns1.silent.ru.
half      NS ns1.refusing.ru.
glueless  NS ns1.elsewhere.net.
`

const childZone = `
@      A     203.0.113.7
www    A     203.0.113.7
away   A     93.184.1.1
mail   MX    10 www
lost   CNAME gone.ru.
lost2  CNAME host.gone.net.
lost3  CNAME nothing.host.ru.
alias  CNAME www.host.ru.
alias2 CNAME alias.host.ru.
`

// hierarchy is a small internet with a parent zone at two servers of its own.
type hierarchy struct {
	*fixtures.Internet
	r        *Resolver
	registry *Registry
	server   *fixtures.Registrar
}

// newHierarchy makes one whose registry knows the given domains, and the control name.
func newHierarchy(t *testing.T, known records) *hierarchy {
	t.Helper()
	n := fixtures.New(t)
	n.Zone("ru", parentZone)
	n.Zone("ripn.net", "a.dns A "+parentA+"\nb.dns A "+parentB)
	n.Zone("elsewhere.net", "ns1 A "+childA)
	n.Zone("ours.ru", childZone)
	n.Zone("host.ru", "ns1 A "+childA+"\nns2 A "+childB+"\nwww A 203.0.113.7\nalias CNAME www.host.ru.")
	n.Zone("glueless.ru", "@ A 203.0.113.7")
	n.Auth(parentA, "ru")
	n.Auth(parentB, "ru")
	n.Auth(childA, "ours.ru", "host.ru", "glueless.ru")
	n.Auth(childB, "ours.ru", "host.ru")
	n.Auth("185.3.8.1", "other.ru")
	h := &hierarchy{Internet: n}
	var err error
	h.r, err = New(Config{
		Servers: []netip.AddrPort{n.Resolver(resolverA), n.Resolver(resolverB)}, Dial: n.Dial, Timeout: 900 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if known == nil {
		return h
	}
	known["nic.ru"] = fixtures.RegistryRecord{Status: []string{"REGISTERED"}}
	known["nic.net"], known["nic.su"] = known["nic.ru"], known["nic.ru"]
	h.server = fixtures.NewRegistrar(known)
	n.Whois("193.0.20.2", h.server)
	h.registry, err = NewRegistry(RegistryConfig{
		Dial: n.Dial, Timeout: time.Second, WhoisServer: "193.0.20.2", Now: func() time.Time { return registryNow },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.registry.table.rdap = nil // the wide world has none here
	return h
}

// verdict looks a name up, inquires, and tells verdict and evidence as a run would.
func (h *hierarchy) verdict(t *testing.T, q Question) (string, Answer) {
	t.Helper()
	a := h.r.Lookup(t.Context(), q)
	o := testNetworks().Judge(&a)
	h.r.Inquire(t.Context(), &a, &o)
	o = testNetworks().Judge(&a)
	if h.registry != nil {
		h.registry.Inform(t.Context(), &a, &o)
		o = testNetworks().Judge(&a)
	}
	h.r.Confirm(t.Context(), &a, &o)
	o = testNetworks().Judge(&a)
	if (o.Confidence == Low) != (o.Doubt != "" || o.Verdict == Unknown) {
		t.Errorf("%s: confidence %s, doubt %q", q.Name, o.Confidence, o.Doubt)
	}
	out := string(o.Verdict)
	if o.Reason != "" {
		out += "/" + string(o.Reason)
	}
	return out + " " + string(o.Confidence) + " | " + strings.Join(o.Evidence, " | "), a
}

func at53(addr string) netip.AddrPort { return netip.MustParseAddrPort(addr + ":53") }

// byResolvers makes queries of a name at every resolver go wrong.
func byResolvers(f fixtures.DNSFault, names ...string) func(*fixtures.Internet) {
	return func(n *fixtures.Internet) {
		for _, name := range names {
			n.Fault(name, f)
		}
	}
}

func byServers(name string, f fixtures.DNSFault, servers ...string) func(*fixtures.Internet) {
	return func(n *fixtures.Internet) {
		for _, s := range servers {
			f.Server = at53(s)
			n.Fault(name, f)
		}
	}
}

// TestDecisionTable plays the rows of whose domain a name is that need more than the resolver.
//
// Rows 1 to 9 are TestJudge's, 10 and 11 also TestParkingPage's, 24 also TestSecondResolver's.
func TestDecisionTable(t *testing.T) {
	t.Parallel()
	later, past := registryNow.AddDate(1, 0, 0), registryNow.AddDate(0, 0, -3)
	held := func(name string) records {
		return records{name: {Status: []string{"REGISTERED", "NOT DELEGATED"}, Expires: later}}
	}
	dated := func(name string, expires time.Time) records {
		return records{name: {Status: []string{"REGISTERED", "DELEGATED"}, Expires: expires}}
	}
	nx := fixtures.DNSFault{RCode: mdns.RcodeNameError}
	servfail := fixtures.DNSFault{RCode: mdns.RcodeServerFailure}
	targetGone := func(n *fixtures.Internet) {
		byResolvers(nx, "www.host.ru")(n)
		byResolvers(fixtures.DNSFault{OmitTarget: true}, "alias.ours.ru", "alias2.ours.ru", "alias.host.ru")(n)
	}
	for _, c := range []struct {
		row   string
		name  string
		known records // nil: registries are not asked
		fault func(*fixtures.Internet)
		want  string // how verdict, reason and confidence begin
		says  string
	}{
		{"10 foreign address, past its date", "away.ours.ru", dated("ours.ru", past), nil, "expired high", "expired"},
		{"12 foreign address, registered", "away.ours.ru", dated("ours.ru", later), nil, "moved high", "registered"},
		{"13 a CNAME to a free domain", "lost.ours.ru", records{}, nil, "dangling/target_free high", "no record of gone.ru"},
		{"13 a CNAME to an undelegated domain that is registered", "lost.ours.ru", held("gone.ru"), nil, "dangling high", "on_hold"},
		{"13 a CNAME to a missing name of somebody's domain", "lost3.ours.ru", records{}, nil, "dangling high", ""},
		{"14 no address", "mail.ours.ru", nil, nil, "no_address high", ""},
		{"15 a missing name of a domain that is there", "nothing.ours.ru", records{}, nil, "name_missing high", ""},
		{"15 a missing name, the resolver fails for its domain", "nothing.ours.ru", records{}, byResolvers(servfail, "ours.ru"), "name_missing high", ""},
		{"16 free: parent zone and registry say so", "gone.ru", records{}, nil, "free high", "does not exist"},
		{"16 free, asked for a host of it", "www.gone.ru", records{}, nil, "free high", ""},
		{"17 on hold", "gone.ru", held("gone.ru"), nil, "on_hold high", "NOT DELEGATED"},
		{"18 expired", "gone.ru", dated("gone.ru", past), nil, "expired high", "expired"},
		{"19 the registry is not asked", "gone.ru", nil, nil, "not_delegated high", "not called free"},
		{"19 the registry's limit", "gone.ru", records{"gone.ru": {Raw: limitBanner}}, nil, "not_delegated high", "not called free"},
		{"the registry knows the name, the parent does not", "gone.ru", dated("gone.ru", later), nil, "not_delegated high", "the registry knows it"},
		{"a private-section suffix", "b.com.ru", records{}, nil, "not_delegated high", "not in our table"},
		{"20 the resolver withholds a domain", "ours.ru", nil, byResolvers(nx, "ours.ru"), "parked low", "withholds"},
		{"20 the resolver withholds a domain, asked for a host", "www.ours.ru", nil, byResolvers(nx, "www.ours.ru", "ours.ru"), "parked low", "withholds"},
		{"20 the resolver withholds a name", "www.ours.ru", nil, byResolvers(nx, "www.ours.ru"), "parked low", "withholds"},
		{"20 the resolver withholds the target of a CNAME", "alias.ours.ru", records{}, targetGone, "parked low", "answered NXDOMAIN for www.host.ru"},
		{"20 the resolver withholds the end of a longer chain", "alias2.ours.ru", records{}, targetGone, "parked low", "CNAME alias2.ours.ru → alias.host.ru → www.host.ru"},
		{"24 the name servers are at odds about the target of a CNAME", "alias.ours.ru", records{}, func(n *fixtures.Internet) {
			targetGone(n)
			byServers("www.host.ru", fixtures.DNSFault{Denies: true}, childB)(n)
		}, "unknown low", "name servers are at odds"},
		{"20 the resolver is late with a missing name", "nothing.ours.ru", nil, byResolvers(nx, "ours.ru"), "name_missing low", "refers to"},
		{
			"21 DNSSEC, told by an extended error", "ours.ru", nil,
			byResolvers(fixtures.DNSFault{RCode: mdns.RcodeServerFailure, UnlessCD: true, EDE: &fixtures.EDE{Code: 6}}, "ours.ru"), "broken/dnssec_bogus high", "EDE 6",
		},
		{"21 DNSSEC, told by CD=1", "ours.ru", nil, byResolvers(fixtures.DNSFault{RCode: mdns.RcodeServerFailure, UnlessCD: true}, "ours.ru"), "broken/dnssec_bogus high", "CD=1"},
		{"22 all refuse", "refusing.ru", nil, nil, "broken/refused high", "REFUSED"},
		{"22 none answers", "silent.ru", nil, nil, "broken/timeout high", "gave no answer"},
		{"22 none has an address", "adrift.ru", nil, nil, "broken/lame high", "has no address"},
		{"22 one refuses, one is silent", "half.ru", nil, nil, "broken/lame high", "REFUSED"},
		{"22 a special-purpose address is not asked", "hidden.ru", nil, nil, "broken/lame high", "special-purpose"},
		{"22 all fail", "ours.ru", nil, func(n *fixtures.Internet) {
			byResolvers(servfail, "ours.ru")(n)
			byServers("ours.ru", servfail, childA, childB)(n)
		}, "broken/lame high", "SERVFAIL"},
		{
			"22 referred in a circle, of which the resolver makes an answer without records", "circular.ru", nil,
			byResolvers(fixtures.DNSFault{Instead: true}, "circular.ru"), "broken/lame high", "without authority",
		},
		{
			"14 no address, the resolver leaves the SOA out", "mail.ours.ru", nil,
			byResolvers(fixtures.DNSFault{Instead: true}, "mail.ours.ru"), "no_address high", "",
		},
		{
			"20 the resolver leaves the addresses out", "ours.ru", nil,
			byResolvers(fixtures.DNSFault{Instead: true}, "ours.ru"), "parked low", "without the SOA",
		},
		{"24 the resolver leaves the records out, the name servers are at odds", "www.ours.ru", nil, func(n *fixtures.Internet) {
			byResolvers(fixtures.DNSFault{Instead: true}, "www.ours.ru")(n)
			byServers("www.ours.ru", fixtures.DNSFault{Denies: true}, childB)(n)
		}, "unknown low", "name servers are at odds"},
		{"22 the resolver is silent about it, and so are its servers", "silent.ru", nil, byResolvers(fixtures.DNSFault{Drop: true}, "silent.ru"), "broken/timeout high", "gave no answer"},
		{"the resolver is silent about it, its servers are not", "ours.ru", nil, byResolvers(fixtures.DNSFault{Drop: true}, "ours.ru"), "unknown low", ""},
		{"23 one server is good, the resolver fails", "ours.ru", nil, func(n *fixtures.Internet) {
			byResolvers(servfail, "ours.ru")(n)
			byServers("ours.ru", servfail, childB)(n)
		}, "broken/servfail high", "answers when it is asked directly"},
		{"24 the name servers are at odds", "www.ours.ru", nil, func(n *fixtures.Internet) {
			byResolvers(nx, "www.ours.ru")(n)
			byServers("www.ours.ru", fixtures.DNSFault{Denies: true}, childB)(n)
		}, "unknown low", "name servers are at odds"},
		{"24 the parent's servers are at odds", "ours.ru", records{}, func(n *fixtures.Internet) {
			byResolvers(nx, "ours.ru")(n)
			byServers("ours.ru", fixtures.DNSFault{Denies: true}, parentA)(n)
		}, "unknown low", "parent zone are at odds"},
		{"24 the resolvers are at odds, the parent is silent", "ours.ru", nil, func(n *fixtures.Internet) {
			byServers("ours.ru", nx, resolverA)(n)
			byServers("ours.ru", fixtures.DNSFault{Drop: true}, parentA, parentB)(n)
		}, "unknown low", "resolvers are at odds"},
		{"the parent is silent", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{Drop: true}, parentA, parentB), "not_delegated high", "not heard to agree"},
		{"one server of the parent is silent", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{Drop: true}, parentA), "not_delegated high", "not heard to agree"},
		{"the parent says NXDOMAIN without authority", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{NoAuthority: true}, parentA, parentB), "not_delegated high", "not heard to agree"},
		{"the parent answers another question first", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{WrongQuestion: true, WrongID: true}, parentA, parentB), "free high", ""},
		{"the parent's answer is truncated", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{Truncate: true}, parentA, parentB), "free high", ""},
		{"the parent's answer is truncated, and TCP is refused", "gone.ru", records{}, byServers("gone.ru", fixtures.DNSFault{Truncate: true, NoTCP: true}, parentA, parentB), "not_delegated high", ""},
		{"a referral without glue", "www.glueless.ru", nil, byResolvers(nx, "www.glueless.ru", "glueless.ru"), "name_missing low", ""},
		{"a missing name that exists between others is no free domain", "inner.ru", records{}, byResolvers(nx, "inner.ru"), "not_delegated high", ""},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			h := newHierarchy(t, c.known)
			if c.fault != nil {
				c.fault(h.Internet)
			}
			got, a := h.verdict(t, Question{Name: c.name})
			if !strings.HasPrefix(got, c.want+" |") || !strings.Contains(got, c.says) {
				t.Errorf("got %s\nwant %s with %q\n%+v", got, c.want, c.says, a.Inquiry)
			}
			if h.server != nil && len(h.server.Asked()) > 3 {
				t.Errorf("%d questions to the registry: %v", len(h.server.Asked()), h.server.Asked())
			}
		})
	}
}

// TestTwoAddressesAreOneServer holds that a parent zone with one server, at two addresses, makes nothing free.
func TestTwoAddressesAreOneServer(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, records{})
	h.Zone("su", "@ NS a.dns.single.net.")
	h.Zone("single.net", "a.dns A 193.232.128.7\na.dns A 193.232.142.18")
	h.Auth("193.232.128.7", "su")
	h.Auth("193.232.142.18", "su")
	if got, a := h.verdict(t, Question{Name: "gone.su"}); !strings.HasPrefix(got, "not_delegated") || !strings.Contains(got, "not heard to agree") {
		t.Errorf("got %s; %+v", got, a.Inquiry)
	}
}

// TestRewritingResolver holds that a resolver that makes addresses up for what does not exist is found out, whether it is the
// first, the second, or both.
func TestRewritingResolver(t *testing.T) {
	t.Parallel()
	for liars, want := range map[string]map[string]string{
		resolverA + " " + resolverB: {
			"gone.ru": "free low", "nothing.ours.ru": "name_missing low", "away.ours.ru": "moved low",
			"lost.ours.ru": "dangling/target_free low", "lost3.ours.ru": "dangling low",
		},
		resolverA: {"gone.ru": "free low", "lost.ours.ru": "dangling/target_free low", "lost3.ours.ru": "dangling low"},
		resolverB: {"gone.ru": "free low", "nothing.ours.ru": "name_missing high", "lost3.ours.ru": "dangling high", "away.ours.ru": "moved low"},
	} {
		for name, verdict := range want {
			t.Run(liars+" "+name, func(t *testing.T) {
				t.Parallel()
				h := newHierarchy(t, records{})
				for liar := range strings.FieldsSeq(liars) {
					h.Rewrite(at53(liar), "93.184.7.7")
				}
				got, a := h.verdict(t, Question{Name: name})
				told := strings.Contains(got, "do not exist")
				if !strings.HasPrefix(got, verdict+" |") || strings.HasSuffix(verdict, "low") && !told {
					t.Errorf("got %s, want %s; %+v", got, verdict, a.Inquiry)
				}
			})
		}
	}
}

// TestWildcardZoneIsNoRewriting holds that a zone with a wildcard of its own is believed.
func TestWildcardZoneIsNoRewriting(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, nil)
	h.Zone("ru", "* A 93.184.8.8")
	if got, a := h.verdict(t, Question{Name: "anything.ru"}); !strings.HasPrefix(got, "moved high |") || a.Inquiry.Overruled+a.Inquiry.Odds != "" {
		t.Errorf("got %s, %+v", got, a.Inquiry)
	}
}

// TestCleanNameCostsTwoQueries holds that nothing is inquired about a name that is ours.
func TestCleanNameCostsTwoQueries(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, records{})
	if got, _ := h.verdict(t, Question{Name: "ours.ru"}); !strings.HasPrefix(got, "parked high") || len(h.Queries()) != 2 || len(h.server.Asked()) != 0 {
		t.Errorf("got %s, %d queries, registry asked %v", got, len(h.Queries()), h.server.Asked())
	}
}

// TestParentIsAskedOnce holds that a thousand hosts of a domain, and domains of a zone, ask the same things once.
func TestParentIsAskedOnce(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, records{})
	for _, name := range []string{"gone.ru", "a.gone.ru", "b.gone.ru"} {
		if got, _ := h.verdict(t, Question{Name: name}); !strings.HasPrefix(got, "free high") {
			t.Errorf("%s: %s", name, got)
		}
	}
	direct := 0
	for _, q := range h.Queries() {
		if q.Server == at53(parentA) || q.Server == at53(parentB) {
			direct++
		}
	}
	if direct != 2 || len(h.server.Asked()) != 2 {
		t.Errorf("%d questions to the parent, registry asked %v", direct, h.server.Asked())
	}
}

// TestResolverGoneInMidRun holds that nothing is said of names when the resolver is silent, even of those whose zone was
// seen before.
func TestResolverGoneInMidRun(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, records{})
	h.verdict(t, Question{Name: "gone.ru"})
	h.Fault("*", fixtures.DNSFault{Drop: true})
	for _, name := range []string{"gone2.ru", "silent.ru", "ours.ru"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := h.verdict(t, Question{Name: name}); !strings.HasPrefix(got, "unknown low") {
				t.Error(got)
			}
		})
	}
}

// TestCutInquiry holds that an inquiry that is cut ends, and calls nothing free.
func TestCutInquiry(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, records{})
	a := h.r.Lookup(t.Context(), Question{Name: "gone.ru"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := testNetworks().Judge(&a)
	h.r.Inquire(ctx, &a, &o)
	h.registry.Inform(ctx, &a, &o)
	if o = testNetworks().Judge(&a); o.Verdict != NotDelegated || len(h.server.Asked()) != 0 {
		t.Errorf("got %s, registry asked %v", o.Verdict, h.server.Asked())
	}
}

// TestResolverCutOffInMidRun holds that a resolver which fails for every name makes none broken: it has lost its own way, or
// validates nothing any more.
func TestResolverCutOffInMidRun(t *testing.T) {
	t.Parallel()
	for row, f := range map[string]fixtures.DNSFault{
		"SERVFAIL":        {RCode: mdns.RcodeServerFailure},
		"nobody reached":  {RCode: mdns.RcodeServerFailure, EDE: &fixtures.EDE{Code: 22}},
		"nothing is safe": {RCode: mdns.RcodeServerFailure, UnlessCD: true, EDE: &fixtures.EDE{Code: 7}},
	} {
		h := newHierarchy(t, records{})
		h.verdict(t, Question{Name: "gone.ru"})
		h.Fault("*", f)
		for _, name := range []string{"gone2.ru", "silent.ru", "ours.ru", "glueless.ru", "adrift.ru", "host.net"} {
			t.Run(row+" "+name, func(t *testing.T) {
				t.Parallel()
				if got, _ := h.verdict(t, Question{Name: name}); !strings.HasPrefix(got, "unknown low") {
					t.Error(got)
				}
			})
		}
	}
}

// TestMovedAsksForNameServers holds that a name which points elsewhere is asked for its name servers, once a domain, and that
// those of a CDN lower the confidence.
func TestMovedAsksForNameServers(t *testing.T) {
	t.Parallel()
	h := newHierarchy(t, nil)
	h.Zone("shop.net", "@ NS ada.ns.cloudflare.com.\n@ A 93.184.1.1\nwww A 93.184.1.1")
	for _, name := range []string{"shop.net", "www.shop.net"} {
		got, a := h.verdict(t, Question{Name: name})
		if !strings.HasPrefix(got, "moved low") || !strings.Contains(got, "ada.ns.cloudflare.com is cloudflare's") || len(a.Nameservers) != 1 {
			t.Errorf("%s: %s, %q", name, got, a.Nameservers)
		}
	}
	asked := 0
	for _, q := range h.Queries() {
		if q.Type == mdns.TypeNS && q.Name == "shop.net" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for the name servers", asked)
	}
}
