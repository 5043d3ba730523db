package memory

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func init() {
	connector.Register(connector.Info{
		Name: "memory", Schemes: []string{"memory"}, Title: "Memory (reference)", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanRestrict, connector.CanConfirm,
			connector.CanAttachments, connector.CanLeftovers, connector.CanVerify, connector.CanPartition, connector.CanBatch, connector.CanUnlink},
		Finds: gallra.IdentifierKinds(),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) {
			named.Lock()
			defer named.Unlock()
			s := named.systems[c.Path()]
			if s == nil {
				return nil, gallra.Errorf(gallra.Unavailable, "memory.unknown")
			}
			src := s.Open()
			if c.System != "" {
				src.id = c.System
			}
			return src, nil
		},
	})
}

// defaultLimit is the page size when the query names none.
const defaultLimit = 500

// types describes the records; the order of order is parents first.
var (
	order = []string{TypePerson, TypeConversation, TypeMessage, TypeAttachment, TypeHistory}
	types = map[string]connector.Type{
		TypePerson: {Name: TypePerson, Kind: connector.KindPerson, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}, Fields: []connector.FieldInfo{
			identity("name", gallra.CategoryPerson), identity("email", gallra.CategoryEmail), identity("phone", gallra.CategoryPhone),
			identity("personnummer", gallra.CategoryPersonnummer), identity("username", gallra.CategoryUsername),
			identity("customer", gallra.CategoryCustomerID), identity("ip", gallra.CategoryIP), keep("segment"),
		}},
		TypeConversation: {Name: TypeConversation, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}, Fields: []connector.FieldInfo{
			identity("contact_name", gallra.CategoryPerson), identity("contact_email", gallra.CategoryEmail), {Name: "subject", Text: true},
			keep("queue"), keep("channel"), keep("category"), keep("status"), keep("rating"),
		}},
		TypeMessage: {Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}, Fields: []connector.FieldInfo{
			{Name: "from_name", Category: gallra.CategoryPerson, Role: gallra.RoleAuthor}, {Name: "from_email", Category: gallra.CategoryEmail, Role: gallra.RoleAuthor},
			{Name: "body", Text: true}, keep("direction"),
		}},
		TypeAttachment: {Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeMessage, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true}, {Name: "content", Text: true, Format: connector.FormatFile},
		}},
		TypeHistory: {Name: TypeHistory, Kind: connector.KindTrace, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			keep("event"), {Name: "was", Text: true},
		}},
	}
)

func identity(name string, c gallra.Category) connector.FieldInfo {
	return connector.FieldInfo{Name: name, Category: c, Role: gallra.RoleRequester}
}

func keep(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Keep: true} }

// Source is one connection to a System.
type Source struct {
	sys    *System
	id     gallra.SystemID
	closed atomic.Bool
}

// ready is asked before every operation; the caller holds the lock.
func (c *Source) ready(ctx context.Context, op string, ref gallra.Ref) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.closed.Load() {
		return gallra.Errorf(gallra.Unavailable, "memory.closed")
	}
	if c.sys.fail != nil {
		return c.sys.fail(op, ref)
	}
	return nil
}

// Check reports whether the connection is open.
func (c *Source) Check(ctx context.Context) error {
	c.sys.mu.RLock()
	defer c.sys.mu.RUnlock()
	return c.ready(ctx, "check", gallra.Ref{})
}

// Types returns the five record types.
func (c *Source) Types(ctx context.Context) ([]connector.Type, error) {
	c.sys.mu.RLock()
	defer c.sys.mu.RUnlock()
	if err := c.ready(ctx, "types", gallra.Ref{}); err != nil {
		return nil, err
	}
	out := make([]connector.Type, 0, len(order))
	for _, n := range order {
		out = append(out, types[n])
	}
	return out, nil
}

// Close ends the connection; the system stays.
func (c *Source) Close() error { c.closed.Store(true); return nil }

// List reads in order of id; the cursor is the last id given out.
func (c *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "list", gallra.Ref{}); err != nil {
		return connector.Page{}, err
	}
	if _, ok := types[q.Type]; !ok {
		return connector.Page{}, gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", q.Type)
	}
	lo, hi, err := span(q.Partition)
	if err != nil {
		return connector.Page{}, err
	}
	p := connector.Page{Total: -1}
	if q.Cursor != "" {
		after := number(q.Cursor)
		if after == 0 {
			return connector.Page{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		lo = max(lo, after+1)
	} else {
		p.Total = 0
		for _, r := range s.rows {
			if s.selected(r, q) && r.id >= lo && r.id < hi {
				p.Total++
			}
		}
	}
	limit := cmp.Or(max(q.Limit, 0), defaultLimit)
	from, _ := slices.BinarySearch(s.ids, lo)
	for _, id := range s.ids[from:] {
		r := s.rows[id]
		if id >= hi {
			break
		}
		if r == nil || !s.selected(r, q) {
			continue
		}
		if len(p.Records) == limit {
			p.Next = p.Records[limit-1].Ref.ID
			break
		}
		p.Records = append(p.Records, c.record(r, q.Fields))
	}
	return p, nil
}

func (s *System) selected(r *row, q connector.Query) bool {
	if r.typ != q.Type {
		return false
	}
	if q.Parents != nil && !slices.ContainsFunc(q.Parents, func(p gallra.Ref) bool { return s.below(r, number(p.ID)) }) {
		return false
	}
	if q.Clock == "" {
		return true
	}
	rec := gallra.Record{Created: r.created, Updated: r.updated, Contact: r.contact, Closed: r.closed}
	t, ok := rec.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = rec.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To)) || q.From.IsZero() && q.To.IsZero()
}

// below reports whether r hangs on the record ancestor, at any depth.
func (s *System) below(r *row, ancestor int64) bool {
	for r != nil && r.parent != 0 {
		if r.parent == ancestor {
			return true
		}
		r = s.rows[r.parent]
	}
	return false
}

// conversation returns the conversation r belongs to; nil when it belongs to none.
func (s *System) conversation(r *row) *row {
	for r != nil && r.typ != TypeConversation {
		r = s.rows[r.parent]
	}
	return r
}

func (c *Source) ref(r *row) gallra.Ref {
	return gallra.Ref{System: c.id, Type: r.typ, ID: strconv.FormatInt(r.id, 10)}
}

func (c *Source) record(r *row, p connector.Projection) gallra.Record {
	rec := gallra.Record{Ref: c.ref(r), Version: strconv.FormatInt(r.version, 10), Created: r.created, Updated: r.updated, Contact: r.contact, Closed: r.closed}
	if parent := c.sys.rows[r.parent]; parent != nil {
		rec.Parent = c.ref(parent)
	}
	if person := c.sys.rows[r.person]; person != nil {
		rec.Person = c.ref(person)
	}
	for _, f := range r.fields {
		info, _ := types[r.typ].Field(f.Name)
		if p == connector.FieldsAll || p == connector.FieldsKeep && info.Keep {
			rec.Fields = append(rec.Fields, f)
		}
	}
	if r.typ == TypeAttachment && p == connector.FieldsAll {
		rec.Fields = append(rec.Fields, gallra.Field{Name: "content", Value: string(c.sys.files[r.file])})
	}
	return rec
}

// row returns the record that ref points at; the caller holds the lock.
func (c *Source) row(ref gallra.Ref) (*row, error) {
	r := c.sys.rows[number(ref.ID)]
	if r == nil || r.typ != ref.Type || ref.System != "" && ref.System != c.id {
		return nil, gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
	}
	return r, nil
}

// Get returns one record.
func (c *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	c.sys.mu.RLock()
	defer c.sys.mu.RUnlock()
	if err := c.ready(ctx, "get", ref); err != nil {
		return gallra.Record{}, err
	}
	r, err := c.row(ref)
	if err != nil {
		return gallra.Record{}, err
	}
	return c.record(r, connector.FieldsAll), nil
}

// Open returns the bytes of an attachment.
func (c *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	c.sys.mu.RLock()
	defer c.sys.mu.RUnlock()
	if err := c.ready(ctx, "open", ref); err != nil {
		return nil, err
	}
	r, err := c.row(ref)
	if err != nil {
		return nil, err
	}
	b, ok := c.sys.files[r.file]
	if !ok {
		return nil, gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Partitions cuts the ids into n ranges.
func (c *Source) Partitions(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "partitions", gallra.Ref{}); err != nil {
		return nil, err
	}
	step := s.last/int64(max(n, 1)) + 1
	var out []connector.Query
	for lo := int64(1); lo <= s.last || len(out) == 0; lo += step {
		p := q
		hi := strconv.FormatInt(lo+step, 10)
		if lo+step > s.last {
			hi = "" // what is added later belongs to the last
		}
		p.Partition = strconv.FormatInt(lo, 10) + "-" + hi
		out = append(out, p)
	}
	return out, nil
}

// span reads a partition as the half-open range of ids it stands for.
func span(p string) (lo, hi int64, err error) {
	if p == "" {
		return 1, 1<<63 - 1, nil
	}
	a, b, ok := strings.Cut(p, "-")
	lo, hi = number(a), 1<<63-1
	if b != "" {
		hi = number(b)
	}
	if !ok || lo == 0 || hi == 0 {
		return 0, 0, gallra.Errorf(gallra.Invalid, "connector.bad_partition")
	}
	return lo, hi, nil
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// now returns the time of receipts.
func (c *Source) now() time.Time { return c.sys.opts.Now() }
