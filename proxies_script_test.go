package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"certscan/fixtures"
	"certscan/probe"
)

// What the stories about proxies need beside the rest: a proxy's edge, which is special-purpose as all of loopback is, and
// behind it our proof.
const (
	storyToken  = "Zm9vYmFyYmF6cXV4-_01"
	storyProxy  = "cdn.cloudflare.net"
	provenStory = "proven.example.test"
)

// proxiedZone holds the names behind the proxy.
const proxiedZone = `
proven  CNAME proven.cdn.cloudflare.net.
leased  CNAME leased.cdn.cloudflare.net.
copied  CNAME copied.cdn.cloudflare.net.
shut    CNAME shut.cdn.cloudflare.net.
`

// randomLoopback returns an address in 127.NET.0.0/16 that nobody else is likely to have.
func randomLoopback(net byte) netip.Addr {
	return netip.AddrFrom4([4]byte{127, net, byte(1 + rand.IntN(254)), byte(1 + rand.IntN(254))})
}

// serveProxy starts the edge, at an address in 127.41.0.0/16; our own server at 127.40.0.1 holds an expired certificate for the proven name.
func (lo *loopback) serveProxy(at func(string, uint16) string) error {
	n, edgeAddr := lo.net, randomLoopback(41).String()
	if err := n.Bind(edgeAddr, edgeAddr); err != nil {
		return err
	}
	n.Zone(storyProxy, "proven A "+edgeAddr+"\nleased A "+edgeAddr+"\ncopied A "+edgeAddr+"\nshut A "+edgeAddr)
	answer := func(status int, body func(r *http.Request) string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != probe.ProofPath {
				return
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body(r)) //nolint:errcheck // the client has gone
		})
	}
	site := func(name string, h http.Handler) fixtures.Site {
		return fixtures.Site{Names: []string{name}, Handler: h}
	}
	proof := answer(http.StatusOK, func(r *http.Request) string {
		return storyToken + " " + r.URL.Query().Get("nonce") + " 127.40.0.1\n"
	})
	nothing := func(*http.Request) string { return "" }
	n.Serve(at(edgeAddr, lo.tls), site(provenStory, proof), site("leased.example.test", answer(http.StatusNotFound, nothing)),
		site("copied.example.test", answer(http.StatusOK, func(*http.Request) string { return storyToken + " " + strings.Repeat("0", 32) + " 127.40.0.1\n" })),
		site("shut.example.test", answer(http.StatusForbidden, nothing)))
	expired := n.CA().Issue(fixtures.Leaf{Names: []string{provenStory}, NotBefore: time.Now().AddDate(0, -3, 0), NotAfter: time.Now().Add(-time.Hour)})
	n.Serve(at("127.40.0.1", lo.tls), fixtures.Site{Names: []string{provenStory}, Chain: expired, Handler: proof})
	return nil
}

// condition knows the conditions of stories: port443 is that this user may listen there.
func condition(cond string) (bool, error) {
	if cond != "port443" {
		return false, fmt.Errorf("no condition %q", cond)
	}
	ln, err := net.Listen("tcp", "127.43.0.1:443")
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE), nil
	}
	return true, ln.Close()
}

// serveVendors serves the lists that vendors publish, at port 443 of an address that nobody else has. It serves none where
// this user may not listen there. Fastly's host answers with a page.
func (lo *loopback) serveVendors() {
	addr := randomLoopback(43)
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 443)))
	if err != nil || ln.Close() != nil || lo.net.Bind(addr.String(), addr.String()) != nil {
		return
	}
	lists := map[string]http.Handler{}
	for host, body := range map[string]string{
		"www.cloudflare.com":      "",
		"api.fastly.com":          "<html>please sign in</html>",
		"ip-ranges.amazonaws.com": `{"prefixes":[{"ip_prefix":"13.32.0.0/12","service":"CLOUDFRONT"},{"ip_prefix":"18.160.0.0/12","service":"CLOUDFRONT"}],"ipv6_prefixes":[{"ipv6_prefix":"2600:9000::/28","service":"CLOUDFRONT"}]}`,
		"api.gcore.com":           `{"addresses":["93.184.9.9/32"],"addresses_v6":["2a03:90c0::8/128"]}`,
	} {
		lists[host] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text := body
			switch r.URL.Path {
			case "/ips-v4":
				text = "104.16.0.0/12\n172.64.0.0/13\n162.158.0.0/15\n"
			case "/ips-v6":
				text = "2606:4700::/32\n2400:cb00::/32\n2a06:98c0::/29\n"
			}
			fmt.Fprint(w, text) //nolint:errcheck // the client has gone
		})
	}
	at := netip.AddrPortFrom(addr, 443)
	for host, h := range lists {
		name, zone, _ := strings.Cut(host, ".")
		lo.net.Zone(zone, name+" A "+addr.String())
		lo.net.Serve(at.String(), fixtures.Site{Names: []string{host}, Handler: h})
	}
}
