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
}

// newTrustStore returns the roots of Mozilla's store as x/crypto carries them, with their constraints, and the extra
// ones without any.
func newTrustStore(extra []*x509.Certificate) (*trustStore, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read built-in roots: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(cert)
		} else {
			pool.AddCertWithConstraint(cert, root.Constraint)
		}
	}
	for _, cert := range extra {
		pool.AddCert(cert)
	}
	return &trustStore{roots: pool}, nil
}
