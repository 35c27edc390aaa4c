package report

import (
	"net/netip"
	"time"

	"certscan/triage"
)

// Record is what a run says of one name, as it is stored and sent: one for each distinct name that was read. Keys are
// never omitted. A zero time and a nil pointer are null, an unknown word is "", an empty list is []. Instants are UTC,
// to the second; durations are milliseconds. Texts may come from the network; the encoder escapes them.
type Record struct {
	Schema  int    `json:"schema"`  // 1
	Run     string `json:"run"`     // id of the run
	Vantage string `json:"vantage"` // where the run looked from

	Domain  string `json:"domain"` // display form, Unicode
	Name    string `json:"name"`   // the key: lower-case A-label
	Owner   string `json:"owner"`
	Manager string `json:"manager"`
	Source  string `json:"source"` // where the name stood: "file:line"

	CheckedAt time.Time `json:"checked_at"`
	ElapsedMS int64     `json:"elapsed_ms"`
	// Since is when this verdict and severity began; null where no history knows.
	Since    time.Time       `json:"since"`
	Severity triage.Severity `json:"severity"`
	Findings []finding       `json:"findings"`
	Names    []furtherName   `json:"names"`
	// DNS is null where the DNS was not asked.
	DNS *dnsFacts `json:"dns"`
	// Endpoints is empty where nothing was probed.
	Endpoints []endpoint `json:"endpoints"`
}

// finding is one finding. Address and Name are "" where it is about all addresses, or about the domain itself.
type finding struct {
	Code     triage.Code     `json:"code"`
	Severity triage.Severity `json:"severity"`
	Priority triage.Priority `json:"priority"`
	Message  string          `json:"message"`
	Action   triage.Action   `json:"action"`
	Address  string          `json:"address"`
	Name     string          `json:"name"`
}

// furtherName is one further name of the same input. Covered says whether the certificate that is served covers it.
type furtherName struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Covered bool   `json:"covered"`
}

// dnsFacts is what the DNS said, and the verdict on it.
type dnsFacts struct {
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason"`
	Confidence string `json:"confidence"`
	// Rcode of both families together; "" where no reply came.
	Rcode        string        `json:"rcode"`
	EDE          []extendedErr `json:"ede"`
	Addresses    []netip.Addr  `json:"addresses"`
	CNAME        []string      `json:"cname"`
	Nameservers  []string      `json:"nameservers"`
	Provider     string        `json:"provider"`
	CAA          caa           `json:"caa"`
	Registration registration  `json:"registration"`
	Evidence     []string      `json:"evidence"`
}

// extendedErr is an extended DNS error (RFC 8914 §4).
type extendedErr struct {
	Code uint16 `json:"code"`
	Text string `json:"text"`
}

// caa says whether our CA may issue, and At which name the record that decides stands (RFC 8659 §3).
type caa struct {
	State string `json:"state"`
	At    string `json:"at"`
}

// registration is what the registry says of the registrable domain.
type registration struct {
	State   string    `json:"state"`
	Expires time.Time `json:"expires"`
	Source  string    `json:"source"`
}

// endpoint is what one probe of one address saw.
type endpoint struct {
	Address   netip.Addr   `json:"address"`
	Port      uint16       `json:"port"`
	Via       string       `json:"via"`
	ElapsedMS int64        `json:"elapsed_ms"`
	Error     *failure     `json:"error"`
	TLS       *handshake   `json:"tls"`
	HTTP      *httpOutcome `json:"http"`
}

// failure is the step of a probe that failed.
type failure struct {
	Step   string `json:"step"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// handshake is what TLS showed. Grade is "" where it was not graded.
type handshake struct {
	Version  string   `json:"version"`
	Cipher   string   `json:"cipher"`
	ALPN     string   `json:"alpn"`
	Grade    string   `json:"grade"`
	Untested []string `json:"untested"`
	Cert     *leaf    `json:"cert"`
	// DaysLeft at checked_at in whole tenths, negative once it has ended: never more than is left, or than is past. Null
	// where Cert is.
	DaysLeft    *float64   `json:"days_left"`
	NameMatches bool       `json:"name_matches"`
	Chain       string     `json:"chain"`
	Revocation  revocation `json:"revocation"`
}

// leaf is the certificate of the server itself.
type leaf struct {
	CommonName string    `json:"common_name"`
	Names      []string  `json:"names"`
	Issuer     string    `json:"issuer"`
	Serial     string    `json:"serial"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	SHA256     string    `json:"sha256"`
	Key        string    `json:"key"`
	Signature  string    `json:"signature"`
}

// revocation is the revocation state of the leaf.
type revocation struct {
	Status     string    `json:"status"`
	Via        string    `json:"via"`
	CheckedAt  time.Time `json:"checked_at"`
	MustStaple bool      `json:"must_staple"`
}

// httpOutcome is what HTTP showed.
type httpOutcome struct {
	Method string `json:"method"`
	Status int    `json:"status"`
	// RedirectsToHTTPS is null where plain HTTP was not asked or gave no answer.
	RedirectsToHTTPS *bool `json:"redirects_to_https"`
	// HSTSMaxAge in seconds (RFC 6797 §6.1.1); null where the header is absent or invalid.
	HSTSMaxAge *int64 `json:"hsts_max_age"`
}
