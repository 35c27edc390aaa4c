package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/report"
	"certscan/store"
	"certscan/triage"
)

// audit is one audit on its way.
type audit struct {
	set       settings
	store     *store.Store
	release   func() error // of the lock that keeps a second audit away
	recording *store.Recording
	run       report.Run
	before    report.Run            // the last audit; its ID is "" where there was none
	last      map[string]*lastEntry // the names of its list
	kept      map[string]*report.Record
	managers  []string // of the whole inventory, and of what is gone from it; sorted
	rows      []report.AuditRow
	past      *past
	breaker   triage.Breaker
}

// lastEntry is a name that stood on the list of the last audit.
type lastEntry struct {
	record   report.Record
	standing triage.Standing
	present  bool // it stands in the inventory, and was looked at
}

// openAudit opens the store, keeps other audits away, and begins a run or goes on with one that was cut.
func openAudit(ctx context.Context, s streams, set settings, all *inventory.Union, scope string) (_ *audit, err error) {
	where, err := set.where(s.env)
	if err != nil {
		return nil, err
	}
	a := &audit{set: set, last: map[string]*lastEntry{}, kept: map[string]*report.Record{}, release: func() error { return nil }}
	if a.store, err = store.Open(ctx, where); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	release, err := a.store.Exclusive(ctx, "audit")
	switch {
	case errors.Is(err, store.ErrHeld):
		return nil, fmt.Errorf("store %s: another audit is at work: wait for its end, or name another store with --db", a.store)
	case err != nil:
		return nil, err
	}
	a.release = release
	if a.past, err = newPast(ctx, a.store, a.run.Vantage); err != nil {
		return nil, err
	}
	if err := a.begin(ctx, all, scope); err != nil {
		return nil, err
	}
	return a, a.compare(ctx)
}

func (a *audit) close() error { return errors.Join(a.release(), a.store.Close()) }

// begin begins the run, or goes on with the last one where that was cut not long ago and was told the same.
func (a *audit) begin(ctx context.Context, all *inventory.Union, scope string) (err error) {
	now := time.Now().UTC()
	a.run = report.Run{ID: runID(), Kind: "audit", StartedAt: now, Settings: a.set.fingerprint(all), Scope: scope}
	cut, ok, err := a.store.Cut(ctx, a.run, now.Add(-auditResumed))
	if err != nil {
		return err
	}
	if !ok {
		a.recording, err = a.store.Begin(ctx, a.run)
		return err
	}
	a.run = cut // every name is counted anew, those that are known too
	if a.recording, err = a.store.Resume(ctx, cut); err != nil {
		return err
	}
	for k, err := range a.store.Kept(ctx, cut.ID) {
		if err != nil {
			return err
		}
		a.reuse(k)
	}
	return nil
}

// reuse notes what a run that was cut knows of a name already. What it could not tell, or nobody can read, is looked at again.
func (a *audit) reuse(k store.Kept) {
	rec, err := report.DecodeRecord(k.Record)
	if err != nil || rec.DNS == nil || unsettled(rec.DNS.Verdict, rec.DNS.Registration.State) {
		return
	}
	a.kept[rec.Name] = &rec
}

// unsettled reports whether a verdict may be another as soon as it is asked about again: it could not be told, or waits for the registry.
func unsettled(verdict, registration string) bool {
	switch dns.Verdict(verdict) { //nolint:exhaustive // the others stand
	case "", dns.Unknown:
		return true
	case dns.NotDelegated:
		state := dns.RegistrationState(registration)
		return state == dns.RegUnchecked || state == dns.RegUnknown
	}
	return false
}

// compare reads the list of the last audit of the same; for names that stood on the command line, of the whole inventory
// where there is none.
func (a *audit) compare(ctx context.Context) error {
	before, ok, err := a.store.Last(ctx, a.run.Kind, a.run.Vantage, a.run.Scope)
	if err == nil && !ok && a.run.Scope != wholeInventory {
		before, ok, err = a.store.Last(ctx, a.run.Kind, a.run.Vantage, wholeInventory)
	}
	if err != nil || !ok {
		return err
	}
	a.before = before
	for k, err := range a.store.Troubled(ctx, before.ID) {
		if err != nil {
			return err
		}
		rec, err := report.DecodeRecord(k.Record)
		if err != nil {
			continue // of another schema: the name is new on this list
		}
		if s := standingOf(&rec); s.Listed() {
			a.last[rec.Name] = &lastEntry{record: rec, standing: s}
		}
	}
	return nil
}

// look looks at every name that is not known yet, and keeps what came of it.
func (a *audit) look(ctx context.Context, s streams, progress *report.Progress, all *inventory.Union, unread bool) error {
	reused, err := a.takeKept(ctx, all, progress)
	if err != nil {
		return err
	}
	asked, err := newRegistryMemory(s, a.set, progress)
	if err != nil {
		return err
	}
	defer asked.close()
	asked.use(a.store)
	asked.since = a.run.StartedAt
	pipeline, err := wire(progress, a.set, "audit", asked)
	if err != nil {
		return err
	}
	pipeline.Known, pipeline.Past = reused, a.past
	stop := keepShowing(progress)
	summary, err := pipeline.Run(ctx, a.unknown(all), func(r triage.Result) error {
		progress.Done(r.Severity)
		rec := report.NewRecord(a.run.ID, a.run.Vantage, &r)
		if err := a.recording.Add(ctx, &rec); err != nil {
			return err
		}
		a.breaker.Add(triage.NewTurn(&r.Facts, r.JudgedAt))
		standing, registration := standingOf(&rec), registrationOf(&r)
		standing.Retry = registration.Retry
		if row := a.take(rec, standing); row != nil {
			row.Registered = registration.Created
		}
		return nil
	})
	stop()
	if err == nil {
		err = a.recall(ctx)
	}
	if err != nil {
		return err
	}
	a.run.FinishedAt, a.run.Asked = summary.Finished, summary.Asked+reused
	a.run.Complete = summary.Complete && !unread
	a.run.Trusted, a.run.Reason = summary.Untrusted == "", summary.Untrusted
	if pipeline.Registry != nil {
		a.date(ctx, pipeline.Registry, pipeline.RegistrationEvery)
	}
	return nil
}

// recall adds what the last audit said of names that did not stand on its list: mostly that they were ours.
func (a *audit) recall(ctx context.Context) error {
	if a.before.ID == "" {
		return nil
	}
	for i := range a.rows {
		row := &a.rows[i]
		if a.last[row.Record.Name] != nil {
			continue
		}
		verdict, reason, err := a.store.Said(ctx, a.before.ID, row.Record.Name)
		if err != nil {
			return err
		}
		if verdict != "" {
			row.Before = report.AuditState{Verdict: verdict, Reason: reason, Severity: triage.OK}
		}
	}
	return nil
}

// date adds when registrations began that a run that was cut was told of: they are kept, and what was asked of a registry within a
// day it is not asked again.
func (a *audit) date(ctx context.Context, registry *dns.Registry, every time.Duration) {
	for i := range a.rows {
		row := &a.rows[i]
		rec := a.kept[row.Record.Name]
		if rec == nil || rec.DNS == nil || rec.DNS.Registration.Source == "" {
			continue
		}
		row.Registered = registry.Refresh(ctx, dns.Registrable(row.Record.Name), every).Created
	}
}

// takeKept takes what a run that was cut knows, with what the inventory says of the names today, and notes the managers.
func (a *audit) takeKept(ctx context.Context, all *inventory.Union, progress *report.Progress) (reused int, err error) {
	managers := map[string]bool{}
	for m := range all.Names() {
		managers[m.Manager] = true
		rec := a.kept[m.Name]
		if rec == nil {
			continue
		}
		rec.Domain, rec.Owner, rec.Manager, rec.Source = cmp.Or(m.Display, m.Name), m.Owner, m.Manager, m.Source
		progress.Done(rec.Severity)
		standing := standingOf(rec)
		turn, err := a.turnOf(ctx, m.Domain, rec, &standing)
		if err != nil {
			return reused, err
		}
		a.breaker.Add(turn)
		a.take(*rec, standing)
		reused++
	}
	for manager := range managers {
		a.managers = append(a.managers, manager)
	}
	slices.Sort(a.managers)
	return reused, nil
}

// turnOf makes the turn of a name that a run that was cut looked at.
func (a *audit) turnOf(ctx context.Context, d inventory.Domain, rec *report.Record, s *triage.Standing) (triage.Turn, error) {
	f := triage.Facts{
		Domain: d, Owner: &dns.Ownership{Verdict: s.Verdict, Reason: s.Reason, Confidence: s.Confidence},
		DNS: &dns.Answer{Name: rec.Name, Registrable: dns.Registrable(rec.Name)},
	}
	if rec.DNS != nil {
		f.DNS.Nameservers = rec.DNS.Nameservers
	}
	if !s.Listed() { // it turned nowhere, or as the list expects
		return triage.NewTurn(&f, rec.CheckedAt), nil
	}
	past, err := a.past.Past(ctx, rec.Name)
	f.Past = &past
	return triage.NewTurn(&f, rec.CheckedAt), err
}

// unknown yields the names that are still to be looked at.
func (a *audit) unknown(all *inventory.Union) func(yield func(inventory.Domain) bool) {
	return func(yield func(inventory.Domain) bool) {
		for m := range all.Names() {
			if a.kept[m.Name] == nil && !yield(m.Domain) {
				return
			}
		}
	}
}

// take makes a row of a name that belongs on the list, or that stood on the last one.
func (a *audit) take(rec report.Record, now triage.Standing) *report.AuditRow {
	a.run.Counts.Add(rec.Severity)
	last := a.last[rec.Name]
	if last != nil {
		last.present = true
	}
	row := report.AuditRow{Record: rec, Retry: now.Retry, Action: now.Action()}
	switch {
	case now.Listed():
		row.Section, row.Change = now.Section(), triage.ChangeNew
		if last != nil {
			row.Change = now.ChangeFrom(&last.standing)
		}
	case last != nil:
		row.Section, row.Change, row.Action = triage.SectionSettled, triage.ChangeGone, triage.ActionNone
	default:
		return nil
	}
	if last != nil {
		row.Before = stateOf(&last.standing)
	}
	a.rows = append(a.rows, row)
	return &a.rows[len(a.rows)-1]
}

// list puts the audit together: what is gone from the inventory stood on the last list as well.
func (a *audit) list(in *input) *report.Audit {
	degraded := a.freeze()
	if a.run.Complete && a.before.Scope == a.run.Scope {
		for _, last := range a.last {
			if !last.present {
				if last.record.DNS != nil {
					last.record.DNS.Evidence = append([]string{"the name is no longer in the inventory"}, last.record.DNS.Evidence...)
				}
				a.rows = append(a.rows, report.AuditRow{
					Record: last.record, Section: triage.SectionSettled, Change: triage.ChangeGone, Before: stateOf(&last.standing), Action: triage.ActionNone,
				})
			}
		}
	}
	for i := range a.rows { // who had a list keeps it, so that his last one says nothing any more
		if at, known := slices.BinarySearch(a.managers, a.rows[i].Record.Manager); !known {
			a.managers = slices.Insert(a.managers, at, a.rows[i].Record.Manager)
		}
	}
	return &report.Audit{Run: a.run, Before: a.before, Rows: a.rows, Method: a.method(in), Degraded: degraded}
}

// freeze shows the old verdict of names of which too many turned bad at once, and makes the run untrusted: it says what they have in
// common.
func (a *audit) freeze() (why string) {
	if why = a.breaker.Degraded(); why == "" {
		return ""
	}
	if a.run.Trusted {
		a.run.Trusted, a.run.Reason = false, store.Degraded+why
	}
	frozen := a.breaker.Frozen()
	for i := range a.rows {
		row := &a.rows[i]
		before, turned := frozen[row.Record.Name]
		if !turned || row.Section == triage.SectionSettled || row.Record.DNS == nil {
			continue
		}
		d := *row.Record.DNS // what is kept says what was seen
		d.Evidence = append([]string{"frozen: this audit saw " + told(d.Verdict, d.Reason, "") + ", with too many others at once"}, d.Evidence...)
		d.Verdict, d.Reason, d.Confidence = string(before.Before), string(before.BeforeReason), string(dns.Low)
		row.Record.DNS = &d
		row.Section, row.Action = triage.SectionFrozen, triage.ActionInvestigate
		if row.Change == triage.ChangeChanged {
			row.Change = triage.ChangeUnchanged // the old verdict stands
		}
	}
	return why
}

// standingOf tells what a record says of its name.
func standingOf(rec *report.Record) triage.Standing {
	var s triage.Standing
	if d := rec.DNS; d != nil {
		s.Verdict, s.Reason, s.Confidence = dns.Verdict(d.Verdict), dns.Reason(d.Reason), dns.Confidence(d.Confidence)
	}
	for i := range rec.Findings {
		s.Findings = append(s.Findings, triage.Finding(rec.Findings[i]))
	}
	return s
}

func stateOf(s *triage.Standing) report.AuditState {
	return report.AuditState{Verdict: string(s.Verdict), Reason: string(s.Reason), Severity: s.Severity()}
}

// registrationOf returns what the registry said of a name's domain; of that to which its CNAME leads, when it may be asked.
func registrationOf(r *triage.Result) dns.Registration {
	a := r.Facts.DNS
	if a == nil || a.Inquiry == nil {
		return dns.Registration{}
	}
	said := a.Inquiry.Registration
	if said.Domain != a.Registrable {
		said = dns.Registration{Retry: said.Retry}
	}
	return said
}

// method tells how it was looked.
func (a *audit) method(in *input) []string {
	s := &a.set
	out := []string{fmt.Sprintf("%s of the inventory were looked at (%s).", report.Plural(a.run.Asked, "name"), in.origins())}
	if len(s.ours) > 0 {
		out = append(out, fmt.Sprintf("Ours are %s.", joinedBy(s.ours)))
	}
	if s.registration {
		out = append(out, "Registries were asked about names that are not clean, by RDAP, else WHOIS, within their limits; what those did not allow is pending.")
	} else {
		out = append(out, "Registries were not asked (--registration off), so that no domain is called free.")
	}
	return append(out,
		"free, moved, expired and lame are confirmed once two resolvers of different operators agree, and a look at least six hours earlier said the same.",
		"certscan "+version())
}

func joinedBy[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = one.String()
	}
	return strings.Join(texts, ", ")
}

// origins names where the names came from.
func (in *input) origins() string {
	var out []string
	if len(in.arguments) > 0 {
		out = append(out, "command line")
	}
	for _, f := range in.files {
		out = append(out, f.name)
	}
	if in.catalogue.hasNames() {
		out = append(out, "configuration")
	}
	return strings.Join(out, ", ")
}
