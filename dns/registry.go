package dns

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// RegistryConfig configures a Registry. Only Lookup must be set, unless every server is given as an address.
type RegistryConfig struct {
	// Dial opens connections; nil dials for real.
	Dial Dialer
	// Lookup finds the addresses of a registry's server. The operating system is never asked.
	Lookup func(ctx context.Context, host string) []netip.Addr
	// Allow says which addresses of the built-in registries may be dialled; nil is the public ones. RDAPURL and
	// WhoisServer are dialled wherever they are.
	Allow func(netip.Addr) bool
	// RDAPURL is asked by RDAP for every suffix, in place of the built-in table. http is allowed here alone.
	RDAPURL string
	// WhoisServer, a host or host:port, is asked by WHOIS where there is no RDAP, in place of the built-in table.
	WhoisServer string
	// WhoisRate is how many queries a minute one WHOIS server gets at most. 0 is 15.
	WhoisRate int
	// Timeout is the longest wait of each step. 0 is 5 s.
	Timeout time.Duration
	// Patience is how long a process waits for the limits of one registry, from the first time that they bite; what they
	// do not allow until then stays unchecked. 0 is one minute.
	Patience time.Duration
	// Memory keeps answers and limits; nil lasts as long as the Registry. It is left alone until a question is about to be
	// asked.
	Memory RegistryMemory
	// Fresh asks RDAP servers anew whatever they said before. Else, as with WHOIS always, an answer of the same server
	// holds for a day.
	Fresh bool
	// Since is when the run began of which this process is a part: a control name that was found since then need not be found
	// again. Zero is a run of this process alone.
	Since time.Time
	// Roots are trusted beside the system's.
	Roots []*x509.Certificate
	// UserAgent is what we call ourselves over HTTP.
	UserAgent string
	// Now tells the instant; nil is time.Now.
	Now func() time.Time
}

const (
	defaultWhoisRate = 15 // a minute: half of what the registry of .ru allows
	rdapRate         = 100
	defaultPatience  = time.Minute
)

// Registry asks registries what they know of registrable domains: RDAP, else WHOIS. It promises that a WHOIS server is
// asked for a domain once in a day, that no limit is exceeded, and that [RegNone] is said only where the same server
// found a control name of the same suffix in the same process. What another server said counts for nothing. It is safe
// for concurrent use.
type Registry struct {
	cfg    RegistryConfig
	table  registries
	client *rdapClient

	asked  remembered[Registration] // by domain
	proven remembered[proof]        // by server and suffix

	began atomic.Bool // a question was about to be asked

	mu    sync.Mutex // guards all below
	found map[string]bool
	since map[string]time.Time     // when the limits of a registry first bit
	lines map[string]chan struct{} // the turn at a server that is asked one question at a time
	spent map[string]time.Time     // until when the part of its limits that is for clean names is used up
}

// proof says whether a server finds names of a suffix at all.
type proof struct {
	found bool
	state RegistrationState // of the failure: unknown, or unchecked where limits were the reason
	why   string
	retry time.Time
}

// NewRegistry returns a Registry. It opens nothing yet.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	if cfg.Dial == nil {
		cfg.Dial = dialReal
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Lookup == nil {
		cfg.Lookup = func(context.Context, string) []netip.Addr { return nil }
	}
	if cfg.Allow == nil {
		cfg.Allow = func(a netip.Addr) bool { return !SpecialPurpose(a) }
	}
	if cfg.Memory == nil {
		cfg.Memory = NewRegistryMemory()
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.WhoisRate = cmp.Or(cfg.WhoisRate, defaultWhoisRate)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	if cfg.RDAPURL != "" {
		u, err := url.Parse(cfg.RDAPURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("RDAP URL %q: want https://host/path/, or http:// for a server of your own", cfg.RDAPURL)
		}
		cfg.RDAPURL = strings.TrimSuffix(cfg.RDAPURL, "/") + "/"
	}
	g := &Registry{cfg: cfg, table: builtinRegistries(), found: map[string]bool{}, since: map[string]time.Time{}, spent: map[string]time.Time{}, lines: map[string]chan struct{}{}}
	client, err := newRDAPClient(&g.cfg)
	g.client = client
	return g, err
}

// Urgency says how much a registration is worth to who asks.
type Urgency int

// The urgencies.
const (
	Idle    Urgency = iota // no query of a WHOIS server, whose limits are narrow
	Prompt                 // asked where the limits allow it at once
	Patient                // waited for as long as RegistryConfig.Patience
	spare                  // for clean names: asked at once or not, within a part of the limits
)

// Inform asks the registry about a name that is not clean and keeps the answer in a.Inquiry: of the registrable domain,
// or of a CNAME's target that is not delegated. Where it tells whether a domain is free it waits for the limits; a verdict
// that does not depend on it (no_address, name_missing, private) costs no query of a WHOIS server.
func (g *Registry) Inform(ctx context.Context, a *Answer, o *Ownership) {
	domain, urgency := a.Registrable, Idle
	switch o.Verdict {
	case NotDelegated:
		urgency = Patient
	case Moved, Broken:
		urgency = Prompt
	case Dangling:
		if len(a.CNAMEs) == 0 || a.Inquiry == nil || a.Inquiry.Parent.State != Undelegated {
			return
		}
		domain, urgency = a.Inquiry.Parent.Domain, Patient
	case NoAddress, NameMissing, Private:
	case Parked, Mixed, Proxied, Free, Expired, OnHold, Invalid, Resolved, Unknown:
		return
	}
	if domain == "" || ctx.Err() != nil {
		return
	}
	if a.Inquiry == nil {
		a.Inquiry = &Inquiry{}
	}
	if urgency == Prompt {
		a.Inquiry.Registration = g.promptly(ctx, domain)
		return
	}
	a.Inquiry.Registration = g.Ask(ctx, domain, urgency)
}

// promptly asks about a name that is delegated. Of a WHOIS server, whose limits are narrow, what is kept holds unless
// [RegistrationDue], so that over several runs every name has its turn; what is due and not allowed is what was kept.
func (g *Registry) promptly(ctx context.Context, domain string) Registration {
	sources, _ := g.sources(domain)
	if g.cfg.Fresh || len(sources) == 0 || !sources[0].once() {
		return g.Ask(ctx, domain, Prompt)
	}
	now := g.cfg.Now()
	kept, _, err := g.cfg.Memory.Recall(ctx, domain, sources[0].host(), now)
	holds := err == nil && kept.known() && kept.State != RegNone // which a delegated name is no longer
	if holds && !RegistrationDue(kept, RegistrationEvery, now) {
		return kept.standing(domain, now)
	}
	r := g.Ask(ctx, domain, Prompt)
	if holds && r.State == RegUnchecked {
		again := r.Retry
		r = kept.standing(domain, now)
		r.Retry = again
	}
	return r
}

// Ask returns what the registry says of a registrable domain.
func (g *Registry) Ask(ctx context.Context, domain string, urgency Urgency) Registration {
	if sources, _ := g.sources(domain); urgency == Idle && (len(sources) == 0 || sources[0].once()) {
		return g.known(ctx, sources, domain)
	}
	return g.askOnce(ctx, domain, urgency)
}

// askOnce asks for a domain once in this process. Who waited for the question of somebody who was less patient, and could
// not ask, asks himself.
func (g *Registry) askOnce(ctx context.Context, domain string, urgency Urgency) Registration {
	for {
		mine := false
		r := g.asked.get(domain, func() (Registration, bool) {
			mine = true
			r := g.ask(ctx, domain, urgency)
			return r, r.known() || r.State == RegUnknown && !r.AskedAt.IsZero()
		})
		if mine || r.State != RegUnchecked {
			return r
		}
	}
}

// known returns what is kept of a domain that is not worth a query.
func (g *Registry) known(ctx context.Context, sources []source, domain string) Registration {
	if len(sources) > 0 && (!g.cfg.Fresh || g.began.Load()) {
		kept, _, err := g.cfg.Memory.Recall(ctx, domain, sources[0].host(), g.cfg.Now())
		if err == nil && g.fresh(kept.AskedAt) && kept.known() {
			return g.aged(kept)
		}
	}
	return Registration{Domain: domain, State: RegUnchecked}
}

// fresh reports whether an instant is less than a day ago.
func (g *Registry) fresh(asked time.Time) bool {
	return !asked.IsZero() && g.cfg.Now().Sub(asked) < registrationFresh
}

// aged tells a kept registration as it is now: its date may have passed since.
func (g *Registry) aged(r Registration) Registration {
	if r.past(g.cfg.Now()) {
		r.State = RegExpired
	}
	return r
}

// sources returns who is asked for a domain, in that order; why says why nobody is.
func (g *Registry) sources(domain string) (out []source, why string) {
	suffix, ok := g.table.suffixOf(domain)
	if !ok {
		return nil, "who registers names below " + suffix + " is not in our table"
	}
	if base := cmp.Or(g.cfg.RDAPURL, g.table.rdap[suffix]); base != "" {
		out = append(out, rdapSource{g, base})
	}
	if server := cmp.Or(g.cfg.WhoisServer, g.table.whois[suffix]); server != "" {
		out = append(out, whoisSource{g, server})
	}
	return out, "no registry that can be asked is known for ." + suffix
}

func (g *Registry) ask(ctx context.Context, domain string, urgency Urgency) Registration {
	sources, why := g.sources(domain)
	for _, s := range sources {
		if r, unable := g.consult(ctx, s, domain, urgency); !unable {
			return r
		}
	}
	return Registration{Domain: domain, State: RegUnchecked, Why: why}
}

// consult returns what one source said within a day, else asks it. unable says that it does not serve the name.
func (g *Registry) consult(ctx context.Context, s source, domain string, urgency Urgency) (r Registration, unable bool) {
	if urgency == spare {
		if again := g.spentUntil(s); !again.IsZero() {
			return limitedUntil(s, domain, again), false
		}
	}
	kept, asked, err := g.cfg.Memory.Recall(ctx, domain, s.host(), g.cfg.Now())
	holds := g.fresh(kept.AskedAt) && (s.once() || !g.cfg.Fresh)
	switch {
	case err != nil:
		return failing(ctx, domain, "what was asked before could not be read", err), false
	case holds && kept.known():
		return g.aged(kept), false
	case holds && kept.State == RegUnchecked:
		return kept, true
	case (s.once() || urgency == spare) && g.fresh(asked):
		return notTwice(domain, asked), false
	case g.claims(s, urgency) && asked.After(kept.AskedAt) && g.cfg.Now().Sub(asked) < registrationLost:
		return Registration{Domain: domain, State: RegUnchecked, Retry: asked.Add(registrationLost), Why: "asked by a process that did not live to keep the answer"}, false
	case s.once() && urgency == Idle:
		return Registration{Domain: domain, State: RegUnchecked}, false
	}
	return g.query(ctx, s, domain, urgency)
}

// notTwice is what is known of a domain that was asked for at that instant in vain, and may not be within a day.
func notTwice(domain string, asked time.Time) Registration {
	r := unreliable(domain, "asked within a day, without an answer to rely on; it is not asked twice")
	r.Retry = asked.Add(registrationFresh)
	return r
}

func unreliable(domain, why string) Registration {
	return Registration{Domain: domain, State: RegUnknown, Why: why}
}

// failing is what is known of a domain where the memory fails, which it does as well where the run was cut.
func failing(ctx context.Context, domain, what string, err error) Registration {
	if ctx.Err() != nil {
		return Registration{Domain: domain, State: RegUnchecked, Why: runCut}
	}
	return unreliable(domain, what+": "+err.Error())
}

const runCut = "the run was cut"

// source is one way to ask one registry. ask returns unable where the server does not serve RDAP for the name (501).
type source interface {
	// host names the server, in one form whatever the configuration writes.
	host() string
	limit() RegistryLimit
	// once says that the same name must not be asked for twice in a day.
	once() bool
	ask(ctx context.Context, domain string) (r Registration, unable bool)
}

// serverName is host or host:port in one form: lower case, without the usual port and a dot at the end of the name.
func serverName(server, usual string) string {
	host, port, err := net.SplitHostPort(strings.ToLower(server))
	if err != nil {
		host, port = strings.Trim(strings.ToLower(server), "[]"), usual
	}
	if host = strings.TrimSuffix(host, "."); port == usual {
		return host
	}
	return net.JoinHostPort(host, port)
}

// query asks a source within its limits, and lets a "not found" count only where the source finds a control name.
func (g *Registry) query(ctx context.Context, s source, domain string, urgency Urgency) (r Registration, unable bool) {
	r, unable = g.limited(ctx, s, domain, urgency)
	switch {
	case unable: // which is kept, so that the next process asks the next source at once
		r.State = RegUnchecked
		_ = g.keep(ctx, r) // else it is asked again
		return r, true
	case r.State == RegUnchecked || r.AskedAt.IsZero():
		return r, false
	}
	_, above, _ := strings.Cut(domain, ".")
	key := s.host() + " " + above
	switch {
	case r.State == RegNone:
		if p := g.prove(ctx, s, key, domain, urgency); !p.found {
			r.State, r.Why, r.Retry = p.state, r.Why+", which does not count: "+p.why, p.retry
		}
	case r.known():
		g.mu.Lock()
		g.found[key] = true
		g.mu.Unlock()
	}
	if !r.known() {
		g.settle(ctx, s, r, urgency)
		return r, false
	}
	if err := g.keep(ctx, r); err != nil {
		return unreliable(domain, "the answer could not be kept: "+err.Error()), false
	}
	return r, false
}

// keep keeps an answer. It may quote remote text, of which not more is kept than people read.
func (g *Registry) keep(ctx context.Context, r Registration) error {
	r.Why = clipped(r.Why, whyMax)
	return g.cfg.Memory.Keep(ctx, r)
}

// whyMax is how many bytes are kept of why a registration is said to be so.
const whyMax = 500

// clipped returns at most so many bytes of a text, and a sign that there was more.
func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// prove finds out whether a source finds any name of the suffix: one that was found in this process, else the control
// names in turn.
func (g *Registry) prove(ctx context.Context, s source, key, domain string, urgency Urgency) proof {
	g.mu.Lock()
	found := g.found[key]
	g.mu.Unlock()
	if found {
		return proof{found: true}
	}
	for { // as askOnce
		mine := false
		p := g.proven.get(key, func() (proof, bool) {
			mine = true
			p := g.control(ctx, s, domain, urgency)
			return p, p.found || p.state == RegUnknown
		})
		if mine || p.found || p.state != RegUnchecked {
			return p
		}
	}
}

func (g *Registry) control(ctx context.Context, s source, domain string, urgency Urgency) proof {
	p := proof{state: RegUnchecked, why: "no control name may be asked for yet"}
	for _, name := range g.table.controlNames(domain) {
		if name == domain || ctx.Err() != nil {
			continue
		}
		kept, asked, err := g.cfg.Memory.Recall(ctx, name, s.host(), g.cfg.Now())
		switch {
		case err == nil && !g.cfg.Since.IsZero() && !kept.AskedAt.Before(g.cfg.Since) && kept.known() && kept.State != RegNone:
			return proof{found: true}
		case err != nil, s.once() && g.fresh(asked):
			continue
		}
		r, unable := g.limited(ctx, s, name, urgency)
		switch {
		case r.State == RegUnchecked:
			return proof{state: RegUnchecked, why: r.Why, retry: r.Retry}
		case r.AskedAt.IsZero():
			p = proof{state: RegUnknown, why: r.Why}
		case !unable && r.known() && r.State != RegNone:
			_ = g.keep(ctx, r) // it is asked again where it cannot be kept; the limits hold
			return proof{found: true}
		default:
			g.settle(ctx, s, r, urgency)
			p = proof{state: RegUnknown, why: s.host() + " does not find the control name " + name + " either"}
		}
	}
	return p
}

// stateOf tells the state of a domain that has a record, by its statuses in lower case without blanks.
func stateOf(statuses []string, expires, now time.Time) RegistrationState {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(statuses, w) })
	}
	switch {
	case has("redemptionperiod", "pendingrestore"): // beside pendingDelete, which EPP says of all of it (RFC 3915 §2)
		return RegRedemption
	case has("pendingdelete"):
		return RegPendingDelete
	case !expires.IsZero() && !expires.After(now):
		return RegExpired
	case has("clienthold", "serverhold", "notdelegated"):
		return RegOnHold
	}
	return Registered
}

// statusWord returns a status in the form in which statuses are compared: EPP writes clientHold, RDAP "client hold"
// (RFC 8056 §2).
func statusWord(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(s)))
}
