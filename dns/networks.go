package dns

import (
	"net/netip"
	"slices"
)

// Networks says which addresses are ours and which are a provider's. It is read-only once made.
type Networks struct {
	ours         prefixes
	allowPrivate bool
	providers    providers
	parking      parking
}

// NewNetworks returns the Networks of the given prefixes of ours and of the built-in provider table, in which fetched edge
// lists take the place of built-in ones. None given says that nobody told what is ours: ownership is then not judged.
// allowPrivate lets special-purpose addresses count as ordinary ones.
func NewNetworks(ours []netip.Prefix, allowPrivate bool, updates ...ProviderRanges) *Networks {
	n := &Networks{allowPrivate: allowPrivate, providers: newProviders(Providers(updates...)), parking: builtinParking()}
	for _, p := range ours {
		n.ours.add(p.Masked(), "")
	}
	return n
}

// Known reports whether anything says what is ours.
func (n *Networks) Known() bool { return len(n.ours.blocks) > 0 }

// Ours returns the prefix of ours that covers the address.
func (n *Networks) Ours(a netip.Addr) (netip.Prefix, bool) {
	p, _, ok := n.ours.find(a)
	return p, ok
}

// Dialable reports whether we may dial an address at all: a public one, one of ours, or any when private addresses are
// allowed.
func (n *Networks) Dialable(a netip.Addr) bool {
	if _, ours := n.Ours(a); ours || n.allowPrivate {
		return true
	}
	return !SpecialPurpose(a)
}

// prefixes maps prefixes to a word, looked up by length: a table has a handful of lengths however long it is.
type prefixes struct {
	blocks  map[netip.Prefix]string
	lengths [2][]int // of IPv4 and IPv6, longest first
}

func (t *prefixes) add(p netip.Prefix, word string) {
	if t.blocks == nil {
		t.blocks = map[netip.Prefix]string{}
	}
	t.blocks[p] = word
	family := family(p.Addr())
	if !slices.Contains(t.lengths[family], p.Bits()) {
		t.lengths[family] = append(t.lengths[family], p.Bits())
		slices.SortFunc(t.lengths[family], func(a, b int) int { return b - a })
	}
}

// find returns the longest prefix that covers the address.
func (t *prefixes) find(a netip.Addr) (netip.Prefix, string, bool) {
	a = a.Unmap()
	if !a.IsValid() {
		return netip.Prefix{}, "", false
	}
	for _, bits := range t.lengths[family(a)] {
		p, err := a.WithZone("").Prefix(bits)
		if err != nil {
			continue
		}
		if word, ok := t.blocks[p]; ok {
			return p, word, true
		}
	}
	return netip.Prefix{}, "", false
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}
