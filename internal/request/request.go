// Package request carries a data subject's request from the day it comes in to
// the day its file is destroyed: intake, identity, search over all systems,
// review, decision by two people, execution by the person's role in each record,
// verification by another road, delivery, certificate (REQUIREMENTS 7.1-7.3).
//
// The search finds, a person decides: nothing about a request is refused,
// redacted or erased by automation alone (REQUIREMENTS A22-2). What tells who
// the person is lies sealed under a key of the case's own, which is destroyed on
// a date; the log of evidence names records by digests whose key goes with it.
package request

import (
	"context"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
)

// Right is what a person asks for. One message may ask for several: each is a
// request of its own, tied to the others by their matter (REQUIREMENTS A12-10).
type Right string

// The rights of GDPR articles 15 to 21 and 7(3).
const (
	Access        Right = "access"
	Rectification Right = "rectification"
	Erasure       Right = "erasure"
	Restriction   Right = "restriction"
	Portability   Right = "portability"
	Objection     Right = "objection"
	Withdrawal    Right = "withdrawal" // of consent
)

// Rights returns every right.
func Rights() []Right {
	return []Right{Access, Rectification, Erasure, Restriction, Portability, Objection, Withdrawal}
}

// Outcome is what was decided.
type Outcome string

// The outcomes.
const (
	Granted        Outcome = "granted"
	Partial        Outcome = "partial"
	Refused        Outcome = "refused"
	Unfounded      Outcome = "unfounded" // GDPR art. 12(5)
	CannotIdentify Outcome = "cannot_identify"
	NoData         Outcome = "no_data"
	NotApplicable  Outcome = "not_applicable"
)

// FourEyes reports whether a decision needs a second person before anything
// follows from it: every refusal, and every erasure (REQUIREMENTS W-8).
func FourEyes(r Right, o Outcome) bool {
	switch o {
	case Partial, Refused, Unfounded:
		return true
	case Granted:
		return executes(r)
	}
	return false
}

// executes reports whether granting r changes records in the systems.
func executes(r Right) bool {
	switch r {
	case Erasure, Objection, Withdrawal, Restriction:
		return true
	}
	return false
}

// Request is one request without what tells who the person is.
type Request struct {
	ID           string          `json:"id"`
	Matter       string          `json:"matter"`
	Registration string          `json:"registration,omitempty"` // diarienummer
	Right        Right           `json:"right"`
	Track        Track           `json:"track"`
	State        State           `json:"state"`
	Channel      string          `json:"channel"`
	Received     time.Time       `json:"received"`
	Protected    bool            `json:"protected,omitempty"` // protected identity: no electronic delivery (REQUIREMENTS SE-34)
	Handler      string          `json:"handler"`
	Extended     time.Time       `json:"extended,omitzero"`
	Extension    string          `json:"extension,omitempty"` // why
	Identity     Identity        `json:"identity,omitzero"`
	Outcome      Outcome         `json:"outcome,omitempty"`
	Reason       string          `json:"reason,omitempty"`
	DecidedBy    string          `json:"decided_by,omitempty"`
	Decided      time.Time       `json:"decided,omitzero"`
	ApprovedBy   string          `json:"approved_by,omitempty"`
	Approved     time.Time       `json:"approved,omitzero"`
	Delivery     string          `json:"delivery,omitempty"`
	Delivered    time.Time       `json:"delivered,omitzero"`
	Closed       time.Time       `json:"closed,omitzero"`
	Destroy      time.Time       `json:"destroy,omitzero"`   // when the case's key is to be destroyed
	Destroyed    time.Time       `json:"destroyed,omitzero"` // it has been
	Served       time.Time       `json:"served,omitzero"`    // when the person got the decision
	Secrecy      *Secrecy        `json:"secrecy,omitempty"`  // nil: not tested
	Ruling       Ruling          `json:"ruling,omitzero"`
	Deadline     deadline.Result `json:"deadline"`
	Pauses       []Pause         `json:"pauses,omitempty"`

	hold string
}

// Approvable reports whether the decision waits for a second person.
func (r Request) Approvable() bool {
	return r.State == Decided && r.Approved.IsZero() && FourEyes(r.Right, r.Outcome)
}

// Identity is how it was made sure who asks (REQUIREMENTS 7.2). What was shown
// is never kept.
type Identity struct {
	Method string    `json:"method"` // known_address, portal, shared_facts, eid, call_back, visit, id_copy
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
}

// Pause is a question to the person and its answer.
type Pause struct {
	Asked        time.Time `json:"asked"`
	Answered     time.Time `json:"answered,omitzero"`
	Insufficient bool      `json:"insufficient,omitempty"`
	Reason       string    `json:"reason"`
	AskedBy      string    `json:"asked_by"`
	ApprovedBy   string    `json:"approved_by,omitempty"`
}

// Details is what tells who the person is. It lives sealed, and in memory while
// it is used; it has no fmt, slog or JSON form outside this package.
type Details struct {
	Name        string
	Address     string // where the answer goes
	Message     string // what the person wrote
	Notes       string
	Facts       string // what decided, for the written decision
	Identifiers []Known
}

// Known is an identifier that is searched by, and how it came to be.
type Known struct {
	Identifier gallra.Identifier
	Verified   bool   // given by the person and confirmed; otherwise found and accepted
	Reason     string // why it was accepted
	By         string
	At         time.Time
}

// String hides everything.
func (Details) String() string { return "[details]" }

// GoString hides everything.
func (Details) GoString() string { return "[details]" }

// MarshalJSON hides everything.
func (Details) MarshalJSON() ([]byte, error) { return []byte(`"[details]"`), nil }

// identifiers returns what is searched by.
func (d Details) identifiers() []gallra.Identifier {
	out := make([]gallra.Identifier, len(d.Identifiers))
	for i, k := range d.Identifiers {
		out[i] = k.Identifier
	}
	return out
}

// System is a connected system, as requests need to know it.
type System struct {
	ID      gallra.SystemID
	Title   string
	Channel connector.Channel
	Rules   []gallra.Rule // purposes and periods, for the answer
	Manual  bool          // no connector: searched and erased by hand
}

// Desk handles requests. Its fields are set before first use; it is safe for
// concurrent use afterwards, also by several processes on one store.
type Desk struct {
	DB   *store.DB
	Log  *evidence.Log
	Keys Keys
	// Open opens a connected system; the desk closes it again. OpenToRead does
	// so without the credentials for changes, for searches (REQUIREMENTS X-5);
	// nil: Open.
	Open       func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	OpenToRead func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	// Systems returns every system of the organisation, manual ones included: a
	// search covers them all (REQUIREMENTS E1).
	Systems func(ctx context.Context) ([]System, error)
	// Eves is the setting of REQUIREMENTS T5.
	Eves bool
	// KeepPackage is how long a case's sealed data live after it is closed; zero:
	// 30 days (REQUIREMENTS E10).
	KeepPackage gallra.Period
	// Organisation tells whether the rules of public bodies hold; nil: they do not.
	Organisation func(ctx context.Context) (gallra.OrganisationType, error)
	// Guard watches over those who were erased; nil: nobody does.
	Guard *guard.Guard

	// Stopped tells whether everything is stopped (REQUIREMENTS X-16); it is asked
	// before each record that a replay erases again. nil: never.
	Stopped func(ctx context.Context) (bool, error)

	reach hold.Reach
}

func (d *Desk) holds() hold.Register { return hold.Register{DB: d.DB, Log: d.Log} }

func (d *Desk) now() time.Time { return d.DB.Now().UTC().Truncate(time.Microsecond) }
