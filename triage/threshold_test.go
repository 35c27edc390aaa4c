package triage

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"certscan/probe"
)

// loudness judges a name whose certificate has so much left of its life, and writes what came of it.
func loudness(p Policy, left, life time.Duration) string {
	f := leaves(clean(first), func(c *probe.Certificate) { *c = leaf(left, life) })
	said := []string{}
	for _, found := range p.Judge(f, now).Findings {
		word := strings.TrimPrefix(string(found.Code), "renewal_")
		if found.Code == CertExpiring {
			word = string(found.Severity) + " " + string(found.Priority)
		}
		said = append(said, word)
	}
	return strings.Join(said, ", ")
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	const tick = time.Nanosecond
	hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
	tests := []struct {
		life, left time.Duration
		want       string
	}{
		{90 * day, 30 * day, ""},
		{90 * day, 30*day - tick, "WARN P3"},
		{90 * day, 27 * day, "WARN P3"},
		{90 * day, 27*day - tick, "WARN P3, overdue"},
		{90 * day, 14 * day, "WARN P3, overdue"},
		{90 * day, 14*day - tick, "URGENT P2, overdue"},
		{90 * day, 7 * day, "URGENT P2, overdue"},
		{90 * day, 7*day - tick, "URGENT P1, overdue"},
		{90 * day, 0, "URGENT P1, overdue"},
		{90 * day, -tick, "cert_expired"},
		{45 * day, 15 * day, ""},
		{45 * day, 15*day - tick, "WARN P3"},
		{45 * day, hours(13.5*24) - tick, "WARN P3, overdue"},
		{45 * day, 7 * day, "WARN P3, overdue"},
		{45 * day, 7*day - tick, "URGENT P2, overdue"},
		{45 * day, hours(3.5 * 24), "URGENT P2, overdue"},
		{45 * day, hours(3.5*24) - tick, "URGENT P1, overdue"},
		{200 * day, 60 * day, ""},
		{200 * day, 60*day - tick, "overdue"},
		{200 * day, 30 * day, "overdue"},
		{200 * day, 30*day - tick, "WARN P3, overdue"},
		{200 * day, 14*day - tick, "URGENT P2, overdue"},
		{200 * day, 7*day - tick, "URGENT P1, overdue"},
		{160 * time.Hour, 96 * time.Hour, ""},
		{160 * time.Hour, 72 * time.Hour, ""},
		{160 * time.Hour, 72*time.Hour - tick, "overdue"},
		{160 * time.Hour, hours(53.4), "overdue"},
		{160 * time.Hour, hours(53.3), "WARN P3, overdue"},
		{160 * time.Hour, hours(24.9), "WARN P3, overdue"},
		{160 * time.Hour, hours(24.8), "URGENT P2, overdue"},
		{160 * time.Hour, hours(12.5), "URGENT P2, overdue"},
		{160 * time.Hour, hours(12.4), "URGENT P1, overdue"},
		{10 * day, 3 * day, "WARN P3"},
		{10*day - time.Second, 4 * day, "overdue"},
		{3650 * day, 1095 * day, ""},
		{3650 * day, 30 * day, "overdue"},
		{3650 * day, 30*day - tick, "WARN P3, overdue"},
		{math.MaxInt64, 200 * 365 * day, ""},
		{math.MaxInt64, 80 * 365 * day, "overdue"},
		{math.MaxInt64, 6 * day, "URGENT P1, overdue"},
		{time.Second, time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.left, " of ", tt.life), func(t *testing.T) {
			t.Parallel()
			if got := loudness(Policy{}, tt.left, tt.life); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPolicyChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		policy Policy
		left   time.Duration
		want   string
	}{
		{"days alone", Policy{Warn: Threshold{Left: 50 * day}}, 49 * day, "WARN P3"},
		{"a share alone", Policy{Warn: Threshold{Share: Share{1, 2}}}, 44 * day, "WARN P3"},
		{"the smaller of both", Policy{Warn: Threshold{50 * day, Share{1, 2}}}, 46 * day, ""},
		{"others stay as they are", Policy{Warn: Threshold{Left: 50 * day}}, 13 * day, "URGENT P2, overdue"},
		{"overdue", Policy{Overdue: Share{1, 10}}, 13 * day, "URGENT P2"},
		{"a share of nothing bounds at once", Policy{Warn: Threshold{50 * day, Share{1, 0}}}, 20 * day, "overdue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := loudness(tt.policy, tt.left, 90*day); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
