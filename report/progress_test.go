package report

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/triage"
)

// clock is a time that moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		config ProgressConfig
		want   string
	}{
		{"known total", ProgressConfig{Total: 2000}, "certscan: 600 of 2,000 done · 6 URGENT · 60 WARN\ncertscan: 1,200 of 2,000 done · 12 URGENT · 120 WARN\n"},
		{"unknown total", ProgressConfig{Mode: ModeAuto}, "certscan: 600 done · 6 URGENT · 60 WARN\ncertscan: 1,200 done · 12 URGENT · 120 WARN\n"},
		{"less often", ProgressConfig{Every: 10 * time.Second}, "certscan: 1,200 done · 12 URGENT · 120 WARN\n"},
		{"never", ProgressConfig{Mode: ModeNever, Total: 2000}, ""},
		{"never on a terminal", ProgressConfig{Mode: ModeNever, Terminal: true}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := clock{at: sampleAt}
			row.config.Out, row.config.Now = &out, c.now
			p := NewProgress(row.config)
			for i := range 1250 { // a name each 1/120 s
				c.at = sampleAt.Add(time.Duration(i+1) * time.Second / 120)
				switch {
				case i%100 == 0:
					p.Done(triage.Urgent)
				case i%10 == 0:
					p.Done(triage.Warn)
				default:
					p.Done(triage.OK)
				}
			}
			p.Finish()
			want := strings.NewReplacer("60 WARN", "54 WARN", "120 WARN", "108 WARN").Replace(row.want)
			if got := out.String(); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestProgressBar(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		config ProgressConfig
		want   []string
		no     string
	}{
		{"known total", ProgressConfig{Terminal: true, Total: 2000}, []string{"1% ", "50% ", "1,000 of 2,000 done · 1,000 WARN"}, "51%"},
		{"unknown total", ProgressConfig{Terminal: true}, []string{"1,000 done · 1,000 WARN"}, "%"},
		{"more than the total", ProgressConfig{Terminal: true, Total: 10}, []string{"8 of 10 done · 8 WARN"}, "\n"},
		{"asked for off a terminal", ProgressConfig{Mode: ModeAlways, Total: 2000}, []string{"1,000 of 2,000 done · 1,000 WARN"}, "\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := clock{at: sampleAt}
			row.config.Out, row.config.Now = &out, c.now
			p := NewProgress(row.config)
			for range 1000 {
				c.pass(50 * time.Millisecond)
				p.Done(triage.Warn)
			}
			p.Finish()
			for _, want := range row.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in %q", want, out.String())
				}
			}
			if strings.Contains(out.String(), row.no) {
				t.Errorf("%q in %q", row.no, out.String())
			}
			frames := strings.Split(out.String(), "\r")
			if last := frames[len(frames)-1]; last != "" {
				t.Errorf("the line is not left empty: %q", last)
			}
		})
	}
}

func TestProgressIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := clock{at: sampleAt}
	p := NewProgress(ProgressConfig{Out: &out, Now: c.now, Total: 801})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				p.Done(triage.Urgent)
			}
		})
	}
	wg.Wait()
	c.pass(time.Minute)
	p.Done(triage.OK)
	p.Finish()
	if got, want := out.String(), "certscan: 801 of 801 done · 800 URGENT\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name            string
		change          func(*Run)
		bad, duplicates int
		want            string
	}{
		{"all that can be said", func(*Run) {}, 3, 1234, "certscan: 2,000 names: 12 URGENT, 130 WARN, 1,858 OK · 3 bad lines · 1,234 duplicates · 12.3 s\n"},
		{"one of each", func(r *Run) { r.Asked, r.Counts = 1, Counts{OK: 1} }, 1, 1, "certscan: 1 name: 0 URGENT, 0 WARN, 1 OK · 1 bad line · 1 duplicate · 12.3 s\n"},
		{"cut", func(r *Run) { r.Complete = false }, 0, 0, "certscan: 2,000 names: 12 URGENT, 130 WARN, 1,858 OK · 12.3 s · the list was cut: what was not finished is unknown\n"},
		{"not trusted", func(r *Run) { r.Trusted, r.Reason = false, "no control name\x1b[2J resolves" }, 0, 0, "certscan: 2,000 names: 12 URGENT, 130 WARN, 1,858 OK · 12.3 s · not to be trusted: no control name\\x1b[2J resolves\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			run := sampleRun()
			run.Asked, run.Counts = 2000, Counts{Urgent: 12, Warn: 130, OK: 1858}
			row.change(&run)
			var out bytes.Buffer
			if err := Summary(&out, run, row.bad, row.duplicates); err != nil || out.String() != row.want {
				t.Errorf("got  %q, %v\nwant %q", out.String(), err, row.want)
			}
		})
	}
	if err := Summary(closedPipe{}, sampleRun(), 0, 0); !errors.Is(err, errClosed) {
		t.Errorf("closed pipe: %v", err)
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestTick holds that a run which waits is seen to wait, no more often than asked for.
func TestTick(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := clock{at: sampleAt}
	p := NewProgress(ProgressConfig{Out: &out, Now: c.now})
	p.Done(triage.OK)
	for range 12 {
		c.pass(time.Second)
		p.Tick()
	}
	if got, want := out.String(), "certscan: 1 done\ncertscan: 1 done\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNotesStandBesideTheBar holds that a note begins on a line that the bar was taken off.
func TestNotesStandBesideTheBar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := clock{at: sampleAt}
	p := NewProgress(ProgressConfig{Out: &out, Now: c.now, Terminal: true, Total: 10})
	c.pass(time.Second)
	p.Done(triage.OK)
	drawn := out.Len()
	if _, err := p.Write([]byte("list:1: a note\n")); err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(out.String()[drawn:], "list:1: a note\n")
	if !ok || !strings.HasSuffix(before, "\r") && !strings.HasSuffix(before, "\x1b[2K") && !strings.HasSuffix(before, "\x1b[K") {
		t.Errorf("after the bar came %q", out.String()[drawn:])
	}
}
