package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keyRow is one line of docs/configuration.md.
type keyRow struct{ key, says, fallback, flag, doc string }

// keyRows lists every key of the file with what may stand there.
func keyRows() []keyRow { return sectionRows(reflect.TypeFor[configuration](), "", "") }

func sectionRows(t reflect.Type, path, shown string) []keyRow {
	var out []keyRow
	for _, f := range fieldsOf(t, path) {
		row := keyRow{key: join(shown, f.key), doc: f.doc, fallback: f.fallback, flag: flagOf(join(path, f.key))}
		if f.needed {
			row.doc += " Must be given."
		}
		if f.option != nil {
			row.says = f.option.form().says
			if w := f.option.form().words; len(w) > 0 {
				row.says = strings.Join(w, ", ")
			}
			if f.option.several() {
				row.says = "list of: " + row.says
			}
			out = append(out, row)
			continue
		}
		inner, suffix := f.of, ""
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			if inner.Kind() == reflect.Slice {
				row.says, suffix = row.says+"list of: ", suffix+"[]"
			} else {
				row.says, suffix = row.says+"by name: ", suffix+".NAME"
			}
			inner = inner.Elem()
		}
		if s, ok := reflect.TypeAssert[scalar](reflect.New(inner)); ok {
			row.says += s.form().says
			if w := s.form().words; len(w) > 0 {
				row.says = strings.Join(w, ", ")
			}
			out = append(out, row)
			continue
		}
		if i, ok := aloneIn(inner); ok {
			alone, _ := reflect.TypeAssert[scalar](reflect.New(inner.Field(i).Type))
			row.says += alone.form().says + ", or "
		}
		row.says += "section"
		out = append(append(out, row), sectionRows(inner, join(path, f.key), row.key+suffix)...)
	}
	return out
}

// flagOf names the flag that takes a key's place.
func flagOf(key string) string {
	for _, o := range options {
		if o.key() == key {
			return "--" + o.name
		}
	}
	if key == "inventory" {
		return "--file"
	}
	return ""
}

const configIntro = `# Configuration

From the tags in ${config.go} and the table in ${flags.go}; ${go test . -run TestConfigDoc -update} writes this page, and
[certscan.schema.json](certscan.schema.json), which ${certscan config schema} prints for editors.

The file is ${--config}, else ${$CERTSCAN_CONFIG}, ${/etc/certscan/certscan.yaml}, ${$XDG_CONFIG_HOME/certscan/certscan.yaml}
(${~/.config} where that is not set); never one of the working directory. Without any, the defaults apply. A flag wins over the environment,
the environment over the file. A file that others than its owner can write, or that neither root nor the caller owns, is refused; so is one
of more than 256 KiB. ${certscan config init} writes a commented file, ${certscan config check} reads one and its inventory.

Unknown keys, keys given twice and values of the wrong kind are errors with line and caret. Durations: 30s, 5m, 24h, 14d. Relative paths
count from the folder of the file. Anchors, aliases and tags of YAML are not known here.

What is said of a name: its entry in ${domains} wins, then the line of its list, then the ${defaults} of that list, then those of all.

| key | value | default | flag | what it does |
|---|---|---|---|---|
`

// golden compares a file with what it must hold, and writes it with -update.
func golden(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs: run go test . -run %s -update; want\n%s", file, t.Name(), want)
	}
}

// TestConfigDoc holds docs/configuration.md, the schema and the reader together.
func TestConfigDoc(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(strings.NewReplacer("${", "`", "}", "`").Replace(configIntro))
	cell := strings.NewReplacer("|", "\\|").Replace
	for _, r := range keyRows() {
		flag := r.flag
		if flag != "" {
			flag = "`" + flag + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.key, cell(r.says), r.fallback, flag, cell(r.doc))
	}
	golden(t, "docs/configuration.md", b.String())
	text, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "docs/certscan.schema.json", string(text))
}

// TestFlagsHaveKeys holds that each flag but those that choose the input stands in the file.
func TestFlagsHaveKeys(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, r := range keyRows() {
		keys = append(keys, r.key)
	}
	for _, o := range options {
		if o.name != "config" && o.name != "file" && o.name != "keep" && o.name != "force" && !slices.Contains(keys, o.key()) {
			t.Errorf("--%s has no key in the file: %q is read by nobody", o.name, o.key())
		}
	}
}

// schemaKeys lists the keys that a schema knows, in the form of the docs.
func schemaKeys(node map[string]any, path string) []string {
	var out []string
	if properties, ok := node["properties"].(map[string]any); ok {
		for key, of := range properties {
			out = append(append(out, join(path, key)), schemaKeys(of.(map[string]any), join(path, key))...)
		}
	}
	if either, ok := node["oneOf"].([]any); ok {
		for _, one := range either {
			out = append(out, schemaKeys(one.(map[string]any), path)...)
		}
	}
	if items, ok := node["items"].(map[string]any); ok {
		out = append(out, schemaKeys(items, path+"[]")...)
	}
	if named, ok := node["additionalProperties"].(map[string]any); ok {
		out = append(out, schemaKeys(named, path+".NAME")...)
	}
	return out
}

func TestSchemaKnowsEveryKey(t *testing.T) {
	t.Parallel()
	text, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range keyRows() {
		want = append(want, r.key)
	}
	got := schemaKeys(root, "")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("schema %q\ndocs %q", got, want)
	}
}

// TestTemplate holds that what config init writes works, as it is and with every setting taken in, and leaves no section
// and no flag out.
func TestTemplate(t *testing.T) {
	t.Parallel()
	if _, err := readConfiguration("template", configTemplate); err != nil {
		t.Error(err)
	}
	all := regexp.MustCompile(`(?m)^#([a-z ] *[-a-z])`).ReplaceAllStringFunc(string(configTemplate), func(line string) string {
		if strings.HasPrefix(line, "#  ") || line[1] != ' ' {
			return line[1:]
		}
		return line
	})
	c, err := readConfiguration("template", []byte(all))
	if err != nil {
		t.Fatalf("%v\n%s", err, all)
	}
	whole := reflect.ValueOf(*c)
	for _, f := range fieldsOf(whole.Type(), "") {
		switch {
		case f.option != nil && len(c.options[f.option.key()]) == 0:
			t.Errorf("the template does not tell of %s", f.key)
		case f.option == nil && whole.Field(f.index).IsZero():
			t.Errorf("the template does not tell of section %s", f.key)
		}
	}
}

// TestBadConfigs reads one file for each rule, and holds the message.
func TestBadConfigs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readConfiguration(filepath.Base(file), text)
			if err == nil {
				_, err = c.settings(everySetting(none))
			}
			if err == nil {
				t.Fatal("read without an error")
			}
			golden(t, strings.TrimSuffix(file, "yaml")+"golden", err.Error()+"\n")
		})
	}
}

func FuzzReadConfiguration(f *testing.F) {
	files, _ := filepath.Glob("testdata/config/*.yaml")
	for _, file := range append(files, "config_template.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readConfiguration("fuzz.yaml", text)
		if err != nil {
			_ = complaint(err, strings.ToUpper)
			return
		}
		for _, n := range c.Ours.Networks {
			if !n.prefix.IsValid() {
				t.Fatalf("a network without a prefix: %q", n.text)
			}
		}
		_, _ = c.catalogue(), c.policy()
	})
}
