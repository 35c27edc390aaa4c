package triage

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
)

var reasons = []dns.Reason{
	dns.ReasonNone, dns.ReasonIPv6Elsewhere, dns.ReasonIPv4Elsewhere, dns.ReasonSplit, dns.ReasonOriginLeak, dns.ReasonOurs,
	dns.ReasonNotOurs, dns.ReasonUnverified, dns.ReasonParking, dns.ReasonTargetFree, dns.ReasonServFail, dns.ReasonLame,
}

var expects = append([]inventory.Expect{inventory.ExpectNothing}, inventory.Expects...)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// sighting makes an arbitrary observation: any error, any chain, any answer.
func sighting(r *rand.Rand, addr string) probe.Observation {
	o := at(addr)
	o.Target.Via = pick(r, []probe.Via{probe.ViaDNS, probe.ViaOrigin, probe.ViaGiven})
	o.Target.PlainOnly = r.IntN(8) == 0
	h := o.TLS
	h.Chain[0] = leaf(time.Duration(r.IntN(100)-10)*day, pick(r, []time.Duration{160 * time.Hour, 45 * day, 90 * day, 3650 * day}))
	h.Chain[0].SHA256, h.Chain[0].WeakKey, h.Chain[0].WeakSignature = pick(r, []string{"aa", "bb"}), r.IntN(4) == 0, r.IntN(4) == 0
	h.NameMatches, h.Trust = r.IntN(4) > 0, pick(r, probe.ChainStates)
	h.Version = pick(r, []string{"TLS 1.3", "TLS 1.2", "TLS 1.0"})
	h.Revocation.Status = pick(r, probe.RevocationStatuses)
	o.HTTP.Status, o.HTTP.Loop = pick(r, []int{200, 301, 404, 503, 522}), r.IntN(8) == 0
	if r.IntN(2) == 0 {
		o.Err = &probe.Error{
			Step: pick(r, []probe.Step{probe.StepDNS, probe.StepDial, probe.StepTLS, probe.StepHTTP}),
			Code: pick(r, probe.ErrorCodes), Detail: pick(r, []string{"", "unrecognized_name"}),
		}
	}
	if r.IntN(4) == 0 {
		o.TLS = nil
	}
	if r.IntN(4) == 0 {
		o.HTTP = nil
	}
	return o
}

// span makes an arbitrary stretch of the past, or none.
func span(r *rand.Rand) Span {
	if r.IntN(4) == 0 {
		return Span{}
	}
	seen := now.Add(-time.Duration(r.IntN(100)) * time.Hour)
	return Span{pick(r, dns.Verdicts), pick(r, reasons), seen.Add(-time.Duration(r.IntN(20)) * time.Hour), seen}
}

// arbitrary makes facts from a seed: the same seed, the same facts.
func arbitrary(seed uint64) *Facts {
	r := rand.New(rand.NewPCG(seed, 1))
	f := clean()
	f.Domain.Expect = pick(r, expects)
	f.Owner.Verdict, f.Owner.Reason = pick(r, dns.Verdicts), pick(r, reasons)
	f.Owner.Confidence, f.Owner.Provider = pick(r, []dns.Confidence{dns.High, dns.Low}), pick(r, []string{"", "cdn"})
	f.DNS.AAAA.Status = pick(r, []dns.Status{dns.StatusNoError, dns.StatusNoData, dns.StatusServFail, dns.StatusCanceled})
	if r.IntN(8) == 0 {
		f.Domain.Name, f.Domain.Verify = "*.example.com", []string{"api.example.com"}
	}
	for _, addr := range []string{second, first, sixth}[:r.IntN(4)] {
		f.Probes = append(f.Probes, sighting(r, addr))
		if r.IntN(2) == 0 {
			f.OursAddrs = append(f.OursAddrs, netip.MustParseAddr(addr))
		}
	}
	for range r.IntN(3) {
		n := further(pick(r, []string{"www.example.com", "*.example.com"}), pick(r, dns.Verdicts))
		n.Covered = r.IntN(2) == 0
		f.Names = append(f.Names, n)
		f.Domain.SANs = append(f.Domain.SANs, n.Name)
	}
	if r.IntN(2) == 0 {
		f.Past = &Past{Last: span(r), Trusted: span(r), First: now.Add(-time.Duration(r.IntN(1000)) * day)}
		if r.IntN(4) == 0 {
			f.Past.Ended = Span{pick(r, []dns.Verdict{dns.Free, dns.Expired}), "", now.Add(-9 * day), now.Add(-8 * day)}
		}
	}
	if r.IntN(16) == 0 {
		f.DNS, f.Owner = nil, nil
	}
	return f
}

const seeds = 800

func TestSameInputSameOutput(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		f, untouched := arbitrary(seed), arbitrary(seed)
		a, b := Policy{}.Judge(f, now), Policy{}.Judge(untouched, now)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: two judgements differ:\n%+v\n%+v", seed, a, b)
		}
		if !reflect.DeepEqual(f, arbitrary(seed)) {
			t.Fatalf("seed %d: the facts were modified", seed)
		}
	}
}

func TestOrderOfProbesDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		f, turned := arbitrary(seed), arbitrary(seed)
		slices.Reverse(turned.Probes)
		a, b := Policy{}.Judge(f, now), Policy{}.Judge(turned, now)
		triedA, triedB := Policy{}.Tried(f, now), Policy{}.Tried(turned, now)
		if !reflect.DeepEqual(a.Findings, b.Findings) || !reflect.DeepEqual(triedA, triedB) {
			t.Fatalf("seed %d:\n%+v\n%+v", seed, a.Findings, b.Findings)
		}
	}
}

func TestResultHoldsTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		res := Policy{}.Judge(arbitrary(seed), now)
		worst, raised := OK, make(map[Code]bool)
		for i, f := range res.Findings {
			raised[f.Code] = true
			if f.Severity.Rank() > worst.Rank() {
				worst = f.Severity
			}
			if i > 0 && f.Severity.Rank() > res.Findings[i-1].Severity.Rank() {
				t.Errorf("seed %d: %s stands after something milder", seed, short(f))
			}
			if f.Message == "" || f.Action == "" || f.Priority == "" || len(f.Message) > 4096 {
				t.Errorf("seed %d: incomplete finding %+v", seed, f)
			}
		}
		tried := Policy{}.Tried(arbitrary(seed), now)
		if res.Severity != worst || len(tried) != len(rules) || !res.JudgedAt.Equal(now) {
			t.Errorf("seed %d: severity %s, worst finding %s, %d rules tried", seed, res.Severity, worst, len(tried))
		}
		for _, r := range tried {
			if r.Matched != raised[Code(r.Name)] || r.Why == "" {
				t.Errorf("seed %d: rule %+v, raised %v", seed, r, raised[Code(r.Name)])
			}
		}
	}
}

// TestRenewOnlyWhatIsSurelyOurs also covers that an unknown verdict never asks for a renewal.
func TestRenewOnlyWhatIsSurelyOurs(t *testing.T) {
	t.Parallel()
	asked := 0
	for seed := range uint64(seeds) {
		f := arbitrary(seed)
		for _, found := range (Policy{}).Judge(f, now).Findings {
			if found.Action != ActionRenew {
				continue
			}
			asked++
			o := f.Owner
			sure := o != nil && o.Confidence == dns.High &&
				(o.Verdict == dns.Parked || o.Verdict == dns.Proxied && o.Reason == dns.ReasonOurs)
			if !sure {
				t.Errorf("seed %d: %s under %+v", seed, short(found), o)
			}
		}
	}
	if asked == 0 {
		t.Error("no renewal was asked for at all")
	}
}

// TestNoAlarmForWhatIsNotOurs tries every verdict that is not ours against every kind of observation.
func TestNoAlarmForWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	notOurs := []dns.Verdict{
		dns.Proxied, dns.Moved, dns.Free, dns.Expired, dns.OnHold, dns.NotDelegated, dns.NoAddress, dns.NameMissing,
		dns.Dangling, dns.Broken, dns.Private, dns.Invalid, dns.Unknown,
	}
	r := rand.New(rand.NewPCG(7, 7))
	for _, v := range notOurs {
		for _, expect := range expects {
			if v == dns.Private && expect == inventory.ExpectInternal {
				continue // ours by the word of the list
			}
			for range 60 {
				f := ruled(v, pick(r, reasons))
				if v == dns.Proxied {
					f.Owner.Reason = dns.ReasonNotOurs
				}
				f.Domain.Expect = expect
				f.Probes = []probe.Observation{sighting(r, first), sighting(r, second)}
				for _, found := range (Policy{}).Judge(f, now).Findings {
					i := slices.IndexFunc(rules, func(r rule) bool { return r.code == found.Code })
					if rules[i].about != ofName {
						t.Fatalf("%s, expected %q: %s", v, expect, short(found))
					}
				}
			}
		}
	}
}

// TestWrongCertificateStandsAlone tries every failure and every answer behind a certificate for other names.
func TestWrongCertificateStandsAlone(t *testing.T) {
	t.Parallel()
	wrong := func(o *probe.Observation) {
		h := at(first).TLS
		h.Chain, h.NameMatches = slices.Clone(h.Chain), false
		o.TLS = h
	}
	r := rand.New(rand.NewPCG(11, 4))
	for range seeds {
		f := probed(sighting(r, first), sighting(r, second))
		wrong(&f.Probes[0])
		both := r.IntN(2) == 0
		if both {
			wrong(&f.Probes[1])
		}
		for _, found := range (Policy{}).Judge(f, now).Findings {
			ofWrong := both || found.Address == first
			if ofWrong && found.Code != NameMismatch && found.Code != NoCertificate {
				t.Fatalf("%s after %+v and %+v", short(found), f.Probes[0].Err, f.Probes[1].Err)
			}
		}
	}
}

// TestBlockedRenewalPagesNobody holds that no certificate is on-call's while the owner's DNS keeps it from being renewed.
func TestBlockedRenewalPagesNobody(t *testing.T) {
	t.Parallel()
	blocked := 0
	for seed := range uint64(seeds) {
		f := arbitrary(seed)
		res := Policy{}.Judge(f, now)
		halfFails := func(found Finding) bool { return found.Code == DNSBroken && found.Name == "" }
		if f.Owner == nil || f.Owner.Verdict == dns.Broken ||
			f.Owner.Verdict != dns.Mixed && !slices.ContainsFunc(res.Findings, halfFails) {
			continue
		}
		for _, found := range res.Findings {
			i := slices.IndexFunc(rules, func(r rule) bool { return r.code == found.Code })
			if rules[i].about != ofCertificate {
				continue
			}
			blocked++
			if found.Priority != P3 || found.Action == ActionRenew {
				t.Errorf("seed %d: %s", seed, short(found))
			}
		}
	}
	if blocked == 0 {
		t.Error("no renewal was blocked at all")
	}
}

func TestUnverifiedProxyIsNeverUrgent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 9))
	for range seeds {
		f := ruled(dns.Proxied, dns.ReasonUnverified)
		f.Probes = []probe.Observation{sighting(r, first), sighting(r, second)}
		if res := (Policy{}).Judge(f, now); res.Severity == Urgent {
			t.Fatalf("%q", shorts(res.Findings))
		}
	}
}

func TestLessTimeNeverLowersSeverity(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	policies := []Policy{{}}
	for range 10 {
		threshold := func() Threshold {
			return Threshold{time.Duration(r.IntN(60)) * day, Share{r.Int64N(90), 90}}
		}
		policies = append(policies, Policy{
			Warn: threshold(), Urgent: threshold(), Page: threshold(), Overdue: Share{r.Int64N(10), 10},
		})
	}
	for _, p := range policies {
		for _, life := range []time.Duration{time.Hour, 160 * time.Hour, 10 * day, 45 * day, 64 * day, 90 * day, 200 * day, 3650 * day} {
			lessTime(t, p, life)
		}
	}
}

// lessTime goes through a life from its first instant to beyond its last.
func lessTime(t *testing.T, p Policy, life time.Duration) {
	t.Helper()
	const steps = 300
	rank, priority := 0, P3
	for i := range steps + 20 {
		left := life - life/steps*time.Duration(i)
		f := leaves(clean(first), func(c *probe.Certificate) { *c = leaf(left, life) })
		res := p.Judge(f, now)
		loudest := P3
		for _, found := range res.Findings {
			loudest = min(loudest, found.Priority)
		}
		if res.Severity.Rank() < rank || loudest > priority {
			t.Fatalf("%+v: %s of %s left: %s %s after %d %s", p, left, life, res.Severity, loudest, rank, priority)
		}
		rank, priority = res.Severity.Rank(), loudest
	}
	if rank != Urgent.Rank() {
		t.Fatalf("a life of %s ends at rank %d", life, rank)
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct {
		name  string
		facts *Facts
		want  Severity
	}{
		{"dns", clean(), OK},
		{"probed", clean(first), OK},
		{"urgent", leaves(clean(first), func(c *probe.Certificate) { *c = leaf(10*day, 90*day) }), Urgent},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if res := (Policy{}).Judge(c.facts, now); res.Severity != c.want {
					b.Fatal(res.Findings)
				}
			}
		})
	}
}
