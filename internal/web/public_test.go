package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/web/webtest"
)

// SE-6, SE-8, SE-13 on the page: a letter that asks for an official document and
// for the own data becomes two cases; in the first nobody is asked who they are,
// and nothing is handed over without a secrecy test.
func TestSE6_SE8_OfficialDocumentOnThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	if _, body := v.Get("/requests/new"); !strings.Contains(body, `name="track" value="document"`) {
		t.Fatal("a public body is offered no tracks")
	}
	if status, body, _ := v.Post("/requests", "track", "document", "right", "access", "channel", "email", "about", "chatt/conversation/3", "id_email", webtest.Person); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, problem(body))
	}
	list, err := s.Desk.List(t.Context(), request.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	to := ""
	for _, r := range list {
		if r.Track == request.TrackDocument {
			to = "/requests/" + r.ID
		}
	}
	_, body := v.Get(to)
	if !strings.Contains(body, "Ingen får frågas om vem de är") || strings.Contains(body, to+"/identify") {
		t.Error("the identity step is not hidden")
	}
	holds, err := hold.Load(t.Context(), s.DB, "chatt")
	if err != nil {
		t.Fatal(err)
	}
	if _, held := holds.Covers(gallra.Ref{System: "chatt", Type: "conversation", ID: "3"}, gallra.Ref{}, gallra.Ref{}); !held {
		t.Error("not on hold from its registration")
	}
	step(t, v, to+"/choose", "about", "chatt/conversation/3")
	step(t, v, to+"/decide", "outcome", "granted", "reason", "inget hindrar")
	if status, _, _ := v.Post(to+"/deliver", "how", "visit"); status != http.StatusConflict {
		t.Errorf("delivered without a test: %d", status)
	}
	if status, _, _ := v.Post(to+"/secrecy", "result", "partly"); status != http.StatusUnprocessableEntity {
		t.Errorf("a test without its provision: %d", status)
	}
	step(t, v, to+"/secrecy", "result", "no")
	if _, body = v.Get(to); !strings.Contains(body, "Sekretessprövning") || !strings.Contains(body, "agent,") {
		t.Error("the page does not show the test")
	}
	step(t, v, to+"/deliver", "how", "visit")
	if len(logged(t, s, "request.secrecy")) != 1 {
		t.Error("the test is not in the log")
	}
	// A company is offered no tracks.
	s.Config.Organisation.Type = gallra.OrgCompany
	if _, body := v.Get("/requests/new"); strings.Contains(body, `name="track"`) {
		t.Error("a company is offered tracks of public bodies")
	}
}

// SE-9 on the page: the two families of letters, in both languages.
func TestSE9_LetterOfRefusal(t *testing.T) {
	t.Parallel()
	for _, org := range []gallra.OrganisationType{gallra.OrgMunicipality, gallra.OrgCompany} {
		s := webtest.New(t, true)
		s.Config.Organisation.Type = org
		v, approver := s.As(t, auth.Agent), s.As(t, auth.Approver)
		to := open(t, s, v, request.Access)
		step(t, v, to+"/decide", "outcome", "refused", "reason", "17.3")
		step(t, approver, to+"/approve")
		if status, _, _ := v.Post(to+"/letter", "format", "html"); status != http.StatusConflict {
			t.Errorf("%s: a letter without reasons: %d", org, status)
		}
		step(t, v, to+"/ruling", "provisions", "OSL 21:7", "facts", "Uppgifterna rör en annan person.", "presenter", "Ida Ek", "others", "Per By, Ulla Ås")
		status, letter, _ := v.Post(to+"/letter", "format", "html")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", org, status, problem(letter))
		}
		want := []string{"Din begäran avslås", "OSL 21:7", "Uppgifterna rör en annan person.", "Ida Ek", "Ulla Ås", "Integritetsskyddsmyndigheten", "kundservice@exempelstad.example"}
		never := []string{"artikel 79"}
		if org == gallra.OrgMunicipality {
			want = append(want, "förvaltningsrätten", "skriftligt", "inom tre veckor", "7 kap. 2 §")
		} else {
			want, never = append(want, "artikel 79"), []string{"förvaltningsrätten", "Så överklagar du"}
		}
		for _, w := range want {
			if !strings.Contains(letter, w) {
				t.Errorf("%s: the letter lacks %q", org, w)
			}
		}
		for _, w := range append(never, "ruling.", "%!") {
			if strings.Contains(letter, w) {
				t.Errorf("%s: the letter says %q", org, w)
			}
		}
		// FL 33 § 4 st: names left out.
		step(t, v, to+"/ruling", "provisions", "OSL 21:7", "facts", "x", "presenter", "Ida Ek", "unnamed", "1")
		if _, letter, _ = v.Post(to+"/letter", "format", "html"); strings.Contains(letter, "Ida Ek") || strings.Contains(letter, "Karin Berg") {
			t.Errorf("%s: the names are not left out", org)
		}
		step(t, v, to+"/deliver", "how", "post")
		_, body := v.Get(to)
		if (strings.Contains(body, "Kan överklagas till och med 2026-03-23")) != (org == gallra.OrgMunicipality) {
			t.Errorf("%s: the last day to appeal is not shown", org)
		}
	}
}
