package report

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"certscan/triage"
)

// NewRecord returns the record of one judgement, for the run of the given id and vantage point. It is pure, and shares
// the lists of r, which must not be changed afterwards.
func NewRecord(run, vantage string, r *triage.Result) Record {
	return newRecord(run, vantage, r, new(dnsFacts))
}

// newRecord is NewRecord with the place for what the DNS said: who writes a record and forgets it uses one place for all.
func newRecord(run, vantage string, r *triage.Result, place *dnsFacts) Record {
	f := &r.Facts
	at := instant(f.At)
	if at.IsZero() {
		at = instant(r.JudgedAt)
	}
	return Record{
		Schema: schema, Run: run, Vantage: vantage,
		Domain:  cmp.Or(f.Domain.Display, f.Domain.Name),
		Name:    f.Domain.Name,
		Owner:   f.Domain.Owner,
		Manager: f.Domain.Manager,
		Source:  f.Domain.Source,

		CheckedAt: at, ElapsedMS: f.Elapsed.Milliseconds(),
		Since:     instant(r.Since),
		Severity:  r.Severity,
		Findings:  newFindings(r.Findings),
		Names:     newNames(f),
		DNS:       newDNS(f, place),
		Endpoints: newEndpoints(f, at),
	}
}

func newFindings(from []triage.Finding) []finding {
	to := make([]finding, len(from))
	for i := range from {
		to[i] = finding(from[i])
	}
	return to
}

func newNames(f *triage.Facts) []furtherName {
	to := make([]furtherName, len(f.Names))
	for i := range f.Names {
		n := &f.Names[i]
		to[i] = furtherName{
			Name:    n.Name,
			Verdict: string(n.Owner.Verdict),
			Reason:  string(n.Owner.Reason),
			Covered: n.Covered,
		}
	}
	return to
}

func newDNS(f *triage.Facts, d *dnsFacts) *dnsFacts {
	if f.DNS == nil && f.Owner == nil {
		return nil
	}
	*d = dnsFacts{
		EDE: []extendedErr{}, Addresses: []netip.Addr{}, CNAME: []string{}, Nameservers: []string{}, Evidence: []string{},
		CAA:          caa{State: "unchecked"},
		Registration: registration{State: "unchecked"},
	}
	if o := f.Owner; o != nil {
		d.Verdict, d.Reason = string(o.Verdict), string(o.Reason)
		d.Provider, d.Confidence = o.Provider, string(o.Confidence)
		d.Evidence = list(o.Evidence)
	}
	if a := f.DNS; a != nil {
		d.Rcode = rcode(string(a.A.Status), string(a.AAAA.Status))
		d.EDE = extendedErrs(f)
		d.Registration = newRegistration(f)
		if t := a.Traps; t != nil {
			d.CAA = caa{State: string(t.State), At: cmp.Or(t.CAA.At, t.CAA.FailedAt)}
		}
		d.Addresses, d.CNAME, d.Nameservers = list(a.Addrs), list(a.CNAMEs), list(a.Nameservers)
	}
	return d
}

// newRegistration tells what the registry says of the name's own registrable domain.
func newRegistration(f *triage.Facts) registration {
	to := registration{State: "unchecked"}
	if i := f.DNS.Inquiry; i != nil {
		if from := &i.Registration; from.State != "" && from.Domain == f.DNS.Registrable {
			to = registration{State: string(from.State), Expires: instant(from.Expires), Source: from.Source}
		}
	}
	return to
}

// rcode is the one rcode of two queries for the same name: NODATA is NOERROR on the wire (RFC 2308 §2.2), a statement
// about the name goes before a failure, and a reply that never came has none.
func rcode(a, aaaa string) string {
	failing := ""
	for _, s := range [...]string{aaaa, a} {
		switch s {
		case "", "TIMEOUT", "CANCELED", "NOERROR", "NODATA", "NXDOMAIN":
		default:
			failing = s
		}
	}
	has := func(s string) bool { return a == s || aaaa == s }
	switch {
	case has("NOERROR") || has("NODATA"):
		return "NOERROR"
	case has("NXDOMAIN"):
		return "NXDOMAIN"
	default:
		return failing
	}
}

// extendedErrs joins what both families gave, each once.
func extendedErrs(f *triage.Facts) []extendedErr {
	to := []extendedErr{}
	for _, e := range slices.Concat(f.DNS.A.EDE, f.DNS.AAAA.EDE) {
		if e := extendedErr(e); !slices.Contains(to, e) {
			to = append(to, e)
		}
	}
	return to
}

func newEndpoints(f *triage.Facts, at time.Time) []endpoint {
	to := make([]endpoint, len(f.Probes))
	for i := range f.Probes {
		o := &f.Probes[i]
		e := &to[i]
		e.Address, e.Port = o.Target.Addr.Addr(), o.Target.Addr.Port()
		e.Via, e.ElapsedMS = string(o.Target.Via), o.Elapsed.Milliseconds()
		if o.Err != nil {
			e.Error = &failure{Step: string(o.Err.Step), Code: string(o.Err.Code), Detail: o.Err.Detail}
		}
		e.TLS = newHandshake(f, i, at)
		if h := o.HTTP; h != nil {
			e.HTTP = &httpOutcome{
				Method: h.Method, Status: h.Status,
				RedirectsToHTTPS: h.RedirectsToHTTPS, HSTSMaxAge: h.HSTSMaxAge,
			}
		}
	}
	return to
}

// newHandshake returns what TLS showed at endpoint i, nil where no certificate was seen.
func newHandshake(f *triage.Facts, i int, at time.Time) *handshake {
	h := f.Probes[i].TLS
	if h == nil {
		return nil
	}
	to := &handshake{
		Version: h.Version, Cipher: h.Cipher, ALPN: h.ALPN,
		Untested:    list(h.Untested),
		NameMatches: h.NameMatches,
		Chain:       string(h.Trust),
		Revocation: revocation{
			Status: string(h.Revocation.Status), Via: string(h.Revocation.Via),
			CheckedAt: instant(h.Revocation.CheckedAt), MustStaple: h.Revocation.MustStaple,
		},
	}
	if len(h.Chain) == 0 {
		return to
	}
	c := &h.Chain[0]
	to.Cert = &leaf{
		CommonName: c.CommonName, Names: list(c.Names), Issuer: c.Issuer, Serial: c.Serial,
		NotBefore: instant(c.NotBefore), NotAfter: instant(c.NotAfter),
		SHA256: c.SHA256, Key: c.Key, Signature: c.Signature,
	}
	days := daysLeft(c.NotAfter, at)
	to.DaysLeft = &days
	return to
}

// daysLeft returns the days from at to end in whole tenths: neither what is left nor what is past is rounded up. Seconds
// are counted, since a time.Duration ends after 292 years and certificates do not.
func daysLeft(end, at time.Time) float64 {
	const perDay = 86_400
	return float64((end.Unix()-at.Unix())*10/perDay) / 10 // division of integers is towards zero
}

// instant returns t as a record holds it: UTC and whole seconds. What RFC 3339 cannot write becomes zero, unknown.
func instant(t time.Time) time.Time {
	if !known(t) {
		return time.Time{}
	}
	return t.UTC().Add(-time.Duration(t.Nanosecond()))
}

// The seconds since 1970 that RFC 3339 can write: from the year 0 to the end of 9999. The first of the year 1 is the zero
// time.
const (
	firstSecond = -62167219200
	zeroSecond  = -62135596800
	lastSecond  = 253402300799
)

// known reports whether an instant is other than zero to the second, and can be written.
func known(t time.Time) bool {
	s := t.Unix()
	return s != zeroSecond && s >= firstSecond && s <= lastSecond
}

// list returns l, and an empty list for nil: the record knows no missing lists.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
