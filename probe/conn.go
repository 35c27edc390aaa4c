package probe

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

const (
	connLimit = 1 << 20  // bytes read from one connection: the handshake, and a head of headLimit after it
	headLimit = 64 << 10 // bytes of the head of one HTTP response, interim responses included
)

// errFlood is a peer that sends more than any honest one would.
var errFlood = errors.New("too many bytes")

// conn is a connection that reads no more than it is allowed, remembers how the peer began, and ends with a context.
type conn struct {
	net.Conn
	left  int64
	begin [16]byte // the first bytes that were read
	begun int      // how many they are
	// writeEnd is what no write deadline is later than; zero for no such end.
	writeEnd time.Time
	vigil    *vigil      // of the handshake, then of a response; nil beside them
	cut      atomic.Bool // the context is done: no deadline is set any more
	unbind   func() bool // ends the bond with the context; nil for none
}

var longAgo = time.Unix(1, 0)

// bind makes reads and writes fail once ctx is done, until the connection is closed.
func (c *conn) bind(ctx context.Context) {
	c.unbind = context.AfterFunc(ctx, func() {
		c.cut.Store(true)
		_ = c.Conn.SetDeadline(longAgo)
	})
}

// kept puts the deadline of a context that is done back where another was just set.
func (c *conn) kept(err error) error {
	if c.cut.Load() {
		return c.Conn.SetDeadline(longAgo)
	}
	return err
}

// SetDeadline sets the deadline of reads and writes.
func (c *conn) SetDeadline(t time.Time) error { return c.kept(c.Conn.SetDeadline(t)) }

// SetReadDeadline sets the deadline of reads.
func (c *conn) SetReadDeadline(t time.Time) error { return c.kept(c.Conn.SetReadDeadline(t)) }

// SetWriteDeadline sets the deadline, or writeEnd where that is earlier.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.writeEnd.IsZero() && t.After(c.writeEnd) {
		t = c.writeEnd
	}
	return c.kept(c.Conn.SetWriteDeadline(t))
}

// Read reads from the peer until the limit is used up; from then on it fails with errFlood.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errFlood
	}
	b = b[:min(int64(len(b)), c.left)]
	n, err := c.Conn.Read(b)
	if c.vigil != nil {
		n, err = c.vigil.read(c, b, n, err)
	}
	c.left -= int64(n)
	c.begun += copy(c.begin[c.begun:], b[:n])
	return n, err
}

// Write writes to the peer.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.vigil != nil && err == nil {
		c.vigil.wrote(c)
	}
	return n, err
}

// Close closes at once: a reset instead of a FIN, so that a scan of thousands leaves no sockets in TIME_WAIT.
func (c *conn) Close() error {
	if c.unbind != nil {
		c.unbind()
	}
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	return c.Conn.Close()
}

// greetings are beginnings of what a server says that does not speak TLS.
var greetings = []struct{ prefix, protocol string }{
	{"HTTP/", "HTTP/1.x"},
	{"SSH-", "SSH"},
	{"220", "SMTP or FTP"},
	{"+OK", "POP3"},
	{"* OK", "IMAP"},
}

// looksLike names what the peer's first bytes look like, where they are not TLS.
func (c *conn) looksLike() string {
	for _, g := range greetings {
		if bytes.HasPrefix(c.begin[:c.begun], []byte(g.prefix)) {
			return g.protocol
		}
	}
	return "garbage"
}
