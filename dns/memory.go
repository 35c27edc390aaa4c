package dns

import (
	"context"
	"slices"
	"sync"
	"time"
)

// RegistryMemory keeps what registries said and what may be asked of them, over runs and processes where it is a store.
// All methods may be called concurrently.
type RegistryMemory interface {
	// Recall returns what was kept of a registrable domain; a zero AskedAt where nothing was.
	Recall(ctx context.Context, domain string) (Registration, error)
	// Keep keeps a registration in place of what was kept of its domain.
	Keep(ctx context.Context, r Registration) error
	// Reserve takes a place for one query to a registry at now, so that in no span of limit.Per more than limit.Queries
	// are taken, by whomever. Where none is left, or the registry is held, it takes none and returns when to come again;
	// a zero time says that the place was taken.
	Reserve(ctx context.Context, registry string, limit RegistryLimit, now time.Time) (again time.Time, err error)
	// Hold lets nothing be asked of a registry until an instant; a longer hold stays.
	Hold(ctx context.Context, registry string, until time.Time) error
}

// RegistryLimit is how much a registry may be asked.
type RegistryLimit struct {
	Queries int
	Per     time.Duration
}

// NewRegistryMemory returns a RegistryMemory that lasts as long as the process.
func NewRegistryMemory() RegistryMemory {
	return &processMemory{kept: map[string]Registration{}, taken: map[string][]time.Time{}, held: map[string]time.Time{}}
}

type processMemory struct {
	mu    sync.Mutex // guards all below
	kept  map[string]Registration
	taken map[string][]time.Time // by registry, oldest first
	held  map[string]time.Time
}

// keptMax bounds what a process keeps of domains; the store has no such limit.
const keptMax = 100_000

func (m *processMemory) Recall(_ context.Context, domain string) (Registration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[domain], nil
}

func (m *processMemory) Keep(_ context.Context, r Registration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.kept[r.Domain]; known || len(m.kept) < keptMax {
		m.kept[r.Domain] = r
	}
	return nil
}

func (m *processMemory) Reserve(_ context.Context, registry string, limit RegistryLimit, now time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until := m.held[registry]; until.After(now) {
		return until, nil
	}
	taken := slices.DeleteFunc(m.taken[registry], func(t time.Time) bool { return now.Sub(t) >= limit.Per })
	m.taken[registry] = taken
	if len(taken) >= max(1, limit.Queries) {
		return taken[len(taken)-max(1, limit.Queries)].Add(limit.Per), nil
	}
	m.taken[registry] = append(taken, now)
	return time.Time{}, nil
}

func (m *processMemory) Hold(_ context.Context, registry string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(m.held[registry]) {
		m.held[registry] = until
	}
	return nil
}
