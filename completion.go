package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// shells lists the closed set that completion writes for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script that completes commands, flags and values", ArgsUsage: strings.Join(shells, "|"),
		Description: "bash: source <(certscan completion bash)\nzsh: certscan completion zsh > ~/.zfunc/_certscan, with ~/.zfunc in fpath\n" +
			"fish: certscan completion fish | source\npowershell: certscan completion powershell | Out-String | Invoke-Expression",
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if !slices.Contains(shells, shell) || c.NArg() != 1 {
				return fmt.Errorf("completion %q: want one of %s", strings.Join(c.Args().Slice(), " "), strings.Join(shells, ", "))
			}
			if _, err := io.WriteString(s.out, completion(shell, c.App.Commands)); err != nil {
				return unprinted(err)
			}
			return nil
		},
	}
}

// completion returns the script of one shell, from the table of flags and the commands.
func completion(shell string, commands []*cli.Command) string {
	v := vocabulary{}
	for _, c := range commands {
		if !c.Hidden && c.Name != "help" {
			v = append(v, verb{name: c.Name, usage: c.Usage, options: optionsOf(c.Name)})
			for _, inner := range c.Subcommands {
				v = append(v, verb{name: c.Name + " " + inner.Name, usage: inner.Usage, options: optionsOf(c.Name + " " + inner.Name)})
			}
		}
	}
	switch shell {
	case "zsh":
		return v.zsh()
	case "fish":
		return v.fish()
	case "powershell":
		return v.powershell()
	}
	return v.bash()
}

// verb is a command with its flags; the name of a command of a command has two words.
type verb struct {
	name, usage string
	options     []option
}

// vocabulary is what can be completed.
type vocabulary []verb

func optionsOf(command string) []option {
	var out []option
	for _, o := range options {
		if slices.Contains(o.commands, command) {
			out = append(out, o)
		}
	}
	return out
}

// values returns the words that a flag takes, where they are a closed set.
func (o option) values() []string {
	if o.name == "severity" { // several by comma, one of which can be completed
		return strings.Split(o.value, ",")
	}
	set := strings.Split(o.value, "|")
	if len(set) < 2 || o.value != strings.ToLower(o.value) { // capitals stand for a value: CIDR|IP
		return nil
	}
	return set
}

// path reports whether the flag takes the name of a file.
func (o option) path() bool { return o.value == "FILE" || o.value == "PEM" || o.name == "db" }

// names returns the flag as it is typed.
func (o option) names() []string {
	out := []string{"--" + o.name}
	if o.alias != "" {
		out = append(out, "-"+o.alias)
	}
	return out
}

// names returns the commands, without those of commands.
func (v vocabulary) names() []string {
	var out []string
	for _, c := range v {
		if c.outer() == "" {
			out = append(out, c.name)
		}
	}
	return out
}

// outer returns the command that this one belongs to; empty for none.
func (c verb) outer() string {
	outer, _, _ := strings.Cut(c.name, " ")
	if outer == c.name {
		return ""
	}
	return outer
}

// word is the last word of the command.
func (c verb) word() string { return c.name[strings.LastIndexByte(c.name, ' ')+1:] }

// inner returns the commands of a command.
func (v vocabulary) inner(command string) []string {
	var out []string
	for _, c := range v {
		if c.outer() == command {
			out = append(out, c.word())
		}
	}
	return out
}

// choices returns the words that may follow a command, where they are a closed set: those of its commands, or shells.
func (v vocabulary) choices(command string) []string {
	if command == "completion" {
		return shells
	}
	return v.inner(command)
}

// takesFile reports whether a command takes the name of a file in place of a domain.
func (c verb) takesFile() bool { return c.name == "config init" || c.name == "config check" }

// flags returns the flags of a command as they are typed, help included.
func (c verb) flags() []string {
	var out []string
	for _, o := range c.options {
		out = append(out, o.names()...)
	}
	return append(out, "--help")
}

// valued returns the flags that take values, each once, sorted into closed sets, files, and the rest.
func (v vocabulary) valued() (closed, files, free []option) {
	seen := map[string]bool{}
	for _, c := range v {
		for _, o := range c.options {
			switch {
			case o.kind == toggle || seen[o.name]:
			case o.values() != nil:
				closed = append(closed, o)
			case o.path():
				files = append(files, o)
			default:
				free = append(free, o)
			}
			seen[o.name] = true
		}
	}
	return closed, files, free
}

func typedNames(list []option) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.names()...)
	}
	return out
}

// bash completes what stands behind "=" as well, at which bash cuts words.
func (v vocabulary) bash() string {
	closed, files, free := v.valued()
	var b strings.Builder
	b.WriteString(`# bash completion for certscan
_certscan() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word i
  COMPREPLY=()
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
`)
	fmt.Fprintf(&b, "      %s) [[ -z $command ]] && command=$word ;;\n    esac\n    case $command' '$word in\n", strings.Join(v.names(), "|"))
	for _, c := range v {
		if c.outer() != "" {
			fmt.Fprintf(&b, "      '%s') command='%s'; break ;;\n", c.name, c.name)
		}
	}
	b.WriteString("    esac\n  done\n  case $prev in\n")
	for _, o := range closed {
		fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n",
			strings.Join(o.names(), "|"), strings.Join(o.values(), " "))
	}
	const paths = "      local IFS=$'\\n'\n      compopt -o filenames 2>/dev/null\n      COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	fmt.Fprintf(&b, "    %s)\n%s      return ;;\n", strings.Join(typedNames(files), "|"), paths)
	fmt.Fprintf(&b, "    %s) return ;;\n  esac\n", strings.Join(typedNames(free), "|"))
	fmt.Fprintf(&b, "  if [[ $cur != -* ]]; then\n    if [[ -z $command ]]; then\n      COMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n", strings.Join(v.names(), " "))
	for _, c := range v {
		if words := v.choices(c.name); len(words) > 0 {
			fmt.Fprintf(&b, "    elif [[ $command == '%s' ]]; then\n      COMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n", c.name, strings.Join(words, " "))
		} else if c.takesFile() {
			fmt.Fprintf(&b, "    elif [[ $command == '%s' ]]; then\n%s", c.name, paths)
		}
	}
	b.WriteString("    fi\n    return\n  fi\n  case ${command:-scan} in\n")
	for _, c := range v {
		fmt.Fprintf(&b, "    '%s') COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n", c.name, strings.Join(c.flags(), " "))
	}
	b.WriteString("  esac\n}\ncomplete -F _certscan certscan\n")
	return b.String()
}

// described writes words with what they mean, as zsh's _describe takes them.
func described(b *strings.Builder, name, usage string) {
	quote := strings.NewReplacer("'", `'\''`, ":", `\:`)
	fmt.Fprintf(b, " '%s:%s'", quote.Replace(name), quote.Replace(usage))
}

func (v vocabulary) zsh() string {
	closed, files, free := v.valued()
	var b strings.Builder
	b.WriteString("#compdef certscan\n_certscan() {\n  local command= word\n  local -a commands flags\n  commands=(")
	for _, c := range v {
		if c.outer() == "" {
			described(&b, c.name, c.usage)
		}
	}
	b.WriteString(")\n  for word in ${words[2,CURRENT-1]}; do\n    case $word in\n")
	fmt.Fprintf(&b, "      (%s) [[ -z $command ]] && command=$word ;;\n    esac\n    case \"$command $word\" in\n", strings.Join(v.names(), "|"))
	for _, c := range v {
		if c.outer() != "" {
			fmt.Fprintf(&b, "      ('%s') command='%s'; break ;;\n", c.name, c.name)
		}
	}
	b.WriteString("    esac\n  done\n  case $words[CURRENT-1] in\n")
	for _, o := range closed {
		fmt.Fprintf(&b, "    (%s) compadd -- %s; return ;;\n", strings.Join(o.names(), "|"), strings.Join(o.values(), " "))
	}
	fmt.Fprintf(&b, "    (%s) _files; return ;;\n", strings.Join(typedNames(files), "|"))
	fmt.Fprintf(&b, "    (%s) return ;;\n  esac\n  case $words[CURRENT] in\n", strings.Join(typedNames(free), "|"))
	for _, o := range closed {
		fmt.Fprintf(&b, "    (--%s=*) compadd -P --%s= -- %s; return ;;\n", o.name, o.name, strings.Join(o.values(), " "))
	}
	b.WriteString("  esac\n  if [[ $words[CURRENT] != -* ]]; then\n    if [[ -z $command ]]; then\n      _describe command commands\n")
	for _, c := range v {
		if words := v.choices(c.name); len(words) > 0 {
			fmt.Fprintf(&b, "    elif [[ $command == '%s' ]]; then\n      compadd -- %s\n", c.name, strings.Join(words, " "))
		} else if c.takesFile() {
			fmt.Fprintf(&b, "    elif [[ $command == '%s' ]]; then\n      _files\n", c.name)
		}
	}
	b.WriteString("    fi\n    return\n  fi\n  case ${command:-scan} in\n")
	for _, c := range v {
		fmt.Fprintf(&b, "    ('%s') flags=(", c.name)
		for _, o := range c.options {
			for _, name := range o.names() {
				described(&b, name, o.usage)
			}
		}
		described(&b, "--help", "tell the flags")
		b.WriteString(") ;;\n")
	}
	b.WriteString("  esac\n  _describe flag flags\n}\n")
	b.WriteString("if [[ $funcstack[1] == _certscan ]]; then\n  _certscan \"$@\"\nelse\n  compdef _certscan certscan\nfi\n")
	return b.String()
}

// fish takes one line a word, with the condition under which it counts.
func (v vocabulary) fish() string {
	quote := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	all := strings.Join(v.names(), " ")
	var b strings.Builder
	b.WriteString("# fish completion for certscan\ncomplete -c certscan -f\n")
	for _, c := range v {
		when := "__fish_seen_subcommand_from " + c.name
		if outer := c.outer(); outer == "" {
			fmt.Fprintf(&b, "complete -c certscan -n 'not __fish_seen_subcommand_from %s' -a %s -d '%s'\n", all, c.name, quote.Replace(c.usage))
		} else {
			when = "__fish_seen_subcommand_from " + outer + "; and __fish_seen_subcommand_from " + c.word()
			fmt.Fprintf(&b, "complete -c certscan -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s' -a %s -d '%s'\n",
				outer, strings.Join(v.inner(outer), " "), c.word(), quote.Replace(c.usage))
		}
		if c.takesFile() {
			fmt.Fprintf(&b, "complete -c certscan -n '%s' -F\n", when)
		}
		if c.name == "scan" { // the default
			when += "; or not __fish_seen_subcommand_from " + all
		}
		for _, o := range c.options {
			fmt.Fprintf(&b, "complete -c certscan -n '%s' -l %s", when, o.name)
			if o.alias != "" {
				b.WriteString(" -s " + o.alias)
			}
			switch {
			case o.values() != nil:
				b.WriteString(" -x -a '" + strings.Join(o.values(), " ") + "'")
			case o.path():
				b.WriteString(" -r -F")
			case o.kind != toggle:
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d '%s'\n", quote.Replace(o.usage))
		}
	}
	fmt.Fprintf(&b, "complete -c certscan -n '__fish_seen_subcommand_from completion' -a '%s'\n", strings.Join(shells, " "))
	return b.String()
}

func (v vocabulary) powershell() string {
	list := func(words []string) string {
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", "''")+"'")
		}
		return strings.Join(quoted, ", ")
	}
	closed, files, free := v.valued()
	var b strings.Builder
	b.WriteString("# PowerShell completion for certscan\nRegister-ArgumentCompleter -Native -CommandName certscan -ScriptBlock {\n" +
		"    param($wordToComplete, $commandAst, $cursorPosition)\n    $flags = @{\n")
	for _, c := range v {
		fmt.Fprintf(&b, "        '%s' = @(%s)\n", c.name, list(c.flags()))
	}
	b.WriteString("    }\n    $values = @{\n")
	for _, o := range closed {
		for _, name := range o.names() {
			fmt.Fprintf(&b, "        '%s' = @(%s)\n", name, list(o.values()))
		}
	}
	b.WriteString("    }\n    $choices = @{\n")
	for _, c := range v {
		if words := v.choices(c.name); len(words) > 0 {
			fmt.Fprintf(&b, "        '%s' = @(%s)\n", c.name, list(words))
		}
	}
	fmt.Fprintf(&b, "    }\n    $commands = @(%s)\n    $other = @(%s)\n", list(v.names()), list(append(typedNames(files), typedNames(free)...)))
	b.WriteString(`    $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    $command = $typed | Where-Object { $commands -contains $_ } | Select-Object -First 1
    $inner = $typed | Where-Object { $command -and $flags.ContainsKey("$command $_") } | Select-Object -First 1
    if ($inner) { $command = "$command $inner" }
    $last = if ($typed.Count -gt 0) { $typed[-1] } else { '' }
    if ($values.ContainsKey($last)) { $words = $values[$last] }
    elseif ($other -contains $last) { return }
    elseif ($wordToComplete -like '-*') { $words = $flags[$(if ($command) { $command } else { 'scan' })] }
    elseif (-not $command) { $words = $commands }
    elseif ($choices.ContainsKey($command)) { $words = $choices[$command] }
    else { return }
    $words | Where-Object { $_ -like "$wordToComplete*" } |
        ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`)
	return b.String()
}
