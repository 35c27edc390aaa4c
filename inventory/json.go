package inventory

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// valueBytesMax is the largest JSON value that is looked at: an entry with all its names.
const valueBytesMax = 1 << 20

// errComment says what to do about the commonest thing that is not JSON.
var errComment = errors.New("a comment, and JSON has none: take it out, or write the list as YAML, which has comments with #")

// jsonText takes JSON apart into values, and knows the line. It is lenient about commas, so that one entry that is not
// JSON costs that entry.
type jsonText struct {
	r    *bufio.Reader
	line int
}

// readJSON reads JSON values one after another: lists of entries, entries, and objects with a list named domains.
func (l *list) readJSON() {
	in := &jsonText{r: l.text, line: 1}
	for {
		c, err := in.significant()
		line := in.line
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
		case c == '[':
			in.skip()
			err = l.jsonList(in)
		case c == '{':
			in.skip()
			err = l.jsonObject(in, line)
		default:
			err = fmt.Errorf("%q where a list [...] or an object {...} is wanted: is this JSON? Otherwise give the file another ending", rune(c))
		}
		if err != nil {
			l.fail(in.line, whole(err))
		}
		if l.done {
			return
		}
	}
}

// whole says what an end in the middle means.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the text ends in the middle of a value: is the file whole?")
	}
	return err
}

// jsonList reads the entries of a list to its end.
func (l *list) jsonList(in *jsonText) error {
	for {
		c, err := in.significant()
		switch {
		case err != nil:
			return err
		case c == ']':
			in.skip()
			return nil
		case c == '}' || c == ':':
			return fmt.Errorf("%q in a list, where ] or an entry is wanted", rune(c))
		}
		line := in.line
		raw, err := in.value()
		if err != nil {
			return err
		}
		if !l.jsonEntry(raw, line) {
			return nil
		}
	}
}

// jsonObject reads an object that is not in a list: it holds a list named domains, or is an entry itself.
func (l *list) jsonObject(in *jsonText, line int) error {
	e := entry{values: map[string][]string{}}
	listed := false
	for {
		key, err := in.key()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		c, err := in.significant()
		if err != nil {
			return err
		}
		if string(key) == `"domains"` && c == '[' {
			in.skip()
			if err := l.jsonList(in); err != nil || l.done {
				return err
			}
			listed = true
			continue
		}
		raw, err := in.value()
		if err != nil {
			return err
		}
		l.jsonField(&e, key, raw)
	}
	if !listed || len(e.values) > 0 {
		l.entry(&e, line)
		return nil
	}
	for _, p := range e.problems {
		l.bad(line, p)
	}
	return nil
}

// jsonLine reads one line of JSON lines.
func (l *list) jsonLine(text string, line int) bool {
	if text = strings.TrimSpace(text); text == "" {
		return true
	}
	if text[0] == '#' || strings.HasPrefix(text, "//") {
		return l.fail(line, errComment)
	}
	return l.jsonEntry([]byte(text), line)
}

// jsonEntry yields one entry: a name, or an object.
func (l *list) jsonEntry(raw []byte, line int) bool {
	var name string
	if raw == nil {
		return l.bad(line, fmt.Sprintf("an entry of more than %d bytes: write its names as entries of their own", valueBytesMax))
	}
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		bad, ok := errors.AsType[*json.SyntaxError](err)
		if !ok {
			return l.bad(line, err.Error())
		}
		return l.bad(line+bytes.Count(raw[:min(int(bad.Offset), len(raw))], []byte("\n")), "not JSON: "+bad.Error())
	}
	switch {
	case raw[0] == '{':
		return l.entry(l.jsonFields(raw), line)
	case json.Unmarshal(raw, &name) == nil && string(raw) != "null":
		return l.name(name, line)
	}
	return l.bad(line, fmt.Sprintf("%s is no entry: a name or an object with the key domain is wanted", shortened(raw)))
}

func shortened(raw []byte) []byte {
	if len(raw) > 40 {
		return append(raw[:40:40], "…"...)
	}
	return raw
}

// jsonFields reads an object that is known to be JSON.
func (l *list) jsonFields(raw []byte) *entry {
	e := &entry{values: map[string][]string{}}
	in := &jsonText{r: bufio.NewReaderSize(bytes.NewReader(raw[1:]), 64)} // small: there is one for each entry
	for {
		key, err := in.key()
		if err != nil || key == nil {
			return e
		}
		value, err := in.value()
		if err != nil {
			return e
		}
		l.jsonField(e, key, value)
	}
}

// jsonField adds one field to an entry. What was said first counts.
func (l *list) jsonField(e *entry, rawKey, raw []byte) {
	var key string
	if err := json.Unmarshal(rawKey, &key); err != nil {
		e.problem("key %s: not JSON", shortened(rawKey))
		return
	}
	field := l.fieldOf(key)
	if field == "" {
		e.problem("%q is no field of ours", key)
		return
	}
	if _, twice := e.values[field]; twice {
		e.problem("%s is said twice", key)
		return
	}
	value, err := jsonValue(raw)
	if err != nil {
		e.problem("%s: not JSON, or too long", key)
		return
	}
	e.set(field, key, value)
}

// jsonValue decodes a value, numbers as they are written.
func jsonValue(raw []byte) (value any, err error) {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		err = json.Unmarshal(raw, &s)
		return s, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// set keeps a value of JSON in the form in which a cell would have it.
func (e *entry) set(field, key string, value any) {
	parts, several := value.([]any)
	if !several {
		parts = []any{value}
	} else if !fields[field] {
		e.problem("%s is a list, and one word is wanted", key)
		return
	}
	for _, p := range parts {
		switch p := p.(type) {
		case nil:
		case json.Number:
			e.values[field] = append(e.values[field], p.String())
		case string:
			if fields[field] {
				e.values[field] = append(e.values[field], split(p)...)
			} else {
				e.values[field] = append(e.values[field], p)
			}
		default:
			e.problem("%s: text is wanted, not %v", key, p)
		}
	}
}
