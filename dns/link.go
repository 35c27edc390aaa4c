package dns

import (
	"net"
	"time"
)

const (
	batchMax    = 64   // datagrams sent or received together
	datagramMax = 4096 // no server may send more than the 1232 bytes that are offered
	// receiveBuffer is asked of the system for the replies to a full window.
	receiveBuffer = 4 << 20
)

// link carries datagrams to one server and back. One goroutine sends and another receives.
type link interface {
	// send sends what is in the box; a datagram may take until timeout.
	send(box *outbox, timeout time.Duration) error
	// receive waits for datagrams and returns how many came; they stand until the next call.
	receive() (int, error)
	datagram(i int) []byte
	close() error
}

// outbox holds packed queries that leave together.
type outbox struct {
	wire []byte
	ends [batchMax]int
	n    int
}

func (o *outbox) reset() { o.wire, o.n = o.wire[:0], 0 }

// add packs a query; false where it is none.
func (o *outbox) add(q query, id uint16) bool {
	wire, ok := q.appendTo(o.wire, id)
	o.wire = wire
	if ok {
		o.ends[o.n] = len(wire)
		o.n++
	}
	return ok
}

func (o *outbox) message(i int) []byte {
	began := 0
	if i > 0 {
		began = o.ends[i-1]
	}
	return o.wire[began:o.ends[i]]
}

// plainLink sends and receives one datagram at a time, by any connection on any system.
type plainLink struct {
	conn net.Conn
	buf  [datagramMax]byte
	n    int
}

func (l *plainLink) send(box *outbox, timeout time.Duration) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	for i := range box.n {
		if _, err := l.conn.Write(box.message(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *plainLink) receive() (n int, err error) {
	l.n, err = l.conn.Read(l.buf[:])
	return 1, err
}

func (l *plainLink) datagram(int) []byte { return l.buf[:l.n] }

func (l *plainLink) close() error { return l.conn.Close() }
