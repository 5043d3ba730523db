package request

import (
	"context"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Certificate is the erasure certificate of one case (raderingsintyg, document
// D9 of REQUIREMENTS section 6): what was done where, what stays and why, what
// remains until when. It names no person and holds no value; the word "deleted"
// is not in it, only outcomes and grades (DESIGN 1.1).
type Certificate struct {
	Request      string              `json:"request"`
	Registration string              `json:"registration,omitempty"`
	Right        Right               `json:"right"`
	Received     time.Time           `json:"received"`
	Outcome      Outcome             `json:"outcome"`
	Reason       string              `json:"reason"`
	Identity     string              `json:"identity"` // method
	DecidedBy    string              `json:"decided_by"`
	ApprovedBy   string              `json:"approved_by"`
	Approved     time.Time           `json:"approved"`
	Started      time.Time           `json:"started,omitzero"`
	Ended        time.Time           `json:"ended,omitzero"`
	Systems      []CertificateSystem `json:"systems"`
	Kept         []CertificateKept   `json:"kept,omitempty"`
	Remains      []gallra.Residue    `json:"remains,omitempty"` // found by the verification, or not carried out
	Made         time.Time           `json:"made"`
	Checkpoint   string              `json:"checkpoint"` // of the evidence log when it was made
}

// CertificateSystem is one system's share.
type CertificateSystem struct {
	System   gallra.SystemID        `json:"system"`
	Title    string                 `json:"title"`
	Searched time.Time              `json:"searched,omitzero"`
	Hits     int                    `json:"hits"`
	Unread   int                    `json:"unread"` // places no search could read
	Outcomes map[gallra.Outcome]int `json:"outcomes"`
	Grade    gallra.Grade           `json:"grade"` // the lowest among what was erased or redacted
	GoneBy   time.Time              `json:"gone_by,omitzero"`
	Residues []gallra.Residue       `json:"residues,omitempty"` // what the system itself said remains
	Verified time.Time              `json:"verified,omitzero"`
	Remains  int                    `json:"remains"`
}

// CertificateKept is what was decided to stay.
type CertificateKept struct {
	System  gallra.SystemID `json:"system"`
	Type    string          `json:"type"`
	Count   int             `json:"count"`
	Reason  string          `json:"reason"`
	Law     string          `json:"law,omitempty"`
	Recheck time.Time       `json:"recheck,omitzero"`
	Until   time.Time       `json:"until,omitzero"` // the last day by the retention rule, for an official document
	Rule    string          `json:"rule,omitempty"`
}

// Certificate returns the certificate of a case as things stand now.
// gallra.ErrBlocked before the verification.
func (d *Desk) Certificate(ctx context.Context, id string) (Certificate, error) {
	r, err := d.Get(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	if !slices.Contains([]State{Verified, Delivered, Closed}, r.State) || !executes(r.Right) {
		return Certificate{}, gallra.Errorf(gallra.Blocked, "request.not_verified", "request", id)
	}
	c := Certificate{
		Request: r.ID, Registration: r.Registration, Right: r.Right, Received: r.Received, Outcome: r.Outcome, Reason: r.Reason, Identity: r.Identity.Method,
		DecidedBy: r.DecidedBy, ApprovedBy: r.ApprovedBy, Approved: r.Approved, Made: d.now(),
	}
	events, err := d.Events(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	for _, e := range events {
		switch {
		case e.To == Executing && c.Started.IsZero():
			c.Started = e.At
		case e.To == Verified:
			c.Ended = e.At
		}
	}
	items, err := d.Items(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	searches, err := d.Searches(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	systems, err := d.Systems(ctx)
	if err != nil {
		return Certificate{}, err
	}
	for _, s := range searches {
		cs := CertificateSystem{System: s.System, Searched: s.At, Hits: s.Hits, Unread: s.Skipped, Verified: s.Verified, Remains: len(s.Remains), Outcomes: map[gallra.Outcome]int{}, Grade: gallra.GradeBackups}
		for _, sys := range systems {
			if sys.ID == s.System {
				cs.Title = sys.Title
			}
		}
		acted := false
		for _, it := range items {
			if it.Ref.System != s.System || it.Decision == Exclude {
				continue
			}
			o := it.Outcome
			if it.Decision == Keep && it.Ground == GroundOfficial {
				o = OutcomePreserved
			} else if it.Decision == Keep {
				o = gallra.OutcomeKept
			} else if o == "" {
				o = gallra.OutcomeFailed
			}
			cs.Outcomes[o]++
			if o == gallra.OutcomeErased || o == gallra.OutcomeDeidentified {
				acted = true
				cs.Grade = min(cs.Grade, it.Grade)
				cs.Residues = append(cs.Residues, it.Residues...)
				if it.GoneBy.After(cs.GoneBy) {
					cs.GoneBy = it.GoneBy
				}
			}
			if o == gallra.OutcomeKept || o == OutcomePreserved {
				c.keep(it)
			}
		}
		if !acted {
			cs.Grade = 0
		}
		c.Systems = append(c.Systems, cs)
	}
	if c.Remains, err = d.Remaining(ctx, id); err != nil {
		return Certificate{}, err
	}
	c.Checkpoint, err = d.Log.Checkpoint(ctx)
	return c, err
}

func (c *Certificate) keep(it Item) {
	k := CertificateKept{System: it.Ref.System, Type: it.Ref.Type, Count: 1, Reason: it.Reason, Law: it.Law, Recheck: it.Recheck, Until: it.KeepUntil, Rule: it.KeepRule}
	if it.Problem != nil {
		k.Reason = it.Problem.Key
	}
	for i := range c.Kept {
		o := &c.Kept[i]
		if o.System == k.System && o.Type == k.Type && o.Reason == k.Reason && o.Law == k.Law && o.Recheck.Equal(k.Recheck) && o.Until.Equal(k.Until) && o.Rule == k.Rule {
			o.Count++
			return
		}
	}
	c.Kept = append(c.Kept, k)
}

// Rechecks returns the requests in which a system has promised to have erased by
// a day that has come, and that were not verified since (REQUIREMENTS W-11).
func (d *Desk) Rechecks(ctx context.Context) ([]string, error) {
	rows, err := d.DB.QueryContext(ctx, `SELECT DISTINCT i.request FROM request_item i JOIN request_search s ON s.request = i.request AND s.system = i.system
		JOIN request r ON r.id = i.request WHERE i.gone_by > 0 AND i.gone_by <= $1 AND s.verified < i.gone_by AND r.state IN ('verified','delivered') ORDER BY 1`, store.Micros(d.now()))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
