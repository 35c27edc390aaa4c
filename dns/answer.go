package dns

import (
	"net/netip"
	"time"
)

// Question is one name to resolve. Name is an A-label name without trailing dot; ID is the caller's own and comes back
// in the Answer.
type Question struct {
	Name string
	ID   int
	// Wildcard asks a random label below Name instead of Name itself (for an inventory entry "*.Name"): NXDOMAIN
	// is normal there.
	Wildcard bool
}

// Status is the outcome of one query: the rcode of RFC 1035 §4.1.1 with NODATA told apart from NOERROR (RFC 2308
// §2.2), and two words for a reply that never came.
type Status string

// The closed set of statuses.
const (
	StatusUnasked  Status = ""
	StatusNoError  Status = "NOERROR" // at least one record of the type asked for
	StatusNoData   Status = "NODATA"  // the name exists, without that type
	StatusNXDomain Status = "NXDOMAIN"
	StatusServFail Status = "SERVFAIL"
	StatusRefused  Status = "REFUSED"
	StatusFormErr  Status = "FORMERR"
	StatusNotImp   Status = "NOTIMP"
	StatusOther    Status = "OTHER"    // any other rcode
	StatusTimeout  Status = "TIMEOUT"  // no reply that can be believed within all attempts
	StatusCanceled Status = "CANCELED" // cut by our own shutdown: says nothing of the name
)

// OK reports whether the status is a statement about the name: NOERROR, NODATA or NXDOMAIN.
func (s Status) OK() bool { return s == StatusNoError || s == StatusNoData || s == StatusNXDomain }

// EDE is an extended DNS error (RFC 8914 §4). Text is as the server sent it: hostile until sanitised.
type EDE struct {
	Code uint16
	Text string
}

// Reply is what one query of a name came to.
type Reply struct {
	Status   Status
	EDE      []EDE
	Server   netip.AddrPort // the server that gave the reply; zero where none did
	Attempts int            // queries sent, over all servers
	Elapsed  time.Duration
	// Trouble is what this machine said when a query could not be sent or its reply not be read: "connection refused",
	// "too many open files". Empty where nothing of the kind happened.
	Trouble string
}

// Answer is everything the DNS said of one name.
type Answer struct {
	ID   int
	Name string // the name that was asked for
	// Asked is the name that went on the wire: Name, or a random label below it for a wildcard.
	Asked    string
	Wildcard bool

	A, AAAA Reply
	// CNAMEs is the chain from Asked in order, without Asked itself: the last one is where it ends.
	CNAMEs []string
	// Addrs holds the addresses of both families at the end of the chain, unmapped, sorted, without doubles.
	Addrs []netip.Addr
	// Dropped counts addresses left out above the limit of 64 a name.
	Dropped int
	// Loop is set when the CNAME chain returns to itself or is too long.
	Loop bool

	// Registrable is the registrable domain: the public suffix and one label (private section of the list included).
	// Empty for a public suffix itself.
	Registrable string
	// Apex is the outcome of asking for Registrable's NS records, asked only when Asked does not exist.
	Apex Reply
	// Nameservers of Registrable, where they were asked.
	Nameservers []string
	// CheckingDisabled is the outcome of asking for A once more with CD=1 (RFC 4035 §3.2.2), asked only after SERVFAIL.
	CheckingDisabled Reply

	// Inquiry is what was asked beyond the resolver; nil for a clean name, which costs two queries. See [Resolver.Inquire].
	Inquiry *Inquiry
	// Traps is what may keep a CA or browsers away; nil where nobody asked for it. See [Resolver.InquireTraps].
	Traps *Traps
	// Proof is what servers answered when they were asked for our proof; nil where none was.
	Proof *Proof

	Elapsed time.Duration
}

// absent reports whether the DNS says that the name does not exist: both families do, or the one that answered.
func (a *Answer) absent() bool {
	gone4, gone6 := a.A.Status == StatusNXDomain, a.AAAA.Status == StatusNXDomain
	return gone4 && (gone6 || !a.AAAA.Status.OK()) || gone6 && !a.A.Status.OK()
}
