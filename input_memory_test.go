package main

import (
	"fmt"
	"io"
	"runtime"
	"testing"
)

// names writes n names, one a line, as they are read.
type names struct {
	next, n int
	rest    []byte
}

func (r *names) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.next == r.n {
			return 0, io.EOF
		}
		r.rest = fmt.Appendf(r.rest[:0], "www.some-customer-%d.example\n", r.next)
		r.next++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close does nothing.
func (r *names) Close() error { return nil }

// TestInputMemory holds that a list costs 11 bytes a name, for the notes on duplicates, and nothing else that grows with
// it. It runs alone: it looks at the heap, each time when as much as ever is in use.
func TestInputMemory(t *testing.T) {
	const small, large = 30_000, 300_000
	peak := func(n int) uint64 {
		in := &input{files: []source{{"list.txt", &names{n: n}}}, port: 443, notes: io.Discard}
		most, read := uint64(0), 0
		for range in.domains() {
			if read++; read%(n/50) == 0 {
				most = max(most, live())
			}
		}
		if read != n || in.duplicates != 0 {
			t.Fatalf("%d names of %d, %d duplicates", read, n, in.duplicates)
		}
		return most
	}
	peak(small) // what is set up once
	few, many := peak(small), peak(large)
	if each := (float64(many) - float64(few)) / (large - small); each > 11 {
		t.Errorf("%.1f bytes a name: %d at most for %d names, %d for %d", each, few, small, many, large)
	} else {
		t.Logf("%.1f bytes a name", each)
	}
}

// live returns the bytes of the heap that are in use.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkInput tells what a name of a list costs to read and to compare with those before it.
func BenchmarkInput(b *testing.B) {
	b.ReportAllocs()
	in := &input{files: []source{{"list.txt", &names{n: b.N}}}, port: 443, notes: io.Discard}
	for range in.domains() {
		continue
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys)/float64(b.N), "heap-B/op")
}
