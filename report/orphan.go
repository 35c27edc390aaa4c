package report

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	"certscan/triage"
)

// orphan is one name that is not served by us, as the managers' list shows it; its texts are sanitised.
type orphan struct {
	manager, domain, verdict, evidence string
}

// orphanOf returns the entry of a record on the managers' list. It goes by the findings on the domain itself, not by the
// verdict: what the list expects, or is normal for a wildcard, raises no more than OK.
func orphanOf(r *Record) (orphan, bool) {
	if r.DNS == nil || !slices.ContainsFunc(r.Findings, func(f finding) bool { return departs(&f, r.DNS) }) {
		return orphan{}, false
	}
	o := orphan{manager: Terminal(r.Manager), domain: Terminal(r.Domain), verdict: verdictOf(r)}
	if len(r.DNS.Evidence) > 0 {
		o.evidence = Terminal(r.DNS.Evidence[0])
	}
	return o, true
}

// departed are the codes that alone say of a domain that nobody reaches us by it.
var departed = []triage.Code{
	triage.MovedAway, triage.DomainFree, triage.DomainExpired, triage.DomainOnHold, triage.NotDelegated, triage.NoAddress,
	triage.NameMissing, triage.DanglingCNAME,
}

// departs reports whether a finding says that the domain is not served by us. Some codes are also raised of one address,
// or of one address family: then the verdict is another.
func departs(f *finding, d *dnsFacts) bool {
	switch {
	case f.Name != "" || f.Severity == triage.OK:
		return false
	case f.Code == triage.DNSBroken:
		return d.Verdict == "broken"
	case f.Code == triage.PrivateAddress:
		return d.Verdict == "private"
	case f.Code == triage.BehindProxy:
		return d.Reason == "not_ours"
	}
	return slices.Contains(departed, f.Code)
}

// writeOrphans writes every name that is not served by us, grouped by who has to call the customer; names without a
// manager come last. Without any it writes nothing.
func writeOrphans(out output, orphans []orphan, limit int) {
	if len(orphans) == 0 {
		return
	}
	domain, verdict := 0, 0
	for _, o := range orphans {
		domain, verdict = max(domain, cells(o.domain)), max(verdict, cells(o.verdict))
	}
	if limit > 0 {
		domain = min(domain, limit*2/5)
		verdict = min(verdict, limit-domain-2*gap)
	}
	write := func(line string) {
		if limit > 0 {
			line = fit(line, limit)
		}
		out.text(line, "\n")
	}
	write("\nNot served by us, by manager")
	for manager, group := range byManager(orphans) {
		write(fmt.Sprintf("\n%s: %s", cmp.Or(manager, "(no manager)"), grouped(len(group))))
		for _, o := range group {
			line := "  " + pad(fit(o.domain, domain), domain) + "  " + fit(o.verdict, verdict)
			if o.evidence != "" {
				line = pad(line, 2*gap+domain+verdict) + "  " + o.evidence
			}
			write(line)
		}
	}
}

// byManager yields each manager with his names in order; those without a manager come last.
func byManager(orphans []orphan) iter.Seq2[string, []orphan] {
	groups := map[string][]orphan{}
	for _, o := range orphans {
		groups[o.manager] = append(groups[o.manager], o)
	}
	return func(yield func(string, []orphan) bool) {
		for _, manager := range slices.SortedFunc(maps.Keys(groups), compareManagers) {
			group := groups[manager]
			slices.SortStableFunc(group, func(a, b orphan) int { return cmp.Compare(a.domain, b.domain) })
			if !yield(manager, group) {
				return
			}
		}
	}
}

func compareManagers(a, b string) int {
	if (a == "") != (b == "") {
		return cmp.Compare(b, a) // the empty one last
	}
	return cmp.Compare(a, b)
}
