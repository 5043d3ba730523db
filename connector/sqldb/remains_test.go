package sqldb_test

import (
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// G-7: what remains is looked for in the whole tree of a record, and where the
// database knows of a link that the profile does not.
func TestG7_RemainsFollowsTheWholeTree(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	p.exec(t, `CREATE TABLE addon_vote (id INTEGER PRIMARY KEY, ticket INTEGER REFERENCES ticket(id), stars INTEGER)`)
	p.exec(t, `INSERT INTO person (id, name) VALUES (1, 'Åsa')`)
	for _, q := range []string{
		`INSERT INTO ticket (id, person_id, subject) VALUES (1, 1, 'a'), (2, 1, 'b')`, `INSERT INTO message (id, ticket_id) VALUES (11, 1), (21, 2)`,
		`INSERT INTO attachment (id, message_id, filename) VALUES (111, 11, 'x'), (112, 11, 'y'), (211, 21, 'z')`, `INSERT INTO addon_vote (id, ticket, stars) VALUES (1, 1, 5), (2, 2, 3)`,
	} {
		p.exec(t, q)
	}
	src := p.source(t)
	ref := func(typ, id string) gallra.Ref { return gallra.Ref{System: "system", Type: typ, ID: id} }
	remains := func(refs ...gallra.Ref) map[string]int64 {
		t.Helper()
		got, err := src.(connector.Verifier).Remains(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int64{}
		for _, r := range got {
			out[r.Ref.ID+" "+r.Where+" "+r.Why] += r.Count
		}
		return out
	}
	want := func(got map[string]int64, keys ...string) {
		t.Helper()
		for _, k := range keys {
			if got[k] == 0 {
				t.Errorf("%q is not told: %v", k, got)
			}
		}
		if len(got) != len(keys) {
			t.Errorf("%v, want %v", got, keys)
		}
	}
	want(remains(ref("ticket", "1")), "1 ticket residue.still_there", "1 message residue.child", "1 attachment residue.child", "1 addon_vote residue.foreign")
	// The ticket alone goes, behind the connector's back: what pointed at it is told.
	p.exec(t, `PRAGMA foreign_keys = OFF`)
	p.exec(t, `DELETE FROM ticket WHERE id = 1`)
	want(remains(ref("ticket", "1"), ref("ticket", "3")), "1 message residue.child", "1 addon_vote residue.foreign")
	// A person whose records still point there.
	p.exec(t, `DELETE FROM person`)
	want(remains(ref("person", "1")), "1 ticket residue.link")
}

// G-7: rows two steps down that the database keeps without a word: the erasure
// is taken back and says so, for afterwards nobody could tell whose they were.
func TestG7_DeepRowsThatStayTakeTheErasureBack(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	p.exec(t, `INSERT INTO ticket (id, subject) VALUES (1, 'a')`)
	p.exec(t, `INSERT INTO message (id, ticket_id, body) VALUES (11, 1, 'hej')`)
	p.exec(t, `INSERT INTO attachment (id, message_id, filename) VALUES (111, 11, 'åsa.txt')`)
	p.exec(t, `CREATE TRIGGER keeps BEFORE DELETE ON attachment BEGIN SELECT RAISE(IGNORE); END`)
	src := p.source(t)
	ref := gallra.Ref{System: "system", Type: "ticket", ID: "1"}
	if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); gallra.CodeOf(err) != gallra.Unavailable {
		t.Fatalf("%v", err)
	}
	if _, err := src.Get(t.Context(), ref); err != nil {
		t.Errorf("half of it is gone: %v", err)
	}
	p.exec(t, `DROP TRIGGER keeps`)
	if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); err != nil {
		t.Fatal(err)
	}
	if left, err := src.(connector.Verifier).Remains(t.Context(), []gallra.Ref{ref}); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}
