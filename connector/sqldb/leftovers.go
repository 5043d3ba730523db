package sqldb

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// Leftovers reads every text and blob column of every table of the database,
// those of no profile too, decodes what is encoded and looks for the person's
// values in every written form. One call reads one table, on a connection that
// Find does not use.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	var out connector.Residues
	names := slices.Sorted(maps.Keys(s.columns))
	at := 0
	if cursor != "" {
		if err := json.Unmarshal([]byte(cursor), &at); err != nil {
			return out, gallra.Errorf(gallra.Invalid, "sqldb.cursor")
		}
	}
	if at >= len(names) {
		return out, nil
	}
	if err := s.leftoversIn(ctx, names[at], ident.New(n.Identifiers), &out); err != nil {
		return out, err
	}
	if at++; at < len(names) {
		b, _ := json.Marshal(at) // a number always marshals
		out.Next = string(b)
	}
	return out, nil
}

func (s *Source) leftoversIn(ctx context.Context, table string, m *ident.Matcher, out *connector.Residues) error {
	var cols []string
	for _, n := range slices.Sorted(maps.Keys(s.columns[table])) {
		if c := s.columns[table][n]; holdsText(c) {
			cols = append(cols, n)
		}
	}
	if len(cols) == 0 {
		return nil
	}
	b := &query{d: s.d}
	b.add("SELECT ")
	for i, c := range cols {
		if i > 0 {
			b.add(", ")
		}
		b.add(s.d.quote(c))
	}
	b.add(" FROM ", s.d.quote(table))
	rows, err := s.other.QueryContext(ctx, b.String())
	if err != nil {
		return s.fail("search "+table, err)
	}
	defer rows.Close()
	vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	count := make([]int64, len(cols))
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return s.fail("search "+table, err)
		}
		for i, v := range vals {
			t := text(v)
			if t == "" {
				continue
			}
			if len(m.Find(t)) > 0 || len(t) > 24 && len(m.Find(opened(t))) > 0 {
				count[i]++
			}
		}
	}
	if err := rows.Err(); err != nil {
		return s.fail("search "+table, err)
	}
	for i, c := range count {
		if c > 0 {
			out.Residues = append(out.Residues, gallra.Residue{Where: table + "." + cols[i], Why: "residue.found", Count: c})
		}
	}
	return nil
}

func holdsText(c column) bool {
	for _, k := range []string{"char", "text", "blob", "bytea", "json", "xml", "enum", "user-defined", "hstore"} {
		if strings.Contains(c.kind, k) {
			return true
		}
	}
	return c.kind == "" || c.kind == "array" || c.numeric() // a phone number may be kept as a number
}

// opened decodes a value that looks like a mail, a file or markup; "" when it is
// none of these.
func opened(v string) string {
	b := []byte(v)
	var ct string
	switch head := v[:min(len(v), 512)]; {
	case strings.HasPrefix(head, "%PDF-"), strings.HasPrefix(head, "PK\x03\x04"), strings.HasPrefix(head, "{\\rtf"):
	case strings.Contains(head, ": ") && strings.Contains(head, "\n"), strings.Contains(head, "=?"):
		ct = string(connector.FormatMail)
		if !strings.Contains(v, "\n\n") && !strings.Contains(v, "\r\n\r\n") {
			b = append(b, "\r\n\r\n"...)
		}
	case strings.Contains(head, "<") && strings.Contains(head, ">") || strings.Contains(head, "&"):
		ct = string(connector.FormatHTML)
	default:
		return ""
	}
	t, _ := document.Text("", ct, b, document.Limits{}) // what cannot be read was compared as it stands
	return t
}
