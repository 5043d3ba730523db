package gmail_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/gmail"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/internal/shareddata"
)

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	ct.Run(t, newFake(t).harness())
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	ct.Faults(t, newFake(t).harness())
}

var seed = ct.Seed{Key: "ett", Name: "Åsa", Email: "asa@example.se", Text: "Hej", Keep: "Skola", Created: time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC), Updated: time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)}

func TestAccountWithoutTheFullScope(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	id := f.put(seed)
	f.full = false
	src := f.open(t).(*gmail.Source)
	for what, err := range map[string]error{"check": src.Check(t.Context()), "erase": func() error {
		_, err := src.Erase(t.Context(), gallra.Ref{System: f.system, Type: "mail", ID: id}, "")
		return err
	}()} {
		if !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "https://mail.google.com/") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := f.open(t, "client_secret", "fel").Check(t.Context()); !errors.Is(err, gallra.ErrAuth) {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestVaultIsNeverFinal(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	id := f.put(seed)
	src := f.open(t, "hold", "true").(*gmail.Source)
	r, err := src.Erase(t.Context(), gallra.Ref{System: f.system, Type: "mail", ID: id}, "")
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(1000 * 24 * time.Hour)
	if r, err = src.Confirm(t.Context(), r); err != nil || r.Final || r.Residues[0].Why != "gmail.hold" {
		t.Errorf("%+v, %v", r, err)
	}
}

// An administrator restores the mail within the 25 days: the promise is not kept.
func TestRestoredMailIsNotGone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	id := f.put(seed)
	src := f.open(t).(*gmail.Source)
	r, err := src.Erase(t.Context(), gallra.Ref{System: f.system, Type: "mail", ID: id}, "")
	if err != nil {
		t.Fatal(err)
	}
	f.mails[id] = f.restorable[id]
	f.clock.Advance(26 * 24 * time.Hour)
	if r, err = src.Confirm(t.Context(), r); err != nil || r.Final || len(r.Residues) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReadingDoesNotChangeTheVersion(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	id := f.put(seed)
	src := f.open(t).(*gmail.Source)
	ref := gallra.Ref{System: f.system, Type: "mail", ID: id}
	before, err := src.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	f.mails[id].labels = f.mails[id].labels[:1] // read by somebody
	after, err := src.Get(t.Context(), ref)
	if err != nil || after.Version != before.Version {
		t.Errorf("%q, %q, %v", before.Version, after.Version, err)
	}
	if r, err := src.Edit(t.Context(), ref, before.Version, []gallra.Field{{Name: "text", Value: "Borttaget"}}); err != nil {
		t.Error(err)
	} else if len(f.labels) != 5 || len(f.mails) != 1 {
		t.Errorf("the mark is left: %d labels, %d mails, %v", len(f.labels), len(f.mails), r.Ref)
	}
}

var _ connector.Source = (*gmail.Source)(nil)

// The contract says what Google's own description says: same paths, methods and
// parameters.
func TestContractIsGooglesDescription(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(shareddata.Path(t, "data/apis/gmail/gmail-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	type method struct {
		HTTPMethod, Path string
		Parameters       map[string]any
	}
	var d struct {
		Resources struct {
			Users struct {
				Resources map[string]struct{ Methods map[string]method }
			}
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	for resource, uses := range map[string]map[string][]string{
		"messages": {"list": {"maxResults", "pageToken", "labelIds", "includeSpamTrash"}, "get": {"format", "metadataHeaders"}, "delete": nil, "insert": {"internalDateSource"}},
		"threads":  {"list": {"maxResults", "pageToken", "includeSpamTrash"}, "get": {"format"}},
		"labels":   {"list": nil, "create": nil, "delete": nil},
	} {
		for name, params := range uses {
			m, ok := d.Resources.Users.Resources[resource].Methods[name]
			if !ok || !strings.HasPrefix(m.Path, "gmail/v1/users/{userId}/"+resource) {
				t.Errorf("%s.%s is not in the description", resource, name)
			}
			for _, p := range params {
				if m.Parameters[p] == nil {
					t.Errorf("%s.%s has no parameter %s", resource, name, p)
				}
			}
		}
	}
}

func TestX5_ReadingTokenChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.add(&letter{raw: "From: a@example.se\r\nSubject: Bygglov\r\n\r\nHej\r\n", date: f.clock.Now(), labels: []string{"INBOX"}})
	resttest.Reader(t, f.open(t, "erase_refresh_token", ""), "mail", true, f.stored)
}
