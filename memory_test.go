package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestHeadroomInPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 8 << 20: 200, 16 << 20: 100, 24 << 20: 66, 64 << 20: 50, 8 << 30: 50} {
		if got := percentFor(live); got != want {
			t.Errorf("%d MiB alive: %d%%, want %d%%", live>>20, got, want)
		}
	}
}

// TestHeadroomFollowsTheHeap holds that the collector's dial is turned as memory comes and goes.
func TestHeadroomFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "") // what is set from outside goes before
	t.Setenv("GOMEMLIMIT", "")
	keepHeadroom()
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
	held := make([]byte, 256<<20)
	until("256 MiB alive", func(p uint64) bool { return p == gcPercentMin })
	runtime.KeepAlive(held)
	until("little alive again", func(p uint64) bool { return p > 60 })
}
