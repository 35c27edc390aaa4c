package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// byte takes one byte.
func (t *jsonText) byte() (byte, error) {
	c, err := t.r.ReadByte()
	if c == '\n' && err == nil {
		t.line++
	}
	return c, err
}

// skip takes a byte that was looked at.
func (t *jsonText) skip() { _, _ = t.byte() }

// significant returns the next byte that is neither white space nor a comma, and leaves it there.
func (t *jsonText) significant() (byte, error) {
	for {
		b, err := t.r.Peek(1)
		if err != nil {
			return 0, err
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n', ',':
			t.skip()
		case '#', '/':
			return 0, errComment
		default:
			return b[0], nil
		}
	}
}

// key returns the next key of an object, as JSON, and takes its colon; nil at the end of the object.
func (t *jsonText) key() ([]byte, error) {
	c, err := t.significant()
	switch {
	case err != nil:
		return nil, err
	case c == '}':
		t.skip()
		return nil, nil
	case c != '"':
		return nil, fmt.Errorf("%q where a key in double quotes is wanted", rune(c))
	}
	key, err := t.value()
	if err != nil {
		return nil, err
	}
	if c, err = t.significant(); err != nil {
		return nil, err
	}
	if c != ':' || key == nil {
		return nil, errors.New("a key without : and a value, or a very long one")
	}
	t.skip()
	return key, nil
}

// value returns the next value, from its first byte to its last; nil for one that is too long, which is passed over. That
// it is well-formed inside is not said.
func (t *jsonText) value() ([]byte, error) {
	c, err := t.significant()
	if err != nil {
		return nil, err
	}
	v := capture{}
	if c != '{' && c != '[' && c != '"' {
		return t.literal(&v)
	}
	for {
		c, err := t.byte()
		if err != nil {
			return nil, err
		}
		if !v.quoted && (c == '#' || c == '/') {
			return nil, errComment
		}
		if v.take(c) {
			return v.bytes(), nil
		}
	}
}

// literal takes a number, a word, or what is no JSON at all, one byte at least.
func (t *jsonText) literal(v *capture) ([]byte, error) {
	for {
		c, err := t.byte()
		if err != nil {
			return nil, err
		}
		v.keep(c)
		next, _ := t.r.Peek(1) // an error comes again
		if len(next) == 0 || strings.IndexByte(" \t\r\n,:[]{}\"#/", next[0]) >= 0 {
			return v.bytes(), nil
		}
	}
}

// capture collects a value byte by byte.
type capture struct {
	kept    []byte
	long    bool
	depth   int
	quoted  bool
	escaped bool
}

func (v *capture) keep(c byte) {
	if v.long = v.long || len(v.kept) == valueBytesMax; !v.long {
		v.kept = append(v.kept, c)
	}
}

func (v *capture) bytes() []byte {
	if v.long {
		return nil
	}
	return v.kept
}

// take adds one byte, and reports whether the value is complete.
func (v *capture) take(c byte) bool {
	v.keep(c)
	switch {
	case v.escaped:
		v.escaped = false
	case v.quoted:
		v.escaped = c == '\\'
		v.quoted = c != '"'
	case c == '"':
		v.quoted = true
	case c == '{' || c == '[':
		v.depth++
	case c == '}' || c == ']':
		v.depth--
	}
	return v.depth <= 0 && !v.quoted
}
