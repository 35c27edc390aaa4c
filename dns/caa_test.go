package dns

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"certscan/fixtures"
)

// TestCAAOfTheSet holds what a set of CAA records means for a CA, as RFC 8659, RFC 8657 and Let's Encrypt have it.
func TestCAAOfTheSet(t *testing.T) {
	t.Parallel()
	const us, acct = "letsencrypt.org", "https://acme-v02.api.letsencrypt.org/acme/acct/1"
	plain := CAARequest{Issuer: us, Method: "http-01"}
	wild := CAARequest{Issuer: us, Method: "dns-01", Wildcard: true}
	ours := CAARequest{Issuer: us, Method: "http-01", Account: acct}
	issue := func(values ...string) (out []CAARecord) {
		for _, v := range values {
			out = append(out, CAARecord{0, "issue", v})
		}
		return out
	}
	for _, c := range []struct {
		row     string
		records []CAARecord
		request CAARequest
		want    CAAState
		says    string
	}{
		{"nothing", nil, plain, CAAAllows, "any CA"},
		{"ours", issue(us), plain, CAAAllows, "allows letsencrypt.org"},
		{"ours among others", issue("pki.goog", us), plain, CAAAllows, ""},
		{"somebody else's", issue("pki.goog"), plain, CAAForbids, "only pki.goog"},
		{"nobody's", issue(";"), plain, CAAForbids, "no CA may issue"},
		{"nobody's, empty", issue(""), plain, CAAForbids, "no CA may issue"},
		{"compared exactly", issue("LetsEncrypt.org"), plain, CAAForbids, "only LetsEncrypt.org"},
		{"a tag in capitals", []CAARecord{{0, "ISSUE", "pki.goog"}}, plain, CAAForbids, ""},
		{"with blanks", issue(" \tletsencrypt.org ; "), plain, CAAAllows, ""},
		{"iodef alone", []CAARecord{{0, "iodef", "mailto:a@b"}}, plain, CAAAllows, "says nothing"},
		{"an unknown tag", []CAARecord{{0, "tbs", "x"}}, plain, CAAAllows, ""},
		{"an unknown tag that is critical", append(issue(us), CAARecord{128, "tbs", "x"}), plain, CAAForbids, "critical"},
		{"an unknown tag that is critical by the wrong bit", append(issue(us), CAARecord{1, "tbs", "x"}), plain, CAAForbids, "critical"},
		{"a known tag that is critical", []CAARecord{{128, "issue", us}}, plain, CAAAllows, ""},
		{"issuewild is nothing to a plain name", []CAARecord{{0, "issuewild", "pki.goog"}}, plain, CAAAllows, ""},
		{"a wildcard goes by issuewild", append(issue(us), CAARecord{0, "issuewild", ";"}), wild, CAAForbids, "no CA"},
		{"a wildcard goes by issuewild, ours", append(issue("pki.goog"), CAARecord{0, "issuewild", us}), wild, CAAAllows, ""},
		{"a wildcard goes by issue without it", issue("pki.goog"), wild, CAAForbids, ""},
		{"our method", issue(us + "; validationmethods=dns-01,http-01"), plain, CAAAllows, ""},
		{"another method", issue(us + "; validationmethods=dns-01"), plain, CAAForbids, "only by dns-01"},
		{"our account", issue(us + ";accounturi=" + acct), ours, CAAAllows, ""},
		{"another account", issue(us + ";accounturi=" + acct + "2"), ours, CAAForbids, "account"},
		{"an account, ours not known", issue(us + ";accounturi=" + acct), plain, CAAAllows, "not known"},
		{"two accounts", issue(us + ";accounturi=" + acct + ";accounturi=" + acct), ours, CAAForbids, "twice"},
		{"a parameter without a value sign", issue(us + "; foo"), plain, CAAForbids, "cannot be read"},
		{"a parameter with an odd tag", issue(us + "; f_o=1"), plain, CAAForbids, "cannot be read"},
		{"a parameter that is not known", issue(us + "; foo=1"), plain, CAAAllows, ""},
		{"a domain that is none", issue("lets encrypt.org"), plain, CAAForbids, "cannot be read"},
		{"one that cannot be read beside a good one", issue("%%", us), plain, CAAAllows, ""},
	} {
		s := CAASet{Asked: true, At: "example.com", Records: c.records}
		if state, why := s.Judge(c.request); state != c.want || !strings.Contains(why, c.says) {
			t.Errorf("%s: %s, %s; want %s, %q", c.row, state, why, c.want, c.says)
		}
	}
	if state, _ := new(CAASet).Judge(plain); state != CAAUnchecked {
		t.Errorf("not asked: %s", state)
	}
}

func FuzzCAAValue(f *testing.F) {
	for _, v := range []string{"letsencrypt.org", "a;b=c", ";", "letsencrypt.org; accounturi=x; validationmethods=http-01", "a;;", "-a.b", "a=b"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		issuer, parameters, ok := parseIssue(value)
		if !ok {
			return
		}
		again := issuer
		for tag, values := range parameters {
			for _, v := range values {
				again += "; " + tag + "=" + v
			}
		}
		if i, p, ok := parseIssue(again); !ok || i != issuer || len(p) != len(parameters) {
			t.Errorf("%q reads as %q %v, and that as %q %v %t", value, issuer, parameters, i, p, ok)
		}
	})
}

// snared is a resolver of a small internet with names that look well.
func snared(t *testing.T) (*fixtures.Internet, *Resolver) {
	t.Helper()
	n := fixtures.New(t)
	n.Zone("example.com", `
		@      A     203.0.113.7
		www    CNAME @
		deep.a A     203.0.113.7
		away   CNAME www.other.com.
		web    HTTPS 1 . alpn=h2 ipv4hint=203.0.113.7
		web    A     203.0.113.7
		hint   HTTPS 1 . ipv4hint=93.184.9.9 ipv6hint=2a00:1450::1
		hint   A     203.0.113.7
		alias  HTTPS 0 cdn.other.com.
		alias  A     203.0.113.7
		home   HTTPS 1 web
		home   A     203.0.113.7
		*.w    A     203.0.113.7
		x.w    A     203.0.113.7
		y.w    A     203.0.113.8
	`)
	n.Zone("other.com", "@ CAA 0 issue \"pki.goog\"\nwww A 203.0.113.7\nwww CAA 0 issue \"letsencrypt.org\"\ncdn A 93.184.9.9\n")
	n.Zone("closed.com", "@ CAA 0 issue \";\"\n@ A 203.0.113.7\nwww A 203.0.113.7\nfree CAA 0 iodef \"mailto:a@closed.com\"\nfree A 203.0.113.7")
	r, err := New(Config{Servers: []netip.AddrPort{n.Resolver("193.0.0.53")}, Dial: n.Dial, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return n, r
}

// trapsOf looks at one name.
func trapsOf(ctx context.Context, r *Resolver, q Question) (Answer, Ownership) {
	a := r.Lookup(ctx, q)
	r.InquireTraps(ctx, &a, CAARequest{Issuer: "letsencrypt.org", Method: "http-01", Wildcard: q.Wildcard})
	return a, testNetworks().Judge(&a)
}

// TestCAAClimb plays rows O1 and O2: where the set stands, and that an error on the way to it is as bad as a refusal.
func TestCAAClimb(t *testing.T) {
	t.Parallel()
	caa := func(f fixtures.DNSFault) fixtures.DNSFault {
		f.Type = mdns.TypeCAA
		return f
	}
	for _, c := range []struct {
		row, name string
		wildcard  bool
		fault     map[string]fixtures.DNSFault
		want      CAAState
		at        string
	}{
		{"none anywhere", "example.com", false, nil, CAAAllows, ""},
		{"O1 at the name", "closed.com", false, nil, CAAForbids, "closed.com"},
		{"O1 above the name", "www.closed.com", false, nil, CAAForbids, "closed.com"},
		{"O1 for a wildcard", "closed.com", true, nil, CAAForbids, "closed.com"},
		{"the closest set counts, whatever it says", "free.closed.com", false, nil, CAAAllows, "free.closed.com"},
		{"at the target of a CNAME", "away.example.com", false, nil, CAAAllows, "away.example.com"},
		{"O2 SERVFAIL at the name", "example.com", false, map[string]fixtures.DNSFault{"example.com": {RCode: mdns.RcodeServerFailure}}, CAAUnreachable, "example.com"},
		{"O2 CAA timeout while A OK", "example.com", false, map[string]fixtures.DNSFault{"example.com": {Drop: true}}, CAAUnreachable, "example.com"},
		{"O2 NOTIMP", "example.com", false, map[string]fixtures.DNSFault{"example.com": {RCode: mdns.RcodeNotImplemented}}, CAAUnreachable, "example.com"},
		{"O2 REFUSED above", "www.example.com", false, map[string]fixtures.DNSFault{"com": {RCode: mdns.RcodeRefused}}, CAAUnreachable, "com"},
		{"an error above the set is nothing", "closed.com", false, map[string]fixtures.DNSFault{"com": {RCode: mdns.RcodeServerFailure}}, CAAForbids, "closed.com"},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			n, r := snared(t)
			for name, f := range c.fault {
				n.Fault(name, caa(f))
			}
			a, o := trapsOf(t.Context(), r, Question{Name: c.name, Wildcard: c.wildcard})
			at := a.Traps.CAA.At + a.Traps.CAA.FailedAt
			if a.Traps.State != c.want || at != c.at {
				t.Errorf("%s at %q, want %s at %q: %s", a.Traps.State, at, c.want, c.at, a.Traps.Why)
			}
			if !c.wildcard && o.Verdict != Parked {
				t.Errorf("verdict %s", o.Verdict)
			}
		})
	}
}

// TestCAAOfADeadResolver holds that a domain is not blamed for the silence of our own resolver.
func TestCAAOfADeadResolver(t *testing.T) {
	t.Parallel()
	n, r := snared(t)
	a := r.Lookup(t.Context(), Question{Name: "example.com"})
	n.Fault("*", fixtures.DNSFault{Drop: true})
	r.InquireTraps(t.Context(), &a, CAARequest{Issuer: "letsencrypt.org", Method: "http-01"})
	if a.Traps.State != CAAUnchecked {
		t.Errorf("%s: %s", a.Traps.State, a.Traps.Why)
	}
}

// TestCAAIsAskedOnce holds that names of one zone ask the same levels once.
func TestCAAIsAskedOnce(t *testing.T) {
	t.Parallel()
	n, r := snared(t)
	for _, name := range []string{"example.com", "www.example.com", "deep.a.example.com"} {
		trapsOf(t.Context(), r, Question{Name: name})
	}
	asked := map[string]int{}
	for _, q := range n.Queries() {
		if q.Type == mdns.TypeCAA {
			asked[q.Name]++
		}
	}
	if len(asked) != 5 || slices.ContainsFunc([]string{"com", "example.com"}, func(name string) bool { return asked[name] != 1 }) {
		t.Errorf("asked %v", asked)
	}
}

// TestHTTPSRecordElsewhere plays row O4: hints and targets of HTTPS records that are not ours while the addresses are.
func TestHTTPSRecordElsewhere(t *testing.T) {
	t.Parallel()
	_, r := snared(t)
	for name, want := range map[string]string{
		"web.example.com": "", "example.com": "", "home.example.com": "", "hint.example.com": "hints at 93.184.9.9, 2a00:1450::1", "alias.example.com": "leads to cdn.other.com",
	} {
		if _, o := trapsOf(t.Context(), r, Question{Name: name}); (want == "") != (o.Astray == "") || !strings.Contains(o.Astray, want) {
			t.Errorf("%s: %q, want %q", name, o.Astray, want)
		}
	}
}

// TestWildcardOverlay plays row O3: a wildcard that makes a name look alive is told, and a name of its own beside it is not.
func TestWildcardOverlay(t *testing.T) {
	t.Parallel()
	_, r := snared(t)
	for name, want := range map[string]string{
		"any.w.example.com": "w.example.com", "x.w.example.com": "w.example.com", "y.w.example.com": "", "web.example.com": "", "example.com": "",
	} {
		a, o := trapsOf(t.Context(), r, Question{Name: name})
		told := slices.ContainsFunc(o.Evidence, func(e string) bool { return strings.Contains(e, "proves nothing") })
		if a.Traps.Wildcard != want || told != (want != "") {
			t.Errorf("%s: %q, %v", name, a.Traps.Wildcard, o.Evidence)
		}
	}
}
