package report

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// AppendJSON appends the record as one JSON object to dst, without white space. It allocates nothing where dst has
// room. What is not UTF-8 becomes U+FFFD.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"schema":`...), int64(r.Schema), 10)
	dst = appendJSON(append(dst, `,"run":`...), r.Run)
	dst = appendJSON(append(dst, `,"vantage":`...), r.Vantage)
	dst = appendJSON(append(dst, `,"domain":`...), r.Domain)
	dst = appendJSON(append(dst, `,"name":`...), r.Name)
	dst = appendJSON(append(dst, `,"owner":`...), r.Owner)
	dst = appendJSON(append(dst, `,"manager":`...), r.Manager)
	dst = appendJSON(append(dst, `,"source":`...), r.Source)
	dst = appendTime(append(dst, `,"checked_at":`...), r.CheckedAt)
	dst = strconv.AppendInt(append(dst, `,"elapsed_ms":`...), r.ElapsedMS, 10)
	dst = appendTime(append(dst, `,"since":`...), r.Since)
	dst = appendJSON(append(dst, `,"severity":`...), string(r.Severity))
	dst = appendList(append(dst, `,"findings":`...), r.Findings)
	dst = appendList(append(dst, `,"names":`...), r.Names)
	dst = appendOrNull(append(dst, `,"dns":`...), r.DNS)
	dst = appendList(append(dst, `,"endpoints":`...), r.Endpoints)
	return append(dst, '}')
}

// DecodeRecord reads one record back. Keys that it does not know are passed over; a record of another schema is an
// error.
func DecodeRecord(data []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("decode record: %w", err)
	}
	if r.Schema != schema {
		return Record{}, fmt.Errorf("decode record: schema %d is not %d", r.Schema, schema)
	}
	return r, nil
}

// encoder is a part of the record that appends itself.
type encoder[T any] interface {
	*T
	appendTo(dst []byte) []byte
}

func appendList[T any, P encoder[T]](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i := range list {
		dst = P(&list[i]).appendTo(appendComma(dst, i))
	}
	return append(dst, ']')
}

func appendOrNull[T any, P encoder[T]](dst []byte, part P) []byte {
	if part == nil {
		return append(dst, "null"...)
	}
	return part.appendTo(dst)
}

func (f *finding) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"code":`...), string(f.Code))
	dst = appendJSON(append(dst, `,"severity":`...), string(f.Severity))
	dst = appendJSON(append(dst, `,"priority":`...), string(f.Priority))
	dst = appendJSON(append(dst, `,"message":`...), f.Message)
	dst = appendJSON(append(dst, `,"action":`...), string(f.Action))
	dst = appendJSON(append(dst, `,"address":`...), f.Address)
	dst = appendJSON(append(dst, `,"name":`...), f.Name)
	return append(dst, '}')
}

func (n *furtherName) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"name":`...), n.Name)
	dst = appendJSON(append(dst, `,"verdict":`...), n.Verdict)
	dst = appendJSON(append(dst, `,"reason":`...), n.Reason)
	dst = strconv.AppendBool(append(dst, `,"covered":`...), n.Covered)
	return append(dst, '}')
}

func (d *dnsFacts) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"verdict":`...), d.Verdict)
	dst = appendJSON(append(dst, `,"reason":`...), d.Reason)
	dst = appendJSON(append(dst, `,"confidence":`...), d.Confidence)
	dst = appendJSON(append(dst, `,"rcode":`...), d.Rcode)
	dst = appendList(append(dst, `,"ede":`...), d.EDE)
	dst = append(dst, `,"addresses":[`...)
	for i, a := range d.Addresses {
		dst = appendAddr(appendComma(dst, i), a)
	}
	dst = appendStrings(append(dst, `],"cname":`...), d.CNAME)
	dst = appendStrings(append(dst, `,"nameservers":`...), d.Nameservers)
	dst = appendJSON(append(dst, `,"provider":`...), d.Provider)
	dst = appendJSON(append(dst, `,"caa":{"state":`...), d.CAA.State)
	dst = appendJSON(append(dst, `,"at":`...), d.CAA.At)
	dst = appendJSON(append(dst, `},"registration":{"state":`...), d.Registration.State)
	dst = appendTime(append(dst, `,"expires":`...), d.Registration.Expires)
	dst = appendJSON(append(dst, `,"source":`...), d.Registration.Source)
	dst = appendStrings(append(dst, `},"evidence":`...), d.Evidence)
	return append(dst, '}')
}

func (e *extendedErr) appendTo(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"code":`...), uint64(e.Code), 10)
	dst = appendJSON(append(dst, `,"text":`...), e.Text)
	return append(dst, '}')
}

func (e *endpoint) appendTo(dst []byte) []byte {
	dst = appendAddr(append(dst, `{"address":`...), e.Address)
	dst = strconv.AppendUint(append(dst, `,"port":`...), uint64(e.Port), 10)
	dst = appendJSON(append(dst, `,"via":`...), e.Via)
	dst = strconv.AppendInt(append(dst, `,"elapsed_ms":`...), e.ElapsedMS, 10)
	dst = appendOrNull(append(dst, `,"error":`...), e.Error)
	dst = appendOrNull(append(dst, `,"tls":`...), e.TLS)
	dst = appendOrNull(append(dst, `,"http":`...), e.HTTP)
	return append(dst, '}')
}

func (f *failure) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"step":`...), f.Step)
	dst = appendJSON(append(dst, `,"code":`...), f.Code)
	dst = appendJSON(append(dst, `,"detail":`...), f.Detail)
	return append(dst, '}')
}

func (h *handshake) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"version":`...), h.Version)
	dst = appendJSON(append(dst, `,"cipher":`...), h.Cipher)
	dst = appendJSON(append(dst, `,"alpn":`...), h.ALPN)
	dst = appendJSON(append(dst, `,"grade":`...), h.Grade)
	dst = appendStrings(append(dst, `,"untested":`...), h.Untested)
	dst = appendOrNull(append(dst, `,"cert":`...), h.Cert)
	dst = appendFloat(append(dst, `,"days_left":`...), h.DaysLeft)
	dst = strconv.AppendBool(append(dst, `,"name_matches":`...), h.NameMatches)
	dst = appendJSON(append(dst, `,"chain":`...), h.Chain)
	dst = appendJSON(append(dst, `,"revocation":{"status":`...), h.Revocation.Status)
	dst = appendJSON(append(dst, `,"via":`...), h.Revocation.Via)
	dst = appendTime(append(dst, `,"checked_at":`...), h.Revocation.CheckedAt)
	dst = strconv.AppendBool(append(dst, `,"must_staple":`...), h.Revocation.MustStaple)
	return append(dst, "}}"...)
}

func (l *leaf) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"common_name":`...), l.CommonName)
	dst = appendStrings(append(dst, `,"names":`...), l.Names)
	dst = appendJSON(append(dst, `,"issuer":`...), l.Issuer)
	dst = appendJSON(append(dst, `,"serial":`...), l.Serial)
	dst = appendTime(append(dst, `,"not_before":`...), l.NotBefore)
	dst = appendTime(append(dst, `,"not_after":`...), l.NotAfter)
	dst = appendJSON(append(dst, `,"sha256":`...), l.SHA256)
	dst = appendJSON(append(dst, `,"key":`...), l.Key)
	dst = appendJSON(append(dst, `,"signature":`...), l.Signature)
	return append(dst, '}')
}

func (h *httpOutcome) appendTo(dst []byte) []byte {
	dst = appendJSON(append(dst, `{"method":`...), h.Method)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(h.Status), 10)
	dst = append(dst, `,"redirects_to_https":`...)
	if h.RedirectsToHTTPS == nil {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendBool(dst, *h.RedirectsToHTTPS)
	}
	dst = append(dst, `,"hsts_max_age":`...)
	if h.HSTSMaxAge == nil {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, *h.HSTSMaxAge, 10)
	}
	return append(dst, '}')
}

func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		dst = appendJSON(appendComma(dst, i), s)
	}
	return append(dst, ']')
}

// appendTime appends t in the form of RFC 3339, null for the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	if !known(t) {
		return append(dst, "null"...)
	}
	return append(appendInstant(append(dst, '"'), t), '"')
}

// appendInstant appends an instant that is known in the form of RFC 3339: UTC, whole seconds.
func appendInstant(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendPair(appendPair(dst, year/100), year%100)
	dst = appendPair(append(dst, '-'), int(month))
	dst = appendPair(append(dst, '-'), day)
	dst = appendPair(append(dst, 'T'), hour)
	dst = appendPair(append(dst, ':'), minute)
	dst = appendPair(append(dst, ':'), second)
	return append(dst, 'Z')
}

// appendPair appends a number below 100 as two digits.
func appendPair(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendFloat(dst []byte, f *float64) []byte {
	if f == nil || math.IsNaN(*f) || math.IsInf(*f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, *f, 'f', -1, 64)
}

// appendAddr appends an address; a zone, which alone could hold any text, is escaped like every other string.
func appendAddr(dst []byte, a netip.Addr) []byte {
	if a.Zone() != "" {
		return appendJSON(dst, a.String())
	}
	dst = append(dst, '"')
	if a.IsValid() {
		dst = a.AppendTo(dst)
	}
	return append(dst, '"')
}
