package scan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/triage"
)

// registries gives the world a parent zone at two servers, and a registry that knows some names of it.
func (w *world) registries(t *testing.T, known map[string]fixtures.RegistryRecord) *fixtures.Registrar {
	t.Helper()
	w.net.Zone("ru", "@ NS a.dns.ripn.net.\n@ NS b.dns.ripn.net.\nours NS ns1.ours\nns1.ours A 93.184.1.53")
	w.net.Zone("ripn.net", "a.dns A 193.232.128.6\nb.dns A 193.232.142.17")
	w.net.Zone("ours.ru", "@ A 93.184.1.1\nwww A 93.184.1.1\naway A 93.184.9.9")
	w.net.Auth("193.232.128.6", "ru")
	w.net.Auth("193.232.142.17", "ru")
	w.net.Auth("93.184.1.53", "ours.ru")
	server := fixtures.NewRegistrar(known)
	w.net.Whois("193.0.20.2", server)
	var err error
	w.pipeline.Registry, err = dns.NewRegistry(dns.RegistryConfig{Dial: w.net.Dial, WhoisServer: "193.0.20.2", Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestRegistryInAScan holds what a run makes of names that parent zones and registries know or do not, with probing and
// without: a verdict each, further names alike, and nothing asked about a clean name.
func TestRegistryInAScan(t *testing.T) {
	t.Parallel()
	soon, past := time.Now().AddDate(0, 0, 10), time.Now().AddDate(0, 0, -3)
	state := func(words ...string) []string { return append([]string{"REGISTERED"}, words...) }
	for _, probing := range []bool{true, false} {
		t.Run(fmt.Sprintf("probing %t", probing), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if !probing {
				w.pipeline.Prober = nil
			}
			server := w.registries(t, map[string]fixtures.RegistryRecord{
				"nic.ru":  {Status: state("DELEGATED")},
				"held.ru": {Status: state("NOT DELEGATED"), Expires: soon},
				"past.ru": {Status: state("NOT DELEGATED"), Expires: past},
				"ours.ru": {Status: state("DELEGATED"), Expires: soon},
			})
			list := domains("ours.ru", "gone.ru", "held.ru", "past.ru", "away.ours.ru")
			list[0].SANs = []string{"www.gone.ru"}
			results, _ := scanAll(t, w.pipeline, list)
			for name, want := range map[string]string{
				"gone.ru": "free [domain_free]", "held.ru": "on_hold [domain_on_hold]", "past.ru": "expired [domain_expired]",
				"away.ours.ru": "moved [moved_away domain_expiring]",
			} {
				r := results[name]
				var codes []triage.Code
				for _, f := range r.Findings {
					codes = append(codes, f.Code)
				}
				if got := fmt.Sprint(r.Facts.Owner.Verdict, " ", codes); got != want {
					t.Errorf("%s: got %s, want %s; %v", name, got, want, r.Facts.Owner.Evidence)
				}
			}
			ours := results["ours.ru"]
			if ours.Facts.Owner.Verdict != dns.Parked || ours.Facts.DNS.Inquiry != nil {
				t.Errorf("ours.ru: %+v, %+v", ours.Facts.Owner, ours.Facts.DNS.Inquiry)
			}
			if n := ours.Facts.Names; len(n) == 0 || n[0].Owner.Verdict != dns.Free {
				t.Errorf("a further name: %+v", n)
			}
			asked := server.Asked()
			if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
				t.Errorf("the registry was asked twice: %v", asked)
			}
		})
	}
}

// TestExpectedElsewhereIsNotInquired holds that nobody is asked why a name stands where the list says that it stands.
func TestExpectedElsewhereIsNotInquired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.registries(t, nil)
	d := domains("away.ours.ru")
	d[0].Expect = "elsewhere"
	scanAll(t, w.pipeline, d)
	if len(server.Asked()) != 0 {
		t.Errorf("the registry was asked: %v", server.Asked())
	}
}

// TestCleanNamesAreLookedUpSlowly holds that a clean name has its registration in the facts where there is a schedule,
// asked for once for all hosts of its domain and within a part of the limits; that its verdict stands; that names that
// are not clean are asked about all the same; and that without a schedule nothing is asked.
func TestCleanNamesAreLookedUpSlowly(t *testing.T) {
	t.Parallel()
	soon, past, far := time.Now().AddDate(0, 0, 10), time.Now().AddDate(0, 0, -3), time.Now().AddDate(1, 0, 0)
	for _, probing := range []bool{true, false} {
		t.Run(fmt.Sprintf("probing %t", probing), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if !probing {
				w.pipeline.Prober = nil
			}
			known := map[string]fixtures.RegistryRecord{"nic.ru": {Status: []string{"REGISTERED"}}}
			server := w.registries(t, known)
			for _, name := range []string{"past.ru", "third.ru", "fourth.ru"} {
				w.net.Zone(name, "@ A 93.184.1.1")
			}
			for name, expires := range map[string]time.Time{"ours.ru": soon, "past.ru": past, "third.ru": far, "fourth.ru": far} {
				known[name] = fixtures.RegistryRecord{Status: []string{"REGISTERED", "DELEGATED"}, Expires: expires}
			}
			scanAll(t, w.pipeline, domains("ours.ru", "past.ru"))
			if asked := server.Asked(); len(asked) != 0 {
				t.Errorf("without a schedule: asked %v", asked)
			}
			w.pipeline.RegistrationEvery = dns.RegistrationEvery
			w.pipeline.Concurrency = 1 // the first in the list are the first asked about
			results, _ := scanAll(t, w.pipeline, domains("ours.ru", "www.ours.ru", "past.ru", "third.ru", "fourth.ru", "gone.ru"))
			for name, want := range map[string]string{
				"ours.ru": "parked registered [domain_expiring]", "www.ours.ru": "parked registered [domain_expiring]",
				"past.ru": "parked expired [domain_expiring]", "third.ru": "parked registered []",
				"fourth.ru": "parked unchecked []", "gone.ru": "free none [domain_free]",
			} {
				r := results[name]
				codes := []triage.Code{}
				for _, f := range r.Findings {
					if f.Code == triage.DomainExpiring || f.Code == triage.DomainFree || f.Code == triage.DomainExpired {
						codes = append(codes, f.Code)
					}
				}
				if got := fmt.Sprint(r.Facts.Owner.Verdict, " ", r.Facts.DNS.Inquiry.Registration.State, " ", codes); got != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
			asked := server.Asked()
			if slices.Sort(asked); !slices.Equal(asked, []string{"gone.ru", "ours.ru", "past.ru", "third.ru"}) {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// TestScheduleOfWhatIsExpected holds that a name that stands where the list says has its registration looked up as a clean
// one has, and that one that cannot be told has not.
func TestScheduleOfWhatIsExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.registries(t, map[string]fixtures.RegistryRecord{"ours.ru": {Status: []string{"REGISTERED"}, Expires: time.Now().AddDate(0, 0, 10)}})
	w.pipeline.RegistrationEvery = dns.RegistrationEvery
	d := domains("away.ours.ru", "10.0.0.1")
	d[0].Expect = "elsewhere"
	results, _ := scanAll(t, w.pipeline, d)
	if r := results["away.ours.ru"]; r.Facts.Owner.Verdict != dns.Moved || r.Facts.DNS.Inquiry.Registration.State != dns.Registered {
		t.Errorf("%+v", r.Facts.DNS.Inquiry)
	}
	if asked := server.Asked(); !slices.Equal(asked, []string{"ours.ru"}) {
		t.Errorf("asked %v", asked)
	}
}

// TestInvalidIsNotAskedFor holds that what cannot be a domain name sends nothing to anybody.
func TestInvalidIsNotAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pipeline.Controls = nil
	got, _ := scanAll(t, w.pipeline, domains("localhost", "203.0.113.7", "co.uk", "a..example.test", "-a.example.test", "exa$mple.test"))
	for name, r := range got {
		if b := brief(r); b != "invalid WARN [invalid_name] []" {
			t.Errorf("%s: %s", name, b)
		}
	}
	if q := w.net.Queries(); len(q) > 0 {
		t.Errorf("queries %v", q)
	}
}
