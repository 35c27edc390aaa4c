package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Judge decides where a name stands, by the first rule that matches in the contract's order: invalid, unknown,
// dangling, parked, mixed, proxied, private; then, with a foreign address, moved; without any, broken, no_address,
// name_missing, not_delegated. origin holds further addresses that are ours for this name alone. It is pure.
//
// free, expired and on_hold need the registry's word: until it was asked, a registrable domain that does not exist
// is not_delegated.
func (n *Networks) Judge(a Answer, origin ...netip.Addr) Ownership {
	j := n.sort(a, origin)
	o := Ownership{Confidence: High}
	for _, r := range rules {
		v := r.judge(j)
		o.Tried = append(o.Tried, Rule{Name: r.name, Matched: v.match, Why: v.why})
		if !v.match {
			continue
		}
		o.Verdict, o.Reason, o.Provider = v.verdict, v.reason, j.provider
		o.Evidence = append(j.evidence(), v.evidence...)
		break
	}
	if o.Verdict == Unknown {
		o.Confidence = Low
	}
	if j.doubt != "" {
		o.Confidence = Low
		o.Evidence = append(o.Evidence, j.doubt)
	}
	return o
}

// InvalidName is the Ownership of a name that was read and cannot be asked for.
func InvalidName(why string) Ownership {
	return Ownership{
		Verdict: Invalid, Confidence: High, Evidence: []string{why},
		Tried: []Rule{{Name: string(Invalid), Matched: true, Why: why}},
	}
}

// CannotTell is the Ownership of a name that was not asked for, with the reason.
func CannotTell(why string) Ownership {
	return Ownership{
		Verdict: Unknown, Confidence: Low, Evidence: []string{why},
		Tried: []Rule{{Name: string(Unknown), Matched: true, Why: why}},
	}
}

// judgement is an Answer with its addresses sorted by whose they are.
type judgement struct {
	n                              *Networks
	a                              *Answer
	known                          bool // something says what is ours
	ours, edge, private, foreign   []netip.Addr
	words                          []string // a sentence for each address
	provider, cname, cnameProvider string
	doubt                          string // why confidence is low
}

func (n *Networks) sort(a Answer, origin []netip.Addr) *judgement {
	j := &judgement{n: n, a: &a, known: n.Known() || len(origin) > 0}
	for _, addr := range a.Addrs {
		j.place(addr, origin)
	}
	if name, id, ok := n.providers.cname(a.CNAMEs); ok {
		j.cname, j.cnameProvider = name, id
		j.provider = id
	}
	j.doubt = doubt(&a)
	return j
}

func (j *judgement) place(addr netip.Addr, origin []netip.Addr) {
	kind := "A"
	if addr.Is6() {
		kind = "AAAA"
	}
	if p, ok := j.n.Ours(addr); ok {
		j.ours = append(j.ours, addr)
		j.words = append(j.words, fmt.Sprintf("%s %s is in %s, ours", kind, addr, p))
		return
	}
	if slices.Contains(origin, addr) {
		j.ours = append(j.ours, addr)
		j.words = append(j.words, fmt.Sprintf("%s %s is this name's origin, ours", kind, addr))
		return
	}
	if SpecialPurpose(addr) && (j.known || !j.n.allowPrivate) {
		j.private = append(j.private, addr)
		j.words = append(j.words, fmt.Sprintf("%s %s is a special-purpose address", kind, addr))
		return
	}
	if p, id, ok := j.n.providers.edge(addr); ok {
		j.edge = append(j.edge, addr)
		j.provider = id
		j.words = append(j.words, fmt.Sprintf("%s %s is in %s, the edge of %s", kind, addr, p, id))
		return
	}
	j.foreign = append(j.foreign, addr)
	if j.known {
		j.words = append(j.words, fmt.Sprintf("%s %s is not ours", kind, addr))
	} else {
		j.words = append(j.words, fmt.Sprintf("%s %s was answered", kind, addr))
	}
}

// doubt tells why the answer, as far as it goes, is not to be relied on: one family alone, or two that contradict
// each other.
func doubt(a *Answer) string {
	if a.A.Status == StatusCanceled || a.AAAA.Status == StatusCanceled || a.A.Status.OK() == a.AAAA.Status.OK() {
		if len(a.Addrs) > 0 && (a.A.Status == StatusNXDomain || a.AAAA.Status == StatusNXDomain) {
			return "one address family says that the name does not exist, the other has addresses: the name servers are at odds with RFC 8020"
		}
		return ""
	}
	failed, status, good := "AAAA", a.AAAA.Status, "A"
	if !a.A.Status.OK() {
		failed, status, good = "A", a.A.Status, "AAAA"
	}
	return fmt.Sprintf("%s could not be had (%s), so this rests on %s alone", failed, status, good)
}

// evidence returns what is said of the addresses, and of what was left out.
func (j *judgement) evidence() []string {
	out := slices.Clone(j.words)
	if len(j.a.CNAMEs) > 0 {
		out = append([]string{"CNAME " + j.a.Asked + " → " + strings.Join(j.a.CNAMEs, " → ")}, out...)
	}
	if j.a.Dropped > 0 {
		out = append(out, fmt.Sprintf("%d more addresses were answered and left out", j.a.Dropped))
	}
	return out
}

// outcome is what one rule says.
type outcome struct {
	match    bool
	why      string
	verdict  Verdict
	reason   Reason
	evidence []string
}

func no(format string, args ...any) outcome { return outcome{why: fmt.Sprintf(format, args...)} }

func yes(v Verdict, r Reason, format string, args ...any) outcome {
	return outcome{match: true, verdict: v, reason: r, why: fmt.Sprintf(format, args...)}
}

func (o outcome) because(evidence ...string) outcome {
	o.evidence = evidence
	return o
}

// rules is the order of the verdicts. The last one always matches.
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
	{"moved", (*judgement).moved},
	{"broken", (*judgement).broken},
	{"no_address", (*judgement).noAddress},
	{"name_missing", (*judgement).nameMissing},
	{"not_delegated", (*judgement).notDelegated},
	{"unknown", (*judgement).nothingSaid},
}

func (j *judgement) unknown() outcome {
	a4, a6 := j.a.A, j.a.AAAA
	switch {
	case a4.Status == StatusCanceled || a6.Status == StatusCanceled:
		return yes(Unknown, ReasonNone, "the run was cut").because("the run was cut before the name was finished")
	case len(j.a.Addrs) > 0 || a4.Status.OK() || a6.Status.OK() || j.a.Loop:
		return no("a resolver answered")
	case a4.Status == StatusServFail || a6.Status == StatusServFail:
		if e, ok := policy(a4, a6); ok {
			return yes(Unknown, ReasonNone, "the resolver withholds the answer by its own policy").because(e)
		}
		return no("a resolver answered (with SERVFAIL)")
	case a4.Status == StatusTimeout && a6.Status == StatusTimeout:
		return yes(Unknown, ReasonNone, "no resolver answered").because(
			fmt.Sprintf("no resolver answered for this name in %d tries each for A and AAAA%s", max(a4.Attempts, a6.Attempts), aside(a4.Trouble, a6.Trouble)))
	}
	return yes(Unknown, ReasonNone, "the resolver would not answer").because(
		fmt.Sprintf("the resolver answered %s for A and %s for AAAA, which says nothing of the name%s", a4.Status, a6.Status, aside(a4.Trouble, a6.Trouble)))
}

// aside adds the first of our own troubles in brackets.
func aside(troubles ...string) string {
	if t := cmp.Or(troubles...); t != "" {
		return " (" + t + ")"
	}
	return ""
}

// policy finds the EDE codes with which a resolver says that it is its own policy to hide a name (RFC 8914 §4.16-4.19).
func policy(replies ...Reply) (string, bool) {
	for _, r := range replies {
		for _, e := range r.EDE {
			if e.Code >= 15 && e.Code <= 18 {
				return "the resolver says: " + e.String(), true
			}
		}
	}
	return "", false
}

func (j *judgement) dangling() outcome {
	if len(j.a.CNAMEs) == 0 {
		return no("no CNAME")
	}
	if j.a.absent() {
		target := j.a.CNAMEs[len(j.a.CNAMEs)-1]
		return yes(Dangling, ReasonNone, "the CNAME chain ends in %s, which does not exist", target).
			because(target + " does not exist (NXDOMAIN)")
	}
	return no("the end of the CNAME chain exists")
}

// resolved stands before the rules of ownership: where nobody said what is ours, none of them is judged.
func (j *judgement) resolved() outcome {
	switch {
	case j.known:
		return no("it is known what is ours")
	case len(j.a.Addrs) == 0:
		return no("no address")
	case len(j.private) == len(j.a.Addrs):
		return no("only special-purpose addresses")
	}
	return yes(Resolved, ReasonNone, "an address was found, and nothing says what is ours (see --ours)")
}

func (j *judgement) parked() outcome {
	switch {
	case len(j.a.Addrs) == 0:
		return no("no address")
	case len(j.ours) < len(j.a.Addrs):
		return no("%d of %d addresses are ours", len(j.ours), len(j.a.Addrs))
	}
	return yes(Parked, ReasonNone, "%s ours", every(len(j.ours)))
}

// every begins a sentence about all of n addresses.
func every(n int) string {
	if n == 1 {
		return "its one address is"
	}
	return fmt.Sprintf("all %d addresses are", n)
}

func (j *judgement) mixed() outcome {
	if len(j.ours) == 0 {
		return no("no address is ours")
	}
	count := func(addrs []netip.Addr, six bool) (n int) {
		for _, a := range addrs {
			if a.Is6() == six {
				n++
			}
		}
		return n
	}
	o4, o6 := count(j.ours, false), count(j.ours, true)
	rest4, rest6 := count(j.a.Addrs, false)-o4, count(j.a.Addrs, true)-o6
	why := fmt.Sprintf("%d of %d IPv4 and %d of %d IPv6 addresses are ours", o4, o4+rest4, o6, o6+rest6)
	reason := ReasonSplit
	switch {
	case len(j.private) > 0:
	case o4 > 0 && rest4 == 0 && o6 == 0:
		reason = ReasonIPv6Elsewhere
	case len(j.foreign) == 0:
		reason = ReasonOriginLeak
	case o6 > 0 && rest6 == 0 && o4 == 0:
		reason = ReasonIPv4Elsewhere
	}
	return yes(Mixed, reason, "%s", why).because(why)
}

func (j *judgement) proxied() outcome {
	switch {
	case len(j.a.Addrs) == 0:
		return no("no address")
	case j.cname != "":
		return yes(Proxied, ReasonUnverified, "the CNAME chain passes %s, a name of %s", j.cname, j.cnameProvider).
			because(fmt.Sprintf("%s is a name of %s; whether our origin answers behind it was not tried", j.cname, j.cnameProvider))
	case len(j.edge) == len(j.a.Addrs):
		return yes(Proxied, ReasonUnverified, "all addresses belong to the edge of %s", j.provider).
			because("whether our origin answers behind " + j.provider + " was not tried")
	case len(j.edge) > 0:
		return no("only %d of %d addresses belong to a known provider", len(j.edge), len(j.a.Addrs))
	}
	return no("no address and no CNAME of a known provider")
}

func (j *judgement) onlyPrivate() outcome {
	if len(j.private) > 0 && len(j.private) == len(j.a.Addrs) {
		return yes(Private, ReasonNone, "%s special-purpose", every(len(j.private)))
	}
	return no("no, or not only, special-purpose addresses")
}

func (j *judgement) moved() outcome {
	if len(j.a.Addrs) == 0 {
		return no("no address")
	}
	return yes(Moved, ReasonNone, "no address of %d is ours", len(j.a.Addrs))
}

func (j *judgement) broken() outcome {
	if j.a.Loop {
		return yes(Broken, ReasonLoop, "the CNAMEs go in a circle").because("the CNAME chain returns to itself or is longer than 16 names")
	}
	if j.a.A.Status.OK() || j.a.AAAA.Status.OK() {
		return no("the DNS answers")
	}
	if why, ok := dnssec(j.a); ok {
		return yes(Broken, ReasonDNSSECBogus, "DNSSEC validation fails").because(why)
	}
	for _, e := range slices.Concat(j.a.A.EDE, j.a.AAAA.EDE) {
		if e.Code == 20 || e.Code == 22 || e.Code == 23 || e.Code == 24 {
			return yes(Broken, lameness(e), "no name server of the domain gives an answer").because("the resolver says: " + e.String())
		}
	}
	return yes(Broken, ReasonServFail, "the resolver cannot get an answer").
		because(fmt.Sprintf("the resolver answered %s for A and %s for AAAA", j.a.A.Status, j.a.AAAA.Status))
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

// dnssec tells a DNSSEC failure by its EDE (RFC 8914 §4.2, 4.3, 4.6-4.13), or by the answer that comes once
// validation is switched off.
func dnssec(a *Answer) (string, bool) {
	for _, e := range slices.Concat(a.A.EDE, a.AAAA.EDE) {
		if e.Code == 1 || e.Code == 2 || (e.Code >= 5 && e.Code <= 12) || e.Code == 27 {
			return "the resolver says: " + e.String(), true
		}
	}
	if a.CheckingDisabled.Status.OK() {
		return "the name answers once DNSSEC validation is switched off (CD=1), and not with it", true
	}
	return "", false
}

func (j *judgement) noAddress() outcome {
	if j.a.absent() {
		return no("the name does not exist")
	}
	return yes(NoAddress, ReasonNone, "the name exists, without A or AAAA").
		because(fmt.Sprintf("A %s, AAAA %s: the name exists and has no address", j.a.A.Status, j.a.AAAA.Status))
}

func (j *judgement) nameMissing() outcome {
	if j.a.Wildcard && j.a.Apex.Status != StatusNXDomain {
		return yes(NameMissing, ReasonNone, "no wildcard record answers for a random name below %s", j.a.Name).
			because("a random name below " + j.a.Name + " does not exist (NXDOMAIN)")
	}
	if s := j.a.Apex.Status; s == StatusNoError || s == StatusNoData {
		return yes(NameMissing, ReasonNone, "%s does not exist, %s is delegated", j.a.Asked, j.a.Registrable).
			because(fmt.Sprintf("%s does not exist (NXDOMAIN), while its registrable domain %s does", j.a.Asked, j.a.Registrable))
	}
	return no("the registrable domain %s is not known to exist (%s)", j.a.Registrable, j.a.Apex.Status)
}

func (j *judgement) notDelegated() outcome {
	if j.a.Apex.Status != StatusNXDomain {
		return no("the registrable domain %s was not said to be missing (%s)", j.a.Registrable, j.a.Apex.Status)
	}
	return yes(NotDelegated, ReasonNone, "the registrable domain %s does not exist", j.a.Registrable).
		because(fmt.Sprintf("the registrable domain %s does not exist in the DNS (NXDOMAIN); the registry was not asked, so it is not called free", j.a.Registrable))
}

func (j *judgement) nothingSaid() outcome {
	return yes(Unknown, ReasonNone, "it could not be told whether the registrable domain %s exists (%s)", j.a.Registrable, j.a.Apex.Status).
		because(fmt.Sprintf("%s does not exist (NXDOMAIN), and whether its registrable domain does could not be told (%s)", j.a.Asked, cmp.Or(j.a.Apex.Status, "not asked")))
}
