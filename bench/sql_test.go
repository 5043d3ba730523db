// Package bench measures Gallra beside the plain work it cannot do without.
// Sizes come from the environment; a benchmark whose server is not given skips.
package bench_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/sqldb"
	"github.com/gallra/gallra/internal/testserver"
)

const sqlProfile = `dataset:
  - fides_key: bench
    collections:
      - name: person
        meta: {gallra: {kind: person, key: id}}
        fields:
          - {name: name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email], meta: {gallra: {indexed: true}}}
      - name: ticket
        meta: {gallra: {kind: conversation, key: id, person: {type: person, column: person_id}, times: {created: created_at}, version: [created_at, person_id]}}
        fields:
          - {name: subject, meta: {gallra: {text: true}}}
      - name: message
        meta: {gallra: {kind: message, key: id, parent: {type: ticket, column: ticket_id}, times: {created: created_at}}}
        fields:
          - {name: sender_email, data_categories: [user.contact.email], meta: {gallra: {indexed: true, role: author}}}
          - {name: body, meta: {gallra: {text: true}}}
`

// size reads a number from the environment.
func size(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// sqlSystem fills a PostgreSQL database with messages, four a ticket, and opens it.
func sqlSystem(b *testing.B, messages int) (*sql.DB, connector.Source) {
	b.Helper()
	db, address := testserver.Postgres(b)
	for _, q := range []string{
		"SET synchronous_commit = off",
		"CREATE TABLE person (id int PRIMARY KEY, name text, email text)",
		"CREATE TABLE ticket (id int PRIMARY KEY, person_id int, subject text, created_at timestamp)",
		"CREATE TABLE message (id int PRIMARY KEY, ticket_id int, sender_email text, body text, created_at timestamp)",
		fmt.Sprintf("INSERT INTO person SELECT g, 'Anna Berg ' || g, 'anna.berg' || g || '@example.se' FROM generate_series(1, %d) g", max(messages/15, 1)),
		fmt.Sprintf("INSERT INTO ticket SELECT g, 1 + (g * 7919::bigint %% %d), 'Bygglov ' || g, timestamp '2018-01-01' + g * interval '1 minute' FROM generate_series(1, %d) g", max(messages/15, 1), messages/3),
		fmt.Sprintf("INSERT INTO message SELECT g, 1 + g %% %d, p.email, 'Hej, jag heter ' || p.name || '. ' || repeat('Jag undrar hur det går med mitt ärende. ', 5), t.created_at FROM generate_series(1, %d) g JOIN ticket t ON t.id = 1 + g %% %d JOIN person p ON p.id = t.person_id", messages/3, messages, messages/3),
		"CREATE INDEX ON person (email)", "CREATE INDEX ON ticket (person_id)", "CREATE INDEX ON message (ticket_id)", "CREATE INDEX ON message (created_at)", "CREATE INDEX ON message (sender_email)",
		"ANALYZE",
	} {
		if _, err := db.Exec(q); err != nil {
			b.Fatalf("%s: %v", q, err)
		}
	}
	path := filepath.Join(b.TempDir(), "bench.yaml")
	if err := os.WriteFile(path, []byte(sqlProfile), 0o600); err != nil {
		b.Fatal(err)
	}
	src, err := connector.Open(b.Context(), connector.Config{System: "bench", URL: address, Options: map[string]string{"profile": path}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = src.Close() })
	return db, src
}

const batch = 10_000

// BenchmarkSQLErase erases GALLRA_BENCH_ROWS messages (1,000,000) in batches of
// ten thousand, versions compared and each batch verified on another
// connection, beside the plain DELETE of as many rows in the same batches.
func BenchmarkSQLErase(b *testing.B) {
	rows := size("GALLRA_BENCH_ROWS", 1_000_000)
	for range b.N {
		db, src := sqlSystem(b, 2*rows)
		var versions []connector.Item
		for q := (connector.Query{Type: "message", Limit: batch, Fields: connector.FieldsNone}); len(versions) < rows; {
			p, err := src.List(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range p.Records {
				versions = append(versions, connector.Item{Ref: r.Ref, IfVersion: r.Version})
			}
			q.Cursor = p.Next
		}
		start := time.Now()
		for n := 0; n < rows; n += batch {
			items := versions[n:min(n+batch, rows)]
			res, err := src.(connector.Batcher).EraseMany(b.Context(), items)
			if err != nil {
				b.Fatal(err)
			}
			refs := make([]gallra.Ref, len(items))
			for i, r := range res {
				if r.Err != nil {
					b.Fatal(r.Err)
				}
				refs[i] = items[i].Ref
			}
			left, err := src.(connector.Verifier).Remains(b.Context(), refs)
			if err != nil || len(left) > 0 {
				b.Fatalf("%d remain, %v", len(left), err)
			}
		}
		ours := time.Since(start)
		start = time.Now()
		for {
			r, err := db.Exec("DELETE FROM message WHERE ctid = ANY(ARRAY(SELECT ctid FROM message ORDER BY created_at LIMIT 10000))")
			if err != nil {
				b.Fatal(err)
			}
			if n, err := r.RowsAffected(); err != nil || n == 0 {
				break
			}
		}
		plain := time.Since(start)
		b.ReportMetric(ours.Seconds(), "s/gallra")
		b.ReportMetric(plain.Seconds(), "s/plain")
		b.ReportMetric(ours.Seconds()/plain.Seconds(), "x")
	}
}

// BenchmarkSQLFind looks for persons by their address among GALLRA_BENCH_MESSAGES
// messages (3,000,000), beside the SELECTs of the same rows.
func BenchmarkSQLFind(b *testing.B) {
	messages := size("GALLRA_BENCH_MESSAGES", 3_000_000)
	db, src := sqlSystem(b, messages)
	const people = 2000
	for range b.N {
		start := time.Now()
		hits := 0
		for i := range people {
			h, err := src.(connector.Finder).Find(b.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: fmt.Sprintf("anna.berg%d@example.se", i*7%max(messages/15, 1)+1)}}}, "")
			if err != nil {
				b.Fatal(err)
			}
			hits += len(h.Hits)
		}
		ours := time.Since(start)
		start = time.Now()
		rows := 0
		for i := range people {
			email := fmt.Sprintf("anna.berg%d@example.se", i*7%max(messages/15, 1)+1)
			for _, q := range []string{"SELECT id FROM person WHERE email = $1", "SELECT t.id FROM ticket t JOIN person p ON p.id = t.person_id WHERE p.email = $1", "SELECT id FROM message WHERE sender_email = $1"} {
				r, err := db.Query(q, email)
				if err != nil {
					b.Fatal(err)
				}
				for r.Next() {
					rows++
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
		plain := time.Since(start)
		if hits != rows {
			b.Fatalf("%d hits, %d rows", hits, rows)
		}
		b.ReportMetric(float64(ours.Microseconds())/people, "µs/gallra")
		b.ReportMetric(float64(plain.Microseconds())/people, "µs/plain")
		b.ReportMetric(ours.Seconds()/plain.Seconds(), "x")
	}
}
