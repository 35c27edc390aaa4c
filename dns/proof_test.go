package dns

import (
	"net/netip"
	"strings"
	"testing"
)

// proofs is an edit that puts answers of edges into an Answer.
func proofs(edge ...ProofAnswer) func(*Answer) {
	for i := range edge {
		edge[i].Addr = netip.MustParseAddr(edge4)
	}
	return func(a *Answer) { a.Proof = &Proof{Edge: edge} }
}

// atOrigin is an edit that adds answers of our own servers.
func atOrigin(origin ...ProofAnswer) func(*Answer) {
	for i := range origin {
		origin[i].Addr = netip.MustParseAddr(ours4)
	}
	return func(a *Answer) { a.Proof.Origin = origin }
}

func hosted(nameservers ...string) func(*Answer) {
	return func(a *Answer) { a.Nameservers = nameservers }
}

// confirmed is an edit with which a resolver of another operator says the same.
func confirmed(a *Answer) {
	a.Inquiry = &Inquiry{Second: Second{State: SecondAnswered, A: a.A.Status, AAAA: a.AAAA.Status, Addrs: a.Addrs}}
}

var (
	seen        = ProofAnswer{Status: 200, Token: true, Nonce: true, Server: netip.MustParseAddr(ours4)}
	copied      = ProofAnswer{Status: 200, Token: true}
	notFound    = ProofAnswer{Status: 404}
	welcome     = ProofAnswer{Status: 200}
	forbidden   = ProofAnswer{Status: 403}
	unavailable = ProofAnswer{Status: 503}
	challenge   = ProofAnswer{Status: 200, Challenge: true}
	noReply     = ProofAnswer{Trouble: "timeout"}
)

type proofCase struct {
	row  string
	a    Answer
	want string // verdict/reason provider confidence
	says string
}

func judgeProofs(t *testing.T, cases []proofCase) {
	t.Helper()
	n := testNetworks()
	for _, c := range cases {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			o := n.Judge(&c.a)
			got := strings.TrimSuffix(string(o.Verdict)+"/"+string(o.Reason), "/")
			if o.Provider != "" {
				got += " " + o.Provider
			}
			if got += " " + string(o.Confidence); got != c.want {
				t.Errorf("got %s, want %s; evidence %q", got, c.want, o.Evidence)
			}
			if !strings.Contains(strings.Join(o.Evidence, "\n"), c.says) {
				t.Errorf("evidence %q does not say %q", o.Evidence, c.says)
			}
		})
	}
}

// TestRow3GreyCloud: a name server of a CDN with A ours is DNS hosted there, and parked.
func TestRow3GreyCloud(t *testing.T) {
	t.Parallel()
	judgeProofs(t, []proofCase{
		{"Cloudflare", answer(ours4, hosted("ada.ns.cloudflare.com")), "parked high", "ours"},
		{"DDoS-Guard", answer(ours4+" "+ours6, hosted("ns1.ddos-guard.net")), "parked high", "ours"},
	})
}

// TestRow6: A none of ours, AAAA ours.
func TestRow6(t *testing.T) {
	t.Parallel()
	judgeProofs(t, []proofCase{
		{"A foreign", answer(foreign4 + " " + ours6), "mixed/ipv4_elsewhere high", "is not ours"},
		{"A at an edge: the origin leaks", answer(edge4 + " " + ours6), "mixed/origin_leak cloudflare high", "edge of cloudflare"},
		{"a proof is no part of it", answer(edge4+" "+ours6, proofs(seen)), "mixed/origin_leak cloudflare high", ""},
	})
}

// TestRow7: some addresses at an edge, some ours.
func TestRow7(t *testing.T) {
	t.Parallel()
	judgeProofs(t, []proofCase{{"one of each", answer(edge4 + " " + ours4), "mixed/origin_leak cloudflare high", "1 of 2 IPv4"}})
}

// TestRow8 has the three outcomes of asking for the proof behind a proxy.
func TestRow8(t *testing.T) {
	t.Parallel()
	redirect := func(host string) ProofAnswer { return ProofAnswer{Status: 301, RedirectHost: host} }
	judgeProofs(t, []proofCase{
		{"ours", answer(edge4, proofs(seen)), "proxied/ours cloudflare high", "our server answers behind cloudflare with token and nonce (203.0.113.7)"},
		{"ours at the second address", answer(edge4+" "+edge6, proofs(noReply, seen)), "proxied/ours cloudflare high", ""},
		{"ours beside an ordinary answer", answer(edge4, proofs(notFound, seen)), "proxied/ours cloudflare high", ""},
		{"ours, by CNAME", answer(foreign4, cname("d1.cloudfront.net"), proofs(seen)), "proxied/ours cloudfront high", "d1.cloudfront.net is a name of cloudfront; our server"},
		{"not ours: 404", answer(edge4, proofs(notFound)), "proxied/not_ours cloudflare high", "404 without our token"},
		{"not ours: 410", answer(edge4, proofs(ProofAnswer{Status: 410})), "proxied/not_ours cloudflare high", ""},
		{"not ours: 200", answer(edge4, proofs(welcome)), "proxied/not_ours cloudflare high", ""},
		{"not ours: a redirect to another domain", answer(edge4, proofs(redirect("shop.example"))), "proxied/not_ours cloudflare high", "301 to shop.example"},
		{"not ours at one address, silence at the other", answer(edge4, proofs(noReply, notFound)), "proxied/not_ours cloudflare high", ""},
		{"not ours, and our origin knows the proof", answer(edge4, proofs(notFound), atOrigin(seen)), "proxied/not_ours cloudflare high", ""},
		{"unverified: nobody asked", answer(edge4), "proxied/unverified cloudflare high", "was not tried"},
		{"unverified: the location is not installed", answer(edge4, proofs(notFound), atOrigin(notFound)), "proxied/unverified cloudflare high", "not installed there"},
		{"unverified: our origin is silent", answer(edge4, proofs(notFound), atOrigin(noReply)), "proxied/unverified cloudflare high", ""},
		{"unverified: a copy", answer(edge4, proofs(copied)), "proxied/unverified cloudflare high", "a cache, or a copy"},
		{"unverified: a copy beside an ordinary answer", answer(edge4, proofs(notFound, copied)), "proxied/unverified cloudflare high", "a cache, or a copy"},
		{"unverified: 403", answer(edge4, proofs(forbidden)), "proxied/unverified cloudflare high", "403"},
		{"unverified: 429", answer(edge4, proofs(ProofAnswer{Status: 429})), "proxied/unverified cloudflare high", ""},
		{"unverified: 503", answer(edge4, proofs(unavailable)), "proxied/unverified cloudflare high", ""},
		{"unverified: 503 beside 404", answer(edge4, proofs(unavailable, notFound)), "proxied/unverified cloudflare high", ""},
		{"unverified: a challenge", answer(edge4, proofs(challenge)), "proxied/unverified cloudflare high", "page for humans"},
		{"unverified: a redirect within the domain", answer(edge4, proofs(redirect("shop.example.test"))), "proxied/unverified cloudflare high", ""},
		{"unverified: a redirect to nowhere", answer(edge4, proofs(redirect(""))), "proxied/unverified cloudflare high", ""},
		{"unverified: no answer", answer(edge4, proofs(noReply)), "proxied/unverified cloudflare high", "(timeout)"},
	})
}

// TestNameServersAreAHint: those of a CDN before a foreign address may be a proxy with addresses that no list has.
func TestNameServersAreAHint(t *testing.T) {
	t.Parallel()
	at := hosted("ada.ns.cloudflare.com")
	judgeProofs(t, []proofCase{
		{"moved, low", answer(foreign4, at, confirmed), "moved low", "may be a proxy with addresses that we do not know"},
		{"moved, another's name servers", answer(foreign4, hosted("ns1.host.example"), confirmed), "moved high", "not ours"},
		{"proven", answer(foreign4, at, proofs(seen)), "proxied/ours cloudflare high", "our server answers behind cloudflare"},
		{"an ordinary answer", answer(foreign4, at, confirmed, proofs(notFound)), "moved low", "404 without our token"},
		{"no edge, but a proof: no provider", answer(foreign4, proofs(seen)), "proxied/ours high", "behind the proxy"},
		{"special-purpose addresses prove nothing", answer("10.0.0.1", at, proofs(seen)), "private cloudflare high", ""},
	})
	n := testNetworks()
	a := answer(foreign4, at)
	if o := n.Judge(&a); !n.MaybeProxied(&a, &o) {
		t.Error("it is to be asked for the proof")
	}
}

// TestBothWorlds: an address from which a proxy connects to origins is no edge of it, wherever else it stands.
func TestBothWorlds(t *testing.T) {
	t.Parallel()
	all, err := parseProviders("[a]\norigin_src 93.184.1.0/24 93.184.2.0/24\n[b]\nedge 93.184.2.0/24\norigin_src 93.184.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	n := testNetworks()
	n.providers = newProviders(all)
	judge := func(addr string) string {
		a := answer(addr)
		o := n.Judge(&a)
		return string(o.Verdict) + " " + o.Provider
	}
	if got := judge("93.184.1.1"); got != "moved " {
		t.Errorf("an origin source alone: %s", got)
	}
	if got := judge("93.184.2.1"); got != "proxied b" {
		t.Errorf("an edge of one that is an origin source as well: %s", got)
	}
	for _, text := range []string{"45.10.240.1", "185.178.209.197", "185.94.108.9"} {
		a := answer(text)
		if o := testNetworks().Judge(&a); o.Verdict != Moved {
			t.Errorf("%s of the built-in table: %s", text, o.Verdict)
		}
	}
}
