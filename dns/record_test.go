package dns_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/inventory"
	"certscan/report"
	"certscan/triage"
)

// wireName is the name that is asked for; the wire form of the question about it takes questionBytes.
const (
	wireName      = "www.example.test"
	questionBytes = len(wireName) + 2 + 4
	headerBytes   = 12
)

// FuzzAnswer gives a resolver of ours whatever a server may send, over UDP to the questions for A and AAAA and over TCP,
// and takes the answer to a verdict, findings and a record in each format. It holds that every word is of its closed set,
// that the record comes back from its JSON, and that nothing a server wrote reaches a reader raw.
func FuzzAnswer(f *testing.F) {
	for _, m := range wires(f) {
		f.Add(m, m, m)
		f.Add(m, []byte{}, m)
	}
	networks := dns.NewNetworks([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, false)
	f.Fuzz(func(t *testing.T, v4, v6, stream []byte) {
		synctest.Test(t, func(t *testing.T) {
			a := resolved(t, v4, v6, stream)
			o := networks.Judge(&a)
			judged(t, networks, &a, &o)
			r := triage.Policy{}.Judge(&triage.Facts{
				Domain: inventory.Domain{Name: wireName, Display: wireName, Manager: "north", Source: "list:1"}, DNS: &a, Owner: &o, At: time.Now().UTC(),
			}, time.Now().UTC())
			rendered(t, r)
		})
	})
}

// resolved asks for the name at a server that answers with the given messages.
func resolved(t *testing.T, v4, v6, stream []byte) dns.Answer {
	t.Helper()
	var servers sync.WaitGroup
	dial := func(_ context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
		ours, theirs := net.Pipe()
		servers.Go(func() {
			defer func() { _ = theirs.Close() }()
			if network == "tcp" {
				serveStream(theirs, stream)
				return
			}
			serveDatagrams(theirs, v4, v6)
		})
		return ours, nil
	}
	r, err := dns.New(dns.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}, Dial: dial, Attempts: 2})
	if err != nil {
		t.Fatal(err)
	}
	a := r.Lookup(t.Context(), dns.Question{Name: wireName})
	servers.Wait()
	return a
}

func serveDatagrams(c net.Conn, v4, v6 []byte) {
	query := make([]byte, 4096)
	for {
		n, err := c.Read(query)
		if err != nil {
			return
		}
		said := v4
		if end := questionEnd(query[:n]); binary.BigEndian.Uint16(query[end-4:]) == mdns.TypeAAAA {
			said = v6
		}
		if _, err := c.Write(replyTo(query[:n], said)); err != nil {
			return
		}
	}
}

func serveStream(c net.Conn, said []byte) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	reply := replyTo(query, said)
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
}

// questionEnd returns where the question of a query of ours ends.
func questionEnd(query []byte) int {
	at := headerBytes
	for query[at] != 0 {
		at += 1 + int(query[at])
	}
	return at + 1 + 4
}

// replyTo makes a message a reply to the query, by ID and question: a fuzzer guesses neither.
func replyTo(query, said []byte) []byte {
	if len(said) < headerBytes {
		return said
	}
	out := append(bytes.Clone(query[:2]), said[2:headerBytes]...)
	binary.BigEndian.PutUint16(out[4:], 1) // questions
	out = append(out, query[headerBytes:questionEnd(query)]...)
	return append(out, said[min(len(said), headerBytes+questionBytes):]...)
}

// judged holds what every answer and every verdict keep to.
func judged(t *testing.T, networks *dns.Networks, a *dns.Answer, o *dns.Ownership) {
	t.Helper()
	for _, r := range []dns.Reply{a.A, a.AAAA, a.Apex, a.CheckingDisabled} {
		if strings.Contains(r.Trouble, "defect") {
			t.Fatalf("a panic: %s", r.Trouble)
		}
	}
	if len(a.Addrs) > 64 || slices.ContainsFunc(a.Addrs, func(x netip.Addr) bool { return !x.IsValid() || x.Is4In6() }) {
		t.Fatalf("addresses %v", a.Addrs)
	}
	if !slices.Contains(dns.Verdicts, o.Verdict) || o.Confidence != dns.High && o.Confidence != dns.Low || len(o.Evidence) == 0 {
		t.Fatalf("%+v", o)
	}
	if tried := networks.Tried(a); len(tried) == 0 || !tried[len(tried)-1].Matched {
		t.Fatalf("no rule matched: %+v", tried)
	}
}

// rendered holds what every result keeps to in every format.
func rendered(t *testing.T, r triage.Result) {
	t.Helper()
	rec := report.NewRecord("run", "here", &r)
	if back, err := report.DecodeRecord(rec.AppendJSON(nil)); err != nil || back.Name != r.Facts.Domain.Name {
		t.Fatalf("%v: %s", err, rec.AppendJSON(nil))
	}
	for _, format := range report.Formats {
		var b strings.Builder
		w, err := report.New(&b, format, report.Options{Width: 80})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(report.Run{}); err != nil {
			t.Fatal(err)
		}
		if err := fixtures.Harmless(string(format), b.String()); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := report.Explain(&b, r, 80); err != nil {
		t.Fatal(err)
	}
	if err := fixtures.Harmless("explanation", b.String()); err != nil {
		t.Fatal(err)
	}
}

// wires are messages as servers send them, and as they should not.
func wires(tb testing.TB) [][]byte {
	tb.Helper()
	out := [][]byte{
		wire(tb, 0, nil, "www.example.test. 60 IN A 203.0.113.7", "www.example.test. 60 IN AAAA 2a00:1450::1"),
		wire(tb, 0, nil, "www.example.test. 60 IN A 203.0.113.7", "www.example.test. 60 IN A 93.184.1.1", "www.example.test. 60 IN A 10.0.0.1"),
		wire(tb, 0, nil, "www.example.test. 60 IN CNAME a.test.", "a.test. 60 IN CNAME b.cdn.cloudflare.net.", "b.cdn.cloudflare.net. 60 IN A 104.16.0.1", "b.cdn.cloudflare.net. 60 IN AAAA 2606:4700::1"),
		wire(tb, 0, nil, "www.example.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME www.example.test."),
		wire(tb, 0, nil, "www.example.test. 60 IN CNAME open.test."),
		wire(tb, 0, nil, `www.example.test. 60 IN CNAME =1+1\124\096\027[2J\000\226\128\174\013\010.test.`, `=1+1\124\096\027[2J\000\226\128\174\013\010.test. 60 IN A 93.184.1.1`),
		wire(tb, mdns.RcodeNameError, nil, "www.example.test. 60 IN CNAME gone.test."),
		wire(tb, mdns.RcodeNameError, nil),
		wire(tb, mdns.RcodeServerFailure, []mdns.EDNS0{&mdns.EDNS0_EDE{InfoCode: 22, ExtraText: "\x1b]0;x\a=cmd|`id`\u202e\r\nURGENT"}, &mdns.EDNS0_EDE{InfoCode: 9}}),
		wire(tb, mdns.RcodeRefused, []mdns.EDNS0{&mdns.EDNS0_EDE{InfoCode: 20, ExtraText: strings.Repeat("\u202e", 300)}}),
		wire(tb, mdns.RcodeFormatError, nil),
		wire(tb, mdns.RcodeNotImplemented, nil),
		wire(tb, 0, nil, "www.example.test. 60 IN NS ns1.example.test.", "www.example.test. 60 IN TXT \"x\"", "www.example.test. 60 IN CAA 0 issue \"ca.example\""),
	}
	truncated := bytes.Clone(out[0])
	truncated[2] |= 2
	chain := bytes.Clone(out[2])
	circle := append(bytes.Clone(out[0][:headerBytes+questionBytes]), 0xC0, byte(headerBytes+questionBytes), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7)
	forward := append(bytes.Clone(out[0][:headerBytes+questionBytes]), 0xFF, 0xFF, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7)
	return append(out, truncated, chain[:len(chain)-9], circle, forward, []byte("\x00"))
}

// wire is a reply with the given records, its names compressed.
func wire(tb testing.TB, rcode int, options []mdns.EDNS0, records ...string) []byte {
	tb.Helper()
	m := new(mdns.Msg).SetQuestion(wireName+".", mdns.TypeA)
	m.Response, m.RecursionAvailable, m.Rcode, m.Compress = true, true, rcode, true
	for _, text := range records {
		rr, err := mdns.NewRR(text)
		if err != nil {
			tb.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if rcode == mdns.RcodeNameError {
		soa, err := mdns.NewRR("test. 60 IN SOA ns.test. hostmaster.test. 1 2 3 4 300")
		if err != nil {
			tb.Fatal(err)
		}
		m.Ns = append(m.Ns, soa)
	}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = options
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
