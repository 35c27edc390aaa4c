package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"certscan/fixtures"
)

// diary is a handler that notes each request as "METHOD URL".
type diary struct {
	handler http.HandlerFunc
	mu      sync.Mutex
	seen    []string
}

func (d *diary) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.seen = append(d.seen, r.Method+" "+r.RequestURI)
	d.mu.Unlock()
	d.handler(w, r)
}

func (d *diary) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}

// browsed probes a site whose handler is given, and returns what was seen and what was asked.
func browsed(t *testing.T, handler http.HandlerFunc) (Observation, []string) {
	t.Helper()
	d := &diary{handler: handler}
	_, p := web(t, named(fixtures.Site{Handler: d}))
	o := p.Probe(t.Context(), overHTTP())
	if o.Err != nil || o.HTTP == nil {
		t.Fatalf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	return o, d.requests()
}

// hangUp ends the connection without a response.
func hangUp(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
}

// say sends bytes as they are, and ends the connection.
func say(w http.ResponseWriter, text string) {
	if c, rw, err := w.(http.Hijacker).Hijack(); err == nil {
		_, _ = rw.WriteString(text)
		_ = rw.Flush()
		_ = c.Close()
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	internet, p := web(t)
	internet.Serve("203.0.113.7:8443", named(fixtures.Site{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r })}))
	for _, row := range []struct {
		port uint16
		host string
	}{{8443, "example.com:8443"}, {443, "example.com"}} {
		if row.port == 443 {
			internet.Serve("203.0.113.7:443", named(fixtures.Site{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r })}))
		}
		want := overHTTP()
		want.Addr = netip.AddrPortFrom(want.Addr.Addr(), row.port)
		if o := p.Probe(t.Context(), want); o.Err != nil || o.HTTP.Status != 200 {
			t.Fatalf("error %+v", o.Err)
		}
		r := <-requests
		got := fmt.Sprint(r.Method, r.RequestURI, r.Proto, r.Host, r.UserAgent(), r.Header["Accept"])
		if want := fmt.Sprint("HEAD", "/", "HTTP/1.1", row.host, p.config.UserAgent, []string{"*/*"}); got != want {
			t.Errorf("request is %s, want %s", got, want)
		}
		if len(r.Header) != 3 || r.TLS.ServerName != "example.com" { // Connection, too
			t.Errorf("header is %v, SNI %q", r.Header, r.TLS.ServerName)
		}
	}
}

func TestFallbackToGET(t *testing.T) {
	t.Parallel()
	answers := map[string]func(http.ResponseWriter){
		"hang up":   hangUp,
		"malformed": func(w http.ResponseWriter) { say(w, "HELLO\r\n\r\n") },
		"switching": func(w http.ResponseWriter) { say(w, "HTTP/1.1 101 Switching Protocols\r\n\r\n") },
		"long head": func(w http.ResponseWriter) {
			say(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Fill: 0123456789\r\n", 4000)+"\r\n")
		},
	}
	for _, status := range []int{400, 403, 404, 405, 500, 501, 502, 503, 504, 520, 599} {
		answers[fmt.Sprint(status)] = func(w http.ResponseWriter) { w.WriteHeader(status) }
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, asked := browsed(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					answer(w)
				} else {
					w.WriteHeader(http.StatusTeapot)
				}
			})
			if o.HTTP.Method != http.MethodGet || o.HTTP.Status != http.StatusTeapot {
				t.Errorf("HTTP is %+v", o.HTTP)
			}
			if !slices.Equal(asked, []string{"HEAD /", "GET /"}) {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

func TestNoFallback(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 204, 299, 304, 401, 402, 410, 418, 429, 451} {
		o, asked := browsed(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if o.HTTP.Method != http.MethodHead || o.HTTP.Status != status || len(asked) != 1 {
			t.Errorf("HTTP is %+v, asked %q", o.HTTP, asked)
		}
	}
}

func TestServerErrorAgreed(t *testing.T) {
	t.Parallel()
	o, asked := browsed(t, fixtures.Status(503).ServeHTTP)
	if o.HTTP.Method != http.MethodGet || o.HTTP.Status != 503 || len(asked) != 2 {
		t.Errorf("HTTP is %+v, asked %q", o.HTTP, asked)
	}
}

// TestGETFails has a server that answers HEAD with a refusal and GET not at all.
func TestGETFails(t *testing.T) {
	t.Parallel()
	_, p := web(t, named(fixtures.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
		} else {
			hangUp(w)
		}
	})}))
	o := p.Probe(t.Context(), overHTTP())
	wantErr(t, o, StepHTTP, CodeEOF)
	if o.TLS == nil || o.TLS.Trust != ChainOK || o.HTTP != nil {
		t.Errorf("TLS %+v, HTTP %+v", o.TLS, o.HTTP)
	}
}

// TestNoConnectionForGET has a server that is gone when GET is tried.
func TestNoConnectionForGET(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	internet, p := web(t, named(fixtures.Site{Fault: fixtures.FaultEOFHTTP}))
	p.config.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
		if network == "tcp" && dials.Add(1) > 1 {
			return nil, syscall.ECONNREFUSED
		}
		return internet.Dial(ctx, network, addr)
	}
	o := p.Probe(t.Context(), overHTTP())
	wantErr(t, o, StepHTTP, CodeRefused)
	if o.TLS == nil {
		t.Error("what the first connection showed is lost")
	}
}

func TestInterimResponses(t *testing.T) {
	t.Parallel()
	const early, last = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: late\r\n\r\n"
	for n, ok := range map[int]bool{1: true, 5: true, 6: false} {
		_, p := web(t, named(fixtures.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			say(w, strings.Repeat(early, n)+last)
		})}))
		o := p.Probe(t.Context(), overHTTP())
		if !ok {
			wantErr(t, o, StepHTTP, CodeEOF)
		} else if o.Err != nil || o.HTTP.Status != 200 || o.HTTP.Server != "late" {
			t.Errorf("after %d interim responses: error %+v, HTTP %+v", n, o.Err, o.HTTP)
		}
	}
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	const none = -1
	for header, want := range map[string]int64{
		"":                               none,
		"max-age=31536000":               31536000,
		"max-age=0":                      0,
		`max-age="600"`:                  600,
		"MAX-AGE=600; includeSubDomains": 600,
		"includeSubDomains ; preload;max-age=600 ;": 600,
		" max-age = 600 ":                                 600,
		"max-age=600; unknown=\"a b\"":                    600,
		"max-age=99999999999999999999999999":              1<<63 - 1,
		"max-age=600; max-age=700":                        none,
		"includeSubDomains; includeSubDomains; max-age=1": none,
		"max-age":           none,
		"max-age=":          none,
		"max-age=-1":        none,
		"max-age=1.5":       none,
		"max-age=abc":       none,
		`max-age="600`:      none,
		"max-age='600'":     none,
		"includeSubDomains": none,
		"maxage=600":        none,
	} {
		got := hstsMaxAge(header)
		if (got == nil) != (want == none) || got != nil && *got != want {
			t.Errorf("%q is %v, want %d", header, got, want)
		}
	}
}

func TestHSTSOfTheFrontPage(t *testing.T) {
	t.Parallel()
	o, _ := browsed(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header()["Strict-Transport-Security"] = []string{"max-age=600", "max-age=700"}
			http.Redirect(w, r, "/start", http.StatusFound)
			return
		}
		w.Header().Set("Strict-Transport-Security", "max-age=1")
	})
	if o.HTTP.HSTSMaxAge == nil || *o.HTTP.HSTSMaxAge != 600 || o.HTTP.Status != 200 {
		t.Errorf("HTTP is %+v", o.HTTP)
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	o, _ := browsed(t, func(w http.ResponseWriter, _ *http.Request) {
		say(w, "HTTP/1.1 302 Found\r\nServer: \xff\x80"+strings.Repeat("s", 5000)+"\r\nLocation: /"+strings.Repeat("l", 5000)+"\r\n\r\n")
	})
	if len(o.HTTP.Server) > textLimit || len(o.HTTP.Redirects) != 1 || len(o.HTTP.Redirects[0]) != 2048 || o.HTTP.Loop {
		t.Errorf("server of %d bytes, %d redirects, loop %v", len(o.HTTP.Server), len(o.HTTP.Redirects), o.HTTP.Loop)
	}
}

func TestPlainBeside(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	tests := []struct {
		name  string
		plain http.HandlerFunc // nil for a closed port
		want  *bool
	}{
		{"redirects to https", fixtures.RedirectHTTPS(443).ServeHTTP, &yes},
		{"redirects to https elsewhere", fixtures.RedirectTo("HTTPS://other.example/").ServeHTTP, &yes},
		{"redirects to http", fixtures.RedirectTo("http://example.com/start").ServeHTTP, &no},
		{"relative redirect", fixtures.RedirectTo("/https://").ServeHTTP, &no},
		{"answers", fixtures.Status(200).ServeHTTP, &no},
		{"fails", fixtures.Status(500).ServeHTTP, &no},
		{"a Location without a redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://example.com/")
			w.WriteHeader(http.StatusCreated)
		}, &no},
		{"redirects GET alone", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotImplemented)
				return
			}
			http.Redirect(w, r, "https://example.com/", http.StatusMovedPermanently)
		}, &yes},
		{"hangs up", func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, nil},
		{"closed", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			internet, p := web(t, named(fixtures.Site{}))
			if test.plain != nil {
				internet.ServeHTTP("203.0.113.7:80", test.plain)
			}
			want := overHTTP()
			want.HTTPPort = 80
			o := p.Probe(t.Context(), want)
			if o.Err != nil || o.HTTP == nil || o.HTTP.Status != 200 || o.HTTP.Redirects != nil {
				t.Fatalf("error %+v, HTTP %+v", o.Err, o.HTTP)
			}
			got := o.HTTP.RedirectsToHTTPS
			if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
				t.Errorf("redirects to https: %v", got)
			}
		})
	}
}

// TestNoPlainBesideFailure holds that port 80 is left alone where the TLS port does not answer.
func TestNoPlainBesideFailure(t *testing.T) {
	t.Parallel()
	for _, fault := range []fixtures.SiteFault{fixtures.FaultRefused, fixtures.FaultAlert, fixtures.FaultEOFHTTP} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			internet, p := web(t, named(fixtures.Site{Fault: fault}))
			internet.ServeHTTP("203.0.113.7:80", fixtures.RedirectHTTPS(443))
			want := overHTTP()
			want.HTTPPort = 80
			if o := p.Probe(t.Context(), want); o.Err == nil || o.HTTP != nil {
				t.Fatalf("error %+v, HTTP %+v", o.Err, o.HTTP)
			}
			if slices.Contains(internet.Dials(), fixtures.Dial{Network: "tcp", Addr: netip.MustParseAddrPort("203.0.113.7:80")}) {
				t.Error("port 80 was asked")
			}
		})
	}
}

func TestPlainOnly(t *testing.T) {
	t.Parallel()
	internet := fixtures.New(t)
	internet.ServeHTTP("203.0.113.7:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/start", http.StatusFound)
		case "/start":
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	internet.ServeHTTP("203.0.113.8:8080", fixtures.RedirectHTTPS(443))
	p := newProber(t, Config{Dial: internet.Dial, Timeout: generous})
	want := Target{Name: "example.com", Addr: netip.MustParseAddrPort("203.0.113.7:443"), PlainOnly: true}

	o := p.Probe(t.Context(), want) // port 80 unless told otherwise
	if o.Err != nil || o.TLS != nil || o.HTTP == nil || o.HTTP.Status != http.StatusTeapot || *o.HTTP.RedirectsToHTTPS {
		t.Errorf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	want.Addr, want.HTTPPort = netip.MustParseAddrPort("203.0.113.8:443"), 8080
	o = p.Probe(t.Context(), want)
	if o.Err != nil || o.HTTP == nil || o.HTTP.Status/100 != 3 || !*o.HTTP.RedirectsToHTTPS || o.HTTP.HSTSMaxAge != nil {
		t.Errorf("error %+v, HTTP %+v", o.Err, o.HTTP)
	}
	want.Addr = netip.MustParseAddrPort("203.0.113.9:443")
	before := tcpDials(internet)
	wantErr(t, p.Probe(t.Context(), want), StepDial, CodeRefused)
	if n := tcpDials(internet) - before; n != 1 {
		t.Errorf("a closed port was dialled %d times", n)
	}
	for _, d := range internet.Dials() {
		if d.Addr.Port() == 443 {
			t.Errorf("dialled %v", d)
		}
	}
}

// TestTruncatedHead has a head that ends in the middle of a line: a peer that went away, not a malformed response.
func TestTruncatedHead(t *testing.T) {
	t.Parallel()
	p := newProber(t, Config{Timeout: generous, Dial: pipes(t, func(c net.Conn) {
		if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nSer")
		}
	})})
	want := target()
	want.PlainOnly = true
	o := p.Probe(t.Context(), want)
	wantErr(t, o, StepHTTP, CodeEOF)
	if o.Err.Detail != "EOF" {
		t.Errorf("detail is %q", o.Err.Detail)
	}
}
