package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"certscan/triage"
)

// Mode says when progress is shown.
type Mode string

// The closed set of modes.
const (
	ModeAuto   Mode = "auto"   // a bar on a terminal, a line every few seconds off it
	ModeAlways Mode = "always" // a bar, terminal or not
	ModeNever  Mode = "never"
)

// Modes lists the closed set.
var Modes = []Mode{ModeAuto, ModeAlways, ModeNever}

// barEvery is the least time between two drawings of the bar.
const barEvery = 100 * time.Millisecond

// ProgressConfig configures a Progress. Out and Now must be set.
type ProgressConfig struct {
	Out      io.Writer // standard error
	Terminal bool      // Out is a terminal
	Mode     Mode      // empty is ModeAuto
	Now      func() time.Time
	Every    time.Duration // between two lines off a terminal; 0 is 5 s
	Total    int           // names of the run; 0 where it is not known yet
}

// Progress shows how far a run is. All its methods are safe for concurrent use. Trouble with its output is no trouble
// of the run, and is passed over.
type Progress struct {
	config ProgressConfig
	every  time.Duration

	mu     sync.Mutex // guards what follows
	counts Counts
	shown  time.Time // of the last drawing
	bar    *progressbar.ProgressBar
}

// NewProgress starts to show the progress of a run; Finish ends it.
func NewProgress(c ProgressConfig) *Progress {
	p := &Progress{config: c, every: c.Every, shown: c.Now()}
	if p.every <= 0 {
		p.every = 5 * time.Second
	}
	if c.Mode == ModeAlways || c.Mode != ModeNever && c.Terminal {
		p.every = barEvery
		p.bar = newBar(c.Out, c.Total)
	}
	return p
}

// newBar returns a bar that draws only when it is told to: its spinner, driven by a clock, would leave a goroutine.
func newBar(out io.Writer, total int) *progressbar.ProgressBar {
	if total <= 0 {
		total = -1
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionClearOnFinish(),
	)
}

// Done counts one finished name, and shows the count when the last showing is long enough ago.
func (p *Progress) Done(s triage.Severity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Add(s)
	p.show()
}

// Tick shows the count when the last showing is long enough ago: a run that waits for slow servers is seen to wait.
func (p *Progress) Tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show()
}

// Write writes whole lines of notes, such as bad lines of a list, beside the bar and not into it.
func (p *Progress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear() // as in show
	}
	return p.config.Out.Write(lines)
}

// show draws, with mu held.
func (p *Progress) show() {
	now := p.config.Now()
	if p.config.Mode == ModeNever || now.Sub(p.shown) < p.every {
		return
	}
	p.shown = now
	// A write that fails, and a bar that refuses a count above its total, stop no run.
	if p.bar == nil {
		_, _ = fmt.Fprintln(p.config.Out, "certscan: "+p.state())
		return
	}
	_ = p.bar.Set(p.counts.total())
	p.bar.Describe(p.state())
}

// Finish takes the bar off the terminal, so that the closing count stands on a line of its own.
func (p *Progress) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		return
	}
	_ = p.bar.Clear() // as in Done
	_ = p.bar.Exit()
}

// state tells the count: "1,200 of 2,000 done · 3 URGENT · 40 WARN".
func (p *Progress) state() string {
	var b strings.Builder
	b.WriteString(grouped(p.counts.total()))
	if p.config.Total > 0 {
		b.WriteString(" of " + grouped(p.config.Total))
	}
	b.WriteString(" done")
	if n := p.counts.Urgent; n > 0 {
		b.WriteString(" · " + grouped(n) + " URGENT")
	}
	if n := p.counts.Warn; n > 0 {
		b.WriteString(" · " + grouped(n) + " WARN")
	}
	return b.String()
}

// Summary writes the closing count of a run as one line: names and severities, then what else its reader must know.
func Summary(w io.Writer, run Run, badLines, duplicates int) error {
	c := run.Counts
	parts := []string{fmt.Sprintf("certscan: %s: %s URGENT, %s WARN, %s OK",
		Plural(run.Asked, "name"), grouped(c.Urgent), grouped(c.Warn), grouped(c.OK))}
	if badLines > 0 {
		parts = append(parts, Plural(badLines, "bad line"))
	}
	if duplicates > 0 {
		parts = append(parts, Plural(duplicates, "duplicate"))
	}
	parts = append(parts, fmt.Sprintf("%.1f s", run.FinishedAt.Sub(run.StartedAt).Seconds()))
	if !run.Complete {
		parts = append(parts, "the list was cut: what was not finished is unknown")
	}
	if !run.Trusted {
		why := "not to be trusted"
		if run.Reason != "" {
			why += ": " + Terminal(run.Reason)
		}
		parts = append(parts, why)
	}
	if _, err := fmt.Fprintln(w, strings.Join(parts, " · ")); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// SummaryJSON writes the closing count as one line of JSON: the run as JSON Lines end with it, bad lines and duplicates.
func SummaryJSON(w io.Writer, run Run, badLines, duplicates int) error {
	line := run.AppendJSON([]byte(`{"run":`))
	line = strconv.AppendInt(append(line, `,"bad_lines":`...), int64(badLines), 10)
	line = strconv.AppendInt(append(line, `,"duplicates":`...), int64(duplicates), 10)
	if _, err := w.Write(append(line, "}\n"...)); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// Plural writes a count of things, such as "1,234 names".
func Plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// grouped writes a count with a comma between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
