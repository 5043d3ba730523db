// Package connector is the contract between Gallra and a system that holds
// customer-service records: a small interface that every connector implements,
// optional interfaces for what a system can do besides, and the registry that
// opens one from an address. The conformance suite connectortest proves that a
// connector keeps the contract and that what it declares is true.
//
// Pages, not callbacks: a page and its cursor are one job step and one
// transaction, and a cursor survives a restart of the process. Connectors are
// safe for concurrent use, hold no personal data between calls beyond their
// connection, and never put a personal value in an error.
package connector

import (
	"context"
	"io"
	"time"

	"github.com/gallra/gallra"
)

// Source reads a system. It changes nothing, not even a "seen" flag.
type Source interface {
	// Check proves that address and credentials suffice for all the connector
	// declares, and that the system looks as its profile says. Errors:
	// gallra.ErrAuth, ErrPermission, ErrUnavailable, ErrDrift.
	Check(ctx context.Context) error
	// Types returns the kinds of record of this very system, custom fields
	// included, parents before children.
	Types(ctx context.Context) ([]Type, error)
	// List returns one page of the records that q selects. Following Next until
	// it is empty yields every record that existed throughout exactly once, in
	// a stable order, also when records are erased on the way.
	List(ctx context.Context, q Query) (Page, error)
	// Get returns one record with all its fields. gallra.ErrNotFound.
	Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error)
	io.Closer
}

// Finder finds the records about a person.
type Finder interface {
	// Find returns one page of hits. Values are compared as the kind demands
	// (e-mail without case, phone and personnummer in all written forms) and
	// whole: anna@ never finds johanna@.
	Find(ctx context.Context, n Needles, cursor string) (Hits, error)
}

// Eraser erases one record with all that belongs to it: children, attachments,
// history, search rows, raw copies.
type Eraser interface {
	// Erase erases ref if its version is still ifVersion ("" erases in any
	// version). gallra.ErrConflict when it has changed; gallra.ErrNotFound when
	// it is gone already. It never touches another record's data: shared
	// content stays until its last user is gone.
	Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error)
}

// Editor changes fields in place: to anonymise, redact or rectify.
type Editor interface {
	// Edit sets the named fields of ref. The old values are then nowhere in the
	// system that the connector can reach: derived copies of the record
	// (history, search rows, raw mail, drafts) are rewritten or erased too.
	// Fields not named keep their bytes, and statistics fields their values.
	// Errors as Erase. The receipt's Ref is the record's reference afterwards:
	// it differs where a rewrite gives a new id (IMAP).
	Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error)
}

// Restrictor hides a record from ordinary use without erasing it (GDPR art. 18).
type Restrictor interface {
	Restrict(ctx context.Context, ref gallra.Ref, on bool) (gallra.Receipt, error)
}

// Confirmer asks what has become of a receipt that was not Final.
type Confirmer interface {
	Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error)
}

// Attachments opens the bytes of an attachment record. gallra.ErrNotFound.
type Attachments interface {
	Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error)
}

// Searcher looks for what is left of a person in every place the connector can
// reach, decoded: history, raw mail, search index, drafts, attachment names.
// It must not use the road that Find uses.
type Searcher interface {
	Leftovers(ctx context.Context, n Needles, cursor string) (Residues, error)
}

// Verifier tells which of the records are still there in any place, by another
// road than List and Erase: a look at the storage itself, on a connection of
// its own. An engine without it falls back to Get.
type Verifier interface {
	Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error)
}

// Tracer follows what belongs to records over a change, by another road than the
// one that reads and changes them: what hangs on a record by its key cannot be
// found by asking for the record once that is gone. An engine without it asks
// Verifier, and believes its own second reading of what was edited.
type Tracer interface {
	// Trace notes, before refs are changed, where all that belongs to them
	// stands. It notes keys and no content.
	Trace(ctx context.Context, refs []gallra.Ref) (Trace, error)
}

// Trace is what a Tracer has noted. It looks at the storage itself.
type Trace interface {
	// Remains returns what is still there of records that were erased: their own
	// rows and all that belonged to them, under the record's reference as noted.
	Remains(ctx context.Context) ([]gallra.Residue, error)
	// Leftovers returns where a value stands still that an edit has taken out of
	// a record or of what belongs to it, decoded, under the record's reference as
	// noted. Statistics fields are not looked at.
	Leftovers(ctx context.Context, lost []Lost, look func(typ string) Look) ([]gallra.Residue, error)
}

// Counter is a Trace that can tell how many attachments go with each record.
type Counter interface {
	// Attached returns, by id of the record as noted, how many attachments belong
	// to it now and how many bytes they are. Ask before the change.
	Attached(ctx context.Context) (map[string]Attached, error)
}

// Attached is how many files and bytes.
type Attached struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Look says what a Trace looks for among the records of a type.
type Look int

// The looks.
const (
	LookValues Look = iota // the values that were taken out
	LookAny                // anything: these records were erased
	LookAway               // nothing: they stay as they are, and that is said
)

// Lost is a record that was edited and the values that it must no longer hold.
type Lost struct {
	Ref    gallra.Ref // as noted
	Now    gallra.Ref // as the edit's receipt says
	Values []gallra.Identifier
}

// Partitioner cuts a query into about n queries that together select the same
// records, for many workers.
type Partitioner interface {
	Partitions(ctx context.Context, q Query, n int) ([]Query, error)
}

// Batcher changes many records in few round trips. A result stands for each
// item in order; one record's failure does not stop the others. An error of
// the call itself means that nothing is known of the batch: it may be repeated.
type Batcher interface {
	EraseMany(ctx context.Context, items []Item) ([]Result, error)
	EditMany(ctx context.Context, edits []Edit) ([]Result, error)
}

// Unlinker cuts records loose from the person records they point at, so that a
// conversation anonymised in place is no longer tied to its requester. An engine
// without it finds the link (gallra.Record.Person) still there and calls the
// record de-identified.
type Unlinker interface {
	// Unlink answers for each of refs in order; one without a link is done. What
	// else the records hold keeps its bytes; their versions may change. Person of
	// each is zero afterwards, also where the product keeps a "deleted user"
	// instead of nobody. gallra.ErrNotFound for a record that is gone.
	Unlink(ctx context.Context, refs []gallra.Ref) ([]Result, error)
}

// Rounder makes times coarser, so that a record anonymised in place is not told
// from all others by the second it was made. An engine without it finds the exact
// times still there and calls the record de-identified.
type Rounder interface {
	// RoundTimes sets every time that the system keeps of refs, and of all that
	// belongs to them, back to the beginning of its month, as the system counts
	// them. It answers for the call, not for each; done again it changes nothing.
	// done names types of which all records have been made coarser by edits.
	RoundTimes(ctx context.Context, refs []gallra.Ref, done ...string) error
}

// OneStep is a Batcher whose edits unlink and round by themselves; one that sets
// no field does that alone and changes nothing when done again. Other systems
// are asked for each by itself.
type OneStep interface{ OneStep() }

// Renamer is for systems in which an edited record gets another reference. What
// is interrupted between an edit and its note would otherwise take the record
// for one that somebody else has removed.
type Renamer interface {
	// Renamed returns what those of refs that are gone have become by an Edit with
	// Mark, by their old references; none of what somebody else has removed.
	Renamed(ctx context.Context, refs []gallra.Ref) (map[gallra.Ref]gallra.Ref, error)
	// Noted says that these new references have been written down.
	Noted(ctx context.Context, refs []gallra.Ref) error
}

// Many reads many records in few round trips: those that exist, in no
// particular order. An engine without it asks for one at a time. versions says
// whether the caller needs Record.Version, which may cost as much as all else.
type Many interface {
	GetMany(ctx context.Context, refs []gallra.Ref, versions bool) ([]gallra.Record, error)
}

// Handed is a system without a door that a program can use: what is to be done
// in it is asked of people, who do it and sign (REQUIREMENTS G-13, H-16). Such a
// source lists no type.
type Handed interface{ Hand() Hand }

// Hand says what kind of place a Handed system is, and who answers for it.
type Hand struct {
	Kind   HandKind
	Place  string        // where it is, as the one who goes there calls it
	Owner  string        // the role that answers for it; not a person's name
	Within gallra.Period // from the order until it must be done; zero: 30 days
	// BackupLife is as in Profile.
	BackupLife string
}

// HandKind is what kind of place is worked by hand.
type HandKind string

// The kinds.
const (
	HandMailbox HandKind = "mailbox"
	HandFolder  HandKind = "folder"
	HandPaper   HandKind = "paper"
	HandVendor  HandKind = "vendor" // does it on request
	HandOther   HandKind = "other"
)

// HandKinds returns the kinds in the order people are asked.
func HandKinds() []HandKind {
	return []HandKind{HandMailbox, HandFolder, HandPaper, HandVendor, HandOther}
}

// Item names a record and the version it must still have ("" for any).
type Item struct {
	Ref       gallra.Ref
	IfVersion string
}

// Edit is an Item and the fields to set.
type Edit struct {
	Item
	Set []gallra.Field
	// Unlink asks an Unlinker to cut the record loose from its person in the same
	// step. One that has done so says so in the Result; others are asked by Unlink.
	Unlink bool
	// Round asks a Rounder to make the record's own times coarser in the same
	// step. One that has done so says so in the Result.
	Round bool
	// Mark asks a Renamer to be able to tell what became of the record until it
	// is told that this is noted.
	Mark bool
}

// Result is what became of one Item: a receipt or an error (gallra.ErrConflict,
// ErrNotFound ...).
type Result struct {
	Receipt  gallra.Receipt
	Err      error
	Unlinked bool // the Edit asked for it, and it is done
	Rounded  bool // the same of Round
}

// Kind says what role a type plays in customer service.
type Kind string

// The kinds.
const (
	KindConversation Kind = "conversation" // ticket, thread, discussion, mail thread, chat
	KindMessage      Kind = "message"
	KindPerson       Kind = "person" // a customer's record
	KindAgent        Kind = "agent"  // an employee's record: listed and scanned, never gallrad by default
	KindAttachment   Kind = "attachment"
	KindTrace        Kind = "trace" // a derived copy: history, log, draft, index, raw mail
	KindRow          Kind = "row"   // none of these: a line of a table
)

// Type is one kind of record of a system.
type Type struct {
	Name   string
	Kind   Kind
	Parent string // name of the type its records belong to; "" for none
	Fields []FieldInfo
	Starts []gallra.StartEvent // the events it knows
}

// Field returns the description of the named field; false when there is none.
func (t Type) Field(name string) (FieldInfo, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return FieldInfo{}, false
}

// Format says how the bytes of a field are read.
type Format string

// The formats.
const (
	FormatPlain   Format = ""               // UTF-8 text
	FormatHTML    Format = "text/html"      // HTML, entities included
	FormatMail    Format = "message/rfc822" // a whole mail
	FormatHeaders Format = "mail-headers"   // header lines of a mail
	FormatJSON    Format = "application/json"
	FormatFile    Format = "file" // any file; the field "name" or "filename" of the record names it
)

// FieldInfo describes one field of a type.
type FieldInfo struct {
	Name     string
	Category gallra.Category // what the whole value is, when it is one thing: an e-mail column
	Role     gallra.Role     // whose value it is, when that is known: the requester's e-mail
	Text     bool            // free text that must be scanned
	Format   Format
	Keep     bool // a statistics field: queue, channel, category, duration, rating; never personal
	Safe     bool // somebody has said, by a category that is nobody's, that its values point out no person
	Indexed  bool // Find by this field is cheap
	ReadOnly bool // derived from another field of the record; edit that one
}

// Query selects records of one type.
type Query struct {
	Type   string
	Cursor string // "" for the first page, then Page.Next
	Limit  int    // records a page; 0 means the connector's own choice; the connector may return fewer

	// A half-open range [From, To) on a clock, or on Fallback for records in
	// which Clock is unknown. A zero time is no bound. No Clock: no range.
	Clock    gallra.StartEvent
	Fallback gallra.StartEvent
	From, To time.Time

	// Unversioned says that the caller needs no Record.Version, which may cost as
	// much as all else of a record; the connector may give it all the same.
	Unversioned bool

	Parents   []gallra.Ref // only the records that belong to these conversations
	Partition string       // as returned by Partitions
	Fields    Projection
}

// Projection says which fields a listing fills.
type Projection int

// The projections.
const (
	FieldsAll  Projection = iota
	FieldsKeep            // statistics fields (FieldInfo.Keep), times and version only: cheap, nothing personal
	FieldsNone            // reference, times and version only
)

// Page is one page of a listing.
type Page struct {
	Records []gallra.Record
	Next    string    // "" after the last page
	Total   int64     // how many records the whole query selects, roughly; -1 unknown. First page only
	Skipped []Problem // what could not be read: counted and named, never silently left out
}

// Problem is a place that could not be read or understood.
type Problem struct {
	Ref    gallra.Ref
	Where  string // field, part or file position; never a personal value
	Reason string // message key: "mail.truncated", "file.encrypted"
}

// Needles is what is known of one person, to search by.
type Needles struct {
	Identifiers []gallra.Identifier
	Depth       Depth
}

// Depth says how hard Find looks.
type Depth int

// The depths.
const (
	InFields Depth = iota // identity fields only: fast, by index where there is one
	InText                // identity fields and all free text, mail and attachments
)

// Hit is one record about a person.
type Hit struct {
	Ref        gallra.Ref
	Parent     gallra.Ref // conversation, when the record belongs to one
	Role       gallra.Role
	Field      string
	Kind       gallra.IdentifierKind
	Certainty  Certainty
	Created    time.Time
	Identifier int // index in Needles.Identifiers
}

// Certainty classes hits (REQUIREMENTS W-6).
type Certainty string

// The certainties.
const (
	Certain  Certainty = "certain"  // a verified identifier matches whole
	Probable Certainty = "probable" // a name and a second factor
	Unsure   Certainty = "unsure"   // a name only
)

// Hits is one page of hits.
type Hits struct {
	Hits    []Hit
	Next    string
	Skipped []Problem
}

// Residues is one page of leftovers.
type Residues struct {
	Residues []gallra.Residue
	Next     string
	Skipped  []Problem
}

// Below returns the types whose records belong to records of type root,
// directly or through others, in the order given: Query.Parents of a root's
// reference selects them all.
func Below(types []Type, root string) []Type {
	under := map[string]bool{root: true}
	var out []Type
	for _, t := range types { // parents stand before children
		if t.Parent != "" && under[t.Parent] && t.Name != root {
			under[t.Name] = true
			out = append(out, t)
		}
	}
	return out
}

// Reviewer names what somebody should look at in what Gallra knows of a system,
// beyond what Check refuses. It reads no record.
type Reviewer interface {
	Review(ctx context.Context) ([]Remark, error)
}

// Remark is one thing to look at.
type Remark struct {
	Where string `json:"where"` // table, column
	Why   string `json:"why"`   // message key, which also says what to do
}

// Planter puts a made-up person's message into the system as a customer's would
// come in, so that finding and erasing can be proved on it. It is not a
// capability: a system without it is planted by hand.
type Planter interface {
	Plant(ctx context.Context, p Person) error
}

// Person is somebody who does not exist.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Text  string `json:"text"` // what the message says, besides the name
}
