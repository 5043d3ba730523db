package report_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/pii"
)

var day = time.Date(2025, 3, 4, 10, 0, 0, 0, time.UTC)

// pack makes the extract of anna@example.se and returns its files.
func pack(t *testing.T, lang i18n.Lang, sys *memory.System) (report.Manifest, map[string]string) {
	t.Helper()
	ids := []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna@example.se"}, {Kind: gallra.IdentPhone, Value: "070-174 06 05"}}
	src := sys.Open()
	res, err := subject.Search(context.Background(), src, "desk", ids, day, nil)
	if err != nil {
		t.Fatal(err)
	}
	eng, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	man, err := report.WriteZip(context.Background(), &b, report.Extract{
		Organisation: "Sundvalla kommun", Contact: "kontaktcenter@sundvalla.example", Lang: lang, Made: day, Person: ids, Engine: eng,
		Systems: []report.ExtractSystem{{System: "desk", Title: "Ärenden", Channel: connector.ChannelTicketing, Source: src, Found: subject.Conversations(res.Hits),
			Rules: []gallra.Rule{{ID: "r", Purpose: "Svara på frågor", Keep: gallra.Period{Years: 2}, Start: gallra.StartClosed}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(c)
	}
	return man, files
}

func desk() *memory.System {
	sys := memory.New(memory.Options{System: "desk"})
	anna := sys.AddPerson(memory.Person{Name: "Anna Lindqvist", Email: "anna@example.se", Created: day})
	sys.AddConversation(memory.Conversation{Person: anna, Email: "anna@example.se", Subject: "Åtgärd på fakturan", Queue: "vatten", Created: day, Messages: []memory.Message{
		{Email: "anna@example.se", Text: "Hej! Ring 070-174 06 05. Min granne nås på birger@example.org.", Created: day,
			Files: []memory.File{{Name: "../intyg.txt", Content: []byte("Intyget själv: å ä ö")}}},
		{Name: "Kontaktcenter", Email: "kc@sundvalla.example", Text: "=SUMMA(A1) Vi har antecknat: kunden är upprörd.", Created: day.Add(time.Hour)},
	}})
	birger := sys.AddPerson(memory.Person{Name: "Birger Ek", Email: "birger@example.org", Created: day})
	sys.AddConversation(memory.Conversation{Person: birger, Email: "birger@example.org", Subject: "Granne", Created: day, Messages: []memory.Message{
		{Email: "birger@example.org", Text: "Min granne har nummer +46701740605. Mitt personnummer är 19850908-2395.", Created: day},
	}})
	sys.AddConversation(memory.Conversation{Person: birger, Email: "birger@example.org", Subject: "Annat ärende", Created: day, Messages: []memory.Message{
		{Email: "birger@example.org", Text: "Det här rör inte Anna: kanariefågel", Created: day},
	}})
	return sys
}

func TestS18_A15_2_ExtractHoldsEverythingPlanted(t *testing.T) {
	t.Parallel()
	_, files := pack(t, i18n.Swedish, desk())
	all := ""
	for n, c := range files {
		if strings.HasSuffix(n, ".html") || n == "data.json" {
			all += c
		}
	}
	for _, want := range []string{"Åtgärd på fakturan", "070-174 06 05", "kunden är upprörd" /* internal note */, "nummer +46701740605" /* mentioned by another */} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing from the extract", want)
		}
	}
	if files["attachments/desk/intyg.txt"] != "Intyget själv: å ä ö" {
		t.Error("the attachment is missing, changed, or left its folder")
	}
	if files["oversikt.html"] == "" || !strings.Contains(files["oversikt.html"], "Svara på frågor") || !strings.Contains(files["oversikt.html"], "2 år") {
		t.Error("the overview does not say why and how long")
	}
}

func TestA15_13_OtherPeopleAreMaskedAndCounted(t *testing.T) {
	t.Parallel()
	man, files := pack(t, i18n.Swedish, desk())
	for n, c := range files {
		for _, v := range []string{"birger@example.org", "19850908-2395", "850908", "kanariefågel", "Birger Ek"} {
			if strings.Contains(c, v) {
				t.Errorf("%s holds another person's %q", n, v)
			}
		}
	}
	if man.Masked == 0 {
		t.Error("no mask was counted")
	}
}

func TestA20_3_ManifestAndTables(t *testing.T) {
	t.Parallel()
	_, files := pack(t, i18n.English, desk())
	var man report.Manifest
	if err := json.Unmarshal([]byte(files["manifest.json"]), &man); err != nil {
		t.Fatal(err)
	}
	if len(man.Files) != len(files)-1 {
		t.Errorf("manifest names %d files, package has %d besides it", len(man.Files), len(files)-1)
	}
	for _, f := range man.Files {
		sum := sha256.Sum256([]byte(files[f.Name]))
		if hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(files[f.Name])) != f.Bytes {
			t.Errorf("%s is not as the manifest says", f.Name)
		}
	}
	origins := map[string]bool{}
	for _, f := range man.Fields {
		origins[f.Origin] = true
		if f.SV == "" || f.EN == "" {
			t.Errorf("field %s.%s is unexplained (A15-12)", f.Type, f.Field)
		}
	}
	if !origins["provided"] || !origins["observed"] {
		t.Errorf("origins told apart: %v", origins)
	}
	c := files["csv/desk-message.csv"]
	if !strings.HasPrefix(c, "\ufeff") {
		t.Error("no byte order mark: spreadsheets would garble å, ä and ö")
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(c, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v; want a head and three messages", len(rows), err)
	}
	for _, r := range rows {
		for _, cell := range r {
			if strings.HasPrefix(cell, "=") {
				t.Error("a cell would run as a formula")
			}
		}
	}
	if files["overview.html"] == "" {
		t.Error("the English extract has no overview.html")
	}
}

func TestA15_1_NothingFoundIsAnAnswer(t *testing.T) {
	t.Parallel()
	_, files := pack(t, i18n.Swedish, memory.New(memory.Options{System: "desk"}))
	if !strings.Contains(files["oversikt.html"], "inga uppgifter om dig") || !strings.Contains(files["oversikt.html"], "Ärenden") {
		t.Error("the answer does not say that nothing was found, and where it was looked for")
	}
}

func TestA20_6_ExtractChangesNothing(t *testing.T) {
	t.Parallel()
	sys := desk()
	before := sys.Stored()
	pack(t, i18n.Swedish, sys)
	after := sys.Stored()
	if len(before) != len(after) {
		t.Fatalf("%d values before, %d after", len(before), len(after))
	}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("%s changed", before[i].Where)
		}
	}
}
