package connectortest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/memory"
)

// mutant is the reference connector with one thing wrong.
type mutant struct {
	name   string
	caught string // by this check
	wrap   func(tb connectortest.TB, s *memory.Source, sys *memory.System) connector.Source
}

// wrong overrides single methods of a source; a nil one is the original.
type wrong struct {
	*memory.Source
	types     func(context.Context) ([]connector.Type, error)
	list      func(context.Context, connector.Query) (connector.Page, error)
	get       func(context.Context, gallra.Ref) (gallra.Record, error)
	find      func(context.Context, connector.Needles, string) (connector.Hits, error)
	erase     func(context.Context, gallra.Ref, string) (gallra.Receipt, error)
	edit      func(context.Context, gallra.Ref, string, []gallra.Field) (gallra.Receipt, error)
	eraseMany func(context.Context, []connector.Item) ([]connector.Result, error)
	left      func(context.Context, connector.Needles, string) (connector.Residues, error)
	remains   func(context.Context, []gallra.Ref) ([]gallra.Residue, error)
	open      func(context.Context, gallra.Ref) (io.ReadCloser, error)
	parts     func(context.Context, connector.Query, int) ([]connector.Query, error)
	unlink    func(context.Context, []gallra.Ref) ([]connector.Result, error)
	trace     func(context.Context, []gallra.Ref) (connector.Trace, error)
	close     func() error
	editMany  func(context.Context, []connector.Edit) ([]connector.Result, error)
}

func (w *wrong) Trace(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
	if w.trace != nil {
		return w.trace(ctx, refs)
	}
	return w.Source.Trace(ctx, refs)
}

// blind is a trace that sees nothing: no row, or no value.
type blind struct {
	connector.Trace
	rows, values bool
}

func (b blind) Remains(ctx context.Context) ([]gallra.Residue, error) {
	if b.rows {
		return nil, ctx.Err()
	}
	return b.Trace.Remains(ctx)
}

func (b blind) Leftovers(ctx context.Context, lost []connector.Lost, look func(string) connector.Look) ([]gallra.Residue, error) {
	if b.values {
		return nil, ctx.Err()
	}
	return b.Trace.Leftovers(ctx, lost, look)
}

func (w *wrong) Unlink(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
	if w.unlink != nil {
		return w.unlink(ctx, refs)
	}
	return w.Source.Unlink(ctx, refs)
}

func (w *wrong) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	if w.editMany != nil {
		return w.editMany(ctx, edits)
	}
	return w.Source.EditMany(ctx, edits)
}

func (w *wrong) Types(ctx context.Context) ([]connector.Type, error) {
	if w.types != nil {
		return w.types(ctx)
	}
	return w.Source.Types(ctx)
}

func (w *wrong) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if w.list != nil {
		return w.list(ctx, q)
	}
	return w.Source.List(ctx, q)
}

func (w *wrong) Get(ctx context.Context, r gallra.Ref) (gallra.Record, error) {
	if w.get != nil {
		return w.get(ctx, r)
	}
	return w.Source.Get(ctx, r)
}

func (w *wrong) Find(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
	if w.find != nil {
		return w.find(ctx, n, c)
	}
	return w.Source.Find(ctx, n, c)
}

func (w *wrong) Erase(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
	if w.erase != nil {
		return w.erase(ctx, r, v)
	}
	return w.Source.Erase(ctx, r, v)
}

func (w *wrong) Edit(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
	if w.edit != nil {
		return w.edit(ctx, r, v, set)
	}
	return w.Source.Edit(ctx, r, v, set)
}

func (w *wrong) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	if w.eraseMany != nil {
		return w.eraseMany(ctx, items)
	}
	return w.Source.EraseMany(ctx, items)
}

func (w *wrong) Leftovers(ctx context.Context, n connector.Needles, c string) (connector.Residues, error) {
	if w.left != nil {
		return w.left(ctx, n, c)
	}
	return w.Source.Leftovers(ctx, n, c)
}

func (w *wrong) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if w.remains != nil {
		return w.remains(ctx, refs)
	}
	return w.Source.Remains(ctx, refs)
}

func (w *wrong) Open(ctx context.Context, r gallra.Ref) (io.ReadCloser, error) {
	if w.open != nil {
		return w.open(ctx, r)
	}
	return w.Source.Open(ctx, r)
}

func (w *wrong) Partitions(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
	if w.parts != nil {
		return w.parts(ctx, q, n)
	}
	return w.Source.Partitions(ctx, q, n)
}

func (w *wrong) Close() error {
	if w.close != nil {
		return w.close()
	}
	return w.Source.Close()
}

// readOnly is a source that cannot erase although it is declared.
type readOnly struct{ connector.Source }

// done is a receipt of an erasure, whatever was done.
func done(ref gallra.Ref, s *memory.Source) gallra.Receipt {
	rec, err := s.Get(context.Background(), ref)
	if err != nil {
		return gallra.Receipt{}
	}
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, Final: true, At: rec.Created}
}

func mutants() []mutant {
	cursors := struct {
		sync.Mutex
		m map[string]string
	}{m: map[string]string{}}
	w := func(f func(w *wrong, s *memory.Source, sys *memory.System)) func(connectortest.TB, *memory.Source, *memory.System) connector.Source {
		return func(_ connectortest.TB, s *memory.Source, sys *memory.System) connector.Source {
			x := &wrong{Source: s}
			f(x, s, sys)
			return x
		}
	}
	return []mutant{
		{"pages by offset", "ListWhileDeleting", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				from, limit := 0, q.Limit
				if q.Cursor != "" {
					var err error
					if from, err = strconv.Atoi(q.Cursor); err != nil {
						return connector.Page{}, gallra.ErrInvalid
					}
				}
				q.Cursor, q.Limit = "", 0
				p, err := s.List(ctx, q)
				if err != nil || limit == 0 {
					return p, err
				}
				p.Records = p.Records[min(from, len(p.Records)):]
				if len(p.Records) > limit {
					p.Records, p.Next = p.Records[:limit], strconv.Itoa(from+limit)
				}
				return p, nil
			}
		})},
		{"takes a limit of one for none", "ListOnce", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				if q.Limit == 1 {
					q.Limit = 0
				}
				return s.List(ctx, q)
			}
		})},
		{"drops the last page", "ListOnce", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := s.List(ctx, q)
				if err == nil && q.Limit > 2 && len(p.Records) < q.Limit && q.Cursor != "" {
					p.Records = nil
				}
				return p, err
			}
		})},
		{"cursor dies with the process", "Resume", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			own := fmt.Sprintf("%p", w)
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				cursors.Lock()
				defer cursors.Unlock()
				if q.Cursor != "" {
					key, ok := cursors.m[own+q.Cursor]
					if !ok {
						return connector.Page{}, gallra.ErrInvalid
					}
					q.Cursor = key
				}
				p, err := s.List(ctx, q)
				if p.Next != "" {
					key := "c" + p.Next
					cursors.m[own+key], p.Next = p.Next, key
				}
				return p, err
			}
		})},
		{"range includes its end", "ListRange", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				if !q.To.IsZero() {
					q.To = q.To.Add(1)
				}
				return s.List(ctx, q)
			}
		})},
		{"ignores the fallback clock", "ListRange", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				q.Fallback = ""
				return s.List(ctx, q)
			}
		})},
		{"ignores parents", "ListParents", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				q.Parents = nil
				return s.List(ctx, q)
			}
		})},
		{"a partition loses its first record", "Partitions", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.parts = func(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
				qs, err := s.Partitions(ctx, q, n)
				if len(qs) > 1 {
					qs = qs[1:]
				}
				return qs, err
			}
		})},
		{"fills all fields in every projection", "Projections", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				q.Fields = connector.FieldsAll
				return s.List(ctx, q)
			}
		})},
		{"statistics field with a name in it", "Projections", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.types = func(ctx context.Context) ([]connector.Type, error) {
				ts, err := s.Types(ctx)
				for i, t := range ts {
					ts[i].Fields = slices.Clone(t.Fields)
					for j, f := range ts[i].Fields {
						if f.Name == "subject" {
							ts[i].Fields[j] = connector.FieldInfo{Name: "subject", Keep: true}
						}
					}
				}
				return ts, err
			}
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := s.List(ctx, q)
				for i, r := range p.Records {
					if v, ok := r.Field("subject"); q.Fields == connector.FieldsKeep && !ok {
						full, _ := s.Get(ctx, r.Ref)
						if v, ok = full.Field("subject"); ok {
							p.Records[i].Fields = append(slices.Clone(r.Fields), gallra.Field{Name: "subject", Value: v})
						}
					}
				}
				return p, err
			}
		})},
		{"statistics field declared personal", "Types", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.types = func(ctx context.Context) ([]connector.Type, error) {
				ts, err := s.Types(ctx)
				for i, t := range ts {
					ts[i].Fields = append(slices.Clone(t.Fields), connector.FieldInfo{Name: "vip", Keep: true, Category: gallra.CategoryPerson})
				}
				return ts, err
			}
		})},
		{"children before parents", "Types", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.types = func(ctx context.Context) ([]connector.Type, error) {
				ts, err := s.Types(ctx)
				slices.Reverse(ts)
				return ts, err
			}
		})},
		{"declares what it cannot", "Declared", func(_ connectortest.TB, s *memory.Source, _ *memory.System) connector.Source {
			return readOnly{s}
		}},
		{"spoils carriage returns", "Faithful", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := s.List(ctx, q)
				for i, r := range p.Records {
					p.Records[i].Fields = slices.Clone(r.Fields)
					for j, f := range p.Records[i].Fields {
						p.Records[i].Fields[j].Value = strings.ReplaceAll(f.Value, "\r\n", "\n")
					}
				}
				return p, err
			}
		})},
		{"nothing found is no error", "NotFound", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.get = func(ctx context.Context, r gallra.Ref) (gallra.Record, error) {
				rec, err := s.Get(ctx, r)
				if errors.Is(err, gallra.ErrNotFound) {
					return gallra.Record{}, nil
				}
				return rec, err
			}
		})},
		{"marks as seen", "ReadsChangeNothing", w(func(w *wrong, s *memory.Source, sys *memory.System) {
			w.get = func(ctx context.Context, r gallra.Ref) (gallra.Record, error) {
				sys.Index(r, "seen")
				return s.Get(ctx, r)
			}
		})},
		{"finds substrings", "FindWhole", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.find = func(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
				out, err := s.Find(ctx, n, c)
				for i, id := range n.Identifiers {
					p, _ := s.List(ctx, connector.Query{Type: memory.TypeConversation})
					for _, r := range p.Records {
						if v, _ := r.Field("contact_email"); id.Kind == gallra.IdentEmail && strings.Contains(v, id.Value) && v != id.Value {
							out.Hits = append(out.Hits, connector.Hit{Ref: r.Ref, Role: gallra.RoleRequester, Field: "contact_email", Kind: id.Kind, Certainty: connector.Certain, Identifier: i})
						}
					}
				}
				return out, err
			}
		})},
		{"finds one case of letters only", "FindForms", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.find = func(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
				out, err := s.Find(ctx, n, c)
				out.Hits = slices.DeleteFunc(out.Hits, func(h connector.Hit) bool {
					r, _ := s.Get(ctx, h.Ref)
					v, _ := r.Field(h.Field)
					return !strings.Contains(v, n.Identifiers[h.Identifier].Value)
				})
				return out, err
			}
		})},
		{"a name alone is certain", "FindWhole", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.find = func(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
				out, err := s.Find(ctx, n, c)
				for i := range out.Hits {
					out.Hits[i].Certainty = connector.Certain
				}
				return out, err
			}
		})},
		{"a mention makes the case one's own", "FindMention", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.find = func(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
				out, err := s.Find(ctx, n, c)
				for i := range out.Hits {
					out.Hits[i].Role = gallra.RoleRequester
				}
				return out, err
			}
		})},
		{"hides instead of erasing", "EraseExactly", w(func(w *wrong, s *memory.Source, sys *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				rec, err := s.Get(ctx, r)
				if err != nil {
					return gallra.Receipt{}, err
				}
				out, err := s.Erase(ctx, r, v)
				if err == nil {
					subject, _ := rec.Field("subject")
					sys.Hide(r, subject)
				}
				return out, err
			}
		})},
		{"answers success and does nothing (G-7)", "EraseExactly", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(_ context.Context, r gallra.Ref, _ string) (gallra.Receipt, error) { return done(r, s), nil }
		})},
		{"leaves the search index", "EraseExactly", w(func(w *wrong, s *memory.Source, sys *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				rec, _ := s.Get(ctx, r)
				out, err := s.Erase(ctx, r, v)
				if subject, ok := rec.Field("subject"); err == nil && ok {
					sys.Index(r, subject)
				}
				return out, err
			}
		})},
		{"keeps the attachment", "EraseExactly", w(func(w *wrong, s *memory.Source, sys *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				p, _ := s.List(ctx, connector.Query{Type: memory.TypeAttachment, Parents: []gallra.Ref{r}})
				out, err := s.Erase(ctx, r, v)
				for _, a := range p.Records {
					if c, ok := a.Field("content"); ok && err == nil {
						sys.Hide(a.Ref, c)
					}
				}
				return out, err
			}
		})},
		{"erases a neighbour too", "EraseExactly", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := s.Erase(ctx, r, v)
				if err == nil {
					p, _ := s.List(ctx, connector.Query{Type: memory.TypeHistory, Limit: 1})
					for _, o := range p.Records {
						_, _ = s.Erase(ctx, o.Ref, "")
					}
				}
				return out, err
			}
		})},
		{"takes shared files along", "SharedContent", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := s.Erase(ctx, r, v)
				if err == nil {
					p, _ := s.List(ctx, connector.Query{Type: memory.TypeAttachment})
					for _, a := range p.Records {
						_, _ = s.Edit(ctx, a.Ref, "", []gallra.Field{{Name: "content", Value: ""}})
					}
				}
				return out, err
			}
		})},
		{"unlinks by erasing the person", "Unlink", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.unlink = func(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
				for _, r := range refs {
					if rec, err := s.Get(ctx, r); err == nil && !rec.Person.IsZero() {
						_, _ = s.Erase(ctx, rec.Person, "")
					}
				}
				return s.Unlink(ctx, refs)
			}
		})},
		{"says that an edit has unlinked", "Unlink", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.editMany = func(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
				kept := slices.Clone(edits)
				for i := range kept {
					kept[i].Unlink = false
				}
				out, err := s.EditMany(ctx, kept)
				for i := range out {
					out[i].Unlinked = out[i].Err == nil
				}
				return out, err
			}
		})},
		{"unlinks with success and does nothing", "Unlink", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.unlink = func(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
				out := make([]connector.Result, len(refs))
				for i, r := range refs {
					if _, err := s.Get(ctx, r); err != nil {
						out[i].Err = err
						continue
					}
					out[i].Receipt = gallra.Receipt{Ref: r, Grade: gallra.GradeUnlinked, Final: true}
				}
				return out, nil
			}
		})},
		{"a second erasure succeeds", "EraseTwice", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := s.Erase(ctx, r, v)
				if errors.Is(err, gallra.ErrNotFound) {
					return gallra.Receipt{Ref: r, Final: true}, nil
				}
				return out, err
			}
		})},
		{"ignores the version", "EraseStale", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, _ string) (gallra.Receipt, error) { return s.Erase(ctx, r, "") }
		})},
		{"swallows a refused write", "EraseRefused", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := s.Erase(ctx, r, v)
				if errors.Is(err, gallra.ErrUnavailable) {
					return done(r, s), nil
				}
				return out, err
			}
		})},
		{"batch results in another order", "EraseMany", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.eraseMany = func(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
				out, err := s.EraseMany(ctx, items)
				slices.Reverse(out)
				return out, err
			}
		})},
		{"batch drops the failures", "EraseMany", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.eraseMany = func(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
				out, err := s.EraseMany(ctx, items)
				return slices.DeleteFunc(out, func(r connector.Result) bool { return r.Err != nil }), err
			}
		})},
		{"batch stops at the first failure", "EraseMany", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.eraseMany = func(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
				out := make([]connector.Result, len(items))
				for i, it := range items {
					if out[i].Receipt, out[i].Err = s.Erase(ctx, it.Ref, it.IfVersion); out[i].Err != nil {
						break
					}
				}
				return out, nil
			}
		})},
		{"leaves the old value in the history", "EditForgets", w(func(w *wrong, s *memory.Source, sys *memory.System) {
			w.edit = func(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
				rec, err := s.Get(ctx, r)
				if err != nil {
					return gallra.Receipt{}, err
				}
				out, err := s.Edit(ctx, r, v, set)
				if was, ok := rec.Field("subject"); err == nil && ok {
					sys.AddHistory(r, was)
				}
				return out, err
			}
		})},
		{"an edit empties the statistics field", "EditForgets", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.edit = func(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
				return s.Edit(ctx, r, v, append(slices.Clone(set), gallra.Field{Name: "queue", Value: ""}))
			}
		})},
		{"an edit ignores the version", "EditStale", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.edit = func(ctx context.Context, r gallra.Ref, _ string, set []gallra.Field) (gallra.Receipt, error) {
				return s.Edit(ctx, r, "", set)
			}
		})},
		{"opens nothing", "Attachments", w(func(w *wrong, _ *memory.Source, _ *memory.System) {
			w.open = func(context.Context, gallra.Ref) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("")), nil
			}
		})},
		{"looks for leftovers by the road of Find", "Leftovers", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.left = func(ctx context.Context, n connector.Needles, c string) (connector.Residues, error) {
				hits, err := s.Find(ctx, n, c)
				var out connector.Residues
				for _, h := range hits.Hits {
					out.Residues = append(out.Residues, gallra.Residue{Ref: h.Ref, Where: h.Field, Why: "found"})
				}
				return out, err
			}
		})},
		{"a residue tells the value", "Leftovers", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.left = func(ctx context.Context, n connector.Needles, c string) (connector.Residues, error) {
				out, err := s.Leftovers(ctx, n, c)
				for i := range out.Residues {
					out.Residues[i].Why = n.Identifiers[0].Value
				}
				return out, err
			}
		})},
		{"verifies by the live records", "Remains", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.remains = func(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
				var out []gallra.Residue
				for _, r := range refs {
					if _, err := s.Get(ctx, r); err == nil {
						out = append(out, gallra.Residue{Ref: r, Where: "live", Why: "there"})
					}
				}
				return out, ctx.Err()
			}
		})},
		{"a trace that sees no row", "Trace", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.trace = func(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
				t, err := s.Trace(ctx, refs)
				return blind{Trace: t, rows: true}, err
			}
		})},
		{"a trace that sees no value", "Trace", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.trace = func(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
				t, err := s.Trace(ctx, refs)
				return blind{Trace: t, values: true}, err
			}
		})},
		{"ignores the context", "Cancelled", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.erase = func(_ context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				return s.Erase(context.Background(), r, v)
			}
		})},
		{"quotes values in errors", "Secrets", w(func(w *wrong, s *memory.Source, _ *memory.System) {
			w.edit = func(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
				out, err := s.Edit(ctx, r, v, set)
				if err != nil {
					err = fmt.Errorf("set %q: %w", set[0].Value, err)
				}
				return out, err
			}
		})},
		{"leaks a goroutine a connection", "Close", func(tb connectortest.TB, s *memory.Source, _ *memory.System) connector.Source {
			stop := make(chan struct{})
			tb.Cleanup(func() { close(stop) })
			go func() { <-stop }()
			return s
		}},
	}
}

// TestS35_SuiteCatchesWrongConnectors runs the suite over connectors that are
// wrong on purpose: each must fail the check that is meant for it.
func TestS35_SuiteCatchesWrongConnectors(t *testing.T) {
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			h, sys := harness(t.Name(), memory.TypeConversation, memory.Options{})
			h.Open = func(tb connectortest.TB) connector.Source { return m.wrap(tb, sys.Open(), sys) }
			checks := connectortest.Checks()
			i := slices.IndexFunc(checks, func(c connectortest.Check) bool { return c.Name == m.caught })
			if i < 0 {
				t.Fatalf("the suite has no check %q", m.caught)
			}
			if r := record(t, checks[i], h); len(r.failures) == 0 {
				t.Errorf("%s does not catch it", m.caught)
			} else {
				t.Logf("caught: %s", r.failures[0])
			}
		})
	}
}

// TestS35_AFixedFieldThatIsSetIsCaught: the reference connector sets the field
// whose edit it would have to refuse.
func TestS35_AFixedFieldThatIsSetIsCaught(t *testing.T) {
	h, _ := harness(t.Name(), memory.TypeConversation, memory.Options{})
	h.Fixed = []string{"subject"}
	for _, c := range connectortest.Checks() {
		if c.Name == "EditFixed" && len(record(t, c, h).failures) == 0 {
			t.Error("EditFixed does not catch it")
		}
	}
}

// TestSuiteChecksItsHarness gives the suite harnesses that look at the wrong
// place; the first check must refuse them.
func TestSuiteChecksItsHarness(t *testing.T) {
	for name, spoil := range map[string]func(h *connectortest.Harness){
		"Stored shows nothing": func(h *connectortest.Harness) {
			h.Stored = func(connectortest.TB) []connectortest.Place { return nil }
		},
		"Stored hides values as Record does": func(h *connectortest.Harness) {
			look := h.Stored
			h.Stored = func(tb connectortest.TB) []connectortest.Place {
				ps := look(tb)
				for i, p := range ps {
					ps[i].Value = fmt.Sprint(gallra.Field{Name: "x", Value: p.Value})
				}
				return ps
			}
		},
		"Reset does nothing": func(h *connectortest.Harness) {
			first := true
			reset := h.Reset
			h.Reset = func(tb connectortest.TB) {
				if first {
					reset(tb)
				}
				first = false
			}
		},
		"Seed forgets the children": func(h *connectortest.Harness) {
			seed := h.Seed
			h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
				ss = slices.Clone(ss)
				for i := range ss {
					ss[i].Children = nil
				}
				seed(tb, ss)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := harness(t.Name(), memory.TypeConversation, memory.Options{})
			spoil(&h)
			if r := record(t, connectortest.Checks()[0], h); len(r.failures) == 0 {
				t.Errorf("a useless harness passes")
			}
		})
	}
}

// recorder is a TB that notes failures instead of failing.
type recorder struct {
	t        *testing.T
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// record runs one check and returns what it found wrong.
func record(t *testing.T, c connectortest.Check, h connectortest.Harness) *recorder {
	r := &recorder{t: t}
	end := make(chan struct{})
	go func() {
		defer close(end)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		c.Run(r, h)
	}()
	<-end
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) TempDir() string          { return r.t.TempDir() }
func (r *recorder) Context() context.Context { return r.t.Context() }
