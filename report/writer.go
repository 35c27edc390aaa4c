package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"certscan/triage"
)

// Format is a form in which records are written.
type Format string

// The closed set of formats.
const (
	FormatTable Format = "table" // for people, sorted
	FormatJSON  Format = "json"  // one document, sorted
	FormatJSONL Format = "jsonl" // one record a line, in the order of completion
	FormatCSV   Format = "csv"   // one row a record, in the order of completion

	FormatXLSX Format = "xlsx" // a workbook, of an audit alone
	FormatHTML Format = "html" // a page, of an audit alone

	FormatMarkdown Format = "markdown" // the table as Markdown
	FormatNagios   Format = "nagios"   // the output of a monitoring plug-in
)

// Formats lists those in which [New] writes records.
var Formats = []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV, FormatMarkdown, FormatNagios}

// AuditFormats lists those in which [WriteAudit] writes an audit.
var AuditFormats = []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV, FormatXLSX, FormatHTML, FormatMarkdown}

// Streams reports whether each record is written as it completes; the other formats hold what they show until Close.
func (f Format) Streams() bool { return f == FormatJSONL || f == FormatCSV }

// Options says how records are written. Its zero value works.
type Options struct {
	// Run and Vantage stand in every record.
	Run, Vantage string
	// Severities are those that are printed; empty prints all. Counts are the caller's and not touched by it.
	Severities []triage.Severity
	// Width is the number of cells a line of a table may take, 20 at least; 0 is no limit. The other formats ignore it.
	Width int
	// Color lets a table colour severities.
	Color bool
}

// Writer writes results in one format. It is not safe for concurrent use.
type Writer struct {
	sink    sink
	options Options
	current triage.Result // what is being written, so that it costs no allocation
}

// sink is one format. What it is given is already chosen by severity.
type sink interface {
	add(r *triage.Result) error
	close(run *Run) error
}

// New returns a Writer of the given format on w. It writes w in whole lines and leaves it open.
func New(w io.Writer, format Format, o Options) (*Writer, error) {
	switch format {
	case FormatTable:
		return &Writer{sink: &tableSink{out: w, options: o}, options: o}, nil
	case FormatJSON:
		return &Writer{sink: &documentSink{out: w, options: o}, options: o}, nil
	case FormatJSONL:
		return &Writer{sink: &lineSink{out: w, options: o}, options: o}, nil
	case FormatCSV:
		return &Writer{sink: &csvSink{out: w, options: o}, options: o}, nil
	case FormatMarkdown:
		return &Writer{sink: &markdownSink{unbounded(w, o)}, options: o}, nil
	case FormatNagios:
		return &Writer{sink: &nagiosSink{tableSink: unbounded(w, o), days: math.Inf(1)}, options: o}, nil
	case FormatXLSX, FormatHTML:
		return nil, fmt.Errorf("write records: no such form of them as %s, which certscan audit has: table, json, jsonl, csv, markdown and nagios there are", format)
	}
	return nil, fmt.Errorf("write records: no format %q", string(format))
}

// unbounded collects rows for a format whose lines have no width.
func unbounded(w io.Writer, o Options) tableSink {
	o.Width = 0
	return tableSink{out: w, options: o}
}

// Write takes one result. JSON lines and CSV are on w when it returns; the sorted formats hold them until Close. An error is
// that of w, such as a closed pipe: the run has nobody left to tell.
func (w *Writer) Write(r triage.Result) error {
	w.current = r
	if c, ok := w.sink.(interface{ count(r *triage.Result) }); ok {
		c.count(&w.current) // whatever is printed
	}
	if len(w.options.Severities) > 0 && !slices.Contains(w.options.Severities, r.Severity) {
		return nil
	}
	return w.sink.add(&w.current)
}

// Close writes what was held back and the end of the format. It does not close the io.Writer.
func (w *Writer) Close(run Run) error { return w.sink.close(&run) }

// lineSink writes JSON lines: one write a record, so that a reader sees each as it completes.
type lineSink struct {
	out     io.Writer
	options Options
	buf     []byte
	dns     dnsFacts // of the record that is being written
}

func (s *lineSink) add(r *triage.Result) error {
	rec := newRecord(s.options.Run, s.options.Vantage, r, &s.dns)
	s.buf = append(rec.AppendJSON(s.buf[:0]), '\n')
	if _, err := s.out.Write(s.buf); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func (s *lineSink) close(run *Run) error {
	s.buf = append(run.AppendJSON(append(s.buf[:0], `{"run":`...)), "}\n"...)
	if _, err := s.out.Write(s.buf); err != nil {
		return fmt.Errorf("write run: %w", err)
	}
	return nil
}

// documentSink writes one JSON document. It holds records encoded, which takes a fraction of what they take as structs.
type documentSink struct {
	out     io.Writer
	options Options
	buf     []byte
	records []encodedRecord
}

type encodedRecord struct {
	position
	json []byte
}

func (s *documentSink) add(r *triage.Result) error {
	rec := NewRecord(s.options.Run, s.options.Vantage, r)
	s.buf = rec.AppendJSON(s.buf[:0])
	s.records = append(s.records, encodedRecord{position: positionOf(&rec, &r.Facts), json: bytes.Clone(s.buf)})
	return nil
}

func (s *documentSink) close(run *Run) error {
	slices.SortStableFunc(s.records, func(a, b encodedRecord) int { return a.compare(b.position) })
	out := newOutput(s.out)
	out.text(`{"schema":`, strconv.Itoa(schema), `,"run":`)
	out.bytes(run.AppendJSON(s.buf[:0]))
	out.text(`,"records":[`)
	for i := range s.records {
		if i > 0 {
			out.text(",")
		}
		out.bytes(s.records[i].json)
	}
	out.text("]}\n")
	if err := out.flush(); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}

// position is where a record stands in the sorted formats: by severity, worst first, then by days left, then by name.
type position struct {
	rank int
	days float64 // +Inf where no certificate counts
	name string
}

// positionOf returns the position of a record that was made from f.
func positionOf(r *Record, f *triage.Facts) position {
	return position{rank: r.Severity.Rank(), days: worstDays(r, f), name: r.Name}
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(q.rank, p.rank), cmp.Compare(p.days, q.days), cmp.Compare(p.name, q.name))
}

// worstDays returns the days left of the name's certificate that ends first, +Inf where none was seen.
func worstDays(r *Record, f *triage.Facts) float64 {
	worst := math.Inf(1)
	for i := range r.Endpoints {
		if t := r.Endpoints[i].TLS; t != nil && t.DaysLeft != nil && isOfName(f, i) {
			worst = min(worst, *t.DaysLeft)
		}
	}
	return worst
}

// isOfName reports whether the certificate seen at endpoint i is the name's: it covers the name, and where only some of
// the addresses are ours, one of those shows it.
func isOfName(f *triage.Facts, i int) bool {
	o := &f.Probes[i]
	if f.Owner != nil && f.Owner.Verdict == "mixed" && o.Target.Via != "origin" &&
		!slices.Contains(f.OursAddrs, o.Target.Addr.Addr()) {
		return false
	}
	// A host that verifies a wildcard may have a certificate of its own.
	own := func(name string) bool { return strings.EqualFold(name, f.Domain.Name) }
	return o.TLS.NameMatches && (!f.Domain.Wildcard() || slices.ContainsFunc(o.TLS.Chain[0].Names, own))
}
