package dns

import (
	"net/netip"

	mdns "github.com/miekg/dns"
)

// udpSize is the EDNS buffer size that is offered (RFC 9715 §3.1 advises at most 1400; 1232 passes every path).
const udpSize = 1232

// query is one question on its way.
type query struct {
	name             string // without trailing dot
	qtype            uint16
	checkingDisabled bool
	plain            bool // without EDNS, for a server that answers FORMERR to it
}

func (q query) pack(id uint16) ([]byte, error) {
	var m mdns.Msg
	m.Id = id
	m.RecursionDesired = true
	m.CheckingDisabled = q.checkingDisabled
	m.Question = []mdns.Question{{Name: mdns.Fqdn(q.name), Qtype: q.qtype, Qclass: mdns.ClassINET}}
	if !q.plain {
		m.SetEdns0(udpSize, false)
	}
	return m.Pack()
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

// message is the outcome of one query: what it came to, and the answer section alone.
type message struct {
	reply     Reply
	qtype     uint16
	records   []mdns.RR
	truncated bool
	negative  bool // an SOA stands in the authority section: the chain's end was looked at (RFC 2308 §2)
}

func newMessage(q query, m *mdns.Msg, server netip.AddrPort) message {
	out := message{qtype: q.qtype, records: m.Answer, truncated: m.Truncated}
	out.reply = Reply{Status: status(m.Rcode), EDE: extendedErrors(m), Server: server}
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == mdns.TypeSOA {
			out.negative = true
		}
	}
	if out.reply.Status == StatusNoError && !out.has(q) {
		out.reply.Status = StatusNoData
	}
	return out
}

// has reports whether the answer section holds a record of the asked type at the end of the chain from the asked name.
func (m message) has(q query) bool {
	if q.qtype == mdns.TypeA || q.qtype == mdns.TypeAAAA {
		return len(follow(q.name, m).addrs) > 0
	}
	return len(m.targets(q.name, q.qtype)) > 0
}

func status(rcode int) Status {
	switch rcode {
	case mdns.RcodeSuccess:
		return StatusNoError
	case mdns.RcodeNameError:
		return StatusNXDomain
	case mdns.RcodeServerFailure:
		return StatusServFail
	case mdns.RcodeRefused:
		return StatusRefused
	case mdns.RcodeFormatError:
		return StatusFormErr
	case mdns.RcodeNotImplemented:
		return StatusNotImp
	}
	return StatusOther
}

func extendedErrors(m *mdns.Msg) []EDE {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	var out []EDE
	for _, o := range opt.Option {
		if e, ok := o.(*mdns.EDNS0_EDE); ok && len(out) < 8 {
			out = append(out, EDE{Code: e.InfoCode, Text: e.ExtraText})
		}
	}
	return out
}

// targets returns the names that records of name and type point to, for NS and CNAME.
func (m message) targets(name string, qtype uint16) []string {
	var out []string
	for _, rr := range m.records {
		if rr.Header().Rrtype != qtype || normal(rr.Header().Name) != normal(name) {
			continue
		}
		switch v := rr.(type) {
		case *mdns.NS:
			out = append(out, normal(v.Ns))
		case *mdns.CNAME:
			out = append(out, normal(v.Target))
		}
	}
	return out
}

// chain is where an answer section leads from a name.
type chain struct {
	names []string // CNAME targets in order
	addrs []netip.Addr
	loop  bool
	// open is set when the chain ends in a name about which the message says nothing: the server did not follow it.
	open bool
}

func (c chain) join(next chain) chain {
	if next.loop || len(c.names)+len(next.names) > chainMax {
		c.loop = true
	}
	for _, n := range next.names {
		for _, seen := range c.names {
			c.loop = c.loop || seen == n
		}
	}
	c.names = append(c.names, next.names...)
	c.addrs, c.open = next.addrs, next.open
	return c
}

// follow walks the CNAMEs of the answer section from name and collects the addresses at their end. Records that are
// not reached so are no answer (RFC 5452 §6: a resolver must not take more than it asked for).
func follow(name string, m message) chain {
	var c chain
	at := normal(name)
	seen := map[string]bool{at: true}
	for {
		targets := m.targets(at, mdns.TypeCNAME)
		if len(targets) == 0 {
			break
		}
		at = targets[0]
		c.names = append(c.names, at)
		if seen[at] || len(c.names) > chainMax {
			c.loop = true
			return c
		}
		seen[at] = true
	}
	for _, rr := range m.records {
		if rr.Header().Rrtype == m.qtype && normal(rr.Header().Name) == at {
			if a, ok := address(rr); ok {
				c.addrs = append(c.addrs, a)
			}
		}
	}
	c.open = len(c.names) > 0 && len(c.addrs) == 0 && !m.negative && m.reply.Status.OK() && m.reply.Status != StatusNXDomain
	return c
}

func address(rr mdns.RR) (netip.Addr, bool) {
	var a netip.Addr
	var ok bool
	switch v := rr.(type) {
	case *mdns.A:
		a, ok = netip.AddrFromSlice(v.A)
	case *mdns.AAAA:
		a, ok = netip.AddrFromSlice(v.AAAA)
	}
	return a.Unmap(), ok
}
