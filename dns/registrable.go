package dns

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Registrable returns the registrable domain of an A-label name: the public suffix and one label, the private section
// of the public-suffix list included. A suffix of the private section (github.io) is itself a name that somebody
// registered, and comes back as it would without that section. It is empty for a suffix of the ICANN section.
func Registrable(name string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return d
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	if icann || suffix != name || !strings.Contains(name, ".") {
		return ""
	}
	// A private suffix: climb to the ICANN suffix it stands under.
	labels := strings.Split(name, ".")
	for i := 1; i < len(labels); i++ {
		parent := strings.Join(labels[i:], ".")
		if s, icann := publicsuffix.PublicSuffix(parent); s == parent && (icann || !strings.Contains(s, ".")) {
			return strings.Join(labels[i-1:], ".")
		}
	}
	return ""
}
