package inventory

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// random is a line that says this and that of one of a few names, as its number has it.
func random(r *rand.Rand) Domain {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	some := func(from ...string) (out []string) {
		for range r.IntN(3) {
			out = append(out, pick(from...))
		}
		return out
	}
	name := fmt.Sprintf("d%d.example", r.IntN(200))
	d := Domain{
		Name: name, Display: pick(name, "пример.рф", spiteful), Invalid: pick("", "", "why not"), Source: pick("a:b.csv:1", "list:0012", "x", "x:-1", "", "argument:7", "x:9223372036854775807"),
		SANs: some("a.example", "b.example"), Owner: pick("", "ACME", spiteful), Manager: pick("", "", strings.Repeat("m", 2*wordBytesMax)),
		Expect: Expect(pick("", "", "parked")), Origin: some("203.0.113.7", "web1"), Verify: some("v.example", ""),
		Challenge: pick("", "dns-01"), DNSPlugin: pick("", "", "p"), Account: pick("", "", "main"), Renew: pick("", "panel", "never"),
		Tags: some("vip", "shared", fmt.Sprint("t", r.IntN(3*wordsMax))),
	}
	for range r.IntN(3) {
		d.Ports = append(d.Ports, uint16(r.IntN(1<<16)))
	}
	if r.IntN(9) == 0 {
		d.At = netip.MustParseAddr(pick("203.0.113.7", "2001:db8::1"))
	}
	return d
}

const spiteful = "\x00\xff\u202e:12"

// TestUnionKeepsAll holds that what was kept in few bytes comes out as if every line had been kept as it was.
func TestUnionKeepsAll(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var u Union
	var want []Merged
	place := map[string]int{}
	for range 20_000 {
		d := random(r)
		i, known := place[d.key()]
		if !known {
			i = len(want)
			place[d.key()] = i
			want = append(want, Merged{Domain: bare(&d)})
		}
		want[i].add(&d)
		if u.Add(&d) == known {
			t.Fatalf("%s: new %v", d.key(), known)
		}
	}
	got := slices.Collect(u.Names())
	if len(got) != len(want) || u.Len() != len(want) {
		t.Fatalf("%d names and %d, want %d", len(got), u.Len(), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("name %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	for range u.Names() { // the sequence may be left early, and begun anew
		break
	}
}

// TestUnionForgetsRepetition holds that lines which say nothing new take no room, however many there are.
func TestUnionForgetsRepetition(t *testing.T) {
	t.Parallel()
	var u Union
	for i := range 100_000 {
		d := Domain{Name: "a.example", Display: "a.example", Source: fmt.Sprint("list:", i)}
		if i%2 == 0 {
			d.Owner = "ACME"
		}
		u.Add(&d)
	}
	if u.Len() != 1 || len(u.chunks) != 1 || len(u.chunks[0]) > 100 {
		t.Errorf("%d names in %d chunks, the first of %d bytes", u.Len(), len(u.chunks), len(u.chunks[0]))
	}
}

// TestUnionMemory holds that a name of which a list says little takes a tenth of a kilobyte. It runs alone: it looks at
// the heap.
func TestUnionMemory(t *testing.T) {
	for _, n := range []int{50_000, 200_000} {
		before := live()
		u := filled(n)
		if each := float64(live()-before) / float64(n); each > 150 {
			t.Errorf("%d names: %.1f bytes each", n, each)
		}
		runtime.KeepAlive(u)
	}
}

// filled is an inventory of n names with an owner and a manager each.
func filled(n int) *Union {
	var u Union
	for i := range n {
		name := fmt.Sprintf("www.customer-%d.example", i)
		u.Add(&Domain{Name: name, Display: name, Source: fmt.Sprint("list.csv:", i), Owner: fmt.Sprint("Customer ", i), Manager: "north@example.com"})
	}
	return &u
}

// BenchmarkUnion tells what a name costs to keep and to put together again.
func BenchmarkUnion(b *testing.B) {
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		before := live()
		u := filled(b.N)
		b.ReportMetric(float64(live()-before)/float64(b.N), "held-B/op")
		runtime.KeepAlive(u)
	})
	b.Run("names", func(b *testing.B) {
		b.ReportAllocs()
		u := filled(b.N)
		b.ResetTimer()
		n := 0
		for range u.Names() {
			n++
		}
		if n != b.N {
			b.Fatalf("%d names of %d", n, b.N)
		}
	})
}
