package triage

import (
	"certscan/dns"
	"certscan/probe"
)

func exchangeRows() []row {
	status := func(code int) *Facts { return exchanges(clean(first), func(x *probe.Exchange) { x.Status = code }) }
	proxied := func(f *Facts) *Facts {
		f.Owner.Verdict, f.Owner.Reason, f.Owner.Provider = dns.Proxied, dns.ReasonOurs, "cloudflare"
		return f
	}
	no, zero := false, int64(0)
	return []row{
		{"http_5xx", status(503), []string{"http_5xx URGENT P3 investigate"}},
		{"http_5xx/no word about HSTS", exchanges(status(503), func(x *probe.Exchange) { x.HSTSMaxAge = nil }), []string{
			"http_5xx URGENT P3 investigate",
		}},
		{"clean/404", status(404), nil},
		{"http_5xx/522 of our own server", status(522), []string{"http_5xx URGENT P3 investigate"}},
		{"http_5xx/not after a failed GET", with(status(503), func(f *Facts) {
			f.Probes[0].Err = &probe.Error{Step: probe.StepHTTP, Code: probe.CodeReset}
		}), []string{"down URGENT P2 investigate"}},
		{"proxy_origin_error", proxied(status(522)), []string{
			"proxy_origin_error URGENT P2 investigate", "behind_proxy OK P3 none",
		}},
		{"proxy_origin_error/530", proxied(status(530)), []string{
			"proxy_origin_error URGENT P2 investigate", "behind_proxy OK P3 none",
		}},
		{"http_5xx/503 of a proxy", proxied(status(503)), []string{"http_5xx URGENT P3 investigate", "behind_proxy OK P3 none"}},
		{"http_5xx/522 of our server behind a proxy", with(proxied(status(522)), func(f *Facts) {
			f.Probes[0].Target.Via = probe.ViaOrigin
		}), []string{"http_5xx URGENT P3 investigate", "behind_proxy OK P3 none"}},
		{"redirect_loop", exchanges(clean(first), func(x *probe.Exchange) { x.Loop, x.Status = true, 302 }), []string{
			"redirect_loop WARN P3 investigate",
		}},
		{"no_https_redirect", exchanges(clean(first), func(x *probe.Exchange) { x.RedirectsToHTTPS = &no }), []string{
			"no_https_redirect OK P3 none",
		}},
		{"clean/port 80 not asked", exchanges(clean(first), func(x *probe.Exchange) { x.RedirectsToHTTPS = nil }), nil},
		{"hsts_missing", exchanges(clean(first), func(x *probe.Exchange) { x.HSTSMaxAge = nil }), []string{"hsts_missing OK P3 none"}},
		{"hsts_missing/switched off", exchanges(clean(first), func(x *probe.Exchange) { x.HSTSMaxAge = &zero }), []string{
			"hsts_missing OK P3 none",
		}},
	}
}
