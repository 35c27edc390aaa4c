package triage

import (
	"cmp"
	"slices"
	"strings"
)

// subject is what a rule looks at; it decides how far the scene lowers a finding.
type subject int

const (
	ofName subject = iota
	ofAvailability
	ofCertificate
	ofExchange
)

// rule is one rule of the table. try returns what it raises, none where it does not match, and the facts it went by.
type rule struct {
	code  Code
	about subject
	try   func(*scene, Code) (raised []Finding, why string)
}

// rules holds every rule in the order it is tried: can it be told at all, where does the name point, does a server
// answer, is its certificate good, what does it say over HTTP.
var rules = []rule{
	{Inconclusive, ofName, tryInconclusive},
	{InvalidName, ofName, tryInvalidName},

	{IPv6Elsewhere, ofName, tryVerdict},
	{IPv4Elsewhere, ofName, tryVerdict},
	{SplitAddresses, ofName, tryVerdict},
	{OriginLeak, ofName, tryVerdict},
	{BehindProxy, ofName, tryVerdict},
	{MovedAway, ofName, tryVerdict},
	{DomainFree, ofName, tryVerdict},
	{DomainExpired, ofName, tryVerdict},
	{DomainOnHold, ofName, tryVerdict},
	{NotDelegated, ofName, tryVerdict},
	{NoAddress, ofName, tryVerdict},
	{NameMissing, ofName, tryVerdict},
	{DanglingCNAME, ofName, tryVerdict},
	{TakeoverRisk, ofName, tryVerdict},
	{DNSBroken, ofName, tryDNSBroken},
	{PrivateAddress, ofName, tryPrivateAddress},

	{Down, ofAvailability, tryDown},
	{DownPartly, ofAvailability, tryDownPartly},
	{TLSUnsupported, ofAvailability, tryTLSUnsupported},
	{NoCertificate, ofCertificate, tryNoCertificate},

	{NameMismatch, ofCertificate, tryNameMismatch},
	{CertExpired, ofCertificate, ofCovering(expired)},
	{CertNotYetValid, ofCertificate, ofCovering(notYetValid)},
	{CertRevoked, ofCertificate, ofCovering(revoked)},
	{ChainUntrusted, ofCertificate, ofCovering(untrusted)},
	{SelfSigned, ofCertificate, ofCovering(selfSigned)},
	{CertExpiring, ofCertificate, ofCovering(expiring)},
	{RenewalOverdue, ofCertificate, ofCovering(overdue)},
	{ChainIncomplete, ofCertificate, ofCovering(incomplete)},
	{WeakKey, ofCertificate, ofCovering(weakKey)},
	{WeakSignature, ofCertificate, ofCovering(weakSignature)},
	{OldProtocol, ofCertificate, ofCovering(oldProtocol)},
	{BackendDiffers, ofCertificate, tryBackendDiffers},

	{HTTP5xx, ofExchange, ofAnswering(serverError)},
	{ProxyOriginError, ofExchange, ofAnswering(proxyError)},
	{RedirectLoop, ofExchange, ofAnswering(redirectLoop)},
	{NoHTTPSRedirect, ofExchange, ofAnswering(noHTTPSRedirect)},
	{HSTSMissing, ofExchange, ofAnswering(hstsMissing)},
}

// look is what a rule saw at one endpoint. Zero severity and priority are the code's defaults.
type look struct {
	matched  bool
	why      string
	message  string
	action   Action
	severity Severity
	priority Priority
}

// passed is a look that found nothing wrong.
func passed(why string) look { return look{why: why} }

// each looks at every endpoint and folds what matched: one finding without an address where all of them share it, else
// one for each address. absent says why there is none to look at.
func (s *scene) each(code Code, over []endpoint, absent string, see func(*scene, *endpoint) look) ([]Finding, string) {
	if len(over) == 0 {
		return nil, absent
	}
	looks := make([]look, len(over))
	whys := make([]string, len(over))
	hits := make([]int, 0, len(over))
	for i := range over {
		looks[i] = see(s, &over[i])
		whys[i] = looks[i].why
		if looks[i].matched {
			hits = append(hits, i)
		}
	}
	var found []Finding
	for _, group := range byAddress(over, hits) {
		f := fold(code, over, looks, group)
		if len(hits) < len(over) {
			f.Address = over[group[0]].Target.Addr.Addr().String()
		}
		found = append(found, f)
	}
	return found, recount(over, whys)
}

// byAddress groups the matching endpoints: all in one group where none is missing, else by address. over is sorted.
func byAddress(over []endpoint, hits []int) [][]int {
	if len(hits) == 0 {
		return nil
	}
	if len(hits) == len(over) {
		return [][]int{hits}
	}
	var groups [][]int
	for n, i := range hits {
		if n == 0 || over[i].Target.Addr.Addr() != over[hits[n-1]].Target.Addr.Addr() {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], i)
	}
	return groups
}

// fold makes one finding of several looks: the worst of them, with what each had to say.
func fold(code Code, over []endpoint, looks []look, group []int) Finding {
	var worst Finding
	ends, messages := make([]endpoint, len(group)), make([]string, len(group))
	for n, i := range group {
		l := looks[i]
		f := raise(code, l.action, "")
		f.Severity, f.Priority = cmp.Or(l.severity, f.Severity), cmp.Or(l.priority, f.Priority)
		if n == 0 || worse(f, worst) {
			worst = f
		}
		ends[n], messages[n] = over[i], cmp.Or(l.message, l.why)
	}
	worst.Message = recount(ends, messages)
	return worst
}

// worse reports whether a is worse than b; of two alike, the one that a renewal mends tells more.
func worse(a, b Finding) bool {
	return cmp.Or(
		cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
		strings.Compare(string(b.Priority), string(a.Priority)),
		cmp.Compare(rankRenew(a.Action), rankRenew(b.Action)),
	) > 0
}

func rankRenew(a Action) int {
	if a == ActionRenew {
		return 1
	}
	return 0
}

// recount tells one text for all endpoints where they agree, else each endpoint's own after its address, unless the text
// begins with that.
func recount(ends []endpoint, texts []string) string {
	if !slices.ContainsFunc(texts, func(t string) bool { return t != texts[0] }) {
		return texts[0]
	}
	told := make([]string, 0, maxQuoted)
	for i, t := range texts[:min(len(texts), maxQuoted)] {
		if addr, _, _ := strings.Cut(ends[i].label, " "); !strings.HasPrefix(t, addr+" ") {
			t = ends[i].label + ": " + t
		}
		told = append(told, t)
	}
	if len(texts) > maxQuoted {
		told = append(told, "and others")
	}
	return strings.Join(told, "; ")
}
