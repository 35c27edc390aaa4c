package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"certscan/dns"
	"certscan/store"
)

// registryMemory is the memory of the questions to registries: the store that somebody named, else the usual one, for limits
// and answers alone. The usual store is opened, and made where it is missing, at the first question that is about to be
// asked; where it cannot be, or fails later, the process remembers by itself, and one line of notes says so. A failure
// of a named store is the answer's. It is safe for concurrent use; who makes it closes it.
type registryMemory struct {
	named bool
	since time.Time              // when the run began that this process goes on with; zero where it began it
	where func() (string, error) // where the store is that is opened here
	notes io.Writer

	mu      sync.Mutex         // guards all below
	store   *store.Store       // nil until it is opened
	own     bool               // store is closed here
	process dns.RegistryMemory // in place of the usual store; nil while that serves
}

// newRegistryMemory returns the memory that the settings ask for. Of a named store, use says which one it is.
func newRegistryMemory(s streams, set settings, notes io.Writer) (*registryMemory, error) {
	named, err := set.where(s.env)
	where := func() (string, error) {
		if named != "" {
			return named, nil
		}
		return set.place(usualStore, nil, s.env)
	}
	return &registryMemory{named: named != "", where: where, notes: notes}, err
}

// open opens a named store: the run is not to begin without it. The usual one has time.
func (m *registryMemory) open(ctx context.Context) error {
	if !m.named {
		return nil
	}
	_, _, err := m.opened(ctx, true)
	return err
}

// use lets an open store be the memory; nil says nothing. Who opened it closes it, later than the last question.
func (m *registryMemory) use(s *store.Store) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s != nil {
		m.store = s
	}
}

func (m *registryMemory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own {
		_ = m.store.Close() // what was to be kept is
		m.store, m.own = nil, false
	}
}

// opened returns the store, or the process's own memory in its place. create says that a usual store that is missing is made;
// else there is neither.
func (m *registryMemory) opened(ctx context.Context, create bool) (*store.Store, dns.RegistryMemory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store != nil || m.process != nil {
		return m.store, m.process, nil
	}
	where, err := m.where()
	if err == nil && !create {
		if _, absent := os.Stat(where); errors.Is(absent, fs.ErrNotExist) {
			return nil, nil, nil
		}
	}
	if err == nil {
		m.store, err = store.Open(ctx, where)
		m.own = err == nil
	}
	switch {
	case err != nil && (m.named || ctx.Err() != nil): // or the run was cut
		return nil, nil, err
	case err != nil:
		m.fallBack(err)
	}
	return m.store, m.process, nil
}

// fallBack lets the process remember by itself from now on. The caller holds mu.
func (m *registryMemory) fallBack(why error) {
	m.process = dns.NewRegistryMemory()
	_, _ = fmt.Fprintf(m.notes, "certscan: what registries are asked and answer is remembered for this run alone, and others may ask them too often: %v\n", why)
}

// with does something with the store, or with the process's memory where that is in its place.
func (m *registryMemory) with(ctx context.Context, create bool, kept func(*store.Store) error, process func(dns.RegistryMemory) error) error {
	s, own, err := m.opened(ctx, create)
	switch {
	case err != nil:
		return err
	case own != nil:
		return process(own)
	case s == nil:
		return nil
	}
	err = kept(s)
	if err == nil || m.named || ctx.Err() != nil {
		return err
	}
	m.mu.Lock()
	if m.process == nil {
		m.fallBack(err)
	}
	own = m.process
	m.mu.Unlock()
	return process(own)
}

// registryAnswer is a registration as the store has it. The names of its fields are those of the file.
type registryAnswer struct {
	State   dns.RegistrationState `json:"state"`
	Expires time.Time             `json:"expires,omitzero"`
	Created time.Time             `json:"created,omitzero"`
	Source  string                `json:"source"`
	Why     string                `json:"why,omitempty"`
}

// answered reads an answer back. What cannot be read is no answer; that it was asked for holds.
func answered(kept store.Registration) dns.Registration {
	var a registryAnswer
	if err := json.Unmarshal(kept.Answer, &a); err != nil {
		return dns.Registration{}
	}
	return dns.Registration{State: a.State, Expires: a.Expires, Created: a.Created, Source: a.Source, Why: a.Why}
}

// Recall implements [dns.RegistryMemory].
func (m *registryMemory) Recall(ctx context.Context, domain, server string, now time.Time) (r dns.Registration, asked time.Time, err error) {
	err = m.with(ctx, m.named, func(s *store.Store) error {
		kept, err := s.Registration(ctx, domain, server, now)
		if err != nil {
			return err
		}
		asked = kept.Asked
		r = answered(kept)
		if r.State != "" {
			r.Domain, r.Server, r.AskedAt = domain, server, kept.Answered
		}
		return nil
	}, func(own dns.RegistryMemory) (err error) {
		r, asked, err = own.Recall(ctx, domain, server, now)
		return err
	})
	return r, asked, err
}

// Claim implements [dns.RegistryMemory].
func (m *registryMemory) Claim(ctx context.Context, domain, server string, since, now time.Time) (ok bool, err error) {
	err = m.with(ctx, true, func(s *store.Store) (err error) {
		ok, err = s.Claim(ctx, domain, server, since, now)
		return err
	}, func(own dns.RegistryMemory) (err error) {
		ok, err = own.Claim(ctx, domain, server, since, now)
		return err
	})
	return ok, err
}

// Keep implements [dns.RegistryMemory].
func (m *registryMemory) Keep(ctx context.Context, r dns.Registration) error {
	answer, err := json.Marshal(registryAnswer{State: r.State, Expires: r.Expires, Created: r.Created, Source: r.Source, Why: r.Why})
	if err != nil { // a date that JSON cannot write, which no registry's is
		return err
	}
	return m.with(ctx, true, func(s *store.Store) error {
		return s.PutRegistration(ctx, r.Domain, r.Server, answer, r.AskedAt)
	}, func(own dns.RegistryMemory) error { return own.Keep(ctx, r) })
}

// Reserve implements [dns.RegistryMemory].
func (m *registryMemory) Reserve(ctx context.Context, server string, limit dns.RegistryLimit, now time.Time) (again time.Time, err error) {
	err = m.with(ctx, true, func(s *store.Store) (err error) {
		again, err = s.Reserve(ctx, server, limit.Queries, limit.Per, now)
		return err
	}, func(own dns.RegistryMemory) (err error) {
		again, err = own.Reserve(ctx, server, limit, now)
		return err
	})
	return again, err
}

// Hold implements [dns.RegistryMemory].
func (m *registryMemory) Hold(ctx context.Context, server string, now, until time.Time) error {
	return m.with(ctx, true, func(s *store.Store) error { return s.Hold(ctx, server, now, until) },
		func(own dns.RegistryMemory) error { return own.Hold(ctx, server, now, until) })
}
