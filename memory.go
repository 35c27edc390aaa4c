package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// headroom is how much garbage may gather before it is collected. The runtime's own measure is as much as there is
	// of live memory, which makes a long list cost twice its notes, and thousands of waiting handshakes twice their stacks.
	headroom = 16 << 20
	// The bounds of the runtime's dial: below the first a large heap would be searched all the time.
	gcPercentMin, gcPercentMax = 50, 400
)

// collector keeps the room for garbage constant, whatever is alive. A user's GOGC or GOMEMLIMIT goes before it.
type collector struct {
	sample  []metrics.Sample
	percent int
}

// keepHeadroom begins to tune the garbage collector, after each of its rounds.
func keepHeadroom() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	c := &collector{
		sample:  []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}},
		percent: 100,
	}
	c.tune()
	c.await()
}

// await tunes once more when the next round of the collector has found the object that nobody holds.
func (c *collector) await() {
	runtime.AddCleanup(new(*collector), func(c *collector) {
		c.tune()
		c.await()
	}, c)
}

// tune sets the share of the live memory that makes the headroom.
func (c *collector) tune() {
	metrics.Read(c.sample)
	live := uint64(0)
	for _, s := range c.sample {
		if s.Value.Kind() == metrics.KindUint64 {
			live += s.Value.Uint64()
		}
	}
	percent := percentFor(live)
	if change := percent - c.percent; change*10 > c.percent || -change*10 > c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// percentFor is the headroom in per cent of what is alive, within the bounds.
func percentFor(live uint64) int {
	return int(min(max(headroom*100/max(live, 1), gcPercentMin), gcPercentMax))
}
