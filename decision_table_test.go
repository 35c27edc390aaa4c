package main

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// situation is one in which it has to be told whose a domain is, and the tests that play it: "file function", or
// "file function: row" where the function goes through a table.
type situation struct {
	what  string
	tests []string
}

// verdictSituations are the cases between which the verdict decides, first match first.
var verdictSituations = []situation{
	{"0 no name that can be asked for", []string{
		"inventory/inventory_test.go TestParse: an address, not a name", "inventory/inventory_test.go TestParse: public suffix",
		"scan/inquiry_test.go TestInvalidIsNotAskedFor", "scan/scan_test.go TestScan: invalid WARN [invalid_name] []",
	}},
	{"1 no resolver answers, or no control name does", []string{
		"dns/judge_test.go TestJudge: nobody answered", "dns/judge_test.go TestJudge: refused by our resolver",
		"dns/inquire_test.go TestResolverGoneInMidRun", "dns/inquire_test.go TestResolverCutOffInMidRun",
		"scan/scan_test.go TestNoTrustWithoutControl", "registry_servers_test.go TestRegistryServers: resolvers killed",
		"registry_servers_test.go TestRegistryServers: resolver suspended", "registry_servers_test.go TestRegistryServers: resolver cut off",
	}},
	{"2 many names of one suffix turn at once", []string{"triage/breaker_test.go TestBreaker: 2 an incident of one TLD"}},
	{"3 all addresses ours", []string{"dns/judge_test.go TestJudge: parked", "dns/judge_test.go TestJudge: ours, with a CDN's name servers"}},
	{"4 A ours, no AAAA is", []string{"dns/judge_test.go TestJudge: A ours, AAAA elsewhere"}},
	{"5 a family ours in part", []string{
		"dns/judge_test.go TestJudge: A ours, AAAA ours in part", "dns/judge_test.go TestJudge: split within a family",
	}},
	{"6 no A ours, AAAA is", []string{
		"dns/judge_test.go TestJudge: A elsewhere, AAAA ours", "dns/judge_test.go TestJudge: A at a CDN, AAAA ours",
	}},
	{"7 ours beside a provider's edge", []string{"dns/judge_test.go TestJudge: ours beside a CDN"}},
	{"8 all addresses a provider's, or its CNAME", []string{
		"dns/judge_test.go TestJudge: all at a CDN", "dns/judge_test.go TestJudge: a CDN's CNAME",
		"dns/judge_test.go TestJudge: foreign, with a CDN's name servers",
	}},
	{"9 special-purpose addresses alone", []string{"dns/judge_test.go TestJudge: only special-purpose"}},
	{"10 elsewhere, and the registration is over", []string{
		"dns/inquire_test.go TestDecisionTable: 10 foreign address, past its date",
		"dns/second_test.go TestSecondResolver: 10 expired elsewhere, at both",
		"dns/second_test.go TestParkingPage: 10 and its registration is over",
	}},
	{"11 elsewhere, at a parking service", []string{
		"dns/second_test.go TestParkingPage: 11 name servers of a parking service",
		"dns/second_test.go TestParkingPage: 11 an address of a parking page",
	}},
	{"12 elsewhere", []string{
		"dns/judge_test.go TestJudge: foreign", "dns/inquire_test.go TestDecisionTable: 12 foreign address, registered",
	}},
	{"13 a CNAME to what does not exist", []string{
		"dns/judge_test.go TestJudge: dangling", "dns/inquire_test.go TestDecisionTable: 13 a CNAME to a free domain",
		"dns/inquire_test.go TestDecisionTable: 13 a CNAME to an undelegated domain that is registered",
		"dns/inquire_test.go TestDecisionTable: 13 a CNAME to a missing name of somebody's domain",
	}},
	{"14 no address", []string{
		"dns/judge_test.go TestJudge: no address", "dns/inquire_test.go TestDecisionTable: 14 no address",
		"dns/inquire_test.go TestDecisionTable: 14 no address, the resolver leaves the SOA out",
	}},
	{"15 a missing name of a delegated domain", []string{
		"dns/judge_test.go TestJudge: missing host", "dns/inquire_test.go TestDecisionTable: 15 a missing name of a domain that is there",
	}},
	{"16 free", []string{
		"dns/inquire_test.go TestDecisionTable: 16 free: parent zone and registry say so",
		"dns/inquire_test.go TestDecisionTable: 16 free, asked for a host of it",
		"dns/inquire_test.go TestDecisionTable: one server of the parent is silent",
		"registry_servers_test.go TestRegistryServers: registry trouble",
	}},
	{"17 on hold", []string{
		"dns/inquire_test.go TestDecisionTable: 17 on hold", "dns/registry_test.go TestWhoisStates: NOT DELEGATED",
		"dns/registry_test.go TestRegistryStates: client hold", "dns/registry_test.go TestRegistryStates: server hold as EPP writes it",
	}},
	{"18 expired", []string{
		"dns/inquire_test.go TestDecisionTable: 18 expired", "dns/registry_test.go TestRegistryStates: redemption period",
		"dns/registry_test.go TestRegistryStates: pending delete", "dns/registry_test.go TestWhoisStates: paid-till passed",
	}},
	{"19 not delegated, and the registry does not say", []string{
		"dns/inquire_test.go TestDecisionTable: 19 the registry is not asked", "dns/inquire_test.go TestDecisionTable: 19 the registry's limit",
		"dns/inquire_test.go TestDecisionTable: a private-section suffix", "registry_servers_test.go TestRegistryServers: registry trouble",
	}},
	{"20 the resolver lies", []string{
		"dns/inquire_test.go TestDecisionTable: 20 the resolver withholds a domain",
		"dns/inquire_test.go TestDecisionTable: 20 the resolver withholds a name",
		"dns/inquire_test.go TestDecisionTable: 20 the resolver is late with a missing name",
		"dns/inquire_test.go TestDecisionTable: 20 the resolver leaves the addresses out",
		"dns/judge_test.go TestJudge: censored",
	}},
	{"21 DNSSEC", []string{
		"dns/inquire_test.go TestDecisionTable: 21 DNSSEC, told by an extended error",
		"dns/inquire_test.go TestDecisionTable: 21 DNSSEC, told by CD=1", "dns/judge_test.go TestDNSSECByEDE",
	}},
	{"22 no server of the delegation answers", []string{
		"dns/inquire_test.go TestDecisionTable: 22 all refuse", "dns/inquire_test.go TestDecisionTable: 22 none answers",
		"dns/inquire_test.go TestDecisionTable: 22 none has an address", "dns/inquire_test.go TestDecisionTable: 22 all fail",
		"dns/inquire_test.go TestDecisionTable: 22 one refuses, one is silent",
		"dns/inquire_test.go TestDecisionTable: 22 referred in a circle, of which the resolver makes an answer without records",
	}},
	{"23 some of its servers answer", []string{"dns/inquire_test.go TestDecisionTable: 23 one server is good, the resolver fails"}},
	{"24 servers or resolvers disagree", []string{
		"dns/inquire_test.go TestDecisionTable: 24 the name servers are at odds",
		"dns/inquire_test.go TestDecisionTable: 24 the parent's servers are at odds",
		"dns/inquire_test.go TestDecisionTable: 24 the resolvers are at odds, the parent is silent",
		"dns/second_test.go TestSecondResolver: 24 moved, and missing at another",
		"dns/second_test.go TestSecondResolver: 24 moved, and ours at another",
		"dns/second_test.go TestSecondResolver: 24 free, and ours at another",
		"dns/second_test.go TestSecondResolver: 24 one resolver fails, another answers",
		"registry_servers_cases_test.go troubledCases: www.disagree.com",
		"dns/inquire_test.go TestDecisionTable: 24 the resolver leaves the records out, the name servers are at odds",
	}},
	{"O1 CAA forbids", []string{
		"dns/caa_test.go TestCAAClimb: O1 at the name", "dns/caa_test.go TestCAAClimb: O1 above the name",
		"dns/caa_test.go TestCAAOfTheSet: nobody's", "dns/caa_test.go TestCAAOfTheSet: another method",
		"dns/caa_test.go TestCAAOfTheSet: another account", "dns/caa_test.go TestCAAOfTheSet: an unknown tag that is critical",
		"triage/traps_test.go TestTraps: forbidden",
	}},
	{"O2 CAA cannot be had", []string{
		"dns/caa_test.go TestCAAClimb: O2 SERVFAIL at the name", "dns/caa_test.go TestCAAClimb: O2 NOTIMP",
		"dns/caa_test.go TestCAAClimb: O2 REFUSED above", "triage/traps_test.go TestTraps: unreachable",
	}},
	{"O3 a wildcard makes the name look alive", []string{"dns/caa_test.go TestWildcardOverlay"}},
	{"O4 an HTTPS record leads elsewhere", []string{"dns/caa_test.go TestHTTPSRecordElsewhere", "triage/traps_test.go TestTraps: HTTPS elsewhere"}},
}

// risks are what servers on the way have been seen to do.
var risks = []situation{
	{"a reply to another question", []string{
		"dns/resolver_test.go TestUnbelievable: wrong question", "dns/resolver_test.go TestUnusable: only wrong question",
		"dns/inquire_test.go TestDecisionTable: the parent answers another question first",
	}},
	{"a late duplicate with the same ID", []string{
		"dns/late_test.go TestLateDuplicate", "dns/resolver_test.go TestBothRepliesCome", "dns/resolver_test.go TestUnbelievable: duplicate",
	}},
	{"truncated, then TCP", []string{
		"dns/resolver_test.go TestUnbelievable: truncated", "dns/inquire_test.go TestDecisionTable: the parent's answer is truncated",
	}},
	{"truncated, and TCP is refused", []string{
		"dns/resolver_test.go TestUnusable: truncated, no TCP", "dns/resolver_test.go TestOtherResolverFirst: no TCP",
		"dns/inquire_test.go TestDecisionTable: the parent's answer is truncated, and TCP is refused",
	}},
	{"a circle of CNAMEs", []string{"dns/resolver_test.go TestLoops", "dns/judge_test.go TestJudge: loop in an answer"}},
	{"a CNAME chain that ends in NXDOMAIN", []string{
		"dns/resolver_test.go TestLookup: lost.example.test", "dns/judge_test.go TestJudge: dangling",
	}},
	{"NXDOMAIN for A, data for AAAA", []string{
		"dns/judge_test.go TestJudge: NXDOMAIN for A, data for AAAA", "registry_servers_cases_test.go answeringCases: halved.com",
	}},
	{"NODATA for A, AAAA ours", []string{
		"dns/judge_test.go TestJudge: NODATA for A, AAAA ours", "registry_servers_cases_test.go answeringCases: sixonly.com",
	}},
	{"SERVFAIL with EDE 6, an answer with CD=1", []string{
		"dns/inquire_test.go TestDecisionTable: 21 DNSSEC, told by an extended error", "dns/resolver_test.go TestCheckingDisabledTellsDNSSEC",
		"registry_servers_cases_test.go troubledCases: stale.com", "registry_servers_cases_test.go troubledCases: mismatch.com",
	}},
	{"REFUSED from all", []string{
		"dns/inquire_test.go TestDecisionTable: 22 all refuse", "registry_servers_cases_test.go troubledCases: refused.com",
	}},
	{"a referral without glue", []string{
		"dns/inquire_test.go TestDecisionTable: a referral without glue", "registry_servers_cases_test.go answeringCases: censored.com",
	}},
	{"the parent says NXDOMAIN without authority", []string{
		"dns/inquire_test.go TestDecisionTable: the parent says NXDOMAIN without authority",
		"registry_servers_cases_test.go undelegatedCases: vague.org",
	}},
	{"a wildcard", []string{
		"dns/resolver_test.go TestWildcardAsksARandomName", "dns/judge_test.go TestJudge: wildcard without a record",
		"dns/inquire_test.go TestWildcardZoneIsNoRewriting", "registry_servers_cases_test.go answeringCases: *.wild.com",
	}},
	{"CAA is not answered, A is", []string{"dns/caa_test.go TestCAAClimb: O2 CAA timeout while A OK"}},
	{"AAAA that holds an IPv4 address of ours", []string{
		"dns/resolver_test.go TestLookup: mapped.example.test", "registry_servers_cases_test.go answeringCases: mapped.com",
	}},
	{"a resolver that makes addresses up", []string{
		"dns/inquire_test.go TestRewritingResolver", "registry_servers_test.go TestRegistryServers: rewriting resolver",
	}},
	{"a third of one suffix or of one set of name servers turns bad at once", []string{
		"triage/breaker_test.go TestBreaker: 2 an incident of one TLD", "triage/breaker_test.go TestBreaker: one set of name servers",
		"triage/breaker_test.go TestBreaker: 30% of one TLD is not more than 30%", "triage/breaker_test.go TestBreaker: 21% of all names",
	}},
	{"the banner of a WHOIS limit", []string{
		"dns/registry_test.go TestWhoisStates: the limit's banner", "dns/registry_test.go TestWhoisStates: a ban",
		"registry_servers_cases_test.go registryTroubles: WHOIS limit",
	}},
	{"WHOIS in Windows-1251 and UTF-8", []string{
		"dns/registry_test.go TestWhoisStates: Windows-1251", "dns/registry_test.go TestWhoisStates: UTF-8", "dns/registry_test.go TestDecodeWhois",
		"registry_servers_cases_test.go whoisCases: taken.xn--p1ai",
	}},
	{"429 with Retry-After, of seconds and of a date", []string{
		"dns/registry_test.go TestRetryAfter", "dns/registry_test.go TestRetryAfterIsKept",
		"registry_servers_cases_test.go registryTroubles: 429 with seconds", "registry_servers_cases_test.go registryTroubles: 429 with a date",
	}},
	{"the registry knows what the DNS does not", []string{
		"dns/inquire_test.go TestDecisionTable: the registry knows the name, the parent does not",
		"registry_servers_cases_test.go undelegatedCases: taken.com",
	}},
}

// TestEverySituationIsPlayed holds that each situation has tests whose names tell it, and that they are there.
func TestEverySituationIsPlayed(t *testing.T) {
	t.Parallel()
	files := module(t)
	for _, s := range slices.Concat(verdictSituations, risks) {
		if len(s.tests) == 0 {
			t.Errorf("%s: no test", s.what)
		}
		for _, test := range s.tests {
			place, row, _ := strings.Cut(test, ": ")
			path, function, _ := strings.Cut(place, " ")
			switch body := functionOf(files, path, function); {
			case body == nil:
				t.Errorf("%s: there is no function %s in %s", s.what, function, path)
			case row != "" && !spells(body, row):
				t.Errorf("%s: %s in %s has no row %q", s.what, function, path, row)
			}
		}
	}
}

// functionOf returns a function of a file; nil where there is none.
func functionOf(files []parsed, path, name string) *ast.FuncDecl {
	for _, p := range files {
		if filepath.ToSlash(p.path) != path {
			continue
		}
		for _, d := range p.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name && f.Recv == nil {
				return f
			}
		}
	}
	return nil
}

// spells reports whether a string stands in a function as a whole literal.
func spells(f *ast.FuncDecl, want string) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			found = found || err == nil && text == want
		}
		return !found
	})
	return found
}
