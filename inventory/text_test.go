package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// TestLongLineOfManyNames holds that a character on the border of two pieces of a line without end stays whole.
func TestLongLineOfManyNames(t *testing.T) {
	t.Parallel()
	for shift := range 4 {
		var b strings.Builder
		b.WriteString("[" + strings.Repeat(" ", shift))
		const n = 5_000
		for i := range n {
			fmt.Fprintf(&b, `"пример%d.рф",`, i)
		}
		b.WriteString("]")
		got := collectSeq(t, Read(strings.NewReader(b.String()), "one-line.json"))
		if len(got) != n {
			t.Fatalf("shift %d: %d names", shift, len(got))
		}
		for i, d := range got {
			if want := fmt.Sprintf("пример%d.рф", i); d.Display != want || d.Invalid != "" {
				t.Fatalf("shift %d: %q, want %q (%s)", shift, d.Display, want, d.Invalid)
			}
		}
	}
}

// TestQuoteThatClosesFarAway holds that two quotes too many do not take the rows between them.
func TestQuoteThatClosesFarAway(t *testing.T) {
	t.Parallel()
	list := "domain,owner\nfirst.example,\"open\n" + strings.Repeat("between.example,x\n", 2*rowLinesMax) + "last.example,\"\n"
	names, bad := 0, 0
	for _, err := range Read(strings.NewReader(list), "list.csv") {
		if err != nil {
			bad++
			continue
		}
		names++
	}
	if names != 2*rowLinesMax+2 || bad != 2 {
		t.Errorf("%d names, %d bad lines", names, bad)
	}
}

// TestQuoteThatTheNextRowCloses holds that a row whose quote is open does not take in the next one, which has quotes of its
// own, and that line breaks in cells stay what they are.
func TestQuoteThatTheNextRowCloses(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"domain,owner,tags\n\"a.example\",\"open,x\n\"b.example\",\"B\",\"\"\nc.example,C,\n":     "a.example= b.example=B c.example=C 1 bad",
		"domain,owner,tags\na.example,\"open,x\nb.example,\"B\",\nc.example,C,\n":                 "a.example= b.example=B c.example=C 1 bad",
		"domain,owner\n\"a.example\",\"open\nx.example,y\n\"b.example\",\"B\"\n":                  "a.example= x.example=y b.example=B 1 bad",
		"domain,owner\na.example,\"said \"\"x\"\"\n\"\"y\"\", \"\"z\"\"\n\"\nb.example,B\n":       "a.example=said \"x\"\n\"y\", \"z\" b.example=B 0 bad",
		"domain,owner\n\"a.example\",\"two\nlines of 5\" pipe\",\"z\"\nb.example,\"B \"x\" C\"\n": "a.example=two\nlines of 5\" pipe b.example=B \"x\" C 0 bad",
		"domain,owner,tags\n\"a.example\",\"two\nlines\",\"x,\"y\" z\"\nb.example,B,\n":           "a.example=two\nlines b.example=B 0 bad",
	} {
		var got strings.Builder
		bad := 0
		for d, err := range Read(strings.NewReader(list), "x.csv") {
			if err != nil {
				bad++
				continue
			}
			fmt.Fprintf(&got, "%s=%s ", d.Name, d.Owner)
		}
		fmt.Fprintf(&got, "%d bad", bad)
		if got.String() != want {
			t.Errorf("%q\n got %q\nwant %q", list, got.String(), want)
		}
	}
}

// TestMostlyWindows1251 holds that each line is decoded for itself, and that what has no meaning there is no name that could be scanned.
func TestMostlyWindows1251(t *testing.T) {
	t.Parallel()
	list := "\xef\xf0\xe8\xec\xe5\xf0.\xf0\xf4\nпример.рф\n\x98.example\n"
	got := collectSeq(t, Read(strings.NewReader(list), "list"))
	if len(got) != 3 || got[0].Name != "xn--e1afmkfd.xn--p1ai" || got[1].Name != got[0].Name || got[2].Invalid == "" {
		t.Errorf("%+v", got)
	}
}
