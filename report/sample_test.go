package report

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// The locale of whoever runs the tests must not decide how wide "…" and "·" are.
func TestMain(m *testing.M) {
	twwidth.SetEastAsian(false)
	os.Exit(m.Run())
}

// sampleAt is when every sample was looked at.
var sampleAt = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// hostile is what a certificate or a server may send to whoever looks at it.
const hostile = "evil\x1b]0;pwn\x07\x1b[2J\r\n\u202egnp.exe\u200b\u2028\xff\u009b<b>\"\\"

func addrs(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, s := range texts {
		list = append(list, netip.MustParseAddr(s))
	}
	return list
}

// answer is what the DNS says of a name with these addresses.
func answer(name string, addresses ...string) *dns.Answer {
	server := netip.MustParseAddrPort("9.9.9.9:53")
	a := &dns.Answer{Name: name, Asked: name, Addrs: addrs(addresses...), Registrable: name}
	a.A = dns.Reply{Status: dns.StatusNoData, Server: server, Attempts: 1, Elapsed: 12 * time.Millisecond}
	a.AAAA = dns.Reply{Status: dns.StatusNoData, Server: server, Attempts: 2, Elapsed: 31 * time.Millisecond}
	for _, addr := range a.Addrs {
		if addr.Is4() {
			a.A.Status = dns.StatusNoError
		} else {
			a.AAAA.Status = dns.StatusNoError
		}
	}
	return a
}

// handshakeUntil is a handshake with a 90-day certificate that has so much left.
func handshakeUntil(name string, left time.Duration) *probe.Handshake {
	end := sampleAt.Add(left)
	return &probe.Handshake{
		Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", ALPN: "http/1.1",
		NameMatches: true, Trust: probe.ChainOK,
		Revocation: probe.Revocation{Status: probe.RevocationUnchecked},
		Chain: []probe.Certificate{
			{
				CommonName: name, Names: []string{name, "www." + name}, Issuer: "Test Issuing CA", Serial: "03ab",
				NotBefore: end.Add(-90 * 24 * time.Hour), NotAfter: end,
				SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
				Key:    "ECDSA P-256", KeyType: "ECDSA", Signature: "ECDSA-SHA384",
			},
			{
				CommonName: "Test Issuing CA", Issuer: "Test Root", NotBefore: sampleAt.AddDate(-1, 0, 0),
				NotAfter: sampleAt.AddDate(4, 0, 0), Key: "ECDSA P-384", KeyType: "ECDSA", Signature: "ECDSA-SHA384",
			},
		},
	}
}

// observation is a probe of one address that saw the handshake and a plain answer.
func observation(name, addr string, h *probe.Handshake) probe.Observation {
	o := probe.Observation{
		Target: probe.Target{Name: name, Addr: netip.MustParseAddrPort(addr), Via: probe.ViaDNS, HTTP: true},
		At:     sampleAt, Elapsed: 31 * time.Millisecond, TLS: h,
	}
	if h != nil {
		o.HTTP = &probe.Exchange{Method: "HEAD", Status: 200, RedirectsToHTTPS: new(true), HSTSMaxAge: new(int64(31536000))}
	}
	return o
}

// result is a judgement on one name with a verdict and findings; its severity is that of the first finding.
func result(name, display, manager string, v dns.Verdict, reason dns.Reason, findings ...triage.Finding) triage.Result {
	r := triage.Result{
		Facts: triage.Facts{
			Domain:  inventory.Domain{Name: name, Display: display, Manager: manager, Source: "domains.csv:12"},
			DNS:     answer(name, "203.0.113.7"),
			Owner:   &dns.Ownership{Verdict: v, Reason: reason, Confidence: dns.High, Evidence: []string{"A 203.0.113.7 is in 203.0.113.0/24"}},
			At:      sampleAt,
			Elapsed: 84 * time.Millisecond,
		},
		Severity: triage.OK, Findings: findings, JudgedAt: sampleAt,
	}
	if len(findings) > 0 {
		r.Severity = findings[0].Severity
	}
	return r
}

func found(code triage.Code, s triage.Severity, p triage.Priority, message string, action triage.Action) triage.Finding {
	return triage.Finding{Code: code, Severity: s, Priority: p, Message: message, Action: action}
}

// expiring is ours, and its certificate ends in 12 days and 11 hours.
func expiring() triage.Result {
	r := result("xn--e1afmkfd.xn--p1ai", "пример.рф", "north@example.com", dns.Parked, dns.ReasonNone,
		found(triage.CertExpiring, triage.Urgent, triage.P2, "the certificate ends in 12.4 days", triage.ActionRenew))
	r.Facts.DNS.Nameservers = []string{"ns1.example.net"}
	r.Facts.Owner.Evidence = []string{"A 203.0.113.7 is in 203.0.113.0/24, ours"}
	r.Facts.Owner.Tried = []dns.Rule{
		{Name: "invalid", Why: "the name can be scanned"},
		{Name: "unknown", Why: "both queries were answered"},
		{Name: "dangling", Why: "there is no CNAME"},
		{Name: "parked", Matched: true, Why: "all of 203.0.113.7 are ours"},
	}
	r.Tried = []triage.Rule{
		{Name: "cert_expired", Why: "not after 2026-12-02, 12.4 of 90 days left"},
		{Name: "cert_expiring", Matched: true, Why: "12.4 of 90 days left; WARN below 30 days, URGENT below 14, P1 below 7"},
	}
	o := observation("xn--e1afmkfd.xn--p1ai", "203.0.113.7:443", handshakeUntil("xn--e1afmkfd.xn--p1ai", (12*24+11)*time.Hour))
	r.Facts.Probes = []probe.Observation{o}
	return r
}

// assorted is a small run of every sort of name.
func assorted() []triage.Result {
	fine := result("fine.example", "fine.example", "north@example.com", dns.Parked, dns.ReasonNone)
	fine.Facts.Probes = []probe.Observation{observation("fine.example", "203.0.113.7:443", handshakeUntil("fine.example", 6*24*time.Hour))}
	wide := result("xn--r8jz45g.jp", "例え.jp", "", dns.Mixed, dns.ReasonIPv6Elsewhere,
		found(triage.IPv6Elsewhere, triage.Warn, triage.P3, "AAAA 2a00:1450::7 is not ours", triage.ActionFixDNS),
		found(triage.HSTSMissing, triage.OK, triage.P3, "no HSTS", triage.ActionNone))
	expired := result("zulu.example", "zulu.example", "", dns.Parked, dns.ReasonNone,
		found(triage.CertExpired, triage.Urgent, triage.P1, "the certificate ended 3.5 days ago", triage.ActionRenew),
		found(triage.ChainUntrusted, triage.Urgent, triage.P2, "issuer not sent", triage.ActionInvestigate))
	expired.Facts.Probes = []probe.Observation{observation("zulu.example", "203.0.113.8:443", handshakeUntil("zulu.example", -84*time.Hour))}
	moved := result("gone.example", "gone.example", "west@example.com", dns.Moved, dns.ReasonNone,
		found(triage.MovedAway, triage.Warn, triage.P3, "every address is somebody else's", triage.ActionCallCustomer))
	moved.Facts.Owner.Evidence = []string{"A 198.51.100.9 is not ours", "AAAA: none"}
	free := result("free.example", "free.example", "", dns.Free, dns.ReasonNone,
		found(triage.DomainFree, triage.Warn, triage.P3, "anybody can register it", triage.ActionDropSite))
	cdn := result("cdn.example", "cdn.example", "west@example.com", dns.Proxied, dns.ReasonNotOurs,
		found(triage.BehindProxy, triage.Warn, triage.P3, "behind a CDN that does not fetch from us", triage.ActionCallCustomer))
	elsewhere := result("theirs.example", "theirs.example", "west@example.com", dns.Moved, dns.ReasonNone,
		found(triage.MovedAway, triage.OK, triage.P3, "elsewhere, as expected", triage.ActionNone))
	bad := result("bad\x1b[2jname", "", "", dns.Invalid, dns.ReasonNone,
		found(triage.InvalidName, triage.Warn, triage.P3, "cannot be scanned: "+hostile, triage.ActionInvestigate))
	bad.Facts.DNS = nil
	emoji := result("xn--ls8h.example", "💩.example", "", dns.Broken, dns.ReasonServFail,
		found(triage.DNSBroken, triage.Warn, triage.P3, "every server answers SERVFAIL", triage.ActionCallCustomer))
	return []triage.Result{fine, wide, expiring(), expired, moved, free, cdn, elsewhere, bad, emoji}
}

func sampleRun() Run {
	return Run{
		ID: "01J", Kind: "scan", StartedAt: sampleAt, FinishedAt: sampleAt.Add(12300 * time.Millisecond), Vantage: "fra",
		Complete: true, Trusted: true, Asked: 10, Counts: Counts{Urgent: 2, Warn: 6, OK: 2},
	}
}

func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// everyVerdict is n results over all verdicts, in scripts of every width.
func everyVerdict(n int) []triage.Result {
	displays := []string{"example%d.com", "пример%d.рф", "例え%d.jp", "💩👩‍👩‍👧%d.example", "a-very-long-label-that-goes-on-and-on-%d.subdomain.of.another.long-registrable-domain.example", "e\u0301e\u0301%d.fr", hostile + "%d"}
	managers := []string{"", "north@example.com", "東京支店の担当者@example.jp", hostile}
	var list []triage.Result
	for i := range n {
		v := dns.Verdicts[i%len(dns.Verdicts)]
		var reason dns.Reason
		if v == dns.Proxied {
			reason = dns.ReasonNotOurs
		}
		r := result(fmt.Sprintf("name%d.example", i), fmt.Sprintf(displays[i%len(displays)], i), managers[i%len(managers)], v, reason,
			found(triage.Codes[i%len(triage.Codes)], triage.Severities[i%3], triage.P3, fmt.Sprintf("例え %d %s", i, hostile), triage.ActionNone))
		if i%2 == 0 {
			r.Facts.Probes = []probe.Observation{observation(r.Facts.Domain.Name, "203.0.113.7:443", handshakeUntil("x.example", time.Duration(i-20)*36*time.Hour))}
		}
		list = append(list, r)
	}
	return list
}
