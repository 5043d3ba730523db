package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const taxaProfile = `dataset:
  - fides_key: taxa
    name: Trips
    meta: {gallra: {product: Trips, channel: ticketing, timezone: UTC, backup_life: P30D}}
    collections:
      - name: trip
        meta: {gallra: {kind: conversation, key: id, times: {created: made, closed: ended}}}
        fields:
          - {name: customer, data_categories: [user.name], meta: {gallra: {category: PERSON, role: requester}}}
          - {name: account, data_categories: [system.operations], meta: {gallra: {keep: true}}}
          - {name: zone, data_categories: [system.operations], meta: {gallra: {keep: true}}}
`

// Taxa 4x35: the name goes after two years, the telephone number stays as the key
// of the account. That is called de-identified, in every word that is said of it:
// on the command line, on the page, in the record of disposal (D8) and in the
// assessment (D14), in both languages.
func TestAN_TaxaIsDeidentifiedEverywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taxa.db")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE trip (id INTEGER PRIMARY KEY, customer TEXT, account TEXT, zone TEXT, made TEXT, ended TEXT)`); err != nil {
		t.Fatal(err)
	}
	const trips = 60
	for i := range trips {
		if _, err := db.Exec(`INSERT INTO trip VALUES (?, ?, ?, ?, ?, ?)`, i+1, fmt.Sprintf("Ottilia Leftåker %d", i), fmt.Sprintf("070-174 06 %02d", i%20), "Centrum", "2022-03-01 08:00:00", "2022-03-01 09:00:00"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "taxa.yaml"), []byte(taxaProfile), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	yaml := fmt.Sprintf(`organisation: {name: Resor AB, type: company}
systems:
  - {name: trips, title: Resorna, channel: ticketing, url: %q}
rules:
  - {id: trips, purpose: Köra kunder, systems: [trips], start: closed, keep: P2Y, action: anonymise}
`, "sqlite:"+path+"?profile="+filepath.Join(dir, "taxa.yaml"))
	if err := os.WriteFile(filepath.Join(data, "gallra.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	o := office{t, data}
	for user, role := range map[string]string{"anna": "agent", "bo": "approver", "cilla": "approver"} {
		o.gallra(exitDone, "user", "add", user, "--role", role)
	}
	plan := o.gallra(exitDone, "retention", "plan", "--as", "anna")
	id, hash := first(t, `(plan-[a-z2-7]+)`, plan), first(t, `\b([0-9a-f]{64})\b`, plan)
	for _, who := range []string{"bo", "cilla"} {
		o.gallra(exitDone, "retention", "approve", id, "--hash", hash, "--as", who)
	}
	done := o.gallra(exitDone, "retention", "run", id, "--as", "bo")
	run := first(t, `(run-[a-z2-7]+)`, done)
	first(t, `(?m)^trips +trip +(De-identified) +60`, done)
	said := map[string]string{"command line": done}
	for lang, word := range map[string]string{"sv": "avidentifierad", "en": "de-identified"} {
		for _, doc := range []string{"D8", "D14"} {
			file := filepath.Join(dir, doc+"-"+lang+".html")
			if doc == "D8" {
				o.gallra(exitDone, "--language", lang, "retention", "protocol", run, "-o", file)
			} else {
				o.gallra(exitDone, "--language", lang, "document", "anonymisation", run, "--as", "bo", "-o", file)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			page := strings.ToLower(string(b))
			if !strings.Contains(page, word) {
				t.Errorf("%s in %s does not say %s", doc, lang, word)
			}
			if doc == "D14" && !regexp.MustCompile(`(?s)an3.*?<td[^>]*>60`).MatchString(page) {
				t.Errorf("the assessment in %s does not say that AN3 fails", lang)
			}
			said[doc+" "+lang] = string(b)
		}
		said["page "+lang] = taxaPage(t, data, run, lang)
		if !strings.Contains(strings.ToLower(said["page "+lang]), word) {
			t.Errorf("the page in %s does not say %s", lang, word)
		}
	}
	for where, text := range said {
		// The word stands in explanations; as an outcome with a count it must not.
		if m := regexp.MustCompile(`(?i)(>|^)\s*(anonymiserade|anonymised)\s*(</dt><dd>|:|\s)\s*[1-9]`).FindString(text); m != "" {
			t.Errorf("%s says %q", where, m)
		}
		if strings.Contains(text, "Ottilia") || strings.Contains(text, "070-174") {
			t.Errorf("%s holds a personal value", where)
		}
	}
}

// taxaPage signs in and returns the run's page.
func taxaPage(t *testing.T, data, id, lang string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run1(ctx, data, "serve", "--addr", address)
	}()
	defer func() { cancel(); <-ended }()
	base := "http://" + address
	for range 400 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	post := func(path string, v url.Values) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", base)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	post("/sign-in", url.Values{"username": {"bo"}, "password": {demoPassword}})
	post("/language", url.Values{"lang": {lang}})
	res, err := c.Get(base + "/retention/runs/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	return b.String()
}

// run1 runs one command until it ends or the context does.
func run1(ctx context.Context, data string, args ...string) {
	var out bytes.Buffer
	run(ctx, append([]string{"--data", data}, args...), strings.NewReader(""), &out, &out, func(string) (string, bool) { return "", false })
}
