package triage

import (
	"cmp"
	"fmt"
	"strconv"

	"certscan/dns"
)

// ofAnswering makes a rule of a look at each endpoint that answered over HTTP.
func ofAnswering(see func(*scene, *endpoint) look) trial {
	return trial{
		raise: func(s *scene, code Code) []Finding { return s.each(code, s.answered, see) },
		why: func(s *scene, _ Code) string {
			if len(s.ends) == 0 {
				return s.absent()
			}
			return cmp.Or(s.recite(s.answered, see), "no HTTP answer for this name was seen")
		},
	}
}

// statusWords tells the method and the status that counts.
func statusWords(_ *scene, e *endpoint) string {
	return e.HTTP.Method + " answers " + strconv.Itoa(e.HTTP.Status)
}

// proxyFails reports whether a status is one with which a CDN says that the server behind it failed: 520 to 527 and
// 530, which RFC 9110 does not know.
func (s *scene) proxyFails(e *endpoint) bool {
	o := s.facts.Owner
	if o == nil || e.ours || o.Provider == "" && o.Verdict != dns.Proxied {
		return false
	}
	return e.HTTP.Status >= 520 && e.HTTP.Status <= 527 || e.HTTP.Status == 530
}

func serverError(s *scene, e *endpoint) look {
	return look{
		matched: e.HTTP.Status >= 500 && e.HTTP.Status <= 599 && !s.proxyFails(e), why: told(statusWords), action: ActionInvestigate,
		message: told(func(s *scene, e *endpoint) string { return "the server answers with an error: " + statusWords(s, e) }),
	}
}

func proxyError(s *scene, e *endpoint) look {
	return look{
		matched: s.proxyFails(e), why: told(statusWords), action: ActionInvestigate,
		message: told(func(s *scene, e *endpoint) string {
			return "the proxy cannot reach the server behind it: " + statusWords(s, e)
		}),
	}
}

func redirectLoop(_ *scene, e *endpoint) look {
	if !e.HTTP.Loop {
		return passedFor(func(_ *scene, e *endpoint) string {
			return fmt.Sprintf("no circle in %d redirects", len(e.HTTP.Redirects))
		})
	}
	return look{
		matched: true, why: words{plain: "redirects go in circles"}, action: ActionInvestigate,
		message: told(func(_ *scene, e *endpoint) string {
			return "redirects go in circles: " + enumerate(e.HTTP.Redirects, " → ")
		}),
	}
}

func noHTTPSRedirect(s *scene, e *endpoint) look {
	switch to := e.HTTP.RedirectsToHTTPS; {
	case e.Target.PlainOnly:
		return passed("plain HTTP is expected")
	case to == nil:
		return passed("port 80 was not asked or did not answer")
	case *to:
		return passed("port 80 sends to https://")
	}
	return look{matched: true, why: words{plain: "port 80 does not send to https://"}, action: ActionNone}
}

func hstsMissing(_ *scene, e *endpoint) look {
	age := e.HTTP.HSTSMaxAge
	switch {
	case e.TLS == nil:
		return passed("nothing was answered over TLS")
	case e.HTTP.Status >= 500:
		return passed("an error page says nothing of it")
	case age != nil && *age > 0:
		return passedFor(func(_ *scene, e *endpoint) string {
			return "max-age " + strconv.FormatInt(*e.HTTP.HSTSMaxAge, 10) + " s"
		})
	}
	return look{
		matched: true, action: ActionNone,
		why: words{plain: "no Strict-Transport-Security with a max-age above 0 (RFC 6797 §6.1.1)"},
	}
}
