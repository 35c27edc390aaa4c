package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"certscan/report"
)

func configCommand(s streams) *cli.Command {
	declared, given := flags("config check", s.env)
	return &cli.Command{
		Name: "config", Usage: "the configuration file: init writes one, check reads it, schema describes it",
		Action: func(c *cli.Context) error {
			return errors.New("which of them: certscan config init, config check or config schema")
		},
		Subcommands: []*cli.Command{
			{
				Name: "init", Usage: "write a commented configuration file (- for standard output); it never overwrites one", ArgsUsage: "[FILE|-]",
				Action: func(c *cli.Context) error { return initConfig(s, c.Args().Slice()) },
			},
			{
				Name: "check", Usage: "read the configuration file and its inventory, and say what is wrong with them", ArgsUsage: "[FILE]", Flags: declared,
				Action: func(c *cli.Context) error {
					if err := atMostOne(c.Args().Slice()); err != nil {
						return err
					}
					if file := c.Args().First(); file != "" {
						_ = given["config"].Set(file) // never fails
					}
					return checkConfig(c.Context, s, given["config"].String())
				},
			},
			{
				Name: "schema", Usage: "print the JSON Schema of the configuration file, for editors",
				Action: func(*cli.Context) error {
					text, err := configSchema()
					if err == nil {
						err = writeOut(s.out, text)
					}
					return err
				},
			},
		},
	}
}

// writeOut writes a whole text to standard output.
func writeOut(w io.Writer, text []byte) error {
	if _, err := w.Write(text); err != nil {
		return unprinted(err)
	}
	return nil
}

func atMostOne(arguments []string) error {
	if len(arguments) > 1 {
		return fmt.Errorf("one configuration file at most is wanted, not %d", len(arguments))
	}
	return nil
}

// configTemplate is the commented configuration file. Lines that begin with # and a letter are settings, those with # and a
// space say what they do.
//
//go:embed config_template.yaml
var configTemplate []byte

// initConfig writes the template: to the named file, or to where it will be looked for.
func initConfig(s streams, arguments []string) error {
	if err := atMostOne(arguments); err != nil {
		return err
	}
	var file string
	switch {
	case len(arguments) == 1:
		file = arguments[0]
	case os.Geteuid() == 0:
		file = systemConfig
	default:
		file = userConfig(s.env)
	}
	switch file {
	case "":
		return errors.New("write config: nothing says where home is: name a file, or - for standard output")
	case "-":
		return writeOut(s.out, templateWithLocations(newToken()))
	}
	return initConfigFile(s, file)
}

// initConfigFile writes the template with a token of our proof beside it, and prints the locations that answer with it.
func initConfigFile(s streams, file string) error {
	if _, err := os.Lstat(file); err == nil {
		return errTaken(file)
	}
	beside := filepath.Join(filepath.Dir(file), tokenFile)
	token, made, err := makeToken(beside)
	if err != nil {
		return err
	}
	if err := writeNew(file, templateWithProof(), 0o644); err != nil {
		if made {
			_ = os.Remove(beside)
		}
		return err
	}
	if err := writeOut(s.out, proofLocations(token)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.err, "certscan: wrote %s: say in it what is ours, then run certscan config check %s\n", report.Terminal(file), report.Terminal(file))
	return err
}

func errTaken(file string) error {
	return fmt.Errorf("write config: %s exists already and is not touched: name another file, or - for standard output", file)
}

// writeNew writes a file that did not exist; what could not be written whole is taken away again.
func writeNew(file string, text []byte, mode fs.FileMode) error {
	unwritten := func(err error) error {
		return fmt.Errorf("write config: %w: name another file, or - for standard output", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return unwritten(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return errTaken(file)
	}
	if err != nil {
		return unwritten(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file)
		return unwritten(err)
	}
	return nil
}

// say writes one line that may hold text of others.
func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(w, report.Terminal(fmt.Sprintf(format, args...)))
	return err
}
