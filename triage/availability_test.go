package triage

import (
	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

func availabilityRows() []row {
	refused := broken(first, probe.StepDial, probe.CodeRefused, "")
	mail := at(first)
	mail.Target.Addr = netipPort(first, 993)
	rows := []row{
		{"down", probed(refused), []string{"down URGENT P2 investigate"}},
		{"down/every address", probed(refused, broken(second, probe.StepTLS, probe.CodeEOF, "")), []string{"down URGENT P2 investigate"}},
		{"down/silent after a good handshake", leaves(probed(broken(first, probe.StepHTTP, probe.CodeTimeout, "")), func(c *probe.Certificate) {
			*c = leaf(-day, 90*day)
		}), []string{"cert_expired URGENT P1 renew", "down URGENT P2 investigate"}},
		{"down/what this machine can reach", probed(refused, broken(sixth, probe.StepDial, probe.CodeNoRoute, "")), []string{
			"down URGENT P2 investigate",
		}},
		{"down/one port of two", probed(refused, mail), []string{"down URGENT P2 investigate"}},
		{"name_mismatch/silent over HTTP", mismatch(broken(first, probe.StepHTTP, probe.CodeTimeout, "")), []string{
			"name_mismatch URGENT P2 renew",
		}},
		{"name_mismatch/cut over HTTP", mismatch(broken(first, probe.StepHTTP, probe.CodeCanceled, "")), []string{
			"name_mismatch URGENT P2 renew",
		}},
		{"down_partly/beside a wrong certificate that fails over HTTP", mismatch(
			broken(first, probe.StepHTTP, probe.CodeReset, ""), broken(second, probe.StepDial, probe.CodeRefused, ""),
		), []string{"name_mismatch URGENT P2 renew", "down_partly WARN P2 investigate @" + second}},
		{"down/unrelated alert", probed(broken(first, probe.StepTLS, probe.CodeAlert, "handshake_failure")), []string{
			"down URGENT P2 investigate",
		}},
		{"down_partly", probed(refused, at(second)), []string{"down_partly WARN P2 investigate @" + first}},
		{"down_partly/the other was not finished", probed(refused, broken(second, probe.StepDial, probe.CodeCanceled, "")), []string{
			"down_partly WARN P2 investigate @" + first, "inconclusive WARN P3 investigate @" + second,
		}},
		{"tls_unsupported", probed(broken(first, probe.StepTLS, probe.CodeUnsupported, "RSA 16384")), []string{
			"tls_unsupported WARN P3 investigate",
		}},
		{"tls_unsupported/beside a dead address", probed(refused, broken(second, probe.StepTLS, probe.CodeUnsupported, "")), []string{
			"down_partly WARN P2 investigate @" + first, "tls_unsupported WARN P3 investigate @" + second,
		}},
		{"no_certificate", probed(broken(first, probe.StepTLS, probe.CodeAlert, "unrecognized_name")), []string{
			"no_certificate WARN P3 renew",
		}},
		{"no_certificate/an empty chain", handshakes(clean(first), func(h *probe.Handshake) { h.Chain = nil }), []string{
			"no_certificate WARN P3 renew",
		}},
		{"private_address/not dialled", with(probed(broken("10.0.0.1", probe.StepDial, probe.CodeBlocked, "")), func(f *Facts) {
			f.Owner.Verdict = dns.Resolved
		}), []string{"private_address WARN P3 fix_dns"}},
		{"private_address/said once", with(probed(broken("10.0.0.1", probe.StepDial, probe.CodeBlocked, "")), func(f *Facts) {
			f.Owner.Verdict, f.Domain.Expect = dns.Private, inventory.ExpectInternal
		}), []string{"private_address OK P3 none"}},
		{"inconclusive/no route to any", probed(broken(sixth, probe.StepDial, probe.CodeNoRoute, "")), []string{
			"inconclusive WARN P3 investigate",
		}},
		{"clean/no route to one of two", probed(at(first), broken(sixth, probe.StepDial, probe.CodeNoRoute, "")), nil},
		{"inconclusive/our own trouble", probed(broken(first, probe.StepDial, probe.CodeCanceled, "too many open files")), []string{
			"inconclusive WARN P3 investigate",
		}},
		{"inconclusive/cut", probed(broken(first, probe.StepTLS, probe.CodeCanceled, "")), []string{"inconclusive WARN P3 investigate"}},
		{"inconclusive/an origin that does not resolve", probed(broken(first, probe.StepDNS, probe.CodeTimeout, "")), []string{
			"inconclusive WARN P3 investigate",
		}},
	}
	for _, code := range []probe.ErrorCode{
		probe.CodeRefused, probe.CodeReset, probe.CodeTimeout, probe.CodeUnreachable, probe.CodeEOF, probe.CodeAlert, probe.CodeNotTLS,
	} {
		rows = append(rows, row{"down/" + string(code), probed(broken(first, probe.StepTLS, code, "")), []string{"down URGENT P2 investigate"}})
	}
	return rows
}
