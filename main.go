// Command certscan probes customer domains from outside and says of each whether it is still ours, what it serves,
// and what to do about it. This package holds flags, wiring and exit codes, and no logic that deserves a test of its
// own unit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"certscan/report"
)

// The exit statuses, as monitoring plug-ins have them.
const (
	exitOK      = 0
	exitWarn    = 1
	exitUrgent  = 2
	exitUnknown = 3 // the run could not be done or be trusted
)

// streams is what the program was started with.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
}

func main() {
	// SIGTERM is what a service manager sends. The first signal ends the run with what was done; the second kills.
	tuneCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args, streams{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv}))
}

// exit is an exit status on its way through the command-line library, with what is still to be said.
type exit struct {
	status int
	err    error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, s streams) int {
	app := newApp(s)
	arranged, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, arranged)
	}
	if err == nil {
		return exitOK
	}
	status := exitUnknown
	if e, ok := errors.AsType[*exit](err); ok {
		status, err = e.status, e.err
	}
	if err != nil {
		_, _ = fmt.Fprintln(s.err, "certscan: "+complaint(err, report.Terminal))
	}
	return status
}

func newApp(s streams) *cli.App {
	usage := func(c *cli.Context, err error, _ bool) error {
		return fmt.Errorf("%w (see %s --help)", err, c.Command.HelpName)
	}
	app := &cli.App{
		Name:      "certscan",
		Usage:     "whose are these domains, what do they serve, and what is to be done",
		UsageText: "certscan [scan] DOMAIN…            certscan COMMAND --help tells the flags of a command",
		Description: "Every flag can stand in the environment as CERTSCAN_ and its name in capitals, lists by comma, and in the\n" +
			"configuration file (certscan config init writes one). A flag wins over the environment, that over the file.\n" +
			"Exit status: 0 all OK, 1 WARN at worst, 2 URGENT present, 3 the run could not be done or be trusted.",
		Version:                   version(),
		HideVersion:               true,
		Reader:                    s.in,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		DisableSliceFlagSeparator: true,
		OnUsageError:              usage,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides the exit status
		Commands: []*cli.Command{
			scanCommand(s), dnsCommand(s), probeCommand(s), auditCommand(s), explainCommand(s), inventoryCommand(s), historyCommand(s), diffCommand(s),
			pruneCommand(s), providersCommand(s), configCommand(s), versionCommand(s),
			completionCommand(s),
		},
	}
	for _, c := range app.Commands {
		for _, c := range append([]*cli.Command{c}, c.Subcommands...) {
			c.OnUsageError = usage
			c.HideHelpCommand = true
		}
	}
	return app
}
