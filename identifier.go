package gallra

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// IdentifierKind says what an identifier is.
type IdentifierKind string

// The kinds of identifier a person can be searched by.
const (
	IdentEmail        IdentifierKind = "email"
	IdentPhone        IdentifierKind = "phone"
	IdentPersonnummer IdentifierKind = "personnummer"
	IdentName         IdentifierKind = "name"
	IdentAccount      IdentifierKind = "account"  // the source system's own id of the person
	IdentUsername     IdentifierKind = "username" // handle, screen name
	IdentCustomer     IdentifierKind = "customer" // the organisation's customer number
	IdentIP           IdentifierKind = "ip"
)

// IdentifierKinds returns every kind.
func IdentifierKinds() []IdentifierKind {
	return []IdentifierKind{IdentEmail, IdentPhone, IdentPersonnummer, IdentName, IdentAccount, IdentUsername, IdentCustomer, IdentIP}
}

// Category returns the category of personal data an identifier of kind k is.
func (k IdentifierKind) Category() Category {
	switch k {
	case IdentEmail:
		return CategoryEmail
	case IdentPhone:
		return CategoryPhone
	case IdentPersonnummer:
		return CategoryPersonnummer
	case IdentName:
		return CategoryPerson
	case IdentUsername:
		return CategoryUsername
	case IdentIP:
		return CategoryIP
	}
	return CategoryCustomerID
}

// Identifier is a value that points out a person. Its value is personal data:
// String, GoString, Format, LogValue and MarshalJSON show the kind alone
// (DESIGN 2; REQUIREMENTS ). Read Value only to search or to show it
// to someone who may see it.
type Identifier struct {
	Kind   IdentifierKind
	Value  string
	System SystemID // the system an account id belongs to; empty for the others
}

// String returns the kind only.
func (i Identifier) String() string { return "[" + string(i.Kind) + "]" }

// GoString returns the kind only.
func (i Identifier) GoString() string { return i.String() }

// Format implements fmt.Formatter so that no verb, %+v and %#v included, shows the value.
func (i Identifier) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(i.String())) }

// LogValue implements slog.LogValuer; it returns the kind only.
func (i Identifier) LogValue() slog.Value { return slog.StringValue(i.String()) }

// MarshalJSON writes the kind only. A package that must store values encrypts
// them through a type of its own.
func (i Identifier) MarshalJSON() ([]byte, error) { return json.Marshal(i.String()) }
