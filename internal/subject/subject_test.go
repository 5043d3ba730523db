package subject_test

import (
	"context"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/subject"
)

var day = time.Date(2025, 3, 4, 10, 0, 0, 0, time.UTC)

// town is a system with two persons of the same name, one of whom writes about
// the other.
func town() (sys *memory.System, anna, namesake, own, others gallra.Ref) {
	sys = memory.New(memory.Options{System: "desk"})
	anna = sys.AddPerson(memory.Person{Name: "Anna Lindqvist", Email: "anna@example.se", Phone: "070-174 06 05", Created: day})
	namesake = sys.AddPerson(memory.Person{Name: "Anna Lindqvist", Email: "al@example.org", Created: day})
	own = sys.AddConversation(memory.Conversation{Person: anna, Name: "Anna Lindqvist", Email: "anna@example.se", Subject: "Fakturan", Created: day,
		Messages: []memory.Message{{Name: "Anna Lindqvist", Email: "anna@example.se", Text: "Hej, fakturan är fel.", Created: day}}})
	others = sys.AddConversation(memory.Conversation{Person: namesake, Name: "Anna Lindqvist", Email: "al@example.org", Subject: "Grannen", Created: day,
		Messages: []memory.Message{{Name: "Anna Lindqvist", Email: "al@example.org", Text: "Ring grannen på +46 70 174 06 05.", Created: day}}})
	return sys, anna, namesake, own, others
}

func search(t *testing.T, sys *memory.System, ids ...gallra.Identifier) map[gallra.Ref]subject.Conversation {
	t.Helper()
	res, err := subject.Search(context.Background(), sys.Open(), "desk", ids, day, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[gallra.Ref]subject.Conversation{}
	for _, c := range subject.Conversations(res.Hits) {
		out[c.Ref] = c
	}
	return out
}

func TestW6_NamesakeIsNeverCertain(t *testing.T) {
	t.Parallel()
	sys, anna, namesake, own, others := town()
	got := search(t, sys,
		gallra.Identifier{Kind: gallra.IdentEmail, Value: "Anna@Example.se"},
		gallra.Identifier{Kind: gallra.IdentName, Value: "Anna Lindqvist"})
	for _, want := range []struct {
		what string
		ref  gallra.Ref
		own  bool
		sure connector.Certainty
	}{
		{"her own record", anna, true, connector.Certain},
		{"her own case", own, true, connector.Certain},
		{"the namesake's record", namesake, true, connector.Unsure},
		{"the namesake's case", others, true, connector.Unsure},
	} {
		c, ok := got[want.ref]
		if !ok || c.Certainty != want.sure || c.Own() != want.own {
			t.Errorf("%s: found %v, certainty %q, own %v; want %q, %v", want.what, ok, c.Certainty, c.Own(), want.sure, want.own)
		}
	}
}

func TestH2_MentionInAnothersCaseIsNotOnesOwn(t *testing.T) {
	t.Parallel()
	sys, _, namesake, _, others := town()
	got := search(t, sys, gallra.Identifier{Kind: gallra.IdentPhone, Value: "0701740605"})
	c, ok := got[others]
	if !ok || c.Own() || c.Role != gallra.RoleMentioned || c.Certainty != connector.Certain {
		t.Errorf("the neighbour's case: found %v, role %q, own %v, %q", ok, c.Role, c.Own(), c.Certainty)
	}
	if _, ok := got[namesake]; ok {
		t.Error("the neighbour's own record was taken for hers")
	}
}

// The neighbour of the same name writes about her, and both names and numbers are
// searched by: her number there makes the mention sure, not the case hers.
func TestW6_NamesakesCaseThatMentionsHer(t *testing.T) {
	t.Parallel()
	sys, _, _, own, others := town()
	got := search(t, sys, gallra.Identifier{Kind: gallra.IdentPhone, Value: "0701740605"}, gallra.Identifier{Kind: gallra.IdentName, Value: "Anna Lindqvist"})
	if c := got[others]; c.Own() || !c.MaybeOwn || c.Certainty != connector.Certain || c.Role != gallra.RoleMentioned || len(c.Hits) != 1 {
		t.Errorf("the namesake's case: role %q, own %v, maybe %v, %q, %d hits", c.Role, c.Own(), c.MaybeOwn, c.Certainty, len(c.Hits))
	}
	if c := got[own]; !c.Own() || c.MaybeOwn {
		t.Errorf("her own case: own %v, maybe %v", c.Own(), c.MaybeOwn)
	}
}

func TestOwnMessagesAreNotAuthorship(t *testing.T) {
	t.Parallel()
	sys, _, _, own, _ := town()
	got := search(t, sys, gallra.Identifier{Kind: gallra.IdentEmail, Value: "anna@example.se"})
	for _, h := range got[own].Hits {
		if h.Role == gallra.RoleAuthor {
			t.Errorf("%s counts as written in another's case", h.Ref)
		}
	}
}

func TestW5_ProposalsComeFromOwnRecordsOnlyAndAreMasked(t *testing.T) {
	t.Parallel()
	sys, anna, _, _, _ := town()
	ids := []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna@example.se"}, {Kind: gallra.IdentName, Value: "Anna Lindqvist"}}
	src := sys.Open()
	res, err := subject.Search(context.Background(), src, "desk", ids, day, nil)
	if err != nil {
		t.Fatal(err)
	}
	ps, err := subject.Propose(context.Background(), src, res.Hits, ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(ps) != 1 || ps[0].Identifier.Kind != gallra.IdentPhone || ps[0].From != anna {
		t.Fatalf("got %d proposals: %+v; want her phone number, and nothing of the namesake's", len(ps), ps)
	}
	if ps[0].Masked == "" || ps[0].Masked == "070-174 06 05" {
		t.Errorf("proposal is not masked: %q", ps[0].Masked)
	}
}
