package inventory

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// transcript tells all that a reading yields: names with their facts, bad lines, and what ended it.
func transcript(d Domain, err error) string {
	line, bad := errors.AsType[*BadLine](err)
	switch {
	case bad:
		return fmt.Sprintf("bad   %.300s\n", line.Error())
	case err != nil:
		return fmt.Sprintf("error %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "name  %s: %s", d.Source, strings.TrimSuffix(fmt.Sprintf("%q", d.Name), "\"")[1:])
	if d.Display != d.Name {
		fmt.Fprintf(&b, " (%s)", d.Display)
	}
	if d.Invalid != "" {
		fmt.Fprintf(&b, " INVALID %s", d.Invalid)
	}
	if d.At.IsValid() {
		fmt.Fprintf(&b, " at=%s", d.At)
	}
	for _, f := range []struct {
		name  string
		value any
	}{
		{"sans", d.SANs},
		{"owner", d.Owner},
		{"manager", d.Manager},
		{"expect", d.Expect},
		{"origin", d.Origin},
		{"verify", d.Verify},
		{"ports", d.Ports},
		{"challenge", d.Challenge},
		{"dns_plugin", d.DNSPlugin},
		{"account", d.Account},
		{"renew", d.Renew},
		{"tags", d.Tags},
	} {
		if text := fmt.Sprint(f.value); text != "" && text != "[]" {
			fmt.Fprintf(&b, " %s=%q", f.name, text)
		}
	}
	return b.String() + "\n"
}

// TestFiles reads lists as people send them: which names, which facts, which bad lines, and what is refused.
func TestFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/files/*")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".golden" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			got, slow := read(t, file, false), read(t, file, true)
			if got != slow {
				t.Errorf("byte by byte it reads as\n%s", slow)
			}
			golden := filepath.Join("testdata", "golden", filepath.Base(file)+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func read(t *testing.T, file string, slowly bool) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b strings.Builder
	seq := Read(f, filepath.Base(file))
	if slowly {
		seq = Read(iotest.OneByteReader(f), filepath.Base(file))
	}
	for d, err := range seq {
		b.WriteString(transcript(d, err))
	}
	return b.String()
}
