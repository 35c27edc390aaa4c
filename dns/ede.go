package dns

import "fmt"

// edeNames are the purposes that IANA registers for extended DNS errors (RFC 8914 §5.2 and later entries).
var edeNames = []string{
	"Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
	"DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing",
	"RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored",
	"Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported", "No Reachable Authority",
	"Network Error", "Invalid Data", "Signature Expired before Valid", "Too Early", "Unsupported NSEC3 Iterations Value",
	"Unable to conform to policy", "Synthesized",
}

// String returns the error's registered name and the server's own words: "EDE 6 DNSSEC Bogus (no DNSKEY)".
func (e EDE) String() string {
	name := "unregistered"
	if int(e.Code) < len(edeNames) {
		name = edeNames[e.Code]
	}
	if e.Text == "" {
		return fmt.Sprintf("EDE %d %s", e.Code, name)
	}
	return fmt.Sprintf("EDE %d %s (%s)", e.Code, name, e.Text)
}
