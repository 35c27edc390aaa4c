package triage

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits of what a message quotes: a certificate may carry a thousand names, a name 60 kB.
const (
	maxQuote  = 200 // bytes of one quoted text
	maxQuoted = 4   // texts in a row
)

// clip cuts a text to n bytes, at a whole character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// enumerate joins the first few texts and counts the others.
func enumerate(texts []string, sep string) string {
	shown := texts[:min(len(texts), maxQuoted)]
	var b strings.Builder
	for i, t := range shown {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(clip(t, maxQuote))
	}
	if more := len(texts) - len(shown); more > 0 {
		b.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}

// calendar is the unit in which the life of a certificate is told: days, or hours where it is short.
type calendar struct {
	unit   time.Duration
	name   string
	layout string
}

// calendarFor returns the unit that suits a lifetime.
func calendarFor(life time.Duration) calendar {
	if life < shortLived {
		return calendar{time.Hour, "hours", "2006-01-02 15:04 UTC"}
	}
	return calendar{day, "days", "2006-01-02"}
}

// date writes an instant as precisely as the lifetime asks for.
func (c calendar) date(t time.Time) string { return t.UTC().Format(c.layout) }

// floor writes a duration to one decimal, rounded down: 13.99 days left are not "14.0" beside "URGENT below 14".
func (c calendar) floor(d time.Duration) string {
	return strconv.FormatFloat(math.Floor(10*float64(d)/float64(c.unit))/10, 'f', 1, 64)
}

// round writes a limit or a lifetime to one decimal at most.
func (c calendar) round(d time.Duration) string {
	return strconv.FormatFloat(math.Round(10*float64(d)/float64(c.unit))/10, 'f', -1, 64)
}
