package inventory

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
)

// form is how a list is written.
type form int

const (
	formLines form = iota // a plain list, or a table
	formJSON
	formJSONLines
	formYAML
)

// form tells the form by the ending of the file, else by what stands first that is neither blank nor a comment.
func (l *list) form() form {
	ending := strings.ToLower(filepath.Ext(l.File))
	switch ending {
	case ".json":
		return formJSON
	case ".yaml", ".yml":
		return formYAML
	}
	first := l.firstLine()
	jsonl := ending == ".jsonl" || ending == ".ndjson"
	switch {
	case len(first) == 0:
		return formLines
	case first[0] == '[' && (len(first) == 1 || strings.IndexByte(`{["]#/`, bytes.TrimSpace(first[1:])[0]) >= 0):
		return formJSON
	case jsonl || first[0] == '{' && json.Valid(first) && !isWhole(first):
		return formJSONLines
	case first[0] == '{':
		return formJSON
	case string(first) == "---", string(first) == "-", string(first) == "domains:", bytes.HasPrefix(first, []byte("- ")), bytes.HasPrefix(first, []byte("%YAML")):
		return formYAML
	}
	return formLines
}

// isWhole reports whether a line of JSON holds a list of its own, not one entry of one.
func isWhole(line []byte) bool {
	var o struct {
		Domains json.RawMessage `json:"domains"`
	}
	return json.Unmarshal(line, &o) == nil && len(o.Domains) > 0 && o.Domains[0] == '['
}

// firstLine returns the first line with something in it, trimmed, as far as the buffer goes, and takes nothing away. An
// error of reading comes again when the line is read.
func (l *list) firstLine() []byte {
	for from := 0; ; {
		end, err := l.lineEnd(from)
		head, _ := l.text.Peek(end)
		if line := bytes.TrimSpace(head[from:]); len(line) > 0 && line[0] != '#' {
			return line
		}
		if err != nil {
			return nil
		}
		from = end
	}
}

// lineEnd returns where the line ends that begins at from.
func (l *list) lineEnd(from int) (int, error) {
	n := from
	for {
		_, err := l.text.Peek(n + 1)
		all, _ := l.text.Peek(l.text.Buffered())
		if i := bytes.IndexByte(all[n:], '\n'); i >= 0 {
			return n + i + 1, nil
		}
		if n = len(all); err != nil {
			return n, err
		}
	}
}
