package probe

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"
)

const (
	connLimit = 1 << 20  // bytes read from one connection: the handshake, and a head of headLimit after it
	headLimit = 64 << 10 // bytes of the head of one HTTP response, interim responses included
)

// errFlood is a peer that sends more than any honest one would.
var errFlood = errors.New("too many bytes")

// conn is a connection that reads no more than it is allowed, and remembers how the peer began.
type conn struct {
	net.Conn
	left  int64
	first []byte
	// writeEnd is what no write deadline is later than; zero for no such end.
	writeEnd time.Time
}

// SetWriteDeadline sets the deadline, or writeEnd where that is earlier.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.writeEnd.IsZero() && t.After(c.writeEnd) {
		t = c.writeEnd
	}
	return c.Conn.SetWriteDeadline(t)
}

// Read reads from the peer until the limit is used up; from then on it fails with errFlood.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errFlood
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	if room := 16 - len(c.first); room > 0 {
		c.first = append(c.first, b[:min(n, room)]...)
	}
	return n, err
}

// Close closes at once: a reset instead of a FIN, so that a scan of thousands leaves no sockets in TIME_WAIT.
func (c *conn) Close() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	return c.Conn.Close()
}

// bind makes reads and writes of c fail once ctx is done; it returns the function that ends the bond.
func bind(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
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
		if bytes.HasPrefix(c.first, []byte(g.prefix)) {
			return g.protocol
		}
	}
	return "garbage"
}
