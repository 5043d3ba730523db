package report

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

// contents are the documents with a published schema, by their row of
// REQUIREMENTS section 6.
var contents = map[string]any{"D3": RetentionPlan{}, "D8": Protocol{}, "D14": Assessment{}, "D15": HoldRegister{}}

// Schemas returns the schema of each document's JSON, in the words that JSON
// Schema and OpenAPI 3.0 share. docs/documents.schema.json is what it says.
func Schemas() map[string]any {
	out := map[string]any{}
	for doc, content := range contents {
		s := SchemaOf(reflect.TypeOf(Head{}))
		props := s["properties"].(map[string]any)
		props["document"] = map[string]any{"type": "string", "enum": []any{doc}}
		props["content"] = SchemaOf(reflect.TypeOf(content))
		s["required"] = append(s["required"].([]any), "content")
		out[doc] = s
	}
	return out
}

var (
	timeType = reflect.TypeOf(time.Time{})
	textType = reflect.TypeOf((*encoding.TextMarshaler)(nil)).Elem()
)

// SchemaOf returns the schema of what encoding/json makes of a type: every
// field that is never left out is required, and nothing else may be there.
func SchemaOf(t reflect.Type) map[string]any {
	switch {
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Implements(textType):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		s := SchemaOf(t.Elem())
		s["nullable"] = true
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "format": "int64"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": SchemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": SchemaOf(t.Elem())}
	case reflect.Struct:
		s := map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}, "required": []any{}}
		addFields(s, t)
		if len(s["required"].([]any)) == 0 {
			delete(s, "required")
		}
		return s
	}
	return map[string]any{"type": "string"}
}

func addFields(s map[string]any, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("json") == "" {
			addFields(s, f.Type)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		s["properties"].(map[string]any)[name] = SchemaOf(f.Type)
		if !strings.Contains(options, "omit") {
			s["required"] = append(s["required"].([]any), name)
		}
	}
}
