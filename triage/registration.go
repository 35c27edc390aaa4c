package triage

import (
	"fmt"
	"time"

	"certscan/dns"
)

// registrationNear is how long before its end a registration is told of.
const registrationNear = 30 * day

// raiseDomainExpiring raises a registration that ends soon. One that has ended is its verdict's finding.
func raiseDomainExpiring(s *scene, code Code) []Finding {
	r := s.registration()
	if r == nil || r.State != dns.Registered || r.Expires.IsZero() || !s.now.Before(r.Expires) || r.Expires.Sub(s.now) >= registrationNear {
		return nil
	}
	return []Finding{raise(code, ActionCallCustomer, whyDomainExpiring(s, code))}
}

func whyDomainExpiring(s *scene, _ Code) string {
	r := s.registration()
	switch {
	case r == nil || r.State == "" || r.State == dns.RegUnchecked:
		return "the registry was not asked"
	case r.Expires.IsZero():
		return "the registry does not say when the registration ends"
	}
	left := calendar{unit: day, name: "days"}.floor(r.Expires.Sub(s.now))
	return fmt.Sprintf("the registration of %s ends on %s, in %s days", r.Domain, r.Expires.UTC().Format(time.DateOnly), left)
}

// registration returns what the registry says of the registrable domain of the name itself; nil where nobody was asked.
func (s *scene) registration() *dns.Registration {
	a := s.facts.DNS
	if a == nil || a.Inquiry == nil || a.Inquiry.Registration.Domain != a.Registrable {
		return nil
	}
	return &a.Inquiry.Registration
}
