package dns

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/fixtures"
)

func TestListForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		form       listForm
		body, want string // prefixes, or "error" and what it says
	}{
		{listText, "103.21.244.0/22\n2400:cb00::/32\n", "103.21.244.0/22 2400:cb00::/32"},
		{listText, "93.184.1.1", "93.184.1.1/32"},
		{listText, "93.184.1.1/24", "93.184.1.0/24"},
		{listText, "<html>", `error "<html>" is neither`},
		{listText, "::ffff:93.184.1.1", "error neither"},
		{listText, "", ""},
		{listJSON, `{"addresses":["23.235.32.0/20"],"ipv6_addresses":["2a04:4e40::/32"]}`, "23.235.32.0/20 2a04:4e40::/32"},
		{listJSON, `{"addresses":["92.223.74.19/32"],"addresses_v6":["2a03:90c0:191:2801::8/128"]}`, "92.223.74.19/32 2a03:90c0:191:2801::8/128"},
		{listJSON, `[]`, "error not the JSON"},
		{listJSON, `{"addresses":[1]}`, "error not the JSON"},
		{listAWS, `{"prefixes":[{"ip_prefix":"13.32.0.0/15","service":"CLOUDFRONT"},{"ip_prefix":"3.5.0.0/16","service":"S3"}],
			"ipv6_prefixes":[{"ipv6_prefix":"2600:9000::/28","service":"CLOUDFRONT"}]}`, "13.32.0.0/15 2600:9000::/28"},
		{listAWS, `x`, "error not the JSON"},
	} {
		list, err := c.form.read([]byte(c.body))
		texts := make([]string, len(list))
		for i, p := range list {
			texts[i] = p.String()
		}
		got := strings.Join(texts, " ")
		if says, bad := strings.CutPrefix(c.want, "error "); bad {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q", c.body, err, says)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.body, got, err, c.want)
		}
	}
}

func TestAcceptable(t *testing.T) {
	t.Parallel()
	known := mustPrefixes("93.184.0.0/16", "2a00:1450::/32")
	for _, c := range []struct {
		list  string
		force bool
		want  string // "" for a list that is taken
	}{
		{"93.184.0.0/16 2a00:1450::/32", false, ""},
		{"93.184.0.0/17 2a00:1450::/33", false, ""},
		{"93.184.0.0/18 2a00:1450::/32", false, "less than half"},
		{"93.184.0.0/16", false, "less than half"},                                                           // all of IPv6 is gone
		{"93.184.0.0/18 93.184.0.0/19 93.184.0.0/20 93.184.32.0/19 2a00:1450::/32", false, "less than half"}, // counted once
		{"93.184.0.0/18", true, ""},
		{"", true, "empty"},
		{"93.0.0.0/7", true, "wider than any"},
		{"0.0.0.0/0", true, "wider than any"},
		{"2a00::/15", true, "wider than any"},
		{"10.1.0.0/16", true, "10.1.0.0/16 holds special-purpose"},
		{"100.0.0.0/8", true, "special-purpose"}, // 100.64.0.0/10 is in it
		{"2001:db8::/32", true, "special-purpose"},
		{"fc00::/16", true, "special-purpose"},
		{"4000::/16", true, "special-purpose"},
	} {
		err := acceptable(mustPrefixes(strings.Fields(c.list)...), known, c.force)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.list, err, c.want)
		}
	}
	var many []netip.Prefix
	for i := range 17 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(30 + i)}), 8))
	}
	if err := acceptable(many, nil, true); err == nil || !strings.Contains(err.Error(), "sixteenth") {
		t.Errorf("seventeen /8: %v", err)
	}
	for _, p := range Providers() {
		if err := acceptable(p.Edge, p.Edge, false); p.Published && len(p.Edge) > 0 && err != nil {
			t.Errorf("the built-in list of %s: %v", p.ID, err)
		}
	}
}

func TestProviderFile(t *testing.T) {
	t.Parallel()
	lists := []ProviderRanges{{ID: "cloudflare", At: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC), Edge: mustPrefixes("93.184.0.0/16", "2a00:1450::/32")}}
	text := EncodeProviders(lists)
	got, err := DecodeProviders(text)
	if err != nil || !reflect.DeepEqual(got, lists) {
		t.Fatalf("%+v, %v", got, err)
	}
	n := NewNetworks(mustPrefixes("203.0.113.0/24"), false, got...)
	for addr, want := range map[string]Verdict{"93.184.1.1": Proxied, "104.16.1.1": Moved, "151.101.1.1": Proxied} {
		a := answer(addr)
		if o := n.Judge(&a); o.Verdict != want {
			t.Errorf("%s with a fetched list of cloudflare alone: %s, want %s", addr, o.Verdict, want)
		}
	}
	for bad, says := range map[string]string{
		"":                        "damaged",
		string(text[:40]):         "damaged",
		string(text) + "{}":       "damaged",
		`{"schema":2,"new":true}`: "newer certscan",
		`{"schema":0}`:            "damaged",
		`{"schema":1,"x":1}`:      "damaged",
		`{"schema":1,"providers":[{"id":"cloudflare","edge":[]}]}`:            "cloudflare: it is empty",
		`{"schema":1,"providers":[{"id":"cloudflare","edge":["0.0.0.0/0"]}]}`: "wider",
		`{"schema":1,"providers":[{"id":"cloudflare","edge":[""]}]}`:          "damaged",
	} {
		if lists, err := DecodeProviders([]byte(bad)); err == nil || !strings.Contains(err.Error(), says) || lists != nil {
			t.Errorf("%q: %v, %v, want %q", bad, lists, err, says)
		}
	}
	if all := Providers(ProviderRanges{ID: "nobody", Edge: lists[0].Edge}, ProviderRanges{ID: "akamai", Edge: lists[0].Edge}); !reflect.DeepEqual(all, Providers()) {
		t.Error("a list of a provider that publishes none, or that we do not know, was taken")
	}
}

// vendors serves lists at the vendors' own names.
func vendors(t *testing.T, lists map[string]http.HandlerFunc) ProviderConfig {
	t.Helper()
	n := fixtures.New(t)
	hosts := map[string]netip.Addr{}
	at := netip.MustParseAddr("93.184.50.1")
	for host, list := range lists {
		hosts[host] = at
		n.Serve(netip.AddrPortFrom(at, 443).String(), fixtures.Site{Names: []string{host}, Handler: list})
		at = at.Next()
	}
	return ProviderConfig{
		Dial: n.Dial, Timeout: 2 * time.Second, Roots: []*x509.Certificate{n.CA().Root}, Now: func() time.Time { return registryNow },
		Lookup: func(_ context.Context, host string) []netip.Addr {
			if a, ok := hosts[host]; ok {
				return []netip.Addr{a}
			}
			return nil
		},
	}
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) } //nolint:errcheck // the client has gone
}

const (
	cloudflareHost, fastlyHost = "www.cloudflare.com", "api.fastly.com"
	awsHost, gcoreHost         = "ip-ranges.amazonaws.com", "api.gcore.com"
)

// goodLists are lists that make sense.
func goodLists() map[string]http.HandlerFunc {
	fastly := `{"addresses":["151.101.0.0/16","199.232.0.0/16","146.75.0.0/16","140.248.0.0/16"],"ipv6_addresses":["2a04:4e40::/32","2a04:4e42::/32"]}`
	return map[string]http.HandlerFunc{
		cloudflareHost: func(w http.ResponseWriter, r *http.Request) {
			v4 := "104.16.0.0/12\n172.64.0.0/13\n162.158.0.0/15\n"
			if r.URL.Path == "/ips-v6" {
				v4 = "2606:4700::/32\n2400:cb00::/32\n2a06:98c0::/29"
			}
			text(v4)(w, r)
		},
		fastlyHost: text(fastly),
		awsHost: text(`{"prefixes":[{"ip_prefix":"13.32.0.0/12","service":"CLOUDFRONT"},{"ip_prefix":"18.160.0.0/12","service":"CLOUDFRONT"}],
			"ipv6_prefixes":[{"ipv6_prefix":"2600:9000::/28","service":"CLOUDFRONT"}]}`),
		gcoreHost: text(`{"addresses":["92.223.74.19/32"]}`),
	}
}

func TestUpdateProviders(t *testing.T) {
	t.Parallel()
	lists, failed, err := UpdateProviders(t.Context(), vendors(t, goodLists()), nil)
	if err != nil || len(failed) > 0 {
		t.Fatalf("%v %v", failed, err)
	}
	var ids []string
	for _, l := range lists {
		ids = append(ids, fmt.Sprint(l.ID, len(l.Edge)))
		if !l.At.Equal(registryNow) {
			t.Errorf("%s at %s", l.ID, l.At)
		}
	}
	if !slices.Equal(ids, []string{"cloudflare6", "cloudfront3", "fastly6", "gcore1"}) {
		t.Errorf("%q", ids)
	}
	if _, err := DecodeProviders(EncodeProviders(lists)); err != nil {
		t.Error(err)
	}
}

// TestUpdateKeepsTheLastGoodList has a vendor go wrong in every way: its last list stays, and the others' are taken.
func TestUpdateKeepsTheLastGoodList(t *testing.T) {
	t.Parallel()
	known := []ProviderRanges{{ID: "fastly", At: registryNow.AddDate(0, -1, 0), Edge: mustPrefixes("151.101.0.0/16", "199.232.0.0/16")}}
	for name, c := range map[string]struct {
		list http.HandlerFunc
		says string
	}{
		"no server": {nil, "no address"},
		"an error":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "answers 502"},
		"a page":    {text("<html>please sign in</html>"), "not the JSON"},
		"empty":     {text("{}"), "empty"},
		"absurd":    {text(`{"addresses":["0.0.0.0/0"]}`), "wider"},
		"private":   {text(`{"addresses":["192.168.0.0/16","151.101.0.0/16","199.232.0.0/16"]}`), "special-purpose"},
		"shrunk":    {text(`{"addresses":["151.101.0.0/18"]}`), "--force"},
		"a redirect to a foreign host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+gcoreHost+"/cdn/public-ip-list", http.StatusFound)
		}, "another host"},
		"a redirect away from https": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+fastlyHost+"/", http.StatusFound)
		}, "another host"},
		"more than the limit": {text(strings.Repeat(" ", listBytesMax+1)), "larger than 16 MiB"},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "{") //nolint:errcheck // the client has gone
		}, "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lists := goodLists()
			if lists[fastlyHost] = c.list; c.list == nil {
				delete(lists, fastlyHost)
			}
			got, failed, err := UpdateProviders(t.Context(), vendors(t, lists), known)
			if err != nil || len(failed) != 1 || failed[0].ID != "fastly" || !strings.Contains(failed[0].Err.Error(), c.says) {
				t.Fatalf("%v %v, want fastly: %s", failed, err, c.says)
			}
			i := slices.IndexFunc(got, func(r ProviderRanges) bool { return r.ID == "fastly" })
			if len(got) != 4 || i < 0 || !reflect.DeepEqual(got[i], known[0]) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestUpdateTrustsNobody holds that lists come over TLS from who is the vendor, and from public addresses.
func TestUpdateTrustsNobody(t *testing.T) {
	t.Parallel()
	cfg := vendors(t, goodLists())
	cfg.Roots = nil
	got, failed, err := UpdateProviders(t.Context(), cfg, nil)
	if err != nil || len(got) > 0 || len(failed) != 4 || !strings.Contains(failed[0].Err.Error(), "unknown authority") {
		t.Errorf("%v %v %v", got, failed, err)
	}
	cfg.Lookup = func(context.Context, string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.1")} }
	if _, failed, _ = UpdateProviders(t.Context(), cfg, nil); len(failed) != 4 || !strings.Contains(failed[0].Err.Error(), "special-purpose") {
		t.Errorf("%v", failed)
	}
}

func FuzzProviderList(f *testing.F) {
	f.Add(0, []byte("103.21.244.0/22\n"))
	f.Add(1, []byte(`{"addresses":["23.235.32.0/20"]}`))
	f.Add(2, []byte(`{"prefixes":[{"ip_prefix":"13.32.0.0/15","service":"CLOUDFRONT"}]}`))
	f.Fuzz(func(t *testing.T, form int, body []byte) {
		list, err := listForms[uint(form)%uint(len(listForms))].read(body)
		if err != nil || acceptable(list, nil, true) != nil {
			return
		}
		lists := []ProviderRanges{{ID: "cloudflare", Edge: list}}
		if got, err := DecodeProviders(EncodeProviders(lists)); err != nil || !reflect.DeepEqual(got, lists) {
			t.Fatalf("%v: %v", got, err)
		}
	})
}
