package xexport

import (
	"archive/zip"
	"bufio"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/jsonedit"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/zipfile"
)

// Erase removes a conversation with all that was sent in it, a message with its
// files, a file, or a post.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// Edit changes the text of a message or a post, the account a post answers, or
// what a group is called.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EraseMany erases in one rewrite of the file.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	edits := make([]connector.Edit, len(items))
	for i, it := range items {
		edits[i].Item = it
	}
	return s.rewrite(ctx, edits, gallra.ActionErase)
}

// EditMany edits in one rewrite of the file.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	return s.rewrite(ctx, edits, gallra.ActionRedact)
}

func (s *Source) rewrite(ctx context.Context, edits []connector.Edit, action gallra.Action) ([]connector.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(edits) == 0 {
		return nil, nil
	}
	var out []connector.Result
	err := safefile.Rewrite(ctx, s.path, func(old *os.File, w *bufio.Writer) (bool, error) {
		a, err := readArchive(old)
		if err != nil {
			return false, err
		}
		if len(a.problems) > 0 { // what cannot be read may hold the same record
			return false, gallra.Errorf(gallra.Drift, "xexport.malformed")
		}
		c := change{gone: map[any]bool{}, files: map[*zip.File]bool{}, splices: map[*script][]jsonedit.Splice{}}
		out = make([]connector.Result, len(edits))
		changed := false
		for i, e := range edits {
			out[i] = s.plan(a, &c, e, action)
			changed = changed || out[i].Err == nil
		}
		if !changed {
			return false, nil
		}
		return true, c.write(ctx, a, w)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// change is what becomes of the archive.
type change struct {
	gone    map[any]bool       // conversations, messages and posts
	files   map[*zip.File]bool // that go
	splices map[*script][]jsonedit.Splice
}

// plan notes what an item asks for.
func (s *Source) plan(a *archive, c *change, e connector.Edit, action gallra.Action) connector.Result {
	fail := func(err error) connector.Result { return connector.Result{Err: err} }
	what, ok := a.find(e.Ref)
	if !ok || !s.mine(e.Ref) || c.taken(what) {
		return fail(gone(e.Ref))
	}
	r, _ := s.record(what, connector.FieldsNone)
	if e.IfVersion != "" && e.IfVersion != r.Version {
		return fail(gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", e.Ref.String()))
	}
	if action == gallra.ActionErase {
		c.erase(a, what)
	} else if err := c.edit(what, e); err != nil {
		return fail(err)
	}
	return connector.Result{Receipt: gallra.Receipt{Ref: e.Ref, Action: action, Grade: gallra.GradeDerived, At: now(), Final: true}}
}

// taken reports whether an item before this one has erased it already.
func (c *change) taken(what any) bool {
	switch x := what.(type) {
	case *message:
		return c.gone[x] || c.gone[x.c]
	case *media:
		return c.files[x.file]
	}
	return c.gone[what]
}

func (c *change) erase(a *archive, what any) {
	if m, ok := what.(*media); ok {
		c.files[m.file] = true
		return
	}
	c.gone[what] = true
	for _, m := range a.media {
		if m.msg != nil && (what == any(m.msg) || what == any(m.c)) {
			c.files[m.file] = true
		}
	}
}

func (c *change) edit(what any, e connector.Edit) error {
	typ, _ := typeOf(e.Ref.Type)
	for _, f := range e.Set {
		if info, ok := typ.Field(f.Name); !ok || info.ReadOnly || info.Keep {
			return gallra.Errorf(gallra.Invalid, "connector.field_unknown", "field", f.Name)
		}
		put := func(s *script, t text, value string) {
			if t.at.End > 0 && t.value != value {
				c.splices[s] = append(c.splices[s], jsonedit.Splice{Span: t.at, With: jsonedit.Quote(value)})
			}
		}
		switch x := what.(type) {
		case *message:
			put(x.in, x.text, f.Value)
		case *conversation:
			for _, o := range x.parts { // every name the group has had
				for _, e := range o.events {
					put(o.script, e.name, f.Value)
				}
			}
		case *post:
			switch f.Name {
			case "text":
				put(x.in, x.text, f.Value)
			case "answers":
				put(x.in, x.answers, f.Value)
			case "mentions":
				lines := strings.Split(f.Value, "\n")
				for i, m := range x.names {
					line := f.Value
					if len(lines) == len(x.names) {
						line = lines[i]
					}
					if line == m.String() {
						continue
					}
					name, account, _ := strings.Cut(line, " @")
					put(x.in, m.name, name)
					put(x.in, m.account, account)
				}
			}
		}
	}
	return nil
}

// write copies the ZIP with the changes made.
func (c *change) write(ctx context.Context, a *archive, w *bufio.Writer) error {
	ids := map[string]bool{}
	for what := range c.gone {
		if m, ok := what.(*message); ok {
			ids[m.id] = true
		}
	}
	for _, v := range a.conversations {
		for _, o := range v.parts {
			c.dropEvents(o, ids)
		}
	}
	bodies := map[*zip.File][]byte{}
	for _, s := range a.scripts {
		drop := c.items(a, s)
		all := c.splices[s]
		if len(drop) > 0 {
			all = slices.DeleteFunc(all, func(x jsonedit.Splice) bool {
				i, ok := slices.BinarySearchFunc(s.items, x.Start, func(it jsonedit.Span, at int) int {
					switch {
					case it.End <= at:
						return -1
					case it.Start > at:
						return 1
					}
					return 0
				})
				return ok && drop[i]
			})
			all = append(all, jsonedit.Without(s.items, func(i int) bool { return drop[i] })...)
		}
		if len(all) > 0 {
			bodies[s.file] = jsonedit.Apply(s.raw, 0, len(s.raw), all)
		}
	}
	return zipfile.Rewrite(ctx, a.zip, w, func(f *zip.File) zipfile.Change {
		if b, ok := bodies[f]; ok {
			return zipfile.Change{Body: func() []byte { return b }}
		}
		return zipfile.Change{Drop: c.files[f]}
	})
}

// items returns which elements of a script's array go.
func (c *change) items(a *archive, s *script) map[int]bool {
	drop := map[int]bool{}
	for _, v := range a.conversations {
		for _, o := range v.parts {
			if o.script == s && c.gone[v] {
				drop[o.item] = true
			}
		}
	}
	for _, p := range a.posts {
		if p.in == s && c.gone[p] {
			drop[p.item] = true
		}
	}
	return drop
}

// dropEvents takes messages out of one place of their conversation: the messages
// of those numbers and what repeats them.
func (c *change) dropEvents(o occurrence, ids map[string]bool) {
	if !slices.ContainsFunc(o.events, func(e event) bool { return ids[e.id] }) {
		return
	}
	places := make([]jsonedit.Span, len(o.events))
	for i, e := range o.events {
		places[i] = e.at
	}
	c.splices[o.script] = slices.DeleteFunc(c.splices[o.script], func(x jsonedit.Splice) bool {
		return slices.ContainsFunc(o.events, func(e event) bool { return ids[e.id] && e.at.Start <= x.Start && x.End <= e.at.End })
	})
	c.splices[o.script] = append(c.splices[o.script], jsonedit.Without(places, func(i int) bool { return ids[o.events[i].id] })...)
}
