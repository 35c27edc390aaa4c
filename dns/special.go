package dns

import "net/netip"

// special holds the special-purpose blocks of the IANA registries (RFC 6890 and its updates, state of November 2026)
// that are not globally reachable, and multicast. IPv6 outside 2000::/3 is special as a whole: no other global
// unicast space is assigned (RFC 4291 §2.4).
var special = mustPrefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/3",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var global6 = netip.MustParsePrefix("2000::/3")

// SpecialPurpose reports whether an address is not a public unicast one, so that no public name should point to it
// and we do not dial it. 192.0.0.9 and 192.0.0.10 (RFC 7723, RFC 8155) are anycast services and count as special.
func SpecialPurpose(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || (a.Is6() && !global6.Contains(a)) {
		return true
	}
	for _, p := range special {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func mustPrefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}
