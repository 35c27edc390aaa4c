package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostileConfigs are texts that would keep the parser busy, with what is said of them.
func hostileConfigs() map[string]struct{ text, want string } {
	numbered := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	most := func(text string) string { return strings.Repeat(text, configBytesMax/len(text)) }
	return map[string]struct{ text, want string }{
		"keys":                {numbered("k%d: v\n", 20_000), "h.yaml:5001:6: more than 5000 keys: "},
		"keys below":          {"managers:\n" + numbered("  k%d: {mail: a@b.example}\n", 5_000), "more than 5000 keys: "},
		"as many as may":      {numbered("k%d:\n", keysMax), "unknown key"},
		"question marks":      {numbered("? k%d\n", 20_000), "more than 5000 keys: "},
		"documents":           {most("---\n"), "more than 5000 keys: "},
		"bare keys":           {"managers: {" + numbered("k%d,\n", 30_000) + "}\n", "more than 20000 values in brackets: "},
		"brackets":            {most("["), "a line of more than 65536 bytes"},
		"brackets on lines":   {most("[\n"), "nested too deep"},
		"dashes":              {strings.Repeat("- ", 30_000), "nested too deep"},
		"aliases":             {"a: &a [x,x,x]\n" + strings.Repeat("b: &b [*a,*a,*a]\n", 50), "not YAML: "},
		"blank lines":         {"a: |\n  b\n" + most("\n"), "more than 200 blank lines in a row"},
		"runs of blank lines": {"a: |\n  b\n" + most(strings.Repeat("\n", blankLinesMax)+"  b\n"), "h.yaml:"},
		"a quote":             {"a: \"b\n" + most("c: d\n"), "not YAML: "},
		"an endless list":     {"controls:\n" + most("- a\n"), ""},
	}
}

// TestHostileConfigs holds that what could keep the parser busy is refused, or read.
func TestHostileConfigs(t *testing.T) {
	t.Parallel()
	for name, c := range hostileConfigs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readConfiguration("h.yaml", []byte(c.text))
			if said := fmt.Sprint(err); !strings.Contains(said, c.want) {
				t.Errorf("%.200s, want %s", said, c.want)
			}
		})
	}
}

func BenchmarkHostileConfigs(b *testing.B) {
	for name, c := range hostileConfigs() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = readConfiguration("h.yaml", []byte(c.text))
			}
		})
	}
}

// TestConfigStrict holds that a mistake anywhere in the file stops every command that reads it, with the same words, and
// that a good key of another command stops none.
func TestConfigStrict(t *testing.T) {
	t.Parallel()
	commands := []string{"scan", "dns", "probe", "explain", "inventory"}
	for text, want := range map[string]string{
		"port: 99999\n":            `1:7: port "99999": want a number from 1 to 65535`,
		"probe: {timeout: soon}\n": `1:18: probe.timeout "soon": want a duration, such as 5s or 800ms`,
		"concurrency: x\n":         `1:14: concurrency "x": want a number from 0 to 100000`,
		"severity: [BAD]\n":        `1:12: severity "BAD": want URGENT, WARN or OK, several by comma`,
		"prot: 1\n":                `1:1: unknown key "prot": did you mean "port"?`,
		"port: 443\nca_file: [none.pem]\nsummary: json\nformat: jsonl\nprobe_all: true\n": "",
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := loadConfiguration(file)
		if want == "" {
			_, given := flags("inventory", none)
			if err == nil {
				_, err = c.settings(given)
			}
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		for _, command := range commands {
			var out, notes strings.Builder
			status := run(t.Context(), []string{"certscan", command, "-c", file, "a.test"}, streams{strings.NewReader(""), &out, &notes, none})
			if said := notes.String(); status != exitUnknown || !strings.HasPrefix(said, "certscan: "+file+":"+want+"\n") {
				t.Errorf("%s: %q: exit status %d, %s", command, text, status, said)
			}
		}
	}
}
