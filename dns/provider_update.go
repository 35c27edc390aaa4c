package dns

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

const (
	listBytesMax     = 16 << 20 // of one list; the largest has 3 MiB
	listTime         = 6        // times ProviderConfig.Timeout, for a whole list
	listRedirectsMax = 3
)

// ProviderConfig configures [UpdateProviders]. Only Lookup must be set.
type ProviderConfig struct {
	// Dial opens connections; nil dials for real.
	Dial Dialer
	// Lookup finds the addresses of a vendor's host. The operating system is never asked.
	Lookup func(ctx context.Context, host string) []netip.Addr
	// Allow says which addresses may be dialled; nil is the public ones.
	Allow func(netip.Addr) bool
	// Timeout is the longest wait of each step. 0 is 5 s.
	Timeout time.Duration
	// Roots are trusted beside the system's.
	Roots []*x509.Certificate
	// UserAgent is what we call ourselves over HTTP.
	UserAgent string
	// Now tells the instant; nil is time.Now.
	Now func() time.Time
	// Force takes lists that have lost more than half of what was known.
	Force bool
}

// ProviderFault is a vendor whose list was not taken, and why. The error may quote remote text.
type ProviderFault struct {
	ID  string
	Err error
}

// UpdateProviders fetches the edge lists that vendors publish, over https and from the vendor's own host alone, and returns
// them in place of those of known with the same provider. A list that cannot be had, or makes no sense, leaves the last good
// one where it is, and is a fault; others are not touched by it. The error is of what keeps anything from being fetched.
func UpdateProviders(ctx context.Context, cfg ProviderConfig, known []ProviderRanges) ([]ProviderRanges, []ProviderFault, error) {
	client, err := newListClient(&cfg)
	if err != nil {
		return known, nil, err
	}
	out := slices.Clone(known)
	var faults []ProviderFault
	for _, p := range Providers(known...) {
		if !p.Published {
			continue
		}
		edge, err := client.fetch(ctx, &p)
		if err == nil {
			err = acceptable(edge, p.Edge, cfg.Force)
		}
		if err != nil {
			faults = append(faults, ProviderFault{p.ID, err})
			continue
		}
		out = slices.DeleteFunc(out, func(r ProviderRanges) bool { return r.ID == p.ID })
		out = append(out, ProviderRanges{ID: p.ID, At: cfg.Now().UTC().Truncate(time.Second), Edge: edge})
	}
	slices.SortFunc(out, func(a, b ProviderRanges) int { return cmp.Compare(a.ID, b.ID) })
	return out, faults, ctx.Err()
}

// listClient fetches lists over HTTP, without proxy, cookies or the operating system's resolver.
type listClient struct {
	cfg  *ProviderConfig
	http http.Client
}

func newListClient(cfg *ProviderConfig) (*listClient, error) {
	if cfg.Dial == nil {
		cfg.Dial = dialReal
	}
	if cfg.Allow == nil {
		cfg.Allow = func(a netip.Addr) bool { return !SpecialPurpose(a) }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's trust anchors: %w", err)
	}
	for _, c := range cfg.Roots {
		roots.AddCert(c)
	}
	c := &listClient{cfg: cfg}
	vendor := RegistryConfig{Dial: cfg.Dial, Lookup: cfg.Lookup, Allow: cfg.Allow}
	c.http = http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
				defer cancel()
				return vendor.reach(ctx, address, false)
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    cfg.Timeout,
			ResponseHeaderTimeout:  cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true, // nothing runs on between two lists
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if next.URL.Host != via[0].URL.Host || next.URL.Scheme != "https" || len(via) > listRedirectsMax {
				return errForeignHost
			}
			return nil
		},
	}
	return c, nil
}

// fetch returns the whole list of one provider.
func (c *listClient) fetch(ctx context.Context, p *Provider) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, url := range p.lists {
		body, err := c.get(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		part, err := p.form.read(body)
		if err == nil && len(part) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		all = append(all, part...)
	}
	return all, nil
}

// get returns what stands at a URL.
func (c *listClient) get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime*c.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.cfg.UserAgent != "" {
		request.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, errors.New(reason(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, listBytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it breaks off (%s)", reason(err))
	case len(body) > listBytesMax:
		return nil, fmt.Errorf("it is larger than %d MiB", listBytesMax>>20)
	}
	return body, nil
}
