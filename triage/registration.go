package triage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"certscan/dns"
)

// registrationNear is how long before its end a registration is told of.
const registrationNear = 30 * day

// raiseDomainExpiring raises a registration that ends soon, once for each registrable domain of the input. One that has
// ended is its verdict's finding where that says so; else, as while the name still leads to us, it is told here: it ends
// for good within weeks.
func raiseDomainExpiring(s *scene, code Code) []Finding {
	var found []Finding
	for _, h := range s.registrations() {
		r := &h.dns.Inquiry.Registration
		soon := r.State == dns.Registered && !r.Expires.IsZero() && s.now.Before(r.Expires) && r.Expires.Sub(s.now) < registrationNear
		if soon || ended(r) && h.owner.Verdict != dns.Expired {
			f := raise(code, ActionCallCustomer, s.registrationTerm(r))
			f.Name = h.name
			found = append(found, f)
		}
	}
	return found
}

func ended(r *dns.Registration) bool {
	return r.State == dns.RegExpired || r.State == dns.RegRedemption || r.State == dns.RegPendingDelete
}

func whyDomainExpiring(s *scene, _ Code) string {
	var terms []string
	for _, h := range s.registrations() {
		terms = append(terms, s.registrationTerm(&h.dns.Inquiry.Registration))
	}
	if len(terms) == 0 {
		return "the registry was not asked"
	}
	return strings.Join(terms, "; ")
}

// registrationTerm tells until when a domain is registered.
func (s *scene) registrationTerm(r *dns.Registration) string {
	date := r.Expires.UTC().Format(time.DateOnly)
	switch {
	case ended(r) && r.Expires.IsZero():
		return fmt.Sprintf("the registration of %s has ended (%s)", r.Domain, r.State)
	case ended(r):
		return fmt.Sprintf("the registration of %s has ended (%s); its date is %s", r.Domain, r.State, date)
	case r.Expires.IsZero():
		return "the registry does not say when the registration ends"
	}
	left := calendar{unit: day, name: "days"}.floor(r.Expires.Sub(s.now))
	return fmt.Sprintf("the registration of %s ends on %s, in %s days", r.Domain, date, left)
}

// registrations returns the names of the input about whose own registrable domain a registry was asked, one for each such
// domain.
func (s *scene) registrations() []*host {
	var out []*host
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.dns == nil || h.owner == nil || h.dns.Inquiry == nil {
			continue
		}
		r := &h.dns.Inquiry.Registration
		asked := r.State != "" && r.State != dns.RegUnchecked && r.Domain == h.dns.Registrable
		if asked && !slices.ContainsFunc(out, func(o *host) bool { return o.dns.Registrable == r.Domain }) {
			out = append(out, h)
		}
	}
	return out
}
