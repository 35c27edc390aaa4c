package dns

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	whoisBytesMax = 64 << 10
	whoisBan      = time.Hour // what the registry of .ru bans for, at least
)

// whoisSource asks a WHOIS server (RFC 3912).
type whoisSource struct {
	g      *Registry
	server string
}

func (s whoisSource) host() string { return serverName(s.server, "43") }

func (s whoisSource) limit() RegistryLimit {
	return RegistryLimit{Queries: s.g.cfg.WhoisRate, Per: time.Minute}
}

func (s whoisSource) once() bool { return true }

func (s whoisSource) ask(ctx context.Context, domain string) (Registration, bool) {
	r := Registration{State: RegUnknown, Source: "whois"}
	text, err := s.converse(ctx, domain)
	if err != nil {
		r.Why = s.server + " gives no answer (" + reason(err) + ")"
		return r, false
	}
	s.read(&r, domain, decodeWhois(text))
	return r, false
}

// converse sends one query and reads all of the answer.
func (s whoisSource) converse(ctx context.Context, domain string) ([]byte, error) {
	cfg := &s.g.cfg
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Timeout)
	defer cancel()
	address := s.server
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "43")
	}
	c, err := cfg.reach(ctx, address, s.server == cfg.WhoisServer)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(c, domain+"\r\n"); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(c, whoisBytesMax+1))
	if err == nil && len(text) > whoisBytesMax {
		err = fmt.Errorf("more than %d KiB", whoisBytesMax>>10)
	}
	return text, err
}

// decodeWhois returns an answer as UTF-8: it is that, or Windows-1251.
func decodeWhois(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	var b strings.Builder
	for _, c := range text {
		switch {
		case c < 0x80:
			b.WriteByte(c)
		case c >= 0xc0:
			b.WriteRune('А' + rune(c-0xc0))
		case c == 0xa8:
			b.WriteRune('Ё')
		case c == 0xb8:
			b.WriteRune('ё')
		default:
			b.WriteRune(utf8.RuneError)
		}
	}
	return b.String()
}

// What registries say, in lower case: at the beginning of a line where there is no record, anywhere where they refuse.
var (
	whoisNone = []string{
		"no entries found", "no match for", "no match.", "no data found", "no object found", "not found", "domain not found",
	}
	whoisBans = []string{
		"exceeded allowed connection rate", "you are not allowed to connect", "connection limit exceeded", "query rate limit exceeded",
		"whois limit exceeded", "number of allowed queries exceeded", "too many requests",
	}
)

// read finds out what an answer says. Whatever is not recognised is unknown.
func (s whoisSource) read(r *Registration, domain, text string) {
	w := parseWhois(text)
	switch {
	case w.domain != "" && w.domain == domain:
		r.Expires, r.Created = w.expires, w.created
		r.State = stateOf(w.words(), r.Expires, s.g.cfg.Now())
		r.Why = registryWords(s.server, domain, w.statuses, r)
	case w.domain != "":
		r.Why = s.server + " answers with another domain"
	case w.banned:
		r.Retry = s.g.cfg.Now().Add(whoisBan)
		r.Why = s.server + " refuses: we asked too often; not asked again before " + r.Retry.UTC().Format(time.RFC3339)
	case w.none:
		r.State, r.Why = RegNone, s.server+" has no record of "+domain
	default:
		r.Why = s.server + " answers with what is not understood"
	}
}

// whoisAnswer is what we read of an answer: the forms of whois.tcinet.ru and of the ICANN registries.
type whoisAnswer struct {
	domain           string
	statuses         []string
	expires, created time.Time
	none, banned     bool
}

func parseWhois(text string) whoisAnswer {
	var w whoisAnswer
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		lowered := strings.ToLower(line)
		bare := strings.TrimLeft(lowered, "%# ")
		for _, ban := range whoisBans {
			w.banned = w.banned || strings.Contains(bare, ban)
		}
		for _, none := range whoisNone {
			w.none = w.none || strings.HasPrefix(lowered, none)
		}
		if key, value, ok := strings.Cut(line, ":"); ok && bare == lowered {
			w.take(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value))
		}
	}
	return w
}

// take reads one field.
func (w *whoisAnswer) take(key, value string) {
	switch key {
	case "domain", "domain name":
		if w.domain == "" {
			w.domain = normal(value)
		}
	case "state": // REGISTERED, NOT DELEGATED, VERIFIED
		for part := range strings.SplitSeq(value, ",") {
			w.statuses = append(w.statuses, strings.TrimSpace(part))
		}
	case "domain status": // clientHold https://icann.org/epp#clientHold
		if word, _, _ := strings.Cut(value, " "); word != "" {
			w.statuses = append(w.statuses, word)
		}
	case "paid-till", "registry expiry date":
		w.expires = registryDate(value)
	case "created", "creation date":
		w.created = registryDate(value)
	}
}

func (w *whoisAnswer) words() []string {
	out := make([]string, len(w.statuses))
	for i, s := range w.statuses {
		out[i] = statusWord(s)
	}
	return out
}
