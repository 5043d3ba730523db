package retention_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

func TestS21_AnonymisedInPlace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.desk.seed(t, 300, old)
		f.desk.exec(t, `UPDATE ticket SET person = 0`)
		f.desk.exec(t, `INSERT INTO attachment (version, message, ticket, filename, content) VALUES (1, 5, 5, 'Anna Nr5.pdf', 'x')`)
		f.desk.exec(t, `UPDATE message SET raw = ? WHERE ticket = 6`, "From: Anna Nr6 <anna.6@example.se>\r\nSubject: Hej\r\nDate: Tue, 10 Jan 2023 10:00:00 +0100\r\n\r\nHej, Anna Nr6 här\r\n")
		f.desk.seed(t, 3, old.AddDate(0, 5, 0)) // alone in their month
		f.desk.exec(t, `UPDATE ticket SET person = 0`)
		p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
		f.approve(t, p)
		pr := f.run(t, p)
		if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeAnonymised] != 300 || pr.Total.Outcomes[gallra.OutcomeDeidentified] != 3 || pr.Total.Failing["AN4"] != 3 || !pr.FiguresEqual {
			t.Fatalf("%+v", pr)
		}
		if got := pr.Parts[0].AnonymisedFrom.Format(time.DateOnly); got != "2026-07-15" {
			t.Errorf("anonymised from %s", got) // AN6: the last backup
		}
		d := f.desk.dump(t)
		for _, marker := range []string{"Anna", "anna.", "070-174", "@example.se"} {
			if strings.Contains(d, marker) {
				t.Errorf("%q is still in the system", marker)
			}
		}
		if f.desk.count(t, `SELECT count(*) FROM ticket`) != 303 || f.desk.count(t, `SELECT count(*) FROM attachment`) != 0 || f.desk.count(t, `SELECT count(*) FROM message WHERE raw LIKE '%Date: Tue, 10 Jan 2023%'`) != 1 {
			t.Error("records, attachments or mail are not as they should be")
		}
		// Done is done: nothing is planned again, until somebody writes.
		calls := f.desk.calls.Load()
		if p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise)); p.Preview.Planned != 0 || p.Preview.Units[0].Already != 303 {
			t.Fatalf("%+v", p.Preview)
		}
		f.desk.exec(t, `UPDATE ticket SET version = version + 1, subject = 'Anna igen' WHERE id = 9`)
		if p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise)); p.Preview.Planned != 1 || f.desk.calls.Load() != calls {
			t.Fatalf("%+v", p.Preview)
		}
		f.verifyLog(t)
	})
}

// Linked to a person's record that stays, nothing is anonymous.
func TestAN_LinkToPersonIsDeidentified(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 60, old)
	f.desk.exec(t, `UPDATE ticket SET person = 4`)
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Total.Outcomes[gallra.OutcomeDeidentified] != 60 || pr.Total.Outcomes[gallra.OutcomeAnonymised] != 0 || pr.Total.Failing["AN3"] != 60 {
		t.Fatalf("%+v", pr.Total)
	}
}

// A system that can cut the link makes it anonymous after all.
func TestS21_UnlinkedFromThePerson(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	src := unlinking{f.desk}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	f.desk.seed(t, 300, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Total.Outcomes[gallra.OutcomeAnonymised] != 300 || f.desk.count(t, `SELECT count(*) FROM ticket WHERE person <> 0`) != 0 {
		t.Fatalf("%+v", pr.Total)
	}
}

type unlinking struct{ *desk }

func (u unlinking) Unlink(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
	for _, r := range refs {
		if _, err := u.db.ExecContext(ctx, `UPDATE ticket SET person = 0 WHERE id = ?`, r.ID); err != nil {
			return nil, err
		}
	}
	return make([]connector.Result, len(refs)), nil
}

func TestG7_LyingEditorIsCaught(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.lies = true
	f.desk.seed(t, 60, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Status != retention.Stopped || pr.Total.Outcomes[gallra.OutcomeFailed] != 10 || pr.Total.Reasons["retention.reason.remains"] != 10 {
		t.Fatalf("%+v", pr)
	}
}

// Conversations that hold more text than there is room for are rewritten in
// smaller pieces, and a single one whatever it holds.
func TestS21_MoreTextThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	src := &counting{desk: f.desk}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	const n = 60
	f.desk.seed(t, n, old)
	f.desk.exec(t, `UPDATE ticket SET person = 0`)
	f.desk.exec(t, `UPDATE message SET body = body || hex(zeroblob(300000))`)                          // 600 kB each
	f.desk.exec(t, `UPDATE message SET body = body || hex(zeroblob(5000000)) WHERE ticket IN (7, 40)`) // more than fits, alone
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeAnonymised] != n || !pr.FiguresEqual {
		t.Fatalf("%+v", pr)
	}
	if left := f.desk.count(t, `SELECT count(*) FROM message WHERE length(body) > 100`); left != 0 {
		t.Errorf("%d texts are left", left)
	}
	if src.most > 16 {
		t.Errorf("%d texts were held at a time", src.most)
	}
}

// counting notes how many records are edited at a time.
type counting struct {
	*desk
	most int
}

func (c *counting) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	c.most = max(c.most, len(edits))
	return c.desk.EditMany(ctx, edits)
}

// However many lanes there are, they hold no more conversations in memory between
// them than two do, and each can go on.
func TestS21_LanesShareWhatIsInHand(t *testing.T) {
	const n = 5000
	for lanes := range 2 * n {
		part := retention.InHand(&retention.Engine{Lanes: lanes}, n)
		if part < 1 || lanes <= n && part*max(lanes, 1) > 2*n || lanes <= 2 && part != n {
			t.Fatalf("%d lanes hold %d each", lanes, part)
		}
	}
}
