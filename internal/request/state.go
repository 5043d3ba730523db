package request

import "slices"

// State is where a request stands (REQUIREMENTS 7.1).
type State string

// The states. Extension is no state: it moves the deadline of any of them.
const (
	Received       State = "received"
	Classified     State = "classified"      // which right, which track
	IdentityAsked  State = "identity_asked"  // the clock may pause
	IdentityFailed State = "identity_failed" // nothing more can be asked for
	Identified     State = "identified"
	Searching      State = "searching"
	Review         State = "review"
	Decided        State = "decided"
	Executing      State = "executing"
	Verified       State = "verified"
	Delivered      State = "delivered" // answered or told
	Closed         State = "closed"
	Withdrawn      State = "withdrawn" // by the person
	Forwarded      State = "forwarded" // to the controller whose matter it is
	Appealed       State = "appealed"
	Reopened       State = "reopened"
)

// next is the state machine: what may follow each state.
var next = map[State][]State{
	Received:       {Classified, Withdrawn, Forwarded},
	Classified:     {Identified, IdentityAsked, Withdrawn, Forwarded},
	IdentityAsked:  {Identified, IdentityAsked, IdentityFailed, Withdrawn, Forwarded},
	IdentityFailed: {Decided, IdentityAsked, Withdrawn},
	Identified:     {Searching, Withdrawn, Forwarded},
	Searching:      {Review, Withdrawn},
	Review:         {Searching, Decided, Withdrawn},
	Decided:        {Review, Executing, Delivered, Withdrawn}, // Review: not approved
	Executing:      {Verified},                                // what has begun is finished
	Verified:       {Executing, Delivered},                    // Executing: leftovers are tried again
	Delivered:      {Closed},
	Closed:         {Reopened, Appealed},
	Withdrawn:      {Closed},
	Forwarded:      {Closed},
	Appealed:       {Reopened, Closed},
	Reopened:       {Classified},
}

// States returns every state.
func States() []State {
	return []State{Received, Classified, IdentityAsked, IdentityFailed, Identified, Searching, Review, Decided, Executing, Verified, Delivered, Closed, Withdrawn, Forwarded, Appealed, Reopened}
}

// Next returns the states that may follow s.
func (s State) Next() []State { return slices.Clone(next[s]) }

// May reports whether to may follow s (REQUIREMENTS W-1).
func (s State) May(to State) bool { return slices.Contains(next[s], to) }

// Open reports whether the request still waits for something of ours.
func (s State) Open() bool { return s != Closed && s != Withdrawn && s != Forwarded }
