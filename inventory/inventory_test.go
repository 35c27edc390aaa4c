package inventory

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, c := range []struct{ in, name, display, ports, at, invalid string }{
		{in: "example.com", name: "example.com"},
		{in: "  Example.COM.  ", name: "example.com"},
		{in: "Пример.РФ", name: "xn--e1afmkfd.xn--p1ai", display: "пример.рф"},
		{in: "пример。рф", name: "xn--e1afmkfd.xn--p1ai", display: "пример.рф"},
		{in: "xn--e1afmkfd.xn--p1ai", name: "xn--e1afmkfd.xn--p1ai", display: "пример.рф"},
		{in: "bücher.example", name: "xn--bcher-kva.example", display: "bücher.example"},
		{in: "faß.de", name: "xn--fa-hia.de", display: "faß.de"},
		{in: "*.Example.com", name: "*.example.com"},
		{in: "_dmarc.example.com", name: "_dmarc.example.com"},
		{in: "r3---sn-x.example.com", name: "r3---sn-x.example.com"},
		{in: "https://shop.example.com/path?q=1#f", name: "shop.example.com"},
		{in: "https://user:secret@shop.example.com:8443/", name: "shop.example.com", ports: "[8443]"},
		{in: "http://shop.example.com:8080/", name: "shop.example.com"},
		{in: "example.com:8443", name: "example.com", ports: "[8443]"},
		{in: "example.com@203.0.113.7", name: "example.com", at: "203.0.113.7"},
		{in: "example.com@203.0.113.7:8443", name: "example.com", at: "203.0.113.7", ports: "[8443]"},
		{in: "example.com@2001:db8::1", name: "example.com", at: "2001:db8::1"},
		{in: "example.com@[2001:db8::1]:993", name: "example.com", at: "2001:db8::1", ports: "[993]"},
		{in: "example.com@::ffff:203.0.113.7", name: "example.com", at: "203.0.113.7"},
		{in: "site.github.io", name: "site.github.io"},
		{in: "github.io", name: "github.io"},

		{in: "localhost", name: "localhost", invalid: "one label"},
		{in: "203.0.113.7", name: "203.0.113.7", invalid: "an address, not a name"},
		{in: "[2001:db8::1]", name: "[2001:db8::1]", invalid: "an address, not a name"},
		{in: "[2001:db8::1]:443", name: "2001:db8::1", invalid: "an address, not a name"},
		{in: "https://[2001:db8::1]:8443/", name: "2001:db8::1", invalid: "an address, not a name"},
		{in: "a..example.com", name: "a..example.com", invalid: "empty label"},
		{in: ".example.com", name: ".example.com", invalid: "empty label"},
		{in: "co.uk", name: "co.uk", invalid: "public suffix"},
		{in: "-a.example.com", name: "-a.example.com", invalid: "hyphen"},
		{in: "exa$mple.com", name: "exa$mple.com", invalid: `character "$"`},
		{in: long + "a.com", name: long + "a.com", invalid: "label of 64 bytes"},
		{in: strings.Repeat(long+".", 4) + "com", invalid: "at most 253", name: strings.Repeat(long+".", 3)},
		{in: "example.com:99999", name: "example.com:99999", invalid: "no port"},
		{in: "someone@example.com", name: "someone@example.com", invalid: "no address"},
		{in: "1.2.3", name: "1.2.3", invalid: "is a number"},
	} {
		d, err := Parse(c.in)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if d.Name != c.name && !strings.HasPrefix(d.Name, c.name) || c.invalid == "" && d.Name != c.name {
			t.Errorf("%q: name %q, want %q", c.in, d.Name, c.name)
		}
		if c.display == "" {
			c.display = c.name
		}
		if c.invalid == "" && d.Display != c.display {
			t.Errorf("%q: display %q, want %q", c.in, d.Display, c.display)
		}
		if (d.Invalid == "") != (c.invalid == "") || !strings.Contains(d.Invalid, c.invalid) {
			t.Errorf("%q: invalid %q, want %q", c.in, d.Invalid, c.invalid)
		}
		if got := fmt.Sprint(d.Ports); c.ports != "" && got != c.ports || c.ports == "" && c.invalid == "" && len(d.Ports) > 0 {
			t.Errorf("%q: ports %s, want %s", c.in, got, c.ports)
		}
		if c.at != "" && d.At.String() != c.at {
			t.Errorf("%q: at %s, want %s", c.in, d.At, c.at)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "   ", "two words", "tab\there.com", "nul\x00.com", "caf\xe9.fr"} {
		if d, err := Parse(in); err == nil {
			t.Errorf("%q: read as %+v, want an error", in, d)
		}
	}
}

func collect(r io.Reader) (domains []Domain, bad []string, failed error) {
	for d, err := range Read(r, "list") {
		if line, ok := errors.AsType[*BadLine](err); ok {
			bad = append(bad, line.Error())
		} else if err != nil {
			failed = err
		} else {
			domains = append(domains, d)
		}
	}
	return domains, bad, failed
}

func TestReadPlainList(t *testing.T) {
	t.Parallel()
	list := "\xef\xbb\xbf# customers\r\na.example\r\n\r\n  b.example  # a note\nlocalhost\ntwo words\n" +
		strings.Repeat("x", lineBytesMax+10) + "\nc.example"
	got, bad, err := collect(iotest.OneByteReader(strings.NewReader(list)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range got {
		names = append(names, d.Source+" "+d.Name)
	}
	if want := []string{"list:2 a.example", "list:4 b.example", "list:5 localhost", "list:8 c.example"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if got[2].Invalid == "" {
		t.Error("localhost must be invalid, not scanned")
	}
	if len(bad) != 2 || !strings.HasPrefix(bad[0], "list:6: more than one word") || !strings.HasPrefix(bad[1], "list:7: a line of more than") {
		t.Errorf("bad lines %q", bad)
	}
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	for _, comma := range []string{",", ";", "\t"} {
		list := strings.ReplaceAll("Owner,DOMAIN,manager,sans,ports,expect,origin,verify,challenge,dns_plugin,account,renew,tags\n"+
			"ACME,a.example,north,www.a.example|shop.a.example,443 993,proxied,203.0.113.7,,http-01,,le,certscan,vip shared\n"+
			"# a comment\n"+
			"\"Müller & Co\",*.b.example,south,,,,,v1.b.example 203.0.113.9,dns-01,cloudflare,,,\n"+
			"x,c.example,,,70000,nonsense,,,,,,,\n"+
			"x,,,,,,,,,,,,\n", ",", comma)
		got, bad, err := collect(strings.NewReader(list))
		if err != nil || len(got) != 3 {
			t.Fatalf("%q: %d domains, %v", comma, len(got), err)
		}
		a := got[0]
		want := Domain{
			Name: "a.example", Display: "a.example", Source: "list:2", Owner: "ACME", Manager: "north",
			SANs: []string{"www.a.example", "shop.a.example"}, Ports: []uint16{443, 993}, Expect: ExpectProxied,
			Origin: []string{"203.0.113.7"}, Challenge: "http-01", Account: "le", Renew: "certscan", Tags: []string{"vip", "shared"},
		}
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", want) {
			t.Errorf("%q: got  %+v\nwant %+v", comma, a, want)
		}
		if b := got[1]; b.Owner != "Müller & Co" || !b.Wildcard() || !slices.Equal(b.Verify, []string{"v1.b.example", "203.0.113.9"}) || b.DNSPlugin != "cloudflare" {
			t.Errorf("%q: %+v", comma, b)
		}
		if c := got[2]; c.Name != "c.example" || c.Expect != ExpectNothing || len(c.Ports) != 0 {
			t.Errorf("%q: a row with bad fields must keep its name without them: %+v", comma, c)
		}
		if len(bad) != 3 || !strings.Contains(bad[0], "expect") || !strings.Contains(bad[1], "ports") || bad[2] != "list:6: no name" {
			t.Errorf("%q: bad lines %q", comma, bad)
		}
	}
}

func TestReadErrorEndsTheStream(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader("a.example\nb.exam"), iotest.ErrReader(errors.New("disk on fire")))
	got, _, err := collect(r)
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "read list: line 2: disk on fire") {
		t.Errorf("%d domains, %v", len(got), err)
	}
}

func TestReadStops(t *testing.T) {
	t.Parallel()
	n := 0
	for _, err := range Read(strings.NewReader("a.example\nb.example\nc.example\n"), "list") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("read %d lines", n)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s := NewSet()
	for i := range 1000 {
		if !s.Add(fmt.Sprintf("d%d.example", i)) {
			t.Fatalf("d%d is new", i)
		}
	}
	if s.Add("d7.example") {
		t.Error("d7 is not new")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"example.com", "*.пример.рф", "https://a.b:1/", "a@[::1]:443", "xn--a", "a.\u202ecom", "％2e.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if d.Name == "" || len(d.Name) > 255 {
			t.Fatalf("%q: name %q", text, d.Name)
		}
		if d.Invalid != "" {
			return
		}
		again, err := Parse(d.Name)
		if err != nil || again.Name != d.Name || again.Invalid != "" {
			t.Fatalf("%q: the key %q reads as %q (%s), %v", text, d.Name, again.Name, again.Invalid, err)
		}
	})
}

// TestErrorIsNotLost holds that an error which a reader tells once, before any text, is told.
func TestErrorIsNotLost(t *testing.T) {
	t.Parallel()
	_, _, err := collect(io.MultiReader(iotest.ErrReader(errors.New("disk on fire")), strings.NewReader("")))
	if err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
	_, _, err = collect(&once{errors.New("disk on fire")})
	if err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

// once tells its error and then the end.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	if err := o.err; err != nil {
		o.err = nil
		return 0, err
	}
	return 0, io.EOF
}

// TestPlainNames holds that the short way through Parse comes to what the long one does.
func TestPlainNames(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	parts := []string{
		"a", "b", "example", "com", "co.uk", "uk", "github", "io", "xn--e1afmkfd", "xn--p1ai", "r3---sn", "ab--c", "-", "_dmarc", "0", "192", "1",
		".", ".", ".", ".", "*", "A", "é", "@", ":", "/", " ", strings.Repeat("l", 31), strings.Repeat("n", 63), "рф",
	}
	short := 0
	for range 80_000 {
		var text string
		for range 1 + r.IntN(9) {
			text += parts[r.IntN(len(parts))]
		}
		got, err := Parse(text)
		want, wantErr := parse(text)
		if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%q: %+v, %v; the long way %+v, %v", text, got, err, want, wantErr)
		}
		if isPlain(text) {
			short++
		}
	}
	if short < 1000 {
		t.Errorf("%d of all texts were plain", short)
	}
}
