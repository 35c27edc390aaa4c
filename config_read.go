package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// readConfiguration reads the text of a configuration file strictly: an unknown key, a key given twice, a value of the
// wrong kind is a fault. The error is of type faults.
func readConfiguration(file string, text []byte) (*configuration, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	doc := &document{file: file, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")}
	c := &configuration{doc: doc, options: map[string][]value{}}
	root, err := parseYAML(doc, text)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc, options: c.options}
	if root != nil {
		r.into(root, reflect.ValueOf(c).Elem(), "")
	}
	if len(r.found) == 0 {
		r.found = c.check()
	}
	return c, r.found.sorted()
}

// parseYAML returns the one document of the text; nil where nothing but comments stands in it.
func parseYAML(doc *document, text []byte) (ast.Node, error) {
	if at := notText(doc); at.line > 0 {
		return nil, faults{at.fault("not UTF-8 text: save the file as UTF-8")}
	}
	blank := 0
	for i, line := range doc.lines {
		if blank++; strings.TrimSpace(line) != "" {
			blank = 0
		}
		switch at := (place{doc, i + 1, 1}); {
		case len(line) > lineBytesMax:
			return nil, faults{at.fault("a line of more than %d bytes: break it", lineBytesMax)}
		case blank > blankLinesMax:
			return nil, faults{at.fault("more than %d blank lines in a row: take them out", blankLinesMax)}
		}
	}
	tokens := lexer.Tokenize(string(text))
	if t, why := tooMuch(tokens); t != nil {
		return nil, faults{doc.at(t).fault("%s", why)}
	}
	f, err := parser.Parse(tokens, 0)
	if err != nil {
		if bad, ok := errors.AsType[yaml.Error](err); ok {
			return nil, faults{doc.at(bad.GetToken()).fault("not YAML: %s", bad.GetMessage())}
		}
		return nil, faults{place{doc: doc}.fault("not YAML: %v", err)}
	}
	var root ast.Node
	for _, d := range f.Docs {
		switch {
		case d.Body == nil:
		case root != nil:
			return nil, faults{doc.at(first(d.Body)).fault("a second document: one is wanted, without --- between")}
		default:
			root = d.Body
		}
	}
	return root, nil
}

// notText returns the first place that no text can have.
func notText(doc *document) place {
	for i, line := range doc.lines {
		if !utf8.ValidString(line) {
			valid := strings.ToValidUTF8(line, "\x00")
			return place{doc, i + 1, utf8.RuneCountInString(valid[:strings.IndexByte(valid, 0)]) + 1}
		}
		if before, _, found := strings.Cut(line, "\x00"); found {
			return place{doc, i + 1, utf8.RuneCountInString(before) + 1}
		}
	}
	return place{}
}

// lineBytesMax is longer than any good line: the lexer takes long over an endless one.
const lineBytesMax = 64 << 10

// blankLinesMax is more than separates anything: the parser takes very long over those behind a text of several lines.
const blankLinesMax = 200

// More than any good file has. The parser calls itself for each level, and takes longer than in proportion over many
// keys of one mapping.
const (
	nestingMax = 32
	keysMax    = 5_000  // and documents
	valuesMax  = 20_000 // in brackets
)

// tooMuch returns the token with which the text goes beyond what the parser is given, and what there is too much of:
// levels, which are brackets or marks in a row on one line, keys, or values in brackets.
func tooMuch(tokens token.Tokens) (*token.Token, string) {
	brackets, marks, line, keys, values := 0, 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			marks, line = 0, t.Position.Line
		}
		switch t.Type { //nolint:exhaustive // only what opens and closes counts
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			marks++
		case token.CollectEntryType:
			values++
		}
		switch t.Type { //nolint:exhaustive // only what comes once for each key or document counts
		case token.MappingValueType, token.MappingKeyType, token.DocumentHeaderType, token.DocumentEndType:
			keys++
		}
		switch {
		case brackets > nestingMax || marks > nestingMax || t.Position.IndentLevel > nestingMax:
			return t, "nested too deep: nothing here has more than a few levels"
		case keys > keysMax:
			return t, fmt.Sprintf("more than %d keys: lists of names belong into files of their own, named by inventory", keysMax)
		case values > valuesMax:
			return t, fmt.Sprintf("more than %d values in brackets: lists of names belong into files of their own, named by inventory", valuesMax)
		}
	}
	return nil, ""
}

func (d *document) at(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{doc: d}
	}
	return place{d, t.Position.Line, t.Position.Column}
}

// first returns the token with which a node begins.
func first(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// reader carries a tree into the structs of the configuration, and notes what does not fit.
type reader struct {
	doc     *document
	options map[string][]value
	found   faults
}

func (r *reader) wrong(n ast.Node, format string, args ...any) {
	r.found = append(r.found, r.doc.at(first(n)).fault(format, args...))
}

// into reads a node into what holds the value of a key.
func (r *reader) into(n ast.Node, to reflect.Value, path string) {
	s, isScalar := reflect.TypeAssert[scalar](to.Addr())
	switch {
	case isScalar:
		if v, ok := r.scalar(n, path); ok {
			s.keep(v)
			if err := s.parse(); err != nil {
				r.wrong(n, "%s %q: %v", path, v.text, err)
			}
		}
	case to.Kind() == reflect.Slice:
		for _, item := range r.items(n, path) {
			one := reflect.New(to.Type().Elem()).Elem()
			r.into(item, one, path)
			to.Set(reflect.Append(to, one))
		}
	case to.Kind() == reflect.Map:
		to.Set(reflect.MakeMap(to.Type()))
		for _, e := range r.entries(n, path) {
			one := reflect.New(to.Type().Elem()).Elem()
			r.into(e.node, one, join(path, e.key))
			to.SetMapIndex(reflect.ValueOf(e.key), one)
		}
	default:
		if i, ok := aloneIn(to.Type()); ok && !isMapping(n) {
			r.into(n, to.Field(i), path)
			return
		}
		r.object(n, to, path)
	}
}

// object reads a mapping with known keys.
func (r *reader) object(n ast.Node, to reflect.Value, path string) {
	known := fieldsOf(to.Type(), path)
	seen := map[string]bool{}
	for _, e := range r.entries(n, path) {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == e.key })
		switch seen[e.key] = true; {
		case i < 0:
			r.found = append(r.found, e.at.fault("unknown key %q%s", join(path, e.key), r.hint(e.key, known)))
		case known[i].option != nil:
			r.option(e.node, *known[i].option, join(path, e.key))
		default:
			r.into(e.node, to.Field(known[i].index), join(path, e.key))
		}
	}
	for _, f := range known {
		if f.needed && !seen[f.key] {
			r.wrong(n, "%s: no %s given", path, f.key)
		}
	}
}

// hint names what was meant by an unknown key; beyond the faults that are shown nobody reads it.
func (r *reader) hint(key string, known []field) string {
	if len(r.found) > faultsShown {
		return ""
	}
	return ": " + instead(key, keysOf(known))
}

// option reads what stands in place of a flag. Its meaning is checked as the flag's is.
func (r *reader) option(n ast.Node, o option, path string) {
	nodes := []ast.Node{n}
	if o.several() {
		nodes = r.items(n, path)
	}
	for _, item := range nodes {
		if v, ok := r.scalar(item, path); ok {
			r.options[o.key()] = append(r.options[o.key()], v)
		}
	}
}

func (r *reader) scalar(n ast.Node, path string) (value, bool) {
	v := value{at: r.doc.at(first(n))}
	switch n := n.(type) {
	case *ast.StringNode:
		v.text = n.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		v.text = n.GetToken().Value
	case *ast.NullNode:
		r.wrong(n, "%s: no value given: give one, or take the key out", path)
		return v, false
	default:
		r.wrong(n, "%s: want one value, not %s", path, kindOf(n))
		return v, false
	}
	if v.text == "" {
		r.wrong(n, "%s: empty: give a value, or take the key out", path)
		return v, false
	}
	return v, true
}

func (r *reader) items(n ast.Node, path string) []ast.Node {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	}
	r.wrong(n, "%s: want a list, such as [a, b], not %s", path, kindOf(n))
	return nil
}

// entry is a key of a mapping and what stands there.
type entry struct {
	key  string
	at   place
	node ast.Node
}

func (r *reader) entries(n ast.Node, path string) []entry {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.NullNode:
		return nil
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		what := path
		if what == "" {
			what = "the file"
		}
		r.wrong(n, "%s: want keys with values, such as key: value, not %s", what, kindOf(n))
		return nil
	}
	var out []entry
	for _, p := range pairs {
		e := entry{key: p.Key.GetToken().Value, at: r.doc.at(p.Key.GetToken()), node: p.Value}
		if p.Key.IsMergeKey() {
			r.wrong(p.Key, "%s: merging with << is not known here: write the keys out", join(path, "<<"))
			continue
		}
		out = append(out, e)
	}
	return out
}

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// kindOf names a node for people.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "text over several lines"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias: write the value out"
	case *ast.TagNode:
		return "a tag: write the value without !"
	}
	return fmt.Sprintf("%q", n.GetToken().Value)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// field is one known key of a section: a field of its struct, or an option's.
type field struct {
	key, doc, fallback string
	needed             bool
	index              int
	of                 reflect.Type
	option             *option
}

// fieldsOf lists the keys of a section in the order of the docs.
func fieldsOf(section reflect.Type, path string) []field {
	var out []field
	for i := range section.NumField() {
		f := section.Field(i)
		if key, ok := f.Tag.Lookup("key"); ok {
			out = append(out, field{key: key, doc: f.Tag.Get("doc"), fallback: f.Tag.Get("fallback"), needed: f.Tag.Get("need") != "", index: i, of: f.Type})
		}
	}
	for i := range options {
		o := &options[i]
		section, key := "", o.key()
		if cut := strings.LastIndexByte(key, '.'); cut >= 0 {
			section, key = key[:cut], key[cut+1:]
		}
		taken := slices.ContainsFunc(out, func(f field) bool { return f.key == key })
		if key != "" && section == path && !taken {
			out = append(out, field{key: key, doc: o.usage, fallback: o.fallback, option: o})
		}
	}
	return out
}

// aloneIn returns the index of the field whose value may stand in place of the whole section.
func aloneIn(section reflect.Type) (int, bool) {
	for i := range section.NumField() {
		if section.Field(i).Tag.Get("alone") != "" {
			return i, true
		}
	}
	return 0, false
}

func keysOf(fields []field) []string {
	out := make([]string, 0, len(fields))
	for _, f := range fields {
		out = append(out, f.key)
	}
	slices.Sort(out)
	return out
}
