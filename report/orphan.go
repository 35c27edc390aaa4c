package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"certscan/triage"
)

// orphan is one name that is not served by us any more, as the managers' list shows it; its texts are sanitised.
type orphan struct {
	manager, domain, verdict, evidence string
}

// orphanOf returns the entry of a record on the managers' list. A name that is elsewhere on purpose is none: what its
// list expects raises no more than OK.
func orphanOf(r *Record) (orphan, bool) {
	if r.DNS == nil || r.Severity == triage.OK || !departed(r.DNS.Verdict, r.DNS.Reason) {
		return orphan{}, false
	}
	o := orphan{manager: Terminal(r.Manager), domain: Terminal(r.Domain), verdict: verdictOf(r)}
	if len(r.DNS.Evidence) > 0 {
		o.evidence = Terminal(r.DNS.Evidence[0])
	}
	return o, true
}

// departed reports whether a verdict says that a name is not ours any more.
func departed(verdict, reason string) bool {
	switch verdict {
	case "moved", "free", "expired", "on_hold", "not_delegated", "no_address", "name_missing", "dangling", "broken", "private":
		return true
	case "proxied":
		return reason == "not_ours"
	}
	return false
}

// writeOrphans writes every name that is not ours any more, grouped by who has to call the customer; names without a
// manager come last. Without any it writes nothing.
func writeOrphans(out output, orphans []orphan, limit int) {
	if len(orphans) == 0 {
		return
	}
	groups := map[string][]orphan{}
	domain, verdict := 0, 0
	for _, o := range orphans {
		groups[o.manager] = append(groups[o.manager], o)
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
	write("\nNot ours any more, by manager")
	for _, manager := range slices.SortedFunc(maps.Keys(groups), compareManagers) {
		group := groups[manager]
		slices.SortStableFunc(group, func(a, b orphan) int { return cmp.Compare(a.domain, b.domain) })
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

func compareManagers(a, b string) int {
	if (a == "") != (b == "") {
		return cmp.Compare(b, a) // the empty one last
	}
	return cmp.Compare(a, b)
}
