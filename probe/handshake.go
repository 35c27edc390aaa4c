package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
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
)

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

// secure dials the target and shakes hands: with a modern hello, and once more with another where the server looks as
// if it could not follow that one. The session is nil where nothing could be dialled; where the error is nil and
// session.refused is not set, its connection is ready for use.
func (p *Prober) secure(ctx context.Context, t Target) (*session, *Error) {
	first, failed := p.open(ctx, t, helloModern)
	if failed == nil || first == nil || first.seen != nil {
		return first, failed
	}
	next, ok := secondHello(failed)
	if !ok {
		return first, failed
	}
	second, again := p.open(ctx, t, next)
	switch {
	case again == nil:
		return second, nil
	case again.Code == CodeCanceled, again.Code == CodeUnsupported && second != nil:
		failed = again
	}
	if second != nil && second.seen != nil {
		return second, failed
	}
	return first, p.explain(ctx, t, failed)
}

// explain returns the failure, or a better one: a server that finds nothing for itself in all that crypto/tls offers is
// not down, but one that cannot be judged.
func (p *Prober) explain(ctx context.Context, t Target, failed *Error) *Error {
	if failed.Code != CodeAlert || !slices.Contains(oldServerAlerts, failed.Detail) {
		return failed
	}
	if detail, ok := p.unheard(ctx, t); ok {
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
func (p *Prober) open(ctx context.Context, t Target, h hello) (*session, *Error) {
	raw, failed := p.connect(ctx, t, t.Addr.Port())
	if failed != nil {
		return nil, failed
	}
	s := &session{raw: raw, hello: h}
	step, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	c := tls.Client(raw, s.config(t))
	err := c.HandshakeContext(step)
	if err == nil {
		state := c.ConnectionState()
		s.tls, s.seen = c, &state
		return s, nil
	}
	_ = raw.Close()
	failed = p.failure(ctx, StepTLS, err)
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok && s.seen == nil && failed.Code == CodeNotTLS {
		failed.Detail = raw.looksLike()
	}
	if s.clientCert && demandsClientCert(failed) {
		s.refused = true
		return s, nil
	}
	return s, failed
}

// config returns the TLS configuration of the session. It trusts everybody: the chain is judged afterwards, so that
// certificates which do not verify are seen at all.
func (s *session) config(t Target) *tls.Config {
	c := &tls.Config{
		ServerName:         t.Name,
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		// Only the first is computed ahead. P-256 is offered because a TLS 1.2 server needs it to use its P-256
		// certificate; post-quantum groups are not, for they cost a fifth of the time and show nothing of the server.
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		SessionTicketsDisabled: true,
		// TLS 1.2 servers that want a client certificate for some pages ask for it once they have read the request.
		Renegotiation: tls.RenegotiateOnceAsClient,
		VerifyConnection: func(state tls.ConnectionState) error {
			s.seen = &state
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.clientCert = true
			return &tls.Certificate{}, nil
		},
	}
	switch s.hello {
	case helloModern:
	case helloLegacy:
		c.MinVersion = tls.VersionTLS10
		c.CurvePreferences = append(c.CurvePreferences,
			tls.CurveP521, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024)
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	case helloOther:
		c.NextProtos = nil
		if t.HTTP {
			c.NextProtos = []string{"h2"}
		}
	}
	return c
}

// handshake describes what the session showed, its chain judged; nil where no certificate was seen.
func (p *Prober) handshake(s *session, t Target) *Handshake {
	if s == nil || s.seen == nil || len(s.seen.PeerCertificates) == 0 {
		return nil
	}
	sent := s.seen.PeerCertificates[:min(len(s.seen.PeerCertificates), chainLimit)]
	h := &Handshake{
		Version:     tls.VersionName(s.seen.Version),
		Cipher:      tls.CipherSuiteName(s.seen.CipherSuite),
		ALPN:        s.seen.NegotiatedProtocol,
		Chain:       make([]Certificate, len(sent)),
		NameMatches: sent[0].VerifyHostname(t.Name) == nil,
		Revocation:  Revocation{Status: RevocationUnchecked, MustStaple: mustStaple(sent[0])},
		ClientCert:  s.clientCert,
	}
	for i, cert := range sent {
		h.Chain[i] = describe(cert)
	}
	h.Trust, h.TrustDetail = p.trust.judge(sent, p.config.Now())
	return h
}
