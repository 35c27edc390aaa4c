package dns

import (
	"context"
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// CAARecord is one CAA record (RFC 8659 §4.1). Tag and Value are as the zone has them: hostile until sanitised.
type CAARecord struct {
	Flag       uint8
	Tag, Value string
}

// CAASet is the closest CAA records on the way from a name up to its top-level domain (RFC 8659 §3).
type CAASet struct {
	// Asked says that it was looked for at all.
	Asked bool
	// At is the name at which Records stand; empty where there are none up to the top.
	At      string
	Records []CAARecord
	// Failed is the outcome of the question that failed at FailedAt, before any were found: a CA refuses then.
	Failed   Status
	FailedAt string
}

// caaLevel is what one name on the way up has.
type caaLevel struct {
	status  Status
	records []CAARecord
}

// climb looks for the closest set. A CNAME is the resolver's business: what it answers for the name counts, and the climb
// goes on at the name itself (RFC 8659 §3).
func (r *Resolver) climb(ctx context.Context, x exchanger, name string) CAASet {
	for at := name; at != ""; _, at, _ = strings.Cut(at, ".") {
		l := r.caa.get(at, func() (caaLevel, bool) {
			m := x.exchange(ctx, query{name: at, qtype: mdns.TypeCAA})[0]
			l := caaLevel{status: m.reply.Status}
			for _, rr := range m.records {
				if c, ok := rr.(*mdns.CAA); ok {
					l.records = append(l.records, CAARecord{c.Flag, c.Tag, c.Value})
				}
			}
			return l, l.status.OK()
		})
		switch {
		case !l.status.OK():
			return CAASet{Asked: true, Failed: l.status, FailedAt: at}
		case len(l.records) > caaRecordsMax:
			return CAASet{Asked: true, Failed: StatusOther, FailedAt: at}
		case len(l.records) > 0:
			return CAASet{Asked: true, At: at, Records: l.records}
		}
	}
	return CAASet{Asked: true}
}

// CAAState says whether a CA may issue.
type CAAState string

// The closed set of CAA states.
const (
	CAAAllows      CAAState = "allows"
	CAAForbids     CAAState = "forbids"
	CAAUnreachable CAAState = "unreachable"
	CAAUnchecked   CAAState = "unchecked"
)

// CAARequest is who wants to issue, and how.
type CAARequest struct {
	Issuer   string // the CA's domain, such as letsencrypt.org
	Account  string // the URI of the account (RFC 8657 §3); empty where it is not known
	Method   string // the challenge, such as http-01 (RFC 8657 §4)
	Wildcard bool
}

// Judge says whether a set lets a CA issue, and why in words (RFC 8659 §4, RFC 8657). Where the account is not known, a record
// that demands one is taken to mean it, and the words say so. It is pure.
func (s *CAASet) Judge(r CAARequest) (state CAAState, why string) {
	switch {
	case !s.Asked:
		return CAAUnchecked, "CAA was not asked"
	case s.FailedAt != "":
		return CAAUnreachable, fmt.Sprintf("the question for CAA at %s ended in %s, and a CA that cannot read it refuses", s.FailedAt, s.Failed)
	case len(s.Records) == 0:
		return CAAAllows, "no CAA record up to the top: any CA may issue"
	}
	for _, c := range s.Records {
		if known := slices.Contains(caaTags, strings.ToLower(c.Tag)); !known && c.Flag&(128|1) != 0 {
			return CAAForbids, fmt.Sprintf("CAA at %s has the critical tag %q, which no CA of ours knows", s.At, quoted(c.Tag))
		}
	}
	relevant := s.relevant(r.Wildcard)
	if len(relevant) == 0 {
		return CAAAllows, fmt.Sprintf("CAA at %s says nothing of who may issue", s.At)
	}
	var refusals []string
	for _, value := range relevant {
		refusal, note := permits(value, &r)
		if refusal == "" {
			return CAAAllows, fmt.Sprintf("CAA at %s allows %s%s", s.At, r.Issuer, note)
		}
		if !slices.Contains(refusals, refusal) && len(refusals) < 4 {
			refusals = append(refusals, refusal)
		}
	}
	return CAAForbids, fmt.Sprintf("CAA at %s: %s", s.At, strings.Join(refusals, "; "))
}

// caaTags are the tags that Let's Encrypt knows; a critical one of any other forbids.
var caaTags = []string{"issue", "issuewild", "iodef", "issuemail"}

// relevant returns the values that count: for a wildcard those of issuewild where there are any, else those of issue (RFC
// 8659 §4.3).
func (s *CAASet) relevant(wildcard bool) (issue []string) {
	var wild []string
	for _, c := range s.Records {
		switch strings.ToLower(c.Tag) {
		case "issue":
			issue = append(issue, c.Value)
		case "issuewild":
			wild = append(wild, c.Value)
		}
	}
	if wildcard && len(wild) > 0 {
		return wild
	}
	return issue
}

// permits says why a value does not let the request through; "" does, with a note in brackets where something is not known.
func permits(value string, r *CAARequest) (refusal, note string) {
	issuer, parameters, ok := parseIssue(value)
	switch {
	case !ok:
		return fmt.Sprintf("%q cannot be read and lets nobody issue", quoted(value)), ""
	case issuer == "":
		return "no CA may issue", ""
	case issuer != r.Issuer:
		return fmt.Sprintf("only %s may issue, which %s is not", quoted(issuer), r.Issuer), ""
	}
	accounts, methods := parameters["accounturi"], parameters["validationmethods"]
	switch {
	case len(accounts) > 1 || len(methods) > 1:
		return "a parameter stands twice, which nobody satisfies (RFC 8657)", ""
	case len(methods) == 1 && !slices.Contains(strings.Split(methods[0], ","), r.Method):
		return fmt.Sprintf("only by %s, and not by %s", quoted(methods[0]), r.Method), ""
	case len(accounts) == 1 && r.Account != "" && accounts[0] != r.Account:
		return fmt.Sprintf("only for the account %s, which is not ours", quoted(accounts[0])), ""
	case len(accounts) == 1 && r.Account == "":
		return "", fmt.Sprintf(" (only for the account %s; which is ours is not known)", quoted(accounts[0]))
	}
	return "", ""
}

// parseIssue reads the value of issue and issuewild (RFC 8659 §4.2): a domain, and parameters behind semicolons.
func parseIssue(value string) (issuer string, parameters map[string][]string, ok bool) {
	parts := strings.Split(value, ";")
	issuer = strings.Trim(parts[0], " \t")
	if !issuerName(issuer) {
		return "", nil, false
	}
	parameters = map[string][]string{}
	for i, part := range parts[1:] {
		part = strings.Trim(part, " \t")
		if part == "" && i == len(parts)-2 {
			continue // nothing behind the last semicolon
		}
		tag, v, found := strings.Cut(part, "=")
		tag, v = strings.Trim(tag, " \t"), strings.Trim(v, " \t")
		if !found || !parameterTag(tag) || strings.ContainsFunc(v, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return "", nil, false
		}
		tag = strings.ToLower(tag)
		parameters[tag] = append(parameters[tag], v)
	}
	return issuer, parameters, true
}

// issuerName reports whether a text is empty or labels of letters, digits and hyphens.
func issuerName(text string) bool {
	return text == "" || !slices.ContainsFunc(strings.Split(text, "."), func(l string) bool { return !parameterTag(l) })
}

// parameterTag reports whether a text is a tag, or a label: letters and digits, with hyphens between them.
func parameterTag(text string) bool {
	alphanumeric := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' }
	for i := range len(text) {
		if !alphanumeric(text[i]) && (text[i] != '-' || i == 0 || i == len(text)-1) {
			return false
		}
	}
	return text != ""
}

// quoted bounds what is quoted of a record.
func quoted(text string) string { return clipped(text, 120) }
