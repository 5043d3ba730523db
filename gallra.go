// Package gallra holds the words of the product and its pure rules: what an
// identifier, a record, a retention rule, a receipt and an outcome are, and how
// a period is counted. Every other package talks in these words.
//
// It imports the standard library only, does no input or output and reads no
// clock: a time is always an argument. Nothing here may print a personal value;
// the types that can carry one hide it from fmt, slog and encoding/json.
package gallra

import "strings"

// SystemID names one connected system, as the organisation calls it in
// gallra.yaml ("helpdesk", "mail"). It is not personal data.
type SystemID string

// Ref points at one record in one system. It is what Gallra stores instead of
// content. An ID is the source system's own object id and never a personal
// value; a connector whose natural key is personal (a file name with an
// address in it, say) must use a digest or a position instead.
type Ref struct {
	System SystemID `json:"system"`
	Type   string   `json:"type"`
	ID     string   `json:"id"`
}

// String returns system/type/id, which holds no personal value.
func (r Ref) String() string { return string(r.System) + "/" + r.Type + "/" + r.ID }

// IsZero reports whether r points nowhere.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef is the inverse of Ref.String. The id may itself contain slashes.
func ParseRef(s string) (Ref, error) {
	p := strings.SplitN(s, "/", 3)
	if len(p) != 3 || p[0] == "" || p[1] == "" || p[2] == "" {
		return Ref{}, Errorf(Invalid, "ref.malformed")
	}
	return Ref{System: SystemID(p[0]), Type: p[1], ID: p[2]}, nil
}
