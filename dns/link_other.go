//go:build !linux

package dns

import "net"

// newLink returns the link over a connection.
func newLink(c net.Conn) (link, error) {
	if u, ok := c.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(receiveBuffer) // the system may give less
	}
	return &plainLink{conn: c}, nil
}
