package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strconv"
)

// alertNames are the alerts of RFC 8446 §6, the reserved ones included, and ech_required of Encrypted Client Hello.
var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}

// alertName returns the name of the alert that the peer sent, where err is one. crypto/tls keeps the type of an alert
// received to itself, but tls.AlertError has the same texts.
func alertName(err error) (string, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" || op.Err == nil {
		return "", false
	}
	for number := range 256 {
		if tls.AlertError(number).Error() != op.Err.Error() {
			continue
		}
		if name, ok := alertNames[uint8(number)]; ok {
			return name, true
		}
		return "alert_" + strconv.Itoa(number), true
	}
	return "alert", true
}

// oldServerAlerts are what a server answers that shares no version or cipher suite with a modern client.
var oldServerAlerts = []string{"protocol_version", "handshake_failure", "insufficient_security"}

// clientCertAlerts are what a server answers to a client that has no certificate (RFC 8446 §4.4.2.4, RFC 5246
// §7.4.6), in the experience of what servers send.
var clientCertAlerts = []string{
	"certificate_required", "handshake_failure", "bad_certificate", "unsupported_certificate", "certificate_revoked",
	"certificate_expired", "certificate_unknown", "unknown_ca", "access_denied", "no_certificate",
}

// demandsClientCert reports whether the failure is what a server does to a client that it asked for a certificate
// and that had none. Some close the connection without a word.
func demandsClientCert(e *Error) bool {
	return e.Code == CodeEOF || e.Code == CodeReset || e.Code == CodeAlert && slices.Contains(clientCertAlerts, e.Detail)
}
