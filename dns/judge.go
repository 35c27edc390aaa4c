package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Judge decides where a name stands, by the first rule that matches in the contract's order: invalid, unknown,
// dangling, parked, mixed, proxied, private; then, with a foreign address, expired, moved; without any, broken,
// no_address, name_missing, expired, on_hold, free, not_delegated. origin holds further addresses that are ours for this name alone. It is pure, and leaves
// out which rules were tried: [Networks.Tried] tells that, with the same input.
//
// free, expired and on_hold need the registry's word, and free that of the parent zone as well (a.Inquiry): until both
// were asked, a registrable domain that does not exist is not_delegated. What takes two resolvers ([Ownership.TakesTwo]) is
// low until one of another operator agrees, and unknown where it contradicts.
func (n *Networks) Judge(a *Answer, origin ...netip.Addr) Ownership {
	var said notes
	j := n.sort(a, origin, &said)
	o := Ownership{Confidence: High}
	for name, v := range j.tried() {
		if v.match {
			o.Verdict, o.Reason, o.Provider = Verdict(name), v.reason, j.provider
			said.sentence(v.evidence.of(j))
		}
	}
	for _, sentence := range j.inquiry.evidence() {
		said.sentence(sentence)
	}
	if o.Astray = j.astray(); a.Traps != nil && a.Traps.Wildcard != "" {
		said.sentence("any name below " + a.Traps.Wildcard + " leads to the same place, so that this one does proves nothing")
	}
	half, hint := half(a), j.maybeProxied(o.Verdict)
	said.sentence(half)
	said.sentence(hint)
	j.weigh(&o, half, &said)
	if hint != "" {
		o.Distrust("it may be behind a proxy")
	}
	o.Evidence = said.list
	return o
}

// weigh says how sure a verdict is, as far as one look can tell.
func (j *judgement) weigh(o *Ownership, half string, said *notes) {
	if o.Verdict == Unknown {
		o.Confidence = Low
	}
	o.Distrust(half)
	if j.inquiry.Overruled != "" {
		o.Distrust("the resolver was overruled")
		return
	}
	if !o.TakesTwo() {
		return
	}
	if agreed := j.agreed(); agreed != "" {
		said.sentence(agreed)
		return
	}
	alone := j.alone()
	said.sentence(alone)
	o.Distrust(alone)
}

// Distrust lowers the confidence for a reason; "" is none.
func (o *Ownership) Distrust(why string) {
	switch {
	case why == "":
		return
	case o.Doubt == "":
		o.Doubt = why
	default:
		o.Doubt += "; " + why
	}
	o.Confidence = Low
}

// Tried tells every rule that Judge tries for the same input, in that order, up to and including the one that matches.
func (n *Networks) Tried(a *Answer, origin ...netip.Addr) []Rule {
	var out []Rule
	j := n.sort(a, origin, new(notes))
	for name, v := range j.tried() {
		out = append(out, Rule{Name: name, Matched: v.match, Why: v.why.of(j)})
	}
	return out
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

// party says to whom an address belongs.
type party int

const (
	partyOurs party = iota
	partyEdge
	partyPrivate
	partyForeign
	parties // how many there are
)

// judgement is an Answer whose addresses are counted by whose they are.
type judgement struct {
	n                              *Networks
	a                              *Answer
	origin                         []netip.Addr    // ours for this name alone
	inquiry                        *Inquiry        // an empty one where nothing was asked
	known                          bool            // something says what is ours
	counts                         [parties][2]int // of IPv4 and of IPv6
	provider, cname, cnameProvider string
}

// sort counts the addresses and tells of each, and of the way to them.
func (n *Networks) sort(a *Answer, origin []netip.Addr, said *notes) *judgement {
	j := &judgement{n: n, a: a, origin: origin, inquiry: a.Inquiry, known: n.Known() || len(origin) > 0}
	if j.inquiry == nil {
		j.inquiry = noInquiry
	}
	said.room(len(a.Addrs))
	if len(a.CNAMEs) > 0 {
		said.sentence("CNAME " + a.Asked + " → " + strings.Join(a.CNAMEs, " → "))
	}
	for _, addr := range a.Addrs {
		j.counts[j.place(addr, origin, said)][family(addr)]++
		said.end()
	}
	if name, id, ok := n.providers.cname(a.CNAMEs); ok {
		j.cname, j.cnameProvider = name, id
		j.provider = id
	}
	if _, id, ok := n.providers.host(a.Nameservers); ok && j.provider == "" && a.Proof.Proven() {
		j.provider = id
	}
	if a.Dropped > 0 {
		said.sentence(strconv.Itoa(a.Dropped) + " more addresses were answered and left out")
	}
	return j
}

// place finds whose an address is, and says why.
func (j *judgement) place(addr netip.Addr, origin []netip.Addr, said *notes) party {
	kind := "A "
	if addr.Is6() {
		kind = "AAAA "
	}
	said.add(kind)
	said.address(addr)
	if p, ok := j.n.Ours(addr); ok {
		said.add(" is in ")
		said.prefix(p)
		said.add(", ours")
		return partyOurs
	}
	if slices.Contains(origin, addr) {
		said.add(" is this name's origin, ours")
		return partyOurs
	}
	if (j.known || !j.n.allowPrivate) && SpecialPurpose(addr) {
		said.add(" is a special-purpose address")
		return partyPrivate
	}
	if p, id, ok := j.n.providers.edge(addr); ok {
		j.provider = id
		said.add(" is in ")
		said.prefix(p)
		said.add(", the edge of ")
		said.add(id)
		return partyEdge
	}
	if j.known {
		said.add(" is not ours")
	} else {
		said.add(" was answered")
	}
	return partyForeign
}

// count returns how many addresses are somebody's.
func (j *judgement) count(p party) int { return j.counts[p][0] + j.counts[p][1] }

// notes are sentences that share one text, so that what every record shows costs two allocations.
type notes struct {
	text strings.Builder
	from int // where the sentence begins that has not ended
	list []string
}

// room makes room for a sentence on each of n addresses.
func (n *notes) room(addrs int) {
	const usual = len("A 255.255.255.255 is in 255.255.255.255/32, ours") + 8 // most are shorter
	n.text.Grow(usual * addrs)
	n.list = make([]string, 0, addrs+1)
}

func (n *notes) add(part string) { n.text.WriteString(part) }

func (n *notes) address(a netip.Addr) {
	var b [64]byte
	n.text.Write(a.AppendTo(b[:0]))
}

func (n *notes) prefix(p netip.Prefix) {
	var b [64]byte
	n.text.Write(p.AppendTo(b[:0]))
}

// end ends a sentence: what was added since the last one.
func (n *notes) end() {
	n.list = append(n.list, n.text.String()[n.from:])
	n.from = n.text.Len()
}

// sentence adds a whole one; "" is none.
func (n *notes) sentence(s string) {
	if s != "" {
		n.add(s)
		n.end()
	}
}

// half tells why the answer, as far as it goes, is not to be relied on: one family alone, or two that contradict
// each other.
func half(a *Answer) string {
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
