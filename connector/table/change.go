package table

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
)

// Erase removes one row.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// Edit writes other values into one row.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EraseMany removes rows in one rewrite of the file.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	return s.rewrite(ctx, items, gallra.ActionErase, func(int, *shape, line) ([]byte, error) { return nil, nil })
}

// EditMany changes rows in one rewrite of the file.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	items := make([]connector.Item, len(edits))
	for i, e := range edits {
		items[i] = e.Item
	}
	return s.rewrite(ctx, items, gallra.ActionRedact, func(i int, sh *shape, l line) ([]byte, error) { return sh.set(l, edits[i].Set) })
}

// set returns the row's bytes with the named values replaced.
func (sh *shape) set(l line, set []gallra.Field) ([]byte, error) {
	want := map[string]string{}
	for _, f := range set {
		if _, ok := sh.typ.Field(f.Name); !ok {
			return nil, gallra.Errorf(gallra.Invalid, "connector.field_unknown", "field", f.Name)
		}
		want[f.Name] = f.Value
	}
	var out []byte
	from := 0
	for i, c := range l.cells {
		v, ok := want[sh.cellName(c, i)]
		if !ok || v == c.value {
			continue
		}
		b, err := sh.syntax.encode(c, l.raw, v, sh.latin)
		if err != nil {
			return nil, err
		}
		out = append(append(out, l.raw[from:c.start]...), b...)
		from = c.end
	}
	return append(out, l.raw[from:]...), nil
}

// rewrite copies the file and lets change say what becomes of each item's row:
// other bytes, or none.
func (s *Source) rewrite(ctx context.Context, items []connector.Item, action gallra.Action, change func(i int, sh *shape, l line) ([]byte, error)) ([]connector.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, nil
	}
	var out []connector.Result
	err := safefile.Rewrite(ctx, s.path, func(old *os.File, w *bufio.Writer) (bool, error) {
		r, err := s.syntax.rows(ctx, old)
		if err != nil {
			return false, err
		}
		sh, err := s.shapeOf(ctx, old, r)
		if err != nil {
			return false, err
		}
		out = make([]connector.Result, len(items))
		todo := map[string]int{}
		for i, it := range items {
			out[i].Err = gone(it.Ref)
			if _, twice := todo[it.Ref.ID]; !twice && it.Ref.Type == TypeRow && (it.Ref.System == "" || it.Ref.System == s.config.System) {
				todo[it.Ref.ID] = i
			}
		}
		var edits []edit
		scan := newScanner(ctx, r, sh.syntax, sh.names, sh.first)
		now := time.Now()
		for {
			l, err := scan.scan()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return false, err
			}
			if l.problem != "" {
				continue
			}
			i, ok := todo[sh.ref(sh.key(l), l.at)]
			if !ok {
				continue
			}
			if v := items[i].IfVersion; v != "" && v != digest(l.raw) {
				out[i].Err = gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", items[i].Ref.String())
				continue
			}
			b, err := change(i, sh, l)
			if err != nil {
				out[i].Err = err
				continue
			}
			receipt := gallra.Receipt{Ref: items[i].Ref, Action: action, Grade: gallra.GradeDerived, At: now, Final: true}
			e := edit{at: l.at, next: l.next()}
			if action != gallra.ActionErase {
				e.with = append(b, l.end...)
				// The new row is named anew when its name is a digest of it.
				n := line{at: l.at, raw: b, end: l.end}
				if n.cells, err = sh.syntax.parse(b); err != nil {
					return false, err
				}
				if k := sh.key(n); k != sh.key(l) {
					receipt.Ref.ID = k
				}
			}
			edits = append(edits, e)
			out[i] = connector.Result{Receipt: receipt}
		}
		if len(edits) == 0 {
			return false, nil
		}
		return true, r.put(ctx, w, edits)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
