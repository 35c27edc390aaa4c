package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"certscan/dns"
	"certscan/inventory"
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

// byVerdict raises a code for the domain, and for each further name, whose verdict calls for it.
var byVerdict = trial{raiseVerdict, whyVerdict}

func raiseVerdict(s *scene, code Code) []Finding {
	var found []Finding
	for i := range s.hosts {
		if h := &s.hosts[i]; h.telling {
			if f, raised := s.rule(code, h); raised {
				found = append(found, f)
			}
		}
	}
	return found
}

// whyVerdict joins the reasons of all hosts; with further names, each reason goes with the name it is about.
func whyVerdict(s *scene, code Code) string {
	if len(s.hosts) == 1 {
		return s.whyHost(code, &s.hosts[0])
	}
	told := make([]string, len(s.hosts))
	for i := range s.hosts {
		h := &s.hosts[i]
		told[i] = h.label(s.facts) + ": " + s.whyHost(code, h)
	}
	return enumerate(told, "; ")
}

// rule raises a code for one host, where its verdict calls for it.
func (s *scene) rule(code Code, h *host) (Finding, bool) {
	row, says := s.rulingFor(code, h)
	if says != "" {
		f := raise(code, ActionInvestigate, evidence(h.owner)+"; "+says)
		f.Name = h.name
		return f, true
	}
	if row == nil || absenceIsNormal(h) {
		return Finding{}, false
	}
	f := raise(code, row.action, evidence(h.owner)+"; "+row.means)
	f.Name = h.name
	switch {
	case agrees(s.facts.Domain.Expect, h.owner):
		f.Severity, f.Action = OK, ActionNone
		f.Message += "; the list expects " + string(s.facts.Domain.Expect)
	case code == BehindProxy && h.owner.Reason == dns.ReasonOurs:
		f.Severity = OK
	case unconfirmed(h.owner):
		f.Action = ActionWatch
		f.Message += "; not confirmed yet: " + cmp.Or(h.owner.Doubt, "the confidence is low")
	}
	return f, true
}

// unconfirmed reports whether a verdict makes somebody act against a customer, and is not sure enough for that.
func unconfirmed(o *dns.Ownership) bool { return o.TakesTwo() && o.Confidence != dns.High }

// whyHost tells the verdict of one host and what it means for a code.
func (s *scene) whyHost(code Code, h *host) string {
	if h.owner == nil {
		return "ownership was not asked"
	}
	why := "verdict " + verdictOf(h.owner)
	row, says := s.rulingFor(code, h)
	switch {
	case says != "":
		return why + "; " + says
	case row == nil:
		return why
	case absenceIsNormal(h):
		return why + "; normal for a random label below a wildcard"
	case unconfirmed(h.owner):
		return why + "; " + row.means + "; not confirmed yet: " + cmp.Or(h.owner.Doubt, "the confidence is low")
	}
	return why + "; " + row.means
}

// rulingFor returns what the list says where the verdict goes against it, else the row of the code for the verdict.
func (s *scene) rulingFor(code Code, h *host) (row *ruling, says string) {
	if clash, says := contradiction(s.facts.Domain.Expect, h.owner); clash == code {
		return nil, says
	}
	return rulingFor(code, h.owner), ""
}

// telling reports whether a verdict can raise any code at all.
func telling(expect inventory.Expect, o *dns.Ownership) bool {
	if o == nil {
		return false
	}
	if clash, _ := contradiction(expect, o); clash != "" {
		return true
	}
	for i := range rulings {
		if rulings[i].verdict == o.Verdict {
			return true
		}
	}
	return false
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
func absenceIsNormal(h *host) bool {
	return h.wild && (h.owner.Verdict == dns.NameMissing || h.owner.Verdict == dns.NoAddress)
}

// evidence quotes what the verdict rests on, the first few sentences of it.
func evidence(o *dns.Ownership) string {
	if len(o.Evidence) == 0 {
		return "the verdict is " + verdictOf(o)
	}
	said := make([]string, 0, len(o.Evidence))
	for _, e := range o.Evidence {
		if e = strings.TrimRight(e, ". "); !unconfirmed(o) || !strings.Contains(o.Doubt, e) { // that is told at the end
			said = append(said, e)
		}
	}
	return enumerate(said, "; ")
}

// raiseInvalidName also takes the names that were never asked about, because the list's reader refused them.
func raiseInvalidName(s *scene, code Code) []Finding {
	if s.facts.Domain.Invalid != "" {
		return []Finding{raise(code, ActionInvestigate, whyInvalidName(s, code))}
	}
	if s.facts.Owner == nil {
		return nil
	}
	return raiseVerdict(s, code)
}

func whyInvalidName(s *scene, code Code) string {
	if invalid := s.facts.Domain.Invalid; invalid != "" {
		return "not a name that can be scanned: " + clip(invalid, maxQuote)
	}
	if s.facts.Owner == nil {
		return "the name can be scanned"
	}
	return whyVerdict(s, code)
}

// raiseInconclusive raises what could not be told: the verdict, or an endpoint that we ourselves failed to look at.
func raiseInconclusive(s *scene, code Code) []Finding {
	found := raiseVerdict(s, code)
	switch {
	case s.strange():
		return append(found, raise(code, ActionInvestigate, whyInconclusive(s, code)))
	case len(found) > 0 && found[0].Name == "":
		return found // an endpoint that was cut as well has the same cause
	case s.unroutable():
		return append(found, raise(code, ActionInvestigate, noRoute))
	}
	return append(found, s.each(code, s.ends, seeUnseen)...)
}

func whyInconclusive(s *scene, code Code) string {
	if s.strange() {
		return "verdict " + string(s.facts.Owner.Verdict) + " is none of the closed set"
	}
	why := whyVerdict(s, code)
	if found := raiseVerdict(s, code); len(found) > 0 && found[0].Name == "" {
		return why
	}
	unseen := s.recite(s.ends, seeUnseen)
	if s.unroutable() {
		unseen = noRoute
	}
	return withMore(why, unseen)
}

// withMore adds a half sentence; "" is none.
func withMore(why, more string) string {
	if more == "" {
		return why
	}
	return why + "; " + more
}

// strange reports whether the verdict is none that we know.
func (s *scene) strange() bool {
	o := s.facts.Owner
	return o != nil && !slices.Contains(dns.Verdicts, o.Verdict)
}

const noRoute = "no address could be looked at: this machine has no route for its family"

// unroutable reports whether there are endpoints, and this machine can reach none of them.
func (s *scene) unroutable() bool {
	return len(s.ends) > 0 && !slices.ContainsFunc(s.ends, func(e endpoint) bool { return e.state != stateUnroutable })
}

// raiseDNSBroken also takes the names of which one address family answers and the other fails.
func raiseDNSBroken(s *scene, code Code) []Finding {
	found := raiseVerdict(s, code)
	for i := range s.hosts {
		h := &s.hosts[i]
		half, broken := halfBroken(h)
		if !broken || s.repeats(h, half) {
			continue
		}
		f := raise(code, ActionFixDNS, half.String()+"; the verdict rests on one address family, and a CA that asks for both refuses")
		f.Name = h.name
		found = append(found, f)
	}
	return found
}

func whyDNSBroken(s *scene, code Code) string {
	told := []string{whyVerdict(s, code)}
	for i := range s.hosts {
		h := &s.hosts[i]
		if half, broken := halfBroken(h); broken && !s.repeats(h, half) {
			told = append(told, h.label(s.facts)+": "+half.String())
		}
	}
	return strings.Join(told, "; ")
}

// repeats reports whether a further name fails as the domain does, below the same registrable domain.
func (s *scene) repeats(h *host, half halfFailure) bool {
	if h.name == "" {
		return false
	}
	first, broken := halfBroken(&s.hosts[0])
	return broken && first == half && s.hosts[0].dns.Registrable == h.dns.Registrable
}

// halfFailure is one address family that fails while the other answers.
type halfFailure struct {
	family, other   string
	failed, answers dns.Status
}

func (h halfFailure) String() string {
	return fmt.Sprintf("%s ends in %s while %s answers %s", h.family, h.failed, h.other, h.answers)
}

// halfBroken finds the address family that fails while the other answers; there is none where our own shutdown cut it.
func halfBroken(h *host) (halfFailure, bool) {
	if h.dns == nil || h.owner == nil {
		return halfFailure{}, false
	}
	a, aaaa := h.dns.A.Status, h.dns.AAAA.Status
	if a.OK() == aaaa.OK() || slices.Contains([]dns.Verdict{dns.Broken, dns.Unknown, dns.Invalid}, h.owner.Verdict) {
		return halfFailure{}, false
	}
	switch {
	case failed(aaaa):
		return halfFailure{"AAAA", "A", aaaa, a}, true
	case failed(a):
		return halfFailure{"A", "AAAA", a, aaaa}, true
	}
	return halfFailure{}, false
}

func failed(st dns.Status) bool {
	return !st.OK() && st != dns.StatusUnasked && st != dns.StatusCanceled
}

// raisePrivateAddress also takes endpoints that were not dialled because of their address, where the verdict is another.
func raisePrivateAddress(s *scene, code Code) []Finding {
	found := raiseVerdict(s, code)
	if o := s.facts.Owner; o != nil && o.Verdict == dns.Private {
		return found
	}
	return append(found, s.each(code, s.ends, seeBlocked)...)
}

func whyPrivateAddress(s *scene, code Code) string {
	why := whyVerdict(s, code)
	if o := s.facts.Owner; o != nil && o.Verdict == dns.Private {
		return why
	}
	return withMore(why, s.recite(s.ends, seeBlocked))
}
