package demo_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/demo"
	"github.com/gallra/gallra/internal/shareddata"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func organisation(t *testing.T, size int) demo.Organisation {
	t.Helper()
	o, err := demo.Make(context.Background(), t.TempDir(), demo.Options{Size: size, Seed: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func open(t *testing.T, o demo.Organisation, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(o.Dir, "systems", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// files returns the digest of every file below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameSeedSameOrganisation(t *testing.T) {
	t.Parallel()
	a, b := organisation(t, 1000), organisation(t, 1000)
	fa, fb := files(t, a.Dir), files(t, b.Dir)
	if len(fa) != len(fb) {
		t.Fatalf("%d files and %d", len(fa), len(fb))
	}
	for name, sum := range fa {
		if fb[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
	c, err := demo.Make(context.Background(), t.TempDir(), demo.Options{Size: 1000, Seed: 2, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if files(t, c.Dir)[filepath.Join("systems", "helpdesk.db")] == fa[filepath.Join("systems", "helpdesk.db")] {
		t.Error("another seed made the same tickets")
	}
}

// What Make says it made is what is there.
func TestCounts(t *testing.T) {
	t.Parallel()
	for _, size := range []int{demo.MinSize, 3000, demo.DefaultSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			o := organisation(t, size)
			sum := 0
			for _, s := range o.Systems {
				for typ, n := range s.Counts {
					sum += n
					if got := count(t, o, s, typ); got != n {
						t.Errorf("%s %s: %d are there, %d were said", s.Name, typ, got, n)
					}
				}
			}
			if sum != o.Records {
				t.Errorf("records: %d, said %d", sum, o.Records)
			}
			if size >= 1000 && o.Records != size {
				t.Errorf("%d records, want %d", o.Records, size)
			}
		})
	}
	if _, err := demo.Make(context.Background(), t.TempDir(), demo.Options{Size: 5}); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("too small: %v", err)
	}
}

func count(t *testing.T, o demo.Organisation, s demo.System, typ string) int {
	t.Helper()
	n := 0
	switch s.Name {
	case "mail":
		n = len(mails(t, o))
	case "social":
		for _, th := range threads(t, o) {
			if typ == "thread" {
				n++
			} else {
				n += len(th.Messages)
			}
		}
	case "export":
		n = len(rows(t, o)) - 1
	default:
		if err := open(t, o, string(s.Name)+".db").QueryRow("SELECT count(*) FROM " + typ).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func mails(t *testing.T, o demo.Organisation) [][]byte {
	t.Helper()
	var out [][]byte
	for _, glob := range []string{"cur/*", "new/*", ".Skickat/cur/*", ".Skickat/new/*"} {
		names, err := filepath.Glob(filepath.Join(o.Dir, "systems", "mail", glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
		}
	}
	return out
}

type thread struct {
	Title    string
	Messages []struct{ Content string }
}

// threads reads the zip of the social medium and puts its text right.
func threads(t *testing.T, o demo.Organisation) []thread {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(o.Dir, "systems", "meta-export.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []thread
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var th thread
		if err := json.Unmarshal(b, &th); err != nil {
			t.Fatal(err)
		}
		right := func(s string) string {
			var b []byte
			for _, c := range s {
				if c > 255 {
					t.Fatalf("a character of two bytes in %q", s)
				}
				b = append(b, byte(c))
			}
			if !utf8.Valid(b) {
				t.Fatalf("not UTF-8: %q", b)
			}
			return string(b)
		}
		th.Title = right(th.Title)
		for i := range th.Messages {
			th.Messages[i].Content = right(th.Messages[i].Content)
		}
		out = append(out, th)
	}
	return out
}

func rows(t *testing.T, o demo.Organisation) [][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(o.Dir, "systems", "kundlista.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\uFEFF"))))
	r.Comma = ';'
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// everything returns all text that was made, mail decoded.
func everything(t *testing.T, o demo.Organisation) string {
	t.Helper()
	var b strings.Builder
	for name, queries := range map[string][]string{
		"helpdesk.db": {"SELECT concat_ws(' ', name, email, phone, personnummer) FROM person", "SELECT concat_ws(' ', sender, body, ip) FROM message", "SELECT concat_ws(' ', old_value, new_value) FROM history", "SELECT body FROM draft"},
		"chat.db":     {"SELECT concat_ws(' ', name, email, phone_number, additional_attributes) FROM contacts", "SELECT content FROM messages", "SELECT additional_attributes FROM conversations"},
		"forum.db":    {"SELECT concat_ws(' ', username, email) FROM users", "SELECT concat_ws(' ', content, ip_address) FROM posts"},
	} {
		db := open(t, o, name)
		for _, q := range queries {
			r, err := db.Query(q)
			if err != nil {
				t.Fatal(err)
			}
			for r.Next() {
				var s sql.NullString
				if err := r.Scan(&s); err != nil {
					t.Fatal(err)
				}
				b.WriteString(s.String + "\n")
			}
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, m := range mails(t, o) {
		for _, p := range parts(t, m) {
			b.WriteString(p.text + "\n")
		}
	}
	for _, th := range threads(t, o) {
		for _, m := range th.Messages {
			b.WriteString(m.Content + "\n")
		}
	}
	for _, r := range rows(t, o) {
		b.WriteString(strings.Join(r, " ") + "\n")
	}
	return b.String()
}

// Every number, address and name of a host is one that belongs to nobody.
func TestPlantedIdentifiersBelongToNobody(t *testing.T) {
	t.Parallel()
	all := everything(t, organisation(t, 5000))
	official := map[string]bool{}
	var list []string
	for _, name := range []string{"allPins", "allCoords"} {
		b, err := os.ReadFile(shareddata.Path(t, "data/numbers/personnummer-meta/testdata/"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			official[n] = true
		}
	}

	numbers, inList := 0, 0
	for _, m := range regexp.MustCompile(`\b(\d{4})(\d{2})(\d{2})-?(\d{3})(\d)\b`).FindAllStringSubmatch(all, -1) {
		if !luhn(m[1][2:] + m[2] + m[3] + m[4] + m[5]) {
			continue // a meter, an invoice
		}
		numbers++
		if official[m[1]+m[2]+m[3]+m[4]+m[5]] {
			inList++
		} else if m[4] < "980" && m[4] != "238" && m[4] != "239" {
			t.Errorf("birth number %s could be given to somebody", m[4])
		}
	}
	if numbers < 200 || inList < numbers/5 {
		t.Errorf("%d personnummer, %d of them in the official list", numbers, inList)
	}

	phones := 0
	for _, m := range regexp.MustCompile(`(?:\+46 ?|\b0)(70|8|31|40)[- ]?((?:\d[ -]?){6,8}\d)\b`).FindAllStringSubmatch(all, -1) {
		n := strings.NewReplacer(" ", "", "-", "").Replace(m[2])
		ok := false
		for _, r := range []struct{ area, from, to string }{{"70", "1740605", "1740699"}, {"8", "46500400", "46500499"}, {"31", "3900600", "3900699"}, {"40", "6280400", "6280499"}} {
			ok = ok || m[1] == r.area && len(n) == len(r.from) && n >= r.from && n <= r.to
		}
		if !ok && len(n) >= 7 && !strings.HasPrefix(m[0], "0") {
			t.Errorf("a telephone number outside the ranges for fiction: %s", m[0])
		}
		if ok {
			phones++
		}
	}
	if phones < 500 {
		t.Errorf("%d telephone numbers", phones)
	}

	addresses := regexp.MustCompile(`[\w.+-]+@([\w-]+(?:\.[\w-]+)+)`).FindAllStringSubmatch(all, -1)
	for _, m := range addresses {
		host := strings.ToLower(m[1])
		if !regexp.MustCompile(`(^|\.)(example\.(se|com|org|net)|example)$`).MatchString(host) {
			t.Errorf("an address at %s", host)
		}
	}
	if len(addresses) < 1000 {
		t.Errorf("%d addresses", len(addresses))
	}
	for _, m := range regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`).FindAllString(all, -1) {
		if !strings.HasPrefix(m, "192.0.2.") && !strings.HasPrefix(m, "198.51.100.") && !strings.HasPrefix(m, "203.0.113.") {
			t.Errorf("an IP address outside the ranges for documentation: %s", m)
		}
	}
	for _, want := range []string{"å", "ä", "ö", "é", "مرحبا", "Hyvä"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q anywhere", want)
		}
	}
	if strings.ContainsAny(all, "{}\uFFFD") && strings.Contains(all, "{namn}") {
		t.Error("a slot was left unfilled")
	}
}

func luhn(s string) bool {
	sum := 0
	for i, c := range s {
		x := int(c - '0')
		if i%2 == 0 {
			x *= 2
		}
		sum += x/10 + x%10
	}
	return sum%10 == 0
}

type mailPart struct{ kind, name, text string }

// parts reads a mail strictly and returns its decoded parts, those of a mail
// carried inside included.
func parts(t *testing.T, b []byte) []mailPart {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	d := mime.WordDecoder{}
	out := []mailPart{}
	for _, h := range []string{"From", "To", "Cc", "Subject"} {
		v, err := d.DecodeHeader(m.Header.Get(h))
		if err != nil {
			t.Fatalf("%s: %v", h, err)
		}
		if h != "Subject" && v != "" {
			if _, err := mail.ParseAddressList(m.Header.Get(h)); err != nil {
				t.Fatalf("%s: %v", h, err)
			}
		}
		out = append(out, mailPart{"header", h, v})
	}
	if _, err := m.Header.Date(); err != nil {
		t.Fatal(err)
	}
	return append(out, body(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)...)
}

func body(t *testing.T, kind, encoding string, r io.Reader) []mailPart {
	t.Helper()
	typ, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatalf("%q: %v", kind, err)
	}
	if strings.HasPrefix(typ, "multipart/") {
		var out []mailPart
		mr := multipart.NewReader(r, params["boundary"])
		for {
			p, err := mr.NextRawPart()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			sub := body(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
			if len(sub) > 0 && p.FileName() != "" {
				sub[0].name = p.FileName()
			}
			out = append(out, sub...)
		}
	}
	b, err := io.ReadAll(decode(encoding, r))
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	if typ == "message/rfc822" {
		return parts(t, b)
	}
	if params["charset"] == "iso-8859-1" {
		var s strings.Builder
		for _, c := range b {
			s.WriteRune(rune(c))
		}
		b = []byte(s.String())
	}
	if strings.HasPrefix(typ, "text/") && !utf8.Valid(b) {
		t.Fatalf("%s is not in its character set: %q", typ, b)
	}
	return []mailPart{{typ, params["name"], string(b)}}
}

func TestMailIsWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, m := range mails(t, organisation(t, 10000)) {
		if bytes.Contains(bytes.ReplaceAll(m, []byte("\r\n"), nil), []byte("\n")) {
			t.Fatal("a line that does not end in CRLF")
		}
		for _, p := range parts(t, m) {
			seen[p.kind]++
			switch {
			case p.kind == "application/pdf":
				if !strings.HasPrefix(p.text, "%PDF-1.4") || !strings.HasSuffix(p.text, "%%EOF\n") {
					t.Error("not a PDF file")
				}
			case strings.HasSuffix(p.kind, "wordprocessingml.document"):
				if _, err := zip.NewReader(strings.NewReader(p.text), int64(len(p.text))); err != nil {
					t.Error(err)
				}
			}
		}
		for _, s := range []string{"base64", "quoted-printable", "8bit", "multipart/alternative", "message/rfc822", "iso-8859-1", "=?utf-8?b?", "=?utf-8?q?"} {
			if bytes.Contains(m, []byte(s)) {
				seen[s]++
			}
		}
	}
	for _, want := range []string{"text/plain", "text/html", "application/pdf", "image/png", "base64", "quoted-printable", "8bit", "multipart/alternative", "message/rfc822", "iso-8859-1", "=?utf-8?b?", "=?utf-8?q?"} {
		if seen[want] == 0 {
			t.Errorf("no mail has %s", want)
		}
	}
}

func TestAttachmentsCanBeRead(t *testing.T) {
	t.Parallel()
	o := organisation(t, demo.DefaultSize)
	r, err := open(t, o, "helpdesk.db").Query("SELECT filename, content_type, content FROM attachment")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	kinds := map[string]int{}
	for r.Next() {
		var name, kind string
		var b []byte
		if err := r.Scan(&name, &kind, &b); err != nil {
			t.Fatal(err)
		}
		kinds[kind]++
		switch kind {
		case "application/pdf":
			checkPDF(t, b)
		case "text/csv":
			if !utf8.Valid(b) {
				t.Errorf("%s is not UTF-8", kind)
			}
		}
	}
	if len(kinds) != 4 {
		t.Errorf("kinds of attachment: %v", kinds)
	}
}

// checkPDF follows the cross-reference table as a reader does.
func checkPDF(t *testing.T, b []byte) {
	t.Helper()
	m := regexp.MustCompile(`startxref\n(\d+)\n`).FindSubmatch(b)
	if m == nil {
		t.Fatal("no startxref")
	}
	var at int
	fmt.Sscan(string(m[1]), &at)
	if !bytes.HasPrefix(b[at:], []byte("xref\n")) {
		t.Fatal("startxref points astray")
	}
	for i, x := range regexp.MustCompile(`(\d{10}) 00000 n `).FindAllSubmatch(b[at:], -1) {
		var o int
		fmt.Sscanf(strings.TrimLeft(string(x[1]), "0"), "%d", &o)
		if !bytes.HasPrefix(b[o:], []byte(fmt.Sprintf("%d 0 obj", i+1))) {
			t.Fatalf("object %d is not where the table says", i+1)
		}
	}
}

// What is held about the leading person is known, and is in every system.
func TestCastIsInEverySystem(t *testing.T) {
	t.Parallel()
	for _, size := range []int{demo.MinSize, 5000} {
		o := organisation(t, size)
		anna := o.Cast[0]
		helpdesk := open(t, o, "helpdesk.db")
		var own, mentioned int
		if err := helpdesk.QueryRow("SELECT count(*) FROM ticket WHERE person_id = ?", anna.Number).Scan(&own); err != nil {
			t.Fatal(err)
		}
		if err := helpdesk.QueryRow("SELECT count(DISTINCT ticket_id) FROM message WHERE body LIKE '%Anna Lindqvist%' AND ticket_id IN (SELECT id FROM ticket WHERE person_id = 5)").Scan(&mentioned); err != nil {
			t.Fatal(err)
		}
		if own != 3 || mentioned != 1 {
			t.Errorf("size %d: %d own tickets and %d of another's, want 3 and 1", size, own, mentioned)
		}
		inMail := 0
		for _, m := range mails(t, o) {
			if strings.Contains(parts(t, m)[0].text+parts(t, m)[1].text, anna.Email()) {
				inMail++
			}
		}
		if inMail < 3 {
			t.Errorf("size %d: %d mails", size, inMail)
		}
		for db, q := range map[string]string{"chat.db": "SELECT count(*) FROM conversations WHERE contact_id = 1", "forum.db": "SELECT count(DISTINCT discussion_id) FROM posts WHERE user_id = 1"} {
			var n int
			if err := open(t, o, db).QueryRow(q).Scan(&n); err != nil || n != 1 {
				t.Errorf("size %d: %s: %d, %v", size, db, n, err)
			}
		}
		n := 0
		for _, th := range threads(t, o) {
			if th.Title == anna.Name() {
				n++
			}
		}
		if n != 1 {
			t.Errorf("size %d: %d threads in the social medium", size, n)
		}
	}
}

// The configuration is one that the product accepts.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	o := organisation(t, demo.MinSize)
	c, err := config.Load(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Systems) != 6 || len(c.Rules) != 5 || !c.Organisation.Type.Public() {
		t.Errorf("%+v", c)
	}
	for _, s := range c.Systems {
		cc, err := c.Connect(s, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(cc.Path()); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// Tickets lie in the years as an organisation's do, and some things are old.
func TestVolumes(t *testing.T) {
	t.Parallel()
	db := open(t, organisation(t, demo.DefaultSize), "helpdesk.db")
	var first, last, future, july, january, rated, open int
	err := db.QueryRow(`SELECT sum(created_at < '2016'), sum(created_at >= '2025'), sum(created_at > '2026-11-24 09:00:00' OR closed_at > '2026-11-24 09:00:00'),
		sum(substr(created_at, 6, 2) = '07'), sum(substr(created_at, 6, 2) = '01'), sum(rating IS NOT NULL), sum(closed_at IS NULL) FROM ticket`).Scan(&first, &last, &future, &july, &january, &rated, &open)
	if err != nil {
		t.Fatal(err)
	}
	if first < 30 || last < 2*first || future != 0 || july >= january || rated < 200 || open < 8 {
		t.Errorf("2015: %d, since 2025: %d, in the future: %d, in July: %d, in January: %d, rated: %d, open: %d", first, last, future, july, january, rated, open)
	}
}
