package main

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pieces keeps each write it gets.
type pieces struct {
	mu     sync.Mutex
	got    []string
	refuse error
}

func (p *pieces) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return 0, p.refuse
	}
	p.got = append(p.got, string(b))
	return len(b), nil
}

// is tells what has been written.
func (p *pieces) is(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.got, "|"); got != strings.Join(want, "|") {
		t.Fatalf("written %q, want %q", got, want)
	}
}

func TestGatheringIsSoonSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		g := newGathering(&out)
		say := func(line string) {
			if _, err := g.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		say("1\n")
		out.is(t, "1\n") // at once
		say("2\n")
		say("3\n")
		out.is(t, "1\n")
		<-time.After(linger)
		out.is(t, "1\n", "2\n3\n")
		<-time.After(time.Hour)
		say("4\n")
		out.is(t, "1\n", "2\n3\n", "4\n")
		say("5\n")
		if err := g.close(); err != nil {
			t.Fatal(err)
		}
		out.is(t, "1\n", "2\n3\n", "4\n", "5\n")
		if err := g.close(); err != nil {
			t.Error("closed twice:", err)
		}
	})
}

// TestGatheringIsBounded holds that a fast stream is written in large pieces of whole lines, and none is lost.
func TestGatheringIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		g := newGathering(&out)
		line := []byte(strings.Repeat("x", 999) + "\n")
		for range 1000 {
			if _, err := g.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.close(); err != nil {
			t.Fatal(err)
		}
		if len(out.got) > 20 { // no time passes meanwhile
			t.Errorf("%d writes", len(out.got))
		}
		for _, piece := range out.got {
			if len(piece) > gatherBytes+len(line) || !strings.HasSuffix(piece, "x\n") {
				t.Errorf("a piece of %d bytes", len(piece))
			}
		}
		if all := strings.Join(out.got, ""); all != string(bytes.Repeat(line, 1000)) {
			t.Errorf("%d bytes", len(all))
		}
	})
}

func TestGatheringTellsErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		g := newGathering(&pieces{refuse: refused})
		if _, err := g.Write([]byte("1\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := g.Write([]byte("2\n")); !errors.Is(err, refused) {
			t.Errorf("the next write: %v", err)
		}
		if err := g.close(); !errors.Is(err, refused) {
			t.Errorf("close: %v", err)
		}
		last := newGathering(&pieces{refuse: refused})
		_, _ = last.Write([]byte("1\n")) // told by close
		if err := last.close(); !errors.Is(err, refused) {
			t.Errorf("close: %v", err)
		}
	})
}
