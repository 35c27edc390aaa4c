package probe

import (
	"crypto/tls"
	"crypto/x509"
)

// Shown returns what a handshake shows in which a server sent the certificates, leaf first.
func (p *Prober) Shown(t Target, sent []*x509.Certificate) *Handshake {
	s := &session{seen: &tls.ConnectionState{
		Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, NegotiatedProtocol: "http/1.1", PeerCertificates: sent,
	}}
	return p.handshake(s, t)
}
