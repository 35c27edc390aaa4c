package dns

import (
	"net/http"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzRegistryAnswer holds that whatever a registry's server sends is read as one state or another, that a record is
// believed only of the domain that was asked for, and that what is told of it is text.
func FuzzRegistryAnswer(f *testing.F) {
	for _, text := range []string{
		"domain: EXAMPLE.RU\r\nstate: REGISTERED, NOT DELEGATED\r\npaid-till: 2027-05-21T21:00:00Z\r\n", limitBanner,
		"No entries found for the selected source(s).\r\n", "org: \xcf\xf0\xe8\xec\xe5\xf0\r\n",
		`{"objectClassName":"domain","ldhName":"example.ru","status":["client hold"],"events":[{"eventAction":"expiration","eventDate":"2027-05-21T00:00:00Z"}]}`,
	} {
		f.Add(200, text)
		f.Add(404, text)
	}
	g := &Registry{cfg: RegistryConfig{Now: func() time.Time { return registryNow }}}
	f.Fuzz(func(t *testing.T, code int, text string) {
		w := Registration{State: RegUnknown}
		whoisSource{g, "192.0.2.1"}.read(&w, "example.ru", decodeWhois([]byte(text)))
		r := Registration{State: RegUnknown}
		rdapSource{g, "https://192.0.2.1/"}.read(&r, "example.ru", &http.Response{StatusCode: code, Header: http.Header{}}, []byte(text))
		for _, x := range []Registration{w, r} {
			if x.State == "" || x.State == RegUnchecked || x.Why == "" || len(x.Why) > 1000 {
				t.Errorf("%+v of %q", x, text)
			}
		}
		if r.State == RegNone && code != http.StatusNotFound {
			t.Errorf("%d reads as no record", code)
		}
		if utf8.ValidString(text) && !utf8.ValidString(w.Why) {
			t.Errorf("%q is no text", w.Why)
		}
	})
}
