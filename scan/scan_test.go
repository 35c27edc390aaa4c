package scan_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/inventory"
	"certscan/probe"
	"certscan/scan"
	"certscan/triage"
)

const zone = `
@        SOA ns1 hostmaster 1 7200 3600 1209600 300
@        NS  ns1
@        A   93.184.1.1
ns1      A   93.184.1.53
www      A   93.184.1.1
expired  A   93.184.1.1
wrong    A   93.184.1.1
self     A   93.184.1.1
down     A   93.184.1.2
silent   A   93.184.1.3
partly   A   93.184.1.1
partly   A   93.184.1.2
v6else   A   93.184.1.1
v6else   AAAA 2a00:1450::1
moved    A   93.184.9.9
cdn      A   104.16.1.1
lan      A   10.0.0.1
leak     A   93.184.1.1
leak     A   10.0.0.1
mail     A   93.184.1.1
nodata   MX  10 ns1
dangling CNAME gone.example.test.
loop     CNAME loop2
loop2    CNAME loop
servfail A   93.184.1.1
`

// rcodes of RFC 1035 §4.1.1.
const servFail, refused = 2, 5

// world is the small internet of these tests with a pipeline over it. 93.184.1.0/24 is ours.
type world struct {
	net      *fixtures.Internet
	pipeline scan.Pipeline
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n := fixtures.New(t)
	n.Zone("example.test", zone)
	now := time.Now()
	ca := n.CA()
	fine := []string{"example.test", "www.example.test", "partly.example.test", "v6else.example.test", "leak.example.test"}
	n.Serve("93.184.1.1:443",
		fixtures.Site{Names: fine},
		fixtures.Site{Names: []string{"expired.example.test"}, Chain: ca.Issue(fixtures.Leaf{Names: []string{"expired.example.test"}, NotAfter: now.Add(-time.Hour)})},
		fixtures.Site{Names: []string{"self.example.test"}, Chain: ca.Issue(fixtures.Leaf{Names: []string{"self.example.test"}, SelfSigned: true})},
	)
	n.Serve("93.184.1.1:993", fixtures.Site{Names: []string{"mail.example.test"}})
	n.ServeHTTP("93.184.1.1:80", fixtures.RedirectHTTPS(443))
	n.Serve("93.184.1.3:443", fixtures.Site{Names: []string{"silent.example.test"}, Fault: fixtures.FaultSilent})
	n.Serve("104.16.1.1:443", fixtures.Site{Names: []string{"cdn.example.test"}})
	n.Serve("93.184.9.9:443", fixtures.Site{Names: []string{"moved.example.test"}, Chain: ca.Issue(fixtures.Leaf{Names: []string{"moved.example.test"}, NotAfter: now.Add(-time.Hour)})})
	n.Fault("servfail.example.test", fixtures.DNSFault{RCode: servFail})

	resolver, err := dns.New(dns.Config{Servers: []netip.AddrPort{n.Resolver("193.0.0.53")}, Dial: n.Dial, Timeout: 2 * time.Second, Concurrency: 8})
	if err != nil {
		t.Fatal(err)
	}
	networks := dns.NewNetworks([]netip.Prefix{netip.MustParsePrefix("93.184.1.0/24")}, false)
	prober, err := probe.New(probe.Config{Dial: n.Dial, Timeout: 2 * time.Second, Roots: []*x509.Certificate{ca.Root}, Allow: networks.Dialable})
	if err != nil {
		t.Fatal(err)
	}
	return &world{n, scan.Pipeline{Resolver: resolver, Networks: networks, Prober: prober, Concurrency: 16, Controls: []string{"example.test"}}}
}

func domains(texts ...string) []inventory.Domain {
	var out []inventory.Domain
	for _, text := range texts {
		d, err := inventory.Parse(text)
		if err != nil {
			panic(err)
		}
		out = append(out, d)
	}
	return out
}

// scanAll runs the pipeline over domains and returns the results by name.
func scanAll(t *testing.T, p scan.Pipeline, list []inventory.Domain) (map[string]triage.Result, scan.Summary) {
	t.Helper()
	got := map[string]triage.Result{}
	summary, err := p.Run(t.Context(), slices.Values(list), func(r triage.Result) error {
		got[r.Facts.Domain.Name] = kept(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if summary.Asked != len(list) || len(got) != len(list) {
		t.Errorf("%d asked, %d results, want %d", summary.Asked, len(got), len(list))
	}
	return got, summary
}

// kept returns a result with what it points to copied, as who keeps one has to.
func kept(r triage.Result) triage.Result {
	if r.Facts.DNS != nil {
		r.Facts.DNS = new(*r.Facts.DNS)
	}
	if r.Facts.Owner != nil {
		r.Facts.Owner = new(*r.Facts.Owner)
	}
	return r
}

// brief is a result in short: verdict/reason, severity and codes, and the addresses looked at.
func brief(r triage.Result) string {
	var codes, addrs []string
	for _, f := range r.Findings {
		code := string(f.Code)
		if f.Name != "" {
			code += "(" + f.Name + ")"
		}
		if f.Severity != triage.OK {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	for _, o := range r.Facts.Probes {
		a := o.Target.Addr.String()
		if o.Err != nil {
			a += " " + string(o.Err.Code)
		}
		addrs = append(addrs, a)
	}
	verdict := "-"
	if o := r.Facts.Owner; o != nil {
		if verdict = string(o.Verdict); o.Reason != "" {
			verdict += "/" + string(o.Reason)
		}
	}
	return fmt.Sprintf("%s %s %v %v", verdict, r.Severity, codes, addrs)
}

func TestScan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// What is not ours must come out right without being dialled: elsewhere is a public address of nobody's.
	want := map[string]string{
		"example.test":          "parked OK [] [93.184.1.1:443]",
		"expired.example.test":  "parked URGENT [cert_expired] [93.184.1.1:443]",
		"wrong.example.test":    "parked URGENT [name_mismatch] [93.184.1.1:443]",
		"self.example.test":     "parked URGENT [self_signed] [93.184.1.1:443]",
		"down.example.test":     "parked URGENT [down] [93.184.1.2:443 refused]",
		"silent.example.test":   "parked URGENT [down] [93.184.1.3:443 timeout]",
		"partly.example.test":   "parked WARN [down_partly] [93.184.1.1:443 93.184.1.2:443 refused]",
		"v6else.example.test":   "mixed/ipv6_elsewhere WARN [ipv6_elsewhere] [93.184.1.1:443 [2a00:1450::1]:443 refused]",
		"moved.example.test":    "moved WARN [moved_away] []",
		"cdn.example.test":      "proxied/unverified WARN [behind_proxy] [104.16.1.1:443]",
		"lan.example.test":      "private WARN [private_address] []",
		"leak.example.test":     "mixed/split WARN [split_addresses] [10.0.0.1:443 blocked 93.184.1.1:443]",
		"nodata.example.test":   "no_address WARN [no_address] []",
		"missing.example.test":  "name_missing WARN [name_missing] []",
		"never.test":            "not_delegated WARN [not_delegated] []",
		"dangling.example.test": "dangling WARN [dangling_cname] []",
		"loop.example.test":     "broken/loop WARN [dns_broken] []",
		"servfail.example.test": "broken/servfail WARN [dns_broken] []",
		"localhost":             "invalid WARN [invalid_name] []",
		"*.example.test":        "name_missing OK [] []",
	}
	var list []inventory.Domain
	for name := range want {
		list = append(list, domains(name)...)
	}
	got, summary := scanAll(t, w.pipeline, list)
	for name, brf := range want {
		if b := brief(got[name]); b != brf {
			t.Errorf("%s:\n got %s\nwant %s", name, b, brf)
		}
	}
	if !summary.Complete || summary.Untrusted != "" || summary.Unknown != 0 {
		t.Errorf("%+v", summary)
	}
	for _, d := range w.net.Dials() {
		if d.Network == "tcp" && (d.Addr.Addr() == netip.MustParseAddr("93.184.9.9") || d.Addr.Addr() == netip.MustParseAddr("10.0.0.1")) {
			t.Errorf("%s was dialled, which is not ours to dial", d.Addr)
		}
	}
}

func TestProbeAllShowsWithoutFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.DialAll = true
	got, _ := scanAll(t, w.pipeline, domains("moved.example.test", "lan.example.test"))
	if b := brief(got["moved.example.test"]); b != "moved WARN [moved_away] [93.184.9.9:443]" {
		t.Error(b)
	}
	if r := got["moved.example.test"]; len(r.Facts.Probes) != 1 || r.Facts.Probes[0].TLS == nil {
		t.Error("the certificate must be shown")
	}
	if b := brief(got["lan.example.test"]); b != "private WARN [private_address] []" {
		t.Error(b)
	}
}

func TestDNSOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Prober = nil
	before := len(w.net.Dials())
	got, _ := scanAll(t, w.pipeline, domains("example.test", "v6else.example.test"))
	if b := brief(got["v6else.example.test"]); b != "mixed/ipv6_elsewhere WARN [ipv6_elsewhere] []" {
		t.Error(b)
	}
	for _, d := range w.net.Dials()[before:] {
		if d.Network != "udp" {
			t.Errorf("dialled %s %s", d.Network, d.Addr)
		}
	}
}

func TestProbeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Unowned = true
	w.pipeline.Controls = nil
	list := domains("moved.example.test@93.184.9.9", "example.test", "mail.example.test@93.184.1.1:993", "nodata.example.test", "lan.example.test", "localhost")
	got, _ := scanAll(t, w.pipeline, list)
	for name, want := range map[string]string{
		"moved.example.test":  "- URGENT [cert_expired] [93.184.9.9:443]",
		"example.test":        "- OK [] [93.184.1.1:443]",
		"mail.example.test":   "- OK [] [93.184.1.1:993]",
		"nodata.example.test": "- WARN [inconclusive] [invalid AddrPort unreachable]",
		"lan.example.test":    "- WARN [private_address] [10.0.0.1:443 blocked]",
		"localhost":           "invalid WARN [invalid_name] []",
	} {
		if b := brief(got[name]); b != want {
			t.Errorf("%s:\n got %s\nwant %s", name, b, want)
		}
	}
	if r := got["mail.example.test"]; r.Facts.Probes[0].HTTP != nil {
		t.Error("HTTP must not be asked on an IMAP port")
	}
}

func TestFurtherNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := domains("example.test")[0]
	d.SANs = []string{"moved.example.test", "example.test"}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	r := got["example.test"]
	var names []string
	for _, n := range r.Facts.Names {
		names = append(names, fmt.Sprintf("%s %s %v", n.Name, n.Owner.Verdict, n.Covered))
	}
	if want := []string{"moved.example.test moved false", "www.example.test parked true"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if b := brief(r); !strings.Contains(b, "moved_away(moved.example.test)") {
		t.Error(b)
	}
}

func TestVerifyHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.Serve("93.184.1.1:443", fixtures.Site{
		Names: []string{"*.example.test"},
		Chain: w.net.CA().Issue(fixtures.Leaf{Names: []string{"*.example.test"}, NotAfter: time.Now().Add(-time.Hour)}),
	})
	d := domains("*.example.test")[0]
	d.Verify = []string{"wrong.example.test", "93.184.1.1"}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	if b := brief(got["*.example.test"]); b != "name_missing URGENT [cert_expired] [93.184.1.1:443 93.184.1.1:443]" {
		t.Error(b)
	}
}

// TestVerifyHostMissing holds that a wildcard whose host cannot be found is not called fine.
func TestVerifyHostMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := domains("*.example.test")[0]
	d.Verify = []string{"missing.example.test"}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	r := got["*.example.test"]
	if len(r.Facts.Probes) != 1 || r.Facts.Probes[0].Err == nil || r.Facts.Probes[0].Err.Step != probe.StepDNS || r.Severity == triage.OK {
		t.Errorf("%s, probes %+v", brief(r), r.Facts.Probes)
	}
}

// TestFurtherNamesByDNS holds that `certscan dns` looks at the list's further names as well.
func TestFurtherNamesByDNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Prober = nil
	d := domains("example.test")[0]
	d.SANs = []string{"moved.example.test"}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	if b := brief(got["example.test"]); b != "parked WARN [moved_away(moved.example.test)] []" {
		t.Error(b)
	}
}

// TestOwnTroubleKeepsTheVerdict makes this machine refuse one connection: the verdict and its evidence stand.
func TestOwnTroubleKeepsTheVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var err error
	w.pipeline.Prober, err = probe.New(probe.Config{Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
		if network == "tcp" {
			return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
		}
		return w.net.Dial(ctx, network, a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := scanAll(t, w.pipeline, domains("www.example.test"))
	r := got["www.example.test"]
	if b := brief(r); b != "parked WARN [inconclusive] [93.184.1.1:443 canceled]" || !strings.Contains(r.Findings[0].Message, "too many open files") {
		t.Errorf("%s %+v", b, r.Findings)
	}
}

func TestPlainHTTPIsAskedOnItsPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := domains("example.test")[0]
	d.Expect, d.Ports = inventory.ExpectPlainHTTP, []uint16{443, 8443}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	if b := brief(got["example.test"]); b != "parked OK [] [93.184.1.1:80]" {
		t.Error(b)
	}
}

func TestOriginIsOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Networks = nil
	d := domains("example.test")[0]
	d.Origin = []string{"93.184.1.1"}
	got, _ := scanAll(t, w.pipeline, []inventory.Domain{d})
	if b := brief(got["example.test"]); b != "parked OK [] [93.184.1.1:443]" {
		t.Error(b)
	}
}

// TestNoTrustWithoutControl holds that nothing is blamed on a domain when no control name resolves.
func TestNoTrustWithoutControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Controls = []string{"gone.test"}
	got, summary := scanAll(t, w.pipeline, domains("example.test", "expired.example.test", "localhost"))
	if !strings.Contains(summary.Untrusted, "no control name resolves") {
		t.Errorf("untrusted %q", summary.Untrusted)
	}
	if b := brief(got["expired.example.test"]); b != "unknown WARN [inconclusive] []" {
		t.Error(b)
	}
	if b := brief(got["localhost"]); b != "invalid WARN [invalid_name] []" {
		t.Error(b)
	}
}

func TestUntrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.Fault("www.example.test", fixtures.DNSFault{RCode: refused})
	if _, s := scanAll(t, w.pipeline, domains("www.example.test")); s.Untrusted == "" || s.Unknown != 1 {
		t.Errorf("a single name that ends unknown: %+v", s)
	}
	w.pipeline.Prober = nil
	list := domains("www.example.test")
	for i := range 19 {
		list = append(list, domains(fmt.Sprintf("d%d.example.test", i))...)
	}
	if _, s := scanAll(t, w.pipeline, list); s.Untrusted != "" {
		t.Errorf("5%% unknown is still trusted: %q", s.Untrusted)
	}
	if _, s := scanAll(t, w.pipeline, list[:19]); !strings.Contains(s.Untrusted, "1 of 19 names") {
		t.Errorf("more than 5%% unknown is not: %q", s.Untrusted)
	}
}

// TestInterrupt cuts a run: every name that was read has its record, and the pipeline is gone.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.pipeline.Concurrency = 4
	read, verdicts := 0, map[dns.Verdict]int{}
	endless := func(yield func(inventory.Domain) bool) {
		for {
			d := domains("silent.example.test")[0]
			if read++; read == 4 {
				cancel()
			}
			if !yield(d) {
				return
			}
		}
	}
	summary, err := w.pipeline.Run(ctx, endless, func(r triage.Result) error {
		verdicts[r.Facts.Owner.Verdict]++
		return nil
	})
	if err != nil || summary.Complete {
		t.Errorf("%v, %+v", err, summary)
	}
	if summary.Asked != read || verdicts[dns.Unknown] != read {
		t.Errorf("%d names read, %d asked, verdicts %v", read, summary.Asked, verdicts)
	}
}

func TestEmitErrorEndsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Prober = nil
	broken := errors.New("pipe closed")
	emitted := 0
	_, err := w.pipeline.Run(t.Context(), repeat("example.test"), func(triage.Result) error {
		emitted++
		return broken
	})
	if !errors.Is(err, broken) || emitted != 1 {
		t.Errorf("%v after %d", err, emitted)
	}
}

// repeat yields one name for ever.
func repeat(name string) iter.Seq[inventory.Domain] {
	return func(yield func(inventory.Domain) bool) {
		for yield(domains(name)[0]) {
		}
	}
}

// TestBackpressure holds that no more names are read than are in flight while the sink does not take results.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Prober = nil
	w.pipeline.Concurrency = 5
	var mu sync.Mutex
	read := 0
	list := func(yield func(inventory.Domain) bool) {
		for range 50 {
			mu.Lock()
			read++
			mu.Unlock()
			if !yield(domains("example.test")[0]) {
				return
			}
		}
	}
	emitted := 0
	_, err := w.pipeline.Run(t.Context(), list, func(triage.Result) error {
		emitted++
		mu.Lock()
		defer mu.Unlock()
		if read > emitted+5+1 { // in flight, and the one that waits for a token
			t.Errorf("%d read when %d were taken", read, emitted)
		}
		return nil
	})
	if err != nil || emitted != 50 {
		t.Errorf("%d, %v", emitted, err)
	}
}

// TestPanicIsOneNamesFailure makes the dialer panic for one name's address.
func TestPanicIsOneNamesFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var err error
	w.pipeline.Prober, err = probe.New(probe.Config{Dial: func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
		if a.Addr() == netip.MustParseAddr("93.184.1.2") {
			panic("a defect")
		}
		return w.net.Dial(ctx, network, a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	w.pipeline.Log = slog.New(slog.NewTextHandler(&log, nil))
	got, _ := scanAll(t, w.pipeline, domains("down.example.test", "partly.example.test", "www.example.test"))
	for _, name := range []string{"down.example.test", "partly.example.test"} {
		if b := brief(got[name]); b != "- WARN [inconclusive] []" || !strings.Contains(got[name].Findings[0].Message, "a defect") {
			t.Errorf("%s: %s", name, b)
		}
	}
	if got["www.example.test"].Facts.Failure != "" {
		t.Error("another name must not be touched")
	}
	if !strings.Contains(log.String(), "stack=") {
		t.Error("the stack must be in the log")
	}
}

// TestNothingIsLeft runs the pipeline on in-memory connections in a bubble, which fails when a goroutine outlives it.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		defer servers.Wait()
		dial := func(_ context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
			client, server := net.Pipe()
			servers.Go(func() { serve(server, network) })
			return client, nil
		}
		resolver, err := dns.New(dns.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53")}, Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		prober, err := probe.New(probe.Config{Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		p := scan.Pipeline{Resolver: resolver, Prober: prober}
		began := time.Now()
		got, _ := scanAll(t, p, domains("a.example.test", "b.example.test", "c.example.test"))
		for name, r := range got {
			if b := brief(r); b != "resolved URGENT [down] [93.184.1.1:443 timeout]" {
				t.Errorf("%s: %s", name, b)
			}
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("three silent servers side by side took %s, want one handshake's 5 s", took)
		}
	})
}

// serve answers DNS queries with one address, and is silent to anything else.
func serve(c net.Conn, network string) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		var p dnsmessage.Parser
		h, err := p.Start(buf[:n])
		if network != "udp" || err != nil {
			continue
		}
		q, err := p.Question()
		if err != nil {
			continue
		}
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true}, Questions: []dnsmessage.Question{q}}
		if q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{93, 184, 1, 1}},
			}}
		}
		b, err := m.Pack()
		if err != nil {
			continue
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}
