//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certscan/fixtures"
)

// The hosts of a realm, each an address of its network. Name servers listen on port 53 there.
var realmHosts = map[string]string{
	"PARENT1":   "1",  // nsd: root, com, net, ru, xn--p1ai
	"PARENT2":   "2",  // knot: the same zones
	"ORG1":      "3",  // in this process: org, NXDOMAIN without authority
	"ORG2":      "4",  // likewise
	"CHILD1":    "11", // another knot
	"CHILD2":    "12", // nsd
	"CHILD3":    "13", // the same nsd; the resolvers never ask it
	"SILENT":    "14", // hears and says nothing
	"BROKEN":    "15", // in this process: NXDOMAIN for A with data for AAAA
	"REGISTRY":  "20", // RDAP and WHOIS
	"RESOLVER1": "53", // unbound, validates
	"RESOLVER2": "54", // unbound, validates
	"MORTAL1":   "56", // unbounds that tests kill, suspend, and cut off
	"MORTAL2":   "57",
	"MORTAL3":   "58",
	"MORTAL4":   "59",
	"WEB":       "80", // nobody listens
	"CLAIM":     "254",
}

// realmNet6 is ours as well: nothing dials there.
const realmNet6 = "2001:db8:31::/48"

// realm is a DNS tree of its own from the root down, signed and served by real name servers on loopback, with real
// resolvers that know no other root. Nobody in it leaves the machine.
type realm struct {
	binary string // certscan, built
	dir    string
	net    string            // its network without the last number: "127.31.7"
	vars   map[string]string // where each host is, and REWRITER, a named that makes an address up for what does not exist
}

// realmPrograms are what a realm is made of.
type realmPrograms struct{ nsd, knotd, named, keygen, signzone, unbound string }

func needRealm(t *testing.T) realmPrograms {
	t.Helper()
	return realmPrograms{
		nsd: fixtures.Need(t, "nsd", "nsd"), knotd: fixtures.Need(t, "knotd", "knot"), named: fixtures.Need(t, "named", "bind9"),
		keygen: fixtures.Need(t, "dnssec-keygen", "bind9-utils"), signzone: fixtures.Need(t, "dnssec-signzone", "bind9-utils"),
		unbound: fixtures.Need(t, "unbound", "unbound"),
	}
}

// newRealm builds certscan and starts all servers.
func newRealm(t *testing.T) *realm {
	t.Helper()
	programs := needRealm(t)
	r := &realm{dir: t.TempDir(), vars: map[string]string{}}
	r.claim(t)
	for host, last := range realmHosts {
		r.vars[host] = r.net + "." + last
	}
	r.binary = buildBinary(t, r.dir)
	r.sign(t, &programs)
	r.startParents(t, &programs)
	r.startChildren(t, &programs)
	r.serveOddities(t)
	for _, host := range []string{"RESOLVER1", "RESOLVER2"} {
		r.startResolver(t, programs.unbound, host)
	}
	r.startRewriter(t, programs.named)
	return r
}

// claim takes a network of loopback whose port 53 is free, and holds it while the test lasts. Where that port is for root
// alone the test is skipped aloud, or fails with CERTSCAN_NEED=all.
func (r *realm) claim(t *testing.T) {
	t.Helper()
	var err error
	for range 50 {
		r.net = fmt.Sprintf("127.%d.%d", 31+rand.IntN(200), rand.IntN(256))
		var ln net.Listener
		if ln, err = new(net.ListenConfig).Listen(t.Context(), "tcp", r.net+"."+realmHosts["CLAIM"]+":53"); err == nil {
			t.Cleanup(func() { _ = ln.Close() })
			return
		}
	}
	if errors.Is(err, syscall.EACCES) && os.Getenv("CERTSCAN_NEED") != "all" {
		t.Skip("only root can listen on port 53, where name servers are asked")
	}
	t.Fatal(err)
}

// text puts the addresses of the realm in the place of their names: "$WEB".
func (r *realm) text(s string) string {
	return os.Expand(s, func(name string) string { return r.vars[name] })
}

// at is port 53 of a host.
func (r *realm) at(host string) string { return r.vars[host] + ":53" }

func (r *realm) write(t *testing.T, path, text string) string {
	t.Helper()
	path = filepath.Join(r.dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// zoneText is a zone file: what every zone has, and its own records.
func (r *realm) zoneText(records string) string {
	return "$TTL 300\n@ SOA ns1.hoster.net. hostmaster.hoster.net. 1 7200 3600 1209600 60\n" + r.text(records) + "\n"
}

// sign writes the zones of the parents and of signed children, the lower ones first, and the anchor of the root.
func (r *realm) sign(t *testing.T, p *realmPrograms) {
	t.Helper()
	for _, origin := range slices.Sorted(maps.Keys(signedChildren)) {
		z := signedChildren[origin]
		r.signZone(t, p, "children", origin, z.records, z.options...)
	}
	r.write(t, "keys/dsset-mismatch.com.", "mismatch.com. IN DS 12345 13 2 "+strings.Repeat("0", 64)+"\n")
	for _, origin := range []string{"com", "ru", "."} {
		r.signZone(t, p, "parents", origin, parentZones[origin], "-g", "-3", "-")
	}
	for _, origin := range []string{"net", "xn--p1ai"} {
		r.write(t, "parents/"+origin, r.zoneText(parentZones[origin]))
	}
	ds, err := os.ReadFile(filepath.Join(r.dir, "keys", "dsset-."))
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "anchor", string(ds))
	r.write(t, "hints", r.text(". 3600 NS a.root.net.\n. 3600 NS b.root.net.\na.root.net. 3600 A $PARENT1\nb.root.net. 3600 A $PARENT2\n"))
}

// zoneFile is the name of the file of a zone.
func zoneFile(origin string) string { return cmp.Or(strings.Trim(origin, "."), "root") }

// signZone signs a zone into a folder with a key of its own.
func (r *realm) signZone(t *testing.T, p *realmPrograms, folder, origin, records string, options ...string) {
	t.Helper()
	raw, keys := r.write(t, "raw/"+zoneFile(origin), r.zoneText(records)), filepath.Join(r.dir, "keys")
	signed := r.write(t, folder+"/"+zoneFile(origin), "")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	origin = strings.TrimSuffix(origin, ".") + "."
	arguments := append([]string{"-q", "-z", "-S", "-K", keys, "-d", keys, "-o", origin, "-f", signed}, options...)
	for _, c := range [][]string{
		{p.keygen, "-q", "-K", keys, "-a", "ECDSAP256SHA256", "-f", "KSK", origin},
		append(append([]string{p.signzone}, arguments...), raw),
	} {
		cmd := exec.CommandContext(t.Context(), c[0], c[1:]...)
		cmd.Dir = keys
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", c[0], origin, err, out)
		}
	}
}

// start starts a server, which must listen on port 53 of a host.
func (r *realm) start(t *testing.T, host, program string, arguments ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Dir = r.dir
	if err := startServer(t, cmd, r.at(host)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func (r *realm) startParents(t *testing.T, p *realmPrograms) {
	t.Helper()
	files := map[string]string{}
	for origin := range parentZones {
		files[origin] = zoneFile(origin)
	}
	r.startNSD(t, p.nsd, "parents", slices.Sorted(maps.Keys(files)), "PARENT1")
	r.startKnot(t, p.knotd, "parents", files, "PARENT2")
}

// startKnot starts a knot at a host for the zones in a folder.
func (r *realm) startKnot(t *testing.T, program, folder string, files map[string]string, host string) {
	t.Helper()
	state := filepath.Join(r.dir, host)
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	conf := "server:\n  listen: " + r.vars[host] + "@53\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n  rundir: " + state + "\n" +
		"control:\n  listen: knot.sock\nlog:\n  - target: stdout\n    any: warning\ndatabase:\n  storage: " + state + "\n" +
		"template:\n  - id: default\n    storage: " + filepath.Join(r.dir, folder) + "\n    zonefile-sync: -1\n    journal-content: none\nzone:\n"
	for _, origin := range slices.Sorted(maps.Keys(files)) {
		conf += fmt.Sprintf("  - domain: %q\n    file: %s\n", origin, files[origin])
	}
	r.start(t, host, program, "-c", r.write(t, host+".conf", conf))
}

// startNSD starts an nsd at some hosts for the zones in a folder.
func (r *realm) startNSD(t *testing.T, program, folder string, origins []string, hosts ...string) {
	t.Helper()
	conf := "server:\n"
	for _, host := range hosts {
		conf += "\tip-address: " + r.vars[host] + "\n"
	}
	state := filepath.Join(r.dir, hosts[0])
	conf += fmt.Sprintf("\tusername: \"\"\n\tchroot: \"\"\n\tzonesdir: %q\n\tpidfile: \"\"\n\tserver-count: 1\n\tdatabase: \"\"\n", filepath.Join(r.dir, folder)) +
		fmt.Sprintf("\txfrdfile: %q\n\txfrdir: %q\n\tzonelistfile: %q\nremote-control:\n\tcontrol-enable: no\n", state+".xfrd", r.dir, state+".zones")
	for _, origin := range origins {
		conf += fmt.Sprintf("zone:\n\tname: %q\n\tzonefile: %q\n", origin, zoneFile(origin))
	}
	r.start(t, hosts[0], program, "-d", "-c", r.write(t, hosts[0]+".conf", conf))
}

// startChildren starts the servers of what is delegated. Of failing.com the first has no zone file, and disagree.com is
// another one at the third.
func (r *realm) startChildren(t *testing.T, p *realmPrograms) {
	t.Helper()
	files := map[string]string{"failing.com": "none"}
	for origin := range signedChildren {
		files[origin] = origin
	}
	for origin, records := range children {
		r.write(t, "children/"+origin, r.zoneText(records))
		files[origin] = origin
	}
	origins := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(origin string) bool { return origin == "failing.com" })
	files["disagree.com"] = "disagree.other"
	r.write(t, "children/disagree.other", r.zoneText(disagreeing))
	r.startKnot(t, p.knotd, "children", files, "CHILD1")
	r.startNSD(t, p.nsd, "children", origins, "CHILD2", "CHILD3")
}

// value expands the names of the realm and those of one server's configuration.
func (r *realm) value(host string) func(string) string {
	return func(name string) string {
		return map[string]string{"SELF": r.vars[host], "DIR": r.dir}[name] + r.vars[name]
	}
}

// startRewriter starts a named that answers with an address where it should say NXDOMAIN. It listens on addresses that an
// interface has, and on no other.
func (r *realm) startRewriter(t *testing.T, program string) {
	t.Helper()
	r.write(t, "redirect", r.zoneText("@ NS ns1.hoster.net.\n* A "+elsewhere4))
	attempt(t, func() error {
		port, err := freePortOn("127.0.0.1")
		if err != nil {
			return err
		}
		r.vars["REWRITER"] = "127.0.0.1:" + portText(port)
		conf := os.Expand(rewriterConf, func(name string) string { return map[string]string{"DIR": r.dir, "PORT": portText(port)}[name] })
		cmd := exec.CommandContext(t.Context(), program, "-g", "-u", "root", "-n", "1", "-c", r.write(t, "rewriter.conf", conf))
		return startServer(t, cmd, r.vars["REWRITER"])
	})
}

// rewriterConf is a named that leaves nothing outside its folder.
const rewriterConf = `
controls { };
options {
	directory "$DIR";
	pid-file none;
	session-keyfile none;
	lock-file none;
	managed-keys-directory "$DIR";
	listen-on port $PORT { 127.0.0.1; };
	listen-on-v6 { none; };
	query-source address 127.0.0.1;
	dnssec-validation no;
	recursion yes;
	allow-recursion { 127.0.0.0/8; };
	minimal-responses yes;
};
zone "." { type hint; file "hints"; };
zone "." { type redirect; file "redirect"; };
`

// startResolver starts an unbound, and returns its process.
func (r *realm) startResolver(t *testing.T, program, host string) *exec.Cmd {
	t.Helper()
	return r.start(t, host, program, "-d", "-c", r.write(t, host+".conf", os.Expand(realmUnbound, r.value(host))))
}

// realmUnbound knows the root of the realm alone. It never asks one of two servers that disagree, so that the test knows
// which one it believes, and withholds censored.com.
const realmUnbound = `
server:
	interface: $SELF@53
	outgoing-interface: $SELF
	access-control: 127.0.0.0/8 allow
	do-ip6: no
	do-not-query-localhost: no
	do-not-query-address: $CHILD3
	do-daemonize: no
	username: ""
	chroot: ""
	directory: "$DIR"
	pidfile: ""
	use-syslog: no
	num-threads: 1
	ede: yes
	val-log-level: 0
	module-config: "validator iterator"
	root-hints: "$DIR/hints"
	trust-anchor-file: "$DIR/anchor"
	trust-anchor-signaling: no
	local-zone: "censored.com." always_nxdomain
remote-control:
	control-enable: no
`

// command prepares certscan with what all cases need, and without the environment of the tester.
func (r *realm) command(t *testing.T, resolvers []string, arguments ...string) *exec.Cmd {
	t.Helper()
	for _, host := range resolvers {
		arguments = append(arguments, "--resolver", r.vars[host])
	}
	arguments = append(arguments, "--control", "good.com", "--ours", r.net+".0/24", "--ours", realmNet6)
	cmd := exec.CommandContext(t.Context(), r.binary, arguments...)
	cmd.Env = []string{"HOME=" + r.dir, "STATE_DIRECTORY=" + t.TempDir()}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
