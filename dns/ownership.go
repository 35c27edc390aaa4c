package dns

// Verdict says where a name stands; docs/codes.md tells cause and remedy of each.
type Verdict string

// The closed set of verdicts.
const (
	Parked       Verdict = "parked"        // every address answered is ours
	Mixed        Verdict = "mixed"         // some are ours, some not
	Proxied      Verdict = "proxied"       // a known CDN or proxy stands in front
	Moved        Verdict = "moved"         // all addresses are somebody else's
	Free         Verdict = "free"          // the registrable domain is unregistered
	Expired      Verdict = "expired"       // registered but past its date
	OnHold       Verdict = "on_hold"       // registered, taken out of the zone
	NotDelegated Verdict = "not_delegated" // no delegation, and the registry says nothing against the name
	NoAddress    Verdict = "no_address"    // exists, without A or AAAA
	NameMissing  Verdict = "name_missing"  // NXDOMAIN while its registrable domain is delegated
	Dangling     Verdict = "dangling"      // a CNAME chain that ends in a name that does not exist
	Broken       Verdict = "broken"        // the DNS cannot answer
	Private      Verdict = "private"       // only special-purpose addresses
	Invalid      Verdict = "invalid"       // not a domain name that can be scanned
	Resolved     Verdict = "resolved"      // an address was found, and nobody said what is ours
	Unknown      Verdict = "unknown"       // we could not tell
)

// Verdicts lists the closed set in the order of the contract's table.
var Verdicts = []Verdict{
	Parked, Mixed, Proxied, Moved, Free, Expired, OnHold, NotDelegated, NoAddress, NameMissing, Dangling, Broken,
	Private, Invalid, Resolved, Unknown,
}

// Reason refines a verdict.
type Reason string

// The closed set of reasons, and the verdicts they belong to.
const (
	ReasonNone          Reason = ""
	ReasonIPv6Elsewhere Reason = "ipv6_elsewhere" // mixed
	ReasonIPv4Elsewhere Reason = "ipv4_elsewhere" // mixed
	ReasonSplit         Reason = "split"          // mixed
	ReasonOriginLeak    Reason = "origin_leak"    // mixed
	ReasonOurs          Reason = "ours"           // proxied
	ReasonNotOurs       Reason = "not_ours"       // proxied
	ReasonUnverified    Reason = "unverified"     // proxied
	ReasonParking       Reason = "parking"        // moved
	ReasonTargetFree    Reason = "target_free"    // dangling
	ReasonDNSSECBogus   Reason = "dnssec_bogus"   // broken
	ReasonLame          Reason = "lame"           // broken
	ReasonServFail      Reason = "servfail"       // broken
	ReasonRefused       Reason = "refused"        // broken
	ReasonTimeout       Reason = "timeout"        // broken
	ReasonLoop          Reason = "loop"           // broken
)

// Confidence says how sure an Ownership is.
type Confidence string

// The closed set of confidences.
const (
	High Confidence = "high"
	Low  Confidence = "low"
)

// Rule is one rule that was tried: its name, whether it matched, and why, in words an operator can check.
type Rule struct {
	Name    string
	Matched bool
	Why     string
}

// Ownership is the verdict on one name.
type Ownership struct {
	Verdict    Verdict
	Reason     Reason
	Provider   string // id of the CDN or proxy, where one is involved
	Confidence Confidence
	// Doubt says why the confidence is low, half sentences joined by "; "; empty where it is high.
	Doubt string
	// Astray tells where the HTTPS records lead that is not ours, while an address of the name is; empty where nowhere, or
	// where they were not asked for.
	Astray string
	// Evidence tells what led here, a sentence each. Remote text in it is hostile until sanitised.
	Evidence []string
	// Tried holds every rule in the order it was tried, up to and including the one that matched, where somebody asked
	// for it: see [Networks.Tried].
	Tried []Rule
}
