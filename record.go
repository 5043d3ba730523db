package gallra

import (
	"fmt"
	"log/slog"
	"time"
)

// Record is one object of a source system as a connector read it. It lives in
// memory only: Gallra never stores its fields (REQUIREMENTS X-1). Times are
// instants; a zero time means the system does not know it.
type Record struct {
	Ref     Ref
	Version string // opaque; changes when the source record changes
	Parent  Ref    // the conversation it belongs to; zero for a conversation, a person, a free-standing record
	Person  Ref    // the person record it is about (requester, author); zero when unknown
	Fields  []Field

	Created time.Time
	Updated time.Time // last change of any kind, automations included
	Contact time.Time // last activity by a human being (REQUIREMENTS T12)
	Closed  time.Time

	// Events are the other start events that the system knows; nil for most.
	Events map[StartEvent]time.Time
}

// Field is one named value of a record. Value may hold any bytes; how to read
// them is said by the connector's FieldInfo for the name.
type Field struct{ Name, Value string }

// String returns the name only; the value is personal until proved otherwise.
func (f Field) String() string { return f.Name + "=[hidden]" }

// GoString returns the name only.
func (f Field) GoString() string { return f.String() }

// Format implements fmt.Formatter so that no verb shows the value.
func (f Field) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(f.String())) }

// LogValue implements slog.LogValuer; it returns the name only.
func (f Field) LogValue() slog.Value { return slog.StringValue(f.String()) }

// MarshalJSON writes the name only.
func (f Field) MarshalJSON() ([]byte, error) { return []byte(`"` + f.Name + `=[hidden]"`), nil }

// Field returns the value of the first field named name.
func (r Record) Field(name string) (string, bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// LogValue implements slog.LogValuer; it shows the reference only.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.Ref.String()) }

// Role is the part a person has in a record. The action depends on it: one's
// own case is erased, a mention in another's case is redacted.
type Role string

// The roles.
const (
	RoleRequester  Role = "requester"  // the case is the person's own
	RoleCC         Role = "cc"         // copied in, collaborator
	RoleAuthor     Role = "author"     // wrote in another person's case
	RoleMentioned  Role = "mentioned"  // named in free text
	RoleQuoted     Role = "quoted"     // named in quoted text
	RoleAttachment Role = "attachment" // named inside an attachment
	RoleAgent      Role = "agent"      // an employee handling the case
)
