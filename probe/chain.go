package probe

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	intermediatesLimit = 20 // distinct certificates beside the leaf that a path may be built from
	expiredLimit       = 5  // expired issuers in whose lifetime a chain is tried again
)

// judge says how the chain that was sent verifies, and why, in words. It is judged now where the leaf is valid now, else
// at the end of the leaf's life that is nearer: an expired leaf is no fault of its chain. Names are not its business.
func (s *trustStore) judge(sent []*x509.Certificate, now time.Time) (ChainState, string) {
	leaf := sent[0]
	at := within(leaf, now)
	issuers := distinct(sent[1:])
	paths, err := s.verify(leaf, issuers, at)
	if err == nil {
		if slices.ContainsFunc(paths, func(path []*x509.Certificate) bool { return inOrder(path, sent) }) {
			return ChainOK, ""
		}
		return ChainMisordered, "verifies, but was not sent in order"
	}
	if selfSigned(leaf) {
		return ChainSelfSigned, "the certificate is its own issuer"
	}
	if expired := s.expiredIssuer(leaf, issuers, at); expired != nil {
		return ChainExpiredIssuer, clip(outOfTime(expired, at), detailLimit)
	}
	return ChainUntrusted, clip(distrust(leaf, issuers, at, err), detailLimit)
}

func (s *trustStore) verify(leaf *x509.Certificate, issuers []*x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	for _, cert := range issuers {
		pool.AddCert(cert)
	}
	return leaf.Verify(verifyOptions(s.roots, pool, at))
}

func verifyOptions(roots, intermediates *x509.CertPool, at time.Time) x509.VerifyOptions {
	return x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// within returns now, or the end of the certificate's life that is nearer to it.
func within(cert *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.Before(cert.NotBefore):
		return cert.NotBefore
	case now.After(cert.NotAfter):
		return cert.NotAfter
	}
	return now
}

// distinct returns the first certificates without doubles, as many as a path may be built from: a chain of dozens of
// cross-signs must not cost more than any other.
func distinct(certs []*x509.Certificate) []*x509.Certificate {
	var kept []*x509.Certificate
	for _, cert := range certs {
		if len(kept) == intermediatesLimit {
			break
		}
		if !slices.ContainsFunc(kept, cert.Equal) {
			kept = append(kept, cert)
		}
	}
	return kept
}

// inOrder reports whether the certificates of a verified path stand in that order in what was sent. The path's root
// need not have been sent, and what else was sent does not matter (RFC 8446 §4.4.2).
func inOrder(path, sent []*x509.Certificate) bool {
	if root := path[len(path)-1]; !slices.ContainsFunc(sent, root.Equal) {
		path = path[:len(path)-1]
	}
	for _, cert := range path {
		i := slices.IndexFunc(sent, cert.Equal)
		if i < 0 {
			return false
		}
		sent = sent[i+1:]
	}
	return true
}

// expiredIssuer returns the issuer, sent or a root of ours, whose end alone keeps the chain from verifying: within its
// life, with the leaf's own dates left out of account, the chain verifies. It returns nil where there is none.
func (s *trustStore) expiredIssuer(leaf *x509.Certificate, issuers []*x509.Certificate, at time.Time) *x509.Certificate {
	tried := 0
	for _, issuer := range s.candidates(leaf, issuers) {
		if !at.After(issuer.NotAfter) || tried == expiredLimit {
			continue
		}
		tried++
		ageless := *leaf
		ageless.NotBefore, ageless.NotAfter = issuer.NotBefore, issuer.NotAfter
		if _, err := s.verify(&ageless, issuers, issuer.NotAfter); err == nil {
			return issuer
		}
	}
	return nil
}

// candidates returns the issuers that were sent, and after them the roots that any certificate names as its issuer.
func (s *trustStore) candidates(leaf *x509.Certificate, issuers []*x509.Certificate) []*x509.Certificate {
	all := slices.Clone(issuers)
	for _, cert := range slices.Concat([]*x509.Certificate{leaf}, issuers) {
		for _, root := range s.anchors[string(cert.RawIssuer)] {
			if !slices.ContainsFunc(all, root.cert.Equal) {
				all = append(all, root.cert)
			}
		}
	}
	return all
}

// outOfTime says in words that an issuer is not valid at an instant.
func outOfTime(issuer *x509.Certificate, at time.Time) string {
	name := clip(rdnText(issuer.Subject), textLimit/2) // so that the date fits
	if at.Before(issuer.NotBefore) {
		return "issuer " + name + " is not valid before " + issuer.NotBefore.UTC().Format(time.DateOnly)
	}
	return "issuer " + name + " expired on " + issuer.NotAfter.UTC().Format(time.DateOnly)
}

// distrust says in words why a chain does not verify at an instant; err is what x509 said.
func distrust(leaf *x509.Certificate, issuers []*x509.Certificate, at time.Time, err error) string {
	path := climb(leaf, issuers)
	for _, cert := range path {
		if hash := weakHash(cert); hash != "" && !selfSigned(cert) {
			return hash + " signature"
		}
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired && invalid.Cert != nil && !invalid.Cert.Equal(leaf) {
			return outOfTime(invalid.Cert, at)
		}
		return invalidity(invalid)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		return strings.TrimPrefix(err.Error(), "x509: ")
	}
	if why := rejection(err); why != "" {
		return "issuer not accepted: " + why
	}
	if len(path) == 1 {
		return "issuer not sent"
	}
	return "unknown authority: " + rdnText(path[len(path)-1].Issuer)
}

// rejection returns why x509 rejected an issuer that it tried; it tells so only in the text of its error.
func rejection(err error) string {
	_, hint, _ := strings.Cut(err.Error(), "possibly because of ")
	quoted, err := strconv.QuotedPrefix(hint)
	if err != nil {
		return ""
	}
	why, _ := strconv.Unquote(quoted)
	return strings.TrimPrefix(why, "x509: ")
}

// climb returns the leaf and its issuers as far as they were sent, by name alone.
func climb(leaf *x509.Certificate, issuers []*x509.Certificate) []*x509.Certificate {
	path := []*x509.Certificate{leaf}
	for len(path) <= intermediatesLimit {
		top := path[len(path)-1]
		i := slices.IndexFunc(issuers, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, top.RawIssuer) && !slices.ContainsFunc(path, c.Equal)
		})
		if i < 0 {
			break
		}
		path = append(path, issuers[i])
	}
	return path
}

// invalidity says in words what x509 found invalid.
func invalidity(e x509.CertificateInvalidError) string {
	words := map[x509.InvalidReason]string{
		x509.NotAuthorizedToSign:        "an issuer is no certificate authority",
		x509.Expired:                    "the certificate is valid at no time",
		x509.CANotAuthorizedForThisName: "an issuer's name constraints forbid a name of the certificate",
		x509.TooManyIntermediates:       "the chain is longer than an issuer allows",
		x509.IncompatibleUsage:          "the certificate is not for server authentication",
		x509.NoValidChains:              "no chain with valid policies and usages",
	}
	return cmp.Or(words[e.Reason], strings.TrimPrefix(e.Error(), "x509: "))
}
