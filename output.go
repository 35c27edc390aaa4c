package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// outputGrace is how long a write may still take once the run was told to end: Ctrl-C ends within two seconds.
const outputGrace = time.Second

// errUnread says why a write was given up.
var errUnread = errors.New("nobody reads the output any more")

// patience ends outputGrace after the context: one for all outputs of a run, so that their waits don't add up.
func patience(ctx context.Context) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(outputGrace, func() { close(over) }) })
	return over
}

// patient writes to something that may never take it, such as a pipe whose reader sleeps, and gives up when its patience
// is over. What was given up once fails from then on. It is safe for concurrent use.
type patient struct {
	to   io.Writer
	over <-chan struct{}

	mu      sync.Mutex // guards what follows, and is one write's alone
	pending chan []byte
	written chan error
	failed  error
}

func newPatient(to io.Writer, over <-chan struct{}) *patient { return &patient{to: to, over: over} }

func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return 0, p.failed
	}
	if p.pending == nil {
		p.pending, p.written = make(chan []byte), make(chan error, 1)
		// Nothing can wake a write to a full pipe: the goroutine ends with its output, or with the process.
		go p.pump()
	}
	p.pending <- append([]byte(nil), b...) // a copy: what is given up may still be under way when b is used again
	if p.failed = p.wait(); p.failed != nil {
		return 0, p.failed
	}
	return len(b), nil
}

// failure returns why nothing is written any more, nil where it is.
func (p *patient) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// lastChance is how long a write may take once the patience is over: one that somebody reads takes less.
const lastChance = 100 * time.Millisecond

func (p *patient) wait() error {
	select {
	case err := <-p.written:
		return err
	case <-p.over:
	}
	select {
	case err := <-p.written:
		return err
	case <-time.After(lastChance):
		return errUnread
	}
}

func (p *patient) pump() {
	for b := range p.pending {
		_, err := p.to.Write(b)
		p.written <- err
		if err != nil {
			return
		}
	}
}
