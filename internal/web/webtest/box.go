package webtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// box is a small system in memory: cases with a queue and a subject. It stands
// for systems that a page cannot start for itself; what the page does with it
// goes through the real engine.
type box struct {
	id gallra.SystemID

	mu    sync.Mutex
	cases map[int]gallra.Record
}

// newBox fills a box with n cases, one every two days up to now.
func newBox(id gallra.SystemID, n int, now time.Time) *box {
	b := &box{id: id, cases: map[int]gallra.Record{}}
	queues := []string{"Bygglov", "Skola", "Vatten"}
	for i := range n {
		created := now.AddDate(0, 0, -2*(n-i))
		r := gallra.Record{Ref: gallra.Ref{System: id, Type: "case", ID: strconv.Itoa(i + 1)}, Version: "1", Created: created, Updated: created,
			Contact: created.Add(26 * time.Hour), Closed: created.Add(50 * time.Hour),
			Fields: []gallra.Field{{Name: "queue", Value: queues[i%3]}, {Name: "subject", Value: "Fråga " + strconv.Itoa(i)}, {Name: "email", Value: "kund" + strconv.Itoa(i) + "@example.org"}}}
		if i%150 == 7 {
			r.Fields[2].Value = Person
		}
		if i%97 == 0 {
			r.Closed, r.Contact = time.Time{}, time.Time{}
		}
		b.cases[i+1] = r
	}
	return b
}

func (b *box) Check(context.Context) error { return nil }
func (b *box) Close() error                { return nil }

func (b *box) Types(context.Context) ([]connector.Type, error) {
	return []connector.Type{{Name: "case", Kind: connector.KindConversation,
		Fields: []connector.FieldInfo{{Name: "queue", Keep: true}, {Name: "subject", Text: true}, {Name: "email", Category: gallra.CategoryEmail, Role: gallra.RoleRequester}},
		Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}}}, nil
}

func (b *box) List(_ context.Context, q connector.Query) (connector.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	after, _ := strconv.Atoi(q.Cursor) // "" starts before the first
	var ids []int
	for id, r := range b.cases {
		if in(r, q) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	page := connector.Page{Total: int64(len(ids))}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	for _, id := range ids {
		if id <= after {
			continue
		}
		if len(page.Records) == limit {
			page.Next = page.Records[limit-1].Ref.ID
			break
		}
		r := b.cases[id]
		if q.Fields != connector.FieldsAll {
			r.Fields = r.Fields[:1]
		}
		page.Records = append(page.Records, r)
	}
	return page, nil
}

func in(r gallra.Record, q connector.Query) bool {
	if q.Clock == "" {
		return true
	}
	t, ok := r.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = r.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

func (b *box) get(ref gallra.Ref) (int, gallra.Record, error) {
	id, _ := strconv.Atoi(ref.ID)
	r, ok := b.cases[id]
	if !ok {
		return 0, r, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	return id, r, nil
}

func (b *box) Get(_ context.Context, ref gallra.Ref) (gallra.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, r, err := b.get(ref)
	return r, err
}

func (b *box) Erase(_ context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, r, err := b.get(ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != r.Version {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed")
	}
	delete(b.cases, id)
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, At: time.Now(), Final: true}, nil
}

func (b *box) Edit(_ context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, r, err := b.get(ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != r.Version {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed")
	}
	r.Fields = slices.Clone(r.Fields)
	for _, f := range set {
		for i := range r.Fields {
			if r.Fields[i].Name == f.Name {
				r.Fields[i].Value = f.Value
			}
		}
	}
	v, _ := strconv.Atoi(r.Version)
	r.Version = fmt.Sprint(v + 1)
	b.cases[id] = r
	return gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, At: time.Now(), Final: true}, nil
}

func (b *box) Profile() connector.Profile {
	return connector.Profile{BackupLife: "P30D", Remains: []connector.Remain{
		{Where: "index", SV: "Sökindexet, tills det byggs om på natten", EN: "The search index, until it is rebuilt at night"}}}
}

// Find compares the address of a case whole.
func (b *box) Find(_ context.Context, n connector.Needles, _ string) (connector.Hits, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out connector.Hits
	for _, r := range b.cases {
		v, _ := r.Field("email")
		for i, id := range n.Identifiers {
			if id.Kind == gallra.IdentEmail && id.Value == v {
				out.Hits = append(out.Hits, connector.Hit{Ref: r.Ref, Role: gallra.RoleRequester, Field: "email", Kind: id.Kind, Certainty: connector.Certain, Created: r.Created, Identifier: i})
			}
		}
	}
	slices.SortFunc(out.Hits, func(a, b connector.Hit) int { return a.Created.Compare(b.Created) })
	return out, nil
}

// Count returns how many cases a system of the site holds.
func (s *Site) Count(id gallra.SystemID) int {
	b := s.boxes[id]
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.cases)
}
