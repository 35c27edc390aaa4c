package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"certscan/dns"
	"certscan/probe"
)

// ofSeen makes a rule of a look at each certificate.
func ofSeen(see func(*scene, *endpoint) look) trial {
	return trial{
		raise: func(s *scene, code Code) []Finding { return s.each(code, s.seen, see) },
		why:   func(s *scene, _ Code) string { return cmp.Or(s.recite(s.seen, see), s.unseen()) },
	}
}

// ofCovering makes a rule of a look at each certificate that covers the name. One that does not is name_mismatch and no
// more: its dates and its chain are somebody else's.
func ofCovering(see func(*scene, *endpoint) look) trial {
	return ofSeen(func(s *scene, e *endpoint) look {
		if !e.covers {
			return passed("the certificate is for other names")
		}
		return see(s, e)
	})
}

// unseen says why there is no certificate to look at.
func (s *scene) unseen() string {
	if len(s.ends) == 0 {
		return s.absent()
	}
	return "no certificate was seen"
}

// issuedBy writes the issuer for the end of a message.
func (e *endpoint) issuedBy() string { return " (issuer " + clip(e.leaf.Issuer, maxQuote) + ")" }

// wrongName is how certificates for other names are told.
var wrongName = ofSeen(seeWrongName)

func seeWrongName(s *scene, e *endpoint) look {
	return look{
		matched: !e.covers, action: s.mend(e, ActionRenew),
		why: told(func(_ *scene, e *endpoint) string { return "the certificate is for " + namesOf(e.leaf) + e.issuedBy() }),
		message: told(func(s *scene, e *endpoint) string {
			return "the certificate does not cover " + clip(s.wanted(e), maxQuote) + ", it is for " + namesOf(e.leaf) + e.issuedBy()
		}),
	}
}

func raiseNameMismatch(s *scene, code Code) []Finding {
	found := wrongName.raise(s, code)
	for _, n := range s.uncovered() {
		f := raise(code, s.mend(s.covering(), ActionRenew), fmt.Sprintf(
			"the certificate served for %s does not cover %s, which the list wants on it", s.facts.Domain.Name, n))
		f.Name = n
		found = append(found, f)
	}
	return found
}

func whyNameMismatch(s *scene, code Code) string {
	told := []string{wrongName.why(s, code)}
	for _, n := range s.uncovered() {
		told = append(told, n+" is not covered")
	}
	return strings.Join(told, "; ")
}

// covering returns the first endpoint whose certificate covers the name; nil where there is none.
func (s *scene) covering() *endpoint {
	for i := range s.seen {
		if s.seen[i].covers {
			return &s.seen[i]
		}
	}
	return nil
}

// uncovered returns the further names that the list wants on the certificate, whose visitors come to it, and that it does
// not cover.
func (s *scene) uncovered() []string {
	if len(s.facts.Names) == 0 || s.covering() == nil {
		return nil
	}
	var out []string
	for i := range s.facts.Names {
		n := &s.facts.Names[i]
		if !n.Covered && slices.Contains(s.facts.Domain.SANs, n.Name) && alarms(n) {
			out = append(out, n.Name)
		}
	}
	return out
}

// wanted is the name that the certificate of an endpoint has to cover.
func (s *scene) wanted(e *endpoint) string {
	if s.facts.Domain.Wildcard() {
		return s.facts.Domain.Name
	}
	return e.Target.Name
}

// alarms reports whether visitors of a further name come to the certificate that we saw.
func alarms(n *NameFacts) bool {
	switch n.Owner.Verdict {
	case dns.Parked, dns.Mixed, dns.Resolved:
		return true
	case dns.Proxied:
		return n.Owner.Reason != dns.ReasonNotOurs
	case dns.NameMissing, dns.NoAddress:
		return strings.HasPrefix(n.Name, "*.")
	case dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.Dangling, dns.Broken, dns.Private,
		dns.Invalid, dns.Unknown:
	}
	return false
}

func namesOf(c *probe.Certificate) string {
	if len(c.Names) == 0 {
		return "no name"
	}
	return enumerate(c.Names, ", ")
}

func expired(s *scene, e *endpoint) look {
	if !s.now.After(e.leaf.NotAfter) {
		return passedFor(func(_ *scene, e *endpoint) string { return "not after " + e.life().date(e.leaf.NotAfter) })
	}
	return look{
		matched: true, why: told(sinceWhen), action: s.mend(e, ActionRenew),
		message: told(func(s *scene, e *endpoint) string { return "the certificate " + sinceWhen(s, e) + e.issuedBy() }),
	}
}

// sinceWhen are the words for a certificate that has run out.
func sinceWhen(s *scene, e *endpoint) string {
	end, life := e.leaf.NotAfter, e.life()
	return fmt.Sprintf("expired %s, %s %s ago", life.date(end), life.floor(s.now.Sub(end)), life.name)
}

func notYetValid(s *scene, e *endpoint) look {
	if !s.now.Before(e.leaf.NotBefore) || s.now.After(e.leaf.NotAfter) {
		return passedFor(func(_ *scene, e *endpoint) string { return "not before " + e.life().date(e.leaf.NotBefore) })
	}
	return look{
		matched: true, why: told(fromWhen), action: ActionInvestigate,
		message: told(func(s *scene, e *endpoint) string { return "the certificate is " + fromWhen(s, e) + e.issuedBy() }),
	}
}

// fromWhen are the words for a certificate whose life has not begun.
func fromWhen(s *scene, e *endpoint) string {
	begin, life := e.leaf.NotBefore, e.life()
	return fmt.Sprintf("valid only from %s, in %s %s", life.date(begin), life.floor(begin.Sub(s.now)), life.name)
}

// valid reports whether an instant is inside the life of the leaf; both ends belong to it (RFC 5280 §4.1.2.5).
func (e *endpoint) valid(at time.Time) bool {
	return !at.Before(e.leaf.NotBefore) && !at.After(e.leaf.NotAfter)
}

// left writes how much of its life a certificate has left.
func left(s *scene, e *endpoint) string {
	end, life := e.leaf.NotAfter, e.life()
	return fmt.Sprintf("not after %s, %s of %s %s left",
		life.date(end), life.floor(end.Sub(s.now)), life.round(e.leaf.Lifetime()), life.name)
}

func expiring(s *scene, e *endpoint) look {
	if !e.valid(s.now) {
		return passed("not inside its life")
	}
	l := look{matched: true, why: told(nearEnd), action: s.mend(e, ActionRenew), message: told(func(s *scene, e *endpoint) string {
		return "the certificate runs out: " + left(s, e) + e.issuedBy()
	})}
	rest, whole := e.leaf.NotAfter.Sub(s.now), e.leaf.Lifetime()
	switch {
	case rest < s.policy.Page.For(whole):
		l.severity, l.priority = Urgent, P1
	case rest < s.policy.Urgent.For(whole):
		l.severity, l.priority = Urgent, P2
	case rest < s.policy.Warn.For(whole):
		l.severity, l.priority = Warn, P3
	default:
		l.matched = false
	}
	return l
}

// nearEnd tells what is left beside the thresholds.
func nearEnd(s *scene, e *endpoint) string {
	life, whole := e.life(), e.leaf.Lifetime()
	return fmt.Sprintf("%s; WARN below %s, URGENT below %s, P1 below %s", left(s, e),
		life.round(s.policy.Warn.For(whole)), life.round(s.policy.Urgent.For(whole)), life.round(s.policy.Page.For(whole)))
}

func overdue(s *scene, e *endpoint) look {
	if !e.valid(s.now) {
		return passed("not inside its life")
	}
	return look{
		matched: e.leaf.NotAfter.Sub(s.now) < s.overdueBelow(e), why: told(pastRenewal), action: s.mend(e, ActionRenew),
		message: told(func(s *scene, e *endpoint) string {
			return "the renewal is overdue: " + pastRenewal(s, e) + e.issuedBy()
		}),
	}
}

// overdueBelow is how much is left when the renewal is well past.
func (s *scene) overdueBelow(e *endpoint) time.Duration {
	whole := e.leaf.Lifetime()
	if whole < shortLived {
		return s.policy.OverdueShort.Of(whole)
	}
	return s.policy.Overdue.Of(whole)
}

func pastRenewal(s *scene, e *endpoint) string {
	return left(s, e) + "; a renewal is overdue below " + e.life().round(s.overdueBelow(e))
}

func revoked(s *scene, e *endpoint) look {
	return look{
		matched: e.TLS.Revocation.Status == probe.RevocationRevoked, action: s.mend(e, ActionRenew),
		why: told(func(_ *scene, e *endpoint) string {
			r := &e.TLS.Revocation
			why := "revocation " + string(r.Status)
			if r.Via != probe.RevocationViaNone {
				why += " by " + string(r.Via)
			}
			return why
		}),
		message: told(func(_ *scene, e *endpoint) string {
			return "the certificate is revoked, says its " + string(e.TLS.Revocation.Via) + e.issuedBy()
		}),
	}
}

// chainWords tells the state of a chain with what led to it.
func chainWords(_ *scene, e *endpoint) string {
	why := "chain " + string(e.TLS.Trust)
	if e.TLS.TrustDetail != "" {
		why += " (" + clip(e.TLS.TrustDetail, maxQuote) + ")"
	}
	return why
}

func untrusted(_ *scene, e *endpoint) look {
	l := look{why: told(chainWords), action: ActionInvestigate}
	switch {
	case e.TLS.Trust == probe.ChainSelfSigned:
		return l
	case e.leaf.WeakSignature:
		l.matched = true
		l.why = told(func(s *scene, e *endpoint) string { return chainWords(s, e) + ", " + signedWith(e) })
	default:
		l.matched = e.TLS.Trust == probe.ChainUntrusted || e.TLS.Trust == probe.ChainExpiredIssuer
	}
	l.message = told(func(_ *scene, e *endpoint) string {
		reason := clip(cmp.Or(e.TLS.TrustDetail, strings.ReplaceAll(string(e.TLS.Trust), "_", " ")), maxQuote)
		if e.leaf.WeakSignature {
			reason = signedWith(e)
		}
		return "clients do not trust the certificate: " + reason + e.issuedBy()
	})
	return l
}

func signedWith(e *endpoint) string { return "signed with " + clip(e.leaf.Signature, maxQuote) }

func selfSigned(s *scene, e *endpoint) look {
	return look{
		matched: e.TLS.Trust == probe.ChainSelfSigned, why: told(chainWords), action: s.mend(e, ActionRenew),
		message: told(func(_ *scene, e *endpoint) string {
			return "the certificate is signed by itself, not by a CA" + e.issuedBy()
		}),
	}
}

func incomplete(s *scene, e *endpoint) look {
	return look{
		matched: e.TLS.Trust == probe.ChainIncomplete && !e.leaf.WeakSignature, why: told(chainWords), action: s.mend(e, ActionDeploy),
		message: told(func(_ *scene, e *endpoint) string {
			return "the server does not send the whole chain, which browsers may repair and other clients do not" + e.issuedBy()
		}),
	}
}

func weakKey(_ *scene, e *endpoint) look {
	return look{
		matched: e.leaf.WeakKey, action: ActionInvestigate,
		why: told(func(_ *scene, e *endpoint) string { return "key " + clip(e.leaf.Key, maxQuote) }),
		message: told(func(_ *scene, e *endpoint) string {
			return "the certificate's key is too weak: " + clip(e.leaf.Key, maxQuote)
		}),
	}
}

func weakSignature(_ *scene, e *endpoint) look {
	return look{
		matched: e.leaf.WeakSignature, action: ActionInvestigate,
		why: told(func(_ *scene, e *endpoint) string { return "signature " + clip(e.leaf.Signature, maxQuote) }),
		message: told(func(_ *scene, e *endpoint) string {
			return "the certificate's signature is too weak: " + clip(e.leaf.Signature, maxQuote)
		}),
	}
}

func oldProtocol(_ *scene, e *endpoint) look {
	return look{
		matched: slices.Contains([]string{"SSLv3", "TLS 1.0", "TLS 1.1"}, e.TLS.Version), action: ActionInvestigate,
		why: told(func(_ *scene, e *endpoint) string { return "negotiated " + e.TLS.Version }),
		message: told(func(_ *scene, e *endpoint) string {
			return "the server speaks nothing newer than " + e.TLS.Version + " (RFC 8996)"
		}),
	}
}

// backend is what has to agree between the addresses of a name: servers may well have one certificate of each key type.
type backend struct {
	name, key string
	port      uint16
}

// backendOf returns what has to agree with others of the same; not where the endpoint is left out of the comparison:
// where ownership was asked, only our own addresses are compared.
func (s *scene) backendOf(e *endpoint) (backend, bool) {
	if !e.covers || s.facts.Owner != nil && !e.ours {
		return backend{}, false
	}
	return backend{e.Target.Name, e.leaf.KeyType, e.Target.Addr.Port()}, true
}

// compare goes through the endpoints that have to serve the same certificate, in the order of the first of each, and
// returns the first that do not. compared says whether there were two of a kind at all.
func (s *scene) compare() (differing []*endpoint, compared bool) {
	for i := range s.seen {
		b, counts := s.backendOf(&s.seen[i])
		if !counts || len(s.seen) == 1 || len(s.backend(s.seen[:i], b)) > 0 {
			continue
		}
		group := s.backend(s.seen[i:], b)
		if slices.ContainsFunc(group, func(e *endpoint) bool { return e.leaf.SHA256 != group[0].leaf.SHA256 }) {
			return group, true
		}
		compared = compared || len(group) > 1
	}
	return nil, compared
}

// backend returns those of the endpoints that belong together.
func (s *scene) backend(among []endpoint, b backend) []*endpoint {
	var group []*endpoint
	for i := range among {
		if other, counts := s.backendOf(&among[i]); counts && other == b {
			group = append(group, &among[i])
		}
	}
	return group
}

// raiseBackendDiffers compares the certificates that our own addresses serve; where nobody asked about ownership, all.
func raiseBackendDiffers(s *scene, code Code) []Finding {
	if group, _ := s.compare(); group != nil {
		return []Finding{raise(code, s.mend(group[0], ActionDeploy), differently(group))}
	}
	return nil
}

func whyBackendDiffers(s *scene, _ Code) string {
	switch group, compared := s.compare(); {
	case group != nil:
		return differently(group)
	case compared:
		return "the addresses serve the same certificate"
	}
	return "no two addresses of ours to compare"
}

func differently(group []*endpoint) string {
	return "the addresses serve different certificates: " + served(group)
}

// served tells which certificate each endpoint serves.
func served(group []*endpoint) string {
	each := make([]string, len(group))
	for i, e := range group {
		each[i] = fmt.Sprintf("%s serial %s until %s", e.label(), clip(e.leaf.Serial, 64), e.life().date(e.leaf.NotAfter))
	}
	return enumerate(each, ", ")
}
