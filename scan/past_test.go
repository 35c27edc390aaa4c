package scan_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/inventory"
	"certscan/triage"
)

// remembering is a history of some names that notes what it is asked.
type remembering struct {
	kept  map[string]triage.Past
	ended map[string]bool
	err   error

	mu    sync.Mutex // guards asked
	asked []string
}

func (m *remembering) Past(_ context.Context, name string) (triage.Past, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, name)
	return m.kept[name], m.err
}

func (m *remembering) Further(ctx context.Context, _, name string, _ time.Time) (triage.Past, error) {
	return m.Past(ctx, name)
}

func (m *remembering) Notable(name string, _ time.Time) bool { return m.ended[name] }

// twoResolvers gives the world a second resolver of another operator.
func (w *world) twoResolvers(t *testing.T) {
	t.Helper()
	var err error
	w.pipeline.Resolver, err = dns.New(dns.Config{
		Servers: []netip.AddrPort{netip.MustParseAddrPort("193.0.0.53:53"), w.net.Resolver("9.9.9.9")}, Dial: w.net.Dial, Timeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func since(v dns.Verdict, ago time.Duration) triage.Past {
	at := time.Now().Add(-ago)
	span := triage.Span{Verdict: v, Since: at, Seen: at}
	return triage.Past{Last: span, Trusted: span, First: at}
}

// TestTwoLooks holds what makes a verdict sure that takes two looks, for the name itself and for further names; the
// confidence of the verdict, the action and the message are of one mind.
func TestTwoLooks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row    string
		two    bool
		past   *remembering // nil for no store
		action triage.Action
		says   string
	}{
		{"two resolvers, seen yesterday", true, &remembering{kept: map[string]triage.Past{"moved.example.test": since(dns.Moved, 24*time.Hour)}}, triage.ActionCallCustomer, ""},
		{"one resolver, seen yesterday", false, &remembering{kept: map[string]triage.Past{"moved.example.test": since(dns.Moved, 24*time.Hour)}}, triage.ActionWatch, "at one resolver alone"},
		{"two resolvers, seen an hour ago", true, &remembering{kept: map[string]triage.Past{"moved.example.test": since(dns.Moved, time.Hour)}}, triage.ActionWatch, "less than six hours ago"},
		{"two resolvers, was ours", true, &remembering{kept: map[string]triage.Past{"moved.example.test": since(dns.Parked, 24*time.Hour)}}, triage.ActionWatch, "saw parked"},
		{"two resolvers, no store", true, nil, triage.ActionWatch, "no earlier look is known"},
		{"two resolvers, a history that cannot be read", true, &remembering{err: errors.New("disk I/O error")}, triage.ActionWatch, "no earlier look is known"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.two {
				w.twoResolvers(t)
			}
			var notes strings.Builder
			w.pipeline.Log = slog.New(slog.NewTextHandler(&notes, nil))
			if c.past != nil {
				w.pipeline.Past = c.past
			}
			further := domains("example.test")[0]
			further.SANs = []string{"moved.example.test"}
			got, _ := scanAll(t, w.pipeline, append(domains("moved.example.test"), further))
			domain, own := got["moved.example.test"], got["example.test"].Facts.Names
			for row, o := range map[string]dns.Ownership{"the name": *domain.Facts.Owner, "the further name": own[0].Owner} {
				if (o.Confidence == dns.High) != (c.action == triage.ActionCallCustomer) || !strings.Contains(o.Doubt, c.says) {
					t.Errorf("%s: %s, %q", row, o.Confidence, o.Doubt)
				}
			}
			for row, r := range map[string]triage.Result{"the name": domain, "the further name": got["example.test"]} {
				i := slices.IndexFunc(r.Findings, func(f triage.Finding) bool { return f.Code == triage.MovedAway })
				if i < 0 || r.Findings[i].Action != c.action || !strings.Contains(r.Findings[i].Message, c.says) {
					t.Errorf("%s: %+v", row, r.Findings)
				}
			}
			if n := strings.Count(notes.String(), "the history cannot be read"); (n == 1) != (c.past != nil && c.past.err != nil) {
				t.Errorf("told %d times: %s", n, notes.String())
			}
		})
	}
}

// TestCleanNamesAskNoHistory holds that a clean name costs no question to the history, unless its domain was free or expired
// once: then it is told.
func TestCleanNamesAskNoHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ended := triage.Past{Ended: since(dns.Free, 24*time.Hour).Last, First: time.Now()}
	past := &remembering{ended: map[string]bool{"www.example.test": true}, kept: map[string]triage.Past{"www.example.test": ended}}
	w.pipeline.Past = past
	got, _ := scanAll(t, w.pipeline, domains("example.test", "www.example.test", "cdn.example.test"))
	if !slices.Equal(past.asked, []string{"www.example.test"}) {
		t.Errorf("asked for %q", past.asked)
	}
	if r := got["www.example.test"]; len(r.Findings) == 0 || r.Findings[0].Code != triage.Reregistered {
		t.Errorf("%+v", r.Findings)
	}
}

// TestResolversAtOdds holds that a name of which two resolvers say different things is unknown, whoever has it.
func TestResolversAtOdds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twoResolvers(t)
	w.net.Fault("moved.example.test", fixtures.DNSFault{
		Server: netip.MustParseAddrPort("9.9.9.9:53"), Type: 1, ExtraAnswer: []string{"moved.example.test. 60 IN A 93.184.1.1"}, Instead: true,
	})
	got, summary := scanAll(t, w.pipeline, []inventory.Domain{domains("moved.example.test")[0]})
	if o := got["moved.example.test"].Facts.Owner; o.Verdict != dns.Unknown || summary.Untrusted == "" {
		t.Errorf("%+v, %q", o, summary.Untrusted)
	}
}
