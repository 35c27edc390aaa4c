package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// outcome is what one reading came to.
type outcome struct {
	names []string
	bad   int
	err   error
}

// readAll reads a list and holds what every list keeps: good names read again as themselves, nothing follows an error.
func readAll(t *testing.T, data []byte, file string) outcome {
	t.Helper()
	var o outcome
	for d, err := range Read(strings.NewReader(string(data)), file) {
		if o.err != nil {
			t.Fatalf("%v is followed by %v, %v", o.err, d, err)
		}
		if _, bad := errors.AsType[*BadLine](err); bad {
			o.bad++
			continue
		}
		if err != nil {
			o.err = err
			continue
		}
		if d.Name == "" || d.Source == "" || !utf8.ValidString(d.Name) {
			t.Fatalf("%+v", d)
		}
		o.names = append(o.names, d.Name)
	}
	slow := 0
	Read(iotest.OneByteReader(strings.NewReader(string(data))), file)(func(Domain, error) bool { slow++; return true })
	if all := len(o.names) + o.bad + btoi(o.err != nil); len(data) > 0 && data[0] != 0 && !strings.Contains(string(data[:min(len(data), 512)]), "\x00") && slow != all {
		t.Fatalf("read at once %d, byte by byte %d", all, slow)
	}
	return o
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seed adds the lists of testdata/files with one of the endings.
func seed(f *testing.F, endings ...string) {
	f.Helper()
	files, err := filepath.Glob("testdata/files/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if slices.Contains(endings, filepath.Ext(file)) {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// FuzzPlain holds that no line of a plain list is lost: each is a name, a bad line, blank or a comment.
func FuzzPlain(f *testing.F) {
	seed(f, ".txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		o := readAll(t, data, "list")
		text := string(data)
		ascii := !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || r == 0 })
		if !ascii || len(text) >= 4<<10 || strings.ContainsAny(text, `{[`) || strings.HasPrefix(strings.TrimSpace(text), "-") || o.err != nil {
			return // another encoding, or another form
		}
		wanted, header := 0, false
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			before, _, _ := strings.Cut(line, "#")
			wanted += btoi(strings.TrimSpace(before) != "")
			header = header || strings.Contains(strings.ToLower(line), "domain") || strings.Contains(strings.ToLower(line), "fqdn") || strings.HasPrefix(strings.ToLower(line), "sep=") || strings.HasPrefix(strings.TrimSpace(line), "%")
		}
		if got := len(o.names) + o.bad; !header && got != wanted {
			t.Fatalf("%d lines, %d names and bad lines", wanted, got)
		}
	})
}

// FuzzTable holds that a name in a row of its own is read once, whatever stands before and after it.
func FuzzTable(f *testing.F) {
	seed(f, ".csv", ".tsv")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, data, "list.csv")
		text := strings.ToValidUTF8(string(data), "")
		if strings.ContainsAny(text, "\"\x00") {
			return // an open quote may take the row in
		}
		o := readAll(t, []byte("owner,domain\n"+text+"\nx,unique-name.example\n"), "list.csv")
		if n := strings.Count(strings.Join(o.names, "\n"), "unique-name.example"); n < 1 && o.err == nil {
			t.Fatalf("read %d times", n)
		}
	})
}

// FuzzJSON holds that what stands before an error of JSON is kept, and lines of JSON lines are not lost.
func FuzzJSON(f *testing.F) {
	seed(f, ".json", ".jsonl")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, data, "list.json")
		text := strings.ToValidUTF8(string(data), "")
		o := readAll(t, []byte("[\"unique-name.example\",\n"+text), "list.json")
		if len(o.names) == 0 || o.names[0] != "unique-name.example" {
			t.Fatalf("names %q, %v", o.names, o.err)
		}
		o = readAll(t, []byte("{}\n"+text), "list.jsonl")
		lines := 1
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			lines += btoi(strings.TrimSpace(line) != "")
		}
		if got := len(o.names) + o.bad; o.err == nil && got < lines {
			t.Fatalf("%d lines, %d names and bad lines", lines, got)
		}
	})
}

// FuzzYAML holds that no text brings the reader down.
func FuzzYAML(f *testing.F) {
	seed(f, ".yaml", ".yml")
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data, "list.yaml") })
}
