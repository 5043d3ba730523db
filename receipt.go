package gallra

import "time"

// Grade says how far gone a record is. The bare word "deleted" is never used
// (DESIGN 1.1).
type Grade int

// The grades, each including those before it.
const (
	GradeHidden   Grade = 0 // no longer shown, still there
	GradeUnlinked Grade = 1 // no longer tied to the person
	GradeLive     Grade = 2 // gone from the live record
	GradeDerived  Grade = 3 // gone from derived copies too: history, raw mail, search index, drafts
	GradeBackups  Grade = 4 // gone from backups, from a date
)

// Receipt is what a connector answers for one change. It is a claim; the
// engine verifies it by another road before it becomes an outcome.
type Receipt struct {
	Ref      Ref       `json:"ref"`
	Action   Action    `json:"action"`
	Grade    Grade     `json:"grade"`
	At       time.Time `json:"at"`
	Final    bool      `json:"final"`            // false: the system has only promised; ask Confirm
	GoneBy   time.Time `json:"gone_by,omitzero"` // when a promise is due
	Remote   string    `json:"remote,omitempty"` // the system's own id of the work; never personal
	Residues []Residue `json:"residues,omitempty"`
}

// Residue is a place where something remains, why, and until when. Where and
// Why never hold a personal value.
type Residue struct {
	Ref    Ref       `json:"ref,omitzero"`
	Where  string    `json:"where"` // "thread_entry_email.headers", "search index"
	Why    string    `json:"why"`   // message key or plain words
	GoneBy time.Time `json:"gone_by,omitzero"`
	Count  int64     `json:"count,omitempty"`
}
