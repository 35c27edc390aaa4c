package report

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"certscan/triage"
)

// csvColumns are the columns of CSV, in order: what docs/formats.md says of each.
var csvColumns = []string{
	"severity", "domain", "name", "owner", "manager", "source", "checked_at", "elapsed_ms",
	"verdict", "reason", "confidence", "provider", "addresses", "cname", "nameservers", "evidence", "registration",
	"registered_until",
	"codes", "priority", "action", "messages",
	"days_left", "not_after", "issuer", "common_name", "chain", "revocation", "tls_version", "http_status", "errors", "run",
}

// csvSink writes CSV: a header, then one write a record, so that a reader sees each as it completes.
type csvSink struct {
	out     io.Writer
	options Options
	buf     []byte
	cell    []byte   // of several texts, used again for each
	dns     dnsFacts // of the record that is being written
	begun   bool
}

func (s *csvSink) add(r *triage.Result) error {
	rec := newRecord(s.options.Run, s.options.Vantage, r, &s.dns)
	s.begin()
	s.row(&rec, &r.Facts)
	return s.flush()
}

// close writes the header where there was no record. CSV has no place for the run: the closing count and the exit status
// tell whether it was cut.
func (s *csvSink) close(*Run) error {
	s.begin()
	return s.flush()
}

func (s *csvSink) flush() error {
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func (s *csvSink) begin() {
	if !s.begun {
		s.begun = true
		s.buf = append(append(s.buf, strings.Join(csvColumns, ",")...), '\n')
	}
}

// text appends one cell of text, whoever wrote it.
func (s *csvSink) text(text string) { s.buf = append(appendCell(s.buf, text), ',') }

// number appends one cell that is a number of ours, or empty.
func (s *csvSink) number(digits string) { s.buf = append(append(s.buf, digits...), ',') }

func (s *csvSink) texts(list []string) { s.text(strings.Join(list, " ")) }

func (s *csvSink) addresses(list []netip.Addr) {
	s.cell = s.cell[:0]
	for i, a := range list {
		if i > 0 {
			s.cell = append(s.cell, ' ')
		}
		s.cell = a.AppendTo(s.cell)
	}
	s.text(string(s.cell))
}

func (s *csvSink) instant(t time.Time) {
	if known(t) {
		s.buf = appendInstant(s.buf, t)
	}
	s.buf = append(s.buf, ',')
}

func (s *csvSink) row(r *Record, f *triage.Facts) {
	s.text(string(r.Severity))
	for _, text := range []string{r.Domain, r.Name, r.Owner, r.Manager, r.Source} {
		s.text(text)
	}
	s.instant(r.CheckedAt)
	s.buf = append(strconv.AppendInt(s.buf, r.ElapsedMS, 10), ',')
	s.ownership(r.DNS)
	s.findings(r.Findings)
	s.certificate(r, f)
	s.text(r.Run)
	s.buf[len(s.buf)-1] = '\n' // for the comma behind the last cell
}

func (s *csvSink) ownership(d *dnsFacts) {
	if d == nil {
		d = &dnsFacts{}
	}
	for _, text := range []string{d.Verdict, d.Reason, d.Confidence, d.Provider} {
		s.text(text)
	}
	s.addresses(d.Addresses)
	s.texts(d.CNAME)
	s.texts(d.Nameservers)
	s.text(strings.Join(d.Evidence, "; "))
	s.text(d.Registration.State)
	s.instant(d.Registration.Expires)
}

// findings appends all codes and messages, and the priority and action of the worst.
func (s *csvSink) findings(list []finding) {
	var codes, messages []string
	var worst finding
	for i := range list {
		f := &list[i]
		if i == 0 {
			worst = *f
		}
		codes = append(codes, string(f.Code))
		about := ""
		if f.Name != "" {
			about = f.Name + ": "
		}
		messages = append(messages, about+f.Message)
	}
	s.texts(codes)
	s.text(string(worst.Priority))
	s.text(string(worst.Action))
	s.text(strings.Join(messages, "; "))
}

// certificate appends what the endpoint shows whose certificate ends first, and every error.
func (s *csvSink) certificate(r *Record, f *triage.Facts) {
	shown, errs := firstEnding(r, f), []string(nil)
	for i := range r.Endpoints {
		if e := r.Endpoints[i].Error; e != nil {
			errs = append(errs, fmt.Sprintf("%s %s %s: %s", r.Endpoints[i].Address, e.Step, e.Code, e.Detail))
		}
	}
	if shown == nil {
		shown = &endpoint{}
	}
	h, c := shown.TLS, &leaf{}
	if h == nil {
		h = &handshake{}
	}
	if h.Cert != nil {
		c = h.Cert
	}
	s.number(daysCell(worstDays(r, f)))
	s.instant(c.NotAfter)
	for _, text := range []string{c.Issuer, c.CommonName, h.Chain, h.Revocation.Status, h.Version} {
		s.text(text)
	}
	status := ""
	if shown.HTTP != nil && shown.HTTP.Status > 0 {
		status = strconv.Itoa(shown.HTTP.Status)
	}
	s.number(status)
	s.text(strings.Join(errs, "; "))
}

// firstEnding returns the endpoint with the name's certificate that ends first; where none shows it, the first one.
func firstEnding(r *Record, f *triage.Facts) *endpoint {
	var found *endpoint
	for i := range r.Endpoints {
		e := &r.Endpoints[i]
		if e.TLS == nil || e.TLS.DaysLeft == nil || !isOfName(f, i) {
			continue
		}
		if found == nil || *e.TLS.DaysLeft < *found.TLS.DaysLeft {
			found = e
		}
	}
	if found == nil && len(r.Endpoints) > 0 {
		found = &r.Endpoints[0]
	}
	return found
}
