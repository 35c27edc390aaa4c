package dns

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// outcome is what one rule says.
type outcome struct {
	match    bool
	reason   Reason
	why      sentence
	evidence sentence
}

// sentence stands as it is, or is built when somebody wants to read it. The zero sentence is none.
type sentence struct {
	plain string
	build func(*judgement) string
}

func (s sentence) of(j *judgement) string {
	if s.build != nil {
		return s.build(j)
	}
	return s.plain
}

func no(why string) outcome { return outcome{why: sentence{plain: why}} }

func noFor(why func(*judgement) string) outcome { return outcome{why: sentence{build: why}} }

func yes(r Reason, why string) outcome {
	return outcome{match: true, reason: r, why: sentence{plain: why}}
}

func yesFor(r Reason, why func(*judgement) string) outcome {
	return outcome{match: true, reason: r, why: sentence{build: why}}
}

func (o outcome) because(evidence string) outcome {
	o.evidence.plain = evidence
	return o
}

func (o outcome) becauseOf(evidence func(*judgement) string) outcome {
	o.evidence.build = evidence
	return o
}

// rules is the order of the verdicts, each by the name of its rule. The last one always matches.
var rules = []struct {
	name  string
	judge func(*judgement) outcome
}{
	{"invalid", func(*judgement) outcome { return no("the name can be asked for") }},
	{"unknown", (*judgement).unknown},
	{"dangling", (*judgement).dangling},
	{"resolved", (*judgement).resolved},
	{"parked", (*judgement).parked},
	{"mixed", (*judgement).mixed},
	{"proxied", (*judgement).proxied},
	{"private", (*judgement).onlyPrivate},
	{"expired", (*judgement).expiredElsewhere},
	{"moved", (*judgement).moved},
	{"broken", (*judgement).broken},
	{"no_address", (*judgement).noAddress},
	{"name_missing", (*judgement).nameMissing},
	{"expired", (*judgement).expired},
	{"on_hold", (*judgement).onHold},
	{"free", (*judgement).free},
	{"not_delegated", (*judgement).notDelegated},
	{"unknown", (*judgement).nothingSaid},
}

// tried goes through the rules up to the one that matches.
func (j *judgement) tried() iter.Seq2[string, outcome] {
	return func(yield func(string, outcome) bool) {
		for i := range rules {
			if v := rules[i].judge(j); !yield(rules[i].name, v) || v.match {
				return
			}
		}
	}
}

func (j *judgement) unknown() outcome {
	a4, a6 := &j.a.A, &j.a.AAAA
	switch {
	case a4.Status == StatusCanceled || a6.Status == StatusCanceled:
		return yes(ReasonNone, "the run was cut").because("the run was cut before the name was finished")
	case j.inquiry.Odds != "":
		return yesFor(ReasonNone, odds) // Judge quotes them as evidence
	case j.agreement() == contradicts:
		return yesFor(ReasonNone, secondOdds).becauseOf(secondOdds)
	case j.inquiry.Fault != ReasonNone:
		return no("the resolver answers others, and the name servers of this one give no answer")
	case len(j.a.Addrs) > 0 || a4.Status.OK() || a6.Status.OK() || j.a.Loop:
		return no("a resolver answered")
	case a4.Status == StatusServFail || a6.Status == StatusServFail:
		if policy(j) != "" {
			return yes(ReasonNone, "the resolver withholds the answer by its own policy").becauseOf(policy)
		}
		return no("a resolver answered (with SERVFAIL)")
	case a4.Status == StatusTimeout && a6.Status == StatusTimeout:
		return yes(ReasonNone, "no resolver answered").becauseOf(silence)
	}
	return yes(ReasonNone, "the resolver would not answer").becauseOf(func(j *judgement) string {
		return fmt.Sprintf("the resolver answered %s for A and %s for AAAA, which says nothing of the name%s",
			j.a.A.Status, j.a.AAAA.Status, aside(j.a.A.Trouble, j.a.AAAA.Trouble))
	})
}

func silence(j *judgement) string {
	a4, a6 := &j.a.A, &j.a.AAAA
	return fmt.Sprintf("no resolver answered for this name in %d tries each for A and AAAA%s",
		max(a4.Attempts, a6.Attempts), aside(a4.Trouble, a6.Trouble))
}

// aside adds the first of our own troubles in brackets.
func aside(troubles ...string) string {
	if t := cmp.Or(troubles...); t != "" {
		return " (" + t + ")"
	}
	return ""
}

// policy quotes an EDE with which a resolver says that it is its own policy to hide a name (RFC 8914 §4.16-4.19); "" is
// none.
func policy(j *judgement) string {
	for _, e := range slices.Concat(j.a.A.EDE, j.a.AAAA.EDE) {
		if e.Code >= 15 && e.Code <= 18 {
			return resolverSays(e)
		}
	}
	return ""
}

func resolverSays(e EDE) string { return "the resolver says: " + e.String() }

func (j *judgement) dangling() outcome {
	if len(j.a.CNAMEs) == 0 {
		return no("no CNAME")
	}
	if !j.a.absent() {
		return no("the end of the CNAME chain exists")
	}
	reason := ReasonNone
	if j.unregistered(Registrable(j.target())) {
		reason = ReasonTargetFree
	}
	return yesFor(reason, func(j *judgement) string {
		return "the CNAME chain ends in " + j.target() + ", which does not exist"
	}).becauseOf(func(j *judgement) string { return j.target() + " does not exist (NXDOMAIN)" })
}

// target is the end of the CNAME chain.
func (j *judgement) target() string { return j.a.CNAMEs[len(j.a.CNAMEs)-1] }

// resolved stands before the rules of ownership: where nobody said what is ours, none of them is judged.
func (j *judgement) resolved() outcome {
	switch {
	case j.known:
		return no("it is known what is ours")
	case len(j.a.Addrs) == 0:
		return no("no address")
	case j.count(partyPrivate) == len(j.a.Addrs):
		return no("only special-purpose addresses")
	}
	return yes(ReasonNone, "an address was found, and nothing says what is ours (see --ours)")
}

func (j *judgement) parked() outcome {
	switch {
	case len(j.a.Addrs) == 0:
		return no("no address")
	case j.count(partyOurs) < len(j.a.Addrs):
		return noFor(func(j *judgement) string {
			return fmt.Sprintf("%d of %d addresses are ours", j.count(partyOurs), len(j.a.Addrs))
		})
	}
	return yesFor(ReasonNone, func(j *judgement) string { return every(j.count(partyOurs)) + " ours" })
}

// every begins a sentence about all of n addresses.
func every(n int) string {
	if n == 1 {
		return "its one address is"
	}
	return fmt.Sprintf("all %d addresses are", n)
}

func (j *judgement) mixed() outcome {
	if j.count(partyOurs) == 0 {
		return no("no address is ours")
	}
	o4, o6 := j.counts[partyOurs][0], j.counts[partyOurs][1]
	rest4, rest6 := j.rest(0), j.rest(1)
	reason := ReasonSplit
	switch {
	case j.count(partyPrivate) > 0:
	case o4 > 0 && rest4 == 0 && o6 == 0:
		reason = ReasonIPv6Elsewhere
	case j.count(partyForeign) == 0:
		reason = ReasonOriginLeak
	case o6 > 0 && rest6 == 0 && o4 == 0:
		reason = ReasonIPv4Elsewhere
	}
	return yesFor(reason, share).becauseOf(share)
}

// rest counts the addresses of a family that are not ours.
func (j *judgement) rest(family int) int {
	return j.counts[partyEdge][family] + j.counts[partyPrivate][family] + j.counts[partyForeign][family]
}

// share tells how many addresses of each family are ours.
func share(j *judgement) string {
	o4, o6 := j.counts[partyOurs][0], j.counts[partyOurs][1]
	return fmt.Sprintf("%d of %d IPv4 and %d of %d IPv6 addresses are ours", o4, o4+j.rest(0), o6, o6+j.rest(1))
}

func (j *judgement) proxied() outcome {
	edges := j.count(partyEdge)
	switch {
	case len(j.a.Addrs) == 0:
		return no("no address")
	case j.cname != "":
		return yesFor(j.a.Proof.reason(j.a), func(j *judgement) string {
			return "the CNAME chain passes " + j.cname + ", a name of " + j.cnameProvider
		}).becauseOf(func(j *judgement) string {
			return j.cname + " is a name of " + j.cnameProvider + "; " + j.a.Proof.words(j.a, j.provider)
		})
	case edges == len(j.a.Addrs):
		return yesFor(j.a.Proof.reason(j.a), func(j *judgement) string {
			return "all addresses belong to the edge of " + j.provider
		}).becauseOf(func(j *judgement) string { return j.a.Proof.words(j.a, j.provider) })
	case j.count(partyForeign) > 0 && j.a.Proof.reason(j.a) == ReasonOurs:
		return yes(ReasonOurs, "our server answers behind addresses that are not known as any provider's").
			becauseOf(func(j *judgement) string { return j.a.Proof.words(j.a, j.provider) })
	case edges > 0:
		return noFor(func(j *judgement) string {
			return fmt.Sprintf("only %d of %d addresses belong to a known provider", j.count(partyEdge), len(j.a.Addrs))
		})
	}
	return no("no address and no CNAME of a known provider")
}

// maybeProxied tells that a name whose addresses are nobody's may be behind a proxy all the same, since its DNS is at the
// provider's: its addresses may be new ones, or a customer's own; "" where nothing says so.
func (j *judgement) maybeProxied(v Verdict) string {
	if v != Moved {
		return ""
	}
	ns, id, ok := j.n.providers.host(j.a.Nameservers)
	if !ok {
		return ""
	}
	hint := "the name server " + ns + " is " + id + "'s: it may be a proxy with addresses that we do not know"
	if j.a.Proof != nil {
		hint += "; " + j.a.Proof.words(j.a, id)
	}
	return hint
}

// MaybeProxied reports whether a name was judged to have moved, while its DNS is at a provider of proxies.
func (n *Networks) MaybeProxied(a *Answer, o *Ownership) bool {
	_, _, ok := n.providers.host(a.Nameservers)
	return ok && o.Verdict == Moved
}

func (j *judgement) onlyPrivate() outcome {
	if n := j.count(partyPrivate); n > 0 && n == len(j.a.Addrs) {
		return yesFor(ReasonNone, func(j *judgement) string { return every(j.count(partyPrivate)) + " special-purpose" })
	}
	return no("no, or not only, special-purpose addresses")
}

func (j *judgement) moved() outcome {
	if len(j.a.Addrs) == 0 {
		return no("no address")
	}
	if why := j.parkingPage(); why != "" {
		return yes(ReasonParking, why).because(why + ", which serves parking pages alone")
	}
	return yesFor(ReasonNone, func(j *judgement) string { return fmt.Sprintf("no address of %d is ours", len(j.a.Addrs)) })
}

func (j *judgement) broken() outcome {
	if j.a.Loop {
		return yes(ReasonLoop, "the CNAMEs go in a circle").because("the CNAME chain returns to itself or is longer than 16 names")
	}
	if fault := j.inquiry.Fault; fault != ReasonNone && dnssec(j) == "" {
		return yes(fault, "no name server of the domain gives an answer").becauseOf(blamed)
	}
	if j.a.A.Status.OK() || j.a.AAAA.Status.OK() {
		return no("the DNS answers")
	}
	if dnssec(j) != "" {
		return yes(ReasonDNSSECBogus, "DNSSEC validation fails").becauseOf(dnssec)
	}
	if e, ok := unreachable(j.a); ok {
		return yes(lameness(e), "no name server of the domain gives an answer").becauseOf(func(j *judgement) string {
			e, _ := unreachable(j.a)
			return resolverSays(e)
		})
	}
	return yes(ReasonServFail, "the resolver cannot get an answer").becauseOf(func(j *judgement) string {
		return fmt.Sprintf("the resolver answered %s for A and %s for AAAA", j.a.A.Status, j.a.AAAA.Status)
	})
}

// unreachable finds an EDE that says that the name servers of the domain give no answer (RFC 8914 §4.20-4.25).
func unreachable(a *Answer) (EDE, bool) {
	for _, e := range slices.Concat(a.A.EDE, a.AAAA.EDE) {
		if e.Code == 20 || e.Code == 22 || e.Code == 23 || e.Code == 24 {
			return e, true
		}
	}
	return EDE{}, false
}

// lameness refines an EDE about unusable name servers by the server's own words, where it has some.
func lameness(e EDE) Reason {
	text := strings.ToLower(e.Text)
	switch {
	case e.Code != 22 && e.Code != 23:
	case strings.Contains(text, "refused"):
		return ReasonRefused
	case strings.Contains(text, "timeout") || strings.Contains(text, "timed out") || strings.Contains(text, "time out"):
		return ReasonTimeout
	}
	return ReasonLame
}

// dnssec tells a DNSSEC failure by its EDE (RFC 8914 §4.2, 4.3, 4.6-4.13; 25 and 27 came later), or by the answer that comes once
// validation is switched off; "" is none.
func dnssec(j *judgement) string {
	for _, e := range slices.Concat(j.a.A.EDE, j.a.AAAA.EDE) {
		if e.Code == 1 || e.Code == 2 || (e.Code >= 5 && e.Code <= 12) || e.Code == 25 || e.Code == 27 {
			return resolverSays(e)
		}
	}
	if j.a.CheckingDisabled.Status.OK() {
		return "the name answers once DNSSEC validation is switched off (CD=1), and not with it"
	}
	return ""
}

func (j *judgement) noAddress() outcome {
	if j.a.absent() {
		return no("the name does not exist")
	}
	return yes(ReasonNone, "the name exists, without A or AAAA").becauseOf(func(j *judgement) string {
		return fmt.Sprintf("A %s, AAAA %s: the name exists and has no address", j.a.A.Status, j.a.AAAA.Status)
	})
}

func (j *judgement) nameMissing() outcome {
	if j.a.Wildcard && j.a.Apex.Status != StatusNXDomain {
		return yesFor(ReasonNone, func(j *judgement) string {
			return "no wildcard record answers for a random name below " + j.a.Name
		}).becauseOf(func(j *judgement) string { return "a random name below " + j.a.Name + " does not exist (NXDOMAIN)" })
	}
	if s := j.a.Apex.Status; s == StatusNoError || s == StatusNoData {
		return yesFor(ReasonNone, func(j *judgement) string {
			return j.a.Asked + " does not exist, " + j.a.Registrable + " is delegated"
		}).becauseOf(func(j *judgement) string {
			return j.a.Asked + " does not exist (NXDOMAIN), while its registrable domain " + j.a.Registrable + " does"
		})
	}
	return noFor(func(j *judgement) string {
		return fmt.Sprintf("the registrable domain %s is not known to exist (%s)", j.a.Registrable, j.a.Apex.Status)
	})
}

func (j *judgement) nothingSaid() outcome {
	return yesFor(ReasonNone, func(j *judgement) string {
		return fmt.Sprintf("it could not be told whether the registrable domain %s exists (%s)", j.a.Registrable, j.a.Apex.Status)
	}).becauseOf(func(j *judgement) string {
		return fmt.Sprintf("%s does not exist (NXDOMAIN), and whether its registrable domain does could not be told (%s)",
			j.a.Asked, cmp.Or(j.a.Apex.Status, "not asked"))
	})
}
