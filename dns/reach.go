package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// reach dials a registry's server at host:port: a literal address, or those of a name in turn, IPv4 first. Of a server
// that was not given by the user only allowed addresses are dialled.
func (c *RegistryConfig) reach(ctx context.Context, address string, given bool) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q of %s is none", service, host)
	}
	addrs := c.addresses(ctx, host)
	err = fmt.Errorf("%s has no address", host)
	for _, a := range addrs {
		if !given && !c.Allow(a) {
			err = fmt.Errorf("%s has a special-purpose address, %s, which is not dialled", host, a)
			continue
		}
		conn, failed := c.Dial(ctx, "tcp", netip.AddrPortFrom(a, uint16(port)))
		if failed == nil {
			return conn, nil
		}
		if err = errors.New(reason(failed)); ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (c *RegistryConfig) addresses(ctx context.Context, host string) []netip.Addr {
	if host == "localhost" { // nothing on the network is asked for it (RFC 6761 §6.3)
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	return c.Lookup(ctx, host)
}
