package table

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

// shape is what is known of a file as a whole: its columns, its character set
// and which rows are alike. It holds eight bytes a row while it is made, and
// nothing of the rows afterwards.
type shape struct {
	info   os.FileInfo
	syntax format
	names  []string // of the columns; nil when rows name their values
	first  int64    // where the rows begin
	rows   int64
	latin  bool // some bytes are no UTF-8
	typ    connector.Type
	id     string                       // the column that names a row; ""
	plain  bool                         // its values are no personal data
	clock  map[gallra.StartEvent]string // columns
	alike  map[uint64][]int64           // key digest -> places of the rows that share it, when several do
}

// words that make a column one thing or another, beyond what package pii knows.
var (
	idWords   = []string{"id", "ticket_id", "ticketid", "case_id", "arendenummer", "ärendenummer", "arendeid", "ärendeid", "kundnr", "kundnummer", "customer_number", "uuid", "rad"}
	keepWords = []string{"queue", "kö", "ko", "channel", "kanal", "category", "kategori", "status", "rating", "betyg", "priority", "prioritet", "type", "typ", "department", "avdelning", "duration", "segment"}
	clocks    = []struct {
		event gallra.StartEvent
		words []string
	}{
		{gallra.StartCreated, []string{"created", "created_at", "createdat", "skapad", "skapat", "datum", "date", "registrerad"}},
		{gallra.StartUpdated, []string{"updated", "updated_at", "updatedat", "ändrad", "andrad", "uppdaterad", "modified"}},
		{gallra.StartLastContact, []string{"contact", "last_contact", "last_activity", "senaste_kontakt", "senast_kontakt", "senast_aktiv"}},
		{gallra.StartClosed, []string{"closed", "closed_at", "closedat", "resolved", "solved_at", "avslutad", "stängd", "stangd"}},
	}
	agentWords = []string{"agent", "handlaggare", "handläggare", "assignee", "owner"}
	bareName   = []string{"name", "namn", "customer", "kund", "contact_name"}
)

func is(name string, words []string) bool {
	n := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
	return slices.Contains(words, n)
}

// option returns the column names that an option of the address lists.
func (s *Source) option(name string) []string {
	var out []string
	for v := range strings.SplitSeq(s.config.Option(name), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// most is how many different values a column may have and still be taken for a
// statistics field without being named one.
const most = 200

// widest is how many columns a file may have.
const widest = 2000

// survey looks through the file once.
func (s *Source) survey(ctx context.Context, f io.ReaderAt, info os.FileInfo) (*shape, error) {
	syntax, names, first, err := s.syntax.header(f)
	if err != nil {
		return nil, err
	}
	sh := &shape{info: info, syntax: syntax, names: slices.Clone(names), first: first, clock: map[gallra.StartEvent]string{}}
	columns := slices.Clone(names)
	index := map[string]int{}
	for i, n := range columns {
		index[n] = i
	}
	nested := map[string]bool{}
	values := map[string]map[string]bool{}
	unfit := map[string]bool{}
	scan := newScanner(ctx, f, syntax, names, first)
	var keys []uint64
	sh.chooseID(s, columns)
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		sh.latin = sh.latin || !utf8.Valid(l.raw)
		if l.problem != "" {
			continue
		}
		sh.rows++
		for i, c := range l.cells {
			name := sh.cellName(c, i)
			if _, ok := index[name]; !ok {
				if len(columns) >= widest {
					return nil, gallra.Errorf(gallra.Unsupported, "table.too_many_columns")
				}
				index[name] = len(columns)
				columns = append(columns, name)
				if sh.names == nil {
					sh.chooseID(s, columns)
				}
			}
			if c.json {
				nested[name] = true
			}
			seen, ok := values[name]
			if !ok {
				unfit[name], seen = !is(name, keepWords), map[string]bool{}
				values[name] = seen
			}
			if unfit[name] {
				continue
			}
			seen[c.value] = true
			unfit[name] = len(values[name]) > most || len(c.value) > 64 || strings.Contains(c.value, "@")
		}
	}
	if err := sh.describe(s, columns, nested, unfit); err != nil {
		return nil, err
	}
	// A second look, now that it is known which column names a row.
	scan.seek(first)
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if l.problem == "" {
			keys = append(keys, short(sh.key(l)))
		}
	}
	return sh, sh.findAlike(scan, keys)
}

// findAlike notes where the rows are that share a key with another.
func (sh *shape) findAlike(scan *scanner, keys []uint64) error {
	slices.Sort(keys)
	sh.alike = map[uint64][]int64{}
	for i := 1; i < len(keys); i++ {
		if keys[i] == keys[i-1] {
			sh.alike[keys[i]] = nil
		}
	}
	if len(sh.alike) == 0 {
		return nil
	}
	scan.seek(sh.first)
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if l.problem != "" {
			continue
		}
		k := short(sh.key(l))
		if _, ok := sh.alike[k]; ok {
			sh.alike[k] = append(sh.alike[k], l.at)
		}
	}
}

func (sh *shape) chooseID(s *Source, columns []string) {
	want := s.option("id")
	for _, n := range columns {
		if len(want) > 0 && n == want[0] || len(want) == 0 && is(n, idWords) {
			_, personal := pii.ColumnName(n)
			sh.id, sh.plain = n, !personal
			return
		}
	}
}

// cellName returns the name of the column a cell stands in.
func (sh *shape) cellName(c cell, i int) string {
	if sh.names == nil {
		return c.name
	}
	if i < len(sh.names) {
		return sh.names[i]
	}
	return column(i)
}

// describe makes the type of the columns. A column that is to be a statistics field
// and by its name points out a person is refused, unless it is listed as safe.
func (sh *shape) describe(s *Source, columns []string, nested, unfit map[string]bool) error {
	sh.typ = connector.Type{Name: TypeRow, Kind: connector.KindRow}
	named := map[string]gallra.Category{}
	for option, c := range map[string]gallra.Category{"email": gallra.CategoryEmail, "name": gallra.CategoryPerson, "phone": gallra.CategoryPhone} {
		for _, n := range s.option(option) {
			named[n] = c
		}
	}
	for _, c := range clocks {
		want := s.option(string(c.event))
		if c.event == gallra.StartLastContact {
			want = s.option("contact")
		}
		for _, n := range columns {
			if len(want) > 0 && n == want[0] || len(want) == 0 && sh.clock[c.event] == "" && is(n, c.words) {
				sh.clock[c.event] = n
			}
		}
		if sh.clock[c.event] != "" {
			sh.typ.Starts = append(sh.typ.Starts, c.event)
		}
	}
	keep, safe := s.option("keep"), s.option("safe")
	for _, n := range columns {
		f := connector.FieldInfo{Name: n}
		category, personal := pii.ColumnName(n)
		if c, ok := named[n]; ok {
			category, personal = c, true
		} else if !personal && (agent(n) || is(n, bareName)) {
			category, personal = gallra.CategoryPerson, true
		}
		switch {
		case slices.Contains(keep, n):
			f.Keep, f.Safe = true, slices.Contains(safe, n)
			if personal && category.Direct() && !f.Safe {
				return gallra.Errorf(gallra.Invalid, "table.keep_personal", "field", n, "category", string(category))
			}
		case personal && !nested[n]:
			f.Category, f.Role = category, gallra.RoleRequester
			if agent(n) {
				f.Role = gallra.RoleAgent
			}
		case len(keep) == 0 && is(n, keepWords) && !unfit[n] && !nested[n]:
			f.Keep = true
		case n == sh.id || sh.clocked(n):
		case nested[n]:
			f.Text, f.Format = true, connector.FormatJSON
		default:
			f.Text = true
		}
		sh.typ.Fields = append(sh.typ.Fields, f)
	}
	return nil
}

func agent(name string) bool {
	for w := range strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune(" _-.", r) }) {
		if slices.Contains(agentWords, w) {
			return true
		}
	}
	return false
}

func (sh *shape) clocked(name string) bool {
	for _, n := range sh.clock {
		if n == name {
			return true
		}
	}
	return false
}

// value returns what a row has in a column.
func (sh *shape) value(l line, name string) string {
	if name == "" {
		return ""
	}
	for i, c := range l.cells {
		if sh.cellName(c, i) == name {
			return c.value
		}
	}
	return ""
}

// An id of many digits may be a personnummer or a telephone number.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)
var manyDigits = regexp.MustCompile(`[0-9]{9}|[0-9]{6}-?[0-9]{4}`)

// key returns what names a row among the others: the value of its id column, as
// it stands when that tells nothing of a person and as a digest when it might,
// and a digest of the row where there is no id.
func (sh *shape) key(l line) string {
	id := strings.TrimSpace(sh.value(l, sh.id))
	switch {
	case id == "":
		return "r-" + digest(l.raw)
	case sh.plain && plainID.MatchString(id) && !manyDigits.MatchString(id):
		return "i-" + id
	}
	return "k-" + digest([]byte(id))
}

// ref returns the id of a row: its key, and for rows that share one their
// number counted from the end, so that erasing in the order of the file leaves
// the others' ids as they are.
func (sh *shape) ref(key string, at int64) string {
	places := sh.alike[short(key)]
	if i := slices.Index(places, at); i >= 0 && i < len(places)-1 {
		return key + "~" + strconv.Itoa(len(places)-i)
	}
	return key
}

// digest is of a row or an id: 128 bits.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

func short(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

// layouts are the ways times are written in files.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", time.DateOnly, "2006/01/02", "20060102", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST"}

// at reads a time; seconds or milliseconds since 1970 too.
func (s *Source) at(value string) time.Time {
	value = strings.TrimSpace(value)
	if value == "" {
		return time.Time{}
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, value, s.zone); err == nil {
			return t
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil || n < 1e8:
		return time.Time{}
	case n > 1e11:
		return time.UnixMilli(n)
	}
	return time.Unix(n, 0)
}
