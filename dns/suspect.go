package dns

import "time"

const (
	suspectFor = 100 * time.Millisecond // how long the reply to an earlier attempt may come after that to a later one
	suspectMax = 256
	// discardAfter is the age from which a recursive resolver may keep its answer to itself: unbound's discard-timeout
	// is 1.9 s. The wait of that query was for nothing, and the next one is answered at once.
	discardAfter = 1800 * time.Millisecond
)

// missing is a query that seems lost, since the same question, asked again, is answered. A recursive resolver that was
// still looking for the answer gives it to all who wait, and not always to the first of them first: it is lost only if
// its own reply stays away.
type missing struct {
	sock  *socket
	id    uint16
	sent  instant
	until instant
}

// missed suspects the earlier attempts of a question that is answered now: those which are not so old that the server
// left them without a reply for that, and where the answer came sooner than they were waited for. What takes long each
// time tells of slow authorities and not of the way.
func (u *upstream) missed(f *flight, now instant) {
	for i := f.older; i != 0; i = u.e.flights.all[i].older {
		if o := &u.e.flights.all[i]; o.sock.up == u && now-o.sent < discardAfter && now-f.sent < f.sent-o.sent {
			u.suspect(o, now)
		}
	}
}

// suspect notes that a query seems lost.
func (u *upstream) suspect(f *flight, now instant) {
	if len(u.suspects) == suspectMax {
		u.lost(u.suspects[0].sent, now)
		u.suspects = append(u.suspects[:0], u.suspects[1:]...)
	}
	u.suspects = append(u.suspects, missing{sock: f.sock, id: f.id, sent: f.sent, until: now + suspectFor})
}

// acquit notes that a reply came after all.
func (u *upstream) acquit(s *socket, id uint16) {
	for i, d := range u.suspects {
		if d.sock == s && d.id == id {
			u.suspects = append(u.suspects[:i], u.suspects[i+1:]...)
			return
		}
	}
}

// confirm learns of the losses about which there is no more doubt.
func (u *upstream) confirm(now instant) {
	n := 0
	for n < len(u.suspects) && u.suspects[n].until <= now {
		u.lost(u.suspects[n].sent, now)
		n++
	}
	if n > 0 {
		u.suspects = append(u.suspects[:0], u.suspects[n:]...)
	}
}
