package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// parseYAML returns the syntax tree, or the line where it cannot be had and why. A panic of the parser is an error: the
// text is not ours.
func parseYAML(content []byte) (file *ast.File, line int, err error) {
	defer func() {
		if v := recover(); v != nil {
			line, err = 1, fmt.Errorf("not YAML: the parser gave up (%v)", v)
		}
	}()
	file, err = parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey()) // fields tells what is said twice
	if bad, ok := errors.AsType[yaml.Error](err); ok {
		line = 1
		if t := bad.GetToken(); t != nil && t.Position != nil {
			line = t.Position.Line
		}
		return nil, line, fmt.Errorf("not YAML: %s (a name that begins with * needs quotes)", bad.GetMessage())
	}
	return file, 1, err
}

// yamlList is a list whose entries come from one part of it.
type yamlList struct {
	*list
	first int // lines before the part
}

// lineOf returns the line on which a node begins.
func (l *yamlList) lineOf(n ast.Node) int { return l.first + lineOf(n) }

func (l *yamlList) document(n ast.Node) bool {
	switch n := unwrapped(n).(type) {
	case *ast.SequenceNode:
		return l.sequence(n)
	case *ast.MappingNode:
		return l.object(n)
	case *ast.NullNode, *ast.CommentGroupNode:
		return true
	default:
		return l.entryOf(n)
	}
}

// object reads an object that is not in a list.
func (l *yamlList) object(n *ast.MappingNode) bool {
	o := &yamlObject{}
	o.take(l, n)
	o.end(l.list)
	return !l.done
}

// yamlObject is an object that is not in a list: it holds a list named domains, or is an entry itself. It may come in
// several parts.
type yamlObject struct {
	listed bool
	line   int                     // where it begins
	other  []*ast.MappingValueNode // its keys but domains
}

// take reads a part of the object, and reports whether the node is one.
func (o *yamlObject) take(at *yamlList, n ast.Node) bool {
	m, is := unwrapped(n).(*ast.MappingNode)
	if !is {
		return false
	}
	if o.line == 0 {
		o.line = at.lineOf(m)
	}
	for _, v := range m.Values {
		names, is := unwrapped(v.Value).(*ast.SequenceNode)
		if !is || scalar(v.Key) != "domains" {
			o.other = append(o.other, v)
			continue
		}
		if o.listed = true; !at.sequence(names) {
			break
		}
	}
	return true
}

// end reads the keys beside the list.
func (o *yamlObject) end(l *list) {
	if l.done || o.line == 0 {
		return
	}
	e := l.fields(o.other)
	if !o.listed || len(e.values) > 0 {
		l.entry(e, o.line)
		return
	}
	for _, p := range e.problems {
		if !l.bad(o.line, p) {
			return
		}
	}
}

func (l *yamlList) sequence(n *ast.SequenceNode) bool {
	for _, v := range n.Values {
		if !l.entryOf(unwrapped(v)) {
			return false
		}
	}
	return true
}

// yamlEntry yields one entry: a name, or an object.
func (l *yamlList) entryOf(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.MappingNode:
		return l.entry(l.fields(n.Values), l.lineOf(n))
	case *ast.NullNode:
		return l.bad(l.lineOf(n), "no name")
	case ast.ScalarNode:
		if alias(n) {
			return l.bad(l.lineOf(n), scalar(n)+" repeats an entry by its alias, and a list says each name once: write it out")
		}
		return l.name(scalar(n), l.lineOf(n))
	case nil:
		return true
	}
	return l.bad(l.lineOf(n), fmt.Sprintf("%s is no entry: a name or an object with the key domain is wanted (a name that begins with * needs quotes)", strings.ToLower(n.Type().String())))
}

func (l *list) fields(values []*ast.MappingValueNode) *entry {
	e := &entry{values: map[string][]string{}}
	for _, v := range values {
		key := scalar(v.Key)
		field := l.fieldOf(key)
		if field == "" {
			e.problem("%q is no field of ours", key)
			continue
		}
		if _, twice := e.values[field]; twice {
			e.problem("%s is said twice", key)
			continue
		}
		e.set(field, key, yamlValue(v.Value))
	}
	return e
}

// kind stands for a value that has no place in an entry.
type kind string

// alias reports whether a node stands for another one. What looks like the alias of a name with a dot in front is somebody's
// wildcard without its quotes.
func alias(n ast.Node) bool {
	a, is := n.(*ast.AliasNode)
	return is && !strings.HasPrefix(scalar(a.Value), ".")
}

// yamlValue returns a node as JSON would have it.
func yamlValue(n ast.Node) any {
	switch n := unwrapped(n).(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		out := []any{}
		for _, v := range n.Values {
			out = append(out, yamlValue(v))
		}
		return out
	case ast.ScalarNode:
		if !alias(n) {
			return scalar(n)
		}
	}
	return kind(n.Type().String())
}

// unwrapped takes tags and anchors off; a node of one pair becomes a mapping.
func unwrapped(n ast.Node) ast.Node {
	for {
		switch v := n.(type) {
		case *ast.TagNode:
			n = v.Value
		case *ast.AnchorNode:
			n = v.Value
		case *ast.MappingValueNode:
			return ast.Mapping(v.Start, false, v)
		default:
			return n
		}
	}
}

// scalar returns the text of a scalar.
func scalar(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value
		}
	case *ast.MappingKeyNode:
		return scalar(n.Value)
	case *ast.AliasNode:
		return "*" + scalar(n.Value)
	case nil:
	default:
		if t := n.GetToken(); t != nil {
			return t.Value
		}
	}
	return ""
}

// lineOf returns the line of its part on which a node begins.
func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && m.Values[0].Key != nil && (m.Start == nil || m.Start.Value != "{") {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
