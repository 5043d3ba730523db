package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/gallra/gallra/internal/report"
)

var parameter = regexp.MustCompile(`\{([a-z]+)\}`)

// OpenAPI returns the description of the API, made of the table that serves it.
func OpenAPI() map[string]any {
	schemas := map[string]any{"Problem": schema(Problem{})}
	for doc, s := range report.Schemas() {
		schemas[doc] = s
	}
	paths := map[string]any{}
	for _, rt := range routes {
		item, ok := paths[rt.path].(map[string]any)
		if !ok {
			item = map[string]any{}
			paths[rt.path] = item
		}
		item[strings.ToLower(rt.method)] = rt.operation()
	}
	return map[string]any{
		"openapi": "3.0.3",
		"info":    map[string]any{"title": "Gallra", "version": "1", "description": "Retention: rules, plans, runs, holds, tasks, letters, statistics and documents. Requests: from intake to the written decision. Every address holds ids only."},
		"servers": []any{map[string]any{"url": Base}},
		"paths":   paths,
		"components": map[string]any{"schemas": schemas,
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer", "description": "A token of an account: made on the account's page, shown once."}}},
		"security": []any{map[string]any{"token": []any{}}},
	}
}

func (rt route) operation() map[string]any {
	good := map[string]any{"description": "OK"}
	status := strconv.Itoa(max(rt.status, http.StatusOK))
	switch {
	case rt.media != nil:
		content := map[string]any{}
		for _, f := range rt.media {
			content[strings.TrimSuffix(f.MediaType(), "; charset=utf-8")] = map[string]any{"schema": map[string]any{"type": "string"}}
		}
		good["content"] = content
	case rt.out == nil:
	case reflect.TypeOf(rt.out) == reflect.TypeOf(report.Paper{}):
		content := map[string]any{}
		for _, f := range report.Formats() {
			content[strings.TrimSuffix(f.MediaType(), "; charset=utf-8")] = map[string]any{"schema": map[string]any{"type": "string"}}
		}
		var docs []any
		for _, d := range rt.documents() {
			docs = append(docs, map[string]any{"$ref": "#/components/schemas/" + d})
		}
		content["application/json"] = map[string]any{"schema": map[string]any{"oneOf": docs}}
		good["content"] = content
	case reflect.TypeOf(rt.out) == reflect.TypeOf(json.RawMessage{}):
		good["content"] = map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object"}}}
	default:
		good["content"] = map[string]any{"application/json": map[string]any{"schema": schema(rt.out)}}
	}
	op := map[string]any{"summary": rt.summary, "operationId": rt.name(), "responses": map[string]any{
		status:    good,
		"default": map[string]any{"description": "What was wrong", "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}}}}}
	if rt.open {
		op["security"] = []any{}
	} else {
		op["description"] = "Needs the permission " + string(rt.may) + "."
	}
	var params []any
	for _, m := range parameter.FindAllStringSubmatch(rt.path, -1) {
		params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for _, q := range rt.query {
		params = append(params, map[string]any{"name": q, "in": "query", "schema": map[string]any{"type": "string"}})
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.in != nil {
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": loose(schema(rt.in))}}}
	}
	return op
}

func (rt route) documents() []string {
	if strings.HasSuffix(rt.path, "/assessment") {
		return []string{"D14"}
	}
	if strings.HasPrefix(rt.path, "/runs") {
		return []string{"D8"}
	}
	return []string{"D3", "D15"}
}

// name is a name for the operation that no other has: "get_plans_plan".
func (rt route) name() string {
	return strings.ToLower(rt.method) + strings.NewReplacer("/", "_", "{", "", "}", "", ".", "_").Replace(rt.path)
}

// schema describes what encoding/json makes of v: as report.SchemaOf, and lists
// and maps may be null.
func schema(v any) map[string]any { return nullable(report.SchemaOf(reflect.TypeOf(v))) }

func nullable(s map[string]any) map[string]any {
	_, keyed := s["additionalProperties"].(map[string]any)
	if s["type"] == "array" || keyed {
		s["nullable"] = true
	}
	for _, k := range []string{"items", "additionalProperties"} {
		if sub, ok := s[k].(map[string]any); ok {
			s[k] = nullable(sub)
		}
	}
	if props, ok := s["properties"].(map[string]any); ok {
		for k, sub := range props {
			props[k] = nullable(sub.(map[string]any))
		}
	}
	return s
}

// loose lets a request leave out what the server fills in.
func loose(s map[string]any) map[string]any {
	if props, ok := s["properties"].(map[string]any); ok && props["version"] != nil { // a rule: its number comes from the address and the log
		delete(s, "required")
	}
	return s
}

func (c *call) openapi() (any, error) {
	b, err := json.Marshal(OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("api: description: %w", err)
	}
	return json.RawMessage(b), nil
}
