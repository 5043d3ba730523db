package connectortest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// base is when the first seed was created: a working day in summer, in UTC.
var base = time.Date(2024, 6, 12, 9, 30, 0, 0, time.UTC)

// Odd returns texts that careless code spoils.
func Odd() []string {
	return []string{
		"å ä ö Å Ä Ö é ü ß ñ — “citat” ’",
		"👩🏽‍🚒 𝒮 漢字 العربية",
		`'; DROP TABLE ticket; -- "dubbla" \ %s %00 <b>&amp;</b> {{x}}`,
		"rad ett\r\nrad två\r\n\r\nrad fyra",
		"\ttabb, semikolon; komma, lodstreck|",
		strings.Repeat("Lång text på svenska med åäö och ett 🙂. ", 450),
	}
}

// seeds returns n records of n different people. The run number keeps the keys
// of one check apart from another's.
func seeds(n int) []Seed {
	out := make([]Seed, n)
	for i := range out {
		key := "zq" + string(rune('a'+i/10%20)) + string(rune('a'+i%10)) + "xw"
		at := base.Add(time.Duration(i) * 24 * time.Hour)
		out[i] = Seed{
			Key: key, Name: "Åsa " + strings.ToUpper(key[:1]) + key[1:], Email: "asa." + key + "@example.se",
			Phone: fmt.Sprintf("070-174 06 %02d", 5+i%90), Personnummer: personnummer(i),
			Username: "user_" + key, Customer: "K" + key, IP: fmt.Sprintf("192.0.2.%d", 10+i%200),
			Text: "Hej, det gäller " + key + ". Vänliga hälsningar Åsa " + key, Keep: []string{"Bygglov", "Skola", "Vatten"}[i%3],
			Created: at, Updated: at.Add(3 * time.Hour), Contact: at.Add(2 * time.Hour), Closed: at.Add(50 * time.Hour),
		}
	}
	return out
}

// personnummer returns a number for tests (birth numbers 2380 to 2399 are
// Skatteverket's own), with its check digit.
func personnummer(i int) string {
	d := fmt.Sprintf("8%d%02d%02d23%d", i%10, 1+i/10%12, 1+i%28, 8+i/2%2)
	sum := 0
	for k, c := range d {
		v := int(c-'0') * (2 - k%2)
		sum += v/10 + v%10
	}
	return "19" + d[:6] + "-" + d[6:] + string(rune('0'+(10-sum%10)%10))
}

// value returns what the seed has of a kind.
func (s Seed) value(k gallra.IdentifierKind) string {
	switch k {
	case gallra.IdentEmail:
		return s.Email
	case gallra.IdentName:
		return s.Name
	case gallra.IdentPhone:
		return s.Phone
	case gallra.IdentPersonnummer:
		return s.Personnummer
	case gallra.IdentUsername:
		return s.Username
	case gallra.IdentCustomer:
		return s.Customer
	case gallra.IdentIP:
		return s.IP
	}
	return ""
}

func (s *Seed) set(k gallra.IdentifierKind, v string) {
	switch k {
	case gallra.IdentEmail:
		s.Email = v
	case gallra.IdentName:
		s.Name = v
	case gallra.IdentPhone:
		s.Phone = v
	case gallra.IdentPersonnummer:
		s.Personnummer = v
	case gallra.IdentUsername:
		s.Username = v
	case gallra.IdentCustomer:
		s.Customer = v
	case gallra.IdentIP:
		s.IP = v
	}
}

// full fills a seed with all the harness can hold below a record.
func (h Harness) full(s Seed) Seed {
	if h.Children != "" {
		s.Children = []string{"Första svaret till " + s.Key, "Tack, skriver " + s.Key}
	}
	if h.Attachments != "" {
		s.Files = []File{{Name: "intyg-" + s.Key + ".txt", Content: []byte("Intyg för " + s.Key + " på heder och samvete.")}}
	}
	s.History = []string{"förut " + s.Key}
	return s
}

func (h Harness) fullSeeds(n int) []Seed {
	out := seeds(n)
	for i := range out {
		out[i] = h.full(out[i])
	}
	return out
}

// begin empties the system and fills it.
func (h Harness) begin(tb TB, ss ...Seed) {
	tb.Helper()
	h.Reset(tb)
	if len(ss) > 0 {
		h.Seed(tb, ss)
	}
}

// open returns a new connection, closed at the end.
func (h Harness) open(tb TB) connector.Source {
	tb.Helper()
	if h.Open != nil {
		s := h.Open(tb)
		tb.Cleanup(func() { _ = s.Close() })
		return s
	}
	s, err := connector.Open(tb.Context(), h.Config(tb))
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func capabilities(tb TB, h Harness) map[connector.Capability]bool {
	tb.Helper()
	h.Reset(tb)
	can := map[connector.Capability]bool{}
	for _, c := range connector.Capabilities(h.open(tb)) {
		can[c] = true
	}
	return can
}

// all follows the pages of q to the end.
func all(tb TB, src connector.Source, q connector.Query) []gallra.Record {
	tb.Helper()
	var out []gallra.Record
	for range 10_000 {
		p, err := src.List(tb.Context(), q)
		if err != nil {
			tb.Fatalf("list %s: %v", q.Type, err)
		}
		if q.Limit > 0 && len(p.Records) > q.Limit {
			tb.Fatalf("list %s: %d records on a page of at most %d", q.Type, len(p.Records), q.Limit)
		}
		out = append(out, p.Records...)
		if p.Next == "" {
			return out
		}
		q.Cursor = p.Next
	}
	tb.Fatalf("list %s: does not end", q.Type)
	return nil
}

func (h Harness) query() connector.Query { return connector.Query{Type: h.Type} }

// records returns the record of each seed, in the order of ss. A record is a
// seed's when one of its fields holds the seed's key, or when a child does.
func (h Harness) records(tb TB, src connector.Source, ss []Seed) []gallra.Record {
	tb.Helper()
	out := make([]gallra.Record, len(ss))
	found := 0
	list := all(tb, src, h.query())
	for _, r := range list {
		for i, s := range ss {
			if holds(r, s.Key) {
				if !out[i].Ref.IsZero() && out[i].Ref != r.Ref {
					tb.Fatalf("two %s records hold the values of one seed: %s and %s", h.Type, out[i].Ref, r.Ref)
				}
				out[i] = r
				found++
				break
			}
		}
	}
	if found < len(ss) && h.Children != "" {
		for _, r := range all(tb, src, connector.Query{Type: h.Children}) {
			for i, s := range ss {
				if out[i].Ref.IsZero() && holds(r, s.Key) {
					for _, p := range list {
						if p.Ref == r.Parent {
							out[i] = p
							found++
						}
					}
				}
			}
		}
	}
	if found != len(ss) {
		tb.Fatalf("%d records were seeded, the connector lists %d of them among %d %s records", len(ss), found, len(list), h.Type)
	}
	return out
}

func holds(r gallra.Record, value string) bool {
	for _, f := range r.Fields {
		if strings.Contains(strings.ToLower(f.Value), strings.ToLower(value)) {
			return true
		}
	}
	return false
}

// belongs reports whether a reference points into the case of the seed whose
// record is rec: the record itself, what hangs on it, or its person.
func belongs(tb TB, src connector.Source, ref, parent gallra.Ref, rec gallra.Record, s Seed) bool {
	if ref == rec.Ref || parent == rec.Ref || !rec.Person.IsZero() && ref == rec.Person || !rec.Parent.IsZero() && ref == rec.Parent {
		return true
	}
	for range 5 {
		r, err := src.Get(tb.Context(), ref)
		if err != nil {
			return false
		}
		if holds(r, s.Key) || r.Parent == rec.Ref {
			return true
		}
		if r.Parent.IsZero() {
			return false
		}
		ref = r.Parent
	}
	return false
}

// find follows the pages of a search to the end.
func find(tb TB, src connector.Source, depth connector.Depth, ids ...gallra.Identifier) []connector.Hit {
	tb.Helper()
	var out []connector.Hit
	cursor := ""
	for range 1000 {
		p, err := src.(connector.Finder).Find(tb.Context(), connector.Needles{Identifiers: ids, Depth: depth}, cursor)
		if err != nil {
			tb.Fatalf("find: %v", err)
		}
		out = append(out, p.Hits...)
		if p.Next == "" {
			return out
		}
		cursor = p.Next
	}
	tb.Fatalf("find does not end")
	return nil
}

// stored says where in the system a value stands, without regard to case.
func (h Harness) where(tb TB, value string) []string {
	tb.Helper()
	var out []string
	value = strings.ToLower(value)
	for _, p := range h.Stored(tb) {
		if strings.Contains(strings.ToLower(p.Value), value) {
			out = append(out, p.Where)
		}
	}
	return out
}

// mustLack fails when anything of the seed is stored.
func (h Harness) mustLack(tb TB, s Seed) {
	tb.Helper()
	values := []string{s.Key}
	for _, k := range h.Kinds {
		values = append(values, s.value(k))
	}
	for _, v := range values {
		if w := h.where(tb, v); len(w) > 0 {
			tb.Errorf("the record is still stored: its values are in %s", strings.Join(w, ", "))
			return
		}
	}
}

// others returns the places that belong to none of the seeds, in order.
func (h Harness) others(tb TB, ss ...Seed) []Place {
	tb.Helper()
	return slices.DeleteFunc(slices.Clone(h.Stored(tb)), func(p Place) bool {
		return slices.ContainsFunc(ss, func(s Seed) bool { return h.owns(s, p) })
	})
}

// owns reports whether a place is of the seed's record.
func (h Harness) owns(s Seed, p Place) bool {
	if p.Of != "" {
		return p.Of == s.Key
	}
	value := strings.ToLower(p.Where + "\x00" + p.Value)
	if strings.Contains(value, s.Key) {
		return true
	}
	return slices.ContainsFunc(h.Kinds, func(k gallra.IdentifierKind) bool {
		v := s.value(k)
		return v != "" && strings.Contains(value, strings.ToLower(v))
	})
}

// same fails when two looks at the storage differ. Where a place is, a line
// number say, may have changed; what it holds may not.
func same(tb TB, what string, before, after []Place) {
	tb.Helper()
	for i := range before {
		if i >= len(after) {
			tb.Errorf("%s: %s is gone", what, before[i].Where)
			return
		}
		if before[i].Value != after[i].Value {
			tb.Errorf("%s: %s is changed or gone", what, before[i].Where)
			return
		}
	}
	if len(after) > len(before) {
		tb.Errorf("%s: %s is new", what, after[len(before)].Where)
	}
}

// settle waits for promises to come true and checks that the connector knows.
func (h Harness) settle(tb TB, src connector.Source, rs ...gallra.Receipt) []gallra.Receipt {
	tb.Helper()
	out := slices.Clone(rs)
	var open []int
	for i, r := range rs {
		if !r.Final {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return out
	}
	c, ok := src.(connector.Confirmer)
	if !ok || h.Eventually == nil {
		tb.Fatalf("a receipt is not final, and there is no Confirmer or no Harness.Eventually")
	}
	confirm := func() {
		for _, i := range open {
			var err error
			if out[i], err = c.Confirm(tb.Context(), rs[i]); err != nil {
				tb.Fatalf("confirm: %v", err)
			}
		}
	}
	confirm()
	for _, i := range open {
		if out[i].Final {
			tb.Errorf("a promise is called final before its time")
		}
	}
	h.Eventually(tb)
	confirm()
	for _, i := range open {
		if !out[i].Final {
			tb.Errorf("a promise that has come true is not called final")
		}
	}
	return out
}

func (h Harness) erase(tb TB, src connector.Source, rec gallra.Record) gallra.Receipt {
	tb.Helper()
	r, err := src.(connector.Eraser).Erase(tb.Context(), rec.Ref, rec.Version)
	if err != nil {
		tb.Fatalf("erase %s: %v", rec.Ref, err)
	}
	return r
}

func wantCode(tb TB, what string, err error, want *gallra.Error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: want an error of code %q, got %v", what, want.Code, err)
	}
}
