package dns

import (
	"context"
	"slices"
	"sync"
	"time"
)

// RegistryMemory keeps what registries said and what may be asked of them, over runs and processes where it is a store.
// All methods may be called concurrently. A server is named as [Registration.Server] has it: what another server said
// is another answer. An instant that is kept and lies after now, since a clock went back or another machine's is ahead,
// counts as now from then on: it holds nobody back for longer than it would have.
type RegistryMemory interface {
	// Recall returns the last answer to rely on that a server gave for a registrable domain, with a zero AskedAt where
	// there is none, and when the server was last asked for it, with or without one; zero where it never was.
	Recall(ctx context.Context, domain, server string, now time.Time) (r Registration, asked time.Time, err error)
	// Claim notes that a server is being asked for a domain, unless it was after since: ok is false then. Of several
	// processes one asks, and one that is killed has asked.
	Claim(ctx context.Context, domain, server string, since, now time.Time) (ok bool, err error)
	// Keep keeps a registration in place of what its server said of its domain before. As Hold does, it outlives the end
	// of ctx by a moment: what came is not lost.
	Keep(ctx context.Context, r Registration) error
	// Reserve takes a place for one query to a server at now, so that in no span of limit.Per more than limit.Queries
	// are taken, by whomever. Where none is left, or the server is held, it takes none and returns when to come again;
	// a zero time says that the place was taken. Who comes with a smaller limit leaves the rest to others.
	Reserve(ctx context.Context, server string, limit RegistryLimit, now time.Time) (again time.Time, err error)
	// Hold lets nothing be asked of a server from now until an instant; a longer hold stays.
	Hold(ctx context.Context, server string, now, until time.Time) error
}

// RegistryLimit is how much a registry may be asked.
type RegistryLimit struct {
	Queries int
	Per     time.Duration
}

// spareParts is into how many parts a limit is cut, one of which is for names that are clean.
const spareParts = 4

// spare is the part of a limit that is for clean names: a quarter of the queries, and of fewer than four, one in a longer
// span.
func (l RegistryLimit) spare() RegistryLimit {
	queries := max(1, l.Queries)
	if n := queries / spareParts; n > 0 {
		return RegistryLimit{Queries: n, Per: l.Per}
	}
	return RegistryLimit{Queries: 1, Per: l.Per * spareParts / time.Duration(queries)}
}

// NewRegistryMemory returns a RegistryMemory that lasts as long as the process.
func NewRegistryMemory() RegistryMemory {
	return &processMemory{kept: map[registryKey]*keptAnswer{}, taken: map[string][]time.Time{}, held: map[string]registryHold{}}
}

type processMemory struct {
	mu    sync.Mutex // guards all below
	kept  map[registryKey]*keptAnswer
	taken map[string][]time.Time // by server, oldest first
	held  map[string]registryHold
}

type registryKey struct{ domain, server string }

type keptAnswer struct {
	answer Registration
	asked  time.Time
}

type registryHold struct{ since, until time.Time }

const (
	keptMax     = 100_000 // domains that a process keeps answers of; a store has no such limit
	placesSpare = 1024    // places of a server that are remembered at least
)

func (m *processMemory) Recall(_ context.Context, domain, server string, now time.Time) (Registration, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kept[registryKey{domain, server}]
	if k == nil {
		return Registration{}, time.Time{}, nil
	}
	k.notAfter(now)
	return k.answer, k.asked, nil
}

// notAfter lets nothing lie after now.
func (k *keptAnswer) notAfter(now time.Time) {
	if k.asked.After(now) {
		k.asked = now
	}
	if k.answer.AskedAt.After(now) {
		k.answer.AskedAt = now
	}
}

func (m *processMemory) Claim(_ context.Context, domain, server string, since, now time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.at(domain, server)
	if k.notAfter(now); k.asked.After(since) {
		return false, nil
	}
	k.asked = now
	return true, nil
}

// at returns the place of what is kept. The process is not to grow for ever: of more domains than it keeps, nothing is.
func (m *processMemory) at(domain, server string) *keptAnswer {
	key := registryKey{domain, server}
	k := m.kept[key]
	if k == nil {
		k = new(keptAnswer)
		if len(m.kept) < keptMax {
			m.kept[key] = k
		}
	}
	return k
}

func (m *processMemory) Keep(_ context.Context, r Registration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.at(r.Domain, r.Server) = keptAnswer{r, r.AskedAt}
	return nil
}

func (m *processMemory) Reserve(_ context.Context, server string, limit RegistryLimit, now time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hold := m.held[server]
	if hold.since.After(now) {
		hold = registryHold{now, now.Add(hold.until.Sub(hold.since))}
		m.held[server] = hold
	}
	if hold.until.After(now) {
		return hold.until, nil
	}
	taken := m.taken[server]
	for i := len(taken) - 1; i >= 0 && taken[i].After(now); i-- {
		taken[i] = now
	}
	n := max(1, limit.Queries)
	if len(taken) >= n {
		if again := taken[len(taken)-n].Add(limit.Per); again.After(now) {
			return again, nil
		}
	}
	m.taken[server] = append(slices.Delete(taken, 0, max(0, len(taken)-max(n, placesSpare))), now)
	return time.Time{}, nil
}

func (m *processMemory) Hold(_ context.Context, server string, now, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(m.held[server].until) {
		m.held[server] = registryHold{now, until}
	}
	return nil
}
