package report

import (
	"cmp"
	"strconv"
	"time"

	"certscan/triage"
)

// schema is the version of the record and of its envelope.
const schema = 1

// Run describes one run, as the envelope of its records tells it.
type Run struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"` // "scan", "dns" or "probe"
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Vantage    string    `json:"vantage"`
	// Complete is false when the run was cut: names that were read are unfinished, or the list was not read to its end.
	Complete bool `json:"complete"`
	// Trusted is false when the run says more of the prober than of the names; Reason then says why.
	Trusted bool   `json:"trusted"`
	Reason  string `json:"reason"`
	Asked   int    `json:"asked"` // distinct names read
	Counts  Counts `json:"counts"`
	// Settings tells what a run was told of what is ours; a store goes by it whether one that was cut can go on.
	Settings string `json:"-"`
	// Scope tells of what it is a run: "" is the whole inventory; runs of something else are compared among themselves.
	Scope string `json:"-"`
	// Problem is why the run counts for nothing although it is complete and trusted, such as a list without a name.
	Problem string `json:"-"`
}

// doubt says why the exit status is 3; empty where it is not.
func (r *Run) doubt() string {
	switch {
	case r.Problem != "":
		return r.Problem
	case !r.Complete:
		return "the list was cut"
	case !r.Trusted:
		return cmp.Or(r.Reason, "the run is not to be trusted")
	case r.Asked == 0:
		return "not a single name was read"
	}
	return ""
}

// Counts counts records by severity.
type Counts struct {
	Urgent int `json:"URGENT"`
	Warn   int `json:"WARN"`
	OK     int `json:"OK"`
}

// Add counts one record.
func (c *Counts) Add(s triage.Severity) {
	switch s {
	case triage.Urgent:
		c.Urgent++
	case triage.Warn:
		c.Warn++
	case triage.OK:
		c.OK++
	}
}

func (c Counts) total() int { return c.Urgent + c.Warn + c.OK }

// AppendJSON appends the run as one JSON object to dst.
func (r *Run) AppendJSON(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"id":`...), r.ID)
	dst = appendJSON(append(dst, `,"kind":`...), r.Kind)
	dst = appendTime(append(dst, `,"started_at":`...), r.StartedAt)
	dst = appendTime(append(dst, `,"finished_at":`...), r.FinishedAt)
	dst = appendJSON(append(dst, `,"vantage":`...), r.Vantage)
	dst = strconv.AppendBool(append(dst, `,"complete":`...), r.Complete)
	dst = strconv.AppendBool(append(dst, `,"trusted":`...), r.Trusted)
	dst = appendJSON(append(dst, `,"reason":`...), r.Reason)
	dst = strconv.AppendInt(append(dst, `,"asked":`...), int64(r.Asked), 10)
	dst = strconv.AppendInt(append(dst, `,"counts":{"URGENT":`...), int64(r.Counts.Urgent), 10)
	dst = strconv.AppendInt(append(dst, `,"WARN":`...), int64(r.Counts.Warn), 10)
	dst = strconv.AppendInt(append(dst, `,"OK":`...), int64(r.Counts.OK), 10)
	return append(dst, "}}"...)
}
