package sqldb_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// G-7: on MariaDB records whose keys follow on one another are found by range.
// What lies in the gaps is neither changed nor erased nor waited for, though
// somebody else holds it just then.
func TestG7_MariaDBLeavesTheGapsAlone(t *testing.T) {
	t.Parallel()
	p := open(t, "mariadb")
	for _, q := range []string{
		`CREATE TABLE person (id BIGINT PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at DATETIME)`,
		`CREATE TABLE ticket (id BIGINT PRIMARY KEY, person_id BIGINT, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT, first_response_s INTEGER, rating INTEGER, created_at DATETIME, updated_at DATETIME, last_contact_at DATETIME, closed_at DATETIME)`,
		`CREATE TABLE message (id BIGINT PRIMARY KEY, ticket_id BIGINT, person_id BIGINT, sender TEXT, agent TEXT, body TEXT, html INTEGER, ip TEXT, created_at DATETIME, KEY (ticket_id))`,
		`CREATE TABLE attachment (id BIGINT PRIMARY KEY, message_id BIGINT, filename TEXT, content_type TEXT, content BLOB, KEY (message_id))`,
		`CREATE TABLE history (id BIGINT PRIMARY KEY, ticket_id BIGINT, what TEXT, old_value TEXT, new_value TEXT, at DATETIME, KEY (ticket_id))`,
		`CREATE TABLE draft (id BIGINT PRIMARY KEY, ticket_id BIGINT, agent TEXT, body TEXT, saved_at DATETIME, KEY (ticket_id))`,
		`INSERT INTO person (id, name) VALUES (1, 'Åsa')`,
		// Many more than are asked for, so that reading through the table is no choice.
		`INSERT INTO ticket (id, person_id, subject, created_at, closed_at) SELECT seq, 1, 'Fråga', '2024-03-17 10:11:12', '2024-04-02 08:00:00' FROM seq_1_to_20000`,
		`INSERT INTO message (id, ticket_id, person_id, body, created_at) SELECT seq, seq, 1, 'Hej', '2024-03-17 10:11:12' FROM seq_1_to_20000`,
		`INSERT INTO history (id, ticket_id, what, old_value) SELECT seq, seq, 'subject', 'Annan fråga' FROM seq_1_to_20000`,
		`ANALYZE TABLE ticket, message, history`,
	} {
		p.exec(t, q)
	}
	p.address += "?profile=helpdesk"
	src := p.source(t)
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second) // the server itself would wait for 50
	defer end()
	// 1..20, 22..41, ...: fifteen ranges of twenty, and every 21st is another's.
	var mine, others []int
	for k := 1; k <= 15*21; k++ {
		if k%21 == 0 {
			others = append(others, k)
		} else {
			mine = append(mine, k)
		}
	}
	held, err := p.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback() }()
	for _, k := range others {
		for _, table := range []string{"ticket", "message", "history"} {
			if _, err := held.Exec(fmt.Sprintf("UPDATE %s SET id = id WHERE id = %d", table, k)); err != nil {
				t.Fatal(err)
			}
			if _, err := held.Exec(fmt.Sprintf("SELECT id FROM %s WHERE id = %d FOR UPDATE", table, k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	refs := func(typ string) (out []gallra.Ref) {
		for _, k := range mine {
			out = append(out, gallra.Ref{System: "system", Type: typ, ID: fmt.Sprint(k)})
		}
		return out
	}
	same := func(what string, got []gallra.Record) {
		t.Helper()
		var ids []string
		for _, r := range got {
			ids = append(ids, r.Ref.ID)
		}
		var want []string
		for _, k := range mine {
			want = append(want, fmt.Sprint(k))
		}
		slices.Sort(ids)
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Fatalf("%s: %v", what, ids)
		}
	}
	tickets, err := src.(connector.Many).GetMany(ctx, refs("ticket"), true)
	if err != nil {
		t.Fatal(err)
	}
	same("tickets", tickets)
	page, err := src.List(ctx, connector.Query{Type: "message", Parents: refs("ticket"), Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	same("messages", page.Records)
	b := src.(connector.Batcher)
	for _, recs := range [][]gallra.Record{page.Records, tickets} {
		var edits []connector.Edit
		for _, r := range recs {
			field := map[string]string{"message": "body", "ticket": "subject"}[r.Ref.Type]
			edits = append(edits, connector.Edit{Item: connector.Item{Ref: r.Ref, IfVersion: r.Version}, Set: []gallra.Field{{Name: field, Value: "[borttaget]"}}, Unlink: true, Round: true})
		}
		out, err := b.EditMany(ctx, edits)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range out {
			if a.Err != nil {
				t.Fatal(a.Err)
			}
		}
	}
	if err := src.(connector.Rounder).RoundTimes(ctx, refs("ticket")); err != nil {
		t.Fatal(err)
	}
	count := func(what string, want int, q string) {
		t.Helper()
		var n int
		if err := p.db.QueryRow(q).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, want %d: %v", what, n, want, err)
		}
	}
	count("tickets anonymised", len(mine), `SELECT count(*) FROM ticket WHERE subject = '[borttaget]' AND person_id IS NULL AND DAY(created_at) = 1`)
	count("tickets as they were", 20000-len(mine), `SELECT count(*) FROM ticket WHERE subject = 'Fråga' AND person_id = 1 AND DAY(created_at) = 17`)
	count("messages as they were", 20000-len(mine), `SELECT count(*) FROM message WHERE body = 'Hej' AND person_id = 1 AND DAY(created_at) = 17`)
	count("history as it was", 20000-len(mine), `SELECT count(*) FROM history WHERE old_value = 'Annan fråga'`)
	var items []connector.Item
	for _, r := range refs("ticket") {
		items = append(items, connector.Item{Ref: r})
	}
	out, err := b.EraseMany(ctx, items)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range out {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	for _, table := range []string{"ticket", "message", "history"} {
		count(table+" that stay", 20000-len(mine), "SELECT count(*) FROM "+table)
	}
	count("others", len(others), `SELECT count(*) FROM ticket WHERE id % 21 = 0 AND id <= 315`)
}
