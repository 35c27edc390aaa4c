package probe

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	redirectLimit = 20   // redirects followed, and recorded
	locationLimit = 2048 // bytes of one Location
	redirectTime  = 4    // times Config.Timeout, for which redirects are followed
)

// browse fetches a URL and follows its redirects as far as they stay with the same name at the same address. The
// Exchange is nil where there was no response; with an error it tells of the responses before.
func (v *visit) browse(ctx context.Context, u *url.URL) (*Exchange, *Error) {
	spent, cancel := context.WithTimeout(ctx, redirectTime*v.p.config.Timeout)
	defer cancel()
	var x *Exchange
	for seen := map[string]bool{}; u != nil; {
		key := v.key(u)
		if seen[key] || len(seen) > redirectLimit {
			x.Loop = true
			return x, nil
		}
		seen[key] = true
		r, failed := v.fetch(ctx, u)
		if failed != nil {
			if v.refused(failed) {
				failed = nil
			}
			return x, failed
		}
		x = v.record(x, u, r)
		if spent.Err() != nil { // a slow server, not a circle: what was read stands
			return x, nil
		}
		u = v.next(u, r)
	}
	return x, nil
}

// key tells requests apart that may be answered differently.
func (v *visit) key(u *url.URL) string {
	var b strings.Builder
	b.WriteString(u.String())
	for _, cookie := range v.cookies(u) {
		b.WriteString("\n" + cookie.Name + "=" + cookie.Value)
	}
	return b.String()
}

// record adds a response to the exchange, which is nil before the first.
func (v *visit) record(x *Exchange, u *url.URL, r *response) *Exchange {
	if x == nil {
		x = &Exchange{}
		if u.Scheme == "https" {
			x.HSTSMaxAge = hstsMaxAge(r.hsts)
		}
	}
	x.Method, x.Status = r.method, r.status
	x.Server = clip(r.server, textLimit)
	if location := r.redirect(); location != "" && len(x.Redirects) < redirectLimit {
		x.Redirects = append(x.Redirects, clip(location, locationLimit))
	}
	return x
}

// redirect returns where the response redirects to; empty where it does not (RFC 9110 §15.4).
func (r *response) redirect() string {
	switch r.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return r.location
	}
	return ""
}

// next returns the URL to go on with; nil where the response is the last one that is ours to ask for.
func (v *visit) next(u *url.URL, r *response) *url.URL {
	location := r.redirect()
	if location == "" || len(location) > locationLimit {
		return nil
	}
	to, err := u.Parse(location)
	if err != nil || !strings.EqualFold(strings.TrimSuffix(to.Hostname(), "."), v.t.Name) {
		return nil
	}
	if port := v.t.port(to.Scheme); port == "" || port != cmp.Or(to.Port(), usualPort(to.Scheme)) {
		return nil
	}
	next := v.home(to.Scheme)
	if to.Path != "" {
		next.Path, next.RawPath = to.Path, to.RawPath
	}
	next.RawQuery = strings.ReplaceAll(to.RawQuery, " ", "%20")
	return next
}

// hstsMaxAge returns max-age of a Strict-Transport-Security header (RFC 6797 §6.1); nil where it is absent or invalid.
func hstsMaxAge(header string) *int64 {
	seen := map[string]bool{}
	var age *int64
	for directive := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(directive, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if seen[name] { // RFC 6797 §6.1: no directive twice
			return nil
		}
		seen[name] = true
		if name == "max-age" {
			if age = seconds(strings.TrimSpace(value)); age == nil {
				return nil
			}
		}
	}
	return age
}

// seconds reads delta-seconds, quoted or not; nil where they are none.
func seconds(text string) *int64 {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	if !isNumber(text) {
		return nil
	}
	n, _ := strconv.ParseInt(text, 10, 64) // of a number too large it gives the largest
	return &n
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
