package dns

import (
	"net/netip"

	mdns "github.com/miekg/dns"
)

// message is what one reply says in its answer section, and the outcome of the query.
type message struct {
	reply     Reply
	qtype     uint16
	chain     chain     // of a query for A or AAAA
	targets   []string  // of a query for NS or CNAME: the names that the records of the asked name point to
	records   []mdns.RR // of a query for CAA or HTTPS: those at the end of the asked name's CNAMEs
	truncated bool
	negative  bool // an SOA stands in the authority section: the chain's end was looked at (RFC 2308 §2)
}

func newMessage(q query, m *mdns.Msg) message {
	out := message{qtype: q.qtype, truncated: m.Truncated}
	out.reply.EDE = extendedErrors(m)
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == mdns.TypeSOA {
			out.negative = true
		}
	}
	switch q.qtype {
	case mdns.TypeA, mdns.TypeAAAA:
		out.chain = follow(q, m.Answer)
	case mdns.TypeCAA, mdns.TypeHTTPS:
		out.records = ended(q, m.Answer)
	default:
		out.targets = targets(m.Answer, q.name, q.qtype)
	}
	out.conclude(status(m.Rcode))
	return out
}

// conclude sets the status, NODATA told apart from NOERROR, and whether the chain's end is open.
func (m *message) conclude(s Status) {
	if s == StatusNoError && len(m.chain.addrs) == 0 && len(m.targets) == 0 && len(m.records) == 0 {
		s = StatusNoData
	}
	m.reply.Status = s
	c := &m.chain
	c.open = len(c.names) > 0 && len(c.addrs) == 0 && !c.loop && !m.negative && s.OK() && s != StatusNXDomain
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
func targets(records []mdns.RR, name string, qtype uint16) []string {
	var out []string
	for _, rr := range records {
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

// follow walks the CNAMEs of the answer section from the asked name and collects the addresses at their end. Records
// that are not reached so are no answer (RFC 5452 §6: a resolver must not take more than it asked for).
func follow(q query, records []mdns.RR) chain {
	var c chain
	at := normal(q.name)
	seen := map[string]bool{at: true}
	for {
		next := targets(records, at, mdns.TypeCNAME)
		if len(next) == 0 {
			break
		}
		at = next[0]
		c.names = append(c.names, at)
		if seen[at] || len(c.names) > chainMax {
			c.loop = true
			return c
		}
		seen[at] = true
	}
	for _, rr := range records {
		if rr.Header().Rrtype == q.qtype && normal(rr.Header().Name) == at {
			if a, ok := address(rr); ok {
				c.addrs = append(c.addrs, a)
			}
		}
	}
	return c
}

// ended returns the records of the asked type at the end of the asked name's CNAMEs.
func ended(q query, records []mdns.RR) (out []mdns.RR) {
	at := normal(q.name)
	if names := follow(query{name: q.name}, records).names; len(names) > 0 {
		at = names[len(names)-1]
	}
	for _, rr := range records {
		if rr.Header().Rrtype == q.qtype && normal(rr.Header().Name) == at {
			out = append(out, rr)
		}
	}
	return out
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
