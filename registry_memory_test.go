package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certscan/dns"
	"certscan/fixtures"
	"certscan/store"
)

var day0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// eachMemory plays a test on every kind of memory that a Registry may have: of the process, in a file, on a server. again
// opens what another process would.
func eachMemory(t *testing.T, test func(t *testing.T, again func() dns.RegistryMemory)) {
	t.Helper()
	t.Run("process", func(t *testing.T) {
		t.Parallel()
		m := dns.NewRegistryMemory()
		test(t, func() dns.RegistryMemory { return m })
	})
	stored := func(where func(t *testing.T) string) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			t.Parallel()
			at := where(t)
			test(t, func() dns.RegistryMemory {
				m := &registryMemory{named: true, where: func() (string, error) { return at, nil }, notes: t.Output()}
				t.Cleanup(m.close)
				return m
			})
		}
	}
	t.Run("SQLite", stored(func(t *testing.T) string {
		t.Helper()
		return filepath.Join(t.TempDir(), "certscan.db")
	}))
	t.Run("PostgreSQL", stored(func(t *testing.T) string {
		t.Helper()
		return fixtures.PostgresDatabase(t)
	}))
}

func TestRegistryMemoryKeeps(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, again func() dns.RegistryMemory) {
		t.Helper()
		want := dns.Registration{
			Domain: "a.ru", State: dns.Registered, Expires: day0.AddDate(1, 0, 0), Created: day0.AddDate(-9, 0, 0), Source: "whois",
			Server: "whois.tcinet.ru", AskedAt: day0, Why: "state \x00\x1b[1m\u202e=1+1",
		}
		if err := again().Keep(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if got, asked, err := again().Recall(t.Context(), "a.ru", "whois.tcinet.ru", day0.Add(time.Hour)); err != nil || got != want || !asked.Equal(day0) {
			t.Errorf("got  %+v, %s, %v\nwant %+v", got, asked, err, want)
		}
		for _, other := range [][2]string{{"a.ru", "whois.example"}, {"b.ru", "whois.tcinet.ru"}} {
			if got, asked, err := again().Recall(t.Context(), other[0], other[1], day0); err != nil || got != (dns.Registration{}) || !asked.IsZero() {
				t.Errorf("%v: %+v, %s, %v", other, got, asked, err)
			}
		}
		for _, c := range []struct {
			name string
			at   time.Duration
			want bool
		}{{"a.ru", 23 * time.Hour, false}, {"a.ru", 24 * time.Hour, true}, {"a.ru", 25 * time.Hour, false}, {"b.ru", 0, true}, {"b.ru", time.Hour, false}} {
			now := day0.Add(c.at)
			if ok, err := again().Claim(t.Context(), c.name, "whois.tcinet.ru", now.Add(-24*time.Hour), now); err != nil || ok != c.want {
				t.Errorf("claim of %s after %s: %t, %v", c.name, c.at, ok, err)
			}
		}
		got, asked, err := again().Recall(t.Context(), "a.ru", "whois.tcinet.ru", day0.Add(48*time.Hour))
		if err != nil || got != want || !asked.Equal(day0.Add(24*time.Hour)) {
			t.Errorf("a claim took the last answer away: %+v, %s, %v", got, asked, err)
		}
	})
}

// TestRegistryMemoryLimits holds a burst, the span after it, a smaller limit beside a larger one, holds, and that a clock
// that went back holds nobody back for longer than the span.
func TestRegistryMemoryLimits(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, again func() dns.RegistryMemory) {
		t.Helper()
		reserve := func(queries int, at time.Duration) time.Duration {
			t.Helper()
			until, err := again().Reserve(t.Context(), "r", dns.RegistryLimit{Queries: queries, Per: time.Minute}, day0.Add(at))
			if err != nil {
				t.Fatal(err)
			}
			if until.IsZero() {
				return -1
			}
			return until.Sub(day0)
		}
		const sec, years = time.Second, 4 * 365 * 24 * time.Hour
		for i, c := range []struct {
			queries  int
			at, want time.Duration // -1: taken
		}{
			{2, 0, -1},
			{1, 10 * sec, 60 * sec},
			{2, 10 * sec, -1},
			{2, 59 * sec, 60 * sec},
			{2, 60 * sec, -1},
			{2, 60 * sec, 70 * sec},
			{2, 70 * sec, -1},
			{2, years, -1},
			{2, years, -1},
			{2, 200 * sec, 260 * sec},
			{2, 230 * sec, 260 * sec},
			{2, 260 * sec, -1},
		} {
			if got := reserve(c.queries, c.at); got != c.want {
				t.Errorf("%d: %d a minute at %s: %s, want %s", i, c.queries, c.at, got, c.want)
			}
		}
		for _, hold := range [][2]time.Duration{{time.Hour, 3 * time.Hour}, {time.Hour, 2 * time.Hour}} {
			if err := again().Hold(t.Context(), "r", day0.Add(hold[0]), day0.Add(hold[1])); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct{ at, want time.Duration }{
			{time.Hour, 3 * time.Hour},
			{30 * time.Minute, 150 * time.Minute}, // the clock went back: two hours from now on
			{150*time.Minute - sec, 150 * time.Minute},
			{150 * time.Minute, -1},
		} {
			if got := reserve(2, c.at); got != c.want {
				t.Errorf("held, at %s: %s, want %s", c.at, got, c.want)
			}
		}
	})
}

// TestRegistryMemoryShared holds that several processes at once take no more than the limit in all.
func TestRegistryMemoryShared(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, again func() dns.RegistryMemory) {
		t.Helper()
		var taken, claimed atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			m := again()
			wg.Go(func() {
				for range 10 {
					until, err := m.Reserve(t.Context(), "r", dns.RegistryLimit{Queries: 15, Per: time.Minute}, day0)
					if err != nil {
						t.Error(err)
					}
					if until.IsZero() {
						taken.Add(1)
					}
				}
				if ok, err := m.Claim(t.Context(), "a.ru", "r", day0.Add(-24*time.Hour), day0); err != nil {
					t.Error(err)
				} else if ok {
					claimed.Add(1)
				}
			})
		}
		wg.Wait()
		if taken.Load() != 15 || claimed.Load() != 1 {
			t.Errorf("%d places of 15, %d claims of one", taken.Load(), claimed.Load())
		}
	})
}

// TestRegistryOverProcesses holds what a Registry promises when each question is another process's: Retry-After in
// seconds and as a date, the hour after a ban, one question a name and day, and answers of the day.
func TestRegistryOverProcesses(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration) http.Header {
		return http.Header{"Retry-After": {day0.Add(d).Format(http.TimeFormat)}}
	}
	eachMemory(t, func(t *testing.T, again func() dns.RegistryMemory) {
		t.Helper()
		found := fixtures.RegistryRecord{Status: []string{"REGISTERED"}, Expires: day0.AddDate(1, 0, 0)}
		rdap := fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{
			"*": found, "seconds.com": {Code: 429, Header: http.Header{"Retry-After": {"600"}}}, "date.com": {Code: 429, Header: date(2 * time.Hour)},
		})
		whois := fixtures.NewRegistrar(map[string]fixtures.RegistryRecord{"*": found, "banned.ru": {Raw: "You are not allowed to connect\r\n"}})
		n := fixtures.New(t)
		n.ServeHTTP("193.0.20.1:80", rdap)
		n.Whois("193.0.20.2", whois)
		for i, c := range []struct {
			name string
			at   time.Duration
			want dns.RegistrationState
			from *fixtures.Registrar
			sum  int // of its questions
		}{
			{"a.com", 0, dns.Registered, rdap, 1},
			{"a.com", 23 * time.Hour, dns.Registered, rdap, 1},
			{"a.com", 24 * time.Hour, dns.Registered, rdap, 2},
			{"seconds.com", 0, dns.RegUnknown, rdap, 3},
			{"b.com", 599 * time.Second, dns.RegUnchecked, rdap, 3},
			{"b.com", 600 * time.Second, dns.Registered, rdap, 4},
			{"date.com", time.Hour, dns.RegUnknown, rdap, 5},
			{"c.com", 2*time.Hour - time.Second, dns.RegUnchecked, rdap, 5},
			{"c.com", 2 * time.Hour, dns.Registered, rdap, 6},
			{"a.ru", 0, dns.Registered, whois, 1},
			{"a.ru", 23 * time.Hour, dns.Registered, whois, 1},
			{"a.ru", 24 * time.Hour, dns.Registered, whois, 2},
			{"banned.ru", 25 * time.Hour, dns.RegUnknown, whois, 3},
			{"b.ru", 26*time.Hour - time.Second, dns.RegUnchecked, whois, 3},
			{"b.ru", 26 * time.Hour, dns.Registered, whois, 4},
			{"banned.ru", 27 * time.Hour, dns.RegUnknown, whois, 4},
		} {
			cfg := dns.RegistryConfig{Dial: n.Dial, Timeout: 5 * time.Second, Patience: time.Millisecond, Memory: again()}
			cfg.Now = func() time.Time { return day0.Add(c.at) }
			if cfg.WhoisServer = "193.0.20.2"; c.from == rdap {
				cfg.RDAPURL = "http://193.0.20.1/"
			}
			g, err := dns.NewRegistry(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r := g.Ask(t.Context(), c.name, dns.Patient); r.State != c.want || len(c.from.Asked()) != c.sum {
				t.Errorf("%d: %s after %s: %s (%s), asked %v; want %s with %d", i, c.name, c.at, r.State, r.Why, c.from.Asked(), c.want, c.sum)
			}
		}
	})
}

// TestUsualMemoryIsLazy holds that the usual store is neither made nor opened before a question is about to be asked.
func TestUsualMemoryIsLazy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var notes strings.Builder
	env := func(name string) (string, bool) { return dir, name == "STATE_DIRECTORY" }
	m, err := newRegistryMemory(streams{env: env}, settings{}, &notes)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	m.use(nil)
	if err := m.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, asked, err := m.Recall(t.Context(), "a.ru", "r", day0); err != nil || r != (dns.Registration{}) || !asked.IsZero() {
		t.Errorf("%+v, %s, %v", r, asked, err)
	}
	file := filepath.Join(dir, "certscan.db")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	if again, err := m.Reserve(t.Context(), "r", dns.RegistryLimit{Queries: 1, Per: time.Minute}, day0); err != nil || !again.IsZero() {
		t.Errorf("%s, %v", again, err)
	}
	if _, err := os.Stat(file); err != nil || notes.Len() > 0 {
		t.Errorf("%v, %s", err, notes.String())
	}
}

// TestUsualMemoryFails holds that a run goes on with limits of its own where the usual store cannot be made or fails later,
// and that one line says so; a named store's failure is told to who asks.
func TestUsualMemoryFails(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "certscan.db")
	for says, where := range map[string]func() (string, error){
		"set HOME":      func() (string, error) { return "", errNoHome },
		"relative path": func() (string, error) { return "certscan.db", nil },
		"is closed":     func() (string, error) { return good, nil },
	} {
		for _, named := range []bool{false, true} {
			var notes strings.Builder
			m := &registryMemory{named: named, where: where, notes: &notes}
			if says == "is closed" {
				s, err := store.Open(t.Context(), good)
				if err != nil || s.Close() != nil {
					t.Fatal(err)
				}
				m.use(s)
			}
			limit := dns.RegistryLimit{Queries: 1, Per: time.Minute}
			var states []bool
			var failed error
			for range 2 {
				again, err := m.Reserve(t.Context(), "r", limit, day0)
				states, failed = append(states, again.IsZero()), errors.Join(failed, err)
			}
			switch told := notes.String(); {
			case named && (failed == nil || !strings.Contains(failed.Error(), says) || told != ""):
				t.Errorf("%s, named: %v, %s", says, failed, told)
			case !named && (failed != nil || !slices.Equal(states, []bool{true, false})):
				t.Errorf("%s: %v, taken %v", says, failed, states)
			case !named && (strings.Count(told, "\n") != 1 || !strings.Contains(told, says) || !strings.Contains(told, "remembered for this run alone")):
				t.Errorf("%s: %s", says, told)
			}
		}
	}
}
