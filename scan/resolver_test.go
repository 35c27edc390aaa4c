package scan_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
)

// TestBadResolverIsTold holds that a resolver which fails the control names while another does not is told, with who
// runs it.
func TestBadResolverIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, bad := netip.MustParseAddrPort("193.0.0.53:53"), w.net.Resolver("193.0.1.53")
	w.net.Fault("*", fixtures.DNSFault{Server: bad, RCode: refused})
	var err error
	w.pipeline.Resolver, err = dns.New(dns.Config{
		Servers: []netip.AddrPort{bad, good}, Dial: w.net.Dial, Timeout: 2 * time.Second,
		Operators: map[netip.AddrPort]string{bad: "quad9"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	w.pipeline.Log = slog.New(slog.NewTextHandler(&notes, nil))
	got, summary := scanAll(t, w.pipeline, domains("example.test"))
	if b := brief(got["example.test"]); summary.Untrusted != "" || b != "parked OK [] [93.184.1.1:443]" {
		t.Errorf("%s, %q", b, summary.Untrusted)
	}
	if want := `control names and is asked last" server="193.0.1.53:53 (quad9)"`; strings.Count(notes.String(), "server=") != 1 || !strings.Contains(notes.String(), want) {
		t.Errorf("%s\nwant %s", notes.String(), want)
	}
}
