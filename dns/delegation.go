package dns

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"sync"

	mdns "github.com/miekg/dns"
)

// DelegationState is what the servers of the parent zone say of a registrable domain.
type DelegationState string

// The closed set of delegation states.
const (
	DelegationUnasked DelegationState = ""
	Delegated         DelegationState = "delegated" // a referral, or its NS records at the same servers
	Undelegated       DelegationState = "none"      // NXDOMAIN with authority, from two servers
	Undivided         DelegationState = "exists"    // the name exists in the parent zone, without a delegation: never free
	DelegationUnknown DelegationState = "unknown"   // silence, something else, or servers at odds
)

// Delegation is what the servers of the parent zone said when they were asked directly, without recursion.
type Delegation struct {
	Domain string // the registrable domain that was asked for
	Zone   string // the parent zone; empty for the root, or where it was not found
	State  DelegationState
	// Nameservers are those that the parent refers to.
	Nameservers []string
	// Why tells the state for people.
	Why string

	split bool   // the servers contradict each other
	by    string // the server that says so, where it is one that was asked
	glue  map[string][]netip.Addr
}

// zoneFacts is who serves a zone, by the resolver.
type zoneFacts struct {
	status  Status
	servers []zoneServer
}

// zoneServer is one name server of a zone and where it can be asked.
type zoneServer struct {
	name  string
	addrs []netip.Addr // IPv4 first
	why   string       // why there are none
}

// Limits of what one zone makes us ask.
const (
	zoneServersMax   = 13 // name servers looked at
	serverAddrsMax   = 2  // addresses of one of them that are asked
	parentServersMax = 4  // servers of the parent that are asked, until two agree
	zoneCutsMax      = 4  // referrals followed below the registrable domain
)

// delegation asks the servers of the parent zone for a registrable domain. Once for a run.
func (r *Resolver) delegation(ctx context.Context, x exchanger, domain string) Delegation {
	return r.delegations.get(domain, func() (Delegation, bool) {
		d := r.askParent(ctx, x, domain)
		return d, d.State != DelegationUnknown
	})
}

func (r *Resolver) askParent(ctx context.Context, x exchanger, domain string) Delegation {
	zone, servers, why := r.zoneAbove(ctx, x, domain)
	d := Delegation{Domain: domain, Zone: zone, State: DelegationUnknown, Why: why}
	addrs := spread(servers, domain)
	if len(addrs) == 0 {
		if d.Why == "" {
			d.Why = "no server of the parent zone " + zoneName(zone) + " can be asked"
		}
		return d
	}
	addrs = addrs[:min(len(addrs), parentServersMax)]
	var said []Delegation
	for len(addrs) > 0 && !decided(said) {
		now := addrs[:min(len(addrs), max(1, 2-useful(said)))]
		addrs = addrs[len(now):]
		said = append(said, r.askParentServers(ctx, servers, now, domain, zone)...)
	}
	return weigh(d, said)
}

// askParentServers asks some servers of the parent at once.
func (r *Resolver) askParentServers(ctx context.Context, servers []zoneServer, addrs []netip.Addr, domain, zone string) []Delegation {
	said := make([]Delegation, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			said[i] = referral(r.askDirectly(ctx, addr, query{name: domain, qtype: mdns.TypeNS}), domain, zone)
			said[i].Why = addr.String() + " " + said[i].Why
			at := slices.IndexFunc(servers, func(s zoneServer) bool { return slices.Contains(s.addrs, addr) })
			said[i].by = servers[at].name
		})
	}
	wg.Wait()
	return said
}

// useful counts the servers that said something: two addresses of one are one.
func useful(said []Delegation) int {
	by := map[string]bool{}
	for i := range said {
		if said[i].State != DelegationUnknown {
			by[said[i].by] = true
		}
	}
	return len(by)
}

func decided(said []Delegation) bool { return useful(said) >= 2 }

// weigh makes one statement of what the servers of the parent said. That a name is not there takes two that agree; a
// delegation is believed of one where no other answers.
func weigh(d Delegation, said []Delegation) Delegation {
	states := map[DelegationState]bool{}
	var why []string
	for i := range said {
		states[said[i].State] = true
		why = append(why, said[i].Why)
	}
	d.Why = strings.Join(why, "; ")
	delete(states, DelegationUnknown)
	if len(states) > 1 {
		d.split = true
		return d
	}
	agreed := useful(said) >= 2
	for i := range said {
		s := &said[i]
		if s.State == DelegationUnknown || s.State != Delegated && !agreed {
			continue
		}
		d.State, d.Nameservers, d.glue = s.State, s.Nameservers, s.glue
		return d
	}
	return d
}

// referral reads what one server of the parent zone said of a domain (RFC 1034 §4.3.2, RFC 2308 §2).
func referral(t told, domain, zone string) Delegation {
	d := Delegation{State: DelegationUnknown}
	m := t.msg
	if m == nil {
		d.Why = "gave no answer (" + t.trouble + ")"
		return d
	}
	answered, referred := targets(m.Answer, domain, mdns.TypeNS), targets(m.Ns, domain, mdns.TypeNS)
	switch {
	case m.Rcode == mdns.RcodeNameError && m.Authoritative && len(m.Answer) == 0 && soaOwner(m, zone):
		d.State, d.Why = Undelegated, "says with authority that "+domain+" does not exist"
	case m.Rcode == mdns.RcodeSuccess && m.Authoritative && len(answered) > 0:
		d.State, d.Nameservers, d.Why = Delegated, answered, "serves "+domain+" itself"
	case m.Rcode == mdns.RcodeSuccess && len(m.Answer) == 0 && len(referred) > 0:
		d.State, d.Nameservers, d.Why = Delegated, referred, "refers to "+some(referred)
	case m.Rcode == mdns.RcodeSuccess && m.Authoritative && len(m.Answer) == 0 && soaOwner(m, zone):
		d.State, d.Why = Undivided, "has "+domain+" in the zone, without a delegation"
	default:
		d.Why = fmt.Sprintf("answers %s, which settles nothing%s", t.status(), without(m.Authoritative))
	}
	d.glue = glueOf(m)
	return d
}

func without(authority bool) string {
	if authority {
		return ""
	}
	return " (without authority)"
}

// soaOwner reports whether the authority section holds the SOA of the zone.
func soaOwner(m *mdns.Msg, zone string) bool {
	return slices.ContainsFunc(m.Ns, func(rr mdns.RR) bool {
		return rr.Header().Rrtype == mdns.TypeSOA && normal(rr.Header().Name) == zone
	})
}

// glueOf collects the addresses of the additional section by name: where to go on, never what a name points to.
func glueOf(m *mdns.Msg) map[string][]netip.Addr {
	glue := map[string][]netip.Addr{}
	for _, rr := range m.Extra {
		if a, ok := address(rr); ok {
			owner := normal(rr.Header().Name)
			glue[owner] = append(glue[owner], a)
		}
	}
	return glue
}

// zoneAbove finds the zone above a name and who serves it, by the resolver: the next name up that has NS records.
func (r *Resolver) zoneAbove(ctx context.Context, x exchanger, name string) (zone string, servers []zoneServer, why string) {
	for zone = name; zone != ""; {
		_, zone, _ = strings.Cut(zone, ".")
		f := r.zones.get(zone, func() (zoneFacts, bool) { return r.findServers(ctx, x, zone) })
		switch f.status {
		case StatusNoError:
			return zone, f.servers, ""
		case StatusNoData, StatusNXDomain:
		case StatusUnasked, StatusServFail, StatusRefused, StatusFormErr, StatusNotImp, StatusOther, StatusTimeout, StatusCanceled:
			return zone, nil, fmt.Sprintf("the name servers of the parent zone %s could not be found (%s)", zoneName(zone), f.status)
		}
	}
	return "", nil, "the name servers of the parent zone could not be found"
}

func zoneName(zone string) string {
	if zone == "" {
		return "."
	}
	return zone
}

func (r *Resolver) findServers(ctx context.Context, x exchanger, zone string) (zoneFacts, bool) {
	m := x.exchange(ctx, query{name: zone, qtype: mdns.TypeNS})[0]
	f := zoneFacts{status: m.reply.Status}
	if f.status == StatusNoError {
		f.servers = r.addressesOf(ctx, x, m.targets, nil)
	}
	return f, f.status.OK() && (f.status != StatusNoError || len(spread(f.servers, "")) > 0)
}

// addressesOf finds where name servers can be asked: by glue, else by the resolver. Addresses that must not be asked
// are left out.
func (r *Resolver) addressesOf(ctx context.Context, x exchanger, names []string, glue map[string][]netip.Addr) []zoneServer {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	names = names[:min(len(names), zoneServersMax)]
	var queries []query
	for _, name := range names {
		if len(glue[name]) == 0 {
			queries = append(queries, query{name: name, qtype: mdns.TypeA}, query{name: name, qtype: mdns.TypeAAAA})
		}
	}
	var found []message
	if len(queries) > 0 {
		found = x.exchange(ctx, queries...)
	}
	var out []zoneServer
	for _, name := range names {
		s := zoneServer{name: name}
		addrs := glue[name]
		if len(addrs) == 0 {
			addrs = slices.Concat(found[0].chain.addrs, found[1].chain.addrs)
			s.why = fmt.Sprintf("has no address (A %s, AAAA %s)", found[0].reply.Status, found[1].reply.Status)
			found = found[2:]
		}
		s.admit(addrs, r.cfg.Allow)
		out = append(out, s)
	}
	return out
}

// admit keeps the addresses that may be asked, IPv4 first.
func (s *zoneServer) admit(addrs []netip.Addr, allow func(netip.Addr) bool) {
	addrs = slices.Clone(addrs)
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range slices.Compact(addrs) {
		if allow(a) && len(s.addrs) < serverAddrsMax {
			s.addrs = append(s.addrs, a)
		}
	}
	if len(addrs) > 0 && len(s.addrs) == 0 {
		s.why = "has only special-purpose addresses (" + addrs[0].String() + "), which are not asked"
	}
}

// spread returns one address a server, beginning with another one for another name; second addresses come after.
func spread(servers []zoneServer, name string) []netip.Addr {
	if len(servers) == 0 {
		return nil
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails (hash.Hash)
	first := int(h.Sum32()>>1) % len(servers)
	var out []netip.Addr
	for place := range serverAddrsMax {
		for i := range servers {
			s := &servers[(first+i)%len(servers)]
			if place < len(s.addrs) && !slices.Contains(out, s.addrs[place]) {
				out = append(out, s.addrs[place])
			}
		}
	}
	return out
}

// some lists the first few names.
func some(names []string) string {
	const shown = 4
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		text += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return text
}

// remembered keeps what was found out under a key, found out once by whoever comes first; the others wait for it.
type remembered[T any] struct {
	mu      sync.Mutex // guards entries
	entries map[string]*memory[T]
}

type memory[T any] struct {
	once  sync.Once
	facts T
}

// get returns what find found; what find does not call good is forgotten, and the next one finds out again.
func (c *remembered[T]) get(key string, find func() (facts T, good bool)) T {
	c.mu.Lock()
	e := c.entries[key]
	if e == nil {
		if c.entries == nil || len(c.entries) >= apexMax {
			c.entries = make(map[string]*memory[T])
		}
		e = new(memory[T])
		c.entries[key] = e
	}
	c.mu.Unlock()
	e.once.Do(func() {
		good := false
		defer func() { // also where find panics
			if !good {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.entries[key] == e {
					delete(c.entries, key)
				}
			}
		}()
		e.facts, good = find()
	})
	return e.facts
}
