package triage

import (
	"slices"
	"time"

	"certscan/dns"
)

// Standing is what one look says of a name, as far as a list of orphans goes by it.
type Standing struct {
	Verdict    dns.Verdict
	Reason     dns.Reason
	Confidence dns.Confidence
	// Findings are those of the record, worst first.
	Findings []Finding
	// Retry is when the registry may be asked, where its limits did not allow it yet; zero else.
	Retry time.Time
}

// Section says where a name stands on the list of an audit.
type Section string

// The closed set of sections, in the order in which they are shown.
const (
	SectionOrphan      Section = "orphan"      // no longer ours, confirmed
	SectionAttention   Section = "attention"   // ours, at least in part, and something about it is wrong
	SectionUnconfirmed Section = "unconfirmed" // seen once, or by one resolver alone: nothing is done yet
	SectionPending     Section = "pending"     // the registry's limits did not allow to ask yet
	SectionFrozen      Section = "frozen"      // turned bad together with too many others, as a [Breaker] tells after all were seen
	SectionUnknown     Section = "unknown"     // it could not be told
	SectionSettled     Section = "settled"     // stood on the last list and does no longer
)

// Sections lists the closed set in the order in which they are shown.
var Sections = []Section{
	SectionOrphan, SectionAttention, SectionUnconfirmed, SectionPending, SectionFrozen, SectionUnknown, SectionSettled,
}

// Change says how a name on the list differs from the last audit.
type Change string

// The closed set of changes.
const (
	ChangeNew       Change = "new"       // it was not on the last list
	ChangeChanged   Change = "changed"   // it was, with another verdict, reason or severity
	ChangeUnchanged Change = "unchanged" // it was, the same
	ChangeGone      Change = "gone"      // it was, and is not any more
)

// Listed reports whether a name stands on the list: something is wrong with where it points, or with what may be ordered
// for it. What a server shows is no manager's business.
func (s *Standing) Listed() bool {
	return slices.ContainsFunc(s.Findings, Finding.Listed)
}

// Listed reports whether a finding puts its name on the list of an audit.
func (f Finding) Listed() bool {
	return f.Severity != OK && slices.ContainsFunc(rules, func(r rule) bool { return r.code == f.Code && r.about == ofName })
}

// Section returns where a listed name stands by itself: neither frozen nor settled, which others and the last list tell.
func (s *Standing) Section() Section {
	switch {
	case s.untold() || s.Verdict == dns.Invalid:
		return SectionUnknown
	case !s.away():
		return SectionAttention
	case s.Verdict == dns.NotDelegated && !s.Retry.IsZero():
		return SectionPending
	case s.Confidence == dns.Low:
		return SectionUnconfirmed
	}
	return SectionOrphan
}

// untold reports whether the verdict could not be told; a failure of our own leaves none.
func (s *Standing) untold() bool { return s.Verdict == dns.Unknown || s.Verdict == "" }

// away reports whether nobody reaches us by the name itself, and nobody said that this is as it should be.
func (s *Standing) away() bool {
	astray := slices.Contains(orphaned, s.Verdict) || s.Verdict == dns.Proxied && s.Reason == dns.ReasonNotOurs
	return astray && slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Name == "" && f.Listed() })
}

// Action returns what is proposed for the name as a whole: nothing but watching where it is not sure, else what the worst
// finding that puts it on the list asks for, those of the name itself first.
func (s *Standing) Action() Action {
	switch s.Section() {
	case SectionUnconfirmed, SectionPending:
		return ActionWatch
	case SectionUnknown:
		return ActionInvestigate
	case SectionOrphan, SectionAttention, SectionFrozen, SectionSettled:
	}
	further := ActionNone
	for _, f := range s.Findings {
		switch {
		case !f.Listed():
		case f.Name == "":
			return f.Action
		case further == ActionNone:
			further = f.Action
		}
	}
	return further
}

// Severity returns the worst severity of what puts the name on the list; OK where nothing does.
func (s *Standing) Severity() Severity {
	worst := OK
	for _, f := range s.Findings {
		if f.Listed() && f.Severity.Rank() > worst.Rank() {
			worst = f.Severity
		}
	}
	return worst
}

// ChangeFrom compares a listed name with what the last audit said of it; before is nil where that did not look at it. What
// could not be told changes nothing.
func (s *Standing) ChangeFrom(before *Standing) Change {
	switch {
	case before == nil || !before.Listed():
		return ChangeNew
	case s.untold():
		return ChangeUnchanged
	case before.Verdict == s.Verdict && before.Reason == s.Reason && before.Severity() == s.Severity():
		return ChangeUnchanged
	}
	return ChangeChanged
}
