// Package memory is the reference connector: a small customer-service system
// that lives in the process, with persons, conversations, messages, attachments,
// history, a search index and a wastebasket. It shows what the contract of
// package connector means, and stands in other packages' tests for a system
// that cannot be started there. It can be told to fail, to lie (answer success
// and do nothing) and to promise instead of erasing.
package memory

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
)

// The record types.
const (
	TypePerson       = "person"
	TypeConversation = "conversation"
	TypeMessage      = "message"
	TypeAttachment   = "attachment"
	TypeHistory      = "history"
)

// Options shape a System.
type Options struct {
	// System is the id that references carry; "memory" when empty.
	System gallra.SystemID
	// Name makes the system reachable as "memory:NAME" through the registry.
	Name string
	// Wastebasket makes Erase a promise: what is erased lies in a wastebasket
	// until EmptyWastebasket, and Confirm tells whether it has.
	Wastebasket bool
	// Now is the clock of receipts; time.Now when nil.
	Now func() time.Time
}

// System is the storage: what a server would hold. It is safe for concurrent
// use, and any number of Sources may be open over it.
type System struct {
	opts Options

	mu     sync.RWMutex
	last   int64
	ids    []int64 // ascending; may hold ids that are gone
	rows   map[int64]*row
	basket map[int64]*row
	index  map[int64]string  // what its search engine holds of each record
	files  map[string][]byte // shared between attachments, by digest
	fail   func(op string, ref gallra.Ref) error
	lie    bool
}

// row is one record as it is stored.
type row struct {
	id, parent, person, about int64 // about: the record a history row tells of
	typ                       string
	version                   int64
	fields                    []gallra.Field
	file                      string // digest of an attachment's bytes
	restricted                bool

	created, updated, contact, closed time.Time
}

// New returns an empty system. A Name that is taken is taken over.
func New(o Options) *System {
	if o.System == "" {
		o.System = "memory"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &System{opts: o}
	s.Reset()
	if o.Name != "" {
		named.Lock()
		defer named.Unlock()
		named.systems[o.Name] = s
	}
	return s
}

var named = struct {
	sync.Mutex
	systems map[string]*System
}{systems: map[string]*System{}}

// Open returns a connection to the system.
func (s *System) Open() *Source { return &Source{sys: s, id: s.opts.System} }

// Reset forgets every record and switches faults and lies off.
func (s *System) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids, s.rows, s.basket = nil, map[int64]*row{}, map[int64]*row{}
	s.index, s.files = map[int64]string{}, map[string][]byte{}
	s.fail, s.lie = nil, false
}

// Fail makes every operation ask f first and return its error. op is the name
// of the method in lower case ("list", "erase"), ref is zero where there is none;
// in EraseMany and EditMany f is asked for each item. nil switches it off.
func (s *System) Fail(f func(op string, ref gallra.Ref) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Lie makes Erase and Edit answer success and do nothing (REQUIREMENTS G-7).
func (s *System) Lie(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lie = on
}

// EmptyWastebasket makes what was promised true.
func (s *System) EmptyWastebasket() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.basket)
	s.sweep()
}

// Count returns how many records of a type there are.
func (s *System) Count(typ string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, r := range s.rows {
		if r.typ == typ {
			n++
		}
	}
	return n
}

// Person is a customer's record.
type Person struct {
	Name, Email, Phone, Personnummer, Username, Customer, IP string
	Segment                                                  string // a statistics field
	Created, Updated                                         time.Time
}

// Conversation is a case.
type Conversation struct {
	Person                           gallra.Ref // its requester's record; may be zero
	Name, Email                      string     // its requester as the case itself has it
	Subject                          string
	Queue, Channel, Category, Status string // statistics fields
	Rating                           string
	Messages                         []Message

	Created, Updated, Contact, Closed time.Time
}

// Message is one message of a conversation.
type Message struct {
	Name, Email string // of its sender
	Text        string
	Direction   string // "in" or "out": a statistics field
	Created     time.Time
	Files       []File
}

// File is an attachment.
type File struct {
	Name    string
	Content []byte
}

// AddPerson stores a person.
func (s *System) AddPerson(p Person) gallra.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&row{typ: TypePerson, created: p.Created, updated: p.Updated, fields: []gallra.Field{
		{Name: "name", Value: p.Name}, {Name: "email", Value: p.Email}, {Name: "phone", Value: p.Phone},
		{Name: "personnummer", Value: p.Personnummer}, {Name: "username", Value: p.Username},
		{Name: "customer", Value: p.Customer}, {Name: "ip", Value: p.IP}, {Name: "segment", Value: p.Segment},
	}})
}

// AddConversation stores a conversation with its messages.
func (s *System) AddConversation(c Conversation) gallra.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.add(&row{typ: TypeConversation, person: number(c.Person.ID), created: c.Created, updated: c.Updated, contact: c.Contact, closed: c.Closed, fields: []gallra.Field{
		{Name: "contact_name", Value: c.Name}, {Name: "contact_email", Value: c.Email}, {Name: "subject", Value: c.Subject},
		{Name: "queue", Value: c.Queue}, {Name: "channel", Value: c.Channel}, {Name: "category", Value: c.Category},
		{Name: "status", Value: c.Status}, {Name: "rating", Value: c.Rating},
	}})
	for _, m := range c.Messages {
		s.addMessage(ref, m)
	}
	return ref
}

// AddMessage stores one more message of a conversation; the conversation
// changes by it.
func (s *System) AddMessage(conversation gallra.Ref, m Message) gallra.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rows[number(conversation.ID)]; r != nil {
		r.version++
		if m.Created.After(r.updated) {
			r.updated = m.Created
		}
		if m.Created.After(r.contact) {
			r.contact = m.Created
		}
	}
	return s.addMessage(conversation, m)
}

func (s *System) addMessage(conversation gallra.Ref, m Message) gallra.Ref {
	parent := number(conversation.ID)
	ref := s.add(&row{typ: TypeMessage, parent: parent, created: m.Created, updated: m.Created, contact: m.Created, fields: []gallra.Field{
		{Name: "from_name", Value: m.Name}, {Name: "from_email", Value: m.Email}, {Name: "body", Value: m.Text}, {Name: "direction", Value: m.Direction},
	}})
	for _, f := range m.Files {
		sum := sha256.Sum256(f.Content)
		digest := hex.EncodeToString(sum[:])
		s.files[digest] = slices.Clone(f.Content)
		s.add(&row{typ: TypeAttachment, parent: number(ref.ID), file: digest, created: m.Created, updated: m.Created, fields: []gallra.Field{{Name: "filename", Value: f.Name}}})
	}
	return ref
}

// AddHistory stores what a field of ref once said.
func (s *System) AddHistory(ref gallra.Ref, was string) gallra.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.rows[number(ref.ID)]
	r := &row{typ: TypeHistory, about: number(ref.ID), fields: []gallra.Field{{Name: "event", Value: "changed"}, {Name: "was", Value: was}}}
	if of != nil {
		r.parent, r.created, r.updated = of.id, of.updated, of.updated
	}
	return s.add(r)
}

// Touch changes a record as its system would at new activity: a new version,
// and at as time of its last change and contact.
func (s *System) Touch(ref gallra.Ref, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rows[number(ref.ID)]; r != nil {
		r.version++
		r.updated, r.contact = at, at
		s.reindex(r)
	}
}

// Hide plants a record that only a look at the storage sees: text under ref's
// id in the wastebasket, as a restored backup or a careless import leaves it.
func (s *System) Hide(ref gallra.Ref, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := number(ref.ID)
	s.basket[id] = &row{id: id, typ: ref.Type, fields: []gallra.Field{{Name: "text", Value: text}}}
}

// Index plants text in the search index under ref.
func (s *System) Index(ref gallra.Ref, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index[number(ref.ID)] = strings.ToLower(text)
}

// Place is one value as it is stored.
type Place struct {
	Where string // "message/12.body", "index/12"
	Value string
}

// Stored returns everything the system holds, in a stable order: live records,
// wastebasket, search index and the files.
func (s *System) Stored() []Place {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Place
	for _, part := range []struct {
		name string
		rows map[int64]*row
	}{{"", s.rows}, {"wastebasket:", s.basket}} {
		for _, id := range sorted(part.rows) {
			r := part.rows[id]
			at := part.name + r.typ + "/" + strconv.FormatInt(id, 10)
			for _, f := range r.fields {
				out = append(out, Place{at + "." + f.Name, f.Value})
			}
			if r.file != "" {
				out = append(out, Place{at + ".file", string(s.files[r.file])})
			}
		}
	}
	for _, id := range sorted(s.index) {
		out = append(out, Place{"index/" + strconv.FormatInt(id, 10), s.index[id]})
	}
	for _, digest := range sorted(s.files) {
		out = append(out, Place{"file/" + digest, string(s.files[digest])})
	}
	return out
}

// add stores r under the next id; the caller holds the lock.
func (s *System) add(r *row) gallra.Ref {
	s.last++
	r.id, r.version = s.last, 1
	s.rows[r.id] = r
	s.ids = append(s.ids, r.id)
	s.reindex(r)
	return s.ref(r)
}

func (s *System) ref(r *row) gallra.Ref {
	return gallra.Ref{System: s.opts.System, Type: r.typ, ID: strconv.FormatInt(r.id, 10)}
}

// reindex writes what the search engine holds of r.
func (s *System) reindex(r *row) {
	var b strings.Builder
	for _, f := range r.fields {
		if info, ok := types[r.typ].Field(f.Name); ok && !info.Keep && f.Value != "" {
			b.WriteString(f.Value)
			b.WriteByte('\n')
		}
	}
	if r.file != "" {
		b.Write(s.files[r.file])
	}
	s.index[r.id] = strings.ToLower(b.String())
}

// sweep removes files that no record uses, and shortens the id list.
func (s *System) sweep() {
	used := map[string]bool{}
	for _, rows := range []map[int64]*row{s.rows, s.basket} {
		for _, r := range rows {
			used[r.file] = true
		}
	}
	for d := range s.files {
		if !used[d] {
			delete(s.files, d)
		}
	}
	if len(s.ids) > 2*len(s.rows)+64 {
		s.ids = slices.DeleteFunc(s.ids, func(id int64) bool { return s.rows[id] == nil })
	}
}

// number reads an id; 0, which no record has, for anything else.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != id {
		return 0
	}
	return n
}
