package probe

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strconv"
)

// Limits of what is kept of one certificate; RFC 5280 allows 64 characters for a common name, 20 bytes for a serial,
// RFC 1035 255 bytes for a name. A hostile certificate may have 60 kB of each.
const (
	namesLimit  = 1000
	textLimit   = 256 // bytes of one name or text
	serialLimit = 64  // bytes
)

// describe returns what is kept of a certificate.
func describe(cert *x509.Certificate) Certificate {
	sum := sha256.Sum256(cert.Raw)
	own := selfSigned(cert)
	c := Certificate{
		CommonName:    clip(cert.Subject.CommonName, textLimit),
		Names:         names(cert),
		Issuer:        clip(rdnText(cert.Issuer), textLimit),
		Serial:        serialText(cert.SerialNumber),
		NotBefore:     cert.NotBefore.UTC(),
		NotAfter:      cert.NotAfter.UTC(),
		SHA256:        hex.EncodeToString(sum[:]),
		Signature:     "unknown",
		WeakSignature: weakHash(cert) != "" && !own,
		SelfSigned:    own,
	}
	if cert.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		c.Signature = cert.SignatureAlgorithm.String()
	}
	c.KeyType, c.Key, c.WeakKey = describeKey(cert)
	return c
}

// names returns the subject alternative names: DNS names, then addresses, at most namesLimit.
func names(cert *x509.Certificate) []string {
	all := make([]string, 0, min(len(cert.DNSNames)+len(cert.IPAddresses), namesLimit))
	for _, name := range cert.DNSNames[:min(len(cert.DNSNames), namesLimit)] {
		all = append(all, clip(name, textLimit))
	}
	for _, ip := range cert.IPAddresses[:min(len(cert.IPAddresses), namesLimit-len(all))] {
		all = append(all, ip.String())
	}
	return all
}

// rdnText returns the common name, else the organisation, else the whole name as text.
func rdnText(name pkix.Name) string {
	organization := ""
	if len(name.Organization) > 0 {
		organization = name.Organization[0]
	}
	return cmp.Or(name.CommonName, organization, name.String())
}

// serialText returns the serial's bytes in hexadecimal, at most serialLimit of them.
func serialText(serial *big.Int) string {
	if serial == nil {
		return ""
	}
	sign, digits := "", serial.Bytes()
	if serial.Sign() < 0 {
		sign = "-"
	}
	if len(digits) == 0 {
		digits = []byte{0}
	}
	return sign + hex.EncodeToString(digits[:min(len(digits), serialLimit)])
}

// describeKey returns the kind of key, the kind with its size, and whether it is too short for today.
func describeKey(cert *x509.Certificate) (kind, key string, weak bool) {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return "RSA", "RSA " + strconv.Itoa(bits), bits < 2048
	case *ecdsa.PublicKey:
		params := k.Params()
		return "ECDSA", "ECDSA " + params.Name, params.BitSize < 224
	case ed25519.PublicKey:
		return "Ed25519", "Ed25519", false
	}
	if cert.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return "unknown", "unknown", false
	}
	kind = cert.PublicKeyAlgorithm.String()
	return kind, kind, false
}

// weakHash returns the hash of the certificate's signature where it is one that can be forged; empty otherwise.
func weakHash(cert *x509.Certificate) string {
	switch cert.SignatureAlgorithm { //nolint:exhaustive // the weak ones; what comes new is not
	case x509.MD2WithRSA:
		return "MD2"
	case x509.MD5WithRSA:
		return "MD5"
	case x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return "SHA-1"
	}
	return ""
}

// selfSigned reports whether the certificate is issued and signed by itself. A signature that Go will not check (MD5)
// is believed where the names agree.
func selfSigned(cert *x509.Certificate) bool {
	if !bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		return false
	}
	err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
	_, unchecked := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || unchecked
}

// tlsFeature is the extension TLS feature of RFC 7633 §4, statusRequest the feature of RFC 6066 §8.
var tlsFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

const statusRequest = 5

// mustStaple reports whether the certificate promises a stapled OCSP response.
func mustStaple(cert *x509.Certificate) bool {
	for _, extension := range cert.Extensions {
		if !extension.Id.Equal(tlsFeature) {
			continue
		}
		var features []int
		rest, err := asn1.Unmarshal(extension.Value, &features)
		return err == nil && len(rest) == 0 && slices.Contains(features, statusRequest)
	}
	return false
}
