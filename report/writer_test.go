package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/dns"
	"certscan/probe"
	"certscan/triage"
)

// written returns what results come to in a format.
func written(t *testing.T, f Format, o Options, results []triage.Result) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(&out, f, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(sampleRun()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestJSONLStreams(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := New(&out, FormatJSONL, Options{Run: "01J", Vantage: "fra"})
	if err != nil {
		t.Fatal(err)
	}
	results := assorted()
	for i, r := range results {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != i+1 {
			t.Fatalf("%d lines can be seen after %d records", n, i+1)
		}
	}
	if err := w.Close(sampleRun()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for i, r := range results {
		rec, err := DecodeRecord([]byte(lines[i]))
		if err != nil || rec.Name != string([]rune(r.Facts.Domain.Name)) || rec.Run != "01J" || rec.Vantage != "fra" {
			t.Errorf("line %d: %+v, %v", i+1, rec, err)
		}
	}
	want := `{"run":{"id":"01J","kind":"scan","started_at":"2026-11-20T10:00:00Z","finished_at":"2026-11-20T10:00:12Z","vantage":"fra",` +
		`"complete":true,"trusted":true,"reason":"","asked":10,"counts":{"URGENT":2,"WARN":6,"OK":2}}}`
	if got := lines[len(lines)-1]; got != want || len(lines) != len(results)+1 {
		t.Errorf("%d lines, the last one\n got %s\nwant %s", len(lines), got, want)
	}
}

// document is the json format as its reader sees it.
type document struct {
	Schema  int
	Run     Run
	Records []Record
}

func TestJSONDocument(t *testing.T) {
	t.Parallel()
	raw := written(t, FormatJSON, Options{}, assorted())
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	if d.Schema != 1 || d.Run.ID != "01J" || d.Run.Counts != (Counts{2, 6, 2}) {
		t.Errorf("envelope: %+v", d)
	}
	var names []string
	for _, r := range d.Records {
		names = append(names, r.Name)
	}
	want := []string{ // URGENT by days left, not by name; WARN without any by name; OK with a certificate first
		"zulu.example", "xn--e1afmkfd.xn--p1ai",
		"bad\x1b[2jname", "cdn.example", "free.example", "gone.example", "xn--ls8h.example", "xn--r8jz45g.jp",
		"fine.example", "theirs.example",
	}
	if !slices.Equal(names, want) {
		t.Errorf("order\n got %q\nwant %q", names, want)
	}
}

func TestEmptyRun(t *testing.T) {
	t.Parallel()
	var d document
	if err := json.Unmarshal(written(t, FormatJSON, Options{}, nil), &d); err != nil || d.Records == nil || len(d.Records) != 0 {
		t.Errorf("json: %+v, %v", d, err)
	}
	if got := written(t, FormatTable, Options{}, nil); len(got) != 0 {
		t.Errorf("table: %q", got)
	}
	if got := written(t, FormatJSONL, Options{}, nil); !bytes.HasPrefix(got, []byte(`{"run":{`)) {
		t.Errorf("jsonl: %q", got)
	}
}

func TestSeveritiesChooseWhatIsPrinted(t *testing.T) {
	t.Parallel()
	o := Options{Severities: []triage.Severity{triage.Urgent, triage.OK}}
	var d document
	if err := json.Unmarshal(written(t, FormatJSON, o, assorted()), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Records) != 4 || slices.ContainsFunc(d.Records, func(r Record) bool { return r.Severity == triage.Warn }) {
		t.Errorf("%d records", len(d.Records))
	}
	if d.Run.Counts.Warn != 6 {
		t.Errorf("the filter changed the counts: %+v", d.Run.Counts)
	}
	if n := bytes.Count(written(t, FormatJSONL, o, assorted()), []byte("\n")); n != 5 {
		t.Errorf("%d lines of jsonl, want 4 records and the run", n)
	}
	if got := string(written(t, FormatTable, o, assorted())); strings.Contains(got, "WARN") || strings.Contains(got, "Not served") {
		t.Errorf("table:\n%s", got)
	}
}

var errClosed = errors.New("closed pipe")

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, errClosed }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	for _, f := range Formats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			w, err := New(closedPipe{}, f, Options{})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(expiring())
			if errors.Is(err, errClosed) != f.Streams() {
				t.Errorf("Write: %v", err)
			}
			if err := w.Close(sampleRun()); !errors.Is(err, errClosed) {
				t.Errorf("Close: %v", err)
			}
		})
	}
	if _, err := New(io.Discard, "yaml", Options{}); err == nil {
		t.Error("a format that does not exist is taken")
	}
}

func TestTableGolden(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 40, 80, 120} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, fmt.Sprintf("table-%d", width), written(t, FormatTable, Options{Width: width}, assorted()))
		})
	}
}

var colorSequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColorsDoNotDisturb(t *testing.T) {
	t.Parallel()
	plain := written(t, FormatTable, Options{Width: 80}, assorted())
	colored := written(t, FormatTable, Options{Width: 80, Color: true}, assorted())
	for _, want := range []string{"\x1b[1;31mURGENT", "\x1b[33mWARN", "\x1b[32mOK"} {
		if !bytes.Contains(colored, []byte(want)) {
			t.Errorf("no %q in\n%q", want, colored)
		}
	}
	if stripped := colorSequence.ReplaceAll(colored, nil); !bytes.Equal(stripped, plain) {
		t.Errorf("without its colours:\n%s\nplain:\n%s", stripped, plain)
	}
	if bytes.Contains(plain, []byte("\x1b")) {
		t.Errorf("an escape without colours:\n%q", plain)
	}
}

func TestEveryLineFits(t *testing.T) {
	t.Parallel()
	results := everyVerdict(200)
	for _, width := range []int{20, 31, 32, 40, 59, 60, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			out := string(written(t, FormatTable, Options{Width: width, Color: true}, results))
			rows := 0
			for line := range strings.Lines(out) {
				line = strings.TrimSuffix(line, "\n")
				if n := cells(line); n > width {
					t.Errorf("%d cells: %q", n, line)
				}
				if Terminal(colorSequence.ReplaceAllString(line, "")) != colorSequence.ReplaceAllString(line, "") {
					t.Errorf("not sanitised: %q", line)
				}
				rows++
			}
			if rows < 200 {
				t.Errorf("%d lines for 200 records", rows)
			}
		})
	}
}

func TestColumnsAlign(t *testing.T) {
	t.Parallel()
	lines := strings.Split(string(written(t, FormatTable, Options{Width: 100}, assorted())), "\n")
	domain, verdict := strings.Index(lines[0], "DOMAIN"), strings.Index(lines[0], "VERDICT")
	for _, line := range lines[1:11] {
		for _, column := range []int{domain, verdict} {
			n := prefix(line, column) // bytes in the cells before the column
			if cells(line[:n]) != column || line[n-1] != ' ' || line[n] == ' ' {
				t.Errorf("nothing begins at cell %d of %q", column, line)
			}
		}
	}
}

// TestDaysAreThoseOfOurCertificate covers the column and the order: both go by the same days.
func TestDaysAreThoseOfOurCertificate(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	at := func(address string, left time.Duration) probe.Observation {
		return observation("example.com", address+":443", handshakeUntil("example.com", left))
	}
	wrong := func(o probe.Observation) probe.Observation {
		o.TLS.NameMatches = false
		return o
	}
	origin := at("203.0.113.9", 4*day)
	origin.Target.Via = probe.ViaOrigin
	wildcard := at("203.0.113.7", 2*day)
	wildcard.TLS.Chain[0].Names = []string{"*.Example.com"}
	for _, tt := range []struct {
		name    string
		domain  string
		verdict dns.Verdict
		probes  []probe.Observation
		want    string
	}{
		{"the first to end", "example.com", dns.Parked, []probe.Observation{at("203.0.113.7", 9*day), at("203.0.113.8", 5*day)}, "5.0"},
		{"not one for other names", "example.com", dns.Parked, []probe.Observation{at("203.0.113.7", 9*day), wrong(at("203.0.113.8", 5*day))}, "9.0"},
		{"none for this name", "example.com", dns.Parked, []probe.Observation{wrong(at("203.0.113.7", 5*day))}, ""},
		{"mixed, ours alone", "example.com", dns.Mixed, []probe.Observation{at("203.0.113.7", 9*day), at("198.51.100.9", 5*day)}, "9.0"},
		{"mixed, nothing of ours was seen", "example.com", dns.Mixed, []probe.Observation{at("198.51.100.9", 5*day)}, ""},
		{"mixed, our origin", "example.com", dns.Mixed, []probe.Observation{at("203.0.113.7", 9*day), origin}, "4.0"},
		{"nobody said what is ours", "example.com", dns.Resolved, []probe.Observation{at("198.51.100.9", 5*day)}, "5.0"},
		{"below a wildcard's certificate", "shop.example.com", dns.Parked, []probe.Observation{wildcard}, "2.0"},
		{"a wildcard", "*.example.com", dns.NameMissing, []probe.Observation{wildcard}, "2.0"},
		{"the verifying host has its own", "*.example.com", dns.NameMissing, []probe.Observation{at("203.0.113.7", 2*day)}, ""},
		{"an empty chain", "example.com", dns.Parked, []probe.Observation{observation("example.com", "203.0.113.7:443", &probe.Handshake{NameMatches: true})}, ""},
		{"ownership was not asked", "example.com", "", []probe.Observation{at("198.51.100.9", 5*day)}, "5.0"},
		{"nothing probed", "example.com", dns.Parked, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := result(tt.domain, "", "", tt.verdict, "")
			r.Facts.Probes, r.Facts.OursAddrs = tt.probes, addrs("203.0.113.7")
			if tt.verdict == "" {
				r.Facts.Owner = nil
			}
			rec := NewRecord("", "", &r)
			if got := daysCell(positionOf(&rec, &r.Facts).days); got != tt.want {
				t.Errorf("%q days, want %q", got, tt.want)
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	results := everyVerdict(2000)
	for b.Loop() {
		w, err := New(io.Discard, FormatTable, Options{Width: 120})
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if err := w.Write(r); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(Run{}); err != nil {
			b.Fatal(err)
		}
	}
}
