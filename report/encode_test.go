package report

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/inventory"
	"certscan/probe"
	"certscan/triage"
)

func TestRecordOfTheContract(t *testing.T) {
	t.Parallel()
	r := expiring()
	rec := NewRecord("01J", "fra", &r)
	checkGolden(t, "record", append(rec.AppendJSON(nil), '\n'))
}

func TestRecordOfNothingKnown(t *testing.T) {
	t.Parallel()
	rec := NewRecord("", "", &triage.Result{})
	want := `{"schema":1,"run":"","vantage":"","domain":"","name":"","owner":"","manager":"","source":"",` +
		`"checked_at":null,"elapsed_ms":0,"since":null,"severity":"","findings":[],"names":[],"dns":null,"endpoints":[]}`
	if got := string(rec.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var zero Record
	if got := string(zero.AppendJSON(nil)); !strings.Contains(got, `"findings":[]`) {
		t.Errorf("a nil list is not []: %s", got)
	}
}

// TestEncoderKnowsEveryField fills every field of the structs by reflection: a field that the encoder forgets, renames
// or moves makes it differ from the encoder of the standard library, which goes by the tags.
func TestEncoderKnowsEveryField(t *testing.T) {
	t.Parallel()
	var rec Record
	fill(reflect.ValueOf(&rec).Elem(), new(int))
	var run Run
	fill(reflect.ValueOf(&run).Elem(), new(int))
	for _, part := range []struct {
		value any
		got   []byte
	}{{rec, rec.AppendJSON(nil)}, {run, run.AppendJSON(nil)}} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(part.value); err != nil {
			t.Fatal(err)
		}
		if got := string(part.got) + "\n"; got != want.String() {
			t.Errorf("%T\n got %s\nwant %s", part.value, got, want.String())
		}
	}
}

// fill gives every field a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(sampleAt.Add(time.Duration(*n) * time.Hour)))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{203, 0, 113, byte(*n)})))
		return
	}
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, n)
		}
	case kind == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case kind == reflect.String:
		v.SetString("word" + string(rune('a'+*n%26)) + "<&>é")
	case kind == reflect.Bool:
		v.SetBool(true)
	case kind == reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	default:
		panic("the record has a field of kind " + kind.String())
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"no JSON":        `{"schema":1,`,
		"another schema": `{"schema":2,"name":"example.com"}`,
		"no schema":      `{}`,
		"the run's line": `{"run":{"id":"01J"}}`,
		"two records":    `{"schema":1}{"schema":1}`,
		"a bad address":  `{"schema":1,"endpoints":[{"address":"somewhere"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := DecodeRecord([]byte(data)); err == nil || !strings.HasPrefix(err.Error(), "decode record: ") {
				t.Errorf("DecodeRecord(%s) = %+v, %v", data, r, err)
			}
		})
	}
	if r, err := DecodeRecord([]byte(`{"schema":1,"name":"example.com","later":{"key":1}}`)); err != nil || r.Name != "example.com" {
		t.Errorf("a key of a later version: %+v, %v", r, err)
	}
}

func TestDaysLeft(t *testing.T) {
	t.Parallel()
	at := sampleAt
	for _, row := range []struct {
		name string
		end  time.Time
		want float64
	}{
		{"now", at, 0},
		{"a second", at.Add(time.Second), 0},
		{"a tenth, almost", at.Add(8639 * time.Second), 0},
		{"a tenth", at.Add(8640 * time.Second), 0.1},
		{"never more than is left", at.Add(12*24*time.Hour + 11*time.Hour), 12.4},
		{"a second ago", at.Add(-time.Second), 0},
		{"a tenth ago, almost", at.Add(-8639 * time.Second), 0},
		{"a tenth ago", at.Add(-8640 * time.Second), -0.1},
		{"a day ago", at.Add(-24 * time.Hour), -1},
		{"two days and an hour ago", at.Add(-49 * time.Hour), -2},
		{"more than a duration holds", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 2912119.5},
	} {
		if got := daysLeft(row.end, at); got != row.want || math.Signbit(got) && got == 0 {
			t.Errorf("%s: %v days, want %v", row.name, got, row.want)
		}
	}
}

// TestDaysAgreeWithTheMessage holds the days of an expired certificate against what its finding says of them.
func TestDaysAgreeWithTheMessage(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{time.Second, 2 * time.Hour, 49 * time.Hour, 84 * time.Hour, 8639 * time.Second} {
		r := expiring()
		r.Facts.Probes[0].TLS = handshakeUntil("xn--e1afmkfd.xn--p1ai", -ago)
		r = triage.Policy{}.Judge(&r.Facts, sampleAt)
		rec := NewRecord("", "", &r)
		cell := strings.TrimPrefix(daysCell(*rec.Endpoints[0].TLS.DaysLeft), "-")
		if message := rec.Findings[0].Message; !strings.Contains(message, ", "+cell+" days ago") {
			t.Errorf("%s ago: %s days in the table, and %q", ago, cell, message)
		}
		if raw := string(rec.AppendJSON(nil)); strings.Contains(raw, `"days_left":-0,`) {
			t.Errorf("%s ago: a negative zero in %s", ago, raw)
		}
	}
}

func TestRcode(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, aaaa dns.Status
		want    string
	}{
		{dns.StatusNoError, dns.StatusNoData, "NOERROR"},
		{dns.StatusNoData, dns.StatusNoData, "NOERROR"},
		{dns.StatusServFail, dns.StatusNoData, "NOERROR"},
		{dns.StatusNXDomain, dns.StatusNXDomain, "NXDOMAIN"},
		{dns.StatusTimeout, dns.StatusNXDomain, "NXDOMAIN"},
		{dns.StatusRefused, dns.StatusServFail, "REFUSED"},
		{dns.StatusTimeout, dns.StatusServFail, "SERVFAIL"},
		{dns.StatusTimeout, dns.StatusCanceled, ""},
		{dns.StatusUnasked, dns.StatusUnasked, ""},
	} {
		if got := rcode(string(row.a), string(row.aaaa)); got != row.want {
			t.Errorf("%s and %s give %q, want %q", row.a, row.aaaa, got, row.want)
		}
	}
}

func TestExtendedErrorsOnce(t *testing.T) {
	t.Parallel()
	r := expiring()
	r.Facts.DNS.A.EDE = []dns.EDE{{Code: 9, Text: "no key"}, {Code: 22}}
	r.Facts.DNS.AAAA.EDE = []dns.EDE{{Code: 9, Text: "no key"}, {Code: 9}}
	want := []extendedErr{{9, "no key"}, {22, ""}, {9, ""}}
	if got := NewRecord("", "", &r).DNS.EDE; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRecordOfFurtherNames(t *testing.T) {
	t.Parallel()
	r := intricate()
	want := []furtherName{{Name: "www.xn--e1afmkfd.xn--p1ai", Verdict: "parked", Covered: true}}
	if got := NewRecord("", "", &r).Names; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAddressZoneIsEscaped(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("fe80::1").WithZone("e\"th\x1b0")
	if got, want := string(appendAddr(nil, addr)), `"fe80::1%e\"th\u001b0"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRecordKeepsToRFC3339(t *testing.T) {
	t.Parallel()
	r := expiring()
	c := &r.Facts.Probes[0].TLS.Chain[0]
	c.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	c.NotBefore = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)
	rec := NewRecord("", "", &r)
	raw := rec.AppendJSON(nil)
	if !bytes.Contains(raw, []byte(`"not_before":null,"not_after":null`)) {
		t.Errorf("years that RFC 3339 cannot write are not null: %s", raw)
	}
	if _, err := DecodeRecord(raw); err != nil {
		t.Error(err)
	}
}

// TestInstants goes to both ends of what RFC 3339 can write, and to the zero time.
func TestInstants(t *testing.T) {
	t.Parallel()
	far := time.FixedZone("far", -11*3600)
	for in, want := range map[time.Time]string{
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC):               `"0000-01-01T00:00:00Z"`,
		time.Date(-1, 12, 31, 23, 59, 59, 999, time.UTC):       "null",
		time.Date(1, 1, 1, 0, 0, 0, 999, time.UTC):             "null",
		time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC):               `"0001-01-01T00:00:01Z"`,
		time.Date(9999, 12, 31, 23, 59, 59, 999_999, time.UTC): `"9999-12-31T23:59:59Z"`,
		time.Date(9999, 12, 31, 23, 59, 59, 0, far):            "null",
		time.Date(2026, 2, 3, 14, 5, 6, 999_999_999, far):      `"2026-02-04T01:05:06Z"`,
		time.Date(1969, 12, 31, 23, 59, 59, 1, time.UTC):       `"1969-12-31T23:59:59Z"`,
	} {
		if got := string(appendTime(nil, in)); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
		if got := string(appendTime(nil, instant(in))); got != want {
			t.Errorf("%v in a record: %s, want %s", in, got, want)
		}
	}
}

// FuzzRecord builds a result from the input, and wants its record back from its JSON.
func FuzzRecord(f *testing.F) {
	f.Add("example.com", "north@example.com", hostile, int64(1_000_000), uint16(9), true)
	f.Add("\xff", "", "\U000E0001", int64(-1), uint16(0), false)
	f.Fuzz(func(t *testing.T, name, word, text string, number int64, small uint16, flag bool) {
		r := fuzzed(name, word, text, number, small, flag)
		rec := NewRecord(word, name, &r)
		raw := rec.AppendJSON(nil)
		if !json.Valid(raw) {
			t.Fatalf("invalid JSON: %s", raw)
		}
		back, err := DecodeRecord(raw)
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		repair(reflect.ValueOf(&rec).Elem())
		if !reflect.DeepEqual(back, rec) {
			t.Errorf("record changed:\n got %+v\nwant %+v\njson %s", back, rec, raw)
		}
	})
}

func fuzzed(name, word, text string, number int64, small uint16, flag bool) triage.Result {
	at := time.Unix(number%(1<<36), int64(small)).UTC()
	h := handshakeUntil(name, time.Duration(number))
	h.Cipher, h.NameMatches = text, flag
	h.Chain[0].NotAfter, h.Chain[0].Serial = at.AddDate(int(small)%400, 0, 0), word
	o := observation(name, "[fe80::1%25]:443", h)
	if a, err := netip.ParseAddr("fe80::1%" + word); err == nil && strings.ToValidUTF8(word, "") == word {
		o.Target.Addr = netip.AddrPortFrom(a, small)
	}
	o.HTTP.Status, o.HTTP.HSTSMaxAge = int(small), &number
	if flag {
		o.HTTP.RedirectsToHTTPS, o.Err = nil, &probe.Error{Step: probe.StepHTTP, Code: probe.ErrorCode(word), Detail: text}
	}
	r := triage.Result{
		Facts: triage.Facts{
			Domain: inventory.Domain{Name: name, Display: text, Owner: word, Manager: text, Source: name},
			DNS:    answer(name, "203.0.113.7", "2001:db8::7"),
			Owner:  &dns.Ownership{Verdict: dns.Verdict(word), Evidence: []string{text, name}},
			Names:  []triage.NameFacts{{Name: text, Covered: flag}},
			Probes: []probe.Observation{o, {}},
			At:     at, Elapsed: time.Duration(number),
		},
		Severity: triage.Severity(word),
		Findings: []triage.Finding{{Code: triage.Code(text), Message: text, Name: name}},
	}
	r.Facts.DNS.A.EDE = []dns.EDE{{Code: small, Text: text}}
	return r
}

// repair makes every string valid UTF-8, as the encoder does.
func repair(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[netip.Addr]() {
		return
	}
	if v.Kind() == reflect.Struct {
		for _, field := range v.Fields() {
			repair(field)
		}
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			repair(v.Index(i))
		}
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		repair(v.Elem())
	}
	if v.Kind() == reflect.String {
		v.SetString(string([]rune(v.String())))
	}
}

func TestAppendJSONAllocatesNothing(t *testing.T) { // not parallel: testing.AllocsPerRun counts the whole process
	r := expiring()
	rec := NewRecord("01J", "fra", &r)
	buf := rec.AppendJSON(nil)
	if n := testing.AllocsPerRun(100, func() { buf = rec.AppendJSON(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r := expiring()
	rec := NewRecord("01J", "fra", &r)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = rec.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkNewRecord(b *testing.B) {
	r := expiring()
	b.ReportAllocs()
	for b.Loop() {
		_ = NewRecord("01J", "fra", &r)
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	r := expiring()
	rec := NewRecord("01J", "fra", &r)
	raw := rec.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRecord(raw); err != nil {
			b.Fatal(err)
		}
	}
}
