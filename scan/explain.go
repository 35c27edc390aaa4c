package scan

import (
	"slices"

	"certscan/triage"
)

// Explain returns a result of Run together with the rules that were tried for it: for whose the name and its further
// names are, and for the findings. A run leaves them out, since only `certscan explain` shows them. Judging is pure, so
// that they are those by which the result came about.
func (p Pipeline) Explain(r triage.Result) triage.Result {
	p = p.withDefaults()
	f := &r.Facts
	origin := originAddrs(&f.Domain)
	if f.Owner != nil && f.DNS != nil && f.Owner.Tried == nil {
		o := *f.Owner
		o.Tried = p.Networks.Tried(f.DNS, origin...)
		f.Owner = &o
	}
	f.Names = slices.Clone(f.Names)
	for i := range f.Names {
		n := &f.Names[i]
		n.Owner.Tried = p.Networks.Tried(&n.DNS, origin...)
	}
	r.Tried = p.Policy.Tried(&r.Facts, r.JudgedAt)
	return r
}
