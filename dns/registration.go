package dns

import (
	"context"
	"time"
)

// RegistrationState is what the registry knows of a domain.
type RegistrationState string

// The closed set of registration states.
const (
	Registered        RegistrationState = "registered"
	RegExpired        RegistrationState = "expired"        // its date has passed
	RegRedemption     RegistrationState = "redemption"     // deleted, to be had back by its holder alone
	RegPendingDelete  RegistrationState = "pending_delete" // about to become free
	RegOnHold         RegistrationState = "on_hold"        // taken out of the zone by registry or registrar
	RegNone           RegistrationState = "none"           // no record, from a server that finds a control name
	RegUnknown        RegistrationState = "unknown"        // asked, and nothing to rely on came
	RegUnchecked      RegistrationState = "unchecked"      // not asked, or not yet: the registry's limits
	registrationUnset RegistrationState = ""
)

// Registration is what a registry said of a registrable domain.
type Registration struct {
	Domain  string
	State   RegistrationState
	Expires time.Time // zero where the registry does not say
	Created time.Time // likewise
	Source  string    // "rdap" or "whois"; empty where nobody was asked
	Server  string    // who was asked: a host, with its port where that is not the usual one
	AskedAt time.Time
	// Retry is when it may be asked, where limits did not allow it yet.
	Retry time.Time
	// Why tells the state for people; it may quote remote text.
	Why string
}

// known reports whether the registry made a statement that holds for a while.
func (r *Registration) known() bool {
	switch r.State {
	case Registered, RegExpired, RegRedemption, RegPendingDelete, RegOnHold, RegNone:
		return true
	case RegUnknown, RegUnchecked, registrationUnset:
	}
	return false
}

// past reports whether the date of a registration, as the registry told it, has passed at now.
func (r *Registration) past(now time.Time) bool {
	return (r.State == Registered || r.State == RegOnHold) && !r.Expires.IsZero() && !r.Expires.After(now)
}

// ended reports whether the registration is over, though the name is not free.
func (r *Registration) ended() bool {
	return r.State == RegExpired || r.State == RegRedemption || r.State == RegPendingDelete
}

// The slow schedule on which clean names are looked up.
const (
	// RegistrationEvery is how often the registry is asked for a clean domain by default.
	RegistrationEvery = 30 * 24 * time.Hour
	registrationNear  = 45 * 24 * time.Hour // before the end it is asked daily
	registrationFresh = 24 * time.Hour      // the same domain is never asked twice within
	registrationLost  = 15 * time.Minute    // a question whose answer was lost with its process is not asked again within
)

// RegistrationDue reports whether the registry should be asked at now for a domain that is clean: where it never was (a
// zero last), once in every, daily from 45 days before the end of the registration and after it, and never twice within
// a day. every 0 is RegistrationEvery. It is pure.
func RegistrationDue(last Registration, every time.Duration, now time.Time) bool {
	if every <= 0 {
		every = RegistrationEvery
	}
	age := now.Sub(last.AskedAt)
	switch {
	case last.AskedAt.IsZero():
		return true
	case age < registrationFresh:
		return false
	case !last.known():
		return true
	case !last.Expires.IsZero() && last.Expires.Sub(now) < registrationNear:
		return true
	}
	return age >= every
}

// Refresh returns what the registry says of the registrable domain of a clean name, for which every is how often it is
// asked: what is kept, unless [RegistrationDue]. It waits for nothing, and takes no more than a quarter of what the
// registry may be asked, so that the rest is there for names that are not clean. What is due and not allowed is what was
// kept; without that, or once the date that was told has passed, it is [RegUnchecked], and tried again at the next call.
func (g *Registry) Refresh(ctx context.Context, domain string, every time.Duration) Registration {
	if every <= 0 {
		every = RegistrationEvery
	}
	sources, why := g.sources(domain)
	now := g.cfg.Now()
	last := Registration{State: RegUnchecked, Why: why}
	due := false
	for _, s := range sources {
		kept, asked, err := g.cfg.Memory.Recall(ctx, domain, s.host(), now)
		if err != nil {
			return failing(ctx, domain, "what was asked before could not be read", err)
		}
		last, due = kept, !g.fresh(asked) && RegistrationDue(kept, every, now)
		if kept.State != RegUnchecked || now.Sub(asked) >= every { // else it does not serve the name
			break
		}
	}
	if (due || !last.known()) && len(sources) > 0 && ctx.Err() == nil { // it may be being asked for just now
		r := g.askOnce(ctx, domain, spare)
		if r.known() || !last.known() {
			return r
		}
	}
	return last.standing(domain, now)
}

// standing tells a registration that was kept, perhaps long ago, as far as it can be relied on now.
func (r Registration) standing(domain string, now time.Time) Registration {
	switch {
	case !r.known():
		return Registration{Domain: domain, State: RegUnchecked, Why: r.Why}
	case r.past(now) && now.Sub(r.AskedAt) < registrationFresh:
		r.State = RegExpired
	case r.past(now): // it may have been renewed
		r.State, r.Why = RegUnchecked, "not asked since its date passed; before, "+r.Why
	}
	return r
}
