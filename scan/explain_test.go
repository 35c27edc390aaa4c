package scan

import (
	"net/netip"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/triage"
)

func parkedAnswer(name string) dns.Answer {
	return dns.Answer{
		Name: name, Asked: name, Registrable: "example.com", Addrs: []netip.Addr{netip.MustParseAddr("203.0.113.7")},
		A: dns.Reply{Status: dns.StatusNoError}, AAAA: dns.Reply{Status: dns.StatusNoData},
	}
}

// TestExplain holds that the rules of a result end in its own verdicts, and that the result itself stays as it was.
func TestExplain(t *testing.T) {
	t.Parallel()
	p := Pipeline{Networks: dns.NewNetworks([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, false)}
	domain, www := parkedAnswer("example.com"), parkedAnswer("www.example.com")
	owner := p.Networks.Judge(&domain)
	r := p.Policy.Judge(&triage.Facts{
		Domain: inventory.Domain{Name: "example.com"}, DNS: &domain, Owner: &owner,
		Names: []triage.NameFacts{{Name: www.Name, DNS: www, Owner: p.Networks.Judge(&www)}},
	}, time.Unix(1, 0).UTC())
	told := p.Explain(r)
	for name, tried := range map[string][]dns.Rule{"domain": told.Facts.Owner.Tried, "www": told.Facts.Names[0].Owner.Tried} {
		if n := len(tried); n == 0 || tried[n-1].Name != string(dns.Parked) || !tried[n-1].Matched {
			t.Errorf("%s: rules %+v", name, tried)
		}
	}
	if len(told.Tried) == 0 {
		t.Error("no rule of a finding")
	}
	if owner.Tried != nil || r.Facts.Names[0].Owner.Tried != nil || r.Tried != nil {
		t.Error("the result was changed")
	}
	refused := dns.CannotTell("the run was cut")
	cut := triage.Result{Facts: triage.Facts{DNS: &dns.Answer{}, Owner: &refused}}
	if tried := p.Explain(cut).Facts.Owner.Tried; len(tried) != 1 || tried[0].Why != "the run was cut" {
		t.Errorf("a name that was not asked for: %+v", tried)
	}
}
