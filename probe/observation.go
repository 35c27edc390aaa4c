package probe

import (
	"net/netip"
	"time"
)

// Via says how an address came to be probed.
type Via string

// The closed set of ways.
const (
	ViaDNS       Via = "dns"
	ViaOrigin    Via = "origin"
	ViaGiven     Via = "given"
	ViaLastKnown Via = "last_known"
)

// Step is the step of a probe that failed.
type Step string

// The closed set of steps.
const (
	StepDNS  Step = "dns"
	StepDial Step = "dial"
	StepTLS  Step = "tls"
	StepHTTP Step = "http"
)

// ErrorCode says how a step failed.
type ErrorCode string

// The closed set of error codes.
const (
	CodeRefused     ErrorCode = "refused"
	CodeTimeout     ErrorCode = "timeout"
	CodeReset       ErrorCode = "reset"
	CodeUnreachable ErrorCode = "unreachable"
	CodeEOF         ErrorCode = "eof"
	CodeAlert       ErrorCode = "alert"
	CodeNotTLS      ErrorCode = "not_tls"
	CodeUnsupported ErrorCode = "unsupported" // a server that crypto/tls cannot judge
	CodeBlocked     ErrorCode = "blocked"     // an address we will not dial
	CodeNoRoute     ErrorCode = "no_route"    // this machine has no route for the family
	CodeCanceled    ErrorCode = "canceled"
)

// ErrorCodes lists the closed set.
var ErrorCodes = []ErrorCode{
	CodeRefused, CodeTimeout, CodeReset, CodeUnreachable, CodeEOF, CodeAlert, CodeNotTLS, CodeUnsupported,
	CodeBlocked, CodeNoRoute, CodeCanceled,
}

// Error is a step that failed. Detail is at most 200 bytes, may hold remote text and is hostile until sanitised; for
// CodeAlert it is the alert's name in the form of RFC 8446 §6, such as "unrecognized_name".
type Error struct {
	Step   Step
	Code   ErrorCode
	Detail string
}

// ChainState says how the chain that was sent verifies, judged at an instant inside the leaf's life.
type ChainState string

// The closed set of chain states.
const (
	ChainOK            ChainState = "ok"
	ChainIncomplete    ChainState = "incomplete" // verifies once the missing intermediate is found
	ChainMisordered    ChainState = "misordered" // verifies, but was not sent in order
	ChainUntrusted     ChainState = "untrusted"
	ChainSelfSigned    ChainState = "self_signed"
	ChainExpiredIssuer ChainState = "expired_issuer"
)

// ChainStates lists the closed set.
var ChainStates = []ChainState{
	ChainOK, ChainIncomplete, ChainMisordered, ChainUntrusted, ChainSelfSigned, ChainExpiredIssuer,
}

// RevocationStatus is what is known of a certificate's revocation.
type RevocationStatus string

// The closed set of revocation statuses.
const (
	RevocationGood          RevocationStatus = "good"
	RevocationRevoked       RevocationStatus = "revoked"
	RevocationUnknown       RevocationStatus = "unknown"
	RevocationUnchecked     RevocationStatus = "unchecked"
	RevocationNotApplicable RevocationStatus = "not_applicable"
)

// RevocationStatuses lists the closed set.
var RevocationStatuses = []RevocationStatus{
	RevocationGood, RevocationRevoked, RevocationUnknown, RevocationUnchecked, RevocationNotApplicable,
}

// RevocationVia says where a revocation status came from.
type RevocationVia string

// The closed set of revocation sources.
const (
	RevocationViaNone   RevocationVia = ""
	RevocationViaStaple RevocationVia = "staple"
	RevocationViaOCSP   RevocationVia = "ocsp"
	RevocationViaCRL    RevocationVia = "crl"
)

// Revocation is the revocation state of a leaf.
type Revocation struct {
	Status     RevocationStatus
	Via        RevocationVia
	CheckedAt  time.Time // zero where it was not checked
	MustStaple bool      // the leaf carries the TLS feature status_request (RFC 7633)
}

// Target is one address to probe for one name.
type Target struct {
	Name string         // SNI and Host: an A-label name without trailing dot
	Addr netip.AddrPort // what is dialled for TLS
	Via  Via
	// HTTP asks the name over the TLS connection once the handshake is done.
	HTTP bool
	// HTTPPort is the port of plain HTTP on the same address, asked for its redirect; 0 for not at all.
	HTTPPort uint16
	// PlainOnly leaves TLS out and asks only HTTPPort, where 0 is then 80.
	PlainOnly bool
}

// Observation is what one probe of one address saw. It is read-only once returned.
type Observation struct {
	Target  Target
	At      time.Time // when the probe began, UTC
	Elapsed time.Duration
	Err     *Error     // the step that failed; nil when every step asked for was done
	TLS     *Handshake // nil when no certificate was seen
	HTTP    *Exchange  // nil when no HTTP response was read
}

// Handshake is what the TLS handshake showed.
type Handshake struct {
	Version string // "TLS 1.3"
	Cipher  string // IANA name: "TLS_AES_128_GCM_SHA256"
	ALPN    string // "http/1.1", or empty
	// Chain holds the certificates as they were sent, leaf first, at most 100. Observations of one chain share it.
	Chain       []Certificate
	NameMatches bool // the leaf covers Target.Name (subject alternative names only, RFC 9525 §6.3)
	Trust       ChainState
	TrustDetail string // why, in words: "issuer not sent"; empty for ok
	Revocation  Revocation
	// ClientCert is set when the server asked for a client certificate, in the handshake or by a renegotiation later.
	ClientCert bool
	// Untested names what was left out on purpose; nil for nothing.
	Untested []string
}

// What Config.Fast leaves out.
const (
	UntestedPossession = "possession" // whether the server has the certificate's key
	UntestedVersion    = "version"    // whether it would speak TLS 1.3
)

// Certificate is what is kept of an X.509 certificate. Its texts come from the peer: hostile until sanitised.
type Certificate struct {
	CommonName string
	Names      []string // subject alternative names: DNS names, then IP addresses; at most 1000
	Issuer     string
	Serial     string // lower-case hexadecimal of the serial's bytes, leading zeros kept, "-" in front of a negative one
	NotBefore  time.Time
	NotAfter   time.Time
	SHA256     string // lower-case hexadecimal of the DER's SHA-256
	Key        string // "ECDSA P-256", "RSA 2048", "Ed25519"
	KeyType    string // "ECDSA", "RSA", "Ed25519": what backend_differs compares within
	WeakKey    bool   // RSA below 2048 bits, or a curve below 224
	Signature  string // "ECDSA-SHA384"
	// WeakSignature is set for SHA-1, MD5 and MD2 signatures on a certificate that is not self-signed.
	WeakSignature bool
	SelfSigned    bool
}

// Lifetime returns the whole lifetime of the certificate.
func (c *Certificate) Lifetime() time.Duration { return c.NotAfter.Sub(c.NotBefore) }

// Exchange is what HTTP showed.
type Exchange struct {
	Method string // the method whose answer counts: HEAD or GET
	Status int    // of the last response, redirects of the same name followed, over TLS or not
	// RedirectsToHTTPS says whether port 80 sends to https://; nil when port 80 was not asked or did not answer.
	RedirectsToHTTPS *bool
	// HSTSMaxAge is max-age of Strict-Transport-Security in seconds (RFC 6797 §6.1.1); nil where the header is absent or invalid.
	HSTSMaxAge *int64
	// Redirects holds each Location in the order it was received, at most 20; hostile until sanitised.
	Redirects []string
	// Loop is set when following the redirects of the same name led in a circle.
	Loop bool
	// Server is the Server header of that last response, hostile until sanitised.
	Server string
}
