package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certscan/fixtures"
	"certscan/probe"
)

const (
	token    = "Zm9vYmFyYmF6cXV4-_01"
	proofAt  = "93.184.1.1"
	provenBy = "203.0.113.7"
)

// proofHandler answers as a web server of ours, and notes the nonces.
func proofHandler(nonces *sync.Map) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != probe.ProofPath || r.Host != "example.com" {
			http.NotFound(w, r)
			return
		}
		nonce := r.URL.Query().Get("nonce")
		if _, twice := nonces.LoadOrStore(nonce, true); twice {
			w.WriteHeader(http.StatusConflict)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s %s\n", token, nonce, provenBy) //nolint:errcheck // the client has gone
	}
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body) //nolint:errcheck // the client has gone
	}
}

func ask(t *testing.T, n *fixtures.Internet, edit func(*probe.Config)) probe.Proof {
	t.Helper()
	cfg := probe.Config{Dial: n.Dial, Timeout: 500 * time.Millisecond}
	if edit != nil {
		edit(&cfg)
	}
	p, err := probe.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.Prover(token)
	if err != nil {
		t.Fatal(err)
	}
	return q.Ask(t.Context(), probe.Target{Name: "example.com", Addr: netip.MustParseAddrPort(proofAt + ":443"), HTTP: true, HTTPPort: 80})
}

// brief tells a proof in short.
func brief(p *probe.Proof) string {
	if p.Err != nil {
		return string(p.Err.Step) + " " + string(p.Err.Code)
	}
	out := fmt.Sprint(p.Status)
	for _, f := range []struct {
		is   bool
		word string
	}{{p.Token, "token"}, {p.Nonce, "nonce"}, {p.Server.IsValid(), p.Server.String()}, {p.Challenge, "challenge"}, {p.Location != "", p.Location}, {p.Covered, "covered"}} {
		if f.is {
			out += " " + f.word
		}
	}
	return out
}

func TestProof(t *testing.T) {
	t.Parallel()
	old := strings.Repeat("0", 32)
	for name, c := range map[string]struct {
		https, plain http.HandlerFunc // nil: nothing listens
		fault        fixtures.SiteFault
		want         string
	}{
		"ours over TLS":                      {https: proofHandler(new(sync.Map)), want: "200 token nonce 203.0.113.7 covered"},
		"ours by plain HTTP alone":           {plain: proofHandler(new(sync.Map)), want: "200 token nonce 203.0.113.7"},
		"plain HTTP is not asked beside TLS": {https: says(404, ""), plain: proofHandler(new(sync.Map)), want: "404 covered"},
		"plain HTTP where TLS breaks off":    {https: says(200, ""), fault: fixtures.FaultEOFHTTP, plain: proofHandler(new(sync.Map)), want: "200 token nonce 203.0.113.7 covered"},
		"a cache":                            {https: says(200, token+" "+old+" "+provenBy), want: "200 token covered"},
		"a copy within a page":               {https: says(200, "<html><pre>"+token+"</pre>"), want: "200 token covered"},
		"an address that is none": {plain: func(w http.ResponseWriter, r *http.Request) {
			says(200, token+" "+r.URL.Query().Get("nonce")+" \x1b[31mred")(w, r)
		}, want: "200 token nonce"},
		"an ordinary page":                      {https: says(200, "welcome"), want: "200 covered"},
		"no such page":                          {https: says(404, "<html>not found"), want: "404 covered"},
		"a challenge by its header":             {https: says(403, "", "Cf-Mitigated", "challenge"), want: "403 challenge covered"},
		"a challenge by its words":              {https: says(200, "<title>DDoS-Guard</title>"), want: "200 challenge covered"},
		"a redirect to another host":            {https: says(301, "", "Location", "https://shop.example/x"), want: "301 https://shop.example/x covered"},
		"a redirect to another page":            {https: says(302, "", "Location", "/login"), want: "302 /login covered"},
		"a redirect in a circle":                {https: says(302, "", "Location", probe.ProofPath), want: "302 covered"},
		"a redirect from plain HTTP to silence": {plain: says(301, "", "Location", "https://example.com"+probe.ProofPath), want: "tls timeout"},
		"nobody listens":                        {want: "dial refused"},
		"endless":                               {https: says(200, strings.Repeat("x", 8<<10)), want: "200 covered"},
		"the token behind the limit":            {https: says(200, strings.Repeat("x", 8<<10)+token), want: "200 covered"},
		"an endless head":                       {https: says(200, ""), fault: fixtures.FaultEndlessHeader, want: "http eof covered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := fixtures.New(t)
			if c.https != nil {
				n.Serve(proofAt+":443", fixtures.Site{Names: []string{"example.com"}, Handler: c.https, Fault: c.fault})
			}
			if strings.Contains(name, "to silence") {
				n.Serve(proofAt+":443", fixtures.Site{Fault: fixtures.FaultSilent})
			}
			if c.plain != nil {
				n.ServeHTTP(proofAt+":80", c.plain)
			}
			p := ask(t, n, nil)
			if got := brief(&p); got != strings.TrimSuffix(c.want, " covered") && got != c.want {
				t.Errorf("%s, want %s (%+v)", got, c.want, p)
			}
			if p.Covered != strings.HasSuffix(c.want, "covered") {
				t.Errorf("covered: %v", p.Covered)
			}
		})
	}
}

// TestProofFollowsToHTTPS holds that plain HTTP of the same name may send to https, where a fresh nonce goes along.
func TestProofFollowsToHTTPS(t *testing.T) {
	t.Parallel()
	n := fixtures.New(t)
	var nonces sync.Map
	var asked atomic.Bool
	n.Serve(proofAt+":443", fixtures.Site{Names: []string{"example.com"}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asked.Swap(true) { // a redirect at the same place
			nonces.Store(r.URL.Query().Get("nonce"), true)
			http.Redirect(w, r, "https://example.com"+probe.ProofPath+"?again", http.StatusFound)
			return
		}
		proofHandler(&nonces)(w, r)
	})})
	if p := ask(t, n, nil); !p.Nonce || p.Status != http.StatusOK {
		t.Errorf("%+v", p)
	}
}

// TestProofKeepsTheRules holds that a proof dials no address that is forbidden, ends with its context, and works for a
// prober that stops at the certificate.
func TestProofKeepsTheRules(t *testing.T) {
	t.Parallel()
	n := fixtures.New(t)
	n.Serve(proofAt+":443", fixtures.Site{Names: []string{"example.com"}, Handler: proofHandler(new(sync.Map))})
	if p := ask(t, n, func(c *probe.Config) { c.Allow = func(netip.Addr) bool { return false } }); p.Err == nil || p.Err.Code != probe.CodeBlocked || len(n.Dials()) > 0 {
		t.Errorf("%+v, dials %v", p, n.Dials())
	}
	if p := ask(t, n, func(c *probe.Config) { c.Fast = true }); !p.Nonce {
		t.Errorf("fast: %+v", p)
	}
	n.Serve("93.184.1.2:443", fixtures.Site{Fault: fixtures.FaultSilent})
	p, err := probe.New(probe.Config{Dial: n.Dial, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.Prover(token)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := q.Ask(ctx, probe.Target{Name: "example.com", Addr: netip.MustParseAddrPort("93.184.1.2:443")})
	if got.Err == nil || got.Err.Code != probe.CodeCanceled {
		t.Errorf("%+v", got.Err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 129), "with blank 0123456789", "0123456789abcdef\n", "<0123456789abcdef>"} {
		if _, err := p.Prover(bad); err == nil {
			t.Errorf("%q was taken for a token", bad)
		}
	}
}
