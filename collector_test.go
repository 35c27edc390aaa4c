package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, stacks uint64 // MiB
		want         int
	}{{0, 0, 400}, {1, 0, 400}, {10, 0, 130}, {10, 6, 81}, {13, 0, 76}, {15, 0, 53}, {18, 0, 50}, {20, 10, 50}, {8 << 10, 0, 50}} {
		if got := gcPercent(c.live<<20, c.stacks<<20); got != c.want {
			t.Errorf("%d MiB alive, %d MiB of stacks: %d%%, want %d%%", c.live, c.stacks, got, c.want)
		}
	}
}

// TestCollectorFollowsTheHeap holds that the collector's dial is turned as memory comes and goes.
func TestCollectorFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "") // what is set from outside goes before
	t.Setenv("GOMEMLIMIT", "")
	tuneCollector()
	percent := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	until := func(what string, ok func(uint64) bool) {
		deadline := time.Now().Add(20 * time.Second)
		for !ok(percent()) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: still %d%%", what, percent())
			}
			runtime.GC()
			runtime.Gosched()
		}
	}
	until("little alive", func(p uint64) bool { return p > 60 })
	held := make([]byte, 40<<20)
	until("40 MiB alive", func(p uint64) bool { return p == gcPercentMin })
	runtime.KeepAlive(held)
	until("little alive again", func(p uint64) bool { return p > 60 })
}
