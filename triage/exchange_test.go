package triage

import (
	"fmt"

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
	rows := []row{
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
		{"clean/499", status(499), nil},
		{"http_5xx/500", status(500), []string{"http_5xx URGENT P3 investigate"}},
		{"http_5xx/599", status(599), []string{"http_5xx URGENT P3 investigate"}},
		{"clean/600", status(600), nil},
	}
	for _, code := range []int{520, 521, 522, 523, 524, 525, 526, 527, 530} {
		rows = append(rows, row{fmt.Sprintf("proxy_origin_error/%d", code), proxied(status(code)), []string{
			"proxy_origin_error URGENT P2 investigate", "behind_proxy OK P3 none",
		}})
	}
	for _, code := range []int{519, 528, 529, 531} {
		rows = append(rows, row{fmt.Sprintf("http_5xx/%d of a proxy", code), proxied(status(code)), []string{
			"http_5xx URGENT P3 investigate", "behind_proxy OK P3 none",
		}})
	}
	return rows
}
