package gallra

import (
	"errors"
	"fmt"
	"strings"
)

// Code is what a caller does about an error: it decides exit codes and HTTP
// statuses in one place each.
type Code string

// The codes.
const (
	Internal    Code = "internal"
	Invalid     Code = "invalid"     // the input is wrong: mend it
	NotFound    Code = "not_found"   // no such thing, or gone already
	Conflict    Code = "conflict"    // it changed since it was read
	Unauthorize Code = "auth"        // credentials are wrong
	Forbidden   Code = "forbidden"   // credentials lack a right
	Unavailable Code = "unavailable" // try again later
	Blocked     Code = "blocked"     // a rule of the product forbids it: hold, no decision, not approved
	Drift       Code = "drift"       // the system does not look as its profile says
	Unsupported Code = "unsupported" // the system cannot do it
)

// Error is an error that a user sees: a code, a message key that the edge
// translates, and arguments that hold no personal value.
type Error struct {
	Code Code
	Key  string
	Args []string // name, value, name, value
	Err  error    // cause, for logs; must not hold a personal value either
}

// Errorf returns an *Error with a message key and name/value arguments.
func Errorf(code Code, key string, args ...string) *Error {
	return &Error{Code: code, Key: key, Args: args}
}

// Wrap returns e with cause err.
func (e *Error) Wrap(err error) *Error { c := *e; c.Err = err; return &c }

// Error returns the key and arguments in plain form.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Key)
	for i := 0; i+1 < len(e.Args); i += 2 {
		fmt.Fprintf(&b, " %s=%q", e.Args[i], e.Args[i+1])
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error of the same code, and of the same key
// if target has one, so that errors.Is(err, gallra.ErrNotFound) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Key == "" || t.Key == e.Key)
}

// Sentinels for errors.Is: they match any *Error of their code.
var (
	ErrInvalid     = &Error{Code: Invalid}
	ErrNotFound    = &Error{Code: NotFound}
	ErrConflict    = &Error{Code: Conflict}
	ErrAuth        = &Error{Code: Unauthorize}
	ErrPermission  = &Error{Code: Forbidden}
	ErrUnavailable = &Error{Code: Unavailable}
	ErrBlocked     = &Error{Code: Blocked}
	ErrDrift       = &Error{Code: Drift}
	ErrUnsupported = &Error{Code: Unsupported}
)

// CodeOf returns the code of the first *Error in err's chain, Internal when
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
