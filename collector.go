package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapGoal is how large the heap may become before garbage is collected. The runtime's own goal is twice what is
	// alive, which makes a long list cost twice its notes, and thousands of waiting handshakes twice their stacks.
	heapGoal = 23 << 20
	roomMin  = 8 << 20 // for garbage, where nearly all of that is alive
	// The bounds of the runtime's dial: below the first a large heap would be searched all the time.
	gcPercentMin, gcPercentMax = 50, 400
)

// collector keeps the size of the heap the same, whatever of it is alive. A user's GOGC or GOMEMLIMIT goes before it.
type collector struct {
	sample  []metrics.Sample // live heap, stacks
	percent int
}

// tuneCollector begins to tune the garbage collector, after each of its rounds.
func tuneCollector() {
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

func (c *collector) tune() {
	metrics.Read(c.sample)
	var size [2]uint64
	for i, s := range c.sample {
		if s.Value.Kind() == metrics.KindUint64 {
			size[i] = s.Value.Uint64()
		}
	}
	percent := gcPercent(size[0], size[1])
	if change := percent - c.percent; change*20 > c.percent || -change*20 > c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// gcPercent is the dial's number for so much live heap and stacks: the room for garbage as a share of both.
func gcPercent(live, stacks uint64) int {
	room := uint64(roomMin)
	if live < heapGoal-roomMin {
		room = heapGoal - live
	}
	return int(min(max(room*100/max(live+stacks, 1), gcPercentMin), gcPercentMax))
}
