package dns

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// udpSize is the EDNS buffer size that is offered (RFC 9715 §3.1 advises at most 1400; 1232 passes every path).
const udpSize = 1232

// query is one question.
type query struct {
	name             string // without trailing dot
	qtype            uint16
	checkingDisabled bool
	plain            bool // without EDNS, for a server that answers FORMERR to it
	iterative        bool // without recursion, to a server of the zone
}

// appendTo appends the query as it goes on the wire (RFC 1035 §4.1). It fails only for what is no domain name.
func (q query) appendTo(b []byte, id uint16) ([]byte, bool) {
	if strings.IndexByte(q.name, '\\') >= 0 {
		return q.appendSlowly(b, id)
	}
	began := len(b)
	flags := byte(1) // RD
	if q.iterative {
		flags = 0
	}
	low, additional := byte(0), byte(1)
	if q.checkingDisabled {
		low = 0x10
	}
	if q.plain {
		additional = 0
	}
	b = append(b, byte(id>>8), byte(id), flags, low, 0, 1, 0, 0, 0, 0, 0, additional)
	for rest := q.name; rest != ""; {
		label, after, dotted := strings.Cut(rest, ".")
		if label == "" || len(label) > 63 || dotted && after == "" {
			return b[:began], false
		}
		b = append(append(b, byte(len(label))), label...)
		rest = after
	}
	if len(b)-began > 12+254 {
		return b[:began], false
	}
	b = append(b, 0, byte(q.qtype>>8), byte(q.qtype), 0, 1)
	if !q.plain { // OPT: root, type 41, class is the size (RFC 6891 §6.1.2)
		b = append(b, 0, 0, 41, udpSize>>8, udpSize&0xff, 0, 0, 0, 0, 0, 0)
	}
	return b, true
}

// appendSlowly is appendTo for a name with escapes (RFC 4343 §2.1), as a CNAME's target may have.
func (q query) appendSlowly(b []byte, id uint16) ([]byte, bool) {
	var m mdns.Msg
	m.Id = id
	m.RecursionDesired = !q.iterative
	m.CheckingDisabled = q.checkingDisabled
	m.Question = []mdns.Question{{Name: mdns.Fqdn(q.name), Qtype: q.qtype, Qclass: mdns.ClassINET}}
	if !q.plain {
		m.SetEdns0(udpSize, false)
	}
	wire, err := m.Pack()
	if err != nil {
		return b, false
	}
	return append(b, wire...), true
}

// asks reports whether m answers q: RFC 5452 §9.1 wants the question compared, not the ID alone.
func (q query) asks(m *mdns.Msg) bool {
	return m.Response && m.Opcode == mdns.OpcodeQuery && len(m.Question) == 1 &&
		m.Question[0].Qtype == q.qtype && m.Question[0].Qclass == mdns.ClassINET &&
		normal(m.Question[0].Name) == normal(q.name)
}

// baffles reports whether m is the answer of a server that does not know EDNS: FORMERR, which may come without the
// question (RFC 6891 §7). It is taken only as the reason to ask again without.
func (q query) baffles(m *mdns.Msg) bool {
	return m.Response && !q.plain && len(m.Question) == 0 && m.Rcode == mdns.RcodeFormatError
}

// read reads what came as a reply to q; false is for what is no reply to it. Everyday replies are read in place, all
// others by the codec. room is where the addresses of an everyday reply go.
func (q query) read(wire []byte, room []netip.Addr) (message, bool) {
	if m, ok := q.glance(wire, room); ok {
		return m, true
	}
	var m mdns.Msg
	if m.Unpack(wire) != nil || !q.asks(&m) && !q.baffles(&m) {
		return message{}, false
	}
	return newMessage(q, &m), true
}

// glance reads an everyday reply in place: the very question, then CNAMEs in order and addresses at their end; names of
// plain characters; no extended error. It claims nothing about any other: false is for all that the codec should read.
// What it accepts it reads as the codec does.
func (q query) glance(wire []byte, room []netip.Addr) (message, bool) {
	g := glance{wire: wire}
	if q.qtype != mdns.TypeA && q.qtype != mdns.TypeAAAA || !g.header(&q) {
		return message{}, false
	}
	m := message{qtype: q.qtype}
	m.chain.addrs = room[:0]
	if !g.answer(&q, &m.chain) || !g.rest() {
		return message{}, false
	}
	m.negative = g.soa
	m.conclude(status(int(wire[3] & 0x0f)))
	return m, true
}

// glance is a reply being read in place.
type glance struct {
	wire                            []byte
	at                              int // the next byte
	answers, authority, additionals int
	soa                             bool
}

// header checks the header and that the question is the very one (RFC 5452 §9.1), and goes past them.
func (g *glance) header(q *query) bool {
	w := g.wire
	if len(w) < 12 || w[2]&0xfa != 0x80 || w[4] != 0 || w[5] != 1 { // a reply, QUERY, whole, one question
		return false
	}
	g.answers, g.authority, g.additionals = g.number(6), g.number(8), g.number(10)
	g.at = 12
	for rest := q.name; rest != ""; {
		label, after, _ := strings.Cut(rest, ".")
		end := g.at + 1 + len(label)
		if end >= len(w) || int(w[g.at]) != len(label) || string(w[g.at+1:end]) != label {
			return false
		}
		g.at, rest = end, after
	}
	if g.at+5 > len(w) || w[g.at] != 0 || g.number(g.at+1) != int(q.qtype) || g.number(g.at+3) != mdns.ClassINET {
		return false
	}
	g.at += 5
	return true
}

func (g *glance) number(at int) int { return int(binary.BigEndian.Uint16(g.wire[at:])) }

// record is one resource record's place in the message.
type record struct {
	owner, class, data, length int
	rtype                      uint16
	ttl                        uint32
}

// record reads the next record's head and goes past its data.
func (g *glance) record() (record, bool) {
	r := record{owner: g.at}
	at, ok := g.skip(g.at)
	if !ok || at+10 > len(g.wire) {
		return r, false
	}
	r.rtype, r.class, r.ttl, r.length = uint16(g.number(at)), g.number(at+2), binary.BigEndian.Uint32(g.wire[at+4:]), g.number(at+8)
	r.data = at + 10
	g.at = r.data + r.length
	return r, g.at <= len(g.wire)
}

// skip returns where a name ends; a pointer ends it (RFC 1035 §4.1.4).
func (g *glance) skip(at int) (int, bool) {
	for at < len(g.wire) {
		switch n := int(g.wire[at]); {
		case n == 0:
			return at + 1, true
		case n&0xc0 == 0xc0:
			return at + 2, at+2 <= len(g.wire)
		case n&0xc0 != 0:
			return 0, false
		default:
			at += 1 + n
		}
	}
	return 0, false
}

// answer reads the answer section into a chain.
func (g *glance) answer(q *query, c *chain) bool {
	owner := 12 // where the name stands whose records come next
	for range g.answers {
		r, ok := g.record()
		if !ok || r.class != mdns.ClassINET || !g.same(r.owner, owner) {
			return false
		}
		switch {
		case r.rtype == mdns.TypeCNAME && len(c.addrs) == 0 && len(c.names) < chainMax:
			if end, ok := g.skip(r.data); !ok || end != r.data+r.length {
				return false
			}
			name, ok := g.text(r.data)
			if !ok || !c.extend(q.name, name) {
				return false
			}
			owner = r.data
		case r.rtype == q.qtype && r.rtype == mdns.TypeA && r.length == 4:
			c.addrs = append(c.addrs, netip.AddrFrom4([4]byte(g.wire[r.data:])))
		case r.rtype == q.qtype && r.rtype == mdns.TypeAAAA && r.length == 16:
			c.addrs = append(c.addrs, netip.AddrFrom16([16]byte(g.wire[r.data:])).Unmap())
		default:
			return false
		}
	}
	return true
}

// extend adds a CNAME's target; false where the chain comes back to a name.
func (c *chain) extend(first, target string) bool {
	if target == first || slices.Contains(c.names, target) {
		return false
	}
	c.names = append(c.names, target)
	return true
}

// rest goes over the other sections and notes what matters of them. An extended error, or an extended code, is for the
// codec.
func (g *glance) rest() bool {
	for range g.authority {
		r, ok := g.record()
		if !ok {
			return false
		}
		g.soa = g.soa || r.rtype == mdns.TypeSOA
	}
	options := false
	for range g.additionals {
		r, ok := g.record()
		if !ok {
			return false
		}
		if r.rtype != mdns.TypeOPT {
			continue
		}
		if options || r.ttl>>24 != 0 || g.wire[r.owner] != 0 || !g.dull(r) {
			return false
		}
		options = true
	}
	return true
}

// dull reports whether no option of an OPT record is an extended error (RFC 8914 §2).
func (g *glance) dull(r record) bool {
	for at, end := r.data, r.data+r.length; at < end; {
		if at+4 > end || g.number(at) == mdns.EDNS0EDE {
			return false
		}
		at += 4 + g.number(at+2)
		if at > end {
			return false
		}
	}
	return true
}

// same reports whether two names of the message are the same, without case (RFC 4343 §3).
func (g *glance) same(a, b int) bool {
	for range 128 {
		var ok, also bool
		if a, ok = g.follow(a); !ok {
			return false
		}
		if b, also = g.follow(b); !also {
			return false
		}
		if a == b {
			return true
		}
		n := int(g.wire[a])
		if n != int(g.wire[b]) || a+n >= len(g.wire) || b+n >= len(g.wire) {
			return false
		}
		if n == 0 {
			return true
		}
		for i := 1; i <= n; i++ {
			if lower(g.wire[a+i]) != lower(g.wire[b+i]) {
				return false
			}
		}
		a, b = a+n+1, b+n+1
	}
	return false
}

// follow returns where the next label stands, behind pointers that lead backwards alone.
func (g *glance) follow(at int) (int, bool) {
	for at+1 < len(g.wire) && g.wire[at]&0xc0 == 0xc0 {
		to := g.number(at) & 0x3fff
		if to >= at {
			return 0, false
		}
		at = to
	}
	return at, at < len(g.wire) && g.wire[at]&0xc0 == 0
}

// text returns a name as it is kept: lower case, without trailing dot. It knows letters, digits, hyphen and underscore.
func (g *glance) text(at int) (string, bool) {
	var b [255]byte
	out := b[:0]
	for {
		var ok bool
		if at, ok = g.follow(at); !ok {
			return "", false
		}
		n := int(g.wire[at])
		if n == 0 {
			return string(out), len(out) > 0
		}
		if at+n >= len(g.wire) || len(out)+n+1 > 253 {
			return "", false
		}
		if len(out) > 0 {
			out = append(out, '.')
		}
		for _, c := range g.wire[at+1 : at+1+n] {
			c = lower(c)
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", false
			}
			out = append(out, c)
		}
		at += n + 1
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
