package dns

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// wholeOverTCP fetches over TCP what came truncated. Without the whole of it there is no usable reply.
func (e *engine) wholeOverTCP(q *transaction, u *upstream) {
	e.hold(q)
	q.stage = stageOverTCP
	if e.closed {
		return
	}
	u.tokens-- // it is one more query under a rate
	serial, asked := q.serial, q.query
	e.wg.Go(func() {
		select {
		case e.tcp <- struct{}{}:
		case <-e.ctx.Done():
			return
		}
		began := e.now()
		m, ok, defect := e.overTCP(u, asked)
		<-e.tcp
		e.mu.Lock()
		defer e.mu.Unlock()
		if q.serial != serial || q.stage != stageOverTCP {
			return
		}
		now := e.now()
		if ok {
			m.reply.Server, m.reply.Elapsed, m.reply.Attempts = u.server, now-began, q.out.reply.Attempts
			e.settle(q, u, m, now)
		} else {
			q.out.reply.Trouble = cmp.Or(defect, q.out.reply.Trouble)
			e.retry(q)
		}
		e.rouse(now)
	})
}

// overTCP asks once over TCP, as a truncated reply demands (RFC 7766 §5). A panic on what a server sent is its defect.
func (e *engine) overTCP(u *upstream, q query) (m message, ok bool, defect string) {
	defer func() {
		if v := recover(); v != nil {
			m, ok, defect = message{}, false, fmt.Sprintf("a defect of certscan: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(e.ctx, e.cfg.Timeout)
	defer cancel()
	c, err := e.cfg.Dial(ctx, "tcp", u.server)
	if err != nil {
		return message{}, false, ""
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	body, ok := converse(c, q)
	if !ok {
		return message{}, false, ""
	}
	m, ok = q.read(body, nil)
	return m, ok && !m.truncated, ""
}

// converse sends a query and returns the reply to its ID.
func converse(c net.Conn, q query) ([]byte, bool) {
	var id [2]byte
	_, _ = crand.Read(id[:]) // never fails (crypto/rand)
	// One write for length and message: RFC 7766 §8 warns of servers that read them as one segment.
	wire, ok := q.appendTo(make([]byte, 2, 512), binary.BigEndian.Uint16(id[:]))
	if !ok {
		return nil, false
	}
	binary.BigEndian.PutUint16(wire, uint16(len(wire)-2))
	if _, err := c.Write(wire); err != nil {
		return nil, false
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, false
	}
	body := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, false
	}
	return body, len(body) >= 12 && [2]byte(body) == id
}
