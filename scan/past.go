package scan

import (
	"context"
	"time"

	"certscan/dns"
	"certscan/triage"
)

// Past tells what earlier runs of this vantage point saw. Its methods may be called concurrently.
type Past interface {
	// Past returns what is known of a name; a zero one where nothing is.
	Past(ctx context.Context, name string) (triage.Past, error)
	// Further returns what is known of a further name of a domain, as far back as a first look that confirms it now.
	Further(ctx context.Context, domain, name string, now time.Time) (triage.Past, error)
	// Notable reports, without asking anybody, whether there may be something to tell of a clean name, registered at created
	// (zero where that is not known): an earlier run saw its domain free or expired, or runs were kept before it was registered.
	Notable(name string, created time.Time) bool
}

// recall adds what earlier runs saw to the facts, where something depends on it, and decides how sure the verdict is. A clean
// name costs nothing, unless its domain was free or expired once, or was registered after the first run that is kept.
func (r *run) recall(ctx context.Context, f *triage.Facts) {
	if f.Owner == nil || f.DNS == nil || f.Owner.Verdict == dns.Invalid || f.DNS.A.Status == dns.StatusCanceled {
		return
	}
	if r.Past != nil && ctx.Err() == nil && r.recalls(f) {
		f.Past = r.remembered(ctx, f.Domain.Name, func() (triage.Past, error) { return r.Past.Past(ctx, f.Domain.Name) })
	}
	triage.Confirm(f.Owner, f.Past, f.At)
	for i := range f.Names {
		n := &f.Names[i]
		if !n.Owner.TakesTwo() {
			continue
		}
		var past *triage.Past
		if r.Past != nil && ctx.Err() == nil {
			past = r.remembered(ctx, n.Name, func() (triage.Past, error) { return r.Past.Further(ctx, f.Domain.Name, n.Name, f.At) })
		}
		triage.Confirm(&n.Owner, past, f.At)
	}
}

// recalls reports whether anything depends on what earlier runs saw of a name.
func (r *run) recalls(f *triage.Facts) bool {
	switch f.Owner.Verdict {
	case dns.Parked, dns.Mixed, dns.Proxied, dns.Resolved:
		var created time.Time
		if f.DNS.Inquiry != nil {
			created = f.DNS.Inquiry.Registration.Created
		}
		return r.Past.Notable(f.Domain.Name, created)
	case dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing, dns.Dangling, dns.Broken,
		dns.Private, dns.Invalid, dns.Unknown:
	}
	return true
}

// remembered asks the history. Where it cannot be read nothing is known, which confirms nothing; the first time is logged.
func (r *run) remembered(ctx context.Context, name string, ask func() (triage.Past, error)) *triage.Past {
	past, err := ask()
	if err == nil {
		return &past
	}
	if ctx.Err() == nil && !r.forgetful.Swap(true) {
		r.Log.ErrorContext(ctx, "the history cannot be read, so that no verdict is confirmed", "domain", name, "err", err)
	}
	return nil
}
