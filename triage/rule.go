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

// rule is one rule of the table.
type rule struct {
	code  Code
	about subject
	trial
}

// trial is how a rule is tried: raise returns what it raises, none where it does not match; why tells the facts it went
// by, which only an explanation shows.
type trial struct {
	raise func(*scene, Code) []Finding
	why   func(*scene, Code) string
}

// rules holds every rule in the order it is tried: can it be told at all, where does the name point, does a server
// answer, is its certificate good, what does it say over HTTP.
var rules = []rule{
	{Inconclusive, ofName, trial{raiseInconclusive, whyInconclusive}},
	{InvalidName, ofName, trial{raiseInvalidName, whyInvalidName}},

	{IPv6Elsewhere, ofName, byVerdict},
	{IPv4Elsewhere, ofName, byVerdict},
	{SplitAddresses, ofName, byVerdict},
	{OriginLeak, ofName, byVerdict},
	{BehindProxy, ofName, byVerdict},
	{MovedAway, ofName, byVerdict},
	{DomainFree, ofName, byVerdict},
	{DomainExpired, ofName, byVerdict},
	{DomainOnHold, ofName, byVerdict},
	{NotDelegated, ofName, byVerdict},
	{NoAddress, ofName, byVerdict},
	{NameMissing, ofName, byVerdict},
	{DanglingCNAME, ofName, byVerdict},
	{TakeoverRisk, ofName, byVerdict},
	{DNSBroken, ofName, trial{raiseDNSBroken, whyDNSBroken}},
	{PrivateAddress, ofName, trial{raisePrivateAddress, whyPrivateAddress}},
	{DomainExpiring, ofName, trial{raiseDomainExpiring, whyDomainExpiring}},
	{Reregistered, ofName, trial{raiseReregistered, whyReregistered}},
	{CAAForbids, ofName, trial{raiseCAAForbids, whyCAA}},
	{CAAUnreachable, ofName, trial{raiseCAAUnreachable, whyCAA}},
	{SVCBElsewhere, ofName, trial{raiseSVCBElsewhere, whySVCBElsewhere}},

	{Down, ofAvailability, trial{raiseDown, whyDown}},
	{DownPartly, ofAvailability, ofEnds(seeDownPartly)},
	{TLSUnsupported, ofAvailability, ofEnds(seeTLSUnsupported)},
	{NoCertificate, ofCertificate, ofEnds(seeNoCertificate)},

	{NameMismatch, ofCertificate, trial{raiseNameMismatch, whyNameMismatch}},
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
	{BackendDiffers, ofCertificate, trial{raiseBackendDiffers, whyBackendDiffers}},

	{HTTP5xx, ofExchange, ofAnswering(serverError)},
	{ProxyOriginError, ofExchange, ofAnswering(proxyError)},
	{RedirectLoop, ofExchange, ofAnswering(redirectLoop)},
	{NoHTTPSRedirect, ofExchange, ofAnswering(noHTTPSRedirect)},
	{HSTSMissing, ofExchange, ofAnswering(hstsMissing)},
}

// look is what a rule saw at one endpoint. Zero severity and priority are the code's defaults; without a message the
// finding says why.
type look struct {
	matched  bool
	why      words
	message  words
	action   Action
	severity Severity
	priority Priority
}

// words are a text about an endpoint: as it stands, or built when somebody wants to read it.
type words struct {
	plain string
	build func(*scene, *endpoint) string
}

// told are words to be built.
func told(build func(*scene, *endpoint) string) words { return words{build: build} }

func (w words) of(s *scene, e *endpoint) string {
	if w.build != nil {
		return w.build(s, e)
	}
	return w.plain
}

// passed is a look that found nothing wrong.
func passed(why string) look { return look{why: words{plain: why}} }

// passedFor is passed with words to be built.
func passedFor(why func(*scene, *endpoint) string) look { return look{why: told(why)} }

// ofEnds makes a rule of a look at each endpoint.
func ofEnds(see func(*scene, *endpoint) look) trial {
	return trial{
		raise: func(s *scene, code Code) []Finding { return s.each(code, s.ends, see) },
		why:   func(s *scene, _ Code) string { return cmp.Or(s.recite(s.ends, see), s.absent()) },
	}
}

// each looks at every endpoint and folds what matched: one finding without an address where all of them share it, else
// one for each address.
func (s *scene) each(code Code, over []endpoint, see func(*scene, *endpoint) look) []Finding {
	var hits []int
	for i := range over {
		if see(s, &over[i]).matched {
			hits = append(hits, i)
		}
	}
	var found []Finding
	for _, group := range byAddress(over, hits) {
		f := s.fold(code, over, see, group)
		if len(hits) < len(over) {
			f.Address = over[group[0]].Target.Addr.Addr().String()
		}
		found = append(found, f)
	}
	return found
}

// recite tells what was seen at every endpoint; "" where there is none.
func (s *scene) recite(over []endpoint, see func(*scene, *endpoint) look) string {
	if len(over) == 0 {
		return ""
	}
	whys := make([]string, len(over))
	for i := range over {
		whys[i] = see(s, &over[i]).why.of(s, &over[i])
	}
	return recount(over, whys)
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
func (s *scene) fold(code Code, over []endpoint, see func(*scene, *endpoint) look, group []int) Finding {
	var worst Finding
	ends, messages := make([]endpoint, len(group)), make([]string, len(group))
	for n, i := range group {
		e := &over[i]
		l := see(s, e)
		f := raise(code, l.action, "")
		f.Severity, f.Priority = cmp.Or(l.severity, f.Severity), cmp.Or(l.priority, f.Priority)
		if n == 0 || worse(f, worst) {
			worst = f
		}
		ends[n], messages[n] = *e, cmp.Or(l.message.of(s, e), l.why.of(s, e))
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
	lines := make([]string, 0, maxQuoted)
	for i, t := range texts[:min(len(texts), maxQuoted)] {
		label := ends[i].label()
		if addr, _, _ := strings.Cut(label, " "); !strings.HasPrefix(t, addr+" ") {
			t = label + ": " + t
		}
		lines = append(lines, t)
	}
	if len(texts) > maxQuoted {
		lines = append(lines, "and others")
	}
	return strings.Join(lines, "; ")
}
