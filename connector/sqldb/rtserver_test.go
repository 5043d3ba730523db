package sqldb_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/testserver"
)

// rtMail is what makes a person hard to get rid of in RT (SYSTEMS 3.2): Swedish
// letters in every encoding, a file with a name, somebody in copy only.
const rtMail = `From: =?utf-8?Q?=C3=85sa_%[1]s?= <asa.%[1]s@example.se>
To: rt@gallra.test
Cc: Kent Mellan <kent.%[1]s@example.se>
Subject: =?utf-8?B?%[2]s?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=ut

--ut
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hej, jag heter =C3=85sa %[1]s, 850908-2395, och bor p=C3=A5 Storgatan 1.
--in
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>Hej, jag heter <b>=C5sa %[1]s</b>, 850908-2395.</p>
--in--
--ut
Content-Type: text/csv; charset=utf-8; name="asa-%[1]s.csv"
Content-Disposition: attachment; filename="asa-%[1]s.csv"
Content-Transfer-Encoding: base64

%[3]s
--ut--
`

// rtServer is the running product.
type rtServer struct {
	t    *testing.T
	base *url.URL
	db   *sql.DB
	dsn  string
}

func (s rtServer) call(method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		send = bytes.NewReader(b)
	}
	u := *s.base
	u.User = nil
	req, err := http.NewRequest(method, u.String()+"/REST/2.0"+path, send)
	if err != nil {
		s.t.Fatal(err)
	}
	password, _ := s.base.User.Password()
	req.SetBasicAuth(s.base.User.Username(), password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if b, err := io.ReadAll(res.Body); err != nil || len(b) > 0 && b[0] == '{' && json.Unmarshal(b, &out) != nil {
		s.t.Fatalf("%s %s: no answer: %v", method, path, err)
	}
	return res.StatusCode, out
}

// mail sends a mail through RT's own gateway, and returns the ticket it became.
func (s rtServer) mail(text string) int {
	s.t.Helper()
	before := s.newest()
	u := *s.base
	u.User = nil
	c := exec.Command("rt-mailgate-5", "--queue", "General", "--action", "correspond", "--url", u.String())
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("rt-mailgate: %v: %s", err, out)
	}
	id := s.newest()
	if id == before {
		s.t.Fatal("the mail became no ticket")
	}
	return id
}

func (s rtServer) newest() int {
	s.t.Helper()
	var id int
	if err := s.db.QueryRow("SELECT COALESCE(max(id), 0) FROM tickets").Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	return id
}

var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`)

// readings returns a stored value in every way it can be read.
func readings(v string) []string {
	out := []string{v}
	if b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(v))); err == nil {
		out = append(out, string(b))
	}
	if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), "")); err == nil {
		out = append(out, string(b))
	}
	out = append(out, encodedWord.ReplaceAllStringFunc(v, func(w string) string {
		d, err := new(mime.WordDecoder).DecodeHeader(w)
		if err != nil {
			return w
		}
		return d
	}))
	return out
}

// left tells in which columns of the whole database a needle stands, decoded,
// with code of this test's own.
func (s rtServer) left(needles ...string) []string {
	s.t.Helper()
	columns, err := s.db.Query(`SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND (data_type IN ('text', 'character varying', 'bytea'))`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer columns.Close()
	var pairs [][2]string
	for columns.Next() {
		var p [2]string
		if err := columns.Scan(&p[0], &p[1]); err != nil {
			s.t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	if len(pairs) < 100 {
		s.t.Fatalf("%d columns: this is not RT's database", len(pairs))
	}
	var out []string
	for _, p := range pairs {
		rows, err := s.db.Query(fmt.Sprintf("SELECT %q FROM %q WHERE %q IS NOT NULL", p[1], p[0], p[1]))
		if err != nil {
			s.t.Fatal(err)
		}
		for rows.Next() {
			var b []byte
			if err := rows.Scan(&b); err != nil {
				s.t.Fatal(err)
			}
			for _, v := range readings(string(b)) {
				for _, n := range needles {
					if at := p[0] + "." + p[1]; strings.Contains(strings.ToLower(v), strings.ToLower(n)) && !slices.Contains(out, at) {
						out = append(out, at)
					}
				}
			}
		}
		if err := rows.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// TestG7_NothingIsLeftInRequestTracker is the table of SYSTEMS 3.2 as a test on
// the product itself: what its own API calls deleted is all still there, and what
// its API changes it keeps the old value of; after Gallra nothing is left of the
// person, the person in copy included, and the product goes on working.
func TestG7_NothingIsLeftInRequestTracker(t *testing.T) {
	t.Parallel()
	base, db, dsn := testserver.RequestTracker(t)
	s := rtServer{t: t, base: base, db: db, dsn: dsn}
	ctx := context.Background()
	const name, other = "Gransjo", "Blivkvar"
	b64 := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	write := func(name string) int {
		return s.mail(fmt.Sprintf(rtMail, name, b64("Räkning för Åsa "+name), b64("namn;nummer\nÅsa "+name+";850908-2395\n")))
	}
	neighbour := write(other)
	ticket := write(name)
	path := fmt.Sprintf("/ticket/%d", ticket)
	needles := []string{name, "850908-2395"}

	// What the product itself does.
	if code, _ := s.call("POST", path+"/correspond", map[string]any{"Content": "Hej Åsa " + name + ", tack för brevet.", "ContentType": "text/plain"}); code != 201 {
		t.Fatalf("correspond: %d", code)
	}
	if code, _ := s.call("PUT", path, map[string]any{"Subject": "Anonymiserat"}); code != 200 {
		t.Fatalf("PUT ticket: %d", code)
	}
	if old := s.left(name); !slices.Contains(old, "transactions.oldvalue") {
		t.Errorf("RT no longer keeps the old subject: %v", old)
	}
	user := fmt.Sprintf("/user/asa.%s@example.se", strings.ToLower(name))
	if code, _ := s.call("PUT", user, map[string]any{"RealName": "Anonym"}); code != 200 {
		t.Fatalf("PUT user: %d", code)
	}
	if code, _ := s.call("DELETE", path, nil); code != 204 {
		t.Fatalf("DELETE ticket: %d", code)
	}
	if code, _ := s.call("GET", path, nil); code != 200 {
		t.Errorf("RT no longer answers for what it deleted: %d", code)
	}
	if _, found := s.call("GET", "/tickets?query="+url.QueryEscape(fmt.Sprintf("id=%d", ticket)), nil); found["total"] != float64(0) {
		t.Errorf("RT finds what it deleted: %v", found["total"])
	}
	before := s.left(name)
	for _, want := range []string{"attachments.content", "attachments.headers", "attachments.filename", "transactions.oldvalue", "users.emailaddress"} {
		if !slices.Contains(before, want) {
			t.Errorf("after RT's own deletion nothing stands in %s: the test has lost its point (%v)", want, before)
		}
	}

	// What Gallra does.
	src, err := connector.Open(ctx, connector.Config{System: "rt", URL: dsn + "&profile=rt"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if err := src.Check(ctx); err != nil {
		t.Fatalf("the profile does not fit the product's own schema: %v", err)
	}
	who := connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{
		{Kind: gallra.IdentEmail, Value: "asa." + name + "@example.se"}, {Kind: gallra.IdentEmail, Value: "kent." + name + "@example.se"}, {Kind: gallra.IdentName, Value: "Åsa " + name}}}
	hits, err := src.(connector.Finder).Find(ctx, who, "")
	if err != nil {
		t.Fatal(err)
	}
	var roots []gallra.Ref
	for _, h := range hits.Hits {
		if (h.Ref.Type == "ticket" || h.Ref.Type == "user") && !slices.Contains(roots, h.Ref) {
			roots = append(roots, h.Ref)
		}
	}
	if !slices.Contains(roots, gallra.Ref{System: "rt", Type: "ticket", ID: fmt.Sprint(ticket)}) {
		t.Fatalf("the deleted ticket is not found: %v", roots)
	}
	slices.SortFunc(roots, func(x, y gallra.Ref) int { return strings.Compare(x.Type, y.Type) }) // tickets before users
	for _, r := range roots {
		if _, err := src.(connector.Eraser).Erase(ctx, r, ""); err != nil {
			t.Fatalf("erase %v: %v", r, err)
		}
	}
	if left := s.left(needles[0]); len(left) > 0 {
		t.Errorf("left of the person: %v", left)
	}
	residues, err := src.(connector.Searcher).Leftovers(ctx, who, "")
	if err != nil || len(residues.Residues) > 0 {
		t.Errorf("Leftovers: %v, %v", residues.Residues, err)
	}

	// The product goes on.
	if code, _ := s.call("GET", path, nil); code != 404 {
		t.Errorf("the erased ticket answers %d", code)
	}
	if code, _ := s.call("GET", fmt.Sprintf("/ticket/%d", neighbour), nil); code != 200 {
		t.Errorf("the neighbour's ticket answers %d", code)
	}
	if code, h := s.call("GET", fmt.Sprintf("/ticket/%d/history", neighbour), nil); code != 200 || h["count"].(float64) < 1 {
		t.Errorf("the neighbour's history: %d %v", code, h["count"])
	}
	if left := s.left(other); !slices.Contains(left, "attachments.filename") || !slices.Contains(left, "users.emailaddress") {
		t.Errorf("the neighbour lost something: %v", left)
	}
	again := write(name) // who writes again is a person like any other
	if code, _ := s.call("GET", fmt.Sprintf("/ticket/%d", again), nil); code != 200 {
		t.Errorf("a new ticket of the same person answers %d", code)
	}
}
