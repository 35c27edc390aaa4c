package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"certscan/fixtures"
)

// roff escapes text for a manual page (groff_man(7)): a backslash, a hyphen that is typed, and a line's first dot.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// manual is the page certscan(1), from the commands and the table of flags.
func manual() string {
	app := newApp(streams{strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer), none})
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH CERTSCAN 1 "" certscan "User Commands"`)
	line(".SH NAME\ncertscan \\- %s", roff(app.Usage))
	line(".SH SYNOPSIS\n.B certscan\n[\\fIcommand\\fR] [\\fIflags\\fR] \\fIdomain\\fR ...")
	line(".SH DESCRIPTION\n%s", roff("Resolves domains and says whether each is still parked on our addresses, behind a CDN, moved away or gone; "+
		"shakes hands with every address, reads the certificate, and says what is to be done. Flags are taken before and after the domains."))
	line(".SH COMMANDS")
	for _, c := range app.Commands {
		line(".TP\n.B %s\n%s.", roff(c.Name), roff(c.Usage))
	}
	line(".SH OPTIONS")
	for _, o := range options {
		name := `\fB` + roff("--"+o.name) + `\fR`
		if o.alias != "" {
			name = `\fB` + roff("-"+o.alias) + `\fR, ` + name
		}
		if o.value != "" {
			name += ` \fI` + roff(o.value) + `\fR`
		}
		fallback := ""
		if o.fallback != "" {
			fallback = " (default " + o.fallback + ")"
		}
		line(".TP\n%s\n%s.\nOf %s.", name, roff(o.usage+fallback), roff(strings.Join(o.commands, ", ")))
	}
	line(".SH ENVIRONMENT\n%s", roff("Every flag can stand in the environment as CERTSCAN_ and its name in capitals with underscores, such as "+
		"CERTSCAN_HTTP_PORT; lists are separated by commas. A flag wins over the environment, the environment over the default. NO_COLOR takes colours away."))
	line(".SH EXIT STATUS")
	for status, meaning := range []string{
		"all OK", "WARN at worst", "URGENT present",
		"the run could not be done or be trusted: usage, an unreadable list, a prober cut off",
	} {
		line(".TP\n.B %d\n%s.", status, roff(meaning))
	}
	line("3 wins over 2, and 2 over 1.")
	line(".SH EXAMPLES\n.nf\ncertscan example.com \\-\\-ours 203.0.113.0/24\ncertscan \\-f domains.csv \\-o report.csv \\-\\-severity URGENT,WARN")
	line("certscan probe example.com@203.0.113.7\nsource <(certscan completion bash)\n.fi")
	return b.String()
}

// TestManual holds docs/certscan.1 and the table of flags together; -update writes it.
func TestManual(t *testing.T) {
	t.Parallel()
	want := manual()
	if *update {
		if err := os.WriteFile("docs/certscan.1", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("docs/certscan.1")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != want {
		t.Errorf("docs/certscan.1 differs from the flag table: run go test . -run TestManual -update")
	}
}

// TestManualRenders asks groff for what man shows: without a warning, and with every flag.
func TestManualRenders(t *testing.T) {
	t.Parallel()
	groff := fixtures.Need(t, "groff", "groff")
	var out, notes bytes.Buffer
	cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tascii", "-ww", "-P-c", "-P-b", "-P-u", "-rLL=100n")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(manual()), &out, &notes
	if err := cmd.Run(); err != nil || notes.Len() > 0 {
		t.Fatalf("%v: %s", err, notes.String())
	}
	for _, o := range options {
		if !strings.Contains(out.String(), "--"+o.name) {
			t.Errorf("--%s is not on the page:\n%s", o.name, out.String())
		}
	}
}
