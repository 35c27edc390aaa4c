//go:build linux

package main

import (
	"net/http"
	"slices"
	"time"

	"certscan/fixtures"
)

// parentZones are what the parents serve: the root and the top-level domains, each at both servers.
var parentZones = map[string]string{
	".": parentServers + `
a.root.net. A  $PARENT1
b.root.net. A  $PARENT2
com         NS a.root.net.
com         NS b.root.net.
net         NS a.root.net.
net         NS b.root.net.
ru          NS a.root.net.
ru          NS b.root.net.
xn--p1ai    NS a.root.net.
xn--p1ai    NS b.root.net.
org         NS a.org-servers.net.
org         NS b.org-servers.net.
`,
	"net": parentServers + `
a.root        A $PARENT1
b.root        A $PARENT2
a.org-servers A $ORG1
b.org-servers A $ORG2
ns1.hoster    A $CHILD1
ns2.hoster    A $CHILD2
ns3.hoster    A $CHILD3
ns4.hoster    A $SILENT
ns5.hoster    A $BROKEN
`,
	"com": parentServers + byHoster("good", "stale", "mismatch", "wild", "sixonly", "mapped", "six", "moved", "parking",
		"nodata", "private", "dangling", "circle", "censored", "refused") + `
half     NS ns1.hoster.net.
half     NS ns4.hoster.net.
disagree NS ns1.hoster.net.
disagree NS ns3.hoster.net.
failing  NS ns1.hoster.net.
silent   NS ns4.hoster.net.
adrift   NS ns.nowhere.net.
halved   NS ns5.hoster.net.
unsure   NS a.root.net.
`,
	"ru":       parentServers + byHoster("moved", "parked"),
	"xn--p1ai": parentServers,
}

const parentServers = "@ NS a.root.net.\n@ NS b.root.net.\n"

// byHoster delegates domains to the two servers of the hoster.
func byHoster(names ...string) string {
	out := ""
	for _, name := range names {
		out += name + " NS ns1.hoster.net.\n" + name + " NS ns2.hoster.net.\n"
	}
	return out
}

const (
	childServers = "@ NS ns1.hoster.net.\n@ NS ns2.hoster.net.\n"
	parkedChild  = childServers + "@ A $WEB\n"
)

// signedChildren are zones with DNSSEC: one that is good, one whose signatures have run out, one whose DS in the parent
// belongs to no key of it.
var signedChildren = map[string]struct {
	records string
	options []string // of dnssec-signzone
}{
	"good.com":     {records: parkedChild + "www A $WEB\n"},
	"stale.com":    {records: parkedChild, options: []string{"-P", "-s", "20260101000000", "-e", "20260201000000"}},
	"mismatch.com": {records: parkedChild},
}

// children are the other zones of the hoster, at both its servers; refused.com and failing.com have none.
var children = map[string]string{
	"wild.com":     childServers + "@ A $WEB\n* A $WEB",
	"sixonly.com":  childServers + "@ AAAA 2001:db8:31::7",
	"mapped.com":   childServers + "@ AAAA ::ffff:$WEB",
	"six.com":      childServers + "@ A $WEB\n@ AAAA " + elsewhere6,
	"moved.com":    childServers + "@ A " + elsewhere4,
	"parking.com":  childServers + "@ A " + elsewhere4,
	"nodata.com":   childServers + "@ MX 10 mail.nodata.com.",
	"private.com":  childServers + "@ A 10.0.0.7",
	"dangling.com": childServers + "www CNAME shop.unclaimed.com.\nold CNAME nothing.good.com.\nheld CNAME shop.hold.com.",
	"circle.com":   childServers + "@ A $WEB\nwww CNAME w2\nw2 CNAME www",
	"half.com":     parkedChild,
	"disagree.com": parkedChild + "www A $WEB",
	"censored.com": parkedChild,
	"moved.ru":     childServers + "@ A " + elsewhere4,
	"parked.ru":    parkedChild,
}

// disagreeing is disagree.com as one of its two servers has it.
const disagreeing = childServers + "@ A $WEB"

// realmCase is one name and what certscan has to say of it.
type realmCase struct {
	name       string
	verdict    string // with its reason: "broken/lame"
	registered bool   // somebody holds the registrable domain, whatever the DNS says
	says       string // a part of the evidence
	scanned    bool   // it has an address of ours, so that a scan dials it
}

// realmRegistry are the registrations of the realm, as RDAP tells them. Of failing.com, which is delegated, it has no record.
func realmRegistry() map[string]fixtures.RegistryRecord {
	later, past := time.Now().AddDate(1, 0, 0), time.Now().AddDate(0, 0, -3)
	known := map[string]fixtures.RegistryRecord{
		"nic.com": {Status: []string{"active"}}, "nic.org": {Status: []string{"active"}},
		"hold.com":     {Status: []string{"client hold"}, Expires: later},
		"lapsed.com":   {Status: []string{"redemption period"}, Expires: past},
		"overdue.com":  {Status: []string{"active"}, Expires: past},
		"deleting.com": {Status: []string{"pending delete"}, Expires: past},
		"parking.com":  {Status: []string{"active"}, Expires: past},
	}
	for _, c := range realmCases() {
		if _, told := known[registrable(c.name)]; c.registered && !told {
			known[registrable(c.name)] = fixtures.RegistryRecord{Status: []string{"active"}, Expires: later}
		}
	}
	delete(known, "failing.com")
	return known
}

// registrable is the registrable domain of a name of the realm: its last two labels.
func registrable(name string) string {
	for i, dots := len(name)-1, 0; i >= 0; i-- {
		if name[i] == '.' {
			if dots++; dots == 2 {
				return name[i+1:]
			}
		}
	}
	return name
}

// realmCases are the names below .com, whose registry is asked by RDAP.
func realmCases() []realmCase {
	return slices.Concat(answeringCases(), troubledCases(), undelegatedCases())
}

// answeringCases are names for which the DNS has an address, or surely none.
func answeringCases() []realmCase {
	return []realmCase{
		{name: "good.com", verdict: "parked", registered: true, scanned: true, says: "A $WEB is in $NET.0/24, ours"},
		{name: "www.wild.com", verdict: "parked", registered: true, scanned: true, says: "A $WEB"},
		{name: "*.wild.com", verdict: "parked", registered: true, says: "A $WEB"},
		{name: "*.good.com", verdict: "name_missing", registered: true, says: "a random name below good.com does not exist"},
		{name: "sixonly.com", verdict: "parked", registered: true, says: "AAAA 2001:db8:31::7 is in " + realmNet6 + ", ours"},
		{name: "mapped.com", verdict: "parked", registered: true, scanned: true, says: "A $WEB is in $NET.0/24, ours"},
		{name: "halved.com", verdict: "parked", registered: true, says: "at odds with RFC 8020"},
		{name: "half.com", verdict: "parked", registered: true, scanned: true, says: "A $WEB"},
		{name: "six.com", verdict: "mixed/ipv6_elsewhere", registered: true, says: "1 of 1 IPv4 and 0 of 1 IPv6 addresses are ours"},
		{name: "moved.com", verdict: "moved", registered: true, says: "A " + elsewhere4 + " is not ours"},
		{name: "parking.com", verdict: "expired", registered: true, says: "knows parking.com: expired"},
		{name: "private.com", verdict: "private", registered: true, says: "A 10.0.0.7 is a special-purpose address"},
		{name: "nodata.com", verdict: "no_address", registered: true, says: "A NODATA, AAAA NODATA"},
		{name: "gone.good.com", verdict: "name_missing", registered: true, says: "while its registrable domain good.com does"},
		{name: "old.dangling.com", verdict: "dangling", registered: true, says: "nothing.good.com does not exist (NXDOMAIN)"},
		{name: "held.dangling.com", verdict: "dangling", registered: true, says: "knows hold.com: on_hold"},
		{name: "www.dangling.com", verdict: "dangling/target_free", registered: true, says: "no record of unclaimed.com"},
		{name: "censored.com", verdict: "parked", registered: true, says: "withholds the name", scanned: true},
	}
}

// troubledCases are names for which no resolver gets an answer, or not one to rely on.
func troubledCases() []realmCase {
	return []realmCase{
		{name: "stale.com", verdict: "broken/dnssec_bogus", registered: true, says: "the resolver says: EDE "},
		{name: "mismatch.com", verdict: "broken/dnssec_bogus", registered: true, says: "the resolver says: EDE "},
		{name: "refused.com", verdict: "broken/refused", registered: true, says: "ns2.hoster.net ($CHILD2) answers REFUSED"},
		{name: "failing.com", verdict: "broken/lame", registered: true, says: "ns1.hoster.net ($CHILD1) answers SERVFAIL"},
		{name: "unsure.com", verdict: "broken/lame", registered: true, says: "a.root.net ($PARENT1) answers NODATA without authority"},
		{name: "adrift.com", verdict: "broken/lame", registered: true, says: "ns.nowhere.net has no address"},
		{name: "silent.com", verdict: "broken/timeout", registered: true, says: "ns4.hoster.net ($SILENT) gave no answer"},
		{name: "www.circle.com", verdict: "broken/loop", registered: true, says: "the CNAME chain returns to itself"},
		{name: "www.disagree.com", verdict: "unknown", registered: true, says: "the name servers are at odds"},
	}
}

// undelegatedCases are domains that are not in their parent zone.
func undelegatedCases() []realmCase {
	return []realmCase{
		{name: "free.com", verdict: "free", says: "no record of free.com"},
		{name: "www.free.com", verdict: "free", says: "says with authority that free.com does not exist"},
		{name: "hold.com", verdict: "on_hold", registered: true, says: "knows hold.com: on_hold"},
		{name: "lapsed.com", verdict: "expired", registered: true, says: "redemption period"},
		{name: "overdue.com", verdict: "expired", registered: true, says: "knows overdue.com: expired"},
		{name: "deleting.com", verdict: "expired", registered: true, says: "pending delete"},
		{name: "taken.com", verdict: "not_delegated", registered: true, says: "the registry knows it"},
		{name: "vague.org", verdict: "not_delegated", says: "the parent zone was not heard to agree"},
	}
}

// whoisRegistry are registrations below .ru and .рф, as WHOIS tells them.
func whoisRegistry() map[string]fixtures.RegistryRecord {
	later, past := time.Now().AddDate(1, 0, 0), time.Now().AddDate(0, 0, -3)
	held := []string{"REGISTERED", "NOT DELEGATED", "VERIFIED"}
	return map[string]fixtures.RegistryRecord{
		"nic.ru": {Status: []string{"REGISTERED"}}, "nic.xn--p1ai": {Status: []string{"REGISTERED"}},
		"hold.ru":   {Status: held, Expires: later},
		"lapsed.ru": {Status: held, Expires: past},
		"moved.ru":  {Status: []string{"REGISTERED", "DELEGATED"}, Expires: later},
		"taken.xn--p1ai": {Raw: "domain: TAKEN.XN--P1AI\r\nperson: \xcf\xf0\xe8\xec\xe5\xf0\r\nstate: REGISTERED, NOT DELEGATED\r\n" +
			"paid-till: " + later.UTC().Format(time.RFC3339) + "\r\n"},
	}
}

// whoisCases are names below .ru and .рф, whose registry is asked by WHOIS.
func whoisCases() []realmCase {
	return []realmCase{
		{name: "parked.ru", verdict: "parked", registered: true, says: "A $WEB"},
		{name: "moved.ru", verdict: "moved", registered: true, says: "knows moved.ru: registered"},
		{name: "free.ru", verdict: "free", says: "has no record of free.ru"},
		{name: "пример.рф", verdict: "free", says: "has no record of xn--e1afmkfd.xn--p1ai"},
		{name: "hold.ru", verdict: "on_hold", registered: true, says: "NOT DELEGATED"},
		{name: "taken.xn--p1ai", verdict: "on_hold", registered: true, says: "knows taken.xn--p1ai: on_hold"},
		{name: "lapsed.ru", verdict: "expired", registered: true, says: "knows lapsed.ru: expired"},
	}
}

// registryTrouble is a registry that has no answer to rely on, whatever it is asked.
type registryTrouble struct {
	name  string
	known map[string]fixtures.RegistryRecord // nil: the server takes the question and never answers
	whois bool                               // by WHOIS, else by RDAP
	says  string
}

// registryTroubles are those by which no domain is free.
func registryTroubles() []registryTrouble {
	all := func(r fixtures.RegistryRecord) map[string]fixtures.RegistryRecord {
		return map[string]fixtures.RegistryRecord{"*": r}
	}
	code := func(code int, raw string, header ...string) map[string]fixtures.RegistryRecord {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return all(fixtures.RegistryRecord{Code: code, Raw: raw, Header: h})
	}
	const html = "<html><body>Not Found</body></html>"
	return []registryTrouble{
		{name: "429 with seconds", known: code(429, "", "Retry-After", "3600"), says: "asked again after"},
		{name: "429 with a date", known: code(429, "", "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), says: "asked again after"},
		{name: "500", known: code(500, ""), says: "answers 500"},
		{name: "404 with a page of HTML", known: code(404, html, "Content-Type", "text/html"), says: "no RDAP"},
		{name: "404 for the control name too", known: code(404, ""), says: "does not find the control name nic.com"},
		{name: "another domain", known: all(fixtures.RegistryRecord{Raw: `{"objectClassName":"domain","ldhName":"other.com"}`}), says: "another domain"},
		{name: "a redirect elsewhere", known: code(302, "", "Location", "http://127.0.0.1:1/domain/x"), says: "another host"},
		{name: "WHOIS limit", whois: true, known: all(fixtures.RegistryRecord{Raw: "% You have exceeded allowed connection rate\r\n"}), says: "too often"},
		{name: "silence", says: "gives no answer"},
		{name: "WHOIS silence", whois: true, says: "gives no answer"},
		{name: "WHOIS without a word", whois: true, known: all(fixtures.RegistryRecord{Raw: "\r\n"}), says: "not understood"},
		{name: "WHOIS of another domain", whois: true, known: all(fixtures.RegistryRecord{Raw: "domain: OTHER.COM\r\nstate: REGISTERED\r\n"}), says: "another domain"},
		{name: "WHOIS without the control name", whois: true, known: map[string]fixtures.RegistryRecord{}, says: "control name"},
	}
}
