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
	idleMax     = 8  // rounds after which a little more is tried
	queueSample = 32 // replies of which the fastest tells that delay
	// windowNear is how far the window opens at least before it is bound to what the way holds: four times as many
	// queries as are answered in the time of the fastest reply. More would only wait, here or there, and take memory.
	windowNear = 1024

	lossesMin   = 3 // single losses tell nothing
	spell       = 100 * time.Millisecond
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
	// A spell is a tenth of a second or longer; what came of queries is counted by it.
	spellBegan         instant
	answered           int     // useful replies of this spell
	expired, confirmed int     // waits that ended, and losses found, in this spell
	expiredBefore      int     // in the spell before
	delivered          float64 // useful replies a second in the spell before; 0 is not known
	// The same of some ten spells, the latest counting most: a recursive resolver loses single ones, whatever it bears.
	answeredLately, confirmedLately float64
	// The fastest of some replies tells the server's queue, whatever else makes single ones slow.
	some    int
	fastest time.Duration
	queued  bool // it is long
	// A round is a round trip, or a spell. Where replies are slow from the first, a long queue is told from slow names by
	// what a wider window brings: more replies a second, or none.
	roundBegan   instant
	roundReplies int
	best         float64 // replies a second in the best round
	allowed      float64 // how far the window may open all the same
	idle         int     // rounds since it brought more

	lastReply instant // any reply that could be believed
	lastLoss  instant // a confirmed one

	rate    float64 // queries a second; 0 is no cap
	ceiling float64 // the user's, or the public resolver's; 0 is none
	tokens  float64
	filled  instant
	slowed  instant // when the rate was last made smaller
}

func newPace(ceiling float64) pace {
	p := pace{window: windowFirst, threshold: windowMax, ceiling: ceiling, rate: ceiling}
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

// replied learns from a reply that took rtt. One that only refuses tells the way, not what the server bears.
func (p *pace) replied(rtt time.Duration, useful bool, now instant) {
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
	p.passTime(now)
	p.endRound(now)
	if useful {
		p.answered++
		p.roundReplies++
		p.grow()
	}
}

// endRound compares what the last round brought with the best one.
func (p *pace) endRound(now instant) {
	took := now - p.roundBegan
	if took < max(spell, p.smooth) {
		return
	}
	rate := float64(p.roundReplies) / took.Seconds()
	p.roundBegan, p.roundReplies = now, 0
	p.idle++
	switch {
	case 4*p.spread < p.smooth: // all alike: what delays them is the queue
		p.allowed = 0
	case rate > 1.1*p.best:
		p.best, p.idle, p.allowed = rate, 0, 2*p.window
	case p.idle >= idleMax:
		p.best, p.idle, p.allowed = 0.9*p.best, 0, 1.25*p.window // things change
	}
}

// grow opens the window a little, where it was full and the server keeps up.
func (p *pace) grow() {
	if p.queued && p.window >= p.allowed || float64(p.inflight)+1 < p.window/2 {
		return
	}
	if p.window < p.threshold {
		p.window++
	} else {
		p.window += 4 / p.window
	}
	p.window = min(p.window, windowMax, windowNear+4*p.delivered*p.base.Seconds())
}

// passTime ends a spell when it is time. A server that was slowed down for is asked faster again, where nothing got lost.
func (p *pace) passTime(now instant) {
	took := now - p.spellBegan
	if took < spell {
		return
	}
	p.delivered = float64(p.answered) / took.Seconds()
	if p.rate != p.ceiling && p.confirmed == 0 {
		p.rate *= 1.05
		if p.rate > 50_000 || p.ceiling > 0 && p.rate > p.ceiling {
			p.rate = p.ceiling
		}
	}
	p.expiredBefore = p.expired
	p.answeredLately = 0.9*p.answeredLately + float64(p.answered)
	p.confirmedLately = 0.9*p.confirmedLately + float64(p.confirmed)
	if p.confirmedLately < 0.5 {
		p.threshold = max(p.threshold, min(2*p.window, windowMax)) // what was too much is long ago
	}
	p.spellBegan, p.answered, p.expired, p.confirmed = now, 0, 0, 0
}

// timedOut notes that the wait for a reply ended, whatever the reason.
func (p *pace) timedOut(now instant) {
	p.passTime(now)
	p.expired++
}

// lost learns that a query sent at an instant got lost on its way, or was refused for being one too many.
func (p *pace) lost(sent, now instant) {
	p.passTime(now)
	p.lastLoss = now
	p.confirmed++
	lately := float64(p.confirmed) + p.confirmedLately
	if lately < max(lossesMin, 0.03*(float64(p.answered)+p.answeredLately)) || sent < p.cut || p.confirmed*100 < p.answered {
		return
	}
	p.threshold = min(p.threshold, p.window)
	if p.window <= windowMin {
		p.slowDown(now)
	}
	p.shrink(now)
}

// refused learns that the server, which answers others, refused a query.
func (p *pace) refused(sent, now instant) {
	p.lost(sent, now)
	if p.confirmed*4 > p.answered && p.slowed+spell < now {
		p.slowDown(now)
	}
}

// shrink makes the window smaller, once for all that was on its way together: by as much as got lost, within bounds.
func (p *pace) shrink(now instant) {
	bad := float64(p.expired + p.expiredBefore)
	good := float64(p.answered) + p.delivered*spell.Seconds()
	p.window = max(windowMin, p.window*min(max(good/max(good+bad, 1), 0.5), 0.7))
	p.threshold = p.window
	p.cut = now
	p.allowed = 0
}

// slowDown limits the rate, for a server that drops what exceeds one: no window is small enough where the round trip is
// short.
func (p *pace) slowDown(now instant) {
	rate := p.delivered
	if rate == 0 {
		rate = float64(p.answered) / max(now-p.spellBegan, spell).Seconds()
	}
	p.rate = max(5, 0.8*rate)
	if p.ceiling > 0 {
		p.rate = min(p.rate, p.ceiling)
	}
	p.tokens, p.filled, p.slowed = 0, now, now
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
		return firstWait(attempt, timeout)
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

// firstWait is how long a reply to the given attempt is waited for where nothing is learned.
func firstWait(attempt int, timeout time.Duration) time.Duration {
	switch attempt {
	case 0:
		return timeout * 3 / 10
	case 1:
		return timeout * 6 / 10
	}
	return timeout
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
