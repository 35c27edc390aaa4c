package report

import (
	"time"

	"certscan/triage"
)

// Audit is the orphan audit: what of an inventory is no longer ours, since when, and what is to be done about it.
type Audit struct {
	Run Run // this audit; its Kind is "audit"
	// Before is the audit that it is compared with; its ID is "" for the first one.
	Before Run
	// Rows are in any order: every name that is not simply ours, and those that stood on the list before.
	Rows []AuditRow
	// Method tells how it was looked, a sentence each.
	Method []string
	// Degraded says what the names have in common that turned bad at once, so that their verdicts are frozen; "" is none.
	Degraded string
}

// AuditRow is one name of the list.
type AuditRow struct {
	// Record is what this audit saw; for a name that is gone from the inventory what the last one saw.
	Record  Record
	Section AuditSection
	Change  AuditChange
	// Before is what the last audit said; empty where it did not look at the name.
	Before AuditState
	// Action is what is proposed for the name as a whole.
	Action triage.Action
	// Registrar facts beside those of the record: zero where the registry did not say.
	Registered time.Time // when the registration began
	// Retry is when the registry may be asked, where its limits did not allow it yet.
	Retry time.Time
}

// AuditState is what one audit says of a name in short.
type AuditState struct {
	Verdict, Reason string
	Severity        triage.Severity
}

// AuditSection says where a row stands on the list.
type AuditSection = triage.Section

// AuditChange says how a row differs from the last audit.
type AuditChange = triage.Change

// The closed sets of both, for who writes an audit.
const (
	SectionOrphan      = triage.SectionOrphan
	SectionAttention   = triage.SectionAttention
	SectionUnconfirmed = triage.SectionUnconfirmed
	SectionPending     = triage.SectionPending
	SectionFrozen      = triage.SectionFrozen
	SectionUnknown     = triage.SectionUnknown
	SectionSettled     = triage.SectionSettled

	ChangeNew       = triage.ChangeNew
	ChangeChanged   = triage.ChangeChanged
	ChangeUnchanged = triage.ChangeUnchanged
	ChangeGone      = triage.ChangeGone
)

// AuditSections lists the sections in the order in which they are shown.
var AuditSections = triage.Sections
