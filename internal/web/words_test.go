package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/web"
	"github.com/gallra/gallra/internal/web/webtest"
)

// UX: a length of time is typed as people write it, in either language.
func TestUX_PeriodsAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"2 år": "P2Y", "3 månader": "P3M", "1 år och 6 månader": "P1Y6M", "1 år, 6 mån.": "P1Y6M", "30 dagar": "P30D", "2 veckor": "P14D",
		"1 year and 6 months": "P1Y6M", "10 000 dagar": "", "3": "", "år": "", "tre år": "", "2 år nästan": "", "0 dagar": "", "p3m": "P3M", "P1Y6M": "P1Y6M", "2\u00a0år": "P2Y", "": "",
	} {
		p, err := web.ParsePeriod(typed)
		if got := p.String(); (err == nil) != (want != "") || want != "" && got != want {
			t.Errorf("%q is %s, %v; want %q", typed, got, err, want)
		}
	}
	s := webtest.New(t, true)
	v := s.As(t, auth.Approver)
	for path, want := range map[string]string{"/retention/rules/chatt": `value="3 månader"`, "/retention/rules/arenden": `value="2 år"`} {
		if _, body := v.Get(path); !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
}

// W-20: what a hold covers is chosen among the system's types; a type that
// nobody has seen there, and a number without a type, are refused.
func TestW20_AHoldIsChosen(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	_, body := v.Get("/retention/holds")
	for _, want := range []string{`<option value="arenden/conversation">Ärenden, Ärende</option>`, `<option value="arenden/message">Ärenden, Meddelande</option>`, `<option value="sociala">Sociala medier, hela systemet</option>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %s", want)
		}
	}
	for _, c := range []struct {
		what, id, problem string
	}{{"arenden/biljett", "8", "Ange vad spärren gäller"}, {"sociala/conversation", "8", "Ange vad spärren gäller"}, {"arenden", "8", "Välj också vilket slag"}, {"", "", "Ange vad spärren gäller"}} {
		status, body, _ := v.Post("/retention/holds", "kind", "legal", "what", c.what, "id", c.id, "reason", "Tvist")
		if status != http.StatusUnprocessableEntity || !strings.Contains(body, c.problem) {
			t.Errorf("%s %s: %d", c.what, c.id, status)
		}
	}
}

// UX: many systems that nobody has scanned are counted, and named behind a
// disclosure; few are named.
func TestUX_ManyMissingSystemsAreCounted(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	s.Config.Rules[0].Systems = append(s.Config.Rules[0].Systems, "sociala")
	v := s.As(t, auth.Approver)
	if _, body := v.Get("/retention"); !strings.Contains(body, "Inte genomsökta än: Sociala medier.") {
		t.Error("one system that is not scanned is not named")
	}
	s.Grow(t, 20)
	if _, body := v.Get("/retention"); !strings.Contains(body, "<summary>21 system är inte genomsökta än</summary>") || strings.Contains(body, "Inte genomsökta än:") {
		t.Error("21 systems are listed in a sentence")
	}
}

// UX: the log's counts are told as people count, and a system by its name.
func TestUX_CountsInWords(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	s.RunOf(t, 0)
	s.Deliver(t)
	_, body := s.As(t, auth.Approver).Get("/evidence")
	for _, want := range []string{"<small>Omgång: 1</small>", "<small>Version: 1</small>", "<small>Byte: ", "<small>Frågor och svar</small>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(body, `class="code">files`) || strings.Contains(body, "Omgång: 0") {
		t.Error("a count is told in the program's words")
	}
}

// UX: the kinds of system are told in the language of the page, except for names
// of products.
func TestUX_KindsOfSystemInTheLanguageOfThePage(t *testing.T) {
	t.Parallel()
	v := webtest.New(t, true).As(t, auth.Admin)
	if _, body := v.Get("/systems/new"); !strings.Contains(body, "Minne (för prov)") || strings.Contains(body, "Memory") {
		t.Error("the Swedish page has English kinds")
	}
	v.Post("/language", "lang", "en", "back", "/")
	if _, body := v.Get("/systems/new"); !strings.Contains(body, "Memory (for tests)") {
		t.Error("the English page has Swedish kinds")
	}
}
