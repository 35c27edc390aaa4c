package probe

import (
	"context"
	"net/netip"
	"sync"
)

// slots caps the probes in flight against one address. Thousands of names share a few of our addresses, and a server
// must not take the scan for an attack.
type slots struct {
	limit int

	mu     sync.Mutex // guards byAddr and every slot's users
	byAddr map[netip.Addr]*slot
}

// slot is the cap of one address; it is dropped when nobody uses or awaits it.
type slot struct {
	tokens chan struct{} // holds one token for each probe in flight
	users  int
}

func newSlots(limit int) *slots {
	return &slots{limit: max(limit, 1), byAddr: make(map[netip.Addr]*slot)}
}

// acquire waits for a place at the address, and returns the function that gives it back.
func (s *slots) acquire(ctx context.Context, addr netip.Addr) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	place := s.join(addr)
	select {
	case place.tokens <- struct{}{}:
	case <-ctx.Done():
		s.leave(addr, place)
		return nil, ctx.Err()
	}
	return func() {
		<-place.tokens
		s.leave(addr, place)
	}, nil
}

func (s *slots) join(addr netip.Addr) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	place, ok := s.byAddr[addr]
	if !ok {
		place = &slot{tokens: make(chan struct{}, s.limit)}
		s.byAddr[addr] = place
	}
	place.users++
	return place
}

func (s *slots) leave(addr netip.Addr, place *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place.users--; place.users == 0 {
		delete(s.byAddr, addr)
	}
}
