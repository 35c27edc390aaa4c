package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"certscan/triage"
)

// auditColumns are the columns of the list as CSV has them, and the headings of those that people are shown.
var auditColumns = []Column{
	{"manager", "Manager"},
	{"owner", "Customer"},
	{"domain", "Domain"},
	{"name", ""},
	{"section", "Section"},
	{"change", "Change"},
	{"verdict", ""},
	{"reason", ""},
	{"", "Verdict"},
	{"confidence", "Confidence"},
	{"since", "Since"},
	{"before", "Before"},
	{"action", ""},
	{"proposed", "Proposed"},
	{"registration", "Registration"},
	{"registered", "Registered"},
	{"registered_until", "Until"},
	{"registry", "Registry"},
	{"retry_at", "To be asked"},
	{"evidence", "Evidence"},
	{"codes", "Findings"},
	{"source", "Source"},
	{"checked_at", "Checked"},
	{"signed_off", "Signed off"},
}

// cells returns the cells of a row, one a column. Texts may be anybody's.
func (r *AuditRow) cells() []any {
	rec := &r.Record
	d := rec.DNS
	if d == nil {
		d = &dnsFacts{}
	}
	return []any{
		rec.Manager, rec.Owner, rec.Domain, rec.Name, string(r.Section), string(r.Change),
		d.Verdict, d.Reason, verdictText(d.Verdict, d.Reason), d.Confidence, rec.Since, verdictText(r.Before.Verdict, r.Before.Reason),
		string(r.Action), r.proposed(), d.Registration.State, r.Registered, d.Registration.Expires,
		d.Registration.Source, r.Retry, r.evidence(), r.codes(), rec.Source, rec.CheckedAt,
		"",
	}
}

// verdictText joins a verdict and its reason.
func verdictText(verdict, reason string) string {
	if reason == "" {
		return verdict
	}
	return verdict + "/" + reason
}

// codes are those of the findings, each once; a further name that one is about stands in brackets.
func (r *AuditRow) codes() string {
	var out []string
	for i := range r.Record.Findings {
		f := &r.Record.Findings[i]
		text := string(f.Code)
		if f.Name != "" {
			text += " (" + f.Name + ")"
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " ")
}

// mends tells what to do about a DNS that is to be mended, by verdict and reason, or by verdict alone.
var mends = map[string]string{
	"mixed/ipv6_elsewhere": "fix or delete the AAAA record",
	"mixed/ipv4_elsewhere": "fix the A record",
	"mixed/split":          "take the foreign addresses out",
	"mixed/origin_leak":    "take our address out, or the proxy's",
	"dangling":             "delete the CNAME, or mend its target",
	"dangling/target_free": "delete the CNAME at once: anybody can register its target",
	"no_address":           "add the A record, or drop the site",
	"name_missing":         "add the record, or drop the site",
	"private":              "put a public address in",
	"broken":               "mend the name servers",
	"broken/dnssec_bogus":  "mend DNSSEC: the DS record at the registrar, or the signatures",
	"broken/loop":          "take the circle out of the CNAMEs",
}

// proposed tells what is proposed, in words for who answers for the customer.
func (r *AuditRow) proposed() string {
	switch r.Action {
	case triage.ActionFixDNS:
		return r.mend()
	case triage.ActionCallCustomer:
		return "call the customer"
	case triage.ActionDropSite:
		return "drop the site"
	case triage.ActionWatch:
		if r.Section == triage.SectionPending && !r.Retry.IsZero() {
			return "watch: the registry may be asked after " + r.Retry.UTC().Format("2006-01-02 15:04 UTC")
		}
		return "watch: nothing is sure yet"
	case triage.ActionInvestigate:
		return "look into it"
	case triage.ActionRenew:
		return "renew the certificate"
	case triage.ActionDeploy:
		return "deploy the certificate"
	case triage.ActionNone:
	}
	return "nothing"
}

// mend says what is to be mended: by the code of the worst finding where that says more than the verdict.
func (r *AuditRow) mend() string {
	for i := range r.Record.Findings {
		switch f := &r.Record.Findings[i]; f.Code { //nolint:exhaustive // the other codes follow from the verdict
		case triage.CAAForbids, triage.CAAUnreachable:
			return "mend the CAA records"
		case triage.SVCBElsewhere:
			return "fix or delete the HTTPS record"
		}
	}
	if d := r.Record.DNS; d != nil {
		for _, key := range []string{verdictText(d.Verdict, d.Reason), d.Verdict} {
			if text := mends[key]; text != "" {
				return text
			}
		}
	}
	return "mend the DNS"
}

// sectionTitles are the headings of the sections, for people.
var sectionTitles = map[triage.Section]string{
	triage.SectionOrphan:      "No longer ours",
	triage.SectionAttention:   "Ours, and something is wrong",
	triage.SectionUnconfirmed: "Not confirmed yet: watch",
	triage.SectionPending:     "Pending: the registry's limits did not allow to ask yet",
	triage.SectionFrozen:      "Frozen: too many turned bad at once, the old verdict stands",
	triage.SectionUnknown:     "Could not be told",
	triage.SectionSettled:     "Settled since the last audit",
}

// counts counts the rows by section and by change.
func (a *Audit) counts() (sections map[triage.Section]int, changes map[triage.Change]int) {
	sections, changes = map[triage.Section]int{}, map[triage.Change]int{}
	for i := range a.Rows {
		sections[a.Rows[i].Section]++
		changes[a.Rows[i].Change]++
	}
	return sections, changes
}

// head tells the audit in a few lines: when, of how much, compared with what, and what of it is to be doubted.
func (a *Audit) head() []string {
	out := []string{fmt.Sprintf("Audit of %s: %s looked at.", day(a.Run.StartedAt), Plural(a.Run.Asked, "name"))}
	if a.Degraded != "" {
		out = append([]string{"Degraded: " + a.Degraded}, out...)
	}
	switch why := a.Run.doubt(); {
	case why != "" && a.Degraded == "":
		out = append(out, "Not to be trusted: "+why+".")
	case a.Before.ID == "":
		out = append(out, "The first audit: nothing to compare it with.")
	default:
		out = append(out, fmt.Sprintf("Compared with the audit of %s.", day(a.Before.StartedAt)))
	}
	if len(a.Rows) == 0 {
		return append(out, "Nothing is on the list.")
	}
	sections, changes := a.counts()
	var parts, moves []string
	for _, s := range triage.Sections {
		if n := sections[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", grouped(n), s))
		}
	}
	for _, c := range []triage.Change{triage.ChangeNew, triage.ChangeChanged, triage.ChangeUnchanged, triage.ChangeGone} {
		if n := changes[c]; n > 0 {
			moves = append(moves, fmt.Sprintf("%s %s", grouped(n), c))
		}
	}
	return append(out, strings.Join(parts, ", ")+";", strings.Join(moves, ", ")+".")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
