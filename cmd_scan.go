package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"certscan/dns"
	"certscan/probe"
	"certscan/report"
	"certscan/scan"
	"certscan/triage"
)

func scanCommand(s streams) *cli.Command {
	return listCommand(s, "scan", "whose is each domain, what does it serve, and what is to be done (the default command)")
}

func dnsCommand(s streams) *cli.Command {
	return listCommand(s, "dns", "whose is each domain, by its DNS alone")
}

func probeCommand(s streams) *cli.Command {
	return listCommand(s, "probe", "handshake and HTTP alone: NAME, NAME:PORT, NAME@ADDRESS or NAME@ADDRESS:PORT")
}

// listCommand is a command that runs the pipeline over a list and writes a record a name.
func listCommand(s streams, name, usage string) *cli.Command {
	declared, given := flags(name, s.env)
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "[DOMAIN…]", Flags: declared,
		Action: func(c *cli.Context) error {
			set, err := configure(s, given)
			if err != nil {
				to := given["output"].String()
				if given["format"].String() == string(report.FormatNagios) && (to == "" || to == "-") {
					tellPlugin(s.out, err)
				}
				return err
			}
			return runList(c.Context, s, set, name, c.Args().Slice())
		},
	}
}

// tellPlugin writes the status line of a run that could not begin. The error itself is told on standard error either way.
func tellPlugin(w io.Writer, err error) {
	why, _, _ := strings.Cut(err.Error(), "\n") // where a mistake stands takes several lines
	_, _ = io.WriteString(w, report.NagiosUnknown(why))
}

// runList is one run: wire, read, look, write, count.
func runList(ctx context.Context, s streams, set settings, kind string, arguments []string) (err error) {
	over := patience(ctx)
	stdout, stderr := newPatient(s.out, over), newPatient(s.err, over)
	begun := false
	defer func() {
		if err != nil && !begun && set.format == report.FormatNagios && set.output == "" {
			tellPlugin(stdout, err)
		}
	}()
	progress := report.NewProgress(report.ProgressConfig{
		Out: stderr, Terminal: isTerminal(s.err), Mode: set.progressMode(s), Now: time.Now, Total: len(arguments) * btoi(len(set.files) == 0),
	})
	in := &input{arguments: arguments, addresses: kind == "probe", port: set.port, notes: progress}
	if err := in.open(ctx, set.lists(in, kind), s.in); err != nil {
		return err
	}
	asked, err := newRegistryMemory(s, set, progress)
	if err != nil {
		return err
	}
	defer asked.close()
	pipeline, err := wire(progress, set, kind, asked)
	if err != nil {
		return err
	}
	to, err := openTarget(set.output, stdout, over)
	if err != nil {
		return err
	}
	defer to.discard()
	meta := report.Run{ID: runID(), Kind: kind}
	kept, err := remember(ctx, s, set, meta)
	if err != nil {
		return err
	}
	defer kept.close()
	asked.use(kept.store)
	if kept.past != nil {
		pipeline.Past = kept.past
	}
	out, err := report.New(to, set.outputFormat(s.out), report.Options{
		Run: meta.ID, Severities: set.severities, Width: set.outputWidth(s.out), Color: set.color(s, s.out),
	})
	if err != nil {
		return err
	}
	begun = true
	stop := keepShowing(progress)
	var failed error // of a write
	summary, err := pipeline.Run(ctx, in.domains(), func(r triage.Result) error {
		meta.Counts.Add(r.Severity)
		progress.Done(r.Severity)
		kept.add(ctx, &r)
		failed = out.Write(r)
		return failed
	})
	stop()
	if err != nil {
		if failed != nil {
			return unwritten(to.name, failed)
		}
		return err
	}
	meta.StartedAt, meta.FinishedAt, meta.Asked = summary.Started, summary.Finished, summary.Asked
	meta.Complete = summary.Complete && !in.unread
	meta.Trusted, meta.Reason = summary.Untrusted == "", summary.Untrusted
	kept.distrust(&meta)
	in.failed = cmp.Or(in.failed, kept.finish(ctx, meta))
	if in.failed != nil {
		meta.Problem = in.failed.Error()
	}
	if err := finish(to, out, meta); err != nil {
		return err
	}
	if err := errors.Join(in.catalogue.tell(stderr), set.count(stderr, meta, in)); err != nil {
		return err
	}
	return verdict(meta, set.exitZero, in.failed)
}

// keepShowing draws the progress every second until the returned function takes it off.
func keepShowing(p *report.Progress) (stop func()) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.Tick()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		p.Finish()
	}
}

// verdict turns a finished run into the exit status.
func verdict(run report.Run, exitZero bool, failed error) error {
	switch {
	case failed != nil:
		return failed
	case !run.Complete || !run.Trusted:
		return &exit{status: exitUnknown}
	case run.Asked == 0:
		return errors.New("not a single name was read")
	case exitZero:
		return nil
	case run.Counts.Urgent > 0:
		return &exit{status: exitUrgent}
	case run.Counts.Warn > 0:
		return &exit{status: exitWarn}
	}
	return nil
}

// wire puts the pipeline of one kind of run together. notes takes what is said meanwhile, asked remembers what registries
// are asked. Clean names are looked up where a store is named: without one nobody would know when they were.
func wire(notes io.Writer, set settings, kind string, asked *registryMemory) (scan.Pipeline, error) {
	servers := set.resolvers
	var err error
	if len(servers) == 0 {
		servers, err = systemResolvers("/etc/resolv.conf")
		switch {
		case err != nil && kind == "probe": // names with an address need none; resolv.conf(5) names the default
			servers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
		case err != nil:
			return scan.Pipeline{}, err
		}
	}
	concurrency := cmp.Or(set.concurrency, usualConcurrency)
	if kind == "dns" || kind == "audit" && !set.probe {
		concurrency = set.concurrency // as many as the resolvers bear
	}
	networks := dns.NewNetworks(set.ours, set.allowPrivate, set.providerLists(notes)...)
	asking := set.asking(servers)
	asking.Allow = networks.Dialable
	resolver, err := dns.New(asking)
	if err != nil {
		return scan.Pipeline{}, err
	}
	p := scan.Pipeline{
		Resolver: resolver, Networks: networks, Controls: set.controls, Concurrency: concurrency,
		Unowned: kind == "probe", DialAll: set.probeAll || kind == "explain",
		Port: set.port, HTTPPort: set.httpPort, NoHTTP: !set.http, Policy: set.config.policy(),
		Traps: set.caa || kind == "audit" || kind == "explain",
		Log:   slog.New(slog.NewTextHandler(notes, nil)),
	}
	if kind != "probe" && set.registration {
		if p.Registry, err = set.registry(resolver, networks, asked); err != nil {
			return p, err
		}
		if asked.named {
			p.RegistrationEvery = cmp.Or(set.config.Registries.Every.length, dns.RegistrationEvery)
		}
	}
	probing := probe.Config{
		Timeout: set.timeout, Roots: set.roots, Allow: networks.Dialable,
		Connections: connections(2*len(servers) + dns.DirectMax), Fast: set.fast, PostQuantum: set.postQuantum,
		UserAgent: cmp.Or(set.config.Probe.UserAgent.text, userAgent()), PerAddress: set.config.Probe.PerAddress.number,
	}
	if kind != "dns" && (kind != "audit" || set.probe) {
		if p.Prober, err = probe.New(probing); err != nil {
			return p, err
		}
	}
	if kind != "dns" && kind != "probe" {
		err = set.lookBehindProxies(&p, probing)
	}
	if kind != "probe" && !networks.Known() {
		_, _ = fmt.Fprintln(notes, "certscan: nothing says which addresses are ours, so ownership is not judged: name them with --ours, such as --ours 203.0.113.0/24")
	}
	return p, err
}

// registry puts together who is asked about registrations.
func (s *settings) registry(resolver *dns.Resolver, networks *dns.Networks, asked *registryMemory) (*dns.Registry, error) {
	return dns.NewRegistry(dns.RegistryConfig{
		Lookup: func(ctx context.Context, host string) []netip.Addr {
			a := resolver.Lookup(ctx, dns.Question{Name: host})
			return a.Addrs
		},
		Allow: networks.Dialable, RDAPURL: s.rdapURL, WhoisServer: s.whoisServer,
		WhoisRate: s.config.Registries.WhoisRate.number, Timeout: s.timeout, Roots: s.roots,
		UserAgent: cmp.Or(s.config.Probe.UserAgent.text, userAgent()),
		Memory:    asked, Fresh: !asked.named, Since: asked.since,
	})
}

// usualConcurrency is how many names are in flight by default. They wait without a file descriptor or a goroutine.
const usualConcurrency = 2048

// connections is how many probes are open at a time: as many as this process may have files open, beside the sockets
// for the DNS and what else a program has open.
func connections(sockets int) int {
	const usual, spare = 4000, 64
	return max(1, min(usual, max(openFilesMax()-spare-sockets, openFilesMax()/4)))
}

// runID names a run: when it began, and something that no other run has.
func runID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return time.Now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *settings) outputFormat(w io.Writer) report.Format {
	switch {
	case s.format != "":
		return s.format
	case s.output == "" && isTerminal(w):
		return report.FormatTable
	}
	return report.FormatJSONL
}

// progressMode leaves the bar away where records stream to the same terminal: each would break the other's lines.
func (s *settings) progressMode(st streams) report.Mode {
	if s.progress == report.ModeAuto && s.outputFormat(st.out).Streams() && s.output == "" && isTerminal(st.out) {
		return report.ModeNever
	}
	return s.progress
}

// color says whether w may be coloured: a terminal whose user did not say no (no-color.org).
func (s *settings) color(st streams, w io.Writer) bool {
	no, _ := st.env("NO_COLOR")
	name, _ := st.env("TERM")
	return isTerminal(w) && s.output == "" && !s.noColor && no == "" && name != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// width is the number of cells in a line of w; 0 where there is no such limit.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return 0
	}
	cells, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80
	}
	return cells
}
