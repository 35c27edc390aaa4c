package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// visit is the conversation of one probe: what is remembered from one connection to the next.
type visit struct {
	p        *Prober
	t        Target
	turn     *Turn
	patience time.Duration  // for each step
	jar      http.CookieJar // nil before the first cookie
	// ready is a session whose handshake is done and that was not used yet; nil otherwise.
	ready *session
	hello hello // what the server answered to
	// clientCert is set when the server asked for a client certificate.
	clientCert bool
	// get is set once HEAD was of no use: the rest is asked with GET.
	get bool
}

func newVisit(p *Prober, target Target, turn *Turn) *visit {
	return &visit{p: p, t: target, turn: turn, patience: p.patience(turn)}
}

// secure probes TLS, HTTP over it, and the redirect of plain HTTP beside it.
func (v *visit) secure(ctx context.Context) (*Handshake, *Exchange, *Error) {
	s, failed := v.shake(ctx)
	shown := v.p.handshake(s, v.t)
	if s == nil {
		return shown, nil, failed
	}
	var x *Exchange
	if failed == nil && s.tls != nil {
		v.ready, v.hello, v.clientCert = s, s.hello, s.clientCert
		if v.t.HTTP && s.seen.NegotiatedProtocol != "h2" { // we don't speak it: a server without HTTP/1.1 is up, and not asked
			x, failed = v.browse(ctx, v.home("https"))
			failed = asStep(failed, StepHTTP)
		}
		v.drop()
		shown.ClientCert = v.clientCert
	}
	if v.t.HTTPPort != 0 && x != nil && failed == nil {
		v.redirectOfPlain(ctx, x)
	}
	return shown, x, failed
}

// plain probes plain HTTP alone.
func (v *visit) plain(ctx context.Context) (*Exchange, *Error) {
	x, failed := v.browse(ctx, v.home("http"))
	if x != nil {
		x.RedirectsToHTTPS = new(bool)
		for _, location := range x.Redirects {
			*x.RedirectsToHTTPS = *x.RedirectsToHTTPS || isHTTPS(location)
		}
	}
	return x, failed
}

// redirectOfPlain asks plain HTTP whether it sends to https, and adds the answer to x. No answer adds nothing. It is
// asked only where the site answered over TLS: of one that did not, a redirect to it says nothing, and a silent server
// would hold the probe for two waits more.
func (v *visit) redirectOfPlain(ctx context.Context, x *Exchange) {
	beside := newVisit(v.p, v.t, v.turn)
	r, failed := beside.fetch(ctx, beside.home("http"))
	if failed != nil {
		return
	}
	sends := isHTTPS(r.redirect())
	x.RedirectsToHTTPS = &sends
}

// drop closes a session that nobody used.
func (v *visit) drop() {
	if v.ready != nil {
		v.ready.close(false)
		v.ready = nil
	}
}

// fetch asks for a URL: with HEAD, and with GET where the answer to HEAD cannot be taken for an answer.
func (v *visit) fetch(ctx context.Context, u *url.URL) (*response, *Error) {
	if !v.get {
		r, failed := v.ask(ctx, http.MethodHead, u)
		if failed == nil && !headRefused(r.status) {
			return r, nil
		}
		if failed != nil && (failed.Step == StepDial || failed.Code == CodeCanceled || v.refused(failed)) {
			return nil, failed
		}
		v.get = true
	}
	return v.ask(ctx, http.MethodGet, u)
}

// headRefused reports whether a status is one that servers give to HEAD alone.
func headRefused(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return status >= 500
}

// refused reports whether HTTP failed because we have no client certificate: in TLS 1.3 a server says so only after
// the handshake.
func (v *visit) refused(failed *Error) bool { return v.clientCert && demandsClientCert(failed) }

// ask sends one request and reads the head of its response, on a connection of its own.
func (v *visit) ask(ctx context.Context, method string, u *url.URL) (*response, *Error) {
	c, done, failed := v.connect(ctx, u)
	if failed != nil {
		return nil, failed
	}
	r, err := v.roundTrip(ctx, c, method, u)
	done(err == nil)
	if err != nil {
		return nil, v.p.failure(ctx, StepHTTP, err)
	}
	if len(r.cookies) > 0 {
		v.keep(u, r.cookies)
	}
	return r, nil
}

// connect returns a connection for a URL of the target, and the function that ends its use.
func (v *visit) connect(ctx context.Context, u *url.URL) (c net.Conn, done func(politely bool), failed *Error) {
	if u.Scheme == "http" {
		raw, failed := v.dial(ctx, v.t.plainPort())
		if failed != nil {
			return nil, nil, failed
		}
		raw.vigil = v.watch()
		return raw, func(bool) { _ = raw.Close() }, nil
	}
	s := v.ready
	v.ready = nil
	if s == nil {
		if s, failed = v.open(ctx, v.hello); failed != nil {
			return nil, nil, failed
		}
		if s.refused {
			v.clientCert = true
			return nil, nil, &Error{Step: StepHTTP, Code: CodeAlert, Detail: "certificate_required"}
		}
	}
	s.raw.vigil = v.watch()
	return s.tls, func(politely bool) {
		v.clientCert = v.clientCert || s.clientCert // what a renegotiation asked for, too
		s.close(politely)
	}, nil
}

// watch is the wait for a response: after a lease it holds up no other address, whether a first word has come or not. A server
// that could be dialled is given no more at once for being slow.
func (v *visit) watch() *vigil {
	silent := func() {
		v.turn.answered()
		v.turn.silent()
	}
	return &vigil{lease: lease, timeout: v.patience, silent: silent}
}

// roundTrip sends the request and reads the head of the response within the step's time.
func (v *visit) roundTrip(ctx context.Context, c net.Conn, method string, u *url.URL) (*response, error) {
	if err := c.SetDeadline(time.Now().Add(v.patience)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	req.Close = true
	req.Header.Set("User-Agent", v.p.config.UserAgent)
	req.Header.Set("Accept", "*/*")
	for _, cookie := range v.cookies(u) {
		req.AddCookie(cookie)
	}
	// Some servers answer before they have read, or refuse with an alert: what they said counts for more than that the
	// request could not be sent, and where they said nothing, reading tells so too.
	_ = req.Write(c)
	return readHead(c, method)
}

// keep remembers what the target set.
func (v *visit) keep(u *url.URL, cookies []*http.Cookie) {
	if v.jar == nil {
		v.jar, _ = cookiejar.New(nil) // fails never; no suffix list is needed for the cookies of a single host
	}
	v.jar.SetCookies(u, cookies)
}

// cookies returns what the target set for the URL, as far as any client would send it back.
func (v *visit) cookies(u *url.URL) []*http.Cookie {
	if v.jar == nil {
		return nil
	}
	size := 0
	cookies := v.jar.Cookies(u)
	for i, cookie := range cookies {
		if size += len(cookie.Name) + len(cookie.Value); size > 8<<10 {
			return cookies[:i]
		}
	}
	return cookies
}

// plainPort returns the port of plain HTTP.
func (t *Target) plainPort() uint16 {
	if t.PlainOnly && t.HTTPPort == 0 {
		return 80
	}
	return t.HTTPPort
}

// home returns the URL of the target's front page.
func (v *visit) home(scheme string) *url.URL {
	u := &url.URL{Scheme: scheme, Host: v.t.Name, Path: "/"}
	if port := v.t.port(scheme); port != usualPort(scheme) {
		u.Host = net.JoinHostPort(v.t.Name, port)
	}
	return u
}

// port returns the port that the target serves a scheme on; empty where it is not to be asked.
func (t *Target) port(scheme string) string {
	port := t.Addr.Port()
	switch {
	case scheme == "http":
		port = t.plainPort()
	case scheme != "https", t.PlainOnly:
		port = 0
	}
	if port == 0 {
		return ""
	}
	return strconv.Itoa(int(port))
}

func usualPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// asStep returns the error as one of another step.
func asStep(failed *Error, step Step) *Error {
	if failed == nil {
		return nil
	}
	return &Error{Step: step, Code: failed.Code, Detail: failed.Detail}
}

func isHTTPS(location string) bool {
	return len(location) >= 8 && strings.EqualFold(location[:8], "https://")
}
