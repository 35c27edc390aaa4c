package dns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

// sameAsCodec holds that a reply which is read in place is read as the codec reads it. A message that the codec refuses
// for what stands behind the answers may be accepted.
func sameAsCodec(t *testing.T, q query, wire []byte) {
	t.Helper()
	var room [2]netip.Addr
	got, ok := q.glance(wire, room[:0])
	var m mdns.Msg
	if !ok || m.Unpack(wire) != nil {
		return
	}
	if !q.asks(&m) {
		t.Fatalf("read in place, and no reply to the question: %x", wire)
	}
	if want := newMessage(q, &m); describe(got) != describe(want) {
		t.Fatalf("read in place as %s, by the codec as %s: %x", describe(got), describe(want), wire)
	}
}

func describe(m message) string {
	return fmt.Sprintf("%s %v %v loop=%v open=%v negative=%v truncated=%v ede=%v", m.reply.Status, m.chain.names, m.chain.addrs,
		m.chain.loop, m.chain.open, m.negative, m.truncated, m.reply.EDE)
}

// reply packs a reply to q; sections are split by "--".
func reply(tb testing.TB, q query, edit func(*mdns.Msg), records ...string) []byte {
	tb.Helper()
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(q.name), q.qtype)
	m.Response, m.RecursionAvailable, m.Compress = true, true, true
	sections := []*[]mdns.RR{&m.Answer, &m.Ns, &m.Extra}
	for _, text := range records {
		if text == "--" {
			sections = sections[1:]
			continue
		}
		rr, err := mdns.NewRR(text)
		if err != nil {
			tb.Fatal(err)
		}
		*sections[0] = append(*sections[0], rr)
	}
	if edit != nil {
		edit(m)
	}
	wire, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// TestGlance holds which replies are read in place, and that they are read as the codec reads them.
func TestGlance(t *testing.T) {
	t.Parallel()
	a := query{name: "www.example.test", qtype: mdns.TypeA}
	six := query{name: "www.example.test", qtype: mdns.TypeAAAA}
	opt := func(options ...mdns.EDNS0) func(*mdns.Msg) {
		return func(m *mdns.Msg) {
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = options
		}
	}
	for name, c := range map[string]struct {
		q       query
		edit    func(*mdns.Msg)
		records []string
		inPlace bool
		want    string
	}{
		"one address":   {a, opt(), []string{"www.example.test. 60 IN A 93.184.1.1"}, true, "NOERROR [] [93.184.1.1]"},
		"IPv6":          {six, opt(), []string{"www.example.test. 60 IN AAAA 2a00:1450::1"}, true, "NOERROR [] [2a00:1450::1]"},
		"mapped":        {six, nil, []string{"www.example.test. 60 IN AAAA ::ffff:93.184.1.9"}, true, "NOERROR [] [93.184.1.9]"},
		"chain":         {a, opt(), []string{"www.example.test. 60 IN CNAME B.Other.test.", "b.other.test. 60 IN CNAME c.other.test.", "c.other.test. 60 IN A 93.184.1.1", "c.other.test. 60 IN A 93.184.1.2"}, true, "NOERROR [b.other.test c.other.test] [93.184.1.1 93.184.1.2]"},
		"glue":          {a, opt(), []string{"www.example.test. 60 IN A 93.184.1.1", "--", "example.test. 60 IN NS ns.example.test.", "--", "ns.example.test. 60 IN A 198.51.100.66"}, true, "NOERROR [] [93.184.1.1]"},
		"no data":       {a, opt(), []string{"--", "example.test. 60 IN SOA ns. h. 1 2 3 4 5"}, true, "NODATA [] []"},
		"absent":        {a, func(m *mdns.Msg) { m.Rcode = mdns.RcodeNameError }, []string{"--", "example.test. 60 IN SOA ns. h. 1 2 3 4 5"}, true, "NXDOMAIN [] []"},
		"open chain":    {a, nil, []string{"www.example.test. 60 IN CNAME b.test."}, true, "NODATA [b.test] [] loop=false open=true"},
		"closed chain":  {a, nil, []string{"www.example.test. 60 IN CNAME b.test.", "--", "test. 60 IN SOA ns. h. 1 2 3 4 5"}, true, "NODATA [b.test] [] loop=false open=false"},
		"padding":       {a, opt(&mdns.EDNS0_PADDING{Padding: make([]byte, 20)}), []string{"www.example.test. 60 IN A 93.184.1.1"}, true, "NOERROR [] [93.184.1.1]"},
		"servfail":      {a, func(m *mdns.Msg) { m.Rcode = mdns.RcodeServerFailure }, nil, true, "SERVFAIL [] []"},
		"loop":          {a, nil, []string{"www.example.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME www.example.test."}, false, "NODATA [b.test www.example.test] [] loop=true"},
		"out of order":  {a, nil, []string{"b.test. 60 IN A 93.184.1.1", "www.example.test. 60 IN CNAME b.test."}, false, "NOERROR [b.test] [93.184.1.1]"},
		"stranger":      {a, nil, []string{"www.example.test. 60 IN A 93.184.1.1", "evil.test. 60 IN A 198.51.100.66"}, false, "NOERROR [] [93.184.1.1]"},
		"other type":    {a, nil, []string{"www.example.test. 60 IN A 93.184.1.1", "www.example.test. 60 IN TXT x"}, false, "NOERROR [] [93.184.1.1]"},
		"other class":   {a, nil, []string{"www.example.test. 60 CH A 93.184.1.1"}, false, "NOERROR [] [93.184.1.1]"},
		"escapes":       {a, nil, []string{`www.example.test. 60 IN CNAME a\.b\001.test.`}, false, `NODATA [a\.b\001.test] []`},
		"extended":      {a, opt(&mdns.EDNS0_EDE{InfoCode: 3}), []string{"www.example.test. 60 IN A 93.184.1.1"}, false, "NOERROR [] [93.184.1.1]"},
		"BADVERS":       {a, func(m *mdns.Msg) { opt()(m); m.Rcode = mdns.RcodeBadVers }, nil, false, "OTHER [] []"},
		"truncated":     {a, func(m *mdns.Msg) { m.Truncated = true }, nil, false, "NODATA [] [] loop=false open=false negative=false truncated=true"},
		"question case": {a, func(m *mdns.Msg) { m.Question[0].Name = "WWW.example.test." }, []string{"www.example.test. 60 IN A 93.184.1.1"}, false, "NOERROR [] [93.184.1.1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire := reply(t, c.q, c.edit, c.records...)
			if _, ok := c.q.glance(wire, nil); ok != c.inPlace {
				t.Errorf("read in place: %v, want %v", ok, c.inPlace)
			}
			m, ok := c.q.read(wire, nil)
			if !ok || !strings.HasPrefix(describe(m), c.want) {
				t.Errorf("read %v as %s, want %s", ok, describe(m), c.want)
			}
			sameAsCodec(t, c.q, wire)
			for i := range wire {
				_, _ = c.q.read(wire[:i], nil) // cut anywhere it must not panic
				sameAsCodec(t, c.q, wire[:i])
			}
		})
	}
}

func TestNoReply(t *testing.T) {
	t.Parallel()
	q := query{name: "www.example.test", qtype: mdns.TypeA}
	for name, edit := range map[string]func(*mdns.Msg){
		"a query":        func(m *mdns.Msg) { m.Response = false },
		"other name":     func(m *mdns.Msg) { m.Question[0].Name = "evil.example.test." },
		"longer name":    func(m *mdns.Msg) { m.Question[0].Name = "www.example.test.test." },
		"shorter name":   func(m *mdns.Msg) { m.Question[0].Name = "www.example." },
		"other type":     func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeAAAA },
		"other class":    func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS },
		"two questions":  func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"no question":    func(m *mdns.Msg) { m.Question = nil },
		"an update":      func(m *mdns.Msg) { m.Opcode = mdns.OpcodeUpdate },
		"a notification": func(m *mdns.Msg) { m.Opcode = mdns.OpcodeNotify },
	} {
		if m, ok := q.read(reply(t, q, edit, "www.example.test. 60 IN A 93.184.1.1"), nil); ok {
			t.Errorf("%s is taken for a reply: %s", name, describe(m))
		}
	}
}

// TestQueryOnTheWire holds that what is packed by hand is what the codec reads.
func TestQueryOnTheWire(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61)
	for _, q := range []query{
		{name: "example.test", qtype: mdns.TypeA},
		{name: "xn--e1afmkfd.xn--p1ai", qtype: mdns.TypeAAAA, checkingDisabled: true},
		{name: "_dmarc.example.test", qtype: mdns.TypeNS, plain: true},
		{name: long, qtype: mdns.TypeA},
		{name: `a\.b.test`, qtype: mdns.TypeA},
	} {
		wire, ok := q.appendTo([]byte("before"), 4711)
		var m mdns.Msg
		if !ok || m.Unpack(wire[len("before"):]) != nil {
			t.Fatalf("%s: %v %x", q.name, ok, wire)
		}
		if m.Id != 4711 || !m.RecursionDesired || m.CheckingDisabled != q.checkingDisabled || m.Question[0].Name != mdns.Fqdn(q.name) ||
			m.Question[0].Qtype != q.qtype || (m.IsEdns0() == nil) != q.plain || !q.plain && m.IsEdns0().UDPSize() != udpSize {
			t.Errorf("%s: %v", q.name, &m)
		}
	}
	for _, bad := range []string{"a..b", ".a", "a.", strings.Repeat("a", 64) + ".test", long + "b", `a\`} {
		if wire, ok := (query{name: bad, qtype: mdns.TypeA}).appendTo([]byte("before"), 1); ok || string(wire) != "before" {
			t.Errorf("%q is packed as %x", bad, wire)
		}
	}
}
