//go:build linux

package main

import (
	"time"

	"certscan/fixtures"
)

// lifetimeCases are certificates at every stage of their life. The first is what mainAddr shows for a name that it does
// not know.
func lifetimeCases(ca *fixtures.CA) []serverCase {
	const day = 24 * time.Hour
	now := time.Now()
	issued := func(name string, life, left time.Duration, findings ...string) serverCase {
		end := now.Add(left)
		chain := ca.Issue(fixtures.Leaf{Names: []string{name}, NotBefore: end.Add(-life), NotAfter: end})
		return serverCase{name: name, chain: chain, nginx: "return 200;", verdict: "parked", ends: []string{"ok"}, findings: findings}
	}
	date := func(left time.Duration) string { return now.Add(left).UTC().Format(time.DateOnly) }
	told := func(c serverCase, facts ...string) serverCase {
		c.facts = append(facts, "A "+mainAddr+" is in "+serverNet+", ours")
		return c
	}
	// Each has an hour more than its name says, so that the days told are whole ones while the test lasts.
	const hour = time.Hour
	return []serverCase{
		told(issued("fine.test", 90*day, 60*day+hour),
			"not after "+date(60*day+hour)+", 60.0 of 90 days left", "Findings: none, OK", "plain HTTP  redirects to https"),
		told(issued("days20.test", 90*day, 20*day+hour, "WARN P3 cert_expiring", "WARN P2 renewal_overdue"),
			"not after "+date(20*day+hour)+", 20.0 of 90 days left; WARN below 30, URGENT below 14, P1 below 7"),
		told(issued("days10.test", 90*day, 10*day+hour, "URGENT P2 cert_expiring", "WARN P2 renewal_overdue"),
			"not after "+date(10*day+hour)+", 10.0 of 90 days left; WARN below 30, URGENT below 14, P1 below 7"),
		told(issued("days5.test", 90*day, 5*day+hour, "URGENT P1 cert_expiring", "WARN P2 renewal_overdue"),
			"not after "+date(5*day+hour)+", 5.0 of 90 days left; WARN below 30, URGENT below 14, P1 below 7", "overdue below 27"),
		told(issued("hours160.test", 160*hour, 4*day+hour),
			"96.9 of 160 hours left; WARN below 53.3, URGENT below 24.9, P1 below 12.4", "Findings: none, OK"),
		told(issued("expired.test", 90*day, -3*day-hour, "URGENT P1 cert_expired"),
			"expired "+date(-3*day-hour)+", 3.0 days ago"),
		told(issued("future.test", 90*day, 92*day+hour, "URGENT P2 cert_not_yet_valid"),
			"valid only from "+date(2*day+hour)+", in 2.0 days"),
	}
}

// chainCases are certificates of the wrong name, and chains with and without trust.
func chainCases(ca *fixtures.CA) []serverCase {
	served := func(name, state string, chain fixtures.Chain, findings []string, facts ...string) serverCase {
		return serverCase{
			name: name, chain: chain, nginx: "return 200;", verdict: "parked", ends: []string{state}, findings: findings, facts: facts,
		}
	}
	leaf := func(name string) fixtures.Leaf { return fixtures.Leaf{Names: []string{name}} }
	self, alone, disorder, old := leaf("self.test"), leaf("alone.test"), leaf("disorder.test"), leaf("oldissuer.test")
	self.SelfSigned, alone.Send, disorder.Send, old.ExpiredIntermediate = true, "leaf", "misordered", true
	untrusted := []string{"URGENT P2 chain_untrusted"}
	return []serverCase{
		{
			name: "wrong.test", verdict: "parked", ends: []string{"ok"}, findings: []string{"URGENT P2 name_mismatch"},
			facts: []string{"the certificate does not cover wrong.test, it is for fine.test"},
		},
		{
			name: "unserved.test", addr: rejectAddr, nginx: "ssl_reject_handshake on;", verdict: "parked",
			ends: []string{"tls alert"}, findings: []string{"WARN P3 no_certificate"},
			facts: []string{"unrecognized_name", "no certificate for unserved.test"},
		},
		served("self.test", "self_signed", ca.Issue(self), []string{"URGENT P2 self_signed"}, "signed by itself"),
		// The intermediate is nowhere to be found, so that nobody can say that the chain would verify with it.
		served("alone.test", "untrusted", ca.Issue(alone), untrusted, "issuer not sent", "1 certificate sent"),
		served("stranger.test", "untrusted", fixtures.NewCA("Stranger").Issue(leaf("stranger.test")), untrusted,
			"unknown authority: Stranger Root"),
		served("oldissuer.test", "expired_issuer", ca.Issue(old), untrusted, "issuer Fixtures Intermediate expired on "),
		served("disorder.test", "misordered", ca.Issue(disorder), nil, "verifies, but was not sent in order"),
	}
}

// webCases are servers with a good certificate and habits of their own.
func webCases(ca *fixtures.CA) []serverCase {
	served := func(name, nginx string, findings []string, facts ...string) serverCase {
		return serverCase{
			name: name, chain: ca.Issue(fixtures.Leaf{Names: []string{name}, Key: "rsa2048"}), nginx: nginx,
			verdict: "parked", ends: []string{"ok"}, findings: findings, facts: facts,
		}
	}
	// The protocols of an address are those of its first block, whatever the name.
	old := served("tls10.test", "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0; return 200;", []string{"WARN P3 old_protocol"},
		"negotiated TLS 1.0")
	middle := served("tls12.test", "ssl_protocols TLSv1.2; return 200;", nil, "TLS 1.2, TLS_ECDHE_RSA_WITH_", "key         RSA 2048")
	old.addr, middle.addr = tls10Addr, tls12Addr
	return []serverCase{
		served("error.test", "return 503;", []string{"URGENT P3 http_5xx"}, "GET answers 503"),
		served("loop.test", "location / { return 302 /again; } location /again { return 302 /; }",
			[]string{"WARN P3 redirect_loop"}, "redirects go in circles: https://loop.test"),
		middle,
		old,
		served("client.test", "ssl_verify_client on; ssl_client_certificate root.pem; return 200;", nil,
			"asked for a client certificate", "Findings: none, OK"),
		// A header of its own keeps nginx from adding the common one; its plain HTTP answers by itself.
		served(bareName, "add_header X-Own 1; return 200;", []string{"OK P3 no_https_redirect", "OK P3 hsts_missing"},
			"plain HTTP  does not redirect to https", "no Strict-Transport-Security"),
		{
			name: "plain.test", addr: plainAddr, nginx: "return 200;", verdict: "parked",
			ends: []string{"tls not_tls"}, findings: []string{"URGENT P2 down"},
			facts: []string{plainAddr + ": TLS handshake not_tls (HTTP/1.x)"},
		},
	}
}

// faultCases are addresses where no server answers as it should.
func faultCases(ca *fixtures.CA) []serverCase {
	down := func(name, addr, end, fact string) serverCase {
		return serverCase{
			name: name, addr: addr, verdict: "parked", ends: []string{end}, findings: []string{"URGENT P2 down"},
			facts: []string{"no address answers: " + addr + ": " + fact},
		}
	}
	return []serverCase{
		down("closed.test", closedAddr, "dial refused", "connection refused"),
		down("silent.test", silentAddr, "tls timeout", "TLS handshake timeout"),
		down("reset.test", resetAddr, "tls reset", "TLS handshake reset"),
		down("garbage.test", garbageAddr, "tls not_tls", "TLS handshake not_tls (garbage)"),
		{
			name: "half.test", records: "@ A " + mainAddr + "\n@ A " + closedAddr,
			chain: ca.Issue(fixtures.Leaf{Names: []string{"half.test"}}), nginx: "return 200;", verdict: "parked",
			ends: []string{"ok", "dial refused"}, findings: []string{"WARN P2 down_partly"},
			facts: []string{"down_partly at " + closedAddr, mainAddr + ": answers; " + closedAddr + ": connection refused"},
		},
	}
}

// absenceCases are names for which the DNS has no address.
func absenceCases() []serverCase {
	orphan := func(name, records, verdict, code string, facts ...string) serverCase {
		return serverCase{
			name: name, records: records, verdict: verdict, findings: []string{"WARN P3 " + code},
			facts: append(facts, "Endpoints: none was dialled"),
		}
	}
	return []serverCase{
		orphan("nodata.test", "@ MX 10 mail", "no_address", "no_address", "A NODATA, AAAA NODATA"),
		orphan("www.delegated.test", "mail A "+mainAddr, "name_missing", "name_missing",
			"www.delegated.test does not exist (NXDOMAIN), while its registrable domain delegated.test does"),
		orphan("unregistered.test", noZone, "not_delegated", "not_delegated",
			"unregistered.test does not exist in the DNS (NXDOMAIN)", "the registry was not asked"),
		orphan(servfailName, "", "broken/servfail", "dns_broken", "the resolver answered SERVFAIL for A and SERVFAIL for AAAA"),
		orphan(bogusName, "", "broken/dnssec_bogus", "dns_broken", "the resolver says: EDE ", "A, CD=1     NOERROR"),
		orphan("circle.test", "@ CNAME circle.hosting.example.", "broken/loop", "dns_broken",
			"circle.test → circle.hosting.example → circle.test", "the CNAMEs go in a circle"),
		orphan("www.dangling.test", "www CNAME gone.hosting.example.", "dangling", "dangling_cname",
			"gone.hosting.example does not exist (NXDOMAIN)"),
		orphan("hyphen-.test", noZone, "invalid", "invalid_name", `label "hyphen-" begins or ends with a hyphen`),
	}
}

// addressCases are names whose addresses are ours in part, or not, or found by a detour.
func addressCases(ca *fixtures.CA) []serverCase {
	alike := func(name string) fixtures.Chain { return ca.Issue(fixtures.Leaf{Names: []string{name}}) }
	const ours = "@ A " + mainAddr + "\n"
	return []serverCase{
		{
			name: "www.chain.test", records: "www CNAME alias.hosting.example.", chain: alike("www.chain.test"), nginx: "return 200;",
			verdict: "parked", ends: []string{"ok"},
			facts: []string{"CNAME www.chain.test → alias.hosting.example → web.hosting.example"},
		},
		{
			name: "split.test", records: ours + "@ AAAA 2001:db8::1", chain: alike("split.test"), nginx: "return 200;",
			verdict: "mixed/split", ends: []string{"ok", "dial blocked"}, findings: []string{"WARN P3 split_addresses"},
			facts: []string{"AAAA 2001:db8::1 is a special-purpose address", "1 of 1 IPv4 and 0 of 1 IPv6 addresses are ours"},
		},
		{
			name: "private.test", records: "@ A 10.0.0.7", verdict: "private", findings: []string{"WARN P3 private_address"},
			facts: []string{"A 10.0.0.7 is a special-purpose address", "Endpoints: none was dialled"},
		},
		{
			name: "moved.test", records: "@ AAAA " + elsewhere6, verdict: "moved", findings: []string{"WARN P3 moved_away"},
			facts: []string{"AAAA " + elsewhere6 + " is not ours"}, skips: "explain",
		},
		{
			name: "six.test", records: ours + "@ AAAA " + elsewhere6, verdict: "mixed/ipv6_elsewhere",
			findings: []string{"WARN P3 ipv6_elsewhere"}, skips: "scan explain",
			facts: []string{"AAAA " + elsewhere6 + " is not ours", "1 of 1 IPv4 and 0 of 1 IPv6 addresses are ours"},
		},
		{
			name: "four.test", records: "@ A " + elsewhere4 + "\n@ AAAA 2001:db8:30::7", verdict: "mixed/ipv4_elsewhere",
			findings: []string{"WARN P3 ipv4_elsewhere"}, skips: "scan explain",
			facts: []string{"A " + elsewhere4 + " is not ours", "AAAA 2001:db8:30::7 is in " + ownNet6 + ", ours"},
		},
		{
			name: "leak.test", records: ours + "@ A 104.16.0.1", verdict: "mixed/origin_leak",
			findings: []string{"WARN P3 origin_leak"}, skips: "scan explain",
			facts: []string{"A 104.16.0.1 is in 104.16.0.0/13, the edge of cloudflare"},
		},
		{
			name: "www.proxied.test", records: "www CNAME d1.cloudfront.net.", verdict: "proxied/unverified",
			findings: []string{"WARN P3 behind_proxy"}, skips: "scan explain",
			facts: []string{"d1.cloudfront.net is a name of cloudfront"},
		},
	}
}
