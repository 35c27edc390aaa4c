package dns

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// listForm says how a vendor writes its edge list.
type listForm string

// The closed set of forms.
const (
	listText listForm = "text" // a prefix or an address a line
	listJSON listForm = "json" // an object with arrays of them: addresses, ipv6_addresses (Fastly), addresses_v6 (Gcore)
	listAWS  listForm = "aws"  // ip-ranges.json, of which the service CLOUDFRONT counts
)

var listForms = []listForm{listText, listJSON, listAWS}

// read returns the prefixes of a list in the order in which they stand there; what is not understood makes all of it an
// error. It promises nothing about their sense: see acceptable.
func (f listForm) read(body []byte) ([]netip.Prefix, error) {
	var texts []string
	switch f {
	case listText:
		texts = strings.Fields(string(body))
	case listJSON:
		var l struct {
			V4      []string `json:"addresses"`
			V6      []string `json:"addresses_v6"`
			V6Named []string `json:"ipv6_addresses"`
		}
		if err := json.Unmarshal(body, &l); err != nil {
			return nil, errors.New("it is not the JSON that was expected")
		}
		texts = slices.Concat(l.V4, l.V6, l.V6Named)
	case listAWS:
		var l struct {
			V4 []awsPrefix `json:"prefixes"`
			V6 []awsPrefix `json:"ipv6_prefixes"`
		}
		if err := json.Unmarshal(body, &l); err != nil {
			return nil, errors.New("it is not the JSON that was expected")
		}
		for _, p := range slices.Concat(l.V4, l.V6) {
			if p.Service == "CLOUDFRONT" {
				texts = append(texts, p.V4+p.V6)
			}
		}
	}
	return parseRanges(texts)
}

// awsPrefix is an entry of ip-ranges.json; one of the two texts is empty.
type awsPrefix struct {
	V4      string `json:"ip_prefix"`
	V6      string `json:"ipv6_prefix"`
	Service string `json:"service"`
}

// rangesMax bounds the prefixes of one list.
const rangesMax = 100_000

func parseRanges(texts []string) ([]netip.Prefix, error) {
	if len(texts) > rangesMax {
		return nil, fmt.Errorf("it has more than %d entries", rangesMax)
	}
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, bad := netip.ParseAddr(text); bad == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Zone() != "" || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is neither a network nor an address", clipped(text, 40))
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// acceptable says why a list cannot take the place of the one before; nil for one that can. A list that is empty, names
// what no CDN has, or has lost half of what was known would turn verdicts over.
func acceptable(list, before []netip.Prefix, force bool) error {
	if len(list) == 0 {
		return errors.New("it is empty")
	}
	for _, p := range list {
		switch {
		case p.Addr().Is4() && p.Bits() < 8, p.Addr().Is6() && p.Bits() < 16:
			return fmt.Errorf("%s is wider than any CDN's network", p)
		case overlapsSpecial(p):
			return fmt.Errorf("%s holds special-purpose addresses", p)
		}
	}
	now, then := extent(list), extent(before)
	const most = 1 << 28 // a sixteenth of all IPv4 addresses
	switch {
	case now[0] > most:
		return errors.New("it covers more than a sixteenth of the IPv4 addresses")
	case force:
	case now[0] < then[0]/2 || now[1] < then[1]/2:
		return errors.New("it covers less than half of what was known: look at it, and take it with --force")
	}
	return nil
}

func overlapsSpecial(p netip.Prefix) bool {
	if p.Addr().Is6() && !global6.Overlaps(p) {
		return true
	}
	return slices.ContainsFunc(special, p.Overlaps)
}

// extent is how much of each family a list covers: IPv4 addresses, and IPv6 /64 networks. What stands within another
// entry counts once.
func extent(list []netip.Prefix) (out [2]float64) {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var last netip.Prefix
	for _, p := range sorted {
		if last.IsValid() && last.Overlaps(p) {
			continue
		}
		last = p
		if p.Addr().Is4() {
			out[0] += math.Exp2(float64(32 - p.Bits()))
		} else {
			out[1] += math.Exp2(float64(64 - p.Bits()))
		}
	}
	return out
}

// providerSchema is the form of the file of fetched lists.
const providerSchema = 1

// ProviderBytesMax bounds the file of fetched lists.
const ProviderBytesMax = 16 << 20

type providerFile struct {
	Schema    int                   `json:"schema"`
	Providers []providerFileEntries `json:"providers"`
}

type providerFileEntries struct {
	ID   string         `json:"id"`
	At   time.Time      `json:"fetched_at"`
	Edge []netip.Prefix `json:"edge"`
}

// EncodeProviders returns fetched lists as [DecodeProviders] reads them.
func EncodeProviders(lists []ProviderRanges) []byte {
	f := providerFile{Schema: providerSchema}
	for _, l := range lists {
		f.Providers = append(f.Providers, providerFileEntries(l))
	}
	b, _ := json.MarshalIndent(f, "", " ") // nothing in it can fail
	return append(b, '\n')
}

// DecodeProviders reads what EncodeProviders wrote. Each list is held to what a fetched one is; an error means that none
// may be used.
func DecodeProviders(text []byte) ([]ProviderRanges, error) {
	var f providerFile
	if err := json.Unmarshal(text, &struct {
		Schema *int `json:"schema"`
	}{&f.Schema}); err != nil || f.Schema < 1 {
		return nil, errors.New("damaged")
	}
	if f.Schema > providerSchema {
		return nil, fmt.Errorf("written by a newer certscan (form %d, this one knows %d)", f.Schema, providerSchema)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&f) != nil || d.More() {
		return nil, errors.New("damaged")
	}
	out := make([]ProviderRanges, 0, len(f.Providers))
	for _, p := range f.Providers {
		for i, prefix := range p.Edge {
			if !prefix.IsValid() {
				return nil, fmt.Errorf("damaged: %s has an entry that is no network", p.ID)
			}
			p.Edge[i] = prefix.Masked()
		}
		if err := acceptable(p.Edge, nil, true); err != nil {
			return nil, fmt.Errorf("damaged: the list of %s: %w", p.ID, err)
		}
		out = append(out, ProviderRanges(p))
	}
	return out, nil
}
