package probe

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// ProofPath is where our web servers answer with the proof: one line of text, "TOKEN NONCE SERVER_ADDRESS".
const ProofPath = "/.well-known/certscan"

const (
	proofBodyMax      = 4 << 10 // bytes of a body that are read
	proofRedirectsMax = 5
	nonceBytes        = 16
)

var errToken = errors.New("want at least 16 and at most 128 of the characters A-Z a-z 0-9 _ -")

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// Prover asks servers for our proof. It may be used from many goroutines at once, and shares the limits of its Prober.
type Prover struct {
	p     *Prober
	token string
}

// CheckToken says what a token lacks; nil for a good one.
func CheckToken(token string) error {
	if !tokenForm.MatchString(token) {
		return errToken
	}
	return nil
}

// Prover returns who asks for the proof with our token, which everybody may know. The error is that of [CheckToken].
func (p *Prober) Prover(token string) (*Prover, error) {
	if err := CheckToken(token); err != nil {
		return nil, err
	}
	own := *p // what it points to is shared
	own.config.Fast = false
	return &Prover{&own, token}, nil
}

// Proof is what one address answered when it was asked for our proof. It is read-only once returned.
type Proof struct {
	Target Target
	At     time.Time // when it was asked, UTC
	// Err is why no response was read; nil for one.
	Err    *Error
	Status int  // of the last response
	Token  bool // the body holds our token
	Nonce  bool // it begins with our token and the nonce of this request
	// Server is the address that the body tells behind both; invalid where it tells none.
	Server netip.Addr
	// Location is where a redirect leads to that was not followed, at most 2048 bytes; hostile until sanitised.
	Location string
	// Challenge says that the response looks like a proxy's own, which wants a human or a browser.
	Challenge bool
	// Covered says that a certificate was seen which covers the name.
	Covered bool
}

// Ask asks the target's address for the proof, with its name as SNI and Host: over TLS, and where no response comes by
// plain HTTP. Redirects are followed as far as they stay with the same name at the same address. A nonce of its own goes
// with every request, so that no cache has the answer. It waits for its turn at the address as [Prober.Probe] does.
func (q *Prover) Ask(ctx context.Context, target Target) Proof {
	out := Proof{Target: target, At: q.p.config.Now().UTC()}
	t := &Turn{s: q.p.schedule, addr: target.Addr.Addr().Unmap(), started: make(chan struct{})}
	defer func() { t.end(out.Err == nil) }()
	if !q.p.dialable(t.addr) {
		out.Err = &Error{Step: StepDial, Code: CodeBlocked}
		return out
	}
	if ctx.Err() == nil {
		q.p.schedule.mu.Lock()
		q.p.schedule.enqueue(t)
		q.p.schedule.unlockAndStart()
		select {
		case <-t.started:
		case <-ctx.Done():
			q.p.schedule.abandon(t)
		}
	}
	if ctx.Err() != nil {
		out.Err = q.p.failure(ctx, StepDial, ctx.Err())
		return out
	}
	t.running.Store(true)
	v := newVisit(q.p, target, t)
	q.visit(ctx, v, &out)
	return out
}

// visit asks over TLS, else by plain HTTP.
func (q *Prover) visit(ctx context.Context, v *visit, out *Proof) {
	s, failed := v.shake(ctx)
	if s != nil && s.seen != nil && len(s.seen.PeerCertificates) > 0 {
		out.Covered = s.seen.PeerCertificates[0].VerifyHostname(v.t.Name) == nil
	}
	if failed == nil && s != nil && s.tls != nil {
		v.ready, v.hello = s, s.hello
		failed = q.follow(ctx, v, v.home("https"), out)
		v.drop()
		if failed == nil {
			return
		}
	}
	if v.t.HTTPPort != 0 && q.follow(ctx, v, v.home("http"), out) == nil {
		return
	}
	if out.Err = failed; failed == nil {
		out.Err = &Error{Step: StepHTTP, Code: CodeEOF, Detail: "no response"}
	}
}

// follow asks at a URL and follows its redirects.
func (q *Prover) follow(ctx context.Context, v *visit, home *url.URL, out *Proof) *Error {
	u := home
	for range proofRedirectsMax + 1 {
		nonce := newNonce()
		u.Path, u.RawPath, u.RawQuery = ProofPath, "", "nonce="+nonce
		r, failed := v.read(ctx, u)
		if failed != nil {
			return failed
		}
		q.note(out, r, nonce)
		next := v.next(u, &r.response)
		if next == nil || next.Path != ProofPath {
			return nil
		}
		out.Location = ""
		u = next
	}
	return nil
}

// note notes what a response holds, without a word on what follows from it.
func (q *Prover) note(out *Proof, r *whole, nonce string) {
	out.Status = r.status
	out.Location = clip(r.redirect(), locationLimit)
	fields := strings.Fields(r.body)
	out.Token = strings.Contains(r.body, q.token)
	out.Nonce = len(fields) >= 2 && fields[0] == q.token && fields[1] == nonce
	out.Server = netip.Addr{}
	if out.Nonce && len(fields) > 2 {
		if a, err := netip.ParseAddr(fields[2]); err == nil {
			out.Server = a.Unmap().WithZone("")
		}
	}
	out.Challenge = !out.Token && r.isChallenge()
}

// newNonce returns what no request had before, in hexadecimal.
func newNonce() string {
	var b [nonceBytes]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// challengeMarks are words of pages with which proxies try their visitors, in lower case.
var challengeMarks = []string{"captcha", "challenge", "ddos-guard", "__ddg", "qrator", "are you human", "checking your browser", "document.cookie"}

// whole is a response with the beginning of its body.
type whole struct {
	response
	mitigated bool // Cloudflare says that the page is its own
	body      string
}

// isChallenge reports whether a response looks like a proxy's own.
func (r *whole) isChallenge() bool {
	if r.mitigated {
		return true
	}
	text := strings.ToLower(r.body)
	for _, mark := range challengeMarks {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// read sends a GET request and reads its response with the beginning of the body, within the step's time.
func (v *visit) read(ctx context.Context, u *url.URL) (*whole, *Error) {
	c, done, failed := v.connect(ctx, u)
	if failed != nil {
		return nil, failed
	}
	r, err := v.exchangeWhole(ctx, c, u)
	done(err == nil)
	if err != nil {
		return nil, v.p.failure(ctx, StepHTTP, err)
	}
	return r, nil
}

func (v *visit) exchangeWhole(ctx context.Context, c net.Conn, u *url.URL) (*whole, error) {
	if err := c.SetDeadline(time.Now().Add(v.patience)); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Close = true
	req.Header.Set("User-Agent", v.p.config.UserAgent)
	req.Header.Set("Accept", "text/plain, */*")
	req.Header.Set("Cache-Control", "no-cache")
	_ = req.Write(c) // what the server says counts for more, see roundTrip
	lines := bufio.NewReader(&headReader{Reader: c, left: headLimit + proofBodyMax})
	for range interimLimit + 1 {
		r, err := http.ReadResponse(lines, req)
		if err != nil {
			return nil, err
		}
		if r.StatusCode < 200 && r.StatusCode != http.StatusSwitchingProtocols {
			_ = r.Body.Close() // it has none
			continue
		}
		return readWhole(r)
	}
	return nil, errors.New("too many interim responses")
}

// readWhole reads the beginning of a response's body.
func readWhole(r *http.Response) (*whole, error) {
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(r.Body, proofBodyMax))
	if len(body) > 0 { // what breaks off later has said enough
		err = nil
	}
	return &whole{
		response:  response{method: http.MethodGet, status: r.StatusCode, location: r.Header.Get("Location")},
		mitigated: r.Header.Get("Cf-Mitigated") != "", body: string(body),
	}, err
}
