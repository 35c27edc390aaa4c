package dns

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

var (
	ours4, ours6       = "203.0.113.7", "2001:db8:7::7" // TEST-NET is ours where --ours says so
	foreign4, foreign6 = "93.184.1.1", "2a00:1450::1"
	edge4, edge6       = "104.16.1.1", "2606:4700::1"
)

func testNetworks() *Networks {
	return NewNetworks(mustPrefixes("203.0.113.0/24", "2001:db8:7::/48"), false)
}

// answer builds an Answer: addresses, then what differs.
func answer(addrs string, edits ...func(*Answer)) Answer {
	a := Answer{Name: "www.example.test", Asked: "www.example.test", Registrable: "example.test"}
	a.A.Status, a.AAAA.Status = StatusNoData, StatusNoData
	for text := range strings.FieldsSeq(addrs) {
		addr := netip.MustParseAddr(text)
		if a.Addrs = append(a.Addrs, addr); addr.Is4() {
			a.A.Status = StatusNoError
		} else {
			a.AAAA.Status = StatusNoError
		}
	}
	slices.SortFunc(a.Addrs, netip.Addr.Compare)
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func both(s Status) func(*Answer) { return func(a *Answer) { a.A.Status, a.AAAA.Status = s, s } }
func apex(s Status) func(*Answer) { return func(a *Answer) { a.Apex.Status = s } }
func cname(names ...string) func(*Answer) {
	return func(a *Answer) { a.CNAMEs = names }
}

func nameservers(names ...string) func(*Answer) {
	return func(a *Answer) { a.Nameservers = names }
}
func ede(code uint16) func(*Answer) { return func(a *Answer) { a.A.EDE = []EDE{{Code: code}} } }

func TestJudge(t *testing.T) {
	t.Parallel()
	known, unknown := testNetworks(), NewNetworks(nil, false)
	for _, c := range []struct {
		row  string
		nets *Networks
		a    Answer
		want string // verdict/reason provider confidence
		says string // a part of the evidence
	}{
		{"parked", known, answer(ours4 + " " + ours6), "parked high", "A 203.0.113.7 is in 203.0.113.0/24, ours"},
		{"parked beats a CDN's CNAME", known, answer(ours4, cname("x.cdn.cloudflare.net")), "parked cloudflare high", "CNAME"},
		{"parked, AAAA failed", known, answer(ours4, func(a *Answer) { a.AAAA.Status = StatusServFail }), "parked low", "rests on A alone"},
		{"parked, AAAA timed out", known, answer(ours4, func(a *Answer) { a.AAAA.Status = StatusTimeout }), "parked low", "AAAA could not be had (TIMEOUT)"},
		{"A ours, AAAA elsewhere", known, answer(ours4 + " " + foreign6), "mixed/ipv6_elsewhere high", "AAAA 2a00:1450::1 is not ours"},
		{"A ours, AAAA at a CDN", known, answer(ours4 + " " + edge6), "mixed/ipv6_elsewhere cloudflare high", "edge of cloudflare"},
		{"A elsewhere, AAAA ours", known, answer(foreign4 + " " + ours6), "mixed/ipv4_elsewhere high", "1 of 1 IPv6"},
		{"A at a CDN, AAAA ours", known, answer(edge4 + " " + ours6), "mixed/origin_leak cloudflare high", ""},
		{"split within a family", known, answer(ours4 + " " + foreign4), "mixed/split high", "1 of 2 IPv4"},
		{"A ours, AAAA ours in part", known, answer(ours4 + " " + ours6 + " " + foreign6), "mixed/split high", "1 of 2 IPv6"},
		{"ours beside a CDN", known, answer(ours4 + " " + edge4), "mixed/origin_leak cloudflare high", ""},
		{"ours beside a special-purpose one", known, answer(ours4 + " 10.0.0.1"), "mixed/split high", "special-purpose"},
		{"A ours, AAAA special-purpose", known, answer(ours4 + " ::1"), "mixed/split high", ""},
		{"all at a CDN", known, answer(edge4 + " " + edge6), "proxied/unverified cloudflare high", "not tried"},
		{"a CDN's CNAME", known, answer(foreign4, cname("d123.cloudfront.net")), "proxied/unverified cloudfront high", "d123.cloudfront.net is a name of cloudfront"},
		{"a CDN beside foreign ones", known, answer(edge4 + " " + foreign4), "moved cloudflare low", "at one resolver alone"},
		{"foreign", known, answer(foreign4 + " " + foreign6), "moved low", "is not ours"},
		{"ours, with a CDN's name servers", known, answer(ours4, nameservers("amy.ns.cloudflare.com")), "parked high", ""},
		{"foreign, with a CDN's name servers", known, answer(foreign4, nameservers("amy.ns.cloudflare.com")), "moved low", ""},
		{"foreign beside special-purpose", known, answer(foreign4 + " 10.0.0.1"), "moved low", ""},
		{"only special-purpose", known, answer("10.0.0.1 ::1"), "private high", "A 10.0.0.1 is a special-purpose address"},
		{"ours though special-purpose", NewNetworks(mustPrefixes("127.0.0.0/8"), false), answer("127.0.0.1"), "parked high", ""},
		{"resolved", unknown, answer(foreign4), "resolved high", "was answered"},
		{"resolved at a CDN", unknown, answer(edge4), "resolved cloudflare high", ""},
		{"nothing known, special-purpose", unknown, answer("10.0.0.1"), "private high", ""},
		{"nothing known, special-purpose allowed", NewNetworks(nil, true), answer("10.0.0.1"), "resolved high", ""},
		{"no address", known, answer(""), "no_address high", "A NODATA, AAAA NODATA"},
		{"no address at the end of a chain", known, answer("", cname("x.other.test")), "no_address high", ""},
		{"NODATA and a failure", known, answer("", func(a *Answer) { a.AAAA.Status = StatusServFail }), "no_address low", "rests on A alone"},
		{"NODATA for A, AAAA ours", known, answer(ours6), "parked high", "AAAA 2001:db8:7::7 is in"},
		{"NXDOMAIN for A, data for AAAA", known, answer(ours6, func(a *Answer) { a.A.Status = StatusNXDomain }), "parked low", "RFC 8020"},
		{"missing host", known, answer("", both(StatusNXDomain), apex(StatusNoError)), "name_missing high", "example.test does"},
		{"missing domain", known, answer("", both(StatusNXDomain), apex(StatusNXDomain)), "not_delegated high", "not called free"},
		{"missing, apex failed", known, answer("", both(StatusNXDomain), apex(StatusServFail)), "unknown low", "could not be told"},
		{"NXDOMAIN and a failure", known, answer("", func(a *Answer) { a.A.Status, a.AAAA.Status = StatusNXDomain, StatusServFail }, apex(StatusNoError)), "name_missing low", "rests on A alone"},
		{"dangling by one family", known, answer("", func(a *Answer) { a.A.Status, a.AAAA.Status = StatusTimeout, StatusNXDomain }, cname("gone.other.test")), "dangling low", "rests on AAAA alone"},
		{"all refuse, by EDE", known, answer("", both(StatusServFail), func(a *Answer) { a.A.EDE = []EDE{{22, "all servers REFUSED"}} }), "broken/refused low", ""},
		{"none answers, by EDE", known, answer("", both(StatusServFail), func(a *Answer) { a.A.EDE = []EDE{{23, "192.0.2.1:53 timed out"}} }), "broken/timeout low", ""},
		{"dangling", known, answer("", both(StatusNXDomain), cname("gone.other.test")), "dangling high", "gone.other.test does not exist"},
		{"dangling at a CDN", known, answer("", both(StatusNXDomain), cname("d1.cloudfront.net")), "dangling cloudfront high", ""},
		{"wildcard without a record", known, answer("", both(StatusNXDomain), func(a *Answer) { a.Wildcard = true }), "name_missing high", "random name"},
		{"wildcard of a missing domain", known, answer("", both(StatusNXDomain), apex(StatusNXDomain), func(a *Answer) { a.Wildcard = true }), "not_delegated high", ""},
		{"servfail", known, answer("", both(StatusServFail)), "broken/servfail high", "SERVFAIL for A"},
		{"bogus by EDE", known, answer("", both(StatusServFail), ede(6)), "broken/dnssec_bogus high", "EDE 6 DNSSEC Bogus"},
		{"bogus by CD", known, answer("", both(StatusServFail), func(a *Answer) { a.CheckingDisabled.Status = StatusNoError }), "broken/dnssec_bogus high", "CD=1"},
		{"lame by EDE", known, answer("", both(StatusServFail), ede(22)), "broken/lame low", "No Reachable Authority"},
		{"loop by SERVFAIL", known, answer("", both(StatusServFail), cname("b.test", "a.test"), func(a *Answer) { a.Loop = true }), "broken/loop high", "returns to itself"},
		{"loop in an answer", known, answer("", cname("b.test", "a.test"), func(a *Answer) { a.Loop = true }), "broken/loop high", ""},
		{"censored", known, answer("", both(StatusServFail), ede(16)), "unknown low", "Censored"},
		{"refused by our resolver", known, answer("", both(StatusRefused)), "unknown low", "REFUSED"},
		{"nobody answered", known, answer("", both(StatusTimeout)), "unknown low", "no resolver answered"},
		{"cut", known, answer("", both(StatusCanceled)), "unknown low", "cut"},
		{"cut in the middle", known, answer(ours4, func(a *Answer) { a.AAAA.Status = StatusCanceled }), "unknown low", "cut"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			o, tried := c.nets.Judge(&c.a), c.nets.Tried(&c.a)
			got := string(o.Verdict)
			if o.Reason != ReasonNone {
				got += "/" + string(o.Reason)
			}
			if o.Provider != "" {
				got += " " + o.Provider
			}
			if got += " " + string(o.Confidence); got != c.want {
				t.Errorf("got %s, want %s; evidence %q", got, c.want, o.Evidence)
			}
			if !strings.Contains(strings.Join(o.Evidence, "\n"), c.says) {
				t.Errorf("evidence %q does not say %q", o.Evidence, c.says)
			}
			if len(o.Evidence) == 0 {
				t.Error("a verdict without evidence")
			}
			last := tried[len(tried)-1]
			if !last.Matched || last.Name != string(o.Verdict) || last.Why == "" {
				t.Errorf("the last rule tried is %+v, the verdict %s", last, o.Verdict)
			}
			for _, r := range tried[:len(tried)-1] {
				if r.Matched || r.Why == "" {
					t.Errorf("a rule before the last: %+v", r)
				}
			}
			if again := c.nets.Judge(&c.a); !reflect.DeepEqual(again, o) {
				t.Error("the same answer, judged again, came out otherwise")
			}
		})
	}
}

func TestJudgeOrigin(t *testing.T) {
	t.Parallel()
	foreign := answer(foreign4)
	o := NewNetworks(nil, false).Judge(&foreign, netip.MustParseAddr(foreign4))
	if o.Verdict != Parked || !strings.Contains(o.Evidence[0], "origin") {
		t.Errorf("%s, %q", o.Verdict, o.Evidence)
	}
	if o := NewNetworks(nil, false).Judge(&foreign, netip.MustParseAddr(ours4)); o.Verdict != Moved {
		t.Errorf("an origin says what is ours: %s, want moved", o.Verdict)
	}
}

func TestDialable(t *testing.T) {
	t.Parallel()
	n := NewNetworks(mustPrefixes("127.0.0.0/8"), false)
	for addr, want := range map[string]bool{"127.1.2.3": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "93.184.1.1": true, "::1": false, "169.254.169.254": false} {
		if got := n.Dialable(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if !NewNetworks(nil, true).Dialable(netip.MustParseAddr("10.0.0.1")) {
		t.Error("--allow-private must allow 10.0.0.1")
	}
}

func TestSpecialPurpose(t *testing.T) {
	t.Parallel()
	special := "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 " +
		"198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 " +
		":: ::1 ::ffff:10.0.0.1 64:ff9b::1 100::1 2001::1 2001:db8::1 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fe80::1 fec0::1 ff02::1 4000::1"
	public := "1.1.1.1 193.0.0.53 93.184.216.34 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255 " +
		"2001:200::1 2001:4860:4860::8888 2606:4700::1 2a00:1450::1 ::ffff:1.1.1.1"
	for text := range strings.FieldsSeq(special) {
		if !SpecialPurpose(netip.MustParseAddr(text)) {
			t.Errorf("%s is special-purpose", text)
		}
	}
	for text := range strings.FieldsSeq(public) {
		if SpecialPurpose(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	if !SpecialPurpose(netip.Addr{}) {
		t.Error("no address is not a public one")
	}
}

func TestRegistrable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"example.com": "example.com", "www.example.com": "example.com", "a.b.example.co.uk": "example.co.uk", "co.uk": "", "com": "",
		"site.github.io": "site.github.io", "x.site.github.io": "site.github.io", "github.io": "github.io",
		"a.b.com.ru": "b.com.ru", "com.ru": "com.ru", "d000001.test": "d000001.test", "www.d1.test": "d1.test",
		"xn--e1afmkfd.xn--p1ai": "xn--e1afmkfd.xn--p1ai",
	} {
		if got := Registrable(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestProviders(t *testing.T) {
	t.Parallel()
	p := newProviders(Providers())
	for addr, want := range map[string]string{
		"104.16.0.1": "cloudflare", "104.23.255.255": "cloudflare", "172.64.0.1": "cloudflare", "2606:4700:1::1": "cloudflare",
		"151.101.1.1": "fastly", "2a04:4e42::1": "fastly", "13.32.0.1": "cloudfront", "45.60.1.1": "imperva",
		"1.1.1.1": "", "8.8.8.8": "", "93.184.216.34": "",
	} {
		if _, id, _ := p.edge(netip.MustParseAddr(addr)); id != want {
			t.Errorf("%s: %q, want %q", addr, id, want)
		}
	}
	for name, want := range map[string]string{
		"example.com.cdn.cloudflare.net": "cloudflare", "x.cloudflare.net": "", "notfastly.net": "", "fastly.net": "fastly",
		"www.example.com.edgekey.net": "akamai", "ec2-1-2-3-4.compute.amazonaws.com": "", "ns.cloudflare.com": "",
	} {
		if _, id, _ := p.cname([]string{"first.example", name}); id != want {
			t.Errorf("%s: %q, want %q", name, id, want)
		}
	}
	for _, bad := range []string{"edge 1.2.3.0/24", "[x]\nedge 1.2.3.4/24", "[x]\nedge nonsense", "[x]\nfrom xml https://a.test", "[x]\nfrom text http://a.test", "[x]\nasn 1", "edge"} {
		if _, err := parseProviders(bad); err == nil {
			t.Errorf("%q must be refused", bad)
		}
	}
}

// FuzzMessage takes wire bytes as the reply to our question, all the way to a verdict: it must neither panic nor find
// an address that is not reached from the name.
func FuzzMessage(f *testing.F) {
	seed := func(records ...string) {
		m := new(mdns.Msg).SetQuestion("www.example.test.", mdns.TypeA)
		m.Response = true
		for _, text := range records {
			rr, err := mdns.NewRR(text)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	seed("www.example.test. 60 IN A 203.0.113.7")
	seed("www.example.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME www.example.test.")
	seed("www.example.test. 60 IN CNAME b.test.", "b.test. 60 IN A 93.184.1.1", "c.test. 60 IN A 198.51.100.66")
	seed("evil.test. 60 IN A 198.51.100.66")
	n := testNetworks()
	q := query{name: "www.example.test", qtype: mdns.TypeA}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var room [2]netip.Addr
		msg, ok := q.read(wire, room[:0])
		sameAsCodec(t, q, wire)
		if !ok {
			return
		}
		c := msg.chain
		if len(c.names) > chainMax+1 {
			t.Fatalf("a chain of %d names", len(c.names))
		}
		a := Answer{Name: q.name, Asked: q.name, Registrable: "example.test", A: msg.reply, AAAA: msg.reply, CNAMEs: c.names, Loop: c.loop}
		a.Addrs, a.Dropped = merge(c.addrs, nil)
		o, tried := n.Judge(&a), n.Tried(&a)
		if !slices.Contains(Verdicts, o.Verdict) || len(o.Evidence) == 0 {
			t.Fatalf("%+v", o)
		}
		if !tried[len(tried)-1].Matched {
			t.Fatal("no rule matched")
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	n, a := testNetworks(), answer(ours4+" "+ours6)
	b.ReportAllocs()
	for b.Loop() {
		if n.Judge(&a).Verdict != Parked {
			b.Fatal("verdict")
		}
	}
}

// TestDNSSECByEDE holds which extended errors tell that validation fails, and that no other one does.
func TestDNSSECByEDE(t *testing.T) {
	t.Parallel()
	fails := []uint16{1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27}
	for code := range uint16(len(edeNames) + 1) {
		a := answer("", both(StatusServFail), ede(code))
		o := testNetworks().Judge(&a)
		if got := o.Reason == ReasonDNSSECBogus; got != slices.Contains(fails, code) {
			t.Errorf("%s: %s/%s", EDE{Code: code}, o.Verdict, o.Reason)
		}
	}
}

func TestEDE(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]EDE{"EDE 6 DNSSEC Bogus": {Code: 6}, "EDE 9 DNSKEY Missing (no keys)": {Code: 9, Text: "no keys"}, "EDE 4711 unregistered": {Code: 4711}} {
		if got := fmt.Sprint(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
