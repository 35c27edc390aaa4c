package dns

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newLink returns the link over a connection: batched where it is a socket.
func newLink(c net.Conn) (link, error) {
	u, ok := c.(*net.UDPConn)
	if !ok {
		return &plainLink{conn: c}, nil
	}
	return newBatchLink(u)
}

// batchLink sends and receives up to batchMax datagrams with one system call: sendmmsg(2) and recvmmsg(2). Queries of
// one length leave as one segmented datagram (UDP_SEGMENT, udp(7)) where the kernel can do that.
type batchLink struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	out  transmission
	in   reception
}

// mmsghdr is struct mmsghdr of <sys/socket.h>.
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

const controlSize = 24 // unix.CmsgSpace(2) where words have 8 bytes, and enough where they have 4

// transmission is what is being sent. Its arrays are handed to the kernel and so stay where they are.
type transmission struct {
	headers  [batchMax]mmsghdr
	parts    [batchMax]unix.Iovec
	control  [batchMax][controlSize]byte
	from, to int // headers that are still to be sent
	errno    syscall.Errno
	step     func(fd uintptr) bool
	// single is set once the kernel has refused to segment.
	single bool
}

// reception is what was received.
type reception struct {
	headers [batchMax]mmsghdr
	parts   [batchMax]unix.Iovec
	data    [batchMax][datagramMax]byte
	n       int
	errno   syscall.Errno
	step    func(fd uintptr) bool
}

func newBatchLink(u *net.UDPConn) (*batchLink, error) {
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &batchLink{conn: u, raw: raw}
	if err := l.enlarge(); err != nil {
		return nil, err
	}
	for i := range batchMax {
		l.in.parts[i].Base = &l.in.data[i][0]
		l.in.parts[i].SetLen(datagramMax)
		l.in.headers[i].Iov = &l.in.parts[i]
		l.in.headers[i].SetIovlen(1)
	}
	l.in.step, l.out.step = l.in.read, l.out.write
	return l, nil
}

// enlarge asks for a receive buffer that holds the replies to a full window, past the system's limit where we may.
func (l *batchLink) enlarge() error {
	return l.raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
	})
}

func (l *batchLink) send(box *outbox, timeout time.Duration) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	err := l.transmit(box)
	if refusesSegments(err) && !l.out.single {
		l.out.single = true
		err = l.transmit(box) // what left already leaves twice, and the second reply finds nobody
	}
	return err
}

// refusesSegments reports whether an error is one of a kernel or a driver that cannot segment.
func refusesSegments(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIO) }

func (l *batchLink) transmit(box *outbox) error {
	l.out.load(box)
	for l.out.from < l.out.to {
		if err := l.raw.Write(l.out.step); err != nil {
			return err
		}
		if l.out.errno != 0 {
			return os.NewSyscallError("sendmmsg", l.out.errno)
		}
	}
	return nil
}

// load lays the queries out: those of one length in one message.
func (t *transmission) load(box *outbox) {
	var next, first, last [batchMax + 1]uint8 // lists of queries of one length; 0 ends
	lists := 0
	var lengths [batchMax]int
	for i := range box.n {
		size, k := len(box.message(i)), 0
		for k < lists && lengths[k] != size {
			k++
		}
		if k == lists || t.single {
			k = lists
			lists++
			lengths[k] = size
			first[k] = uint8(i + 1)
		} else {
			next[last[k]] = uint8(i + 1)
		}
		last[k] = uint8(i + 1)
	}
	part := 0
	for k := range lists {
		began := part
		for i := first[k]; i != 0; i = next[i] {
			m := box.message(int(i - 1))
			t.parts[part].Base = &m[0]
			t.parts[part].SetLen(len(m))
			part++
		}
		t.head(k, began, part-began, lengths[k])
	}
	t.from, t.to = 0, lists
}

// head fills in the header of one message of n queries.
func (t *transmission) head(k, began, n, size int) {
	h := &t.headers[k]
	h.Iov = &t.parts[began]
	h.SetIovlen(n)
	h.Control = nil
	h.SetControllen(0)
	if n == 1 {
		return
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&t.control[k][0]))
	c.Level, c.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	c.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&t.control[k][unix.CmsgLen(0)])) = uint16(size)
	h.Control = &t.control[k][0]
	h.SetControllen(unix.CmsgSpace(2))
}

// write sends what is left; false says that the socket is not ready.
func (t *transmission) write(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&t.headers[t.from])),
		uintptr(t.to-t.from), unix.MSG_DONTWAIT, 0, 0)
	if t.errno = errno; errno != 0 {
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	t.from += int(n)
	return true
}

func (l *batchLink) receive() (int, error) {
	if err := l.raw.Read(l.in.step); err != nil {
		return 0, err
	}
	if l.in.errno != 0 {
		return 0, os.NewSyscallError("recvmmsg", l.in.errno)
	}
	return l.in.n, nil
}

// read receives what is there; false says that nothing is.
func (r *reception) read(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])),
		batchMax, unix.MSG_DONTWAIT, 0, 0)
	if r.errno = errno; errno != 0 {
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	r.n = int(n)
	return true
}

func (l *batchLink) datagram(i int) []byte { return l.in.data[i][:l.in.headers[i].n] }

func (l *batchLink) close() error { return l.conn.Close() }
