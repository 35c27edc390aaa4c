package triage

import (
	"slices"
	"strings"
	"testing"
)

// row is one case of a rule: the code, after a slash what is special about it, and the findings in short.
type row struct {
	name  string
	facts *Facts
	want  []string
}

// short writes a finding as "code SEVERITY priority action @address name".
func short(f Finding) string {
	s := strings.Join([]string{string(f.Code), string(f.Severity), string(f.Priority), string(f.Action)}, " ")
	if f.Address != "" {
		s += " @" + f.Address
	}
	if f.Name != "" {
		s += " " + f.Name
	}
	return s
}

func shorts(fs []Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, short(f))
	}
	return out
}

func rows() []row {
	return slices.Concat(verdictRows(), expectRows(), hostRows(), availabilityRows(), certificateRows(), chainRows(),
		aggregateRows(), scopeRows(), blockedRows(), exchangeRows(), reregisteredRows())
}

func TestRules(t *testing.T) {
	t.Parallel()
	raised := make(map[Code]bool)
	for _, r := range rows() {
		code, _, _ := strings.Cut(r.name, "/")
		for _, w := range r.want {
			raised[Code(code)] = raised[Code(code)] || strings.HasPrefix(w, code+" ")
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			res := Policy{}.Judge(r.facts, now)
			if got := shorts(res.Findings); !slices.Equal(got, r.want) {
				t.Errorf("findings:\n got %q\nwant %q\ntried %+v", got, r.want, Policy{}.Tried(r.facts, now))
			}
		})
	}
	for _, r := range rules {
		if !raised[r.code] {
			t.Errorf("no row in which the rule %s matches", r.code)
		}
	}
}
