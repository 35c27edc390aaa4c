package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	chainLimit  = 100                    // certificates kept of what was sent
	partingTime = 100 * time.Millisecond // for a close_notify to leave; crypto/tls would wait 5 s for a peer that reads nothing
)

// hello is the kind of ClientHello a server is greeted with.
type hello int

const (
	// helloModern offers TLS 1.2 and 1.3 as a browser would.
	helloModern hello = iota
	// helloLegacy offers everything that crypto/tls knows: from TLS 1.0 on, RSA key exchange, 3DES, RC4, and the
	// post-quantum groups that a few servers insist on.
	helloLegacy
	// helloOther is for a server that refused http/1.1 in ALPN: h2 where a website is expected, else no ALPN.
	helloOther
	// helloEarly offers TLS 1.2 alone: the certificate comes there before any key exchange.
	helloEarly
)

// errSeen ends a handshake on purpose: the certificate has come, and no more is wanted.
var errSeen = errors.New("have the certificate")

// What a ClientHello offers. Only the first group is computed ahead. P-256 is offered because a TLS 1.2 server needs it
// to use its P-256 certificate; the post-quantum ones cost a fifth of the time and show nothing of the server.
var (
	usualGroups  = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	hybridGroups = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
	legacyGroups = []tls.CurveID{
		tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	}
	overHTTP1   = []string{"http/1.1"}
	overHTTP2   = []string{"h2"}
	noClientKey = &tls.Certificate{}
)

// legacySuites is everything that crypto/tls knows.
var legacySuites = sync.OnceValue(func() []uint16 {
	var ids []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, suite.ID)
	}
	return ids
})

// session is one connection with the handshake made or tried.
type session struct {
	raw   *conn
	tls   *tls.Conn // nil where the handshake failed
	hello hello
	// seen is the state at the moment the certificates had come in; nil where none came.
	seen *tls.ConnectionState
	// clientCert is set when the server asked for a client certificate, refused when it would not go on without one.
	clientCert, refused bool
}

// close ends the session, with a close_notify where the peer has been answering.
func (s *session) close(politely bool) {
	if politely && s.tls != nil {
		s.raw.writeEnd = time.Now().Add(partingTime)
		_ = s.tls.Close() // sends the alert, and closes raw
		return
	}
	_ = s.raw.Close()
}

// shake dials the target and shakes hands: with a modern hello, and once more with another where the server looks as
// if it could not follow that one. The session is nil where nothing could be dialled; where the error is nil and
// session.tls is not, its connection is ready for use.
func (v *visit) shake(ctx context.Context) (*session, *Error) {
	if v.p.config.Fast {
		early, failed := v.open(ctx, helloEarly)
		if failed == nil || early == nil || early.seen != nil {
			return early, failed
		}
		if _, ok := secondHello(failed); !ok && failed.Code != CodeAlert { // it may be TLS 1.2 that the alert is about
			return early, failed
		}
	}
	first, failed := v.open(ctx, helloModern)
	if failed == nil || first == nil || first.seen != nil {
		return first, failed
	}
	next, ok := secondHello(failed)
	if !ok {
		return first, failed
	}
	second, again := v.open(ctx, next)
	switch {
	case again == nil:
		return second, nil
	case again.Code == CodeCanceled, again.Code == CodeUnsupported && second != nil:
		failed = again
	}
	if second != nil && second.seen != nil {
		return second, failed
	}
	return first, v.explain(ctx, failed)
}

// explain returns the failure, or a better one: a server that finds nothing for itself in all that crypto/tls offers is
// not down, but one that cannot be judged.
func (v *visit) explain(ctx context.Context, failed *Error) *Error {
	if failed.Code != CodeAlert || !slices.Contains(oldServerAlerts, failed.Detail) {
		return failed
	}
	if detail, ok := v.unheard(ctx); ok {
		return &Error{Step: StepTLS, Code: CodeUnsupported, Detail: detail}
	}
	return failed
}

// secondHello says how to greet a server whose first answer was no certificate.
func secondHello(failed *Error) (hello, bool) {
	switch {
	case failed.Code == CodeAlert && failed.Detail == "no_application_protocol":
		return helloOther, true
	case failed.Code == CodeAlert && slices.Contains(oldServerAlerts, failed.Detail),
		failed.Code == CodeUnsupported, failed.Code == CodeEOF, failed.Code == CodeReset:
		return helloLegacy, true
	}
	return helloModern, false
}

// open dials the target and shakes hands once. On failure the connection is closed; the session then tells what was
// seen before.
func (v *visit) open(ctx context.Context, h hello) (*session, *Error) {
	raw, failed := v.dial(ctx, v.t.Addr.Port())
	if failed != nil {
		return nil, failed
	}
	s := &session{raw: raw, hello: h}
	c := tls.Client(raw, v.config(s))
	err := v.handshake(ctx, raw, c)
	if err == nil {
		state := c.ConnectionState()
		s.tls, s.seen = c, &state
		return s, nil
	}
	_ = raw.Close()
	if s.seen != nil && errors.Is(err, errSeen) {
		return s, nil
	}
	failed = v.p.failure(ctx, StepTLS, err)
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok && s.seen == nil && failed.Code == CodeNotTLS {
		failed.Detail = raw.looksLike()
	}
	if s.clientCert && demandsClientCert(failed) {
		s.refused = true
		return s, nil
	}
	return s, failed
}

// handshake makes a handshake once there is a slot for it. A peer that is silent gives the slot to another, and takes
// one again when it speaks: what it says costs processor time.
func (v *visit) handshake(ctx context.Context, raw *conn, c *tls.Conn) error {
	slots, held := v.p.slots, false
	take := func() {
		select {
		case slots <- struct{}{}:
			held = true
			return
		default:
		}
		v.turn.wait(1)
		defer v.turn.wait(-1)
		select {
		case slots <- struct{}{}:
			held = true
		case <-ctx.Done():
		}
	}
	give := func() {
		if held {
			held = false
			<-slots
		}
	}
	take()
	defer give()
	w := &vigil{lease: v.turn.lease(), timeout: v.patience}
	w.silent = func() {
		give()
		v.turn.silent()
	}
	w.spoke = func() {
		v.turn.answered()
		v.p.took(time.Since(w.began))
		if !held {
			take()
		}
	}
	raw.vigil = w
	defer func() { raw.vigil = nil }()
	if err := raw.SetDeadline(time.Now().Add(v.patience)); err != nil {
		return err
	}
	return c.HandshakeContext(context.WithoutCancel(ctx)) // raw ends with ctx by itself
}

// config returns the TLS configuration of a session. It trusts everybody: the chain is judged afterwards, so that
// certificates which do not verify are seen at all.
func (v *visit) config(s *session) *tls.Config {
	fast := v.p.config.Fast
	c := &tls.Config{
		ServerName:             v.t.Name,
		InsecureSkipVerify:     true,
		MinVersion:             tls.VersionTLS12,
		NextProtos:             overHTTP1,
		CurvePreferences:       usualGroups,
		SessionTicketsDisabled: true,
		// TLS 1.2 servers that want a client certificate for some pages ask for it once they have read the request.
		Renegotiation: tls.RenegotiateOnceAsClient,
		VerifyConnection: func(state tls.ConnectionState) error {
			s.seen = &state
			if fast {
				return errSeen
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.clientCert = true
			return noClientKey, nil
		},
	}
	if v.p.config.PostQuantum {
		c.CurvePreferences = hybridGroups
	}
	switch s.hello {
	case helloModern:
	case helloEarly:
		c.MaxVersion = tls.VersionTLS12
	case helloLegacy:
		c.MinVersion, c.CurvePreferences, c.CipherSuites = tls.VersionTLS10, legacyGroups, legacySuites()
	case helloOther:
		c.NextProtos = nil
		if v.t.HTTP {
			c.NextProtos = overHTTP2
		}
	}
	return c
}

// cipherNames holds the names of TLS 1.3's suites, which nearly every server selects: the library writes a list of all
// each time that it is asked for one.
var cipherNames = map[uint16]string{
	tls.TLS_AES_128_GCM_SHA256:       "TLS_AES_128_GCM_SHA256",
	tls.TLS_AES_256_GCM_SHA384:       "TLS_AES_256_GCM_SHA384",
	tls.TLS_CHACHA20_POLY1305_SHA256: "TLS_CHACHA20_POLY1305_SHA256",
}

func cipherName(id uint16) string {
	if name, ok := cipherNames[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}

// handshake describes what the session showed, its chain judged; nil where no certificate was seen.
func (p *Prober) handshake(s *session, t Target) *Handshake {
	if s == nil || s.seen == nil || len(s.seen.PeerCertificates) == 0 {
		return nil
	}
	sent := s.seen.PeerCertificates[:min(len(s.seen.PeerCertificates), chainLimit)]
	c := p.chains.look(sent, p.config.Now())
	return &Handshake{
		Version:     tls.VersionName(s.seen.Version),
		Cipher:      cipherName(s.seen.CipherSuite),
		ALPN:        s.seen.NegotiatedProtocol,
		Chain:       c.certs,
		NameMatches: sent[0].VerifyHostname(t.Name) == nil,
		Trust:       c.state,
		TrustDetail: c.detail,
		Revocation:  Revocation{Status: RevocationUnchecked, MustStaple: c.mustStaple},
		ClientCert:  s.clientCert,
		Untested:    p.untested(s),
	}
}

// untested says what a session left open on purpose.
func (p *Prober) untested(s *session) []string {
	switch {
	case !p.config.Fast:
		return nil
	case s.hello == helloEarly:
		return []string{UntestedPossession, UntestedVersion}
	}
	return []string{UntestedPossession}
}
