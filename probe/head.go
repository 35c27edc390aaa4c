package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	interimLimit = 5 // interim (1xx) responses skipped before the one that counts
	blankLimit   = 2 // empty lines skipped before a status line
)

// response is what is used of an HTTP response.
type response struct {
	method   string
	status   int
	location string // the Location header
	server   string // the Server header
	hsts     string // the first Strict-Transport-Security header
	cookies  []*http.Cookie
}

// readHead reads the head of the response to a request with the method, interim responses skipped, at most headLimit
// bytes. The body is left where it is. It takes what browsers take, which is more than net/http does: how long the body
// is does not matter here, and header lines that are none are skipped.
func readHead(c io.Reader, method string) (*response, error) {
	lines := bufio.NewReader(&headReader{Reader: c, left: headLimit})
	for range interimLimit + 1 {
		status, err := readStatus(lines)
		if err != nil {
			return nil, err
		}
		header, err := readHeader(lines)
		if err != nil {
			return nil, err
		}
		if status >= 200 {
			return newResponse(method, status, header), nil
		}
	}
	return nil, errors.New("too many interim responses")
}

// headReader reads at most so many bytes.
type headReader struct {
	io.Reader
	left int
}

// Read reads until the limit is used up; from then on it fails with errFlood.
func (r *headReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, errFlood
	}
	n, err := r.Reader.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// readLine returns the next line without its end, which may be a bare LF (RFC 9112 §2.2).
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// readStatus returns the status code of the status line that comes next.
func readStatus(r *bufio.Reader) (int, error) {
	for blank := 0; ; blank++ {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		if line == "" && blank < blankLimit {
			continue
		}
		if status, ok := parseStatus(line); ok {
			return status, nil
		}
		return 0, fmt.Errorf("malformed status line %q", clip(line, textLimit))
	}
}

// parseStatus returns the status code of a status line (RFC 9112 §4), whose reason may be missing.
func parseStatus(line string) (int, bool) {
	const protocol = "HTTP/"
	if len(line) < len(protocol) || !strings.EqualFold(line[:len(protocol)], protocol) {
		return 0, false
	}
	version, rest, _ := strings.Cut(line[len(protocol):], " ")
	major, minor, _ := strings.Cut(version, ".")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, blanks), " ")
	code = strings.TrimRight(code, blanks)
	if !isNumber(major) || !isNumber(minor) || !isNumber(code) || len(code) != 3 || code[0] == '0' {
		return 0, false
	}
	return int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0'), true
}

// blanks are the OWS of RFC 9110 §5.6.3.
const blanks = " \t"

// readHeader reads the header as far as the empty line that ends it. Folded lines are joined (RFC 9112 §5.2).
func readHeader(r *bufio.Reader) (http.Header, error) {
	header := make(http.Header)
	var field []byte
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if line != "" && strings.Contains(blanks, line[:1]) {
			field = append(append(field, ' '), strings.Trim(line, blanks)...)
			continue
		}
		if name, value, ok := strings.Cut(string(field), ":"); ok {
			header.Add(strings.TrimRight(name, blanks), strings.Trim(value, blanks))
		}
		if line == "" {
			return header, nil
		}
		field = append(field[:0], line...)
	}
}

func newResponse(method string, status int, header http.Header) *response {
	r := &response{
		method:   method,
		status:   status,
		location: header.Get("Location"),
		server:   header.Get("Server"),
		hsts:     header.Get("Strict-Transport-Security"),
	}
	for _, line := range header["Set-Cookie"] {
		if cookie, err := http.ParseSetCookie(line); err == nil {
			r.cookies = append(r.cookies, cookie)
		}
	}
	return r
}
