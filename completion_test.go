package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certscan/fixtures"
)

// completionScript returns the path of one shell's script.
func completionScript(t *testing.T, shell string) string {
	t.Helper()
	var out, notes strings.Builder
	if got := run(t.Context(), []string{"certscan", "completion", shell}, streams{strings.NewReader(""), &out, &notes, none}); got != exitOK {
		t.Fatalf("exit status %d: %s", got, notes.String())
	}
	path := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// said runs a shell and returns its words; nothing may stand on its standard error.
func said(t *testing.T, dir, shell string, args ...string) []string {
	t.Helper()
	var notes strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, args...)
	cmd.Dir, cmd.Stderr = dir, &notes
	out, err := cmd.Output()
	if err != nil || notes.Len() > 0 {
		t.Fatalf("%v: %s", err, notes.String())
	}
	return strings.Fields(string(out))
}

// TestCompletionBash asks a real bash what it would offer: what is typed so far, and what must and must not come.
func TestCompletionBash(t *testing.T) {
	t.Parallel()
	bash := fixtures.Need(t, "bash", "bash")
	script := completionScript(t, "bash")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "list of mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, typed, want, not string }{ // words of typed are cut as bash does, the last one is being typed
		{"commands", "certscan ", "scan dns probe explain version completion", "--format help"},
		{"a command begun", "certscan ex", "explain", "scan"},
		{"flags of the default command", "certscan --pro", "--probe-all --progress", "--port"},
		{"flags of a command", "certscan dns --p", "--progress", "--probe-all"},
		{"short flags", "certscan scan -", "-f -o --file --help", ""},
		{"a closed set", "certscan scan --format ", "table json jsonl csv markdown nagios", "scan"},
		{"a closed set begun", "certscan scan --format js", "json jsonl", "csv"},
		{"behind an equals sign", "certscan --format = ma", "markdown", "table"},
		{"just behind it", "certscan --format =", "table markdown", ""},
		{"severities", "certscan --severity U", "URGENT", "WARN"},
		{"files", "certscan -f lis", "list of mine.txt", "scan"},
		{"a value that nobody knows", "certscan --ours ", "", "scan CIDR"},
		{"shells", "certscan completion ", "bash zsh fish powershell", "scan"},
		{"a store", "certscan history --db lis", "list of mine.txt", "scan"},
		{"commands of config", "certscan config ", "init check schema", "scan config"},
		{"one of them begun", "certscan config in", "init", "inventory check"},
		{"its flags", "certscan config check -", "--config -c --help", "--format --port"},
		{"flags of another", "certscan config schema --", "--help", "--config"},
		{"a file of config", "certscan config check lis", "list of mine.txt", "init check"},
		{"a name like a command of config", "certscan dns check --p", "--progress", "--config"},
		{"no domains", "certscan scan ", "", "scan dns"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _certscan; printf '%s\n' "${COMPREPLY[@]}"`
			got := said(t, dir, bash, append([]string{"--norc", "-c", ask, "bash", script}, strings.Split(row.typed, " ")...)...)
			offers(t, got, row.want, row.not)
		})
	}
}

// offers holds which words are among those that a shell offers.
func offers(t *testing.T, got []string, want, not string) {
	t.Helper()
	for w := range strings.FieldsSeq(want) {
		if !slices.Contains(got, w) {
			t.Errorf("%q is not offered: %q", w, got)
		}
	}
	for w := range strings.FieldsSeq(not) {
		if slices.Contains(got, w) {
			t.Errorf("%q is offered: %q", w, got)
		}
	}
}

func TestCompletionFish(t *testing.T) {
	t.Parallel()
	fish := fixtures.Need(t, "fish", "fish")
	script := completionScript(t, "fish")
	for _, row := range []struct{ typed, want, not string }{
		{"certscan ", "scan dns probe explain version completion", "--format"},
		{"certscan dns --p", "--progress", "--probe-all"},
		{"certscan --pro", "--probe-all --progress", ""},
		{"certscan scan --format ", "table json jsonl csv markdown nagios", "scan"},
		{"certscan --severity U", "URGENT", "WARN"},
		{"certscan completion ", "bash zsh fish powershell", "scan"},
		{"certscan config ", "init check schema", "scan config"},
		{"certscan config check --", "--config", "--format --port"},
		{"certscan config schema --", "", "--config --format"},
	} {
		got := said(t, t.TempDir(), fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string split -f1 \t; true`, script, row.typed)
		offers(t, got, row.want, row.not)
	}
}

// TestCompletionZsh runs the script in a real zsh, with its completion system replaced by functions that print.
func TestCompletionZsh(t *testing.T) {
	t.Parallel()
	zsh := fixtures.Need(t, "zsh", "zsh")
	script := completionScript(t, "zsh")
	const stubs = `compdef() { }; _files() { print -l -- * }
compadd() { while [[ $1 == -* && $1 != -- ]]; do shift 2; done; shift; print -l -- $@ }
_describe() { print -l -- ${${(P)2}%%:*} }
source $1; shift; words=("$@"); CURRENT=$#; _certscan`
	for _, row := range []struct{ typed, want, not string }{ // a real zsh leaves those away that do not begin so
		{"certscan ", "scan dns probe explain version completion", "--format"},
		{"certscan dns --p", "--progress --file -f", "--probe-all"},
		{"certscan --pro", "--probe-all --progress", ""},
		{"certscan scan --format ", "table json jsonl csv markdown nagios", "scan"},
		{"certscan --format=", "table markdown", "scan"},
		{"certscan completion ", "bash zsh fish powershell", "scan"},
		{"certscan config ", "init check schema", "scan config"},
		{"certscan config check --", "--config -c --help", "--format"},
		{"certscan config schema --", "--help", "--config"},
		{"certscan --ours ", "", "scan"},
	} {
		got := said(t, t.TempDir(), zsh, append([]string{"-f", "-c", stubs, "zsh", script}, strings.Split(row.typed, " ")...)...)
		offers(t, got, row.want, row.not)
	}
}

// TestCompletionPowerShell holds the words where there is no PowerShell to ask, and asks it where there is one.
func TestCompletionPowerShell(t *testing.T) {
	t.Parallel()
	path := completionScript(t, "powershell")
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Register-ArgumentCompleter -Native -CommandName certscan", "'--format' = @('table', 'json', ", "'dns' = @('--config', '-c', '--file', '-f', ", "'config' = @('init', 'check', 'schema')", "'config check' = @('--config', '-c', '--help')"} {
		if !strings.Contains(string(script), want) {
			t.Errorf("no %s in\n%s", want, script)
		}
	}
	for _, pair := range []string{"{}", "()", "[]"} {
		if o, c := strings.Count(string(script), pair[:1]), strings.Count(string(script), pair[1:]); o != c {
			t.Errorf("%d of %q, %d of %q", o, pair[:1], c, pair[1:])
		}
	}
	if pwsh, err := exec.LookPath("pwsh"); err == nil {
		got := said(t, t.TempDir(), pwsh, "-NoProfile", "-Command", ". ([scriptblock]::Create((Get-Content -Raw '"+path+
			"'))); (TabExpansion2 'certscan scan --format js' 25).CompletionMatches.CompletionText")
		offers(t, got, "json jsonl", "csv")
	}
}
