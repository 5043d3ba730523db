package web

import (
	"bytes"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
)

// What the rules of public bodies add to a case: its track, the secrecy test, the
// written decision and its appeal (REQUIREMENTS SE-6, SE-8, SE-9, SE-10).

func init() {
	for name, step := range map[string]caseStep{
		"secrecy": {auth.HandleRequests, "case_secrecy", func(c *call, d *request.Desk, id string) error {
			return d.TestSecrecy(c.ctx(), id, c.account.Username, request.SecrecyResult(c.r.PostFormValue("result")), c.field("law"))
		}},
		"ruling": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
			u := request.Ruling{Presenter: c.field("presenter"), Provisions: c.field("provisions"), Unnamed: c.r.PostFormValue("unnamed") != ""}
			for _, n := range strings.Split(c.field("others"), ",") {
				if n = strings.TrimSpace(n); n != "" {
					u.Others = append(u.Others, n)
				}
			}
			return d.SetRuling(c.ctx(), id, c.account.Username, u, c.field("facts"))
		}},
		"track": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
			return d.SwitchTrack(c.ctx(), id, c.account.Username, request.Track(c.r.PostFormValue("track")), c.reason())
		}},
		"choose": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
			list, err := about(c.field("about"))
			if err != nil {
				return err
			}
			return d.Choose(c.ctx(), id, c.account.Username, list)
		}},
		"serve": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
			day, err := deadline.ParseDay(c.field("served"))
			if err != nil {
				return gallra.Errorf(gallra.Invalid, "web.date")
			}
			return d.Serve(c.ctx(), id, c.account.Username, day)
		}},
	} {
		caseSteps[name] = step
	}
	routes = append(routes, route{"POST /requests/{request}/letter", auth.SeePersonal, (*call).decisionLetter})
}

// about reads references as a person writes them, one a line or with spaces
// between: SYSTEM, SYSTEM/TYPE or SYSTEM/TYPE/ID.
func about(text string) ([]gallra.Ref, error) {
	var out []gallra.Ref
	for _, s := range strings.Fields(text) {
		p := append(strings.SplitN(s, "/", 3), "", "")
		if p[0] == "" {
			return nil, gallra.Errorf(gallra.Invalid, "hold.target_missing")
		}
		out = append(out, gallra.Ref{System: gallra.SystemID(p[0]), Type: p[1], ID: p[2]})
	}
	return out, nil
}

// rules settles what of this the page offers.
func (v *CaseView) rules(c *call) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	handle := c.can(auth.HandleRequests)
	v.Public = cfg.Organisation.Type.Public()
	if v.Anonymous() && v.State == request.Classified {
		v.Next = i18n.Msg("case.next.choose")
	}
	v.CanExtend = v.CanExtend && v.Track != request.TrackDocument && v.Track != request.TrackParty // no month to extend
	if v.Public {
		v.Appeal = v.AppealBy()
	}
	hands := v.Right == request.Access || v.Right == request.Portability
	v.CanSecrecy = handle && v.Public && hands && (v.State == request.Review || v.State == request.Decided)
	v.CanRuling = handle && v.State == request.Decided && v.Against() && v.Destroyed.IsZero()
	v.CanLetter = c.can(auth.SeePersonal) && handle && !v.Decided.IsZero() && !v.Approvable() && v.Destroyed.IsZero() && (!v.Against() || v.Ruling.Provisions != "")
	v.CanChoose = handle && v.Anonymous() && (v.State == request.Classified || v.State == request.Review)
	v.CanServe = handle && v.Public && v.Against() && !v.Delivered.IsZero() && v.Served.IsZero()
	if handle && v.Public && v.Right == request.Access && v.Decided.IsZero() {
		for _, t := range append([]request.Track{request.TrackData}, request.Tracks()...) {
			if t != v.Track {
				v.OtherTracks = append(v.OtherTracks, t)
			}
		}
	}
	return nil
}

// Official reports whether an item stays as an official document, and until when.
func (i ItemRow) Official() bool { return i.Ground == request.GroundOfficial }

// SecrecyResults are what a test may find.
func (v CaseView) SecrecyResults() []request.SecrecyResult {
	return []request.SecrecyResult{request.SecrecyNone, request.SecrecyPartly, request.SecrecyWhole}
}

// decisionLetter hands over the written decision. It tells of the person, so the
// reading is logged before the first byte (REQUIREMENTS X-8).
func (c *call) decisionLetter() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	names, err := c.Auth.Names(c.ctx())
	if err != nil {
		return err
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	f := report.HTML
	if c.field("format") == string(report.PDF) {
		f = report.PDF
	}
	id := c.r.PathValue("request")
	l, err := report.DecisionOf(c.ctx(), d, id, c.account.Username, cfg.Organisation, names)
	if err != nil {
		v, verr := c.caseView()
		if verr != nil {
			return verr
		}
		return c.refuse("case", v, err)
	}
	var b bytes.Buffer
	if err := l.Write(c.ctx(), &b, f, c.print.Lang(), c.PDF); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", f.MediaType())
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+id+"."+string(f)+`"`)
	_, _ = c.w.Write(b.Bytes()) // the reader may have gone
	return nil
}

// caseRules is the part of CaseView that this file fills in.
type caseRules struct {
	Public                                                          bool
	Appeal                                                          time.Time
	OtherTracks                                                     []request.Track
	CanSecrecy, CanRuling, CanLetter, CanChoose, CanServe, CanPrint bool
}

// asked is the key of what a request asks for.
func asked(r request.Request) string {
	if r.Track != request.TrackData {
		return "track." + string(r.Track) + ".name"
	}
	return "right." + string(r.Right) + ".name"
}
