package dns

import (
	"cmp"
	"fmt"
	"strings"
)

// noInquiry stands for that of a name about which nothing further was asked.
var noInquiry = &Inquiry{Registration: Registration{State: RegUnchecked}}

// evidence tells what the inquiry found, for the record. What the registry says is told by the rule that goes by it.
func (i *Inquiry) evidence() []string {
	if i == noInquiry {
		return nil
	}
	out := []string{i.Overruled, i.Odds}
	out = append(out, i.Notes...)
	if i.Parent.State == Undelegated {
		out = append(out, "parent zone: "+i.Parent.Why)
	}
	if i.Registration.Why != "" {
		out = append(out, "registry: "+i.Registration.Why)
	}
	return out
}

func odds(j *judgement) string { return j.inquiry.Odds }

func blamed(j *judgement) string {
	return "no server of the delegation gives an answer with authority: " + cmp.Or(strings.Join(j.a.Nameservers, ", "), "none is named")
}

// unregistered reports whether parent zone and registry both say that a registrable domain is nobody's.
func (j *judgement) unregistered(domain string) bool {
	i := j.inquiry
	return domain != "" && i.Parent.Domain == domain && i.Parent.State == Undelegated &&
		i.Registration.Domain == domain && i.Registration.State == RegNone
}

// registry returns what the registry says of the registrable domain.
func (j *judgement) registry() *Registration {
	if r := &j.inquiry.Registration; r.Domain == j.a.Registrable {
		return r
	}
	return &noInquiry.Registration
}

// missing is the rule that does not match where the registrable domain is not known to be missing.
func (j *judgement) missing() (outcome, bool) {
	if j.a.Apex.Status == StatusNXDomain {
		return outcome{}, true
	}
	return noFor(func(j *judgement) string {
		return fmt.Sprintf("the registrable domain %s was not said to be missing (%s)", j.a.Registrable, j.a.Apex.Status)
	}), false
}

func (j *judgement) expiredElsewhere() outcome {
	switch {
	case len(j.a.Addrs) == 0:
		return no("no address")
	case !j.registry().ended():
		return noFor(registryState)
	}
	return yesFor(ReasonNone, registryState)
}

func registryState(j *judgement) string {
	return fmt.Sprintf("the registry's state of %s is %s", j.a.Registrable, j.registry().State)
}

func (j *judgement) expired() outcome {
	if v, missing := j.missing(); !missing {
		return v
	}
	if !j.registry().ended() {
		return noFor(registryState)
	}
	return yesFor(ReasonNone, registryState)
}

func (j *judgement) onHold() outcome {
	if v, missing := j.missing(); !missing {
		return v
	}
	if j.registry().State != RegOnHold {
		return noFor(registryState)
	}
	return yesFor(ReasonNone, registryState)
}

func (j *judgement) free() outcome {
	if v, missing := j.missing(); !missing {
		return v
	}
	if !j.unregistered(j.a.Registrable) {
		return noFor(func(j *judgement) string {
			return fmt.Sprintf("parent zone and registry must both say so: the parent's state is %q, the registry's %q",
				cmp.Or(j.inquiry.Parent.State, "unasked"), j.registry().State)
		})
	}
	return yesFor(ReasonNone, func(j *judgement) string {
		return j.a.Registrable + " is not in the parent zone, and the registry has no record"
	})
}

func (j *judgement) notDelegated() outcome {
	if v, missing := j.missing(); !missing {
		return v
	}
	return yesFor(ReasonNone, func(j *judgement) string {
		return "the registrable domain " + j.a.Registrable + " does not exist"
	}).becauseOf(func(j *judgement) string {
		return "the registrable domain " + j.a.Registrable + " does not exist in the DNS (NXDOMAIN); " + j.notFree()
	})
}

// notFree says why a domain without a delegation is not called free.
func (j *judgement) notFree() string {
	switch j.registry().State {
	case RegNone:
		return "the registry has no record, but the parent zone was not heard to agree, so it is not called free"
	case Registered, RegExpired, RegRedemption, RegPendingDelete, RegOnHold:
		return "the registry knows it"
	case RegUnknown:
		return "the registry gave no answer to rely on, so it is not called free"
	case RegUnchecked, registrationUnset:
	}
	if !j.registry().Retry.IsZero() {
		return "the registry's limits do not allow to ask yet, so it is not called free"
	}
	return "the registry was not asked, so it is not called free"
}
