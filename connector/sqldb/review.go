package sqldb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra/connector"
)

// Review names what somebody should look at in the profile, by what the database
// has: tables and foreign keys that the profile does not speak of, text that is
// only scanned and never edited by name, links that are left as they are. What
// stops a run is Check's.
func (s *Source) Review(ctx context.Context) ([]connector.Remark, error) {
	foreign, err := s.foreignKeys(ctx)
	if err != nil {
		return nil, err
	}
	var out []connector.Remark
	add := func(where, why string) { out = append(out, connector.Remark{Where: where, Why: why}) }
	speaks := map[string]bool{}
	links := map[string]bool{}
	for _, c := range s.profile.Collections {
		t := s.prefix + c.Name
		speaks[t] = true
		if p := c.Meta.Parent; p != nil {
			links[t+"."+p.Column] = true
		}
		if p := c.Meta.Person; p != nil {
			links[t+"."+p.Column] = true
			if p.Unlink == "" && p.Column != "" {
				add(t+"."+p.Column, "sqldb.review.not_unlinked")
			}
		}
		for _, r := range c.Meta.Release {
			links[s.prefix+r.Table+"."+r.Column] = true
		}
		if x := c.Meta.Shared; x != nil {
			for _, u := range slices.Concat(x.Delete, x.Users) {
				speaks[s.prefix+u.Table] = true
			}
			links[t+"."+x.Column] = true
		}
		if x := c.Meta.Content; x != nil {
			speaks[s.prefix+x.Table] = true
		}
		if c.Meta.Kind == connector.KindConversation && c.Meta.Times.Closed == "" && c.Meta.Times.Contact == "" && c.Meta.Times.Newest == nil {
			add(t, "sqldb.review.only_created")
		}
	}
	for _, f := range foreign {
		if speaks[f.to] && !links[f.from+"."+f.column] && f.from != f.to && !s.profile.looked(strings.TrimPrefix(f.from, s.prefix)) {
			add(f.from+"."+f.column, "sqldb.review.foreign")
		}
	}
	for _, t := range slices.Sorted(maps.Keys(s.have)) {
		short, ok := strings.CutPrefix(t, s.prefix)
		if !ok || speaks[t] || s.profile.looked(short) {
			continue
		}
		for _, c := range s.have[t] {
			if c.blob() || c.text() && (c.length == 0 || c.length >= 100) {
				add(t, "sqldb.review.table")
				break
			}
		}
	}
	for _, t := range s.tables {
		for _, f := range t.fields {
			declared := slices.ContainsFunc(s.profile.Collections, func(c collection) bool {
				return c.Meta.Type == t.typ && slices.ContainsFunc(c.Fields, func(x fieldSpec) bool { return x.Name == f.Name })
			})
			if !declared {
				add(t.name+"."+f.column.name, "sqldb.review.column")
			}
		}
	}
	return out, nil
}

// strange returns the first of Gallra's own keys in a manifest that is none.
func strange(b []byte) string {
	var m struct {
		Dataset []struct {
			Meta        map[string]any `yaml:"meta"`
			Collections []struct {
				Name   string         `yaml:"name"`
				Meta   map[string]any `yaml:"meta"`
				Fields []struct {
					Name string         `yaml:"name"`
					Meta map[string]any `yaml:"meta"`
				} `yaml:"fields"`
			} `yaml:"collections"`
		} `yaml:"dataset"`
	}
	if yaml.Unmarshal(b, &m) != nil {
		return "" // told elsewhere
	}
	strict := func(where string, meta map[string]any, into any) string {
		g, ok := meta["gallra"]
		if !ok || g == nil {
			return ""
		}
		text, err := yaml.Marshal(g)
		if err == nil {
			err = yaml.UnmarshalWithOptions(text, into, yaml.Strict())
		}
		if err == nil {
			return ""
		}
		return fmt.Sprintf("%s: %s", where, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	for _, d := range m.Dataset {
		if w := strict("dataset", d.Meta, &datasetMeta{}); w != "" {
			return w
		}
		for _, c := range d.Collections {
			if w := strict(c.Name, c.Meta, &collectionMeta{}); w != "" {
				return w
			}
			for _, f := range c.Fields {
				if w := strict(c.Name+"."+f.Name, f.Meta, &fieldMeta{}); w != "" {
					return w
				}
			}
		}
	}
	return ""
}
