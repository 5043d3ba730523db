package pii_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

func engine(t testing.TB, o pii.Options) *pii.Engine {
	t.Helper()
	e, err := pii.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRedactor_ConversationKeepsPlaceholders(t *testing.T) {
	t.Parallel()
	r := engine(t, pii.Options{Lang: "sv"}).NewRedactor(pii.RedactOptions{Lang: "sv", Known: []gallra.Identifier{
		{Kind: gallra.IdentName, Value: "Åsa Lindqvist"},
		{Kind: gallra.IdentPhone, Value: "+46701740671"},
	}})
	first := r.Redact("Hej, Åsa Lindqvist här, 850822-9914. Ring 070-174 06 71 eller asa@example.se.")
	want := "Hej, [NAMN 1] här, [PERSONNUMMER 1]. Ring [TELEFON 1] eller [E-POST 1]."
	if first != want {
		t.Fatalf("got  %q\nwant %q", first, want)
	}
	second := r.Redact("asa lindqvists ärende: 19850822-9914, 0701740671, ASA@EXAMPLE.SE. " + first)
	want = "[NAMN 1] ärende: [PERSONNUMMER 1], [TELEFON 1], [E-POST 1]. " + first
	if second != want {
		t.Fatalf("got  %q\nwant %q", second, want)
	}
	if again := r.Redact(second); again != second {
		t.Errorf("redacting twice changed the text:\n%q\n%q", second, again)
	}
	if n := r.Counts()[gallra.CategoryPersonnummer]; n != 2 {
		t.Errorf("counted %d personnummer, want 2", n)
	}
}

func TestRedactor_English(t *testing.T) {
	t.Parallel()
	r := engine(t, pii.Options{}).NewRedactor(pii.RedactOptions{Lang: "en"})
	if got := r.Redact("Mail anna@example.se"); got != "Mail [EMAIL 1]" {
		t.Errorf("got %q", got)
	}
}

// A place that isn't anyone's as far as the text tells is no finding of a
// place, but redaction takes it out.
func TestRedactor_TakesDoubtfulNamesOut(t *testing.T) {
	t.Parallel()
	const text = "Mötet i Falkenberg är inställt."
	e := engine(t, pii.Options{Lang: "sv"})
	for _, f := range e.Find(text) {
		if f.Category != gallra.CategoryName {
			t.Errorf("found %s by %s", f.Category, f.Rule)
		}
	}
	if got, want := e.NewRedactor(pii.RedactOptions{}).Redact(text), "Mötet i [EGENNAMN 1] är inställt."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := e.NewRedactor(pii.RedactOptions{Only: []gallra.Category{gallra.CategoryEmail}}).Redact(text); got != text {
		t.Errorf("only addresses of mail were to go: %q", got)
	}
}

// In a list of people with one surname every name goes whole, though "Öst,
// Petter" is a written form of Petter Öst.
func TestRedactor_ListOfOneFamily(t *testing.T) {
	t.Parallel()
	got := engine(t, pii.Options{Lang: "sv"}).NewRedactor(pii.RedactOptions{}).Redact("Närvarande: Malin Öst, Petter Öst, Nadia Rahimi.")
	if want := "Närvarande: [NAMN 1], [NAMN 2], [NAMN 3]."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestX21_Mask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c           gallra.Category
		value, want string
	}{
		{gallra.CategoryPersonnummer, "19850822-9914", "850822-****"},
		{gallra.CategoryPersonnummer, "850822 9914", "850822-****"},
		{gallra.CategoryPersonnummer, "8508", "****"},
		{gallra.CategoryEmail, "anna.berg@domain.se", "a***@d***.se"},
		{gallra.CategoryEmail, "åsa@exämple.se", "å***@e***.se"},
		{gallra.CategoryPhone, "070-174 06 71", "*******671"},
		{gallra.CategoryPerson, "Anna-Maria Lindqvist", "A.-M. L."},
		{gallra.CategoryPerson, "åsa", "Å."},
		{gallra.CategorySecret, "Bullen2015!", "****"},
		{gallra.CategoryCard, "4242 4282 9363 4260", "****4260"},
		{gallra.CategoryIP, "192.0.2.1", "192.****"},
		{gallra.CategoryCustomerID, "BUN 2025/318", "B****"},
		{gallra.CategoryCustomerID, "B", "****"},
		{gallra.CategoryEmail, "", ""},
	} {
		got := pii.Mask(tt.c, tt.value)
		if got != tt.want {
			t.Errorf("Mask(%s, %q) = %q, want %q", tt.c, tt.value, got, tt.want)
		}
		if len(tt.value) > 5 && strings.Contains(got, tt.value) {
			t.Errorf("Mask(%s, %q) shows the value", tt.c, tt.value)
		}
	}
}

// Over a whole corpus: redacting what is redacted changes nothing, and no value
// that was given as known is left in any written form.
func TestRedactor_TwiceChangesNothingAndLeavesNothingKnown(t *testing.T) {
	t.Parallel()
	f, err := os.Open(shareddata.Path(t, "data/corpus-train/corpus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds := map[string]gallra.IdentifierKind{"PERSON": gallra.IdentName, "EMAIL": gallra.IdentEmail, "PHONE": gallra.IdentPhone, "PERSONNUMMER": gallra.IdentPersonnummer, "USERNAME": gallra.IdentUsername, "IP": gallra.IdentIP}
	e := engine(t, pii.Options{})
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	texts, known := 0, 0
	for in.Scan() {
		var g struct {
			ID, Lang, Text string
			Spans          []struct{ Label, Text string }
		}
		if err := json.Unmarshal(in.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		if texts++; texts%4 != 0 {
			continue
		}
		var ids []gallra.Identifier
		for _, s := range g.Spans {
			if k, ok := kinds[s.Label]; ok {
				ids = append(ids, gallra.Identifier{Kind: k, Value: s.Text})
			}
		}
		known += len(ids)
		r := e.NewRedactor(pii.RedactOptions{Known: ids, TextLang: g.Lang})
		once := r.Redact(g.Text)
		if twice := r.Redact(once); twice != once {
			t.Errorf("%s: redacting twice changed the text", g.ID)
		}
		if left := ident.New(ids).Find(once); len(left) != 0 {
			t.Errorf("%s: a known value is left", g.ID)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d texts, %d known values", texts/4, known)
}

// What stood in one line elsewhere does not join three lines to one.
func TestRedactor_NamesInLinesOfTheirOwnStayThere(t *testing.T) {
	t.Parallel()
	r := engine(t, pii.Options{Lang: "sv"}).NewRedactor(pii.RedactOptions{Lang: "sv"})
	r.Redact("<p>Anna Svensson Anna Svensson Anna Svensson</p>")
	if got, want := r.Redact("Anna Svensson\n> Anna Svensson\n> > Anna Svensson\n"), "[NAMN 1]\n> [NAMN 1]\n> > [NAMN 1]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was learnt is not searched for again, a text that holds a placeholder
// already keeps its number, and what only the last text tells is taken out of
// the first.
func TestG7_RedactorLearnsBeforeItRedacts(t *testing.T) {
	t.Parallel()
	const first, last, done = "Pratade med quorvatz om fakturan igen.", "Hälsningar Karin Quorvatz", "Svar till [NAMN 7] och [E-POST 2]."
	e := engine(t, pii.Options{Lang: "sv"})
	if got := e.NewRedactor(pii.RedactOptions{}).Redact(first); got != first {
		t.Fatalf("found by itself: %q", got)
	}
	r := e.NewRedactor(pii.RedactOptions{})
	for _, s := range []string{first, done, last, last} {
		r.Learn(s)
	}
	known := r.Learned()
	if known == 0 {
		t.Fatal("nothing was learnt")
	}
	var once []string
	for _, s := range []string{first, done, last} {
		once = append(once, r.Redact(s))
	}
	if want := []string{"Pratade med [NAMN 8] om fakturan igen.", done, "Hälsningar [NAMN 8]"}; !slices.Equal(once, want) {
		t.Errorf("got %q, want %q", once, want)
	}
	r.Forget()
	if r.Redact(last) != once[2] || r.Redact(first) != once[0] {
		t.Error("forgetting what was found changed what is known")
	}
	for _, s := range once {
		if twice := r.Redact(s); twice != s {
			t.Errorf("a second time %q", twice)
		}
	}
}

// Learning a text and then redacting it makes what redacting alone makes.
func TestRedactor_LearningFindsTheSame(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{})
	in, err := os.Open(shareddata.Path(t, "data/corpus-train/corpus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	texts := 0
	for lines.Scan() && texts < 400 {
		var g struct{ ID, Lang, Text string }
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		texts++
		plain := e.NewRedactor(pii.RedactOptions{TextLang: g.Lang}).Redact(g.Text)
		r := e.NewRedactor(pii.RedactOptions{TextLang: g.Lang})
		r.Learn(g.Text)
		if learnt := r.Redact(g.Text); learnt != plain {
			t.Errorf("%s: learning first made it another text", g.ID)
		}
	}
	if err := lines.Err(); err != nil || texts == 0 {
		t.Fatalf("%d texts, %v", texts, err)
	}
}
