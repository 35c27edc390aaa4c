package scan_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

const (
	proofToken = "Zm9vYmFyYmF6cXV4-_01"
	edgeAddr   = "104.16.1.1"
	originAddr = "93.184.1.1"
)

// proofAnswer is a handler that answers with our proof, and with 404 otherwise.
func proofAnswer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != probe.ProofPath {
		return
	}
	fmt.Fprintf(w, "%s %s %s\n", proofToken, r.URL.Query().Get("nonce"), originAddr) //nolint:errcheck // the client has gone
}

// behind is a world in which names at a CDN are asked for the proof.
func behind(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	var err error
	if w.pipeline.Prover, err = w.pipeline.Prober.Prover(proofToken); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve serves a name at an address; expired gives it a certificate that ended an hour ago.
func (w *world) serve(addr, name string, h http.HandlerFunc, expired bool) {
	s := fixtures.Site{Names: []string{name}, Handler: h}
	if expired {
		s.Chain = w.net.CA().Issue(fixtures.Leaf{Names: s.Names, NotAfter: time.Now().Add(-time.Hour)})
	}
	w.net.Serve(addr+":443", s)
}

// ends lists the endpoints of a result: address and way.
func ends(r triage.Result) []string {
	var out []string
	for _, o := range r.Facts.Probes {
		out = append(out, o.Target.Addr.Addr().String()+" "+string(o.Target.Via))
	}
	return out
}

// found lists severity, code and action of the findings, and of those of TLS and HTTP the address.
func found(r triage.Result) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprint(f.Severity, " ", f.Code, " ", f.Action))
	}
	return out
}

func missing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// TestProofOutcomes has the three outcomes of rows 8 of the decision table, and what is dialled and told for each.
func TestProofOutcomes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edge, origin http.HandlerFunc // nil origin: the list names none
		verdict      string
		ends         []string
		says         string
	}{
		"ours":                       {proofAnswer, proofAnswer, "proxied/ours", []string{edgeAddr + " dns", originAddr + " origin"}, "with token and nonce (93.184.1.1)"},
		"ours, no origin named":      {proofAnswer, nil, "proxied/ours", []string{edgeAddr + " dns"}, "with token and nonce"},
		"not ours":                   {missing, nil, "proxied/not_ours", nil, "404 without our token"},
		"not ours, origin knows it":  {missing, proofAnswer, "proxied/not_ours", nil, "another server is behind cloudflare"},
		"unverified, not installed":  {missing, missing, "proxied/unverified", []string{edgeAddr + " dns", originAddr + " origin"}, "not installed there"},
		"unverified, the edge fails": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, nil, "proxied/unverified", []string{edgeAddr + " dns"}, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := behind(t)
			w.serve(edgeAddr, "cdn.example.test", c.edge, false)
			d := domains("cdn.example.test")
			if c.origin != nil {
				w.serve(originAddr, "cdn.example.test", c.origin, false)
				d[0].Origin = []string{originAddr}
			}
			all, _ := scanAll(t, w.pipeline, d)
			got := all["cdn.example.test"]
			if v := string(got.Facts.Owner.Verdict) + "/" + string(got.Facts.Owner.Reason); v != c.verdict || !slices.Equal(ends(got), c.ends) {
				t.Errorf("%s %q, want %s %q", v, ends(got), c.verdict, c.ends)
			}
			if evidence := strings.Join(got.Facts.Owner.Evidence, "\n"); !strings.Contains(evidence, c.says) {
				t.Errorf("evidence %q does not say %q", evidence, c.says)
			}
			if tried := w.pipeline.Explain(got).Facts.Owner.Tried; tried[len(tried)-1].Name != "proxied" {
				t.Errorf("explained as %+v", tried[len(tried)-1])
			}
		})
	}
}

// TestExpiredOrigin holds that a CDN's good certificate hides no expired one of ours: URGENT where our server is proven behind
// it, WARN where it is not.
func TestExpiredOrigin(t *testing.T) {
	t.Parallel()
	for want, edge := range map[string]http.HandlerFunc{
		"URGENT cert_expired renew":     proofAnswer,
		"WARN cert_expired investigate": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	} {
		w := behind(t)
		w.serve(edgeAddr, "cdn.example.test", edge, false)
		w.serve(originAddr, "cdn.example.test", proofAnswer, true)
		d := domains("cdn.example.test")
		d[0].Origin = []string{originAddr}
		all, _ := scanAll(t, w.pipeline, d)
		if got := found(all["cdn.example.test"]); !slices.Contains(got, want) {
			t.Errorf("%q, want %s among them", got, want)
		}
	}
}

// TestOriginAmongOurServers holds that of our machines only the one that shows a certificate for the name counts as its
// origin: what the others do not serve, or that they are down, is no trouble of the name.
func TestOriginAmongOurServers(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.serve(edgeAddr, "cdn.example.test", proofAnswer, false)
	w.net.Serve("93.184.1.4:443", fixtures.Site{Names: []string{"default.example.test"}})
	w.net.Serve("93.184.1.5:443", fixtures.Site{Names: []string{"strict.example.test"}, Strict: true})
	w.serve("93.184.1.6", "cdn.example.test", proofAnswer, true)
	w.net.Serve("93.184.1.7:443", fixtures.Site{Fault: fixtures.FaultSilent})
	for _, text := range []string{"93.184.1.4", "93.184.1.5", "93.184.1.6", "93.184.1.7", "93.184.1.8"} {
		w.pipeline.Servers = append(w.pipeline.Servers, netip.MustParseAddr(text))
	}
	all, summary := scanAll(t, w.pipeline, domains("cdn.example.test", "example.test"))
	got := all["cdn.example.test"]
	if want := []string{edgeAddr + " dns", "93.184.1.6 origin"}; !slices.Equal(ends(got), want) {
		t.Errorf("%q, want %q", ends(got), want)
	}
	if want := []string{"URGENT cert_expired renew", "OK behind_proxy none"}; !slices.Equal(alarms(got), want) {
		t.Errorf("%q, want %q", found(got), want)
	}
	if got := all["example.test"]; len(got.Facts.Probes) != 1 {
		t.Errorf("a parked name is looked at at %q", ends(got))
	}
	if !summary.Complete {
		t.Error("cut")
	}
}

// alarms are found without what is only listed of HTTP.
func alarms(r triage.Result) []string {
	return slices.DeleteFunc(found(r), func(f string) bool { return strings.Contains(f, "https_redirect") || strings.Contains(f, "hsts") })
}

// TestProofAmongOurServers holds that only a machine of ours that serves the name tells whether the proof is installed.
func TestProofAmongOurServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serves string // the name that the machine has a certificate for
		answer http.HandlerFunc
		want   dns.Reason
	}{
		"it serves another name":            {"other.example.test", missing, dns.ReasonNotOurs},
		"it serves the name, and proves it": {"cdn.example.test", proofAnswer, dns.ReasonNotOurs},
		"it serves the name without proof":  {"cdn.example.test", missing, dns.ReasonUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := behind(t)
			w.serve(edgeAddr, "cdn.example.test", missing, false)
			w.serve("93.184.1.6", c.serves, c.answer, false)
			w.pipeline.Servers = []netip.Addr{netip.MustParseAddr("93.184.1.6")}
			all, _ := scanAll(t, w.pipeline, domains("cdn.example.test"))
			if o := all["cdn.example.test"].Facts.Owner; o.Reason != c.want {
				t.Errorf("%s, want %s: %q", o.Reason, c.want, o.Evidence)
			}
		})
	}
}

// TestGuessIsLookedAtOnce holds that a machine of which it is only tried whether it serves the name gets no second look.
func TestGuessIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.serve(edgeAddr, "cdn.example.test", proofAnswer, false)
	w.net.Serve("93.184.1.7:443", fixtures.Site{Fault: fixtures.FaultReset})
	w.pipeline.Servers = []netip.Addr{netip.MustParseAddr("93.184.1.7")}
	scanAll(t, w.pipeline, domains("cdn.example.test"))
	dials := slices.DeleteFunc(w.net.Dials(), func(d fixtures.Dial) bool { return d.Addr.Addr() != w.pipeline.Servers[0] })
	if len(dials) != 2 { // a reset is answered with an older hello
		t.Errorf("%d dials, want 2", len(dials))
	}
}

// TestServersAreBounded holds that not a whole network is walked for one name.
func TestServersAreBounded(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.serve(edgeAddr, "cdn.example.test", missing, false)
	for a := netip.MustParseAddr("93.184.1.100"); len(w.pipeline.Servers) < 40; a = a.Next() {
		w.pipeline.Servers = append(w.pipeline.Servers, a)
	}
	scanAll(t, w.pipeline, domains("cdn.example.test"))
	dialled := map[netip.Addr]bool{}
	for _, d := range w.net.Dials() {
		if slices.Contains(w.pipeline.Servers, d.Addr.Addr()) {
			dialled[d.Addr.Addr()] = true
		}
	}
	if len(dialled) != 16 {
		t.Errorf("%d of our machines were dialled, want 16", len(dialled))
	}
}

// TestProofAlone holds that a run without handshakes dials for the proof alone, and nothing for names that are not proxied.
func TestProofAlone(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.serve(edgeAddr, "cdn.example.test", proofAnswer, false)
	w.pipeline.Prober = nil
	all, _ := scanAll(t, w.pipeline, domains("cdn.example.test", "example.test", "moved.example.test", "nodata.example.test"))
	got := all["cdn.example.test"]
	if got.Facts.Owner.Reason != dns.ReasonOurs || len(got.Facts.Probes) > 0 {
		t.Errorf("%+v, %q", got.Facts.Owner, ends(got))
	}
	for _, d := range w.net.Dials() {
		if d.Network == "tcp" && d.Addr.Addr() != netip.MustParseAddr(edgeAddr) && d.Addr.Port() != 53 {
			t.Errorf("dialled %s", d.Addr)
		}
	}
}

// TestNoProofWhereNobodyWaits holds that a name which the list gives away is not asked, nor one of a run without a token.
func TestNoProofWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.pipeline.Prober = nil
	d := domains("cdn.example.test", "cdn2.example.test")
	w.net.Zone("example.test", zone+"\ncdn2 A "+edgeAddr)
	d[0].Expect, d[1].Expect = inventory.ExpectElsewhere, inventory.ExpectRetired
	all, _ := scanAll(t, w.pipeline, d)
	w.pipeline.Prover = nil
	plain, _ := scanAll(t, w.pipeline, domains("cdn.example.test"))
	for _, r := range []triage.Result{all["cdn.example.test"], all["cdn2.example.test"], plain["cdn.example.test"]} {
		if r.Facts.Owner.Reason != dns.ReasonUnverified || r.Facts.DNS.Proof != nil {
			t.Errorf("%+v", r.Facts.Owner)
		}
	}
	for _, dial := range w.net.Dials() {
		if dial.Addr.Addr() == netip.MustParseAddr(edgeAddr) {
			t.Errorf("dialled %s", dial.Addr)
		}
	}
}

// TestNameServersAreAHint holds that the hint is there in a run that asks neither registries nor for the proof.
func TestNameServersAreAHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.net.Zone("byoip.net", "@ NS ada.ns.cloudflare.com.\n@ A 93.184.77.1")
	all, _ := scanAll(t, w.pipeline, domains("byoip.net", "moved.example.test"))
	if o := all["byoip.net"].Facts.Owner; o.Verdict != dns.Moved || o.Confidence != dns.Low || !strings.Contains(strings.Join(o.Evidence, "\n"), "may be a proxy") {
		t.Errorf("%+v", o)
	}
	if o := all["moved.example.test"].Facts.Owner; o.Verdict != dns.Moved || strings.Contains(strings.Join(o.Evidence, "\n"), "may be a proxy") {
		t.Errorf("%+v", o)
	}
}

// TestProofOfHiddenProxy holds that a name at addresses that no list has is found to be ours, where its name servers are a
// CDN's.
func TestProofOfHiddenProxy(t *testing.T) {
	t.Parallel()
	w := behind(t)
	w.net.Zone("byoip.net", "@ NS ada.ns.cloudflare.com.\n@ A 93.184.77.1\nwww A "+edgeAddr)
	w.serve("93.184.77.1", "byoip.net", proofAnswer, false)
	w.serve(edgeAddr, "www.byoip.net", missing, false)
	d := domains("byoip.net")
	d[0].SANs = []string{"www.byoip.net"}
	all, _ := scanAll(t, w.pipeline, d)
	got := all["byoip.net"]
	if o := got.Facts.Owner; o.Verdict != dns.Proxied || o.Reason != dns.ReasonOurs || o.Provider != "cloudflare" {
		t.Errorf("%+v", o)
	}
	if n := got.Facts.Names; len(n) != 1 || n[0].Owner.Reason != dns.ReasonNotOurs {
		t.Errorf("a further name behind a proxy is asked as well: %+v", n)
	}
}
