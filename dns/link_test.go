package dns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// hidden keeps a socket from being recognised as one, so that it is used one datagram at a time, as on systems without
// batches.
type hidden struct{ net.Conn }

// pairs of a client's link and the server's socket behind it.
func linkTo(t *testing.T, wrap func(net.Conn) net.Conn) (link, *net.UDPConn) {
	t.Helper()
	server, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	c, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLink(wrap(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	return l, server
}

var links = map[string]func(net.Conn) net.Conn{
	"batched":          func(c net.Conn) net.Conn { return c },
	"one at a time":    func(c net.Conn) net.Conn { return hidden{c} },
	"without segments": func(c net.Conn) net.Conn { return c },
}

// TestLink holds that every query of a box arrives once and whole, whatever their lengths, and every reply comes back.
func TestLink(t *testing.T) {
	t.Parallel()
	for name, wrap := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, server := linkTo(t, wrap)
			if name == "without segments" {
				withoutSegments(l)
			}
			var want, got []string
			box := new(outbox)
			for i := range batchMax {
				q := query{name: strings.Repeat("a", 1+i%7) + fmt.Sprintf("-%02d.test", i), qtype: mdns.TypeA}
				if !box.add(q, uint16(i)) {
					t.Fatal(q.name)
				}
				want = append(want, q.name)
			}
			if err := l.send(box, time.Minute); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 1500)
			if err := server.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			for range want {
				n, from, err := server.ReadFromUDPAddrPort(buf)
				var m mdns.Msg
				if err != nil || m.Unpack(buf[:n]) != nil {
					t.Fatalf("after %d of %d: %v", len(got), len(want), err)
				}
				got = append(got, normal(m.Question[0].Name))
				if _, err := server.WriteToUDPAddrPort(buf[:2+len(got)], from); err != nil {
					t.Fatal(err)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("arrived %v\nwant    %v", got, want)
			}
			sizes := map[int]bool{}
			ids := map[uint16]bool{}
			for len(ids) < len(want) {
				n, err := l.receive()
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					ids[binary.BigEndian.Uint16(l.datagram(i))] = true
					sizes[len(l.datagram(i))] = true
				}
			}
			if len(sizes) != len(want) {
				t.Errorf("%d sizes of %d replies", len(sizes), len(want))
			}
		})
	}
}

// TestLinkClosed holds that closing wakes the one who receives.
func TestLinkClosed(t *testing.T) {
	t.Parallel()
	for name, wrap := range links {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := linkTo(t, wrap)
			var receiver sync.WaitGroup
			defer receiver.Wait()
			receiver.Go(func() {
				if _, err := l.receive(); err == nil {
					t.Error("received from a closed link")
				}
			})
			if err := l.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkPack(b *testing.B) {
	box := new(outbox)
	q := query{name: "www.customer-domain.example", qtype: mdns.TypeA}
	b.ReportAllocs()
	for b.Loop() {
		if box.n == batchMax {
			box.reset()
		}
		if !box.add(q, 4711) {
			b.Fatal("not packed")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	q := query{name: "www.customer-domain.example", qtype: mdns.TypeA}
	wire := reply(b, q, func(m *mdns.Msg) { m.SetEdns0(1232, false) }, "www.customer-domain.example. 60 IN A 93.184.1.1",
		"--", "customer-domain.example. 60 IN NS ns1.customer-domain.example.", "--", "ns1.customer-domain.example. 60 IN A 198.51.100.66")
	var room [4]netip.Addr
	b.ReportAllocs()
	for b.Loop() {
		if m, ok := q.read(wire, room[:0]); !ok || len(m.chain.addrs) != 1 {
			b.Fatal("not read")
		}
	}
}
