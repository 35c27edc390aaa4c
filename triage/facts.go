// Package triage is the product's judgement: facts, policy and an instant in, findings out.
//
// [Policy.Judge] is pure: it reads no clock, opens nothing, logs nothing, starts nothing; the same input gives the same
// output. It promises that less time left never lowers a severity, that a verdict of unknown never asks for a
// renewal, that a name which is not ours raises no alarm about its certificate, and that a consequence is no finding
// beside its cause; what docs/codes.md lists as independent, as cert_expiring and renewal_overdue, stands side by side. It
// tells every rule it tried, with the reason, to who asks ([Policy.Tried]): words that nobody reads are not built.
package triage

import (
	"net/netip"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// Facts is everything that is known of one name when it is judged.
type Facts struct {
	Domain inventory.Domain
	// DNS and Owner are nil where the DNS was not asked (`certscan probe`), and Owner alone never is.
	DNS    *dns.Answer
	Owner  *dns.Ownership
	Probes []probe.Observation
	// OursAddrs holds those of the probed addresses that are ours, sorted. Only a verdict of mixed needs it; for parked
	// all of them are, and where nobody said what is ours it is empty.
	OursAddrs []netip.Addr
	// Names holds the further names of the same input.
	Names []NameFacts
	// Past is what earlier runs saw of the name; nil where no history is kept, or nobody needed it.
	Past *Past
	// Failure says what of our own went wrong while the name was looked at (a bug's panic); empty otherwise.
	Failure string
	// At is when the name was taken up, UTC; Elapsed is the whole time it took.
	At      time.Time
	Elapsed time.Duration
}

// NameFacts is what is known of one further name: a subject alternative name that the inventory asks for, or the www.
// of a name whose certificate covers it.
type NameFacts struct {
	Name  string
	DNS   dns.Answer
	Owner dns.Ownership
	// Covered says whether the certificate that the domain serves covers this name.
	Covered bool
}

// ourFailure writes what went wrong on our side.
func (f *Facts) ourFailure() string { return "our own failure: " + clip(f.Failure, maxQuote) }
