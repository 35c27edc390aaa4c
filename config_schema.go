package main

import (
	"encoding/json"
	"reflect"
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
	if s, ok := reflect.TypeAssert[scalar](reflect.New(t)); ok {
		return s.form().schema()
	}
	if t.Kind() == reflect.Slice {
		return listSchema(typeSchema(t.Elem(), path))
	}
	if t.Kind() == reflect.Map {
		return schema{"type": []string{"object", "null"}, "additionalProperties": typeSchema(t.Elem(), path)}
	}
	if i, ok := aloneIn(t); ok {
		return schema{"oneOf": []schema{typeSchema(t.Field(i).Type, path), sectionSchema(t, path)}}
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
