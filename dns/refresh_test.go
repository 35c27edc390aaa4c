package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"certscan/fixtures"
)

// later makes registries that share a memory and a clock, as processes one after the other do.
type later struct {
	t      *testing.T
	memory RegistryMemory
	now    time.Time
	rdap   *fixtures.Registrar
	whois  *fixtures.Registrar
}

func (l *later) process(edit func(*RegistryConfig)) *Registry {
	l.t.Helper()
	return bureau(l.t, l.rdap, l.whois, func(cfg *RegistryConfig) {
		cfg.Memory, cfg.Now = l.memory, func() time.Time { return l.now }
		if edit != nil {
			edit(cfg)
		}
	})
}

// TestAnswersAreOfTheirServer holds that what one server said is not reused for another one, that its "found" proves
// nothing there, and that each is asked once in a day.
func TestAnswersAreOfTheirServer(t *testing.T) {
	t.Parallel()
	liar := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	right := fixtures.NewRegistrar(records{})
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: liar}
	if r := l.process(nil).Ask(t.Context(), "gone.ru", Patient); r.State != Registered || r.Server != "193.0.20.2" {
		t.Errorf("%+v", r)
	}
	if r := l.process(nil).Ask(t.Context(), "nic.ru", Patient); r.State != Registered {
		t.Errorf("%+v", r)
	}
	l.whois = right
	elsewhere := func(cfg *RegistryConfig) { cfg.WhoisServer = "193.0.20.2:43" }
	if r := l.process(elsewhere).Ask(t.Context(), "gone.ru", Patient); r.State != Registered || len(right.Asked()) != 0 {
		t.Errorf("the same server with its usual port: %+v", r)
	}
	n := fixtures.New(t)
	n.Whois("193.0.20.3", right)
	other := func(cfg *RegistryConfig) { cfg.Dial, cfg.WhoisServer = n.Dial, "193.0.20.3" }
	if r := l.process(other).Ask(t.Context(), "gone.ru", Patient); r.State != RegUnknown || len(right.Asked()) < 2 {
		t.Errorf("another server that finds nothing: %+v, asked %v", r, right.Asked())
	}
	asked := len(right.Asked())
	if r := l.process(other).Ask(t.Context(), "gone.ru", Patient); r.State != RegUnknown || len(right.Asked()) != asked {
		t.Errorf("twice in a day: %+v, asked %v", r, right.Asked())
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Whois.TCInet.ru.": "whois.tcinet.ru", "whois.tcinet.ru:43": "whois.tcinet.ru", "whois.tcinet.ru.:4343": "whois.tcinet.ru:4343",
		"[2001:DB8::1]:43": "2001:db8::1", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "10.0.0.1:80": "10.0.0.1:80",
	} {
		if got := serverName(given, "43"); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
	for base, want := range map[string]string{
		"https://RDAP.example:443/v1/": "rdap.example", "http://rdap.example/": "rdap.example", "http://rdap.example:443/": "rdap.example:443",
	} {
		if got := (rdapSource{baseURL: base}).host(); got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
	}
}

// TestKeptForADay holds that an answer is reused for a day by who does not want a fresh one, by RDAP and by WHOIS; that a
// one-off run asks RDAP anew, and WHOIS never; and that an answer over a day old is asked for again.
func TestKeptForADay(t *testing.T) {
	t.Parallel()
	fresh := func(cfg *RegistryConfig) { cfg.Fresh = true }
	for _, c := range []struct {
		row   string
		rdap  bool
		edit  func(*RegistryConfig)
		after time.Duration
		want  int
	}{
		{"RDAP, an hour later", true, nil, time.Hour, 1},
		{"RDAP, one-off, an hour later", true, fresh, time.Hour, 2},
		{"RDAP, a day later", true, nil, 24 * time.Hour, 2},
		{"WHOIS, an hour later", false, nil, time.Hour, 1},
		{"WHOIS, one-off, an hour later", false, fresh, time.Hour, 1},
		{"WHOIS, a day later", false, fresh, 24 * time.Hour, 2},
		{"WHOIS, a clock that went back", false, nil, -30 * 24 * time.Hour, 1},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}, Expires: registryNow.AddDate(1, 0, 0)}})
			l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: server}
			if c.rdap {
				l.rdap = server
			}
			for range 2 {
				if r := l.process(c.edit).Ask(t.Context(), "example.ru", Patient); r.State != Registered {
					t.Errorf("%+v", r)
				}
				l.now = l.now.Add(c.after)
			}
			if n := len(server.Asked()); n != c.want {
				t.Errorf("asked %d times, want %d", n, c.want)
			}
		})
	}
}

// TestClockBackEnds holds that an answer of a clock that was ahead is not young for ever.
func TestClockBackEnds(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow.AddDate(4, 0, 0), whois: server}
	for _, at := range []time.Time{l.now, registryNow, registryNow.Add(23 * time.Hour), registryNow.Add(24 * time.Hour)} {
		l.now = at
		l.process(nil).Ask(t.Context(), "example.ru", Patient)
	}
	if n := len(server.Asked()); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// TestNotImplementedIsKept holds that a service that is not there for a name is not asked again the same day.
func TestNotImplementedIsKept(t *testing.T) {
	t.Parallel()
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow}
	l.rdap = fixtures.NewRegistrar(records{"*": {Code: http.StatusNotImplemented}})
	l.whois = fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	for range 2 {
		if r := l.process(nil).Ask(t.Context(), "example.ru", Patient); r.State != Registered || r.Source != "whois" {
			t.Errorf("%+v", r)
		}
	}
	if len(l.rdap.Asked()) != 1 || len(l.whois.Asked()) != 1 {
		t.Errorf("asked %v and %v", l.rdap.Asked(), l.whois.Asked())
	}
}

// TestWhoisBanIsKept holds that after a ban the server is left alone for an hour, by any process.
func TestWhoisBanIsKept(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"a.ru": {Raw: limitBanner}, "*": {Status: []string{"REGISTERED"}}})
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: server}
	for _, c := range []struct {
		name  string
		after time.Duration
		want  RegistrationState
	}{{"a.ru", 0, RegUnknown}, {"b.ru", time.Second, RegUnchecked}, {"b.ru", 59 * time.Minute, RegUnchecked}, {"b.ru", time.Hour, Registered}} {
		l.now = registryNow.Add(c.after)
		if r := l.process(nil).Ask(t.Context(), c.name, Patient); r.State != c.want {
			t.Errorf("%s after %s: %+v, want %s", c.name, c.after, r, c.want)
		}
	}
}

// TestRefresh holds the slow schedule of clean names: asked when due, else told from memory.
func TestRefresh(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	server := fixtures.NewRegistrar(records{
		"far.ru":  {Status: []string{"REGISTERED"}, Expires: registryNow.Add(300 * day)},
		"near.ru": {Status: []string{"REGISTERED"}, Expires: registryNow.Add(40 * day)},
		"past.ru": {Status: []string{"REGISTERED"}, Expires: registryNow.Add(-day)},
		"odd.ru":  {Raw: "?\r\n"},
	})
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: server}
	for i, c := range []struct {
		name  string
		after time.Duration
		every time.Duration
		want  RegistrationState
		asked int
	}{
		{"far.ru", 0, 0, Registered, 1},
		{"far.ru", 29 * day, 0, Registered, 1},
		{"far.ru", 30 * day, 0, Registered, 2},
		{"far.ru", 32 * day, 2 * day, Registered, 3},
		{"near.ru", 0, 0, Registered, 4},
		{"near.ru", 23 * time.Hour, 0, Registered, 4},
		{"near.ru", day, 0, Registered, 5},
		{"past.ru", 0, 0, RegExpired, 6},
		{"odd.ru", 0, 0, RegUnknown, 7},
		{"odd.ru", time.Hour, 0, RegUnknown, 7},
		{"odd.ru", day, 0, RegUnknown, 8},
	} {
		l.now = registryNow.Add(c.after)
		r := l.process(func(cfg *RegistryConfig) { cfg.WhoisRate = 1000 }).Refresh(t.Context(), c.name, c.every)
		if n := len(server.Asked()); r.State != c.want || n != c.asked || r.Domain != c.name {
			t.Errorf("%d: %s after %s: %+v with %d queries, want %s with %d", i, c.name, c.after, r, n, c.want, c.asked)
		}
	}
}

// TestRefreshTakesAPart holds that clean names wait for nothing and take a quarter of the limits, that the rest is there
// for the others, and that what was not allowed is asked for later.
func TestRefreshTakesAPart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate, part int
		span       time.Duration
	}{{15, 3, time.Minute}, {4, 1, time.Minute}, {2, 1, 2 * time.Minute}, {1, 1, 4 * time.Minute}} {
		t.Run(fmt.Sprint(c.rate), func(t *testing.T) {
			t.Parallel()
			server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}, Expires: registryNow.AddDate(1, 0, 0)}})
			l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: server}
			rate := func(cfg *RegistryConfig) { cfg.WhoisRate = c.rate }
			g := l.process(rate)
			for i := range 2 * c.part {
				r := g.Refresh(t.Context(), fmt.Sprintf("clean%d.ru", i), 0)
				if want := map[bool]RegistrationState{true: Registered, false: RegUnchecked}[i < c.part]; r.State != want {
					t.Errorf("clean name %d: %+v, want %s", i, r, want)
				}
			}
			for i := range c.rate - c.part {
				if r := l.process(rate).Ask(t.Context(), fmt.Sprintf("moved%d.ru", i), Prompt); r.State != Registered {
					t.Errorf("other name %d: %+v", i, r)
				}
			}
			l.now = registryNow.Add(c.span)
			if r := g.Refresh(t.Context(), fmt.Sprintf("clean%d.ru", c.part), 0); r.State != Registered {
				t.Errorf("later: %+v", r)
			}
		})
	}
}

// TestRefreshKeepsTheLastWord holds that a kept registration is told where the registry may not be asked, or gives
// nothing to rely on; but not that it is registered once its date has passed, nor that it has ended.
func TestRefreshKeepsTheLastWord(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow}
	l.whois = fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}, Expires: registryNow.Add(35 * day)}})
	if r := l.process(nil).Refresh(t.Context(), "a.ru", 0); r.State != Registered {
		t.Fatalf("%+v", r)
	}
	l.whois = fixtures.NewRegistrar(records{"*": {Raw: limitBanner}})
	for _, c := range []struct {
		after time.Duration
		want  RegistrationState
	}{{2 * day, Registered}, {36 * day, RegUnchecked}} {
		l.now = registryNow.Add(c.after)
		g := l.process(nil)
		for range 2 { // the second time the server is held
			if r := g.Refresh(t.Context(), "a.ru", 0); r.State != c.want || !r.Expires.Equal(registryNow.Add(35*day)) {
				t.Errorf("after %s: %+v, want %s", c.after, r, c.want)
			}
		}
	}
}

// countingMemory counts what clean names cost.
type countingMemory struct {
	RegistryMemory
	reads, writes atomic.Int64
}

func (m *countingMemory) Recall(ctx context.Context, domain, server string, now time.Time) (Registration, time.Time, error) {
	m.reads.Add(1)
	return m.RegistryMemory.Recall(ctx, domain, server, now)
}

func (m *countingMemory) Reserve(ctx context.Context, server string, limit RegistryLimit, now time.Time) (time.Time, error) {
	m.writes.Add(1)
	return m.RegistryMemory.Reserve(ctx, server, limit, now)
}

// TestRefreshCost holds that a clean name that is not due, or not allowed, costs one read, and that many hosts of a domain
// are asked for once.
func TestRefreshCost(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}, Expires: registryNow.AddDate(1, 0, 0)}})
	m := &countingMemory{RegistryMemory: NewRegistryMemory()}
	l := later{t: t, memory: m, now: registryNow, whois: server}
	g := l.process(nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := g.Refresh(t.Context(), "a.ru", 0); r.State != Registered {
				t.Errorf("%+v", r)
			}
		})
	}
	wg.Wait()
	if asked := server.Asked(); !slices.Equal(asked, []string{"a.ru"}) {
		t.Errorf("asked %v", asked)
	}
	for i := range 4 {
		g.Refresh(t.Context(), fmt.Sprintf("b%d.ru", i), 0)
	}
	reads, writes := m.reads.Load(), m.writes.Load()
	for range 10 {
		g.Refresh(t.Context(), "a.ru", 0)
	}
	if n := m.reads.Load() - reads; n != 10 {
		t.Errorf("%d reads for 10 names that are not due", n)
	}
	reads = m.reads.Load()
	for i := range 10 {
		if r := g.Refresh(t.Context(), fmt.Sprintf("c%d.ru", i), 0); r.State != RegUnchecked {
			t.Errorf("%+v", r)
		}
	}
	if n, read := m.writes.Load()-writes, m.reads.Load()-reads; n != 0 || read != 10 {
		t.Errorf("%d reservations and %d reads for 10 names once the part is used up", n, read)
	}
}

// TestWhoisKilledInMidQuestion holds that who died before the answer has asked: the place is taken, the name is not asked
// for again that day.
func TestWhoisKilledInMidQuestion(t *testing.T) {
	t.Parallel()
	m := NewRegistryMemory()
	limit := RegistryLimit{Queries: 1, Per: time.Minute}
	if again, err := m.Reserve(t.Context(), "193.0.20.2", limit, registryNow); err != nil || !again.IsZero() {
		t.Fatal(again, err)
	}
	if ok, err := m.Claim(t.Context(), "a.ru", "193.0.20.2", registryNow.Add(-24*time.Hour), registryNow); err != nil || !ok {
		t.Fatal(ok, err)
	}
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	l := later{t: t, memory: m, now: registryNow.Add(time.Second), whois: server}
	one := func(cfg *RegistryConfig) { cfg.WhoisRate = 1 }
	for name, want := range map[string]RegistrationState{"a.ru": RegUnknown, "b.ru": RegUnchecked} {
		if r := l.process(one).Ask(t.Context(), name, Prompt); r.State != want || len(server.Asked()) != 0 {
			t.Errorf("%s: %+v, want %s; asked %v", name, r, want, server.Asked())
		}
	}
}

// TestRegistryDateCanBeWritten holds that a date of a registry's making is one that can be kept and shown.
func TestRegistryDateCanBeWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"9999-12-31T23:59:59-12:00": "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z": "9999-12-31T23:59:59Z", "soon": "0001-01-01T00:00:00Z",
	} {
		if got := registryDate(text).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestKeptTextIsBounded holds that not more of what a server says is kept than people read.
func TestKeptTextIsBounded(t *testing.T) {
	t.Parallel()
	m := NewRegistryMemory()
	l := later{t: t, memory: m, now: registryNow}
	if err := l.process(nil).keep(t.Context(), Registration{Domain: "a.ru", Server: "r", State: Registered, AskedAt: registryNow, Why: strings.Repeat("я", 1<<20)}); err != nil {
		t.Fatal(err)
	}
	if r, _, err := m.Recall(t.Context(), "a.ru", "r", registryNow); err != nil || len(r.Why) > whyMax+len("…") || !utf8.ValidString(r.Why) {
		t.Errorf("%d bytes, %v", len(r.Why), err)
	}
}

// TestNobodyTakesAnothersImpatience holds that a name that is worth waiting for is not told the refusal of a clean name's
// question that was under way.
func TestNobodyTakesAnothersImpatience(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	l := later{t: t, memory: NewRegistryMemory(), now: registryNow, whois: server}
	g := l.process(nil)
	for i := range 3 {
		g.Refresh(t.Context(), fmt.Sprintf("clean%d.ru", i), 0)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		g.asked.get("a.ru", func() (Registration, bool) { // as Refresh does, and is refused
			close(entered)
			<-leave
			return g.ask(t.Context(), "a.ru", spare), false
		})
	})
	<-entered
	const waiters = 50 // of which some surely wait when the question ends
	var ready sync.WaitGroup
	ready.Add(waiters)
	for range waiters {
		wg.Go(func() {
			ready.Done()
			if r := g.Ask(t.Context(), "a.ru", Prompt); r.State != Registered {
				t.Errorf("%+v", r)
			}
		})
	}
	ready.Wait()
	close(leave)
	wg.Wait()
}

// failingMemory is one that cannot be read.
type failingMemory struct{ RegistryMemory }

func (failingMemory) Recall(context.Context, string, string, time.Time) (Registration, time.Time, error) {
	return Registration{}, time.Time{}, errors.New("no room left on the disk")
}

// TestMemoryFails holds that nobody is asked where it cannot be known whether he may be, and that the end of a run is no
// such failure.
func TestMemoryFails(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	g := (&later{t: t, memory: failingMemory{NewRegistryMemory()}, now: registryNow, whois: server}).process(nil)
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context //nolint:containedctx // a row
		want RegistrationState
		says string
	}{{t.Context(), RegUnknown, "could not be read: no room left"}, {cut, RegUnchecked, "the run was cut"}} {
		for _, r := range []Registration{g.Ask(c.ctx, "a.ru", Patient), g.Refresh(c.ctx, "a.ru", 0)} {
			if r.State != c.want || !strings.Contains(r.Why, c.says) || len(server.Asked()) != 0 {
				t.Errorf("%+v, asked %v; want %s, %q", r, server.Asked(), c.want, c.says)
			}
		}
	}
}

// TestLostAnswerIsWaitedFor holds that a domain about which an RDAP server was asked by a process that was killed is not
// asked for again at once, and said to be so; an answer of no use is no such thing, and what was known before stays.
func TestLostAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	m := NewRegistryMemory()
	server := fixtures.NewRegistrar(records{
		"lost.com": {Status: []string{"active"}}, "bad.com": {Code: 500}, "old.com": {Code: 500}, "nic.com": {Status: []string{"active"}},
	})
	old := Registration{Domain: "old.com", State: Registered, Source: "rdap", Server: "193.0.20.1:80", AskedAt: registryNow.Add(-40 * 24 * time.Hour)}
	g := bureau(t, server, nil, func(cfg *RegistryConfig) { cfg.Memory = m })
	sources, _ := g.sources("lost.com")
	host := sources[0].host()
	old.Server = host
	if err := m.Keep(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if ok, err := m.Claim(t.Context(), "lost.com", host, registryNow.Add(-time.Hour), registryNow.Add(-time.Minute)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if r := g.Ask(t.Context(), "lost.com", Patient); r.State != RegUnchecked || !r.Retry.Equal(registryNow.Add(14*time.Minute)) || len(server.Asked()) != 0 {
		t.Errorf("%+v, asked %v", r, server.Asked())
	}
	for _, name := range []string{"bad.com", "old.com"} {
		for range 2 { // by two processes
			g := bureau(t, server, nil, func(cfg *RegistryConfig) { cfg.Memory = m })
			if r := g.Ask(t.Context(), name, Patient); r.State != RegUnknown {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if kept, _, err := m.Recall(t.Context(), "old.com", host, registryNow); err != nil || kept.State != Registered {
		t.Errorf("%+v, %v", kept, err)
	}
}

// TestControlOfTheSameRun holds that a control name found by another process of the same run is not asked for again, and
// that one of an earlier run is.
func TestControlOfTheSameRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		since time.Time
		want  int // questions of the second process
	}{{registryNow, 1}, {registryNow.Add(time.Second), 2}, {time.Time{}, 2}} {
		m := NewRegistryMemory()
		server := fixtures.NewRegistrar(records{"nic.com": {Status: []string{"active"}}})
		ask := func(name string, since time.Time) Registration {
			return bureau(t, server, nil, func(cfg *RegistryConfig) { cfg.Memory, cfg.Since = m, since }).Ask(t.Context(), name, Patient)
		}
		ask("one.com", registryNow)
		before := len(server.Asked())
		if r := ask("other.com", c.since); r.State != RegNone || len(server.Asked())-before != c.want {
			t.Errorf("since %v: %+v, asked %v", c.since, r, server.Asked()[before:])
		}
	}
}

// TestEveryMovedNameHasItsTurn holds that names which point elsewhere, more than a WHOIS server may be asked for in a run,
// are all asked for over several runs: what is known of one leaves its place to others.
func TestEveryMovedNameHasItsTurn(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	known := records{"near.ru": {Status: []string{"REGISTERED"}, Expires: registryNow.Add(20 * day)}}
	names := []string{"near.ru"}
	for i := range 9 {
		name := fmt.Sprintf("moved%d.ru", i)
		known[name] = fixtures.RegistryRecord{Status: []string{"REGISTERED"}, Expires: registryNow.Add(300 * day)}
		names = append(names, name)
	}
	server := fixtures.NewRegistrar(known)
	l := later{t: t, memory: NewRegistryMemory(), whois: server}
	for week, want := range []int{4, 8, 12, 13} { // the last is near.ru alone
		l.now = registryNow.Add(time.Duration(week) * 5 * day)
		g := l.process(func(cfg *RegistryConfig) { cfg.WhoisRate = 4 })
		told := 0
		for _, name := range names {
			a := &Answer{Name: name, Registrable: name}
			g.Inform(t.Context(), a, &Ownership{Verdict: Moved})
			if r := a.Inquiry.Registration; r.State == Registered {
				told++
			} else if r.State != RegUnchecked || r.Retry.IsZero() {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if n := len(server.Asked()); n != want || told != min(len(names), []int{4, 7, 10, 10}[week]) {
			t.Errorf("run %d: %d questions, %d names told; want %d", week, n, told, want)
		}
	}
}

// TestWhoisOneAtATime holds that a WHOIS server is asked one question at a time, whoever asks, and that nobody waits for who
// waits for the limits.
func TestWhoisOneAtATime(t *testing.T) {
	t.Parallel()
	server := fixtures.NewRegistrar(records{"*": {Status: []string{"REGISTERED"}}})
	var open, most atomic.Int64
	g := bureau(t, nil, server, func(cfg *RegistryConfig) {
		cfg.WhoisRate, cfg.Patience = 6, time.Minute
		dial := cfg.Dial
		cfg.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			c, err := dial(ctx, network, addr)
			return closing{c, func() { open.Add(-1) }}, err
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() { g.Ask(ctx, fmt.Sprintf("d%d.ru", i), Prompt) })
	}
	wg.Wait()
	if most.Load() != 1 || len(server.Asked()) != 6 {
		t.Errorf("%d connections at a time, %d questions", most.Load(), len(server.Asked()))
	}
	wg.Go(func() { g.Ask(ctx, "patient.ru", Patient) })
	for i := range 3 {
		if r := g.Ask(t.Context(), fmt.Sprintf("e%d.ru", i), Prompt); r.State != RegUnchecked || r.Retry.IsZero() {
			t.Errorf("%+v", r)
		}
	}
	cancel()
	wg.Wait()
}

// closing is a connection that tells when it is closed.
type closing struct {
	net.Conn
	tell func()
}

func (c closing) Close() error {
	c.tell()
	return c.Conn.Close()
}
