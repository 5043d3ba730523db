package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/testserver"
)

// desk is an office with one system: a table of tickets on PostgreSQL.
func desk(t *testing.T, rows int) (office, *sql.DB, string) {
	t.Helper()
	db, address := testserver.Postgres(t)
	if _, err := db.Exec(`CREATE TABLE ticket (id integer PRIMARY KEY, customer text, phone text, ref text, queue text, body text, made timestamptz, ended timestamptz)`); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		n := fmt.Sprintf("070-174 06 %02d", 5+i%90)
		if _, err := db.Exec(`INSERT INTO ticket VALUES ($1, $2, $3, $3, $4, $5, '2022-03-01', '2022-03-02')`, i+1, "Ottilia Leftåker", n, []string{"Bygg", "Skola"}[i%2],
			"Hej, Ottilia Leftåker här. Ring "+n+" eller skriv till ottilia.leftaker@example.org, 19811228-9874. Min granne Berit Sandberg vet mer."); err != nil {
			t.Fatal(err)
		}
	}
	o := office{t, t.TempDir()}
	join := "?"
	if strings.Contains(address, "?") {
		join = "&"
	}
	yaml := fmt.Sprintf(`organisation: {name: Resor AB, type: company}
systems:
  - {name: desk, title: Ärenden, channel: ticketing, url: %q}
rules:
  - {id: desk, purpose: Svara, systems: [desk], start: closed, keep: P2Y, action: erase}
`, address+join+"profile="+filepath.Join(o.data, "desk.yaml"))
	if err := os.WriteFile(filepath.Join(o.data, "gallra.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return o, db, filepath.Join(o.data, "desk.yaml")
}

// profile writes the desk's profile with the field given as it is.
func profileOf(t *testing.T, path string, fields ...string) {
	t.Helper()
	text := `dataset:
  - fides_key: desk
    name: Desk
    meta: {gallra: {product: Desk, channel: ticketing, timezone: UTC, backup_life: P30D}}
    collections:
      - name: ticket
        meta: {gallra: {kind: conversation, key: id, times: {created: made, closed: ended}}}
        fields:
          - {name: customer, data_categories: [user.name], meta: {gallra: {category: PERSON, role: requester}}}
          - {name: queue, meta: {gallra: {keep: true}}}
          - {name: body, meta: {gallra: {text: true}}}
          - ` + strings.Join(fields, "\n          - ") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// said runs a command in a language and returns all that it says.
func (o office) said(want int, lang string, args ...string) string {
	o.t.Helper()
	var out bytes.Buffer
	env := map[string]string{"GALLRA_LANGUAGE": lang, "GALLRA_DATA": o.data, "GALLRA_PASSWORD": demoPassword}
	if code := run(context.Background(), append([]string{"--data", o.data}, args...), strings.NewReader(""), &out, &out, func(k string) (string, bool) { v, ok := env[k]; return v, ok }); code != want {
		o.t.Fatalf("gallra %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out.String())
	}
	return out.String()
}

// AN3: a column that points out persons is no statistics field: its values would
// stay when the record goes. Its category tells, its name, or its values; only
// somebody who says that they are nobody's is believed. Told in both languages, on
// real PostgreSQL, and no value is told.
func TestAN3_WhatPointsOutPersonsIsNoStatistic(t *testing.T) {
	const phone = `{name: phone, data_categories: [user.contact.phone_number], meta: {gallra: {category: PHONE, role: requester}}}`
	o, db, path := desk(t, 60)
	profileOf(t, path, phone, `{name: ref, meta: {gallra: {keep: true}}}`)
	o.gallra(exitDone, "user", "add", "anna", "--role", "agent")
	for name, c := range map[string]struct {
		field string
		want  int // 0: the plan is made
		words map[string]string
	}{
		"its category in Fides' words": {`{name: phone, data_categories: [user.contact.phone_number], meta: {gallra: {keep: true}}}`, exitUsage, map[string]string{"sv": "kan inte vara ett statistikfält", "en": "cannot be a statistics field"}},
		"its name":                     {`{name: phone, meta: {gallra: {keep: true}}}`, exitUsage, map[string]string{"sv": "ticket.phone kan inte vara ett statistikfält", "en": "ticket.phone cannot be a statistics field"}},
		"the name of its column":       {`{name: number, meta: {gallra: {keep: true, column: phone}}}`, exitUsage, map[string]string{"sv": "kan inte vara ett statistikfält", "en": "cannot be a statistics field"}},
		"its values":                   {`{name: ref, meta: {gallra: {keep: true}}}`, exitUsage, map[string]string{"sv": "statistikfältet ref innehåller värden som pekar ut personer (PHONE)", "en": "the statistics field ref holds values that point out persons (PHONE)"}},
		"said to be nobody's":          {`{name: phone, data_categories: [system.operations], meta: {gallra: {keep: true}}}`, exitDone, nil},
		"a queue":                      {`{name: ref, meta: {gallra: {text: true}}}`, exitDone, nil},
	} {
		profileOf(t, path, c.field)
		for _, lang := range []string{"sv", "en"} {
			got := o.said(c.want, lang, "retention", "plan", "--as", "anna")
			if !strings.Contains(got, c.words[lang]) || strings.Contains(got, "070-174") {
				t.Errorf("%s in %s: %s", name, lang, got)
			}
		}
	}
	if n := 0; db.QueryRow(`SELECT count(*) FROM ticket`).Scan(&n) != nil || n != 60 {
		t.Errorf("%d tickets", n)
	}
	// A file says so in its address.
	csv := filepath.Join(o.data, "export.csv")
	if err := os.WriteFile(csv, []byte("id,telefon,kö,skapad\n1,070-174 06 05,Bygg,2020-01-01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := o.said(exitUsage, "sv", "scan", "csv:"+csv+"?keep=telefon"); !strings.Contains(got, "Kolumnen telefon kan inte vara ett statistikfält") || strings.Contains(got, "070-174") {
		t.Error(got)
	}
	o.said(exitDone, "sv", "scan", "csv:"+csv+"?keep=telefon&safe=telefon")
}

// G-1, X-8 on the command line: a manager sees what kind of records a plan names,
// and nobody's name, number or address; the reading is in the log.
func TestG1_X8_SamplesAreMaskedOnTheCommandLine(t *testing.T) {
	o, _, path := desk(t, 12)
	profileOf(t, path, `{name: phone, data_categories: [user.contact.phone_number], meta: {gallra: {category: PHONE, role: requester}}}`)
	for user, role := range map[string]string{"anna": "agent", "dso": "dpo", "per": "admin"} {
		o.gallra(exitDone, "user", "add", user, "--role", role)
	}
	plan := first(t, `(plan-[a-z2-7]+)`, o.gallra(exitDone, "retention", "plan", "--as", "anna"))
	for _, args := range [][]string{{"retention", "sample", plan, "--as", "anna"}, {"--json", "retention", "sample", plan, "--as", "anna"}} {
		for _, lang := range []string{"sv", "en"} {
			got := o.said(exitDone, lang, args...)
			if strings.Count(got, "ticket") < 5 || strings.Count(got, "Hej") != 5 {
				t.Errorf("nothing is shown: %s", got)
			}
			for _, canary := range []string{"Ottilia", "Leftåker", "070-174", "ottilia.leftaker", "9874", "Berit", "Sandberg"} {
				if strings.Contains(got, canary) {
					t.Errorf("%v tells %s", args, canary)
				}
			}
		}
	}
	for _, who := range []string{"dso", "per"} {
		o.said(exitFailed, "en", "retention", "sample", plan, "--as", who)
	}
	log := filepath.Join(o.data, "log.jsonl")
	o.gallra(exitDone, "evidence", "export", "-o", log)
	b, err := os.ReadFile(log)
	if err != nil || bytes.Count(b, []byte(`"plan.sample"`)) != 4 || bytes.Contains(b, []byte("Ottilia")) {
		t.Errorf("%d readings in the log, %v", bytes.Count(b, []byte(`"plan.sample"`)), err)
	}
}
