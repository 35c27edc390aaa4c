package triage

import (
	"cmp"
	"slices"
	"time"
)

// Share is a part of a certificate's lifetime, exact: Share{14, 90} is 14/90.
type Share struct {
	Num, Den int64
}

// Of returns the share of a lifetime, rounded down to the nanosecond; 0 where Den is not positive.
func (s Share) Of(life time.Duration) time.Duration {
	if s.Den <= 0 {
		return 0
	}
	// Dividing first keeps a lifetime of centuries from overflowing.
	whole, rest := int64(life)/s.Den, int64(life)%s.Den
	return time.Duration(whole*s.Num + rest*s.Num/s.Den)
}

// Threshold is the time left below which a certificate is reported: the smaller of Left and Share of its lifetime.
// A field that is zero bounds nothing.
type Threshold struct {
	Left  time.Duration
	Share Share
}

// For returns the threshold for a certificate of the given lifetime.
func (t Threshold) For(life time.Duration) time.Duration {
	switch share := t.Share.Of(life); {
	case t.Share == Share{}:
		return t.Left
	case t.Left == 0:
		return share
	default:
		return min(t.Left, share)
	}
}

// Policy is what an operator may change about the judgement. Its zero value is the product's default, and so is each
// field that is left zero.
type Policy struct {
	Warn   Threshold // cert_expiring at WARN; 30 days, 1/3
	Urgent Threshold // cert_expiring at URGENT; 14 days, 14/90
	Page   Threshold // cert_expiring at URGENT and P1; 7 days, 7/90
	// Overdue is the share of the lifetime below which a renewal is well past; 0.30.
	Overdue Share
	// OverdueShort takes the place of Overdue for lifetimes under ten days; 0.45.
	OverdueShort Share
}

// day is 24 hours: certificates are counted in UTC, which has no other days.
const day = 24 * time.Hour

// shortLived is the lifetime under which certificates are renewed at half time.
const shortLived = 10 * day

// Defaults returns the policy that the zero value stands for.
func Defaults() Policy { return Policy{}.filled() }

// filled returns the policy with defaults in place of what is zero.
func (p Policy) filled() Policy {
	p.Warn = cmp.Or(p.Warn, Threshold{30 * day, Share{1, 3}})
	p.Urgent = cmp.Or(p.Urgent, Threshold{14 * day, Share{14, 90}})
	p.Page = cmp.Or(p.Page, Threshold{7 * day, Share{7, 90}})
	p.Overdue = cmp.Or(p.Overdue, Share{3, 10})
	p.OverdueShort = cmp.Or(p.OverdueShort, Share{9, 20})
	return p
}

// Judge judges one name at an instant. f is not modified, and the Result refers to its slices. Which rules were tried is
// left out: [Policy.Tried] tells that, with the same input.
func (p Policy) Judge(f *Facts, now time.Time) Result {
	res := Result{Facts: *f, Severity: OK, JudgedAt: now}
	if f.Failure != "" {
		res.Findings = []Finding{raise(Inconclusive, ActionInvestigate, "the name could not be looked at; "+f.ourFailure())}
		res.Severity = Warn
		return res
	}
	s := newScene(p, f, now)
	for i := range rules {
		r := &rules[i]
		if r.about != ofName && len(s.ends) == 0 {
			continue // there is nothing that it could be about
		}
		for _, finding := range r.raise(s, r.code) {
			res.Findings = append(res.Findings, s.temper(r.about, finding))
		}
	}
	slices.SortStableFunc(res.Findings, worstFirst)
	if len(res.Findings) > 0 {
		res.Severity = res.Findings[0].Severity
	}
	return res
}

// Tried tells every rule that Judge tries for the same input, in that order, with the facts it went by; where our own
// failure left nothing to judge, one rule says so.
func (p Policy) Tried(f *Facts, now time.Time) []Rule {
	if f.Failure != "" {
		return []Rule{{Name: string(Inconclusive), Matched: true, Why: f.ourFailure()}}
	}
	s := newScene(p, f, now)
	out := make([]Rule, len(rules))
	for i, r := range rules {
		out[i] = Rule{Name: string(r.code), Matched: len(r.raise(s, r.code)) > 0, Why: r.why(s, r.code)}
	}
	return out
}

// worstFirst orders findings by severity, then by the table of codes; the domain itself goes before its further names.
func worstFirst(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
		cmp.Compare(slices.Index(Codes, a.Code), slices.Index(Codes, b.Code)),
		cmp.Compare(a.Name, b.Name),
	)
}
