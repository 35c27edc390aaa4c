package probe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestTolerantHead has responses that net/http refuses and browsers show.
func TestTolerantHead(t *testing.T) {
	t.Parallel()
	const ok, end = "HTTP/1.1 200 OK\r\n", "Server: after\r\n\r\n"
	for name, head := range map[string]string{
		"Transfer-Encoding twice":       ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + end,
		"Transfer-Encoding identity":    ok + "Transfer-Encoding: identity\r\n" + end,
		"two lengths":                   ok + "Content-Length: 1\r\nContent-Length: 2\r\n" + end,
		"a length that is none":         ok + "Content-Length: -1\r\n" + end,
		"a line without a colon":        ok + "no colon\r\n" + end,
		"a line without a name":         ok + ": value\r\n" + end,
		"a name with blanks":            ok + "X Fill : value\r\n" + end,
		"a blank before the colon":      ok + "Server \t: after\r\n\r\n",
		"control bytes in a value":      ok + "X-Fill: a\x00b\x01\x7f\r\n" + end,
		"control bytes in a name":       ok + "X-\x00\xff: a\r\n" + end,
		"a carriage return in a value":  ok + "X-Fill: a\rb\r\r\n" + end,
		"an empty line first":           "\r\n" + ok + end,
		"two empty lines first":         "\r\n\r\n" + ok + end,
		"bare LF":                       strings.ReplaceAll(ok+end, "\r", ""),
		"a folded value":                ok + "Server:\r\n\t after\r\n\r\n",
		"a folded line first":           ok + " X-Fill: folded\r\n" + end,
		"a folded line without a colon": ok + "no\r\n colon: here\r\n" + end,
		"no reason":                     "HTTP/1.1 200\r\n" + end,
		"blanks about the code":         "HTTP/1.1  200 \r\n" + end,
		"HTTP/1.0":                      "HTTP/1.0 200 OK\r\n" + end,
		"small letters":                 "http/1.1 200 OK\r\nserver: after\r\n\r\n",
		"interim, then two lengths":     "HTTP/1.1 100 Continue\r\nno colon\r\n\r\n" + ok + "Content-Length: 1\r\nContent-Length: 2\r\n" + end,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, asked := browsed(t, func(w http.ResponseWriter, _ *http.Request) { say(w, head) })
			if o.HTTP.Status != 200 || o.HTTP.Server != "after" || !slices.Equal(asked, []string{"HEAD /"}) {
				t.Errorf("asked %q, HTTP %+v", asked, o.HTTP)
			}
		})
	}
}

func TestHeadFields(t *testing.T) {
	t.Parallel()
	r, err := readHead(strings.NewReader("HTTP/1.1 302 Found\r\n"+
		"location:  /a\r\nLocation: /b\r\n"+
		"Server: first\r\n  line\r\nSERVER: second\r\n"+
		"Strict-Transport-Security: max-age=1\r\nStrict-Transport-Security: max-age=2\r\n"+
		"Set-Cookie: a=1; Path=/\r\nSet-Cookie: no cookie\r\nset-cookie: b=2\r\n\r\nServer: body\r\n"), http.MethodGet)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(r.method, r.status, r.location, r.server, r.hsts, len(r.cookies))
	if want := fmt.Sprint("GET", 302, "/a", "first line", "max-age=1", 2); got != want {
		t.Errorf("response is %s, want %s", got, want)
	}
	if r.cookies[0].Name != "a" || r.cookies[1].Name != "b" {
		t.Errorf("cookies are %v", r.cookies)
	}
}

func TestNoHead(t *testing.T) {
	t.Parallel()
	fill := func(total int) string { // a head of so many bytes
		const begin, end = "HTTP/1.1 200 OK\r\nX-Fill: ", "\r\n\r\n"
		return begin + strings.Repeat("x", total-len(begin)-len(end)) + end
	}
	for _, row := range []struct{ name, sent, want string }{
		{"nothing", "", "EOF"},
		{"empty lines alone", "\r\n\r\n", "EOF"},
		{"cut in the status line", "HTTP/1.1 200 OK", "EOF"},
		{"cut after the status line", "HTTP/1.1 200 OK\r\n", "EOF"},
		{"cut in a line", "HTTP/1.1 200 OK\r\nServer: a", "EOF"},
		{"cut before the last line", "HTTP/1.1 200 OK\r\nServer: a\r\n", "EOF"},
		{"interim alone", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "EOF"},
		{"three empty lines first", "\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", `malformed status line ""`},
		{"another protocol", "ICY 200 OK\r\n\r\n", `malformed status line "ICY 200 OK"`},
		{"HTML", "<html>\n", `malformed status line "<html>"`},
		{"short", "HTTP\r\n\r\n", `malformed status line "HTTP"`},
		{"no code", "HTTP/1.1\r\n\r\n", `malformed status line "HTTP/1.1"`},
		{"no version", "HTTP/ 200 OK\r\n\r\n", `malformed status line "HTTP/ 200 OK"`},
		{"no minor version", "HTTP/1. 200 OK\r\n\r\n", `malformed status line "HTTP/1. 200 OK"`},
		{"version without a dot", "HTTP/1 200 OK\r\n\r\n", `malformed status line "HTTP/1 200 OK"`},
		{"no major version", "HTTP/.1 200 OK\r\n\r\n", `malformed status line "HTTP/.1 200 OK"`},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n", `malformed status line "HTTP/1.1 20 OK"`},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", `malformed status line "HTTP/1.1 2000 OK"`},
		{"below 100", "HTTP/1.1 099 OK\r\n\r\n", `malformed status line "HTTP/1.1 099 OK"`},
		{"a sign", "HTTP/1.1 +20 OK\r\n\r\n", `malformed status line "HTTP/1.1 +20 OK"`},
		{"64 KiB", fill(64 << 10), ""},
		{"a byte more", fill(64<<10 + 1), errFlood.Error()},
		{"a long status line", strings.Repeat("x", 10_000) + "\n", `malformed status line "` + strings.Repeat("x", 256) + `"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r, err := readHead(strings.NewReader(row.sent), http.MethodHead)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != row.want || (r == nil) != (err != nil) {
				t.Errorf("response %+v, error %v, want %s", r, err, row.want)
			}
		})
	}
}

// FuzzHead holds that whatever net/http takes is taken, and means the same.
func FuzzHead(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nServer: a\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 301 Moved\nLocation: /a\n b\n\n",
		"\r\n\r\nHTTP/1.0 404\r\nno colon\r\n\tfolded\r\nStrict-Transport-Security: max-age=1\r\nSet-Cookie: a=b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\x00\xff:\r\r\n\r\n",
		"HTTP/1.1 999 \r\n \r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		r, err := readHead(bytes.NewReader(sent), http.MethodHead)
		if (r == nil) == (err == nil) {
			t.Fatalf("response %+v, error %v", r, err)
		}
		if r != nil && (r.status < 200 || r.status > 999 || len(r.location)+len(r.server)+len(r.hsts) > headLimit) {
			t.Errorf("response is %+v", r)
		}
		theirs, failed := http.ReadResponse(bufio.NewReader(io.LimitReader(bytes.NewReader(sent), headLimit)), &http.Request{Method: http.MethodHead})
		if failed != nil || theirs.StatusCode < 200 {
			return
		}
		_ = theirs.Body.Close()
		if err != nil || r.status != theirs.StatusCode || r.location != theirs.Header.Get("Location") || len(r.cookies) != len(theirs.Cookies()) {
			t.Errorf("response %+v, error %v, net/http has %+v", r, err, theirs)
		}
	})
}
