package triage

import (
	"fmt"
	"strings"
	"testing"

	"certscan/dns"
	"certscan/inventory"
)

// trapped is a parked name whose CAA has that state, with further names.
func trapped(state dns.CAAState, at string, further ...NameFacts) *Facts {
	f := &Facts{Domain: inventory.Domain{Name: "example.com"}, DNS: &dns.Answer{Name: "example.com", Asked: "example.com", Registrable: "example.com"}}
	f.DNS.A.Status, f.DNS.AAAA.Status = dns.StatusNoError, dns.StatusNoData
	f.DNS.Traps = &dns.Traps{State: state, Why: "CAA at " + at + " says so", CAA: dns.CAASet{Asked: true, At: at}}
	f.Owner = &dns.Ownership{Verdict: dns.Parked, Confidence: dns.High}
	f.Names = further
	return f
}

func furtherTrap(name string, state dns.CAAState, at string) NameFacts {
	n := trapped(state, at)
	n.DNS.Name = name
	return NameFacts{Name: name, DNS: *n.DNS, Owner: *n.Owner}
}

// TestTraps holds what CAA and HTTPS records raise, for the domain and for further names, each set once.
func TestTraps(t *testing.T) {
	t.Parallel()
	astray := trapped(dns.CAAAllows, "")
	astray.Owner.Astray = "the HTTPS record hints at 93.184.9.9, which is not ours"
	for row, c := range map[string]struct {
		facts *Facts
		want  string
	}{
		"allowed":               {trapped(dns.CAAAllows, "example.com"), ""},
		"not asked":             {trapped(dns.CAAUnchecked, ""), ""},
		"forbidden":             {trapped(dns.CAAForbids, "example.com"), "caa_forbids "},
		"unreachable":           {trapped(dns.CAAUnreachable, "com"), "caa_unreachable "},
		"the same set once":     {trapped(dns.CAAForbids, "example.com", furtherTrap("www.example.com", dns.CAAForbids, "example.com")), "caa_forbids "},
		"another set once more": {trapped(dns.CAAForbids, "example.com", furtherTrap("www.example.net", dns.CAAForbids, "example.net")), "caa_forbids , caa_forbids www.example.net"},
		"of a further name":     {trapped(dns.CAAAllows, "", furtherTrap("www.example.net", dns.CAAUnreachable, "net")), "caa_unreachable www.example.net"},
		"HTTPS elsewhere":       {astray, "svcb_elsewhere "},
	} {
		var got []string
		for _, f := range (Policy{}).Judge(c.facts, now).Findings {
			if f.Severity != Warn || f.Action != ActionFixDNS || f.Priority != P3 {
				t.Errorf("%s: %+v", row, f)
			}
			got = append(got, fmt.Sprint(f.Code, " ", f.Name))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", row, got, c.want)
		}
	}
}

// TestRefusedNameIsNoPage holds that on-call is not woken for a certificate that the owner's CAA keeps from being renewed.
func TestRefusedNameIsNoPage(t *testing.T) {
	t.Parallel()
	for state, want := range map[dns.CAAState]bool{dns.CAAForbids: true, dns.CAAUnreachable: true, dns.CAAAllows: false} {
		f := trapped(state, "example.com")
		if got := newScene(Policy{}, f, now).blocked; got != want {
			t.Errorf("%s: blocked %t", state, got)
		}
		f = trapped(dns.CAAAllows, "", furtherTrap("www.example.net", state, "example.net"))
		f.Domain.SANs = []string{"www.example.net"}
		if got := newScene(Policy{}, f, now).blocked; got != want {
			t.Errorf("%s of a further name: blocked %t", state, got)
		}
	}
}
