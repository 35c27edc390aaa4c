package triage

import (
	"cmp"
	"strings"

	"certscan/dns"
)

// raiseCAAForbids raises a set of CAA records that keeps our CA from issuing, for the domain and each further name.
func raiseCAAForbids(s *scene, code Code) []Finding { return s.raiseCAA(code, dns.CAAForbids) }

// raiseCAAUnreachable raises a set that a CA cannot read, which keeps it from issuing as well.
func raiseCAAUnreachable(s *scene, code Code) []Finding { return s.raiseCAA(code, dns.CAAUnreachable) }

func (s *scene) raiseCAA(code Code, state dns.CAAState) []Finding {
	var found []Finding
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.caa() != state || h.name != "" && sameSet(&s.hosts[0], h) {
			continue
		}
		f := raise(code, ActionFixDNS, h.dns.Traps.Why)
		f.Name = h.name
		found = append(found, f)
	}
	return found
}

// caa is what the CAA records mean for our CA.
func (h *host) caa() dns.CAAState {
	if h.dns == nil || h.dns.Traps == nil {
		return dns.CAAUnchecked
	}
	return h.dns.Traps.State
}

// sameSet reports whether a further name has its CAA from where the domain has it, so that it would say the same once more.
func sameSet(domain, further *host) bool {
	if domain.caa() != further.caa() || domain.wild != further.wild {
		return false
	}
	a, b := &domain.dns.Traps.CAA, &further.dns.Traps.CAA
	return a.At == b.At && a.FailedAt == b.FailedAt
}

func whyCAA(s *scene, _ Code) string {
	var told []string
	for i := range s.hosts {
		if h := &s.hosts[i]; h.caa() != dns.CAAUnchecked {
			told = append(told, h.label(s.facts)+": "+h.dns.Traps.Why)
		}
	}
	return cmp.Or(strings.Join(told, "; "), "CAA was not asked")
}

// raiseSVCBElsewhere raises HTTPS records that lead browsers to somebody else while the addresses are ours.
func raiseSVCBElsewhere(s *scene, code Code) []Finding {
	var found []Finding
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.owner == nil || h.owner.Astray == "" {
			continue
		}
		f := raise(code, ActionFixDNS, h.owner.Astray+"; browsers follow it, a CA does not")
		f.Name = h.name
		found = append(found, f)
	}
	return found
}

func whySVCBElsewhere(s *scene, _ Code) string {
	var told []string
	for i := range s.hosts {
		h := &s.hosts[i]
		switch {
		case h.dns == nil || h.dns.Traps == nil || h.dns.Traps.HTTPS.Status == dns.StatusUnasked:
		case h.owner.Astray != "":
			told = append(told, h.label(s.facts)+": "+h.owner.Astray)
		default:
			told = append(told, h.label(s.facts)+": the HTTPS record leads nowhere else ("+string(h.dns.Traps.HTTPS.Status)+")")
		}
	}
	return cmp.Or(strings.Join(told, "; "), "HTTPS records were not asked")
}
