package triage

import (
	"testing"
	"time"

	"certscan/dns"
)

func stood(v dns.Verdict, r dns.Reason, c dns.Confidence, findings ...Finding) *Standing {
	return &Standing{Verdict: v, Reason: r, Confidence: c, Findings: findings}
}

func found(code Code, action Action) Finding { return raise(code, action, "") }

// TestAuditSection holds where a name stands on the list, and what is proposed for it.
func TestAuditSection(t *testing.T) {
	t.Parallel()
	fine := found(MovedAway, ActionCallCustomer)
	fine.Severity = OK // the list expects it elsewhere
	other := found(MovedAway, ActionCallCustomer)
	other.Name = "www.example.com"
	pending := stood(dns.NotDelegated, "", dns.High, found(NotDelegated, ActionCallCustomer))
	pending.Retry = time.Unix(1, 0)
	held := stood(dns.Moved, "", dns.Low, found(MovedAway, ActionWatch))
	held.Retry = pending.Retry
	for _, c := range []struct {
		row     string
		s       *Standing
		section Section
		action  Action
	}{
		{"moved, confirmed", stood(dns.Moved, "", dns.High, found(MovedAway, ActionCallCustomer)), SectionOrphan, ActionCallCustomer},
		{"free, confirmed", stood(dns.Free, "", dns.High, found(DomainFree, ActionDropSite)), SectionOrphan, ActionDropSite},
		{"moved, seen once", stood(dns.Moved, "", dns.Low, found(MovedAway, ActionCallCustomer)), SectionUnconfirmed, ActionWatch},
		{"the registry's limits", pending, SectionPending, ActionWatch},
		{"moved, and the registry's limits", held, SectionUnconfirmed, ActionWatch},
		{"AAAA elsewhere", stood(dns.Mixed, dns.ReasonIPv6Elsewhere, dns.High, found(IPv6Elsewhere, ActionFixDNS)), SectionAttention, ActionFixDNS},
		{"behind a proxy, not our origin", stood(dns.Proxied, dns.ReasonNotOurs, dns.High, found(BehindProxy, ActionCallCustomer)), SectionOrphan, ActionCallCustomer},
		{"behind a proxy, not tried", stood(dns.Proxied, dns.ReasonUnverified, dns.High, found(BehindProxy, ActionWatch)), SectionAttention, ActionWatch},
		{"parked, a further name is gone", stood(dns.Parked, "", dns.High, other), SectionAttention, ActionCallCustomer},
		{"moved as expected, a further name is gone", stood(dns.Moved, "", dns.High, other, fine), SectionAttention, ActionCallCustomer},
		{"could not be told", stood(dns.Unknown, "", dns.Low, found(Inconclusive, ActionInvestigate)), SectionUnknown, ActionInvestigate},
		{"a failure of our own", stood("", "", "", found(Inconclusive, ActionInvestigate)), SectionUnknown, ActionInvestigate},
		{"no name that can be looked at", stood(dns.Invalid, "", dns.High, found(InvalidName, ActionInvestigate)), SectionUnknown, ActionInvestigate},
		{"the name itself goes before a further one", stood(dns.Moved, "", dns.High, func() Finding {
			f := other
			f.Severity = Urgent
			f.Action = ActionFixDNS
			return f
		}(), found(MovedAway, ActionCallCustomer)), SectionOrphan, ActionCallCustomer},
	} {
		if !c.s.Listed() || c.s.Section() != c.section || c.s.Action() != c.action {
			t.Errorf("%s: listed %t, %s, %s; want %s, %s", c.row, c.s.Listed(), c.s.Section(), c.s.Action(), c.section, c.action)
		}
	}
	expired := found(CertExpired, ActionRenew)
	for row, s := range map[string]*Standing{
		"ours":                              stood(dns.Parked, "", dns.High),
		"ours, with an expired certificate": stood(dns.Parked, "", dns.High, expired),
		"elsewhere as expected":             stood(dns.Moved, "", dns.High, fine),
	} {
		if s.Listed() {
			t.Errorf("%s: stands on the list", row)
		}
	}
}

// TestAuditChange holds how a name differs from the last audit.
func TestAuditChange(t *testing.T) {
	t.Parallel()
	moved := stood(dns.Moved, "", dns.High, found(MovedAway, ActionCallCustomer))
	parking := stood(dns.Moved, dns.ReasonParking, dns.High, found(MovedAway, ActionCallCustomer))
	ours, mixed := stood(dns.Parked, "", dns.High), stood(dns.Mixed, dns.ReasonSplit, dns.High, found(SplitAddresses, ActionFixDNS))
	dangling := stood(dns.Dangling, "", dns.High, found(DanglingCNAME, ActionFixDNS))
	taken := stood(dns.Dangling, "", dns.High, found(TakeoverRisk, ActionFixDNS), found(DanglingCNAME, ActionFixDNS))
	unknown := stood(dns.Unknown, "", dns.Low, found(Inconclusive, ActionInvestigate))
	certificate := stood(dns.Moved, "", dns.High, found(CertExpired, ActionRenew), found(MovedAway, ActionCallCustomer))
	for _, c := range []struct {
		row         string
		before, now *Standing
		want        Change
	}{
		{"no audit before", nil, moved, ChangeNew},
		{"was ours", ours, moved, ChangeNew},
		{"the same", moved, moved, ChangeUnchanged},
		{"the same, with another certificate", certificate, moved, ChangeUnchanged},
		{"another reason", moved, parking, ChangeChanged},
		{"another verdict", mixed, moved, ChangeChanged},
		{"worse", dangling, taken, ChangeChanged},
		{"could not be told this time", moved, unknown, ChangeUnchanged},
		{"a failure of our own", moved, stood("", "", "", found(Inconclusive, ActionInvestigate)), ChangeUnchanged},
		{"could not be told, was ours", ours, unknown, ChangeNew},
	} {
		if got := c.now.ChangeFrom(c.before); got != c.want {
			t.Errorf("%s: %s, want %s", c.row, got, c.want)
		}
	}
}
