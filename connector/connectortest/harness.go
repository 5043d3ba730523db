// Package connectortest proves that a connector keeps the contract of package
// connector and that what it declares is true. It never trusts the connector:
// a Harness puts records into the system and looks at everything the system
// stores, behind the connector's back.
//
// The suite is itself tested on connectors that are wrong on purpose; each must
// be caught by the check that is meant for it (REQUIREMENTS S35, G-7).
package connectortest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// TB is what the suite needs of a *testing.T. It is an interface so that the
// suite can be run against connectors that must fail it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	TempDir() string
	Context() context.Context
}

// Harness is a system that the suite may fill, empty and look into. A field
// that is not marked optional must be set.
type Harness struct {
	Name string // the connector's name in the registry

	// Config returns the address of the system; the suite opens it through the
	// registry, any number of times.
	Config func(tb TB) connector.Config
	// Open, optional, opens the system instead of the registry.
	Open func(tb TB) connector.Source

	// Type is the record type under test: each Seed becomes one record of it.
	// The names are of its fields; "" when it has no such field.
	Type                     string
	Email, Named, Text, Keep string
	// Fixed, optional, are those of these fields that the system lets nobody
	// change without keeping the old value: Edit refuses them.
	Fixed       []string
	Children    string                  // optional: the type that Seed.Children become
	Attachments string                  // optional: the type that Seed.Files become
	Texts       []string                // optional: odd texts to be kept byte by byte, in place of Odd()
	Kinds       []gallra.IdentifierKind // identifiers that a record of Type, or its person, holds
	Clocks      []gallra.StartEvent     // clocks that Seed sets exactly
	Resolution  time.Duration           // of stored times; a second when zero

	// Reset empties the system.
	Reset func(tb TB)
	// Seed adds records to what is there, in order.
	Seed func(tb TB, seeds []Seed)
	// Linked, optional, does what Seed does for records that point at a person's
	// record, and stores those persons too: Record.Person leads to them.
	Linked func(tb TB, seeds []Seed)
	// Stored returns everything the system stores: columns that no screen
	// shows, history, indexes, raw copies; decoded, so that a value can be
	// searched for. Places that are empty of content may be left out.
	Stored func(tb TB) []Place

	// Raw, optional, returns the stored bytes themselves; reading must not
	// change one of them.
	Raw func(tb TB) []byte
	// Touch, optional, changes the record of a seed as somebody working in the
	// system would: it has another version afterwards.
	Touch func(tb TB, s Seed)
	// Plant, optional, leaves text in a place that the screens do not show.
	Plant func(tb TB, text string)
	// PutBack, optional, brings a record back behind the connector's back in a
	// place that List and Get do not read.
	PutBack func(tb TB, ref gallra.Ref, s Seed)
	// FailWrites, optional, makes the system refuse or obey writes.
	FailWrites func(tb TB, on bool)
	// Faults, optional, makes the way to the system fail at random, the same for
	// the same seed: timeouts, refusals, truncated and repeated answers, success
	// that did nothing, a connection lost after the write, a clock that is wrong.
	// Stored, Touch and their like go another way. stop ends it and tells how
	// often it failed. See the function Faults.
	Faults func(tb TB, seed uint64) (stop func() int)
	// FaultRuns, optional, is the number of runs of Faults when the flag does not
	// say: fewer for one of many systems that the same code serves.
	FaultRuns int
	// Eventually, optional, lets the time pass that a promise needs.
	Eventually func(tb TB)
	// Secrets are parts of the configuration that no error may show.
	Secrets []string
	// Broken, optional, returns configurations that cannot work.
	Broken func(tb TB) []connector.Config
}

// Seed is one record to put into the system, with what belongs to it.
type Seed struct {
	// Key is unique, of letters and digits, and part of Name, Text and every
	// text below: what holds it belongs to this record.
	Key                                  string
	Name                                 string
	Email                                string
	Phone                                string // further values of the person, by Harness.Kinds
	Personnummer, Username, Customer, IP string
	Text                                 string
	Keep                                 string

	Created, Updated, Contact, Closed time.Time // zero: not known

	Children []string // when Harness.Children is set
	Files    []File   // when Harness.Attachments is set
	History  []string // old values in derived copies, where the system keeps such
}

// File is an attachment.
type File struct {
	Name    string
	Content []byte
}

// Place is what the system stores together: a row of a table, a line, a part of
// a mail, a file.
type Place struct {
	Where string // table and key, file and line; shown in messages
	Value string // all its values, decoded
	// Of, optional, is the Key of the seed whose record it is. Without it a
	// place belongs to the seeds whose values it holds.
	Of string
}

// Run runs every check against the harness. Checks whose capability the
// connector does not have are not run; they are listed in the log.
func Run(t *testing.T, h Harness) {
	t.Helper()
	can := capabilities(t, h)
	for _, c := range Checks() {
		if why := c.missing(h, can); why != "" {
			t.Logf("not run: %s (%s)", c.Name, why)
			continue
		}
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}

// Check is one check of the suite.
type Check struct {
	Name  string
	Needs []connector.Capability
	has   func(h Harness) string // why the harness cannot serve it; "" when it can
	Run   func(tb TB, h Harness)
}

func (c Check) missing(h Harness, can map[connector.Capability]bool) string {
	for _, n := range c.Needs {
		if !can[n] {
			return "cannot " + string(n)
		}
	}
	if c.has != nil {
		return c.has(h)
	}
	return ""
}

// Checks returns the suite in the order it runs.
func Checks() []Check {
	const (
		find, erase, edit = connector.CanFind, connector.CanErase, connector.CanEdit
	)
	needs := func(c ...connector.Capability) []connector.Capability { return c }
	return []Check{
		{"Harness", nil, nil, checkHarness},
		{"Declared", nil, nil, checkDeclared},
		{"RequiredOptions", nil, nil, checkRequiredOptions},
		{"Types", nil, nil, checkTypes},
		{"ListOnce", nil, nil, checkListOnce},
		{"ListEmpty", nil, nil, checkListEmpty},
		{"ListWhileInserting", nil, nil, checkListWhileInserting},
		{"ListWhileDeleting", needs(erase), nil, checkListWhileDeleting},
		{"Resume", nil, nil, checkResume},
		{"ListRange", nil, hasClocks, checkListRange},
		{"ListParents", nil, hasChildren, checkListParents},
		{"Partitions", needs(connector.CanPartition), nil, checkPartitions},
		{"Projections", nil, nil, checkProjections},
		{"Faithful", nil, hasText, checkFaithful},
		{"NotFound", nil, nil, checkNotFound},
		{"ReadsChangeNothing", nil, nil, checkReadsChangeNothing},
		{"FindWhole", needs(find), hasKinds, checkFindWhole},
		{"FindForms", needs(find), hasKinds, checkFindForms},
		{"FindMention", needs(find), hasText, checkFindMention},
		{"EraseExactly", needs(erase), nil, checkEraseExactly},
		{"EraseTwice", needs(erase), nil, checkEraseTwice},
		{"EraseStale", needs(erase), hasTouch, checkEraseStale},
		{"EraseMany", needs(erase, connector.CanBatch), hasTouch, checkEraseMany},
		{"EraseRefused", needs(erase), hasFailWrites, checkEraseRefused},
		{"EditForgets", needs(edit), hasPersonal, checkEditForgets},
		{"EditFixed", needs(edit), hasFixed, checkEditFixed},
		{"EditStale", needs(edit), hasTouchedText, checkEditStale},
		{"EditMany", needs(edit, connector.CanBatch), hasTouchedText, checkEditMany},
		{"Attachments", needs(connector.CanAttachments), hasAttachments, checkAttachments},
		{"SharedContent", needs(erase), hasAttachments, checkSharedContent},
		{"Leftovers", needs(connector.CanLeftovers), nil, checkLeftovers},
		{"Remains", needs(connector.CanVerify, erase), nil, checkRemains},
		{"Trace", needs(connector.CanVerify, erase), nil, checkTrace},
		{"Unlink", needs(connector.CanUnlink), hasLinked, checkUnlink},
		{"Restrict", needs(connector.CanRestrict), nil, checkRestrict},
		{"Cancelled", nil, nil, checkCancelled},
		{"Secrets", nil, nil, checkSecrets},
		{"Parallel", nil, nil, checkParallel},
		{"Close", nil, nil, checkClose},
	}
}

func hasClocks(h Harness) string      { return unless(len(h.Clocks) > 0, "no clock can be set exactly") }
func hasChildren(h Harness) string    { return unless(h.Children != "", "no child records") }
func hasAttachments(h Harness) string { return unless(h.Attachments != "", "no attachments") }
func hasText(h Harness) string        { return unless(h.Text != "", "no text field") }
func hasFixed(h Harness) string       { return unless(len(h.Fixed) > 0, "no fixed field") }
func hasPersonal(h Harness) string {
	return unless(len(h.edits()) > 0, "no personal field that can be edited")
}
func hasKinds(h Harness) string { return unless(len(h.Kinds) > 0, "no identifiers") }
func hasTouch(h Harness) string { return unless(h.Touch != nil, "records cannot be touched") }
func hasLinked(h Harness) string {
	return unless(h.Linked != nil, "no record points at a person's")
}
func hasFailWrites(h Harness) string {
	return unless(h.FailWrites != nil, "writes cannot be made to fail")
}
func hasTouchedText(h Harness) string {
	return unless(h.Touch != nil && h.Text != "" && !slices.Contains(h.Fixed, h.Text), "no text field to edit, or records cannot be touched")
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}
