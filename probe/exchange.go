package probe

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
)

const interimLimit = 5 // interim (1xx) responses skipped before the one that counts

// visit is the conversation of one probe: what is remembered from one connection to the next.
type visit struct {
	p   *Prober
	t   Target
	jar http.CookieJar
	// ready is a session whose handshake is done and that was not used yet; nil otherwise.
	ready *session
	hello hello // what the server answered to
	// clientCert is set when the server asked for a client certificate.
	clientCert bool
	// get is set once HEAD was of no use: the rest is asked with GET.
	get bool
}

// response is what is used of an HTTP response.
type response struct {
	method   string
	status   int
	location string // the Location header
	server   string // the Server header
	hsts     string // the first Strict-Transport-Security header
	cookies  []*http.Cookie
}

func newVisit(p *Prober, t Target) *visit {
	jar, _ := cookiejar.New(nil) // fails never; no suffix list is needed for the cookies of a single host
	return &visit{p: p, t: t, jar: jar}
}

// secure probes TLS, HTTP over it, and the redirect of plain HTTP beside it.
func (v *visit) secure(ctx context.Context) (*Handshake, *Exchange, *Error) {
	s, failed := v.p.secure(ctx, v.t)
	shown := v.p.handshake(s, v.t)
	if s == nil {
		return shown, nil, failed
	}
	var x *Exchange
	if failed == nil && !s.refused {
		v.ready, v.hello, v.clientCert = s, s.hello, s.clientCert
		if v.t.HTTP && s.seen.NegotiatedProtocol != "h2" { // we don't speak it: a server without HTTP/1.1 is up, and not asked
			x, failed = v.browse(ctx, v.home("https"))
			failed = asStep(failed, StepHTTP)
		}
		v.drop()
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
	beside := newVisit(v.p, v.t)
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
		v.ready.close(true)
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
	v.jar.SetCookies(u, r.cookies)
	return r, nil
}

// connect returns a connection for a URL of the target, and the function that closes it.
func (v *visit) connect(ctx context.Context, u *url.URL) (c net.Conn, done func(politely bool), failed *Error) {
	if u.Scheme == "http" {
		raw, failed := v.p.connect(ctx, v.t, v.t.plainPort())
		if failed != nil {
			return nil, nil, failed
		}
		return raw, func(bool) { _ = raw.Close() }, nil
	}
	s := v.ready
	v.ready = nil
	if s == nil {
		if s, failed = v.p.open(ctx, v.t, v.hello); failed != nil {
			return nil, nil, failed
		}
		if s.refused {
			v.clientCert = true
			return nil, nil, &Error{Step: StepHTTP, Code: CodeAlert, Detail: "certificate_required"}
		}
	}
	return s.tls, s.close, nil
}

// roundTrip sends the request and reads the head of the response within Config.Timeout.
func (v *visit) roundTrip(ctx context.Context, c net.Conn, method string, u *url.URL) (*response, error) {
	step, cancel := context.WithTimeout(ctx, v.p.config.Timeout)
	defer cancel()
	defer bind(step, c)()
	req, err := http.NewRequestWithContext(step, method, u.String(), nil)
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
	return readHead(c, req)
}

// readHead reads the head of the response to req, interim responses skipped, at most headLimit bytes. The body is left
// where it is.
func readHead(c io.Reader, req *http.Request) (*response, error) {
	source := &headReader{Reader: c, left: headLimit}
	buffered := bufio.NewReader(source)
	for range interimLimit + 1 {
		r, err := http.ReadResponse(buffered, req) //nolint:bodyclose // closing would read the body; the connection is closed instead
		switch {
		case err != nil:
			return nil, cmp.Or(source.err, err)
		case r.StatusCode >= 200:
			return newResponse(req.Method, r), nil
		}
	}
	return nil, errors.New("too many interim responses")
}

// headReader reads at most so many bytes, and remembers why it ended: net/http takes a line cut short for a malformed
// one, and forgets that the peer fell silent in it.
type headReader struct {
	io.Reader
	left int
	err  error
}

func (r *headReader) Read(b []byte) (n int, err error) {
	if r.left <= 0 {
		r.err = errFlood
		return 0, errFlood
	}
	n, err = r.Reader.Read(b[:min(len(b), r.left)])
	r.left -= n
	r.err = err
	return n, err
}

func newResponse(method string, r *http.Response) *response {
	return &response{
		method:   method,
		status:   r.StatusCode,
		location: r.Header.Get("Location"),
		server:   r.Header.Get("Server"),
		hsts:     r.Header.Get("Strict-Transport-Security"),
		cookies:  r.Cookies(),
	}
}

// cookies returns what the target set for the URL, as far as any client would send it back.
func (v *visit) cookies(u *url.URL) []*http.Cookie {
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
