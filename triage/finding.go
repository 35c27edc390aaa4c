package triage

import (
	"time"
)

// Severity ranks a finding.
type Severity string

// The closed set of severities.
const (
	OK     Severity = "OK"
	Warn   Severity = "WARN"
	Urgent Severity = "URGENT"
)

// Severities lists the closed set, worst first.
var Severities = []Severity{Urgent, Warn, OK}

// Rank orders severities: 0 for OK, 1 for WARN, 2 for URGENT.
func (s Severity) Rank() int {
	switch s {
	case Urgent:
		return 2
	case Warn:
		return 1
	case OK:
		return 0
	}
	return 0
}

// Priority says who is told: P1 pages, P2 goes to the channel, P3 to the digest and to managers.
type Priority string

// The closed set of priorities.
const (
	P1 Priority = "P1"
	P2 Priority = "P2"
	P3 Priority = "P3"
)

// Action is what a finding asks for.
type Action string

// The closed set of actions.
const (
	ActionNone         Action = "none"
	ActionRenew        Action = "renew"
	ActionDeploy       Action = "deploy"
	ActionFixDNS       Action = "fix_dns"
	ActionCallCustomer Action = "call_customer"
	ActionDropSite     Action = "drop_site"
	ActionInvestigate  Action = "investigate"
	ActionWatch        Action = "watch"
)

// Finding is one thing that is wrong, or worth listing, with a name.
type Finding struct {
	Code     Code
	Severity Severity
	Priority Priority
	// Message is one sentence for an operator. It may quote remote text: hostile until sanitised.
	Message string
	Action  Action
	// Address is the one address the finding is about; empty where it is about the name, or about all its addresses.
	Address string
	// Name is the further name the finding is about; empty where it is about the domain itself.
	Name string
}

// Rule is one rule that was tried: its name is the code it would have raised.
type Rule struct {
	Name    string
	Matched bool
	Why     string
}

// Result is the judgement on one name.
type Result struct {
	Facts    Facts
	Severity Severity // the worst of Findings; OK where there is none
	Findings []Finding
	// Tried holds every rule in the order it was tried, where somebody asked for it: see [Policy.Tried].
	Tried    []Rule
	JudgedAt time.Time
	// Since is when this verdict and severity began; zero where no history knows. Policy.Judge leaves it so.
	Since time.Time
}
