package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// SecondState says whether a resolver of another operator was heard about a name.
type SecondState string

// The closed set of states of a second resolver.
const (
	SecondUnasked  SecondState = ""
	SecondNone     SecondState = "none"     // nobody else is named, or gave an answer
	SecondAnswered SecondState = "answered" // it answers, or fails for this name while it answers for others
)

// Second is what a resolver of another operator says of a name whose verdict takes two; whether it agrees is for
// [Networks.Judge].
type Second struct {
	State SecondState
	// First and Server tell for people who answered first, and who was asked then; Server is empty where nobody was.
	First, Server string
	A, AAAA       Status
	Addrs         []netip.Addr
	// Why says why there is none.
	Why string
}

// TakesTwo reports whether a verdict makes somebody act against a customer, so that it is sure only once two resolvers of
// different operators agree, and an earlier look as well: moved, free, expired, and broken where every server of the
// delegation is blamed.
func (o *Ownership) TakesTwo() bool {
	switch o.Verdict {
	case Moved, Free, Expired:
		return true
	case Broken:
		return o.Reason == ReasonLame || o.Reason == ReasonRefused || o.Reason == ReasonTimeout
	case Parked, Mixed, Proxied, OnHold, NotDelegated, NoAddress, NameMissing, Dangling, Private, Invalid, Resolved, Unknown:
	}
	return false
}

// publicOperators names who runs well-known public resolvers, so that two addresses of one of them do not count as two.
var publicOperators = map[netip.Prefix]string{
	netip.MustParsePrefix("8.8.8.8/32"):           "google",
	netip.MustParsePrefix("8.8.4.4/32"):           "google",
	netip.MustParsePrefix("2001:4860:4860::/48"):  "google",
	netip.MustParsePrefix("1.1.1.0/24"):           "cloudflare", // 1.1.1.2 and .3 are its filtering ones
	netip.MustParsePrefix("1.0.0.0/24"):           "cloudflare",
	netip.MustParsePrefix("2606:4700:4700::/48"):  "cloudflare",
	netip.MustParsePrefix("9.9.9.0/24"):           "quad9",
	netip.MustParsePrefix("149.112.112.0/24"):     "quad9",
	netip.MustParsePrefix("2620:fe::/48"):         "quad9",
	netip.MustParsePrefix("77.88.8.0/24"):         "yandex",
	netip.MustParsePrefix("2a02:6b8::feed:0/112"): "yandex",
	netip.MustParsePrefix("2a02:6b8:0:1::/64"):    "yandex",
	netip.MustParsePrefix("208.67.220.0/24"):      "opendns",
	netip.MustParsePrefix("208.67.222.0/24"):      "opendns",
	netip.MustParsePrefix("2620:119:35::/48"):     "opendns",
	netip.MustParsePrefix("2620:119:53::/48"):     "opendns",
	netip.MustParsePrefix("94.140.14.0/24"):       "adguard",
	netip.MustParsePrefix("94.140.15.0/24"):       "adguard",
	netip.MustParsePrefix("2a10:50c0::/32"):       "adguard",
}

// operator returns who runs a server: what Config.Operators says, else what is well known, else the server for itself.
func (c *Config) operator(server netip.AddrPort) string {
	if o := c.Operators[server]; o != "" {
		return strings.ToLower(o)
	}
	addr := server.Addr().Unmap().WithZone("")
	for p, o := range publicOperators {
		if p.Contains(addr) {
			return o
		}
	}
	return netip.AddrPortFrom(addr, server.Port()).String()
}

// secondsMax is how many other resolvers are asked until one answers.
const secondsMax = 2

// Confirm asks a resolver of another operator than the one that answered for A and AAAA of a name whose verdict takes two
// (see [Ownership.TakesTwo]), and keeps what it says in a.Inquiry.Second, by which a must be judged again. It asks once a
// name, nothing for any other verdict, and nothing where the name servers themselves were heard in the resolver's place.
func (r *Resolver) Confirm(ctx context.Context, a *Answer, o *Ownership) {
	if !o.TakesTwo() || ctx.Err() != nil {
		return
	}
	if a.Inquiry == nil {
		a.Inquiry = &Inquiry{}
	}
	if a.Inquiry.Second.State != SecondUnasked || a.Inquiry.Overruled != "" {
		return
	}
	e := r.engage(ctx)
	defer r.release(e)
	a.Inquiry.Second = r.second(ctx, e, a, o.Verdict == Broken)
}

// second goes through the resolvers of other operators until one answers.
func (r *Resolver) second(ctx context.Context, e *engine, a *Answer, broken bool) Second {
	order := *r.order.Load()
	var firsts []netip.AddrPort // both families may have been answered by others
	for _, server := range []netip.AddrPort{a.A.Server, a.AAAA.Server} {
		if server.IsValid() && !slices.Contains(firsts, server) {
			firsts = append(firsts, server)
		}
	}
	if len(firsts) == 0 { // none answered: all were asked, this one first
		firsts = append(firsts, e.servers[order[0]].server)
	}
	var heard []string // operators
	names := make([]string, len(firsts))
	for i, server := range firsts {
		heard = append(heard, r.cfg.operator(server))
		names[i] = r.Describe(server)
	}
	out := Second{State: SecondNone, First: strings.Join(names, " and ")}
	asked := 0
	for _, i := range order {
		u := e.servers[i]
		if slices.Contains(heard, r.cfg.operator(u.server)) || asked == secondsMax || ctx.Err() != nil {
			continue
		}
		asked++
		s := r.askSecond(ctx, exchanger{e: e, only: u}, a, broken)
		s.First, s.Server = out.First, r.Describe(u.server)
		if s.State == SecondAnswered {
			return s
		}
		out.Server, out.Why = s.Server, s.Why
	}
	return out
}

// askSecond asks one resolver. One that hides names by its own policy, or does not serve us, is none.
func (r *Resolver) askSecond(ctx context.Context, x exchanger, a *Answer, broken bool) Second {
	b := Answer{Name: a.Name, Asked: a.Asked, Registrable: a.Registrable}
	r.addresses(ctx, x, &b)
	s := Second{State: SecondNone, A: b.A.Status, AAAA: b.AAAA.Status, Addrs: b.Addrs}
	switch {
	case ctx.Err() != nil:
		s.Why = "the run was cut"
	case hides(&b):
		s.Why = "hides the name by its own policy"
	case len(b.Addrs) > 0 && r.madeUp(ctx, x, a):
		s.Why = "answers with addresses for names that do not exist"
	case b.Loop, len(b.Addrs) > 0, b.A.Status.OK(), b.AAAA.Status.OK(), b.A.Status == StatusServFail, b.AAAA.Status == StatusServFail:
		s.State = SecondAnswered
	case broken && b.A.Status == StatusTimeout && b.AAAA.Status == StatusTimeout && r.reaches(ctx, x, a):
		s.State = SecondAnswered
	default:
		s.Why = "gave no answer (" + b.A.words() + ")"
	}
	return s
}

// madeUp reports whether a resolver makes addresses up in the zone of a name, or of its CNAMEs' end: what it answers there tells
// nothing.
func (r *Resolver) madeUp(ctx context.Context, x exchanger, a *Answer) bool {
	for _, domain := range []string{a.Registrable, Registrable(last(a.CNAMEs))} {
		if _, above, _ := strings.Cut(domain, "."); domain != "" && len(r.rewritten(ctx, x, above)) > 0 {
			return true
		}
	}
	return false
}

// hides reports whether a resolver says that it hides a name by its own policy (RFC 8914 §4.16-4.19), or makes its answer
// up (§4.5).
func hides(a *Answer) bool {
	return slices.ContainsFunc(slices.Concat(a.A.EDE, a.AAAA.EDE), func(e EDE) bool {
		return e.Code == 4 || e.Code >= 15 && e.Code <= 18
	})
}

// agreement is how what the second resolver says stands to the answer.
type agreement int

const (
	agreesNot agreement = iota // nobody else was heard, or could say anything
	agrees                     // the same class: no address of ours, no such name, or a failure; addresses may differ (geo-DNS)
	contradicts
)

// class is what an answer says, as far as two resolvers must agree.
type class int

const (
	classFailing class = iota
	classOurs          // an address of ours at least
	classForeign       // addresses, none of them ours
	classNowhere       // special-purpose addresses alone, as one answers who hides a name
	classAbsent        // no such name
	classEmpty         // no address
)

// classify finds the class of an answer.
func (j *judgement) classify(a *Answer) class {
	switch {
	case slices.ContainsFunc(a.Addrs, func(addr netip.Addr) bool { _, ok := j.n.Ours(addr); return ok || slices.Contains(j.origin, addr) }):
		return classOurs
	case len(a.Addrs) > 0 && !slices.ContainsFunc(a.Addrs, func(addr netip.Addr) bool { return !SpecialPurpose(addr) }):
		return classNowhere
	case len(a.Addrs) > 0:
		return classForeign
	case a.absent():
		return classAbsent
	case !a.Loop && (a.A.Status.OK() || a.AAAA.Status.OK()):
		return classEmpty
	}
	return classFailing
}

// agreement compares both answers. A failure contradicts nothing: it is no statement about the name.
func (j *judgement) agreement() agreement {
	s := &j.inquiry.Second
	if s.State != SecondAnswered {
		return agreesNot
	}
	first := j.classify(j.a)
	second := j.classify(&Answer{A: Reply{Status: s.A}, AAAA: Reply{Status: s.AAAA}, Addrs: s.Addrs})
	switch {
	case second == first && first != classOurs, second == classFailing && j.inquiry.Fault != ReasonNone:
		return agrees
	case second == classFailing, second == classNowhere && first == classForeign:
		return agreesNot
	}
	return contradicts
}

// secondOdds tells what both resolvers say where they contradict each other.
func secondOdds(j *judgement) string {
	s := &j.inquiry.Second
	return fmt.Sprintf("the resolvers are at odds: %s answers %s, %s answers %s",
		s.First, answered(j.a.A.Status, j.a.AAAA.Status, j.a.Addrs), s.Server, answered(s.A, s.AAAA, s.Addrs))
}

// agreed tells who says the same; "" where nobody does.
func (j *judgement) agreed() string {
	if j.agreement() != agrees {
		return ""
	}
	s := &j.inquiry.Second
	return fmt.Sprintf("%s agrees: %s", s.Server, answered(s.A, s.AAAA, s.Addrs))
}

// alone tells why nobody else says the same.
func (j *judgement) alone() string {
	s := &j.inquiry.Second
	at := ""
	if s.First != "" {
		at = " (" + s.First + ")"
	}
	switch {
	case s.State == SecondUnasked:
		return "it was seen at one resolver alone"
	case s.Server == "":
		return "it was seen at one resolver alone" + at + ": name a second of another operator"
	case s.State == SecondAnswered && len(s.Addrs) > 0:
		return fmt.Sprintf("it was seen at one resolver alone%s: %s answers special-purpose addresses (%s)", at, s.Server, answered(s.A, s.AAAA, s.Addrs))
	case s.State == SecondAnswered:
		return fmt.Sprintf("it was seen at one resolver alone%s: %s fails for the name (%s)", at, s.Server, answered(s.A, s.AAAA, s.Addrs))
	}
	return fmt.Sprintf("it was seen at one resolver alone%s: %s %s", at, s.Server, s.Why)
}

// answered writes what a resolver said of a name: its addresses, else one word for each family.
func answered(v4, v6 Status, addrs []netip.Addr) string {
	if len(addrs) > 0 {
		texts := make([]string, len(addrs))
		for i, a := range addrs {
			texts[i] = a.String()
		}
		return some(texts)
	}
	if v4 == v6 {
		return string(v4)
	}
	return fmt.Sprintf("A %s, AAAA %s", v4, v6)
}
