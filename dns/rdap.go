package dns

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	rdapBytesMax     = 1 << 20
	rdapRedirectsMax = 3
	rdapType         = "application/rdap+json" // RFC 7480 §4.2
	retryUsual       = time.Minute             // after 429 without Retry-After
	retryMax         = 24 * time.Hour          // what a server may ask for
)

// rdapClient asks over HTTP, without proxy, cookies or the operating system's resolver.
type rdapClient struct{ http http.Client }

func newRDAPClient(cfg *RegistryConfig) (*rdapClient, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's trust anchors: %w", err)
	}
	for _, c := range cfg.Roots {
		roots.AddCert(c)
	}
	given := ""
	if u, err := url.Parse(cfg.RDAPURL); err == nil {
		given = u.Hostname()
	}
	return &rdapClient{http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				host, _, _ := net.SplitHostPort(address)
				return cfg.reach(ctx, address, host == given)
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    cfg.Timeout,
			ResponseHeaderTimeout:  cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true, // nothing runs on between two questions
			DisableCompression:     true,
		},
		CheckRedirect: sameHost,
	}}, nil
}

var (
	errForeignHost   = errors.New("it redirects to another host")
	errForeignDomain = errors.New("it redirects to another domain")
)

// sameHost lets no redirect leave the registry's own server, nor the domain that was asked for: what is not found elsewhere says
// nothing.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > rdapRedirectsMax:
		return errForeignHost
	case !strings.EqualFold(askedIn(next.URL), askedIn(first)):
		return errForeignDomain
	}
	return nil
}

// askedIn returns the last part of a path: the domain that is asked for.
func askedIn(u *url.URL) string { return u.Path[strings.LastIndexByte(u.Path, '/')+1:] }

// rdapSource asks the RDAP service at a base URL.
type rdapSource struct {
	g       *Registry
	baseURL string
}

func (s rdapSource) host() string {
	u, err := url.Parse(s.baseURL)
	if err != nil {
		return s.baseURL
	}
	if u.Scheme == "http" {
		return serverName(u.Host, "80")
	}
	return serverName(u.Host, "443")
}

func (s rdapSource) limit() RegistryLimit { return RegistryLimit{Queries: rdapRate, Per: time.Minute} }
func (s rdapSource) once() bool           { return false }

// ask asks for one domain (RFC 9082 §3.1.3). Only a record, and 404, are statements about it.
func (s rdapSource) ask(ctx context.Context, domain string) (r Registration, unable bool) {
	r = Registration{State: RegUnknown, Source: "rdap"}
	cfg := &s.g.cfg
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.baseURL+"domain/"+url.PathEscape(domain), http.NoBody)
	if err != nil {
		r.Why = "cannot be asked: " + err.Error()
		return r, false
	}
	request.Header.Set("Accept", rdapType+", application/json;q=0.5")
	if cfg.UserAgent != "" {
		request.Header.Set("User-Agent", cfg.UserAgent)
	}
	response, err := s.g.client.http.Do(request)
	if err != nil {
		r.Why = s.host() + " gives no answer (" + reason(err) + ")"
		return r, false
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, rdapBytesMax+1))
	switch {
	case err != nil:
		r.Why = s.host() + " breaks off its answer (" + reason(err) + ")"
	case len(body) > rdapBytesMax:
		r.Why = s.host() + " answers with more than 1 MiB"
	default:
		unable = s.read(&r, domain, response, body)
	}
	return r, unable
}

// read tells what a response means (RFC 7480 §5).
func (s rdapSource) read(r *Registration, domain string, response *http.Response, body []byte) (unable bool) {
	now := s.g.cfg.Now()
	r.Why = fmt.Sprintf("%s answers %d", s.host(), response.StatusCode)
	switch code := response.StatusCode; {
	case code == http.StatusNotImplemented:
		return true
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "":
		r.Retry = retryAfter(response.Header.Get("Retry-After"), now)
		r.Why += ", to be asked again after " + r.Retry.UTC().Format(time.RFC3339)
	case code == http.StatusNotFound && !isJSON(body):
		r.Why += " with a page, which is no RDAP"
	case code == http.StatusNotFound:
		r.State, r.Why = RegNone, s.host()+" has no record of "+domain
	case code == http.StatusOK:
		s.record(r, domain, body, now)
	}
	return false
}

// isJSON reports whether a body can be that of an RDAP error: an object, or nothing (RFC 7480 §5.3).
func isJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) == 0 || body[0] == '{' && json.Valid(body)
}

// rdapDomain is what we read of a domain object (RFC 9083 §5.3).
type rdapDomain struct {
	ObjectClassName string   `json:"objectClassName"`
	LDHName         string   `json:"ldhName"`
	Status          []string `json:"status"`
	Events          []struct {
		Action string `json:"eventAction"`
		Date   string `json:"eventDate"`
	} `json:"events"`
}

func (s rdapSource) record(r *Registration, domain string, body []byte, now time.Time) {
	var d rdapDomain
	if err := json.Unmarshal(body, &d); err != nil || d.ObjectClassName != "domain" {
		r.Why += " with what is no RDAP record of a domain"
		return
	}
	if name := normal(d.LDHName); name != "" && name != domain {
		r.Why += " with a record of another domain"
		return
	}
	statuses := make([]string, len(d.Status))
	for i, word := range d.Status {
		statuses[i] = statusWord(word)
	}
	for _, e := range d.Events {
		switch strings.ToLower(e.Action) {
		case "expiration":
			r.Expires = registryDate(e.Date)
		case "registration":
			r.Created = registryDate(e.Date)
		}
	}
	r.State = stateOf(statuses, r.Expires, now)
	r.Why = registryWords(s.host(), domain, d.Status, r)
}

// registryWords tells a record in one sentence.
func registryWords(host, domain string, statuses []string, r *Registration) string {
	text := fmt.Sprintf("%s knows %s: %s", host, domain, r.State)
	if !r.Expires.IsZero() {
		text += ", until " + r.Expires.Format(time.DateOnly)
	}
	if len(statuses) > 0 {
		text += " (" + some(statuses) + ")"
	}
	return clipped(text, 300)
}

// registryDate reads an instant as registries write it; zero where it is none.
func registryDate(text string) time.Time {
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly, "2006.01.02"} {
		if t, err := time.Parse(layout, text); err == nil && t.UTC().Year() <= 9999 { // RFC 3339 can write no more
			return t.UTC()
		}
	}
	return time.Time{}
}

// retryAfter reads a Retry-After of seconds or of a date (RFC 9110 §10.2.3), a day at most.
func retryAfter(text string, now time.Time) time.Time {
	wait := retryUsual
	if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return now.Add(min(max(wait, time.Second), retryMax))
}
