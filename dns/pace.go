package dns

import (
	"net/netip"
	"time"
)

// instant is a time since an engine began.
type instant = time.Duration

const (
	windowFirst = 128    // queries in flight at first: fits a receive buffer of 208 KiB, the usual default
	windowMin   = 8      // and never fewer, however much is lost
	windowMax   = 16_384 // a quarter of the IDs of a socket
	// queueMax is the delay that our own queries may add at the server before the window stops growing, or a quarter of
	// the round trip where that is more: of a server that answers 30,000 queries a second some 120 wait then.
	queueMax    = 4 * time.Millisecond
	queueSample = 32 // replies of which the fastest tells that delay

	learned     = 16                     // replies before retry times follow the round trip
	waitMin     = 200 * time.Millisecond // the shortest wait for a reply
	patienceMin = 400 * time.Millisecond // the shortest last wait
	wellLearned = 256                    // replies before the last wait follows the slowest of them
)

// pace says how many queries may be on their way to one server, how fast they may follow each other, and how long a
// reply is waited for. It learns all that from the replies: the window doubles in a round trip while nothing is lost
// and the server's queue stays short, then grows by a query a round trip; a confirmed loss shrinks it (RFC 5681 §3.1 in
// spirit). A query that stays without a reply is no loss by itself: many names are never answered. It counts as lost
// when the same question, asked again, is answered at once.
type pace struct {
	inflight  int
	window    float64
	threshold float64 // where doubling ends
	cut       instant

	samples        int
	smooth, spread time.Duration // RFC 6298 §2
	base           time.Duration // the fastest reply
	slowest        time.Duration // of late, forgotten slowly
	// A round is a round trip; losses are counted by it.
	roundBegan   instant
	roundReplies int
	roundLost    int
	// The fastest of some replies tells the server's queue, whatever else makes single ones slow.
	some    int
	fastest time.Duration
	queued  bool // it is long

	lastReply instant // any reply that could be believed
	lastLoss  instant // a confirmed one

	rate    float64 // queries a second; 0 is no cap
	ceiling float64 // the user's, or the public resolver's; 0 is none
	tokens  float64
	filled  instant
}

func newPace(ceiling float64, now instant) pace {
	p := pace{window: windowFirst, threshold: windowMax, ceiling: ceiling, rate: ceiling, filled: now, roundBegan: now}
	p.tokens = p.burst()
	return p
}

// burst is how many queries may follow each other at once under a rate.
func (p *pace) burst() float64 { return max(2, p.rate/20) }

// room returns how many queries may leave now, and, where that is none for the rate's sake alone, when the next may.
func (p *pace) room(now instant) (n int, again instant) {
	n = int(p.window) - p.inflight
	if n <= 0 || p.rate == 0 {
		return n, 0
	}
	p.tokens = min(p.burst(), p.tokens+p.rate*(now-p.filled).Seconds())
	p.filled = now
	if p.tokens < 1 {
		return 0, now + time.Duration((1-p.tokens)/p.rate*float64(time.Second)) + time.Microsecond
	}
	return min(n, int(p.tokens)), 0
}

// sent notes queries that leave.
func (p *pace) sent(n int) {
	p.inflight += n
	if p.rate > 0 {
		p.tokens -= float64(n)
	}
}

// replied learns from a reply that took rtt.
func (p *pace) replied(rtt time.Duration, now instant) {
	p.lastReply = now
	rtt = max(rtt, time.Microsecond)
	if p.samples == 0 {
		p.smooth, p.spread, p.base, p.fastest = rtt, rtt/2, rtt, rtt
	}
	p.samples++
	p.spread += ((p.smooth - rtt).Abs() - p.spread) / 4
	p.smooth += (rtt - p.smooth) / 8
	p.base = min(p.base, rtt)
	p.slowest = max(p.slowest-p.slowest>>14, rtt)
	p.fastest = min(p.fastest, rtt)
	if p.some++; p.some == queueSample {
		p.queued = p.fastest > p.base+max(queueMax, p.base/4)
		p.some, p.fastest = 0, time.Hour
	}
	p.roundReplies++
	if p.roundReplies >= 8 && now-p.roundBegan >= p.smooth {
		p.endRound(now)
	}
	p.grow()
}

// grow opens the window a little, where it was full and the server keeps up.
func (p *pace) grow() {
	if p.queued || float64(p.inflight)+1 < p.window/2 {
		return
	}
	if p.window < p.threshold {
		p.window++
	} else {
		p.window += 4 / p.window
	}
	p.window = min(p.window, windowMax)
}

func (p *pace) endRound(now instant) {
	if p.rate != p.ceiling { // slowed down by loss: recover
		p.rate *= 1.25
		if p.rate > 50_000 || p.ceiling > 0 && p.rate > p.ceiling {
			p.rate = p.ceiling
		}
	}
	p.roundBegan, p.roundReplies, p.roundLost = now, 0, 0
}

// lost learns that a query sent at an instant got lost on its way.
func (p *pace) lost(sent, now instant) {
	p.lastLoss = now
	p.roundLost++
	p.threshold = min(p.threshold, p.window)
	if sent < p.cut || p.roundLost*100 < p.roundReplies {
		return
	}
	if p.window <= windowMin {
		p.slowDown(now)
	}
	p.shrink(now)
}

// shrink makes the window smaller, once for all that was on its way together.
func (p *pace) shrink(now instant) {
	p.window = max(windowMin, p.window*0.7)
	p.threshold = p.window
	p.cut = now
}

// slowDown limits the rate, for a server that drops what exceeds one: no window is small enough where the round trip is
// short.
func (p *pace) slowDown(now instant) {
	rate := float64(p.roundReplies) / max((now-p.roundBegan).Seconds(), 0.01)
	p.rate = max(5, 0.8*rate)
	if p.ceiling > 0 {
		p.rate = min(p.rate, p.ceiling)
	}
	p.tokens, p.filled = 0, now
}

// silent learns that the time of a query is up while nothing at all is answered: it starts from a small window when the
// server is back.
func (p *pace) silent(sent, now instant) {
	if sent >= p.cut {
		p.window, p.cut = max(windowMin, p.window/2), now
	}
}

// aliveAt reports whether the server answered anybody since an instant, or shortly before.
func (p *pace) aliveAt(sent instant) bool { return p.samples > 0 && p.lastReply+waitMin/2 > sent }

// wait is how long a reply to the given attempt (from 0) is waited for. Until enough is learned it is 0.3, 0.6 and 1 of
// the timeout.
func (p *pace) wait(attempt int, last bool, timeout time.Duration) time.Duration {
	if p.samples < learned {
		switch attempt {
		case 0:
			return timeout * 3 / 10
		case 1:
			return timeout * 6 / 10
		}
		return timeout
	}
	soon := min(max(p.smooth+4*p.spread, 3*p.smooth, waitMin), timeout*3/10)
	switch {
	case !last:
		return soon
	case p.samples < wellLearned:
		return timeout
	}
	return min(max(2*soon, 4*p.slowest, patienceMin), timeout)
}

// publicRates are the queries a second that a client may send to public resolvers: Google names 1,500 an address
// (developers.google.com/speed/public-dns/docs/isp), the others no figure.
var publicRates = map[netip.Addr]float64{
	netip.MustParseAddr("8.8.8.8"): 1500, netip.MustParseAddr("8.8.4.4"): 1500,
	netip.MustParseAddr("2001:4860:4860::8888"): 1500, netip.MustParseAddr("2001:4860:4860::8844"): 1500,
	netip.MustParseAddr("1.1.1.1"): 100, netip.MustParseAddr("1.0.0.1"): 100,
	netip.MustParseAddr("2606:4700:4700::1111"): 100, netip.MustParseAddr("2606:4700:4700::1001"): 100,
	netip.MustParseAddr("9.9.9.9"): 100, netip.MustParseAddr("149.112.112.112"): 100,
	netip.MustParseAddr("2620:fe::fe"): 100, netip.MustParseAddr("2620:fe::9"): 100,
	netip.MustParseAddr("208.67.222.222"): 100, netip.MustParseAddr("208.67.220.220"): 100,
	netip.MustParseAddr("77.88.8.8"): 100, netip.MustParseAddr("77.88.8.1"): 100,
	netip.MustParseAddr("94.140.14.14"): 100, netip.MustParseAddr("94.140.15.15"): 100,
}
