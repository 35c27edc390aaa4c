package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
)

// Proof is what servers answered when they were asked, by a name, for our proof: a location of our web servers that answers
// with a token of ours, the nonce of the request, and the server's address. Who asked has compared both.
type Proof struct {
	// Edge holds the answers at the addresses of the DNS.
	Edge []ProofAnswer
	// Origin holds those of our own servers, asked directly, where they serve the name: they tell whether the location is
	// installed at all.
	Origin []ProofAnswer
}

// ProofAnswer is what one address answered.
type ProofAnswer struct {
	Addr netip.Addr
	// Status is the HTTP status; 0 where no response was read.
	Status int
	// Token says that the body holds our token, Nonce that the nonce of this request follows it.
	Token, Nonce bool
	// Server is the address that our server told as its own; invalid where it told none.
	Server netip.Addr
	// Challenge says that the response is, or may be, a proxy's own: a page that wants a human or a browser.
	Challenge bool
	// RedirectHost is where a redirect that was not followed leads to, as an A-label name; empty for none.
	RedirectHost string
	// Trouble says why no response was read; remote text in it is hostile until sanitised.
	Trouble string
}

// kind is what an answer says of who is behind an address.
type proofKind int

const (
	proofNone     proofKind = iota // no response
	proofUnclear                   // the proxy's own words, or an error
	proofOrdinary                  // a site that does not know our proof
	proofCopy                      // our token without the nonce: a cache, or a copy of the answer
	proofOurs
)

// kind sorts an answer to a request by name. Only what a site itself says is ordinary: 2xx, 404 and 410, and a redirect to
// another domain; a redirect from one name to another of the same domain is made by many a proxy itself.
func (p *ProofAnswer) kind(registrable string) proofKind {
	switch {
	case p.Token && p.Nonce:
		return proofOurs
	case p.Token:
		return proofCopy
	case p.Status == 0:
		return proofNone
	case p.Challenge:
		return proofUnclear
	case p.Status >= 300 && p.Status < 400:
		if p.RedirectHost == "" || Registrable(p.RedirectHost) == registrable {
			return proofUnclear
		}
		return proofOrdinary
	case p.Status >= 200 && p.Status < 300, p.Status == 404, p.Status == 410:
		return proofOrdinary
	}
	return proofUnclear
}

// reason tells who answers behind a proxy: our server where one address shows token and nonce; somebody else's where a site
// answers that does not know them, nothing at any address speaks against it, and our own servers, where they serve the name
// and were asked directly, do know them. Everything else leaves it open.
func (p *Proof) reason(a *Answer) Reason {
	best, _ := p.telling(a)
	switch {
	case best == proofOurs:
		return ReasonOurs
	case best == proofOrdinary && (len(p.Origin) == 0 || p.installed()):
		return ReasonNotOurs
	}
	return ReasonUnverified
}

// telling finds the answer that counts: ours, else a copy, else one that is unclear, else an ordinary one.
func (p *Proof) telling(a *Answer) (proofKind, *ProofAnswer) {
	if p == nil {
		return proofNone, nil
	}
	var by [proofOurs + 1]*ProofAnswer
	for i := range p.Edge {
		if k := p.Edge[i].kind(a.Registrable); by[k] == nil {
			by[k] = &p.Edge[i]
		}
	}
	for _, k := range []proofKind{proofOurs, proofCopy, proofUnclear, proofOrdinary, proofNone} {
		if by[k] != nil {
			return k, by[k]
		}
	}
	return proofNone, nil
}

// installed reports whether one of our own servers answers with the proof when it is asked directly.
func (p *Proof) installed() bool {
	for i := range p.Origin {
		if p.Origin[i].Token && p.Origin[i].Nonce {
			return true
		}
	}
	return false
}

// WantsOrigin reports whether our own servers are to be asked directly as well: where a site answers that does not know our
// proof, they tell whether it is installed.
func (p *Proof) WantsOrigin(a *Answer) bool {
	best, _ := p.telling(a)
	return best == proofOrdinary && len(p.Origin) == 0
}

// Proven reports whether one of the answers shows that our server is behind it; nil has none.
func (p *Proof) Proven() bool {
	if p == nil {
		return false
	}
	for i := range p.Edge {
		if p.Edge[i].Token && p.Edge[i].Nonce {
			return true
		}
	}
	return false
}

// words tells in half a sentence what the proof came to.
func (p *Proof) words(a *Answer, provider string) string {
	kind, at := p.telling(a)
	behind := cmp.Or(provider, "the proxy")
	if at == nil {
		return "whether our origin answers behind " + behind + " was not tried"
	}
	switch kind {
	case proofOurs:
		by := "it did not say which"
		if at.Server.IsValid() {
			by = at.Server.String()
		}
		return fmt.Sprintf("our server answers behind %s with token and nonce (%s)", behind, by)
	case proofCopy:
		return fmt.Sprintf("%s answers with our token, but not with the nonce of this request: a cache, or a copy", at.Addr)
	case proofOrdinary:
		if len(p.Origin) > 0 && !p.installed() {
			return fmt.Sprintf("%s answers %s without our token, and neither does %s, asked directly, know it: the location is not installed there",
				at.Addr, at.status(), p.Origin[0].Addr)
		}
		return fmt.Sprintf("%s answers %s without our token: another server is behind %s", at.Addr, at.status(), behind)
	case proofUnclear:
		return fmt.Sprintf("%s answers %s, which does not tell who is behind %s", at.Addr, at.status(), behind)
	case proofNone:
	}
	return fmt.Sprintf("%s gives no answer to tell who is behind %s by (%s)", at.Addr, behind, cmp.Or(at.Trouble, "nothing came"))
}

func (p *ProofAnswer) status() string {
	text := fmt.Sprint(p.Status)
	switch {
	case p.Challenge:
		return text + " with a page for humans"
	case p.RedirectHost != "":
		return text + " to " + strings.ToLower(p.RedirectHost)
	}
	return text
}
