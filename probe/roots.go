package probe

import (
	"crypto/x509"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trustStore holds the roots that a chain must end in. The host's own store has no say, so that every machine tells
// the same.
type trustStore struct {
	roots *x509.CertPool
	// anchors are the certificates of roots by their subjects in DER: a CertPool keeps them to itself.
	anchors map[string][]anchor
}

// anchor is a root with what it demands of a chain beside; nil accepts every one.
type anchor struct {
	cert       *x509.Certificate
	constraint func([]*x509.Certificate) error
}

// newTrustStore returns the roots of Mozilla's store as x/crypto carries them, with their constraints, and the extra
// ones without any.
func newTrustStore(extra []*x509.Certificate) (*trustStore, error) {
	s := &trustStore{roots: x509.NewCertPool(), anchors: make(map[string][]anchor)}
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read built-in roots: %w", err)
		}
		s.add(cert, root.Constraint)
	}
	for _, cert := range extra {
		s.add(cert, nil)
	}
	return s, nil
}

// add takes a root in; a nil constraint accepts every chain.
func (s *trustStore) add(cert *x509.Certificate, constraint func([]*x509.Certificate) error) {
	if constraint == nil {
		s.roots.AddCert(cert)
	} else {
		s.roots.AddCertWithConstraint(cert, constraint)
	}
	s.anchors[string(cert.RawSubject)] = append(s.anchors[string(cert.RawSubject)], anchor{cert, constraint})
}
