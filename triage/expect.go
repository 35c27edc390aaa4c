package triage

import (
	"slices"

	"certscan/dns"
	"certscan/inventory"
)

// agrees reports whether a verdict is what the list expects, so that its finding is listed and alerts nobody.
func agrees(expect inventory.Expect, o *dns.Ownership) bool {
	switch expect {
	case inventory.ExpectProxied:
		return o.Verdict == dns.Proxied && o.Reason != dns.ReasonNotOurs
	case inventory.ExpectElsewhere:
		return o.Verdict == dns.Moved || o.Verdict == dns.Proxied
	case inventory.ExpectInternal:
		return o.Verdict == dns.Private
	case inventory.ExpectRetired:
		return slices.Contains([]dns.Verdict{
			dns.NotDelegated, dns.NameMissing, dns.NoAddress, dns.Free, dns.Expired, dns.OnHold,
		}, o.Verdict)
	case inventory.ExpectNothing, inventory.ExpectParked, inventory.ExpectPlainHTTP:
	}
	return false
}

// contradiction returns the code for a verdict that is good in itself and goes against the list, with what the list
// says; no code where there is none. Other verdicts already raise a code of their own.
func contradiction(expect inventory.Expect, o *dns.Ownership) (code Code, says string) {
	parked := o.Verdict == dns.Parked
	switch expect {
	case inventory.ExpectProxied:
		if parked {
			return OriginLeak, "the list expects a proxy in front, and the DNS shows our server itself"
		}
	case inventory.ExpectElsewhere:
		if parked {
			return Inconclusive, "the list says that somebody else serves the name, the DNS that we do: one is out of date"
		}
	case inventory.ExpectRetired:
		if parked || o.Verdict == dns.Resolved {
			return Inconclusive, "the list says that the name is retired, and it still resolves: one is out of date"
		}
	case inventory.ExpectNothing, inventory.ExpectParked, inventory.ExpectInternal, inventory.ExpectPlainHTTP:
	}
	return "", ""
}
