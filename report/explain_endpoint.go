package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"certscan/triage"
)

// explainEndpoints writes what each address showed.
func explainEndpoints(p *page, f *triage.Facts) {
	if len(f.Probes) == 0 {
		p.heading("Endpoints: none was dialled")
		return
	}
	p.heading("Endpoints")
	for i := range f.Probes {
		explainEndpoint(p, f, i)
	}
}

func explainEndpoint(p *page, f *triage.Facts, i int) {
	o := &f.Probes[i]
	p.wrapped("  ", 4, fmt.Sprintf("%s port %d, %s, SNI %s, %s",
		o.Target.Addr.Addr(), o.Target.Addr.Port(), viaText(string(o.Target.Via)), o.Target.Name, short(o.Elapsed)))
	if e := o.Err; e != nil {
		p.line(4, "failed", failureText(string(e.Step), string(e.Code), e.Detail))
	}
	if o.TLS != nil {
		explainHandshake(p, f, i)
	}
	if o.HTTP != nil {
		explainHTTP(p, f, i)
	}
}

func explainHandshake(p *page, f *triage.Facts, i int) {
	h := f.Probes[i].TLS
	text := h.Version + ", " + h.Cipher
	if h.ALPN != "" {
		text += ", ALPN " + h.ALPN
	}
	if h.ClientCert {
		text += ", asked for a client certificate"
	}
	p.line(4, "TLS", text)
	if len(h.Untested) > 0 {
		p.line(4, "untested", strings.Join(h.Untested, ", "))
	}
	explainCertificate(p, f, i)
	chain := string(h.Trust)
	if h.TrustDetail != "" {
		chain += ": " + h.TrustDetail
	}
	p.line(4, "chain", fmt.Sprintf("%s (%s sent)", chain, Plural(len(h.Chain), "certificate")))
	for n := 1; n < len(h.Chain); n++ {
		c := &h.Chain[n]
		p.line(4, "", fmt.Sprintf("%d: %s, issued by %s, until %s", n, orNone(c.CommonName), orNone(c.Issuer), stamp(c.NotAfter)))
	}
	revocation := string(h.Revocation.Status)
	if h.Revocation.Via != "" {
		revocation += " by " + string(h.Revocation.Via) + ", " + stamp(h.Revocation.CheckedAt)
	}
	if h.Revocation.MustStaple {
		revocation += "; must-staple"
	}
	p.line(4, "revocation", revocation)
}

// explainCertificate writes the leaf.
func explainCertificate(p *page, f *triage.Facts, i int) {
	o := &f.Probes[i]
	if len(o.TLS.Chain) == 0 {
		return
	}
	c := &o.TLS.Chain[0]
	matches := "not covering "
	if o.TLS.NameMatches {
		matches = "covering "
	}
	p.line(4, "certificate", matches+o.Target.Name+"; names: "+cmp.Or(certificateNames(c.Names), "none"))
	p.line(4, "subject", "CN "+orNone(c.CommonName)+", issued by "+orNone(c.Issuer)+", serial "+c.Serial)
	p.line(4, "valid", fmt.Sprintf("%s to %s, %s days left of %s", stamp(c.NotBefore), stamp(c.NotAfter),
		daysCell(daysLeft(c.NotAfter, instant(f.At))), daysCell(daysLeft(c.NotAfter, c.NotBefore))))
	key := c.Key + ", signed with " + c.Signature
	if c.WeakKey {
		key += "; the key is weak"
	}
	if c.WeakSignature {
		key += "; the signature is weak"
	}
	p.line(4, "key", key)
	p.line(4, "SHA-256", c.SHA256)
}

func explainHTTP(p *page, f *triage.Facts, i int) {
	h := f.Probes[i].HTTP
	text := h.Method + " was answered with " + strconv.Itoa(h.Status)
	if h.Server != "" {
		text += " by " + h.Server
	}
	p.line(4, "HTTP", text)
	for _, location := range h.Redirects {
		p.line(4, "redirect", "to "+location)
	}
	if h.Loop {
		p.line(4, "loop", "the redirects go in a circle")
	}
	if h.RedirectsToHTTPS != nil {
		p.line(4, "plain HTTP", map[bool]string{true: "redirects to https", false: "does not redirect to https"}[*h.RedirectsToHTTPS])
	}
	if h.HSTSMaxAge != nil {
		p.line(4, "HSTS", strconv.FormatInt(*h.HSTSMaxAge, 10)+" seconds")
	}
}

// failureText tells a failed step in words: "dial: refused, the address is up and nothing listens there".
func failureText(step, code, detail string) string {
	text := step + ": " + strings.ReplaceAll(code, "_", " ")
	if meaning := failureMeaning(step, code); meaning != "" {
		text += ", " + meaning
	}
	if detail != "" {
		text += " (" + detail + ")"
	}
	return text
}

func failureMeaning(step, code string) string {
	switch code {
	case "refused":
		return "nothing listens on that port"
	case "timeout":
		return "no answer in time"
	case "reset":
		return "the connection was torn down"
	case "unreachable":
		return "the network says that there is no way there"
	case "eof":
		if step == "http" {
			return "there was no usable answer" // there may have been one that is not of HTTP, or never ends
		}
		return "the connection was closed without an answer"
	case "alert":
		return "the server refused the handshake"
	case "not_tls":
		return "what answered does not speak TLS"
	case "unsupported":
		return "the server uses something that we cannot judge"
	case "blocked":
		return "a special-purpose address, dialled only with --ours or --allow-private"
	case "no_route":
		return "this machine has no route for that kind of address"
	case "canceled":
		return "our own trouble or shutdown, not the server's"
	}
	return ""
}

func viaText(via string) string {
	switch via {
	case "dns":
		return "found in the DNS"
	case "origin":
		return "the origin behind the proxy"
	case "given":
		return "as given"
	case "last_known":
		return "where it was last"
	}
	return via
}

func orNone(s string) string { return cmp.Or(s, "(none)") }
