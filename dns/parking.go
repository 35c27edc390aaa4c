package dns

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
)

// The parking table: name servers that serve nothing but parking pages, and addresses that show nothing else. An ordinary DNS
// host, or an address of a CDN or of a registrar's web hosting, must never stand in it.
//
//go:embed parking.txt
var parkingText string

type parking struct {
	suffixes map[string]bool // of name servers
	addrs    map[netip.Addr]bool
}

// builtinParking returns the embedded table. That it parses is a test's business.
func builtinParking() parking {
	p, err := parseParking(parkingText)
	if err != nil {
		panic("built-in parking table: " + err.Error())
	}
	return p
}

// parseParking reads "ns SUFFIX…" and "address IP…" lines; "#" begins a comment.
func parseParking(text string) (parking, error) {
	p := parking{suffixes: map[string]bool{}, addrs: map[netip.Addr]bool{}}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		for _, v := range fields[1:] {
			switch fields[0] {
			case "ns":
				p.suffixes[v] = true
			case "address":
				a, err := netip.ParseAddr(v)
				if err != nil {
					return parking{}, fmt.Errorf("line %d: %w", n+1, err)
				}
				p.addrs[a] = true
			default:
				return parking{}, fmt.Errorf("line %d: unknown word %q, want ns or address", n+1, fields[0])
			}
		}
	}
	return p, nil
}

// serves reports whether a name server is at or below a name of the table.
func (p *parking) serves(nameserver string) bool {
	for suffix := nameserver; suffix != ""; {
		if p.suffixes[suffix] {
			return true
		}
		_, suffix, _ = strings.Cut(suffix, ".")
	}
	return false
}

// parkingPage says by what a name that points elsewhere looks like a parking page: name servers, or every one of its
// addresses; "" is none.
func (j *judgement) parkingPage() string {
	for _, ns := range j.a.Nameservers {
		if j.n.parking.serves(ns) {
			return "the name server is " + ns
		}
	}
	for _, a := range j.a.Addrs {
		if !j.n.parking.addrs[a] {
			return ""
		}
	}
	return "the address is " + j.a.Addrs[0].String()
}
