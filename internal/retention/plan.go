package retention

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Organisation is who thins out, as the protocol names it.
type Organisation struct {
	Name    string                  `json:"name"`
	Number  string                  `json:"number,omitempty"`
	Type    gallra.OrganisationType `json:"type"`
	Archive string                  `json:"archive,omitempty"` // arkivbildare, when it is not the organisation itself
}

// PlanSpec says what to plan.
type PlanSpec struct {
	Rules        []gallra.Rule
	Organisation Organisation
	Actor        string
	Look         bool // only to see what these rules find: others may be left out, and nobody can approve it then
}

// State is where a plan stands.
type State string

// The states of a plan.
const (
	Making  State = "making"
	Ready   State = "ready" // to be approved, or approved: see Approvals
	Running State = "running"
	Done    State = "done"
)

// Plan is what a run would do, and why.
type Plan struct {
	ID           string        `json:"id"`
	State        State         `json:"state"`
	Rules        []gallra.Rule `json:"rules"`
	Organisation Organisation  `json:"organisation"`
	Actor        string        `json:"actor"`
	Created      time.Time     `json:"created"`
	Today        time.Time     `json:"today"` // the day it counts from
	Preview      Preview       `json:"preview"`
	Hash         string        `json:"hash,omitempty"` // what an approval names
	Approvals    []Approval    `json:"approvals,omitempty"`
	units        []unit
}

// Approval is one person's yes to one plan as it is.
type Approval struct {
	Actor string    `json:"actor"`
	Hash  string    `json:"hash"`
	At    time.Time `json:"at"`
}

// Preview is what a manager sees before deciding. Counts only.
type Preview struct {
	Due     int64         `json:"due"`     // records past their date
	Planned int64         `json:"planned"` // of them, those the run will touch
	Units   []UnitPreview `json:"units"`
	Tasks   []Task        `json:"tasks,omitempty"` // what people will be asked to do by hand
	// TasksBlocked are the places worked by hand that a missing decision keeps
	// out, by reason.
	TasksBlocked map[string]int64 `json:"tasks_blocked,omitempty"`
}

// UnitPreview is the preview of one type of one system.
type UnitPreview struct {
	System   gallra.SystemID  `json:"system"`
	Type     string           `json:"type"`
	Total    int64            `json:"total"` // records of the type in the system; -1 unknown
	Due      int64            `json:"due"`
	Planned  int64            `json:"planned"`
	Rules    map[string]int64 `json:"rules"`             // due by the rule that decides
	Months   map[string]int64 `json:"months"`            // due by month of the start event
	Actions  map[string]int64 `json:"actions"`           // planned by action
	Oldest   time.Time        `json:"oldest,omitzero"`   // earliest start event among the due
	Late     int64            `json:"late"`              // past their date by more than a month (G-12)
	LateDays int              `json:"late_days"`         // days past its date, the latest
	Fallback int64            `json:"fallback"`          // due by the fallback event
	Unknown  int64            `json:"unknown"`           // never due: start event unknown, though created long ago
	Held     map[string]int64 `json:"held"`              // due but on hold, by hold
	Blocked  map[string]int64 `json:"blocked"`           // due but forbidden, by reason
	Already  int64            `json:"already"`           // anonymised before
	Waiting  map[string]int64 `json:"waiting,omitempty"` // past their date, and an earlier run sees to it: "promise", "quarantine"
	Unread   map[string]int64 `json:"unread"`            // places the connector could not read, by reason

	Can        []connector.Capability `json:"can"`                   // how it will be done
	Remains    []connector.Remain     `json:"remains,omitempty"`     // what stays in the system afterwards
	BackupLife string                 `json:"backup_life,omitempty"` // ISO 8601; "" unknown
	Sample     []gallra.Ref           `json:"sample,omitempty"`

	// Profile is all that is known of the system, as it was when the plan was made.
	Profile *connector.Profile `json:"profile,omitempty"`
}

// SystemPreview is the preview of one system: what is known of it, and how much
// of it is planned.
type SystemPreview struct {
	System  gallra.SystemID
	Profile connector.Profile
	Can     []connector.Capability
	Needs   []connector.Capability // what the planned actions take
	Planned int64
}

// Systems returns the preview by system, in the order of the units.
func (p Preview) Systems() []SystemPreview {
	var out []SystemPreview
	for _, u := range p.Units {
		i := slices.IndexFunc(out, func(s SystemPreview) bool { return s.System == u.System })
		if i < 0 {
			out, i = append(out, SystemPreview{System: u.System, Can: u.Can}), len(out)
			if u.Profile != nil {
				out[i].Profile = *u.Profile
			}
		}
		out[i].Planned += u.Planned
		for action, c := range map[gallra.Action]connector.Capability{gallra.ActionErase: connector.CanErase, gallra.ActionArchive: connector.CanErase, gallra.ActionAnonymise: connector.CanEdit} {
			if u.Actions[string(action)] > 0 && !slices.Contains(out[i].Needs, c) {
				out[i].Needs = append(out[i].Needs, c)
			}
		}
	}
	return out
}

// Least is the least time that the rates of the systems leave for a run: they
// are worked on side by side. 0 when no rate is known.
func (p Preview) Least() time.Duration {
	var d time.Duration
	for _, s := range p.Systems() {
		d = max(d, s.Profile.Rate.Takes(s.Planned))
	}
	return d
}

// ReasonNoDecision is why a public body's rule is blocked: no gallringsbeslut
// (arkivlagen 10 §; REQUIREMENTS SE-2, SE-3).
const ReasonNoDecision = "retention.decision_missing"

// blocked returns why a rule may not be carried out; "" when it may. A decision
// names who decided, when, and its number.
func blocked(org gallra.OrganisationType, r gallra.Rule) string {
	d := r.Decision
	if org.Public() && (d.Body == "" || d.Date == "" || d.Number == "") {
		return ReasonNoDecision
	}
	return ""
}

// Plan starts a plan and returns its id, which Step and Drive take. Nothing is
// written to any system, now or in the steps. Rules that speak of the same
// records are planned together or not at all: gallra.ErrInvalid.
func (e *Engine) Plan(ctx context.Context, spec PlanSpec) (string, error) {
	var id string
	err := e.DB.Tx(ctx, func(tx *sql.Tx) (err error) { id, err = e.PlanTx(ctx, tx, spec); return err })
	return id, err
}

// PlanTx is Plan within the caller's transaction, for those who queue the first
// step in the same one.
func (e *Engine) PlanTx(ctx context.Context, tx *sql.Tx, spec PlanSpec) (string, error) {
	if len(spec.Rules) == 0 {
		return "", gallra.Errorf(gallra.Invalid, "retention.no_rules")
	}
	for _, r := range spec.Rules {
		if err := r.Check(); err != nil {
			return "", err
		}
	}
	if e.Rules != nil && !spec.Look {
		rules, err := e.Rules(ctx)
		if err != nil {
			return "", err
		}
		for _, c := range apart(spec.Rules, rules) {
			return "", gallra.Errorf(gallra.Invalid, "retention.rules_together", "rule", c.planned.ID, "other", c.other.ID, "system", string(c.system))
		}
	}
	now := e.DB.Now()
	for _, r := range spec.Rules {
		if err := e.keepVersion(ctx, tx, r, time.Time{}); err != nil {
			return "", err
		}
	}
	w, err := work.Create(ctx, tx, now, WorkPlan, "", spec.Actor)
	if err != nil {
		return "", err
	}
	rules, err := json.Marshal(spec.Rules)
	if err != nil {
		return "", fmt.Errorf("retention: plan: %w", err)
	}
	org, err := json.Marshal(spec.Organisation)
	if err != nil {
		return "", fmt.Errorf("retention: plan: %w", err)
	}
	y, m, d := now.In(e.Loc).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, e.Loc)
	if _, err := tx.ExecContext(ctx, `INSERT INTO plan (id, state, rules, organisation, actor, created, today) VALUES ($1, 'making', $2, $3, $4, $5, $6)`,
		w.ID, string(rules), string(org), spec.Actor, store.Micros(now), store.Micros(today)); err != nil {
		return "", fmt.Errorf("retention: plan: %w", err)
	}
	return w.ID, nil
}

// PlanOf returns one plan. gallra.ErrNotFound.
func (e *Engine) PlanOf(ctx context.Context, id string) (Plan, error) {
	list, err := e.plans(ctx, `WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = gallra.Errorf(gallra.NotFound, "retention.plan_unknown", "plan", id)
	}
	if err != nil {
		return Plan{}, err
	}
	return list[0], nil
}

// Plans returns the plans, newest first.
func (e *Engine) Plans(ctx context.Context, limit int) ([]Plan, error) {
	return e.plans(ctx, `ORDER BY created DESC, id LIMIT $1`, limit)
}

// plans reads plans and their approvals, two questions however many they are.
func (e *Engine) plans(ctx context.Context, which string, arg any) ([]Plan, error) {
	rows, err := e.DB.QueryContext(ctx, `SELECT id, state, rules, organisation, actor, created, today, units, preview, hash FROM plan `+which, arg)
	if err != nil {
		return nil, fmt.Errorf("retention: plans: %w", err)
	}
	defer rows.Close()
	var out []Plan
	at := map[string]int{}
	for rows.Next() {
		var p Plan
		var rules, org, units, preview string
		var created, today int64
		if err := rows.Scan(&p.ID, &p.State, &rules, &org, &p.Actor, &created, &today, &units, &preview, &p.Hash); err != nil {
			return nil, fmt.Errorf("retention: plans: %w", err)
		}
		p.Created, p.Today = store.Time(created), store.Time(today).In(e.Loc)
		for _, f := range []struct {
			text string
			into any
		}{{rules, &p.Rules}, {org, &p.Organisation}, {units, &p.units}, {preview, &p.Preview}} {
			if err := json.Unmarshal([]byte(f.text), f.into); err != nil {
				return nil, fmt.Errorf("retention: plan %s: %w", p.ID, err)
			}
		}
		at[p.ID] = len(out)
		out = append(out, p)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		return nil, err
	}
	said, err := e.DB.QueryContext(ctx, `SELECT plan, actor, hash, at FROM plan_approval WHERE plan IN (SELECT id FROM plan `+which+`) ORDER BY at, actor`, arg)
	if err != nil {
		return nil, fmt.Errorf("retention: approvals: %w", err)
	}
	defer said.Close()
	for said.Next() {
		var plan string
		var a Approval
		var when int64
		if err := said.Scan(&plan, &a.Actor, &a.Hash, &when); err != nil {
			return nil, fmt.Errorf("retention: approvals: %w", err)
		}
		a.At = store.Time(when)
		if n, ok := at[plan]; ok { // a plan made between the two questions is the next reader's
			out[n].Approvals = append(out[n].Approvals, a)
		}
	}
	return out, said.Err()
}

// planCursor is where a plan's listing stands: always between two batches.
type planCursor struct {
	Unit  int    `json:"unit"`
	Page  string `json:"page"`
	Batch int64  `json:"batch"` // number of the next one
}

// stepPlan lists for a while, writing a batch whenever one is full.
func (e *Engine) stepPlan(ctx context.Context, w work.Work) (bool, error) {
	if over, err := e.heed(ctx, &w); over || err != nil {
		return false, err
	}
	more := true
	held, err := e.hold(ctx, "plan/"+w.ID, func(ctx context.Context) (err error) {
		// Read again: another worker may have gone on until now.
		if w, err = work.Get(ctx, e.DB, w.ID); err != nil {
			return err
		}
		p, err := e.PlanOf(ctx, w.ID)
		if err != nil {
			return err
		}
		if p.State != Making {
			more = false
			return nil
		}
		if w.Cursor == "" {
			return e.beginPlan(ctx, &w, p)
		}
		m := &making{Engine: e, w: &w, plan: p, until: time.Now().Add(e.budget())}
		if err := json.Unmarshal([]byte(w.Cursor), &m.at); err != nil {
			return fmt.Errorf("retention: plan %s: %w", w.ID, err)
		}
		for m.at.Unit < len(p.units) && time.Now().Before(m.until) {
			if err := m.list(ctx); err != nil {
				return err
			}
		}
		if m.at.Unit < len(p.units) {
			return nil
		}
		more = false
		return e.endPlan(ctx, &w, m.plan)
	})
	if err == nil && !held {
		return true, e.busy()
	}
	return more, err
}

// heed does what a person wishes of the work: true when it is to rest.
func (e *Engine) heed(ctx context.Context, w *work.Work) (bool, error) {
	switch {
	case w.State == work.Stopped:
		return true, nil
	case w.Wish == work.WishStop:
		w.State = work.Stopped
	case w.Wish == work.WishPause:
		w.State = work.Paused
	case w.State == work.Paused:
		return true, nil
	default:
		return false, nil
	}
	return true, e.DB.Tx(ctx, func(tx *sql.Tx) error { return work.Save(ctx, tx, e.DB.Now(), w) })
}

// beginPlan settles what will be listed.
func (e *Engine) beginPlan(ctx context.Context, w *work.Work, p Plan) error {
	units, err := e.units(ctx, p.Rules, p.Today)
	if err != nil {
		return err
	}
	if p.Preview.Tasks, p.Preview.TasksBlocked, err = e.tasks(ctx, p.Rules, p.Organisation.Type, p.Today); err != nil {
		return err
	}
	for _, rule := range p.Rules {
		if rule.Action == gallra.ActionArchive {
			if err := e.targets(rule); err != nil {
				return err
			}
		}
	}
	p.Preview.Units = make([]UnitPreview, len(units))
	for i, u := range units {
		v := &p.Preview.Units[i]
		*v = UnitPreview{System: u.System, Type: u.Type, Total: -1, Rules: map[string]int64{}, Months: map[string]int64{}, Actions: map[string]int64{},
			Held: map[string]int64{}, Blocked: map[string]int64{}, Unread: map[string]int64{}}
		src, err := e.reader(ctx, u.System)
		if err != nil {
			return err
		}
		page, err := src.List(ctx, connector.Query{Type: u.Type, Limit: 1, Fields: connector.FieldsNone})
		if err != nil {
			return fmt.Errorf("retention: list %s/%s: %w", u.System, u.Type, err)
		}
		v.Total = page.Total
		v.Can = connector.Capabilities(src)
		if _, ok := src.(connector.Restrictor); !ok {
			for _, rule := range u.Rules {
				if !p.Rules[rule].Quarantine.IsZero() {
					return gallra.Errorf(gallra.Invalid, "retention.cannot_restrict", "system", string(u.System), "rule", p.Rules[rule].ID)
				}
			}
		}
		if pr, ok := src.(connector.Profiled); ok {
			known := pr.Profile()
			v.Remains, v.BackupLife, v.Profile = known.Remains, known.BackupLife, &known
		}
	}
	text, err := json.Marshal(units)
	if err != nil {
		return fmt.Errorf("retention: plan %s: %w", w.ID, err)
	}
	w.State, w.Phase = work.Running, "phase.plan.list"
	return e.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE plan SET units = $2 WHERE id = $1`, w.ID, string(text)); err != nil {
			return fmt.Errorf("retention: plan %s: %w", w.ID, err)
		}
		return savePlan(ctx, tx, e.DB.Now(), w, p, planCursor{})
	})
}

func savePlan(ctx context.Context, tx *sql.Tx, now time.Time, w *work.Work, p Plan, at planCursor) error {
	preview, err := json.Marshal(p.Preview)
	if err != nil {
		return fmt.Errorf("retention: plan %s: %w", w.ID, err)
	}
	cursor, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("retention: plan %s: %w", w.ID, err)
	}
	w.Cursor = string(cursor)
	if _, err := tx.ExecContext(ctx, `UPDATE plan SET preview = $2 WHERE id = $1`, w.ID, string(preview)); err != nil {
		return fmt.Errorf("retention: plan %s: %w", w.ID, err)
	}
	return work.Save(ctx, tx, now, w)
}

// making is one step of listing.
type making struct {
	*Engine
	w     *work.Work
	plan  Plan
	at    planCursor
	until time.Time
}

// list reads pages of one unit until a batch is full, the unit ends or the time
// is up, and writes the batches and the cursor in one transaction.
func (m *making) list(ctx context.Context) error {
	index := m.at.Unit
	u, v := m.plan.units[index], &m.plan.Preview.Units[index]
	src, err := m.reader(ctx, u.System)
	if err != nil {
		return err
	}
	holds, err := m.reach.Load(ctx, m.DB, m.Keys, src, u.System)
	if err != nil {
		return err
	}
	marks, err := m.marks(ctx, u, m.plan.Rules)
	if err != nil {
		return err
	}
	waits, err := m.waits(ctx, u.System, u.Type)
	if err != nil {
		return err
	}
	types, err := src.Types(ctx)
	if err != nil {
		return fmt.Errorf("retention: types of %s: %w", u.System, err)
	}
	watch, err := m.watchKept(u, types)
	if err != nil {
		return err
	}
	buffers := map[int][]item{}
	for n := 0; n < m.batchSize(); {
		page, err := src.List(ctx, u.query(m.at.Page, m.pageSize()))
		if err != nil {
			return fmt.Errorf("retention: list %s/%s: %w", u.System, u.Type, err)
		}
		if m.at.Page == "" && page.Total > 0 {
			m.w.Total = m.w.Done + page.Total
		}
		for _, s := range page.Skipped {
			v.Unread[s.Reason]++
		}
		if err := watch.page(page.Records); err != nil {
			return err
		}
		if err := holds.Join(ctx, src, refsOf(page.Records)); err != nil {
			return err
		}
		for _, r := range page.Records {
			m.w.Done++
			if rule, ok := m.count(v, u, r, holds, marks, waits); ok {
				buffers[rule] = append(buffers[rule], item{id: r.Ref.ID, version: r.Version, parent: r.Parent, person: r.Person, fact: u.Schema.Fact(r, m.Loc)})
				n++
			}
		}
		if m.at.Page = page.Next; page.Next == "" {
			m.at.Unit++
			break
		}
		if time.Now().After(m.until) {
			break
		}
	}
	return m.flush(ctx, index, u, buffers)
}

// count enters a record in the preview; true when the run is to touch it, and
// by which rule.
func (m *making) count(v *UnitPreview, u unit, r gallra.Record, holds hold.Set, marks marks, waits map[string]string) (int, bool) {
	j := u.judge(m.plan.Rules, r, m.plan.Today, m.Loc)
	if j.unknown {
		v.Unknown++
		return 0, false
	}
	if !j.due {
		return 0, false
	}
	rule := m.plan.Rules[j.rule]
	if rule.Action == gallra.ActionAnonymise && marks.has(r.Ref.ID, r.Version) {
		v.Already++
		return 0, false
	}
	if kind, ok := waits[r.Ref.ID]; ok {
		if v.Waiting == nil {
			v.Waiting = map[string]int64{}
		}
		v.Waiting[kind]++
		return 0, false
	}
	v.Due++
	m.plan.Preview.Due++
	v.Rules[rule.ID]++
	v.Months[j.start.In(m.Loc).Format("2006-01")]++
	if v.Oldest.IsZero() || j.start.Before(v.Oldest) {
		v.Oldest = j.start.UTC()
	}
	if j.fallback {
		v.Fallback++
	}
	days := int(m.plan.Today.Sub(j.last).Hours()+12) / 24
	if days > lateAfter {
		v.Late++
	}
	v.LateDays = max(v.LateDays, days)
	if why := blocked(m.plan.Organisation.Type, rule); why != "" {
		v.Blocked[why]++
		return 0, false
	}
	if id, ok := holds.Covers(r.Ref, r.Parent, r.Person); ok {
		v.Held[id]++
		return 0, false
	}
	v.Planned++
	v.Actions[string(rule.Action)]++
	m.plan.Preview.Planned++
	if len(v.Sample) < sampleSize {
		v.Sample = append(v.Sample, r.Ref)
	}
	return j.rule, true
}

func refsOf(records []gallra.Record) []gallra.Ref {
	out := make([]gallra.Ref, len(records))
	for n, r := range records {
		out[n] = r.Ref
	}
	return out
}

func (m *making) flush(ctx context.Context, unit int, u unit, buffers map[int][]item) error {
	return m.DB.Tx(ctx, func(tx *sql.Tx) error {
		for _, rule := range u.Rules {
			items := buffers[rule]
			if len(items) == 0 {
				continue
			}
			blob, digest, err := encode(items)
			if err != nil {
				return fmt.Errorf("retention: plan %s: %w", m.w.ID, err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO plan_batch (plan, n, unit, rule, items, blob, digest) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				m.w.ID, m.at.Batch, unit, rule, len(items), blob, digest); err != nil {
				return fmt.Errorf("retention: plan %s: %w", m.w.ID, err)
			}
			m.at.Batch++
		}
		return savePlan(ctx, tx, m.DB.Now(), m.w, m.plan, m.at)
	})
}

// endPlan seals the plan with its hash.
func (e *Engine) endPlan(ctx context.Context, w *work.Work, p Plan) error {
	batches, err := e.readBatches(ctx, p.ID)
	if err != nil {
		return err
	}
	hash, err := p.seal(batches)
	if err != nil {
		return err
	}
	w.State, w.Phase, w.Total = work.Done, "", w.Done
	return e.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE plan SET state = 'ready', hash = $2 WHERE id = $1`, p.ID, hash); err != nil {
			return fmt.Errorf("retention: plan %s: %w", p.ID, err)
		}
		if err := work.Save(ctx, tx, e.DB.Now(), w); err != nil {
			return err
		}
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: p.Actor, Action: "plan.made", Subject: p.ID, Digest: hash,
			Counts: map[string]int64{"due": p.Preview.Due, "planned": p.Preview.Planned, "batches": int64(len(batches))}})
		return err
	})
}

// seal returns the hash that an approval is bound to: the rules with their
// versions, the organisation, the day, what was asked of each system, and every
// record named (REQUIREMENTS G-2).
func (p Plan) seal(batches []batch) (string, error) {
	h := sha256.New()
	what := []any{p.ID, p.Rules, p.Organisation, p.Today.Format(time.DateOnly), p.units, len(batches)}
	if len(p.Preview.Tasks) > 0 {
		what = append(what, p.Preview.Tasks)
	}
	if err := json.NewEncoder(h).Encode(what); err != nil {
		return "", fmt.Errorf("retention: plan %s: %w", p.ID, err)
	}
	for _, b := range batches {
		_, _ = fmt.Fprintln(h, b.n, b.unit, b.rule, b.items, b.digest) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// batch is a batch without its blob.
type batch struct {
	n          int64
	unit, rule int
	items      int64
	digest     string
	state      string
	position   int64
	attempt    int64 // at the next chunk; 0: none under way
	tally      Tally
	ended      time.Time
}

func (e *Engine) readBatches(ctx context.Context, plan string) ([]batch, error) {
	rows, err := e.DB.QueryContext(ctx, `SELECT n, unit, rule, items, digest, state, position, inflight, tally, ended FROM plan_batch WHERE plan = $1 ORDER BY n`, plan)
	if err != nil {
		return nil, fmt.Errorf("retention: batches of %s: %w", plan, err)
	}
	defer rows.Close()
	var out []batch
	for rows.Next() {
		var b batch
		var ended int64
		var tally string
		if err := rows.Scan(&b.n, &b.unit, &b.rule, &b.items, &b.digest, &b.state, &b.position, &b.attempt, &tally, &ended); err != nil {
			return nil, fmt.Errorf("retention: batches of %s: %w", plan, err)
		}
		if err := json.Unmarshal([]byte(tally), &b.tally); err != nil {
			return nil, fmt.Errorf("retention: batches of %s: %w", plan, err)
		}
		b.ended = store.Time(ended)
		out = append(out, b)
	}
	return out, rows.Err()
}

// Approve records actor's yes to the plan with that hash. Two different people
// are needed; each yes is good for seven days, and for no other hash
// (REQUIREMENTS G-2). A plan whose every rule lacks its gallringsbeslut is
// gallra.ErrBlocked, one whose rules have changed gallra.ErrConflict.
func (e *Engine) Approve(ctx context.Context, id, actor, hash string) error {
	p, err := e.PlanOf(ctx, id)
	if err != nil {
		return err
	}
	if err := p.mayRun(); err != nil {
		return err
	}
	if err := e.unchanged(ctx, p); err != nil {
		return err
	}
	batches, err := e.readBatches(ctx, id)
	if err != nil {
		return err
	}
	now, err := p.seal(batches)
	switch {
	case err != nil:
		return err
	case p.State != Ready:
		return gallra.Errorf(gallra.Conflict, "retention.plan_state", "plan", id, "state", string(p.State))
	case actor == "":
		return gallra.Errorf(gallra.Invalid, "retention.approver_missing")
	case hash != p.Hash || now != p.Hash:
		return gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", id)
	}
	return e.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO plan_approval (plan, actor, hash, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (plan, actor) DO UPDATE SET hash = excluded.hash, at = excluded.at`, id, actor, hash, store.Micros(e.DB.Now())); err != nil {
			return fmt.Errorf("retention: approve %s: %w", id, err)
		}
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "plan.approve", Subject: id, Digest: hash, Counts: map[string]int64{"planned": p.Preview.Planned}})
		return err
	})
}

// mayRun says no when nothing is planned because a decision is missing.
func (p Plan) mayRun() error {
	if p.Preview.Planned > 0 || len(p.Preview.Tasks) > 0 {
		return nil
	}
	if n := p.Preview.TasksBlocked[ReasonNoDecision]; n > 0 {
		return gallra.Errorf(gallra.Blocked, ReasonNoDecision, "plan", p.ID, "records", strconv.FormatInt(p.Preview.Due, 10))
	}
	for _, u := range p.Preview.Units {
		if u.Blocked[ReasonNoDecision] > 0 {
			return gallra.Errorf(gallra.Blocked, ReasonNoDecision, "plan", p.ID, "records", strconv.FormatInt(p.Preview.Due, 10))
		}
	}
	return nil
}

// Valid returns the approvals that are good now.
func (p Plan) Valid(now time.Time) []Approval {
	var out []Approval
	for _, a := range p.Approvals {
		if a.Hash == p.Hash && now.Sub(a.At) <= approvalLife && !a.At.After(now) {
			out = append(out, a)
		}
	}
	return out
}

// Approved reports whether two different people have approved the plan as it
// is, within seven days of now.
func (p Plan) Approved(now time.Time) bool { return len(p.Valid(now)) >= 2 }
