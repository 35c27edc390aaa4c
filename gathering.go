package main

import (
	"io"
	"sync"
	"time"
)

// What is gathered: so many bytes at most, and no longer than linger.
const (
	gatherBytes = 64 << 10
	linger      = 50 * time.Millisecond
)

// gathering writes what it is given in larger pieces, each of whole writes. What comes after a pause goes on at once; what
// follows it within linger goes on together. A slow stream is seen as it comes that way, and a fast one costs neither a
// system call nor a timer a record. An error comes back with the next write, or with close. It is safe for concurrent use.
type gathering struct {
	to      io.Writer
	waiting chan struct{} // something was gathered
	over    chan struct{}
	once    sync.Once
	worker  sync.WaitGroup

	mu     sync.Mutex // guards what follows, and is one write's alone
	buf    []byte
	failed error
}

func newGathering(to io.Writer) *gathering {
	g := &gathering{to: to, waiting: make(chan struct{}, 1), over: make(chan struct{})}
	g.worker.Go(g.passOn)
	return g
}

func (g *gathering) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return 0, g.failed
	}
	if len(g.buf) == 0 {
		select {
		case g.waiting <- struct{}{}:
		default: // it is known already
		}
	}
	if g.buf = append(g.buf, b...); len(g.buf) >= gatherBytes {
		g.flush()
	}
	return len(b), g.failed
}

// passOn writes what was gathered, and rests for a while after each time.
func (g *gathering) passOn() {
	for {
		select {
		case <-g.waiting:
		case <-g.over:
			return
		}
		g.mu.Lock()
		g.flush()
		g.mu.Unlock()
		select {
		case <-time.After(linger):
		case <-g.over:
			return
		}
	}
}

// flush writes what was gathered. The caller holds mu.
func (g *gathering) flush() {
	if len(g.buf) > 0 && g.failed == nil {
		_, g.failed = g.to.Write(g.buf)
	}
	g.buf = g.buf[:0]
}

// close writes what is left, and returns the first error of all. Nothing may be written afterwards.
func (g *gathering) close() error {
	g.once.Do(func() { close(g.over) })
	g.worker.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flush()
	return g.failed
}
