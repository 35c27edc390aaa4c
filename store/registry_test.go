package store

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certscan/triage"
)

func testRegistrations(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	if got, err := s.Registration(t.Context(), "a.example", "r", hour(0)); err != nil || got.Answer != nil || !got.Asked.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	for i, answer := range []string{"first", "\x00\xff opaque"} {
		if err := s.PutRegistration(t.Context(), "a.example", "r", []byte(answer), hour(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Registration(t.Context(), "a.example", "r", hour(2))
	if err != nil || string(got.Answer) != "\x00\xff opaque" || !got.Asked.Equal(hour(1)) || !got.Answered.Equal(hour(1)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Registration(t.Context(), "a.example", "other server", hour(2)); err != nil || got.Answer != nil || !got.Asked.IsZero() {
		t.Errorf("another server: %+v, %v", got, err)
	}
	if err := s.PutRegistration(t.Context(), "big.example", "r", []byte(strings.Repeat("x", answerBytesMax+1)), hour(0)); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("a large answer: %v", err)
	}
}

// testClaims holds that of several processes one asks, that the last answer outlives a question without one, and that who
// was killed in mid-question has asked.
func testClaims(t *testing.T, where string) {
	t.Helper()
	if err := open(t, where).PutRegistration(t.Context(), "a.example", "r", []byte("answer"), hour(0)); err != nil {
		t.Fatal(err)
	}
	var claimed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		s := open(t, where)
		wg.Go(func() {
			for _, name := range []string{"a.example", "new.example"} {
				ok, err := s.Claim(t.Context(), name, "r", hour(1), hour(25))
				if err != nil {
					t.Error(err)
				}
				if ok {
					claimed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if claimed.Load() != 2 {
		t.Errorf("%d claims of two names", claimed.Load())
	}
	s := open(t, where)
	got, err := s.Registration(t.Context(), "a.example", "r", hour(26))
	if err != nil || string(got.Answer) != "answer" || !got.Answered.Equal(hour(0)) || !got.Asked.Equal(hour(25)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Registration(t.Context(), "new.example", "r", hour(26)); err != nil || got.Answer != nil || !got.Answered.IsZero() || !got.Asked.Equal(hour(25)) {
		t.Errorf("%+v, %v", got, err)
	}
	if ok, err := s.Claim(t.Context(), "a.example", "other server", hour(1), hour(25)); err != nil || !ok {
		t.Errorf("another server: %v, %v", ok, err)
	}
}

// booking reserves at a server of 3 questions a minute.
func booking(t *testing.T, s *Store) func(n int, at time.Duration) time.Duration {
	t.Helper()
	return func(n int, at time.Duration) time.Duration {
		t.Helper()
		again, err := s.Reserve(t.Context(), "r", n, time.Minute, hour(0).Add(at))
		if err != nil {
			t.Fatal(err)
		}
		if again.IsZero() {
			return -1
		}
		return again.Sub(hour(0))
	}
}

// testLimits holds that a burst is not stretched, and that no span of a minute has more than the limit, nor more than a
// smaller one for who comes with that.
func testLimits(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	reserve := booking(t, s)
	const sec = time.Second
	for i, c := range []struct {
		n        int
		at, want time.Duration // -1: taken
	}{
		{3, 0, -1},
		{1, 10 * sec, 60 * sec},
		{3, 20 * sec, -1},
		{3, 20 * sec, -1},
		{3, 59 * sec, 60 * sec},
		{3, 60 * sec, -1},
		{3, 60 * sec, 80 * sec},
		{1, 100 * sec, 120 * sec},
		{3, 100 * sec, -1},
		{4, 100 * sec, -1},
		{4, 100 * sec, -1},
		{4, 100 * sec, 120 * sec},
	} {
		if got := reserve(c.n, c.at); got != c.want {
			t.Errorf("%d: %d a minute at %s: %s, want %s", i, c.n, c.at, got, c.want)
		}
	}
	if again, err := s.Reserve(t.Context(), "other", 1, time.Hour, hour(0)); err != nil || !again.IsZero() {
		t.Errorf("another server: %s, %v", again, err)
	}
}

// testLimitsShared books from several stores at once, as processes do, and holds that no span has too many.
func testLimitsShared(t *testing.T, where string) {
	t.Helper()
	const stores, each, limit, step = 4, 30, 15, 2 * time.Second
	var mu sync.Mutex
	var taken []time.Time
	var clock atomic.Int64
	var wg sync.WaitGroup
	for range stores {
		s := open(t, where)
		wg.Go(func() {
			for range each {
				now := hour(0).Add(time.Duration(clock.Add(int64(step)) / stores))
				again, err := s.Reserve(t.Context(), "r", limit, time.Minute, now)
				if err != nil {
					t.Error(err)
				}
				if again.IsZero() {
					mu.Lock()
					taken = append(taken, now)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(taken, time.Time.Compare)
	for i := limit; i < len(taken); i++ {
		// The clocks of the four differ by up to a step each, as those of machines do.
		if span := taken[i].Sub(taken[i-limit]); span < time.Minute-stores*step {
			t.Errorf("%d questions within %s", limit+1, span)
		}
	}
	if len(taken) < limit {
		t.Errorf("%d of %d were allowed", len(taken), stores*each)
	}
}

func testHolds(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	for _, until := range []time.Duration{2 * time.Hour, time.Hour} { // the longer one stays
		if err := s.Hold(t.Context(), "r", hour(0), hour(0).Add(until)); err != nil {
			t.Fatal(err)
		}
	}
	reserve := booking(t, open(t, where))
	for _, c := range []struct{ at, want time.Duration }{{0, 2 * time.Hour}, {2*time.Hour - time.Second, 2 * time.Hour}, {2 * time.Hour, -1}} {
		if got := reserve(3, c.at); got != c.want {
			t.Errorf("at %s: %s, want %s", c.at, got, c.want)
		}
	}
}

// testClockBack holds that what was noted by a clock that was years ahead holds for as long as it would have, and no longer.
func testClockBack(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	const years = 4 * 365 * 24
	reserve := booking(t, s)
	for range 3 {
		if got := reserve(3, years*time.Hour); got != -1 {
			t.Fatal(got)
		}
	}
	for _, c := range []struct{ at, want time.Duration }{{0, time.Minute}, {59 * time.Second, time.Minute}, {time.Minute, -1}} {
		if got := reserve(3, c.at); got != c.want {
			t.Errorf("places, at %s: %s, want %s", c.at, got, c.want)
		}
	}
	if err := s.Hold(t.Context(), "r", hour(years), hour(years+1)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ at, want time.Duration }{{2 * time.Hour, 3 * time.Hour}, {150 * time.Minute, 3 * time.Hour}, {3 * time.Hour, -1}} {
		if got := reserve(3, c.at); got != c.want {
			t.Errorf("held, at %s: %s, want %s", c.at, got, c.want)
		}
	}
	if err := s.PutRegistration(t.Context(), "a.example", "r", []byte("answer"), hour(years)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := s.Registration(t.Context(), "a.example", "r", hour(5)); err != nil || !got.Asked.Equal(hour(5)) || !got.Answered.Equal(hour(5)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got, err := s.Registration(t.Context(), "a.example", "r", hour(40)); err != nil || !got.Asked.Equal(hour(5)) {
		t.Errorf("later: %+v, %v", got, err)
	}
	if ok, err := s.Claim(t.Context(), "b.example", "r", hour(years-24), hour(years)); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	for _, c := range []struct {
		at   int
		want bool
	}{{5, false}, {28, false}, {29, true}} {
		if ok, err := s.Claim(t.Context(), "b.example", "r", hour(c.at-24), hour(c.at)); err != nil || ok != c.want {
			t.Errorf("claimed at %d: %v, %v", c.at, ok, err)
		}
	}
}

// testOlder holds that a store of the first schema is taken along with what it has.
func testOlder(t *testing.T, where string) {
	t.Helper()
	s := open(t, where)
	keep(t, s, "r0", 0, nil, seen{"a.example", "parked", triage.OK})
	p, err := s.provider()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s = open(t, where)
	if n := len(collect(t, s.Records(t.Context(), "r0"))); n != 1 {
		t.Errorf("%d records", n)
	}
	if err := s.PutRegistration(t.Context(), "a.example", "r", []byte("answer"), hour(0)); err != nil {
		t.Error(err)
	}
}
