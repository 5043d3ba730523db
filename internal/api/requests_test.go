package api_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/api"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/web/webtest"
)

// canary is a person that stands in no system: wherever it is seen, it came from
// the request.
const canary = "kanarie.fagel@example.org"

// did returns what the log has of a case, in order, and fails when it or the store
// holds the canary in clear.
func (c *client) did(id string) string {
	c.Helper()
	entries, err := c.site.Log.Entries(c.Context(), id)
	if err != nil {
		c.Fatal(err)
	}
	var did []string
	for _, e := range entries {
		did = append(did, strings.TrimPrefix(e.Action, "request."))
	}
	var n int
	if err := c.site.DB.QueryRow(`SELECT (SELECT count(*) FROM request WHERE CAST(sealed AS TEXT) LIKE '%kanarie%' OR reason LIKE '%kanarie%' OR ruling LIKE '%kanarie%' OR identity LIKE '%kanarie%' OR secrecy_law LIKE '%kanarie%')
		+ (SELECT count(*) FROM request_event WHERE reason LIKE '%kanarie%') + (SELECT count(*) FROM evidence WHERE line LIKE '%kanarie%')`).Scan(&n); err != nil || n != 0 {
		c.Errorf("the person stands %d times in the store in clear, %v", n, err)
	}
	return strings.Join(did, " ")
}

// bytes asks for a file and returns it.
func (c *client) bytes(status int, as auth.Role, path, lang string) []byte {
	c.Helper()
	req, err := http.NewRequest("POST", c.base+api.Base+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.tokens[as])
	req.Header.Set("Accept-Language", lang)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		c.Fatal(err)
	}
	if res.StatusCode != status {
		c.Errorf("%s as %s: %d %.200s, want %d", path, as, res.StatusCode, b.String(), status)
	}
	return b.Bytes()
}

// SE-6, SE-8, SE-13: one letter becomes a case by each law; in that of an official
// document nobody is asked who they are, what it is about is on hold at once, and
// nothing leaves without a secrecy test that allows it.
func TestSE6_SE8_SE13_OfficialDocumentOverTheAPI(t *testing.T) {
	c := setup(t)
	ref := gallra.Ref{System: "chatt", Type: "conversation", ID: "3"}
	in := api.NewRequest{Rights: []request.Right{request.Access}, Tracks: []request.Track{request.TrackDocument}, Channel: "email", Received: "2026-03-01", Name: "Kanarie Fågel",
		About: []api.About{{Kind: "email", Value: canary}}, Targets: []gallra.Ref{ref}}
	c.want(403, auth.DPO, "POST", "/requests", in, nil)
	c.want(403, auth.Admin, "GET", "/requests", nil, nil)
	var made []request.Request
	c.want(422, auth.Agent, "POST", "/requests", api.NewRequest{Rights: []request.Right{request.Access}, Targets: []gallra.Ref{{System: "nowhere"}}}, nil)
	c.want(422, auth.Agent, "POST", "/requests", api.NewRequest{Rights: []request.Right{"shoes"}}, nil)
	c.want(422, auth.Agent, "POST", "/requests", api.NewRequest{}, nil)
	if body := c.want(201, auth.Agent, "POST", "/requests", in, &made); strings.Contains(body, "anarie") {
		t.Error("the answer tells who asks")
	}
	if len(made) != 2 || made[0].Track != request.TrackData || made[1].Track != request.TrackDocument || made[0].Matter != made[1].Matter {
		t.Fatalf("%+v", made)
	}
	if len(c.site.Queued) != 2 {
		t.Errorf("%d works to hold what is asked for", len(c.site.Queued))
	}
	c.site.WorkCases(t)
	holds, err := hold.Load(t.Context(), c.site.DB, "chatt")
	if err != nil {
		t.Fatal(err)
	}
	if _, held := holds.Covers(ref, gallra.Ref{}, gallra.Ref{}); !held {
		t.Error("not on hold from its registration")
	}
	doc, own := "/requests/"+made[1].ID, "/requests/"+made[0].ID
	if body := c.want(200, auth.DPO, "GET", "/requests", nil, nil); !strings.Contains(body, made[1].ID) || strings.Contains(body, "anarie") {
		t.Errorf("the list: %.300s", body)
	}
	c.want(409, auth.Agent, "POST", doc+"/identify", api.IdentityMade{Method: "known_address"}, nil)
	c.want(409, auth.Agent, "POST", doc+"/extend", api.Why{Reason: "mycket"}, nil)
	c.want(409, auth.Agent, "POST", own+"/choose", api.Chosen{Targets: []gallra.Ref{ref}}, nil)
	c.want(404, auth.Agent, "POST", doc+"/choose", api.Chosen{Targets: []gallra.Ref{{System: "chatt", Type: "conversation", ID: "none"}}}, nil)
	var now api.Case
	c.want(200, auth.Agent, "POST", doc+"/choose", api.Chosen{Targets: []gallra.Ref{ref}}, &now)
	if now.State != request.Review || len(now.Items) != 1 || now.Items[0].Ref != ref {
		t.Errorf("%+v", now)
	}
	c.want(200, auth.Agent, "POST", doc+"/decide", api.Decided{Outcome: request.Granted}, nil)
	c.want(409, auth.Agent, "POST", doc+"/deliver", api.HandedOver{How: "visit"}, nil)
	c.want(200, auth.Agent, "POST", doc+"/package", api.PackageIn{Language: "sv"}, nil)
	if b := c.bytes(409, auth.Agent, doc+"/package/fetch", "sv"); bytes.HasPrefix(b, []byte("PK")) {
		t.Error("a package without a test")
	}
	c.want(403, auth.Auditor, "POST", doc+"/secrecy", api.SecrecyTest{Result: request.SecrecyNone}, nil)
	c.want(422, auth.Agent, "POST", doc+"/secrecy", api.SecrecyTest{Result: request.SecrecyPartly}, nil)
	c.want(200, auth.Agent, "POST", doc+"/secrecy", api.SecrecyTest{Result: request.SecrecyWhole, Law: "OSL 21:7"}, nil)
	c.want(409, auth.Agent, "POST", doc+"/deliver", api.HandedOver{How: "visit"}, nil)
	c.bytes(409, auth.Agent, doc+"/package/fetch", "sv")
	if r, err := c.site.Desk.Get(t.Context(), made[1].ID); err != nil || !r.Delivered.IsZero() || r.Secrecy == nil || r.Secrecy.By != "agent" {
		t.Errorf("%+v, %v", r, err)
	}
	c.want(200, auth.Agent, "POST", doc+"/secrecy", api.SecrecyTest{Result: request.SecrecyNone}, nil)
	c.bytes(403, auth.DPO, doc+"/package/fetch", "sv")
	if b := c.bytes(200, auth.Agent, doc+"/package/fetch", "sv"); len(b) > 0 {
		if _, err := zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("the package: %v", err)
		}
	}
	now = api.Case{}
	c.want(200, auth.Agent, "POST", doc+"/deliver", api.HandedOver{How: "visit"}, &now)
	if now.State != request.Delivered || now.Delivery != "visit" {
		t.Errorf("%+v", now)
	}
	if got := c.did(made[1].ID); got != "register classified review decided read package secrecy secrecy package_read delivered" {
		t.Errorf("the log: %s", got)
	}
	// The other case changes its track, and is told apart by it.
	c.want(403, auth.DPO, "POST", own+"/track", api.TrackChange{To: request.TrackParty, Reason: "eget ärende"}, nil)
	c.want(422, auth.Agent, "POST", own+"/track", api.TrackChange{To: "shoes", Reason: "eget ärende"}, nil)
	c.want(200, auth.Agent, "POST", own+"/track", api.TrackChange{To: request.TrackParty, Reason: "eget ärende"}, &now)
	if now.Track != request.TrackParty {
		t.Errorf("%+v", now)
	}
	// A company has none of these tracks.
	c.site.Config.Organisation.Type = gallra.OrgCompany
	c.want(422, auth.Agent, "POST", "/requests", api.NewRequest{Tracks: []request.Track{request.TrackDocument}}, nil)
	c.want(422, auth.Agent, "POST", own+"/track", api.TrackChange{To: request.TrackDocument, Reason: "fel"}, nil)
}

// SE-9 over the API: a refusal takes a second person and its reasons, its letter is
// of the family that the organisation is of, in both languages, and a public body's
// three weeks run from the day the person got it.
func TestSE9_RefusalAndItsLetterOverTheAPI(t *testing.T) {
	for _, org := range []gallra.OrganisationType{gallra.OrgMunicipality, gallra.OrgCompany} {
		t.Run(string(org), func(t *testing.T) {
			c := setup(t)
			public := org == gallra.OrgMunicipality
			c.site.Config.Organisation.Type = org
			var made []request.Request
			c.want(201, auth.Agent, "POST", "/requests", api.NewRequest{Rights: []request.Right{request.Access}, Channel: "email", Name: "Kanarie Fågel", About: []api.About{{Kind: "email", Value: webtest.Person}}}, &made)
			c.site.WorkCases(t)
			at := "/requests/" + made[0].ID
			c.want(409, auth.Agent, "POST", at+"/search", nil, nil)
			c.want(422, auth.Agent, "POST", at+"/identify", api.IdentityMade{Method: "gut"}, nil)
			c.want(200, auth.Agent, "POST", at+"/identify", api.IdentityMade{Method: "known_address"}, nil)
			var now api.Case
			c.want(200, auth.Agent, "POST", at+"/search", nil, &now)
			if len(now.Works) != 1 {
				t.Errorf("works: %+v", now.Works)
			}
			c.site.WorkCases(t)
			c.want(200, auth.Agent, "POST", at+"/manual", api.HandSearch{System: "sociala"}, &now)
			if now.State != request.Review || len(now.Items) == 0 {
				t.Fatalf("%+v", now)
			}
			var open []int
			for _, it := range now.Items {
				if it.Decision == request.Open {
					open = append(open, it.N)
				}
			}
			if len(open) > 0 {
				c.want(200, auth.Agent, "POST", at+"/judge", api.Judgement{Items: open, Decision: request.Exclude, Reason: "inte samma person"}, nil)
			}
			c.want(422, auth.Agent, "POST", at+"/decide", api.Decided{Outcome: request.Refused}, nil)
			c.want(200, auth.Agent, "POST", at+"/decide", api.Decided{Outcome: request.Refused, Reason: "17.3"}, nil)
			c.want(403, auth.Agent, "POST", at+"/approve", nil, nil)
			c.want(409, auth.Agent, "POST", at+"/deliver", api.HandedOver{How: "post"}, nil)
			c.bytes(409, auth.Agent, at+"/letter", "sv")
			c.want(200, auth.Approver, "POST", at+"/approve", nil, nil)
			c.bytes(409, auth.Agent, at+"/letter", "sv") // no reasons
			if public {
				c.want(409, auth.Agent, "POST", at+"/deliver", api.HandedOver{How: "post"}, nil)
			}
			ruling := api.RulingMade{Ruling: request.Ruling{Presenter: "Ida Ek", Others: []string{"Per By"}, Provisions: "OSL 21:7"}, Facts: "Uppgifterna rör " + canary + "."}
			c.want(403, auth.DPO, "POST", at+"/ruling", ruling, nil)
			c.want(422, auth.Agent, "POST", at+"/ruling", api.RulingMade{Ruling: request.Ruling{Provisions: "OSL 21:7"}}, nil)
			if body := c.want(200, auth.Agent, "POST", at+"/ruling", ruling, nil); strings.Contains(body, "anarie") {
				t.Error("the answer tells the facts")
			}
			c.bytes(403, auth.DPO, at+"/letter", "sv")
			c.bytes(422, auth.Agent, at+"/letter?format=csv", "sv")
			c.bytes(503, auth.Agent, at+"/letter?format=pdf", "sv") // nothing here prints
			for lang, say := range map[string][]string{"sv": {"Din begäran avslås", "Integritetsskyddsmyndigheten"}, "en": {"Your request is refused", "Swedish Authority for Privacy Protection"}} {
				letter := string(c.bytes(200, auth.Agent, at+"/letter?format=html", lang))
				for _, w := range append(say, "Kanarie Fågel", canary, "OSL 21:7", "Ida Ek", "Per By", `lang="`+lang+`"`) {
					if !strings.Contains(letter, w) {
						t.Errorf("%s: the letter lacks %q", lang, w)
					}
				}
				appeal := map[string]string{"sv": "inom tre veckor", "en": "within three weeks"}[lang]
				if strings.Contains(letter, appeal) != public {
					t.Errorf("%s: how to appeal: %v", lang, !public)
				}
			}
			c.want(200, auth.Agent, "POST", at+"/deliver", api.HandedOver{How: "post"}, nil)
			c.want(422, auth.Agent, "POST", at+"/serve", api.ServedOn{On: "2026-02-01"}, nil) // before it was delivered
			now = api.Case{}
			c.want(200, auth.Agent, "POST", at+"/serve", api.ServedOn{On: "2026-03-02"}, &now)
			if by := now.AppealBy.Format("2006-01-02"); (by == "2026-03-23") != public {
				t.Errorf("to be appealed by %s", by)
			}
			c.want(200, auth.Agent, "POST", at+"/close", api.Why{Reason: "besvarad"}, nil)
			if public {
				c.want(200, auth.Agent, "POST", at+"/move", api.MovedTo{To: request.Appealed, Reason: "överklagande"}, &now)
				if now.State != request.Appealed {
					t.Errorf("%+v", now)
				}
			}
			if got := c.did(made[0].ID); strings.Count(got, "ruling") != 1 || !strings.Contains(got, "approve") || !strings.Contains(got, "served") {
				t.Errorf("the log: %s", got)
			}
		})
	}
}

// SE-10 and W-8 over the API: what is an official document stays, with its
// provision; the rest is erased by the work that a second person has said yes to,
// and looked for afterwards.
func TestSE10_W8_ErasureOverTheAPI(t *testing.T) {
	c := setup(t)
	at := "/requests/" + c.site.Case
	var now api.Case
	c.want(200, auth.DPO, "GET", at, nil, &now)
	var keep, rest []int
	for i, it := range now.Items {
		if i == 0 {
			keep = append(keep, it.N)
		} else {
			rest = append(rest, it.N)
		}
	}
	if len(rest) == 0 {
		t.Fatal("one item only")
	}
	kept := now.Items[0].Ref
	c.want(200, auth.Agent, "POST", at+"/manual", api.HandSearch{System: "sociala"}, nil)
	c.want(403, auth.DPO, "POST", at+"/judge", api.Judgement{Items: keep, Decision: request.Keep, Official: true}, nil)
	c.want(200, auth.Agent, "POST", at+"/judge", api.Judgement{Items: rest, Decision: request.Include}, nil)
	c.want(422, auth.Agent, "POST", at+"/judge", api.Judgement{Items: keep, Decision: request.Keep, Reason: "x"}, nil) // no provision
	now = api.Case{}
	c.want(200, auth.Agent, "POST", at+"/judge", api.Judgement{Items: keep, Decision: request.Keep, Official: true}, &now)
	if it := now.Items[0]; it.Ground != request.GroundOfficial || it.Law != request.OfficialLaw || it.Outcome != request.OutcomePreserved {
		t.Errorf("%+v", it)
	}
	c.want(409, auth.Agent, "POST", at+"/decide", api.Decided{Outcome: request.Granted}, nil) // some is kept
	c.want(200, auth.Agent, "POST", at+"/decide", api.Decided{Outcome: request.Partial, Reason: "17.3"}, nil)
	c.want(409, auth.Agent, "POST", at+"/execute", nil, nil)
	c.want(403, auth.Agent, "POST", at+"/send-back", api.Why{Reason: "nej"}, nil)
	c.want(200, auth.Approver, "POST", at+"/approve", nil, nil)
	c.want(409, auth.Agent, "POST", at+"/execute", nil, nil) // the same person wants to see it first
	c.want(200, auth.Agent, "POST", "/requests/"+now.Matter+"/move", api.MovedTo{To: request.Withdrawn, Reason: "återtagen"}, nil)
	c.want(200, auth.Agent, "POST", at+"/execute", nil, nil)
	c.site.WorkCases(t)
	c.want(200, auth.Agent, "POST", at+"/verify", nil, nil)
	c.site.WorkCases(t)
	now = api.Case{}
	c.want(200, auth.Agent, "GET", at, nil, &now)
	if now.State != request.Verified {
		t.Errorf("%s", now.State)
	}
	for _, it := range now.Items {
		src, err := c.site.Engine.Open(t.Context(), it.Ref.System)
		if err != nil {
			t.Fatal(err)
		}
		_, err = src.Get(t.Context(), it.Ref)
		src.Close()
		if it.Ref == kept && err != nil {
			t.Errorf("the official document %s: %v", it.Ref, err)
		}
		if it.Ref != kept && it.Own() && it.Action == gallra.ActionErase && gallra.CodeOf(err) != gallra.NotFound {
			t.Errorf("%s is there still: %v", it.Ref, err)
		}
	}
	if got := c.did(c.site.Case); !strings.Contains(got, "approve") || !strings.Contains(got, "verified") {
		t.Errorf("the log: %s", got)
	}
}
