package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"certscan/triage"
)

// Explain writes everything that is known of one name: what the DNS, the servers and the list said, every rule that
// was tried for the verdict and for each finding, and the findings. It works nothing out: rules and reasons are those
// of r. Lines wrap at width cells; 0 does not wrap.
func Explain(w io.Writer, r triage.Result, width int) error {
	p := newPage(w, width)
	explainDomain(p, &r.Facts)
	explainDNS(p, &r.Facts)
	explainEndpoints(p, &r.Facts)
	explainOwnership(p, "Ownership", &r.Facts)
	explainPast(p, &r.Facts)
	for i := range r.Facts.Names {
		explainName(p, &r.Facts, i)
	}
	explainTriage(p, &r)
	explainFindings(p, &r)
	if err := p.out.flush(); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

func explainDomain(p *page, f *triage.Facts) {
	d := &f.Domain
	title := cmp.Or(d.Display, d.Name)
	if title != d.Name {
		title += " (" + d.Name + ")"
	}
	p.wrapped("", 0, title)
	p.line(2, "invalid", d.Invalid)
	p.line(2, "source", d.Source)
	p.line(2, "owner", d.Owner)
	p.line(2, "manager", d.Manager)
	p.line(2, "expected", string(d.Expect))
	p.line(2, "origin", strings.Join(d.Origin, ", "))
	p.line(2, "names", some(d.SANs))
	p.line(2, "verify", some(d.Verify))
	explainWay(p, f)
	p.line(2, "tags", strings.Join(d.Tags, ", "))
	p.line(2, "looked at", stamp(f.At)+", took "+short(f.Elapsed))
	p.line(2, "our failure", f.Failure)
}

// explainWay writes how the list wants the name to be looked at and renewed.
func explainWay(p *page, f *triage.Facts) {
	d := &f.Domain
	if d.At.IsValid() {
		p.line(2, "address", d.At.String())
	}
	ports := make([]string, len(d.Ports))
	for i, port := range d.Ports {
		ports[i] = strconv.Itoa(int(port))
	}
	p.line(2, "ports", some(ports))
	p.line(2, "renew", d.Renew)
	p.line(2, "challenge", d.Challenge)
	p.line(2, "DNS plugin", d.DNSPlugin)
	p.line(2, "account", d.Account)
}

// explainDNS writes what each query came to.
func explainDNS(p *page, f *triage.Facts) {
	a := f.DNS
	if a == nil {
		p.heading("DNS: not asked")
		return
	}
	p.heading("DNS")
	if a.Asked != "" && a.Asked != a.Name {
		p.line(2, "asked for", a.Asked+", a random label, since the name is a wildcard")
	}
	labels := [...]string{"A", "AAAA", "NS of apex", "A, CD=1"}
	for i, reply := range values(a.A, a.AAAA, a.Apex, a.CheckingDisabled) {
		if reply.Status == "" {
			continue
		}
		text := string(reply.Status)
		if reply.Server.IsValid() {
			text += " from " + reply.Server.String()
		}
		p.line(2, labels[i], fmt.Sprintf("%s, %s, %s", text, queries(reply.Attempts), short(reply.Elapsed)))
		for _, e := range reply.EDE {
			p.line(2, "", extendedErrText(e.Code, e.Text))
		}
	}
	if len(a.CNAMEs) > 0 {
		p.line(2, "CNAME", cmp.Or(a.Asked, a.Name)+" -> "+strings.Join(a.CNAMEs, " -> "))
	}
	if a.Loop {
		p.line(2, "loop", "the CNAME chain returns to itself, or is too long")
	}
	p.line(2, "addresses", joined(a.Addrs))
	if a.Dropped > 0 {
		p.line(2, "left out", grouped(a.Dropped)+" more, above the limit")
	}
	p.line(2, "registrable", a.Registrable)
	p.line(2, "servers", some(a.Nameservers))
	explainInquiry(p, f)
	if t := a.Traps; t != nil {
		p.line(2, "CAA", string(t.State)+": "+t.Why)
		if b := &t.HTTPS; b.Status != "" {
			text := string(b.Status)
			if len(b.Hints) > 0 {
				text += ", hints " + joined(b.Hints)
			}
			if len(b.Targets) > 0 {
				text += ", leads to " + some(b.Targets) + " at " + joined(b.TargetAddrs)
			}
			p.line(2, "HTTPS", text)
		}
		p.line(2, "wildcard", t.Wildcard)
	}
}

// explainInquiry writes what name servers and registry said, where they were asked.
func explainInquiry(p *page, f *triage.Facts) {
	i := f.DNS.Inquiry
	if i == nil {
		return
	}
	if i.Parent.State != "" {
		p.line(2, "parent zone", fmt.Sprintf("%s for %s: %s", i.Parent.State, i.Parent.Domain, i.Parent.Why))
	}
	p.line(2, "overruled", i.Overruled)
	p.line(2, "at odds", i.Odds)
	for _, note := range i.Notes {
		p.line(2, "asked directly", note)
	}
	explainSecond(p, f)
	r := &i.Registration
	if r.State == "" {
		return
	}
	p.line(2, "registry", strings.TrimSuffix(string(r.State)+" for "+r.Domain+"; "+r.Why, "; "))
	labels := [...]string{"since", "until", "ask again"}
	for n, at := range [...]time.Time{r.Created, r.Expires, r.Retry} {
		if !at.IsZero() {
			p.line(2, labels[n], stamp(at))
		}
	}
}

// explainSecond writes what a resolver of another operator said, where one was to be asked.
func explainSecond(p *page, f *triage.Facts) {
	switch s := &f.DNS.Inquiry.Second; {
	case s.State == "":
	case s.Server == "":
		p.line(2, "second", "none of another operator than "+s.First+" is named")
	case s.Why != "":
		p.line(2, "second", s.Server+" "+s.Why)
	default:
		text := fmt.Sprintf("%s: A %s, AAAA %s", s.Server, s.A, s.AAAA)
		if len(s.Addrs) > 0 {
			text += ": " + joined(s.Addrs)
		}
		p.line(2, "second", text)
	}
}

// explainPast writes what earlier runs saw, where somebody asked for it.
func explainPast(p *page, f *triage.Facts) {
	past := f.Past
	if past == nil {
		return
	}
	p.heading("Earlier runs")
	if past.First.IsZero() {
		p.line(2, "first seen", "never")
		return
	}
	p.line(2, "first seen", stamp(past.First))
	labels := [...]string{"last look", "trusted", "ended"}
	for i, s := range values(past.Last, past.Trusted, past.Ended) {
		if s.Verdict == "" {
			continue
		}
		verdict := string(s.Verdict)
		if s.Reason != "" {
			verdict += "/" + string(s.Reason)
		}
		p.line(2, labels[i], fmt.Sprintf("%s, since %s, seen at last %s", verdict, stamp(s.Since), stamp(s.Seen)))
	}
}

// explainOwnership writes the verdict on a name and every rule that was tried for it.
func explainOwnership(p *page, title string, f *triage.Facts) {
	o := f.Owner
	if o == nil {
		p.heading(title + ": not judged")
		return
	}
	title += ": " + string(o.Verdict)
	if o.Reason != "" {
		title += "/" + string(o.Reason)
	}
	if len(o.Evidence) > 0 {
		title += ", because " + strings.Join(o.Evidence, "; ")
	}
	p.heading(title)
	p.line(2, "provider", o.Provider)
	p.line(2, "confidence", string(o.Confidence))
	p.line(2, "doubt", o.Doubt)
	for _, rule := range o.Tried {
		explainRule(p, rule.Name, rule.Matched, rule.Why)
	}
}

// explainName writes one further name of the same input, in the way of the first.
func explainName(p *page, f *triage.Facts, i int) {
	n := &f.Names[i]
	own := triage.Facts{DNS: &n.DNS, Owner: &n.Owner}
	p.heading("Further name " + n.Name)
	if n.Covered {
		p.line(2, "certificate", "the one that is served covers it")
	} else {
		p.line(2, "certificate", "none that is served covers it")
	}
	explainDNS(p, &own)
	explainOwnership(p, "Ownership of "+n.Name, &own)
}

func explainTriage(p *page, r *triage.Result) {
	p.heading("Rules tried, " + stamp(r.JudgedAt))
	for _, rule := range r.Tried {
		explainRule(p, rule.Name, rule.Matched, rule.Why)
	}
}

// explainRule writes one rule: "yes" where it matched.
func explainRule(p *page, name string, matched bool, why string) {
	mark := "no "
	if matched {
		mark = "yes"
	}
	p.ruleLine(mark, name, why)
}

func explainFindings(p *page, r *triage.Result) {
	if len(r.Findings) == 0 {
		p.heading("Findings: none, " + string(r.Severity))
		return
	}
	p.heading("Findings: " + string(r.Severity))
	for i := range r.Findings {
		f := &r.Findings[i]
		about := string(f.Code)
		if f.Name != "" {
			about += " for " + f.Name
		}
		if f.Address != "" {
			about += " at " + f.Address
		}
		p.line(2, string(f.Severity)+" "+string(f.Priority), about+": "+f.Message)
		if f.Action != "" && f.Action != triage.ActionNone {
			p.line(2, "", "to do: "+strings.ReplaceAll(string(f.Action), "_", " "))
		}
	}
}

// values collects values of a type that this package does not name.
func values[T any](v ...T) []T { return v }

func queries(n int) string {
	if n == 1 {
		return "1 query"
	}
	return grouped(n) + " queries"
}

// joined writes a list of whatever can write itself.
func joined[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// some writes the first names of a list that may be long.
func some(names []string) string {
	const shown = 20
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shown], ", ") + " and " + grouped(len(names)-shown) + " more"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// short writes a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	default:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
}

// extendedErrNames holds the names of extended DNS errors by code (RFC 8914 §5.2).
var extendedErrNames = [...]string{
	"Other", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
	"DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing",
	"RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored",
	"Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported", "No Reachable Authority",
	"Network Error", "Invalid Data",
}

func extendedErrText(code uint16, text string) string {
	s := "EDE " + strconv.Itoa(int(code))
	if int(code) < len(extendedErrNames) {
		s += " (" + extendedErrNames[code] + ")"
	}
	if text != "" {
		s += ": " + text
	}
	return s
}

// certificateNames writes the names of a certificate, each once, in their order.
func certificateNames(names []string) string {
	seen := make(map[string]bool, len(names))
	return some(slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	}))
}
