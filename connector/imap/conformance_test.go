package imap_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/mailrecord/mailtest"
	"github.com/gallra/gallra/internal/testserver"
)

var folders = []string{"INBOX", "Bygglov", "Skola", "Vatten", "Skickat"}

func TestConformance(t *testing.T) {
	for name, start := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			for _, f := range folders[1:4] {
				if err := a.peek.Create(f, nil).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			connectortest.Run(t, harness(a))
		})
	}
}

// TestS35_Faults loses connections to the server, before a command, in the
// middle of one and before its answer. The server that lives in the process
// stores a mail that was cut short on its way, when the edit it belongs to has
// been done again already; Dovecot does not.
func TestS35_Faults(t *testing.T) {
	for name, start := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			for _, f := range folders[1:4] {
				if err := a.peek.Create(f, nil).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			h := harness(a)
			u, err := url.Parse(a.url)
			if err != nil {
				t.Fatal(err)
			}
			line := testserver.NewLine(t, u.Host)
			u.Host = line.Addr()
			h.Config = func(connectortest.TB) connector.Config { return connector.Config{System: "post", URL: u.String()} }
			h.Faults = func(_ connectortest.TB, seed uint64) func() int { return line.Spoil(seed, 6000) }
			connectortest.Faults(t, h)
		})
	}
}

func harness(a account) connectortest.Harness {
	must := func(tb connectortest.TB, err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	u, _ := url.Parse(a.url)
	secret, _ := u.User.Password()
	return connectortest.Harness{
		Name: "imap", Type: "mail", Email: "from", Named: "from_name", Text: "text", Keep: "folder",
		Kinds:  []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName},
		Clocks: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated},
		Config: func(connectortest.TB) connector.Config { return connector.Config{System: "post", URL: a.url} },
		Broken: func(connectortest.TB) []connector.Config {
			wrong, nobody := *u, *u
			wrong.User = url.UserPassword(u.User.Username(), secret+"fel")
			nobody.Host = "127.0.0.1:1"
			return []connector.Config{{System: "post", URL: wrong.String()}, {System: "post", URL: nobody.String()}}
		},
		Secrets: []string{secret, u.User.Username()},
		Reset: func(tb connectortest.TB) {
			for _, f := range folders {
				box, err := a.peek.Select(f, nil).Wait()
				must(tb, err)
				if box.NumMessages == 0 {
					continue
				}
				var every goimap.SeqSet
				every.AddRange(1, 0)
				must(tb, a.peek.Store(every, &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close())
				must(tb, a.peek.Expunge().Close())
			}
		},
		Seed: func(tb connectortest.TB, seeds []connectortest.Seed) {
			for _, s := range seeds {
				raw := mailtest.Compose(s)
				cmd := a.peek.Append(s.Keep, int64(len(raw)), &goimap.AppendOptions{Time: s.Updated})
				_, err := cmd.Write([]byte(raw))
				must(tb, err)
				must(tb, cmd.Close())
				_, err = cmd.Wait()
				must(tb, err)
			}
		},
		Stored: func(tb connectortest.TB) []connectortest.Place {
			var out []connectortest.Place
			for _, f := range folders {
				box, err := a.peek.Select(f, &goimap.SelectOptions{ReadOnly: true}).Wait()
				must(tb, err)
				if box.NumMessages == 0 {
					continue
				}
				var every goimap.SeqSet
				every.AddRange(1, 0)
				msgs, err := a.peek.Fetch(every, &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}}).Collect()
				must(tb, err)
				for _, m := range msgs {
					var flags []string
					for _, fl := range m.Flags {
						if fl != "\\Recent" {
							flags = append(flags, string(fl))
						}
					}
					slices.Sort(flags)
					out = append(out, connectortest.Place{Where: f, Value: f + " " + m.InternalDate.UTC().String() + " " + strings.Join(flags, " ") + "\n" + mailtest.Decoded(string(m.BodySection[0].Bytes))})
				}
			}
			return out
		},
		// Somebody flags the mail.
		Touch: func(tb connectortest.TB, s connectortest.Seed) {
			for _, f := range folders {
				_, err := a.peek.Select(f, nil).Wait()
				must(tb, err)
				found, err := a.peek.Search(&goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: s.Key}}}, nil).Wait()
				must(tb, err)
				if len(found.AllSeqNums()) == 0 {
					continue
				}
				must(tb, a.peek.Store(goimap.SeqSetNum(found.AllSeqNums()...), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagFlagged}}, nil).Close())
				return
			}
			tb.Fatalf("harness: no mail of the seed")
		},
	}
}
