package probe

import (
	"errors"
	"net"
	"os"
	"time"
)

// lookAgain is for what the kernel has already, where we came to look after the deadline.
const lookAgain = time.Millisecond

// vigil is the wait for the peer's side of a handshake, or for a response. Its time runs from the moment our ClientHello had left; waits of
// our own are added to it.
type vigil struct {
	lease, timeout time.Duration
	silent         func() // called when the peer has said nothing for the lease
	spoke          func() // called when it says its first word; it may wait. nil where that word ends no silence
	began          time.Time
	quiet          bool // silent was called
	heard          bool // spoke was called
	late           bool // the kernel was asked once more after the deadline
	extended       bool // and had something
}

// wrote notes that our first bytes have left.
func (v *vigil) wrote(c *conn) {
	if v.began.IsZero() {
		v.began = time.Now()
		_ = c.SetReadDeadline(v.began.Add(min(v.lease, v.timeout))) // an error is the next read's as well
	}
}

// read goes on with a read that ended with n and err.
func (v *vigil) read(c *conn, b []byte, n int, err error) (int, error) {
	for n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !c.cut.Load() {
		switch {
		case !v.quiet && !v.heard && v.lease < v.timeout:
			v.quiet = true
			v.silent()
			_ = c.SetReadDeadline(v.began.Add(v.timeout))
		case !v.late && v.onTime(c):
			v.late = true
			_ = c.SetReadDeadline(time.Now().Add(lookAgain))
		default:
			return n, err
		}
		n, err = c.Conn.Read(b)
	}
	if n == 0 {
		return n, err
	}
	if v.late && !v.extended { // once: the rest may take its time from now on
		v.extended, v.began = true, time.Now()
		_ = c.SetReadDeadline(v.began.Add(v.timeout))
	}
	if !v.heard && v.spoke != nil {
		v.heard = true
		waited := time.Now()
		v.spoke()
		_ = c.SetReadDeadline(v.began.Add(v.timeout + time.Since(waited)))
	}
	return n, err
}

// onTime reports whether an answer may have come in time although we did not: the timer of a deadline wins over
// bytes that wait in the kernel while this machine is busy.
func (v *vigil) onTime(c *conn) bool {
	_, ok := c.Conn.(*net.TCPConn)
	return ok
}
