package dns

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// exchanger sends queries for one worker. It keeps a connected UDP socket a server, so that the source of a reply is
// checked by the kernel as well, and drops a socket on which a reply stayed away or an error was read: a late or
// forged reply then finds nobody. It is not for concurrent use.
type exchanger struct {
	r     *Resolver
	only  []netip.AddrPort // asked instead of the Resolver's; nil for those
	conns map[netip.AddrPort]net.Conn
	buf   []byte
}

func (r *Resolver) newExchanger() *exchanger {
	return &exchanger{r: r, conns: map[netip.AddrPort]net.Conn{}}
}

// servers returns the servers in the order they are to be asked now.
func (x *exchanger) servers() []netip.AddrPort {
	if x.only != nil {
		return x.only
	}
	return *x.r.order.Load()
}

func (x *exchanger) close() {
	for s := range x.conns {
		x.drop(s)
	}
}

func (x *exchanger) drop(server netip.AddrPort) {
	if c := x.conns[server]; c != nil {
		_ = c.Close()
		delete(x.conns, server)
	}
}

// batch is what one call of exchange is about.
type batch struct {
	queries []query
	out     []message
	open    []int                             // indexes that have no usable reply yet
	pending map[netip.AddrPort]map[uint16]int // by server and ID: whose reply is awaited
	useless []map[netip.AddrPort]bool         // by index: servers whose reply was no use, asked once each
	waiting map[int]bool                      // indexes of the current round without a reply
}

// exchange sends the queries together and returns a message for each. A query without a usable reply (no reply,
// SERVFAIL, REFUSED, or an rcode that says nothing of the name) goes to the next server first, then round again. When
// all is tried, the last real reply counts, else TIMEOUT.
func (x *exchanger) exchange(ctx context.Context, queries []query) []message {
	b := &batch{
		queries: queries, out: make([]message, len(queries)), open: make([]int, len(queries)),
		pending: map[netip.AddrPort]map[uint16]int{}, useless: make([]map[netip.AddrPort]bool, len(queries)),
	}
	for i, q := range queries {
		b.out[i] = message{qtype: q.qtype, reply: Reply{Status: StatusTimeout}}
		b.open[i] = i
	}
	servers := x.servers()
	for attempt := 0; attempt < x.r.cfg.Attempts && len(b.open) > 0 && ctx.Err() == nil; attempt++ {
		server, wait := servers[attempt%len(servers)], x.wait(attempt)
		err := x.round(ctx, server, wait, b)
		b.settle(server, len(servers))
		if err == nil || len(b.open) == 0 {
			continue
		}
		for _, i := range b.open {
			b.out[i].reply.Trouble = reason(err)
		}
		if (attempt+1)%len(servers) == 0 && attempt+1 < x.r.cfg.Attempts {
			pause(ctx, wait/3) // a server that is just starting anew refuses at once: do not use up the attempts
		}
	}
	for server, ids := range b.pending {
		if len(ids) > 0 {
			x.drop(server)
		}
	}
	if ctx.Err() != nil {
		for _, i := range b.open {
			b.out[i].reply.Status = StatusCanceled
		}
	}
	return b.out
}

// settle keeps open what another server, or the same one once more, should be asked.
func (b *batch) settle(server netip.AddrPort, servers int) {
	still := b.open[:0]
	for _, i := range b.open {
		s := b.out[i].reply.Status
		if s.OK() {
			continue
		}
		if s == StatusFormErr && !b.queries[i].plain {
			b.queries[i].plain = true // RFC 6891 §7: a server that does not know EDNS
			still = append(still, i)
			continue
		}
		if b.out[i].reply.Server == server {
			if b.useless[i] == nil {
				b.useless[i] = map[netip.AddrPort]bool{}
			}
			b.useless[i][server] = true
		}
		if len(b.useless[i]) < servers {
			still = append(still, i)
		}
	}
	b.open = still
}

// wait is how long the given attempt waits for its replies.
func (x *exchanger) wait(attempt int) time.Duration {
	t := x.r.cfg.Timeout
	switch attempt {
	case 0:
		return t * 3 / 10
	case 1:
		return t * 6 / 10
	}
	return t
}

// round sends the open queries to one server and takes the replies that come within wait. An error is this machine's:
// no socket, or one that cannot be written or read.
func (x *exchanger) round(ctx context.Context, server netip.AddrPort, wait time.Duration, b *batch) error {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c, err := x.conn(limited, server)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	stop := context.AfterFunc(limited, func() {
		defer close(done)
		_ = c.SetDeadline(time.Unix(1, 0)) // wakes the read and the write
	})
	err = x.converse(ctx, c, server, b)
	if !stop() {
		<-done
		_ = c.SetDeadline(time.Time{})
	}
	if err == nil || limited.Err() != nil {
		return nil
	}
	x.drop(server) // the socket is of no more use
	return err
}

// reason returns the innermost words of a socket error, without the addresses around them.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-limited.Done()
}

// conn returns the server's socket and opens it where there is none.
func (x *exchanger) conn(ctx context.Context, server netip.AddrPort) (net.Conn, error) {
	if c := x.conns[server]; c != nil {
		return c, nil
	}
	c, err := x.r.cfg.Dial(ctx, "udp", server)
	if err != nil {
		return nil, err
	}
	x.conns[server] = c
	return c, nil
}

// converse sends the open queries and reads the replies. A connection in memory may want its reply read before it
// takes the next query, so there the two go on side by side.
func (x *exchanger) converse(ctx context.Context, c net.Conn, server netip.AddrPort, b *batch) error {
	wires := x.prepare(server, b)
	if _, datagrams := c.(*net.UDPConn); datagrams {
		if err := write(c, wires); err != nil {
			return err
		}
		return x.receive(ctx, c, server, b)
	}
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() { _ = write(c, wires) }) // one that fails leaves its reply away
	return x.receive(ctx, c, server, b)
}

// prepare packs the open queries and notes their IDs.
func (x *exchanger) prepare(server netip.AddrPort, b *batch) [][]byte {
	if b.pending[server] == nil {
		b.pending[server] = map[uint16]int{}
	}
	b.waiting = map[int]bool{}
	var wires [][]byte
	for _, i := range b.open {
		id := randomID(b.pending[server])
		wire, err := b.queries[i].pack(id)
		if err != nil {
			continue // names are checked before they come here; one that cannot be packed stays without a reply
		}
		wires = append(wires, wire)
		b.out[i].reply.Attempts++
		b.pending[server][id] = i
		b.waiting[i] = true
	}
	return wires
}

func write(c net.Conn, wires [][]byte) error {
	for _, wire := range wires {
		if _, err := c.Write(wire); err != nil {
			return err
		}
	}
	return nil
}

// receive reads until every query of the round has a reply. What is no reply to a pending query is dropped and the
// reading goes on.
func (x *exchanger) receive(ctx context.Context, c net.Conn, server netip.AddrPort, b *batch) error {
	began := x.r.cfg.Now()
	if x.buf == nil {
		x.buf = make([]byte, 4096) // no server may send more than the 1232 bytes that are offered
	}
	for len(b.waiting) > 0 {
		n, err := c.Read(x.buf)
		if err != nil {
			return err
		}
		if n < 12 {
			continue
		}
		id := binary.BigEndian.Uint16(x.buf)
		i, ok := b.pending[server][id]
		var m mdns.Msg
		if !ok || m.Unpack(x.buf[:n]) != nil || !b.queries[i].asks(&m) && !b.queries[i].baffles(&m) {
			continue
		}
		delete(b.pending[server], id)
		if !b.waiting[i] {
			continue // the reply to an earlier query came as well
		}
		delete(b.waiting, i)
		x.take(ctx, server, i, &m, b)
		b.out[i].reply.Elapsed = x.r.cfg.Now().Sub(began)
	}
	return nil
}

// take keeps a reply, over TCP where it was truncated. Without the whole of it there is no usable reply.
func (x *exchanger) take(ctx context.Context, server netip.AddrPort, i int, m *mdns.Msg, b *batch) {
	next := newMessage(b.queries[i], m, server)
	if next.truncated {
		full, ok := x.overTCP(ctx, server, b.queries[i])
		if !ok {
			return
		}
		next = full
	}
	next.reply.Attempts = b.out[i].reply.Attempts
	b.out[i] = next
}

// overTCP asks once over TCP, as a truncated reply demands.
func (x *exchanger) overTCP(ctx context.Context, server netip.AddrPort, q query) (message, bool) {
	ctx, cancel := context.WithTimeout(ctx, x.r.cfg.Timeout)
	defer cancel()
	c, err := x.r.cfg.Dial(ctx, "tcp", server)
	if err != nil {
		return message{}, false
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	id := randomID(nil)
	b, err := q.pack(id)
	if err != nil {
		return message{}, false
	}
	// One write for length and message: RFC 7766 §8 warns of servers that read them as one segment.
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		return message{}, false
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return message{}, false
	}
	body := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		return message{}, false
	}
	var m mdns.Msg
	if m.Unpack(body) != nil || m.Id != id || !q.asks(&m) || m.Truncated {
		return message{}, false
	}
	return newMessage(q, &m, server), true
}

// randomID returns an unpredictable ID that is not pending (RFC 5452 §9.2).
func randomID(pending map[uint16]int) uint16 {
	var b [2]byte
	for {
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		id := binary.BigEndian.Uint16(b[:])
		if _, taken := pending[id]; !taken {
			return id
		}
	}
}
