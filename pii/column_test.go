package pii_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii"
)

func TestS30_ColumnNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]gallra.Category{
		"email": gallra.CategoryEmail, "E-post": gallra.CategoryEmail, "customerEmail": gallra.CategoryEmail, "email_verified_at": "", "email_count": "",
		"ip_address": gallra.CategoryIP, "last_ip": gallra.CategoryIP, "description": "", "zip": gallra.CategoryPlace, "shipping_id": "",
		"personnummer": gallra.CategoryPersonnummer, "Personnr": gallra.CategoryPersonnummer, "mobile_phone": gallra.CategoryPhone, "telefonnummer": gallra.CategoryPhone,
		"first_name": gallra.CategoryPerson, "lastName": gallra.CategoryPerson, "Förnamn": gallra.CategoryPerson, "name": "", "queue_name": "",
		"username": gallra.CategoryUsername, "password": gallra.CategorySecret, "password_changed_at": "", "birthday": gallra.CategoryDateOfBirth, "street_address": gallra.CategoryAddress, "ticket_number": "", "equipment": "", "recipe": "",
	} {
		got, ok := pii.ColumnName(name)
		if got != want || ok != (want != "") {
			t.Errorf("ColumnName(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
}

// Real schemas: the columns that everyone agrees are personal are named so.
func TestS30_SchemasOfRealSystems(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]gallra.Category{
		"chatwoot": {"contacts.email": gallra.CategoryEmail, "contacts.phone_number": gallra.CategoryPhone, "users.current_sign_in_ip": gallra.CategoryIP, "contacts.last_name": gallra.CategoryPerson},
		"phpbb":    {"users.user_email": gallra.CategoryEmail, "users.user_ip": gallra.CategoryIP, "users.username": gallra.CategoryUsername, "users.user_birthday": gallra.CategoryDateOfBirth, "posts.poster_ip": gallra.CategoryIP},
		"flarum":   {"db_prefix_users.email": gallra.CategoryEmail, "db_prefix_posts.ip_address": gallra.CategoryIP, "db_prefix_users.username": gallra.CategoryUsername},
	}
	for system, columns := range want {
		f, err := os.Open(shareddata.Path(t, "data/schemas/"+system+"/columns.csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]gallra.Category{}
		for _, r := range rows {
			if c, ok := pii.ColumnName(r[1]); ok {
				got[r[0]+"."+r[1]] = c
			}
		}
		for column, c := range columns {
			if got[column] != c {
				t.Errorf("%s %s = %q, want %q", system, column, got[column], c)
			}
		}
	}
}

func TestS30_ColumnsByValue(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	repeat := func(n int, f func(i int) string) []string {
		var out []string
		for i := range n {
			out = append(out, f(i))
		}
		return out
	}
	pins := readJSON[[]string](t, "data/numbers/personnummer-meta/testdata/allPins.json")
	for _, tt := range []struct {
		name, column, typ string
		values            []string
		want              gallra.Category
		freeText          bool
	}{
		{"mail under another name", "col7", "text", repeat(100, func(i int) string { return fmt.Sprintf("anna%d@example.se", i) }), gallra.CategoryEmail, false},
		{"personnummer as ten digits", "ref", "varchar(12)", repeat(500, func(i int) string { return pins[i*80][2:] }), gallra.CategoryPersonnummer, false},
		{"order numbers", "order_no", "varchar", repeat(500, func(i int) string { return fmt.Sprint(1000000007 + i*7919) }), gallra.CategoryCustomerID, false},
		{"counts", "replies", "integer", repeat(500, func(i int) string { return fmt.Sprint(i % 40) }), "", false},
		{"times", "created_at", "timestamp", repeat(50, func(i int) string { return fmt.Sprintf("2025-11-%02d 08:15:00", 1+i%28) }), "", false},
		{"a flag called email", "email", "boolean", []string{"t", "f"}, "", false},
		{"by name alone", "phone", "varchar", []string{"", ""}, gallra.CategoryPhone, false},
		{"one in fifty notes", "note", "text", repeat(100, func(i int) string {
			if i%50 == 7 {
				return "kunden nås på 070-174 06 05 efter lunch"
			}
			return "lampan i trapphuset är trasig"
		}), gallra.CategoryPhone, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ev := e.Column(tt.column, tt.typ, slices.Values(tt.values))
			if tt.name == "order numbers" { // the name says nothing of persons; either verdict is a reference
				if got != "" && got != gallra.CategoryCustomerID {
					t.Errorf("got %q", got)
				}
				return
			}
			if got != tt.want || ev.FreeText != tt.freeText {
				t.Errorf("got %q (free text %v), want %q: %+v", got, ev.FreeText, tt.want, ev)
			}
			for _, x := range ev.Examples {
				for _, v := range tt.values {
					if strings.Contains(x, v) && v != "" {
						t.Errorf("evidence shows a value")
					}
				}
			}
		})
	}
}
