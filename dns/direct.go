package dns

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	mdns "github.com/miekg/dns"
)

// DirectMax is how many questions to the name servers of zones are open at a time, a socket each.
const DirectMax = 128

// directPort is where name servers listen (RFC 1035 §4.2).
const directPort = 53

// told is what a name server said when it was asked without recursion; msg is nil where it said nothing.
type told struct {
	msg     *mdns.Msg
	trouble string // why there is no message
}

// status is the outcome in one word: TIMEOUT where nothing came.
func (t told) status() Status {
	if t.msg == nil {
		return StatusTimeout
	}
	s := status(t.msg.Rcode)
	if s == StatusNoError && len(t.msg.Answer) == 0 {
		return StatusNoData
	}
	return s
}

// askDirectly asks one server of a zone, without recursion (RFC 1034 §4.3.1): twice over UDP, and over TCP what came
// truncated. It stands beside the engine, whose servers are resolvers: these questions are few, and of ever other servers.
func (r *Resolver) askDirectly(ctx context.Context, server netip.Addr, q query) (out told) {
	defer func() {
		if v := recover(); v != nil { // what one server sent is no other's trouble
			out = told{trouble: fmt.Sprintf("a defect of certscan: %v", v)}
		}
	}()
	select {
	case r.direct <- struct{}{}:
		defer func() { <-r.direct }()
	case <-ctx.Done():
		return told{trouble: "the run was cut"}
	}
	q.iterative = true
	at := netip.AddrPortFrom(server, directPort)
	for _, wait := range []time.Duration{r.cfg.Timeout / 3, r.cfg.Timeout * 2 / 3} {
		out = r.overUDP(ctx, at, q, wait)
		if out.msg != nil && out.msg.Rcode == mdns.RcodeFormatError && !q.plain {
			q.plain = true // RFC 6891 §7: a server that does not know EDNS
			out = r.overUDP(ctx, at, q, wait)
		}
		if out.msg != nil && out.msg.Truncated {
			r.heard.Store(true)
			return r.directlyOverTCP(ctx, at, q)
		}
		if out.msg != nil || ctx.Err() != nil {
			break
		}
	}
	if out.msg != nil {
		r.heard.Store(true)
	} else if ctx.Err() == nil {
		r.silences.Add(1)
	}
	return out
}

// unheardMax is how many questions to name servers stay without an answer, the first ones all, before they are no longer
// asked for what is only good to know: port 53 is closed to us.
const unheardMax = 16

// unheard reports whether no name server ever answered, of many that were asked.
func (r *Resolver) unheard() bool { return !r.heard.Load() && r.silences.Load() >= unheardMax }

// overUDP sends one datagram and waits for its reply; what is none is dropped.
func (r *Resolver) overUDP(ctx context.Context, server netip.AddrPort, q query, wait time.Duration) told {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c, err := r.cfg.Dial(ctx, "udp", server)
	if err != nil {
		return told{trouble: reason(err)}
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var id [2]byte
	_, _ = crand.Read(id[:]) // never fails (crypto/rand)
	wire, ok := q.appendTo(nil, binary.BigEndian.Uint16(id[:]))
	if !ok {
		return told{trouble: "not a name that can be asked for"}
	}
	if _, err := c.Write(wire); err != nil {
		return told{trouble: reason(err)}
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return told{trouble: "no reply"}
		case err != nil:
			return told{trouble: reason(err)}
		case n >= 12 && [2]byte(buf[:2]) == id:
			if m := q.whole(buf[:n]); m != nil {
				return told{msg: m}
			}
		}
	}
}

func (r *Resolver) directlyOverTCP(ctx context.Context, server netip.AddrPort, q query) told {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	c, err := r.cfg.Dial(ctx, "tcp", server)
	if err != nil {
		return told{trouble: reason(err) + " over TCP"}
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	body, ok := converse(c, q)
	if !ok {
		return told{trouble: "no reply over TCP"}
	}
	if m := q.whole(body); m != nil && !m.Truncated {
		return told{msg: m}
	}
	return told{trouble: "no usable reply over TCP"}
}

// whole reads a reply to q with all its sections; nil is for what is no reply to it (RFC 5452 §9.1).
func (q query) whole(wire []byte) *mdns.Msg {
	var m mdns.Msg
	if m.Unpack(wire) != nil || !q.asks(&m) && !q.baffles(&m) {
		return nil
	}
	return &m
}
