package probe

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certscan/fixtures"
)

func TestRedirects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		location string
		followed string // what is asked next; empty for nothing
	}{
		{"/start", "/start"},
		{"start?a=b c#fragment", "/start?a=b%20c"},
		{"?page=1", "/?page=1"},
		{"//example.com/start", "/start"},
		{"https://example.com/start", "/start"},
		{"https://EXAMPLE.com.:443/start", "/start"},
		{"https://user:pass@example.com/start", "/start"},
		{"https://example.com", ""}, // the same URL again: a loop
		{"https://example.com:8443/", ""},
		{"https://www.example.com/", ""},
		{"https://example.com.other.example/", ""},
		{"https://example.com@other.example/", ""},
		{"https://203.0.113.7/start", ""},
		{"https://127.0.0.1/", ""},
		{"https://[::1]/", ""},
		{"http://169.254.169.254/latest/meta-data/", ""},
		{"http://example.com/start", ""}, // HTTPPort is 0
		{"ftp://example.com/", ""},
		{"https:start", ""},
		{"javascript:alert(1)", ""},
		{"https://example.com:443:443/", ""},
		{"https://exa mple.com/", ""},
		{"%zz://", ""},
	}
	for _, test := range tests {
		t.Run(test.location, func(t *testing.T) {
			t.Parallel()
			d := &diary{}
			d.handler = func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI == "/" {
					w.Header().Set("Location", test.location)
					w.WriteHeader(http.StatusFound)
				} else {
					w.WriteHeader(http.StatusTeapot)
				}
			}
			internet, p := web(t, named(fixtures.Site{Handler: d}))
			o := p.Probe(t.Context(), overHTTP())
			if o.Err != nil || o.HTTP == nil {
				t.Fatalf("error %+v", o.Err)
			}
			status, asked := http.StatusFound, []string{"HEAD /"}
			if test.followed != "" {
				status, asked = http.StatusTeapot, append(asked, "HEAD "+test.followed)
			}
			if o.HTTP.Status != status || !slices.Equal(d.requests(), asked) || !slices.Equal(o.HTTP.Redirects, []string{test.location}) {
				t.Errorf("asked %q, HTTP %+v", d.requests(), o.HTTP)
			}
			if loop := test.location == "https://example.com"; o.HTTP.Loop != loop {
				t.Errorf("loop: %v", o.HTTP.Loop)
			}
			for _, dial := range internet.Dials() {
				if a := dial.Addr; a != target().Addr && a != farIPv4 {
					t.Errorf("dialled %v", a)
				}
			}
		})
	}
}

func TestRedirectStatuses(t *testing.T) {
	t.Parallel()
	for status, followed := range map[int]bool{
		200: false, 201: false, 300: false, 301: true, 302: true, 303: true, 304: false, 305: false, 307: true, 308: true,
	} {
		o, asked := browsed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header().Set("Location", "/start")
				w.WriteHeader(status)
			}
		})
		if (len(asked) == 2) != followed || (len(o.HTTP.Redirects) == 1) != followed {
			t.Errorf("%d: asked %q, HTTP %+v", status, asked, o.HTTP)
		}
	}
}

func TestRedirectLoops(t *testing.T) {
	t.Parallel()
	counting := func(end int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
			if n < end {
				http.Redirect(w, r, fmt.Sprintf("/%d", n+1), http.StatusFound)
			}
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		loop    bool
		asked   int
	}{
		{"itself", fixtures.RedirectTo("/").ServeHTTP, true, 1},
		{"two pages", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, map[string]string{"/": "/a", "/a": "/"}[r.URL.Path], http.StatusFound)
		}, true, 2},
		{"20 in a row", counting(20), false, 21},
		{"21 in a row", counting(21), true, 21},
		{"for ever", counting(1 << 30), true, 21},
		{"until the cookie is there", func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err != nil {
				http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/", Secure: true, HttpOnly: true})
				http.Redirect(w, r, "/", http.StatusFound)
			}
		}, false, 2},
		{"a new cookie each time", func(w http.ResponseWriter, r *http.Request) {
			old, _ := r.Cookie("n")
			value := "x"
			if old != nil {
				value = old.Value + "x"
			}
			http.SetCookie(w, &http.Cookie{Name: "n", Value: value})
			http.Redirect(w, r, "/", http.StatusFound)
		}, true, 21},
		{"a cookie that does not change", func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "n", Value: "1"})
			http.Redirect(w, r, "/", http.StatusFound)
		}, true, 2},
		{"a cookie of another site", func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "n", Value: "1", Domain: "other.example"})
			http.Redirect(w, r, "/", http.StatusFound)
		}, true, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, asked := browsed(t, test.handler)
			if o.HTTP.Loop != test.loop || len(asked) != test.asked || len(o.HTTP.Redirects) > 20 {
				t.Errorf("loop: %v, asked %d times, %d redirects", o.HTTP.Loop, len(asked), len(o.HTTP.Redirects))
			}
		})
	}
}

// TestRedirectThroughPlain goes from https to http and back, at the same address.
func TestRedirectThroughPlain(t *testing.T) {
	t.Parallel()
	internet, p := web(t, named(fixtures.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "http://example.com:8080/middle", http.StatusFound)
		} else {
			w.WriteHeader(http.StatusTeapot)
		}
	})}))
	internet.ServeHTTP("203.0.113.7:8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "example.com:8080" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "https://example.com/end", http.StatusFound)
	}))
	want := overHTTP()
	want.HTTPPort = 8080
	o := p.Probe(t.Context(), want)
	if o.Err != nil || o.HTTP.Status != http.StatusTeapot || len(o.HTTP.Redirects) != 2 || !*o.HTTP.RedirectsToHTTPS {
		t.Errorf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	want.HTTPPort = 0 // then plain HTTP is not asked at all
	before := len(internet.Dials())
	o = p.Probe(t.Context(), want)
	if o.Err != nil || o.HTTP.Status != http.StatusFound || o.HTTP.RedirectsToHTTPS != nil {
		t.Errorf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	for _, d := range internet.Dials()[before:] {
		if d.Addr == netip.MustParseAddrPort("203.0.113.7:8080") {
			t.Error("plain HTTP was asked")
		}
	}
}

// TestRedirectBreaks follows a redirect to a page that gives no answer: then port 80 is left alone.
func TestRedirectBreaks(t *testing.T) {
	t.Parallel()
	internet, p := web(t, named(fixtures.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/start", http.StatusFound)
		} else {
			hangUp(w)
		}
	})}))
	internet.ServeHTTP("203.0.113.7:80", fixtures.RedirectHTTPS(443))
	want := overHTTP()
	want.HTTPPort = 80
	o := p.Probe(t.Context(), want)
	wantErr(t, o, StepHTTP, CodeEOF)
	if o.HTTP == nil || o.HTTP.Status != http.StatusFound || !slices.Equal(o.HTTP.Redirects, []string{"/start"}) || o.HTTP.RedirectsToHTTPS != nil {
		t.Errorf("HTTP is %+v", o.HTTP)
	}
	if slices.Contains(internet.Dials(), fixtures.Dial{Network: "tcp", Addr: netip.MustParseAddrPort("203.0.113.7:80")}) {
		t.Error("port 80 was asked")
	}
}

// TestRedirectWithGET has a site that refuses HEAD everywhere: it is not asked with HEAD again.
func TestRedirectWithGET(t *testing.T) {
	t.Parallel()
	o, asked := browsed(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case r.URL.Path == "/":
			http.Redirect(w, r, "/start", http.StatusFound)
		}
	})
	if !slices.Equal(asked, []string{"HEAD /", "GET /", "GET /start"}) || o.HTTP.Method != http.MethodGet || o.HTTP.Status != 200 {
		t.Errorf("asked %q, HTTP %+v", asked, o.HTTP)
	}
}

// TestRedirectToPlain ends on plain HTTP: what was answered there counts, not the redirect to it.
func TestRedirectToPlain(t *testing.T) {
	t.Parallel()
	internet, p := web(t, named(fixtures.Site{Handler: fixtures.RedirectTo("http://example.com/plain")}))
	internet.ServeHTTP("203.0.113.7:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "plain")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	want := overHTTP()
	want.HTTPPort = 80
	o := p.Probe(t.Context(), want)
	if o.Err != nil || o.HTTP.Status != http.StatusServiceUnavailable || o.HTTP.Method != http.MethodGet || o.HTTP.Server != "plain" {
		t.Fatalf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	if *o.HTTP.RedirectsToHTTPS || o.HTTP.Loop {
		t.Errorf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
}

// TestCookieFlood is told to remember 200 kB: not all of it is sent back.
func TestCookieFlood(t *testing.T) {
	t.Parallel()
	sent := make(chan int, 1)
	browsed(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			sent <- len(r.Header.Get("Cookie"))
			return
		}
		for i := range 50 {
			http.SetCookie(w, &http.Cookie{Name: fmt.Sprint("n", i), Value: strings.Repeat("v", 1000)})
		}
		http.Redirect(w, r, "/start", http.StatusFound)
	})
	if n := <-sent; n < 1000 || n > 9000 {
		t.Errorf("%d bytes of cookies were sent back", n)
	}
}
