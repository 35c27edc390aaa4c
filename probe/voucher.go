package probe

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"
)

// voucher is the word of a root of ours for an issuer that it signed itself. With it a leaf is verified against the
// issuer alone, and comes out as it would against the root; where it does not verify, the long way says why.
type voucher struct {
	pool  *x509.CertPool // the issuer alone, with what the root demands
	path  []*x509.Certificate
	stand interval
}

// What limits more than the certificate it stands in: name constraints, policy constraints, inhibit anyPolicy (RFC 5280
// §4.2.1.10, §4.2.1.11, §4.2.1.14).
var limiting = []asn1.ObjectIdentifier{{2, 5, 29, 30}, {2, 5, 29, 36}, {2, 5, 29, 54}}

func limits(cert *x509.Certificate) bool {
	return slices.ContainsFunc(limiting, func(id asn1.ObjectIdentifier) bool {
		return slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(id) })
	})
}

// vouchFor returns the voucher of the first root that vouches for an issuer; nil where none does, or where a limit of the
// root reaches further than the issuer, or one of the issuer itself would not be looked at: that of a trust anchor never is.
func (s *trustStore) vouchFor(cert *x509.Certificate) *voucher {
	if limits(cert) {
		return nil
	}
	for _, root := range s.anchors[string(cert.RawIssuer)] {
		if limits(root.cert) || root.cert.MaxPathLen == 0 || root.cert.Equal(cert) {
			continue
		}
		stand := interval{later(cert.NotBefore, root.cert.NotBefore), earlier(cert.NotAfter, root.cert.NotAfter)}
		if !stand.from.Before(stand.to) {
			continue
		}
		alone := x509.NewCertPool()
		alone.AddCert(root.cert)
		if _, err := cert.Verify(verifyOptions(alone, nil, stand.from)); err != nil {
			continue
		}
		v := &voucher{pool: x509.NewCertPool(), path: []*x509.Certificate{cert, root.cert}, stand: stand}
		v.pool.AddCertWithConstraint(cert, func(path []*x509.Certificate) error { // without its end, as crypto/x509 has it
			if root.constraint == nil {
				return nil
			}
			return root.constraint(append(slices.Clip(path), cert))
		})
		return v
	}
	return nil
}

// covers reports whether the leaf verifies by the issuer at an instant, and the path was sent in order. A leaf that makes
// demands on its path goes the long way.
func (v *voucher) covers(sent []*x509.Certificate, at time.Time) bool {
	if limits(sent[0]) || !v.stand.contains(at) || !inOrder(append([]*x509.Certificate{sent[0]}, v.path...), sent) {
		return false
	}
	_, err := sent[0].Verify(verifyOptions(v.pool, nil, at))
	return err == nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
