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

// ofCovering makes a rule of a look at each certificate. One that does not cover the name is name_mismatch and no more:
// its dates and its chain are somebody else's.
func ofCovering(see func(*scene, *endpoint) look) func(*scene, Code) ([]Finding, string) {
	return func(s *scene, code Code) ([]Finding, string) {
		return s.each(code, s.seen, s.unseen(), func(s *scene, e *endpoint) look {
			if !e.covers {
				return passed("the certificate is for other names")
			}
			return see(s, e)
		})
	}
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

func tryNameMismatch(s *scene, code Code) ([]Finding, string) {
	found, why := s.each(code, s.seen, s.unseen(), func(s *scene, e *endpoint) look {
		l := look{matched: !e.covers, action: s.mend(e, ActionRenew)}
		l.why = "the certificate is for " + namesOf(e.leaf) + e.issuedBy()
		l.message = "the certificate does not cover " + clip(s.wanted(e), maxQuote) + ", it is for " + namesOf(e.leaf) + e.issuedBy()
		return l
	})
	i := slices.IndexFunc(s.seen, func(e endpoint) bool { return e.covers })
	if i < 0 {
		return found, why
	}
	for _, n := range s.facts.Names {
		if n.Covered || !slices.Contains(s.facts.Domain.SANs, n.Name) || !alarms(&n) {
			continue
		}
		f := raise(code, s.mend(&s.seen[i], ActionRenew), fmt.Sprintf(
			"the certificate served for %s does not cover %s, which the list wants on it", s.facts.Domain.Name, n.Name))
		f.Name = n.Name
		found = append(found, f)
		why += "; " + n.Name + " is not covered"
	}
	return found, why
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
	end := e.leaf.NotAfter
	if !s.now.After(end) {
		return passed("not after " + e.life.date(end))
	}
	why := fmt.Sprintf("expired %s, %s %s ago", e.life.date(end), e.life.floor(s.now.Sub(end)), e.life.name)
	return look{matched: true, why: why, message: "the certificate " + why + e.issuedBy(), action: s.mend(e, ActionRenew)}
}

func notYetValid(s *scene, e *endpoint) look {
	begin := e.leaf.NotBefore
	if !s.now.Before(begin) || s.now.After(e.leaf.NotAfter) {
		return passed("not before " + e.life.date(begin))
	}
	why := fmt.Sprintf("valid only from %s, in %s %s", e.life.date(begin), e.life.floor(begin.Sub(s.now)), e.life.name)
	return look{matched: true, why: why, message: "the certificate is " + why + e.issuedBy(), action: ActionInvestigate}
}

// valid reports whether an instant is inside the life of the leaf; both ends belong to it (RFC 5280 §4.1.2.5).
func (e *endpoint) valid(at time.Time) bool {
	return !at.Before(e.leaf.NotBefore) && !at.After(e.leaf.NotAfter)
}

// left writes how much of its life a certificate has left.
func (e *endpoint) left(now time.Time) string {
	return fmt.Sprintf("not after %s, %s of %s %s left",
		e.life.date(e.leaf.NotAfter), e.life.floor(e.leaf.NotAfter.Sub(now)), e.life.round(e.leaf.Lifetime()), e.life.name)
}

func expiring(s *scene, e *endpoint) look {
	if !e.valid(s.now) {
		return passed("not inside its life")
	}
	left, whole := e.leaf.NotAfter.Sub(s.now), e.leaf.Lifetime()
	warn, urgent, page := s.policy.Warn.For(whole), s.policy.Urgent.For(whole), s.policy.Page.For(whole)
	l := look{action: s.mend(e, ActionRenew), matched: true}
	l.why = fmt.Sprintf("%s; WARN below %s, URGENT below %s, P1 below %s",
		e.left(s.now), e.life.round(warn), e.life.round(urgent), e.life.round(page))
	l.message = "the certificate runs out: " + e.left(s.now) + e.issuedBy()
	switch {
	case left < page:
		l.severity, l.priority = Urgent, P1
	case left < urgent:
		l.severity, l.priority = Urgent, P2
	case left < warn:
		l.severity, l.priority = Warn, P3
	default:
		l.matched = false
	}
	return l
}

func overdue(s *scene, e *endpoint) look {
	if !e.valid(s.now) {
		return passed("not inside its life")
	}
	whole := e.leaf.Lifetime()
	share := s.policy.Overdue
	if whole < shortLived {
		share = s.policy.OverdueShort
	}
	limit := share.Of(whole)
	l := look{matched: e.leaf.NotAfter.Sub(s.now) < limit, action: s.mend(e, ActionRenew)}
	l.why = e.left(s.now) + "; a renewal is overdue below " + e.life.round(limit)
	l.message = "the renewal is overdue: " + l.why + e.issuedBy()
	return l
}

func revoked(s *scene, e *endpoint) look {
	r := e.TLS.Revocation
	why := "revocation " + string(r.Status)
	if r.Via != probe.RevocationViaNone {
		why += " by " + string(r.Via)
	}
	return look{
		matched: r.Status == probe.RevocationRevoked, why: why, action: s.mend(e, ActionRenew),
		message: "the certificate is revoked, says its " + string(r.Via) + e.issuedBy(),
	}
}

// chainWords tells the state of a chain with what led to it.
func (e *endpoint) chainWords() string {
	why := "chain " + string(e.TLS.Trust)
	if e.TLS.TrustDetail != "" {
		why += " (" + clip(e.TLS.TrustDetail, maxQuote) + ")"
	}
	return why
}

func untrusted(_ *scene, e *endpoint) look {
	l := look{why: e.chainWords(), action: ActionInvestigate}
	switch {
	case e.TLS.Trust == probe.ChainSelfSigned:
		return l
	case e.leaf.WeakSignature:
		l.why += ", signed with " + clip(e.leaf.Signature, maxQuote)
		l.matched = true
	default:
		l.matched = e.TLS.Trust == probe.ChainUntrusted || e.TLS.Trust == probe.ChainExpiredIssuer
	}
	reason := clip(cmp.Or(e.TLS.TrustDetail, strings.ReplaceAll(string(e.TLS.Trust), "_", " ")), maxQuote)
	if e.leaf.WeakSignature {
		reason = "signed with " + clip(e.leaf.Signature, maxQuote)
	}
	l.message = "clients do not trust the certificate: " + reason + e.issuedBy()
	return l
}

func selfSigned(s *scene, e *endpoint) look {
	return look{
		matched: e.TLS.Trust == probe.ChainSelfSigned, why: e.chainWords(), action: s.mend(e, ActionRenew),
		message: "the certificate is signed by itself, not by a CA" + e.issuedBy(),
	}
}

func incomplete(s *scene, e *endpoint) look {
	return look{
		matched: e.TLS.Trust == probe.ChainIncomplete && !e.leaf.WeakSignature, why: e.chainWords(), action: s.mend(e, ActionDeploy),
		message: "the server does not send the whole chain, which browsers may repair and other clients do not" + e.issuedBy(),
	}
}

func weakKey(_ *scene, e *endpoint) look {
	why := "key " + clip(e.leaf.Key, maxQuote)
	return look{
		matched: e.leaf.WeakKey, why: why, action: ActionInvestigate,
		message: "the certificate's key is too weak: " + clip(e.leaf.Key, maxQuote),
	}
}

func weakSignature(_ *scene, e *endpoint) look {
	why := "signature " + clip(e.leaf.Signature, maxQuote)
	return look{
		matched: e.leaf.WeakSignature, why: why, action: ActionInvestigate,
		message: "the certificate's signature is too weak: " + clip(e.leaf.Signature, maxQuote),
	}
}

func oldProtocol(_ *scene, e *endpoint) look {
	return look{
		matched: slices.Contains([]string{"SSLv3", "TLS 1.0", "TLS 1.1"}, e.TLS.Version), why: "negotiated " + e.TLS.Version,
		action: ActionInvestigate, message: "the server speaks nothing newer than " + e.TLS.Version + " (RFC 8996)",
	}
}

// backend is what has to agree between the addresses of a name: servers may well have one certificate of each key type.
type backend struct {
	name, key string
	port      uint16
}

// tryBackendDiffers compares the certificates that our own addresses serve; where nobody asked about ownership, all.
func tryBackendDiffers(s *scene, code Code) ([]Finding, string) {
	groups, order := make(map[backend][]*endpoint), make([]backend, 0, 1)
	for i := range s.seen {
		e := &s.seen[i]
		if !e.covers || s.facts.Owner != nil && !e.ours {
			continue
		}
		b := backend{e.Target.Name, e.leaf.KeyType, e.Target.Addr.Port()}
		if groups[b] == nil {
			order = append(order, b)
		}
		groups[b] = append(groups[b], e)
	}
	why := "no two addresses of ours to compare"
	for _, b := range order {
		group := groups[b]
		if len(group) < 2 {
			continue
		}
		why = "the addresses serve the same certificate"
		if slices.ContainsFunc(group, func(e *endpoint) bool { return e.leaf.SHA256 != group[0].leaf.SHA256 }) {
			f := raise(code, s.mend(group[0], ActionDeploy), "the addresses serve different certificates: "+served(group))
			return []Finding{f}, f.Message
		}
	}
	return nil, why
}

// served tells which certificate each endpoint serves.
func served(group []*endpoint) string {
	told := make([]string, len(group))
	for i, e := range group {
		told[i] = fmt.Sprintf("%s serial %s until %s", e.label, clip(e.leaf.Serial, 64), e.life.date(e.leaf.NotAfter))
	}
	return enumerate(told, ", ")
}
