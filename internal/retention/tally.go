package retention

import (
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Tally is what became of records: of a chunk, a batch, a run.
type Tally struct {
	Outcomes map[gallra.Outcome]int64 `json:"outcomes,omitempty"`
	Promised int64                    `json:"promised,omitempty"` // of the erased, those the system has only promised
	GoneBy   time.Time                `json:"gone_by,omitzero"`   // when the last promise is due
	Reasons  map[string]int64         `json:"reasons,omitempty"`  // why kept or failed
	Grades   map[gallra.Grade]int64   `json:"grades,omitempty"`   // how far gone, as the system says and verification did not contradict
	Residues map[string]Residue       `json:"residues,omitempty"` // what remains, by place and why
	Children int64                    `json:"children,omitempty"` // messages and the like rewritten with their conversation
	// Attached is what went with the records as attachments; nil where it was not counted.
	Attached *connector.Attached `json:"attached,omitempty"`
	Archived int64               `json:"archived,omitempty"` // of the erased, those an archive had said it has
	Failing  map[string]int64    `json:"failing,omitempty"`  // anonymisation checks not passed, AN1 ... AN6
}

// Residue is one kind of remainder.
type Residue struct {
	Where  string    `json:"where"`
	Why    string    `json:"why"`
	Count  int64     `json:"count"`
	GoneBy time.Time `json:"gone_by,omitzero"`
}

func (t *Tally) outcome(o gallra.Outcome, n int64) {
	if t.Outcomes == nil {
		t.Outcomes = map[gallra.Outcome]int64{}
	}
	if t.Outcomes[o] += n; t.Outcomes[o] == 0 {
		delete(t.Outcomes, o)
	}
}

func (t *Tally) reason(why string) {
	if t.Reasons == nil {
		t.Reasons = map[string]int64{}
	}
	t.Reasons[why]++
}

func (t *Tally) failing(check string, n int64) {
	if t.Failing == nil {
		t.Failing = map[string]int64{}
	}
	t.Failing[check] += n
}

func (t *Tally) residue(r gallra.Residue) {
	if t.Residues == nil {
		t.Residues = map[string]Residue{}
	}
	x := t.Residues[r.Where+"|"+r.Why]
	x.Where, x.Why = r.Where, r.Why
	x.Count += max(r.Count, 1)
	if r.GoneBy.After(x.GoneBy) {
		x.GoneBy = r.GoneBy
	}
	t.Residues[r.Where+"|"+r.Why] = x
}

func (t *Tally) attached(a *connector.Attached) {
	if a == nil {
		return
	}
	if t.Attached == nil {
		t.Attached = &connector.Attached{}
	}
	t.Attached.Files += a.Files
	t.Attached.Bytes += a.Bytes
}

// receipt enters what the system answered of one record.
func (t *Tally) receipt(r gallra.Receipt) {
	if t.Grades == nil {
		t.Grades = map[gallra.Grade]int64{}
	}
	t.Grades[r.Grade]++
	for _, x := range r.Residues {
		t.residue(x)
	}
	if !r.Final {
		t.Promised++
		if r.GoneBy.After(t.GoneBy) {
			t.GoneBy = r.GoneBy
		}
	}
}

// add enters o's counts.
func (t *Tally) add(o Tally) {
	for k, n := range o.Outcomes {
		t.outcome(k, n)
	}
	for k, n := range o.Reasons {
		t.reason(k)
		t.Reasons[k] += n - 1
	}
	for k, n := range o.Grades {
		if t.Grades == nil {
			t.Grades = map[gallra.Grade]int64{}
		}
		t.Grades[k] += n
	}
	for _, r := range o.Residues {
		t.residue(gallra.Residue{Where: r.Where, Why: r.Why, Count: r.Count, GoneBy: r.GoneBy})
	}
	for k, n := range o.Failing {
		t.failing(k, n)
	}
	t.attached(o.Attached)
	t.Promised += o.Promised
	t.Children += o.Children
	t.Archived += o.Archived
	if o.GoneBy.After(t.GoneBy) {
		t.GoneBy = o.GoneBy
	}
}

// counts is the tally as evidence keeps it.
func (t Tally) counts() map[string]int64 {
	out := map[string]int64{}
	for k, n := range t.Outcomes {
		out[string(k)] = n
	}
	if t.Promised > 0 {
		out["promised"] = t.Promised
	}
	if t.Archived > 0 {
		out["archived"] = t.Archived
	}
	return out
}

// unpromise enters that a promise of a grade has been kept, or broken.
func (t *Tally) unpromise(was, is gallra.Grade) {
	t.Promised--
	if was == is {
		return
	}
	if t.Grades[was]--; t.Grades[was] == 0 {
		delete(t.Grades, was)
	}
	t.Grades[is]++
}

func (t *Tally) unreason(why string) {
	if t.Reasons[why]--; t.Reasons[why] == 0 {
		delete(t.Reasons, why)
	}
}
