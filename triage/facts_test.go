package triage

import (
	"net/netip"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

// now is the instant of every judgement in these tests.
var now = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

const (
	first  = "203.0.113.7"
	second = "203.0.113.8"
	sixth  = "2001:db8::7"
)

// leaf returns a good certificate with so much of its life left.
func leaf(left, life time.Duration) probe.Certificate {
	return probe.Certificate{
		CommonName: "example.com", Names: []string{"example.com", "www.example.com"}, Issuer: "R10", Serial: "03ab",
		NotBefore: now.Add(left - life), NotAfter: now.Add(left), SHA256: "aa", Key: "ECDSA P-256", KeyType: "ECDSA",
		Signature: "ECDSA-SHA384",
	}
}

// at returns what a probe of a good server saw: nothing to complain of.
func at(addr string) probe.Observation {
	yes, age := true, int64(31536000)
	return probe.Observation{
		Target: probe.Target{Name: "example.com", Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 443), Via: probe.ViaDNS},
		TLS: &probe.Handshake{
			Version: "TLS 1.3", Chain: []probe.Certificate{leaf(60*day, 90*day)}, NameMatches: true, Trust: probe.ChainOK,
			Revocation: probe.Revocation{Status: probe.RevocationUnchecked},
		},
		HTTP: &probe.Exchange{Method: "HEAD", Status: 200, RedirectsToHTTPS: &yes, HSTSMaxAge: &age},
	}
}

// broken returns what a probe of a server saw that failed at a step; a failure of HTTP comes after a good handshake.
func broken(addr string, step probe.Step, code probe.ErrorCode, detail string) probe.Observation {
	o := at(addr)
	o.Err, o.HTTP = &probe.Error{Step: step, Code: code, Detail: detail}, nil
	if step != probe.StepHTTP {
		o.TLS = nil
	}
	return o
}

// clean returns a name that is parked on its addresses, each with a good server.
func clean(addrs ...string) *Facts {
	f := &Facts{
		Domain: inventory.Domain{Name: "example.com"},
		DNS: &dns.Answer{
			Name: "example.com", Registrable: "example.com",
			A: dns.Reply{Status: dns.StatusNoError}, AAAA: dns.Reply{Status: dns.StatusNoData},
		},
		Owner: &dns.Ownership{Verdict: dns.Parked, Confidence: dns.High, Evidence: []string{"A 203.0.113.7 is ours."}},
	}
	for _, a := range addrs {
		f.Probes = append(f.Probes, at(a))
	}
	return f
}

// ruled returns clean facts with another verdict and no probe.
func ruled(v dns.Verdict, r dns.Reason) *Facts {
	f := clean()
	f.Owner.Verdict, f.Owner.Reason = v, r
	f.Owner.Evidence = []string{"evidence of " + string(v) + "."}
	return f
}

// probed returns clean facts with the given observations.
func probed(obs ...probe.Observation) *Facts {
	f := clean()
	f.Probes = obs
	return f
}

// mismatch returns clean facts with the given observations, of which the first shows a certificate for other names.
func mismatch(obs ...probe.Observation) *Facts {
	obs[0].TLS.NameMatches = false
	return probed(obs...)
}

// with changes facts and returns them, so that a row is one expression.
func with(f *Facts, change func(*Facts)) *Facts {
	change(f)
	return f
}

// each changes every handshake of facts.
func handshakes(f *Facts, change func(*probe.Handshake)) *Facts {
	for i := range f.Probes {
		change(f.Probes[i].TLS)
	}
	return f
}

// leaves changes every leaf of facts.
func leaves(f *Facts, change func(*probe.Certificate)) *Facts {
	return handshakes(f, func(h *probe.Handshake) { change(&h.Chain[0]) })
}

// exchanges changes every HTTP exchange of facts.
func exchanges(f *Facts, change func(*probe.Exchange)) *Facts {
	for i := range f.Probes {
		change(f.Probes[i].HTTP)
	}
	return f
}

// further returns a further name with a verdict, covered by the certificate.
func further(name string, v dns.Verdict) NameFacts {
	return NameFacts{
		Name: name, Covered: true,
		DNS: dns.Answer{
			Name: name, Registrable: "example.com",
			A: dns.Reply{Status: dns.StatusNoError}, AAAA: dns.Reply{Status: dns.StatusNoData},
		},
		Owner: dns.Ownership{Verdict: v, Confidence: dns.High},
	}
}

func netipPort(addr string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
}
