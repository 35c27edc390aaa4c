package triage

import (
	"fmt"
	"slices"
	"strings"

	"certscan/dns"
)

// ruling is what a verdict means: the code it raises, what it asks for, and the half sentence that says so.
type ruling struct {
	code    Code
	verdict dns.Verdict
	reasons []dns.Reason // nil for any
	action  Action
	means   string
}

// rulings holds a row for every verdict that raises a code. parked and resolved raise none.
var rulings = []ruling{
	{
		IPv6Elsewhere, dns.Mixed,
		[]dns.Reason{dns.ReasonIPv6Elsewhere},
		ActionFixDNS,
		"the AAAA records lead elsewhere, so renewals fail and visitors over IPv6 reach somebody else",
	},
	{
		IPv4Elsewhere, dns.Mixed,
		[]dns.Reason{dns.ReasonIPv4Elsewhere},
		ActionFixDNS,
		"the A records lead elsewhere, so visitors over IPv4 reach somebody else",
	},
	{
		SplitAddresses, dns.Mixed,
		[]dns.Reason{dns.ReasonSplit, dns.ReasonNone},
		ActionFixDNS,
		"only some of the addresses are ours, so renewals and visits succeed at random",
	},
	{
		OriginLeak, dns.Mixed,
		[]dns.Reason{dns.ReasonOriginLeak},
		ActionFixDNS,
		"our server stands in the DNS beside the proxy that should hide it",
	},
	{BehindProxy, dns.Proxied, []dns.Reason{dns.ReasonOurs}, ActionNone, "our server was proven to answer behind the proxy"},
	{
		BehindProxy, dns.Proxied,
		[]dns.Reason{dns.ReasonNotOurs},
		ActionCallCustomer,
		"it is not our server that answers behind the proxy",
	},
	{
		BehindProxy, dns.Proxied,
		[]dns.Reason{dns.ReasonUnverified, dns.ReasonNone},
		ActionWatch,
		"what visitors see is the proxy's certificate",
	},
	{
		MovedAway, dns.Moved,
		[]dns.Reason{dns.ReasonParking},
		ActionCallCustomer,
		"no address is ours, and it looks like the parking page of a registrar or reseller",
	},
	{MovedAway, dns.Moved, nil, ActionCallCustomer, "no address is ours"},
	{DomainFree, dns.Free, nil, ActionDropSite, "the domain is not registered: anybody can take it"},
	{DomainExpired, dns.Expired, nil, ActionCallCustomer, "the registration has run out; the holder may still renew it"},
	{DomainOnHold, dns.OnHold, nil, ActionCallCustomer, "registry or registrar took the domain out of the zone"},
	{
		NotDelegated, dns.NotDelegated, nil, ActionCallCustomer,
		"without a delegation nothing below the domain can be reached",
	},
	{NoAddress, dns.NoAddress, nil, ActionFixDNS, "without an A or AAAA record nobody reaches it"},
	{NameMissing, dns.NameMissing, nil, ActionFixDNS, "its record was removed, or never made"},
	{DanglingCNAME, dns.Dangling, nil, ActionFixDNS, "so the CNAME leads nowhere"},
	{
		TakeoverRisk, dns.Dangling,
		[]dns.Reason{dns.ReasonTargetFree},
		ActionFixDNS,
		"the target of the CNAME can be registered by anybody, who would then answer for this name",
	},
	{DNSBroken, dns.Broken, nil, ActionFixDNS, "the name servers of the name cannot answer"},
	{PrivateAddress, dns.Private, nil, ActionFixDNS, "nobody outside can reach a special-purpose address"},
	{InvalidName, dns.Invalid, nil, ActionInvestigate, "the entry of the list needs correcting"},
	{
		Inconclusive, dns.Unknown, nil, ActionInvestigate,
		"so where the name points is not known, and nothing is done about it",
	},
}

// tryVerdict raises a code for the domain, and for each further name, whose verdict calls for it.
func tryVerdict(s *scene, code Code) ([]Finding, string) {
	var found []Finding
	whys := make([]string, 0, len(s.hosts))
	for _, h := range s.hosts {
		f, why := s.rule(code, h)
		if f.Code != "" {
			found = append(found, f)
		}
		whys = append(whys, why)
	}
	return found, s.recite(whys)
}

// recite joins the reasons of all hosts; with further names, each reason goes with the name it is about.
func (s *scene) recite(whys []string) string {
	if len(s.hosts) == 1 {
		return whys[0]
	}
	told := make([]string, len(whys))
	for i, why := range whys {
		told[i] = s.hosts[i].label(s.facts) + ": " + why
	}
	return enumerate(told, "; ")
}

// rule finds the row of a code for a host's verdict; the zero Finding is none.
func (s *scene) rule(code Code, h host) (Finding, string) {
	if h.owner == nil {
		return Finding{}, "ownership was not asked"
	}
	why := "verdict " + verdictOf(h.owner)
	if clash, says := contradiction(s.facts.Domain.Expect, h.owner); clash == code {
		f := raise(code, ActionInvestigate, evidence(h.owner)+"; "+says)
		f.Name = h.name
		return f, why + "; " + says
	}
	row := rulingFor(code, h.owner)
	if row == nil {
		return Finding{}, why
	}
	if absenceIsNormal(h) {
		return Finding{}, why + "; normal for a random label below a wildcard"
	}
	f := raise(code, row.action, evidence(h.owner)+"; "+row.means)
	f.Name = h.name
	switch {
	case agrees(s.facts.Domain.Expect, h.owner):
		f.Severity, f.Action = OK, ActionNone
		f.Message += "; the list expects " + string(s.facts.Domain.Expect)
	case code == BehindProxy && h.owner.Reason == dns.ReasonOurs:
		f.Severity = OK
	}
	return f, why + "; " + row.means
}

func rulingFor(code Code, o *dns.Ownership) *ruling {
	for i := range rulings {
		r := &rulings[i]
		if r.code == code && r.verdict == o.Verdict && (r.reasons == nil || slices.Contains(r.reasons, o.Reason)) {
			return r
		}
	}
	return nil
}

// absenceIsNormal reports whether a host is a wildcard below which nothing was found. Servers that sign as they answer
// say NODATA where others say NXDOMAIN (RFC 9824 §3), so both count.
func absenceIsNormal(h host) bool {
	return h.wild && (h.owner.Verdict == dns.NameMissing || h.owner.Verdict == dns.NoAddress)
}

// evidence quotes what the verdict rests on, the first few sentences of it.
func evidence(o *dns.Ownership) string {
	if len(o.Evidence) == 0 {
		return "the verdict is " + verdictOf(o)
	}
	said := make([]string, len(o.Evidence))
	for i, e := range o.Evidence {
		said[i] = strings.TrimRight(e, ". ")
	}
	return enumerate(said, "; ")
}

// tryInvalidName also takes the names that were never asked about, because the list's reader refused them.
func tryInvalidName(s *scene, code Code) ([]Finding, string) {
	if invalid := s.facts.Domain.Invalid; invalid != "" {
		why := "not a name that can be scanned: " + clip(invalid, maxQuote)
		return []Finding{raise(code, ActionInvestigate, why)}, why
	}
	if s.facts.Owner == nil {
		return nil, "the name can be scanned"
	}
	return tryVerdict(s, code)
}

// tryInconclusive raises what could not be told: the verdict, or an endpoint that we ourselves failed to look at.
func tryInconclusive(s *scene, code Code) ([]Finding, string) {
	found, why := tryVerdict(s, code)
	if o := s.facts.Owner; o != nil && !slices.Contains(dns.Verdicts, o.Verdict) {
		why = "verdict " + string(o.Verdict) + " is none of the closed set"
		return append(found, raise(code, ActionInvestigate, why)), why
	}
	if len(found) > 0 && found[0].Name == "" {
		return found, why // an endpoint that was cut as well has the same cause
	}
	unseen, whyUnseen := s.each(code, s.ends, "", seeUnseen)
	if len(s.ends) > 0 && !slices.ContainsFunc(s.ends, func(e endpoint) bool { return e.state != unroutable }) {
		whyUnseen = "no address could be looked at: this machine has no route for its family"
		unseen = []Finding{raise(code, ActionInvestigate, whyUnseen)}
	}
	if whyUnseen != "" {
		why += "; " + whyUnseen
	}
	return append(found, unseen...), why
}

// tryDNSBroken also takes the names of which one address family answers and the other fails.
func tryDNSBroken(s *scene, code Code) ([]Finding, string) {
	found, why := tryVerdict(s, code)
	for _, h := range s.hosts {
		half := halfBroken(h)
		if half == "" || h.name != "" && halfBroken(s.hosts[0]) == half && s.hosts[0].dns.Registrable == h.dns.Registrable {
			continue
		}
		f := raise(code, ActionFixDNS, half+"; the verdict rests on one address family, and a CA that asks for both refuses")
		f.Name = h.name
		found = append(found, f)
		why += "; " + h.label(s.facts) + ": " + half
	}
	return found, why
}

// halfBroken says which address family fails while the other answers; empty where none does, or our own shutdown cut it.
func halfBroken(h host) string {
	if h.dns == nil || h.owner == nil || slices.Contains([]dns.Verdict{dns.Broken, dns.Unknown, dns.Invalid}, h.owner.Verdict) {
		return ""
	}
	a, aaaa := h.dns.A.Status, h.dns.AAAA.Status
	switch {
	case a.OK() && failed(aaaa):
		return fmt.Sprintf("AAAA ends in %s while A answers %s", aaaa, a)
	case aaaa.OK() && failed(a):
		return fmt.Sprintf("A ends in %s while AAAA answers %s", a, aaaa)
	}
	return ""
}

func failed(st dns.Status) bool {
	return !st.OK() && st != dns.StatusUnasked && st != dns.StatusCanceled
}

// tryPrivateAddress also takes endpoints that were not dialled because of their address, where the verdict is another.
func tryPrivateAddress(s *scene, code Code) ([]Finding, string) {
	found, why := tryVerdict(s, code)
	if o := s.facts.Owner; o != nil && o.Verdict == dns.Private {
		return found, why
	}
	blocked, whyBlocked := s.each(code, s.ends, "", seeBlocked)
	if whyBlocked != "" {
		why += "; " + whyBlocked
	}
	return append(found, blocked...), why
}
