// Package inventory streams the list of names to look at, and who answers for each.
//
// It promises: one [Domain] for each name that was read, in the order of the input, as it is read, so that a list
// of a million lines needs no more memory than a list of ten; a name that was read and cannot be scanned is a Domain
// whose Invalid says why; a line from which no name can be read is a *[BadLine] and reading goes on; only an input
// that cannot be read at all ends the stream with another error. It never touches the network.
package inventory

import (
	"net/netip"
	"strings"
)

// Expect is what the owner of a list says about a name; see the closed set below. What agrees with it is OK, what
// disagrees is the finding.
type Expect string

// The closed set of expectations. The empty one expects a name to be served by us.
const (
	ExpectNothing   Expect = ""
	ExpectParked    Expect = "parked"     // every address is ours
	ExpectProxied   Expect = "proxied"    // behind a CDN or proxy, on purpose
	ExpectElsewhere Expect = "elsewhere"  // served by somebody else, on purpose
	ExpectInternal  Expect = "internal"   // special-purpose addresses, on purpose
	ExpectPlainHTTP Expect = "plain_http" // answers on port 80 only
	ExpectRetired   Expect = "retired"    // must not resolve any more
)

// Expects lists the closed set of expectations that a list may name.
var Expects = []Expect{ExpectParked, ExpectProxied, ExpectElsewhere, ExpectInternal, ExpectPlainHTTP, ExpectRetired}

// Domain is one input: one certificate's worth of names and what the list says of them. It is read-only once sent.
type Domain struct {
	// Name is the key: the lower-case A-label form without a trailing dot (RFC 5890 §2.3.2.1), "*." in front for a
	// wildcard. Where Invalid is set it is the text as it was read, lower-cased, at most 255 bytes.
	Name string
	// Display is the Unicode form of Name, as a person reads it.
	Display string
	// Invalid says why the name cannot be scanned; empty for a good one.
	Invalid string
	// Source is where the name stood: "file:line", "argument:n".
	Source string

	SANs    []string // further names of the same certificate, in the form of Name
	Owner   string   // the customer
	Manager string   // who answers for the customer
	Expect  Expect
	Origin  []string   // servers behind a proxy: names of our servers, or addresses
	Verify  []string   // hosts that show a wildcard's or an internal name's certificate
	Ports   []uint16   // TLS ports; empty is the run's default
	At      netip.Addr // the address given by name@address; invalid where none was

	Challenge string // http-01, dns-01, tls-alpn-01
	DNSPlugin string // name of an entry of dns_plugins
	Account   string // name of an entry of accounts
	Renew     string // certscan, panel, other, never
	Tags      []string
}

// Wildcard reports whether the name is of the form "*.x".
func (d *Domain) Wildcard() bool { return strings.HasPrefix(d.Name, "*.") }
