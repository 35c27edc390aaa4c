package main

import (
	"encoding/json"
	"reflect"
	"strings"
)

// schemaURI names the dialect of JSON Schema, which editors know.
const schemaURI = "https://json-schema.org/draft/2020-12/schema"

// configSchema describes the configuration file for editors, from the same tags and tables as the reader.
func configSchema() ([]byte, error) {
	root := sectionSchema(reflect.TypeFor[configuration](), "")
	root["$schema"] = schemaURI
	root["title"] = "certscan.yaml"
	root["description"] = "The configuration of certscan. Everything is optional."
	out, err := json.MarshalIndent(root, "", "  ")
	return append(out, '\n'), err
}

// schema is one object of JSON Schema.
type schema map[string]any

// sectionSchema describes a mapping with known keys. A section may be empty: what stands in it may all be commented out.
func sectionSchema(t reflect.Type, path string) schema {
	keys, needed := schema{}, []string{}
	for _, f := range fieldsOf(t, path) {
		var s schema
		if f.option != nil {
			s = optionSchema(*f.option)
		} else {
			s = typeSchema(f.of, join(path, f.key))
		}
		s["description"] = f.doc
		if f.fallback != "" {
			s["description"] = f.doc + " (default " + f.fallback + ")"
		}
		keys[f.key] = s
		if f.needed {
			needed = append(needed, f.key)
		}
	}
	out := schema{"type": []string{"object", "null"}, "additionalProperties": false, "properties": keys}
	if len(needed) > 0 {
		out["type"], out["required"] = "object", needed
	}
	return out
}

func typeSchema(t reflect.Type, path string) schema {
	if s, ok := reflect.New(t).Interface().(scalar); ok {
		return s.form().schema()
	}
	if t.Kind() == reflect.Slice {
		return listSchema(typeSchema(t.Elem(), path))
	}
	if t.Kind() == reflect.Map {
		return schema{"type": []string{"object", "null"}, "additionalProperties": typeSchema(t.Elem(), path)}
	}
	return sectionSchema(t, path)
}

func listSchema(items schema) schema {
	return schema{"type": []string{"array", "null"}, "items": items}
}

func optionSchema(o option) schema {
	if o.several() {
		return listSchema(o.form().schema())
	}
	return o.form().schema()
}

func (f form) schema() schema {
	out := schema{"type": f.kind}
	switch {
	case len(f.words) > 0:
		out["enum"] = f.words
	case f.pattern != "":
		out["pattern"] = f.pattern
	case f.kind == "string":
		out["minLength"] = 1
	}
	if f.kind == "integer" {
		out["minimum"], out["maximum"] = f.least, f.most
	}
	return out
}

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
		if s, ok := reflect.New(inner).Interface().(scalar); ok {
			row.says += s.form().says
			if w := s.form().words; len(w) > 0 {
				row.says = strings.Join(w, ", ")
			}
			out = append(out, row)
			continue
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
