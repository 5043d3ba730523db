package names_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
)

func load(tb testing.TB) *names.Model {
	tb.Helper()
	m, err := names.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// found returns what of a kind is found in text, "|" between.
func found(m *names.Model, text, lang string, kind gallra.Category) string {
	var out []string
	for _, s := range m.Find(text, lang, names.DefaultRecall) {
		if s.Kind == kind {
			out = append(out, text[s.Start:s.End])
		}
	}
	return strings.Join(out, "|")
}

func TestFindKinds(t *testing.T) {
	t.Parallel()
	m := load(t)
	for _, c := range []struct {
		lang, text string
		kind       gallra.Category
		want       string
	}{
		{"sv", "Hej,\n\nJag heter Anna Svensson och behöver hjälp.\n\nMvh\nAnna", gallra.CategoryPerson, "Anna Svensson|Anna"},
		{"sv", "hej jag heter anna svensson", gallra.CategoryPerson, "anna svensson"},
		{"sv", "Det gäller Anna Svenssons faktura.", gallra.CategoryPerson, "Anna Svenssons"},
		{"sv", "Hur gör jag för att betala min faktura?", gallra.CategoryPerson, ""},
		{"sv", "Skriv till anna.svensson@example.se så svarar vi.", gallra.CategoryPerson, ""},
		{"en", "Dear support,\n\nmy name is John Taylor.\n\nKind regards\nJohn Taylor", gallra.CategoryPerson, "John Taylor|John Taylor"},
		{"de", "Guten Tag, mein Name ist Sabine Müller.", gallra.CategoryPerson, "Sabine Müller"},
		{"sv", "Jag bor på Storgatan 12 B, 111 22 Stockholm sedan maj.", gallra.CategoryAddress, "Storgatan 12 B, 111 22 Stockholm"},
		{"sv", "skicka till kaprifolgatan 7 b, 3 tr tack", gallra.CategoryAddress, "kaprifolgatan 7 b, 3 tr"},
		{"sv", "Box 4410, 102 68 Stockholm", gallra.CategoryAddress, "Box 4410, 102 68 Stockholm"},
		{"sv", "Betalningsplan 2 500 kr enligt plan 3.", gallra.CategoryAddress, ""},
		{"no", "Jeg bor i Elvegata 12, 7012 Trondheim.", gallra.CategoryAddress, "Elvegata 12, 7012 Trondheim"},
		{"da", "Send det til Fiskergade 9, 3. tv, 2200 København N.", gallra.CategoryAddress, "Fiskergade 9, 3. tv, 2200 København N"},
		{"fi", "Osoite on Koivukuja 6 B 14, 00720 Helsinki.", gallra.CategoryAddress, "Koivukuja 6 B 14, 00720 Helsinki"},
		{"de", "Ich wohne in der Lindenstr. 12, 10969 Berlin.", gallra.CategoryAddress, "Lindenstr. 12, 10969 Berlin"},
		{"en", "Please send it to 41 Regent Road, Great Yarmouth NR30 2AJ.", gallra.CategoryAddress, "41 Regent Road, Great Yarmouth NR30 2AJ"},
		{"en", "Dear Mr Taylor,\n\nthank you for your letter.", gallra.CategoryPerson, "Taylor"},
		{"sv", "Närvarande: Charlotta \"Lotta\" von Heijne, Erik Berg", gallra.CategoryPerson, "Charlotta \"Lotta\" von Heijne|Erik Berg"},
		{"en", "Kind regards,\nCornelius van der Berg", gallra.CategoryPerson, "Cornelius van der Berg"},
		{"sv", "Kontakt: A-L Sundbom. Klart 14/11, sign. MP", gallra.CategoryPerson, "A-L Sundbom|MP"},
		{"sv", "Bidraget betalas ut av CSN.", gallra.CategoryPerson, ""},
		{"sv", "Kommer: Amina J.\n0790628144", gallra.CategoryPerson, "Amina J."},
		{"en", "We live at 3 Quarry Bank, Allensford, Consett DH8 9BA now.", gallra.CategoryAddress, "3 Quarry Bank, Allensford, Consett DH8 9BA"},
		{"en", "Send it to 14 rue des Lilas, 34000 Montpellier please.", gallra.CategoryAddress, "14 rue des Lilas, 34000 Montpellier"},
		{"sv", "Skicka det via Posten 250 gånger.", gallra.CategoryAddress, ""},
		{"sv", "Jag är hemma på Gruvgatan sju i kväll.", gallra.CategoryAddress, "Gruvgatan sju"},
		{"sv", "Jag har överklagade 2 beslut. Överklagade 2 gånger.", gallra.CategoryAddress, ""},
		{"sv", "Min mamma bor i Umeå.", gallra.CategoryPlace, "Umeå"},
		{"sv", "Jag har flyttat till Sverige.", gallra.CategoryPlace, ""},
		{"sv", "Tåget stod still i Umeå i går.", gallra.CategoryPlace, ""},
		{"sv", "Min mamma har diabetes och epilepsi.", gallra.CategoryHealth, "diabetes och epilepsi"},
		{"sv", "Jag är sjukskriven och har fått MS.", gallra.CategoryHealth, "sjukskriven|MS"},
		{"sv", "Svaret tog 12 ms.", gallra.CategoryHealth, ""},
		{"en", "The same reference as before.", gallra.CategorySensitive, ""},
		{"sv", "Han är häktad och medlem i Kommunal.", gallra.CategorySensitive, "häktad|medlem i Kommunal"},
	} {
		if got := found(m, c.text, c.lang, c.kind); got != c.want {
			t.Errorf("%s in %q: got %q, want %q", c.kind, c.text, got, c.want)
		}
	}
}

// TestRulesSayWhy: a user sees which words triggered a finding.
func TestRulesSayWhy(t *testing.T) {
	t.Parallel()
	for _, s := range load(t).Find("Min son Olle har astma. Vi bor på Storgatan 12.", "sv", names.DefaultRecall) {
		if s.Rule == "" || s.Score <= 0 || s.Score > 1 {
			t.Errorf("finding without reason or score: %+v", s)
		}
		if s.Kind == gallra.CategoryHealth && !strings.Contains(s.Rule, "astma") {
			t.Errorf("rule %q does not name its word", s.Rule)
		}
	}
}

func TestRecallDial(t *testing.T) {
	t.Parallel()
	m := load(t)
	text := strings.Repeat("Kim och Sten såg Björk på torget med Blom. Mark ringde om Falk.\n", 3)
	count := func(recall float64) (n int) {
		for _, s := range m.Find(text, "sv", recall) {
			if s.Kind == gallra.CategoryPerson {
				n++
			}
		}
		return n
	}
	if low, mid, high := count(0), count(0.5), count(1); low > mid || mid > high || low == high {
		t.Errorf("found %d, %d and %d at dial 0, 0.5 and 1", low, mid, high)
	}
}

// TestDoubtfulNames: what may be a person's name is found as a name, and is no
// person; ordinary words are neither.
func TestDoubtfulNames(t *testing.T) {
	t.Parallel()
	m := load(t)
	text := "I finalen mot Sirius höll Zäta nollan, skriver Åhléns i Falkenberg."
	doubtful := 0
	for _, s := range m.Find(text, "sv", names.DefaultRecall) {
		if s.Kind == gallra.CategoryName {
			doubtful++
			if s.Score >= 0.5 || s.Rule == "" {
				t.Errorf("a doubtful name with score %.2f and rule %q", s.Score, s.Rule)
			}
		}
	}
	if doubtful == 0 {
		t.Errorf("no doubtful name in %q", text)
	}
	for _, kind := range []gallra.Category{gallra.CategoryPerson, gallra.CategoryName} {
		if got := found(m, "Vi behöver svar på frågan om avgiften i dag.", "sv", kind); got != "" {
			t.Errorf("%s %q in a sentence without names", kind, got)
		}
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	m := load(t)
	for lang, text := range map[string]string{
		"sv": "Hej, jag undrar varför min faktura är så hög den här månaden?",
		"en": "Hello, I was wondering why my bill is so high this month.",
		"no": "Hei, jeg lurer på hvorfor regningen min er så høy denne måneden?",
		"da": "Hej, jeg vil gerne vide hvorfor min regning er så høj i denne måned?",
		"fi": "Hei, miksi laskuni on niin suuri tässä kuussa?",
		"de": "Guten Tag, warum ist meine Rechnung diesen Monat so hoch?",
	} {
		if got := m.Detect(text); got != lang {
			t.Errorf("Detect(%q) = %s, want %s", text, got, lang)
		}
	}
}

// TestBadInput: whatever the bytes, findings lie inside the text, in order, on
// the borders of characters, and time stays linear.
func TestBadInput(t *testing.T) {
	t.Parallel()
	m := load(t)
	for _, unit := range []string{"Anna Svensson ", "a", "\xff", "Storgatan 1 ", "1 ", "c/o ", "Å", "å\u0301", "\u200B", "@", "A-", "Box 1, ", "sjuk", "ont i ", "\x00"} {
		text := strings.Repeat(unit, (1<<20)/len(unit))
		start := time.Now()
		check(t, text, m.Find(text, "", 1))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("1 MB of %q took %v", unit, d)
		}
	}
}

func check(t *testing.T, text string, spans []names.Span) {
	t.Helper()
	last, valid := 0, utf8.ValidString(text)
	for _, s := range spans {
		if s.Start < last || s.End <= s.Start || s.End > len(text) {
			t.Fatalf("span %+v after %d in %d bytes", s, last, len(text))
		}
		if valid && !utf8.ValidString(text[s.Start:s.End]) {
			t.Fatalf("span %+v splits a character", s)
		}
		last = s.Start
	}
}

func FuzzFind(f *testing.F) {
	m := load(f)
	for _, s := range []string{"Hej Anna, Storgatan 12 B, 111 22 Stockholm", "c/o Berg, Box 1", "\xff1/2-3", "P.O. Box 9, X", "v. 9", "1 A 2", "gravid i v."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, lang := range names.Languages() {
			check(t, s, m.Find(s, lang, 0.5))
		}
		check(t, s, m.Find(s, "", 1))
	})
}

// TestSteadyStateAllocations: once warm, Append takes no memory.
func TestSteadyStateAllocations(t *testing.T) {
	m := load(t)
	text := strings.Repeat("Hej Anna Svensson, jag bor på Storgatan 12 i Umeå och har astma.\n", 50)
	dst := m.Append(nil, text, "sv", 0.5)
	if n := testing.AllocsPerRun(100, func() { dst = m.Append(dst[:0], text, "sv", 0.5) }); n > 1 {
		t.Errorf("%v allocations a call", n)
	}
}

// What is found in a text does not depend on what was read before it: words that
// look the same share one analysis, whichever of them comes first.
func TestS31_NothingOfOtherTextsRemains(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("lang.pack")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"０is booklet", "två Egal\"}, > \"SV: bitte \"sport\", is \"lang\": skrev Tehrani det ０\u200bis booklet.vill"},
		{"är ０som nicht", "är en är A, nicht, \u200b\"Raija ０\u200bsom \"Östen\"}, as matvoucher"},
		{"Ring Lindqvist", "Ring Lind\u00adqvist i Lund"},
		{"O'Brien", "Jag heter Sean O’Brien."},
	} {
		var got [2][]names.Span
		for i := range got {
			m, err := names.Open(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				m.Find(c[0], "sv", names.DefaultRecall)
			}
			got[i] = m.Find(c[1], "sv", names.DefaultRecall)
		}
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("%q: %v, and %v after %q", c[1], got[0], got[1], c[0])
		}
	}
}
