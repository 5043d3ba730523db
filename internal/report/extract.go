// Package report makes the documents that leave Gallra: the extract a person
// gets (GDPR art. 15 and 20) and the protocol of a retention run. It reads what
// it is told to and keeps nothing; everything is written to the caller's
// stream.
package report

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// SchemaVersion names the layout of data.json and manifest.json.
const SchemaVersion = "gallra-extract-1"

// Extract is what an extract is made of.
type Extract struct {
	Organisation string
	Contact      string // whom to ask
	DPO          string
	Lang         i18n.Lang
	Made         time.Time
	Person       []gallra.Identifier // the verified identifiers
	Systems      []ExtractSystem
	Engine       *pii.Engine
}

// ExtractSystem is one system's share.
type ExtractSystem struct {
	System  gallra.SystemID
	Title   string
	Channel connector.Channel
	Source  connector.Source // nil: nothing was found there
	Rules   []gallra.Rule    // why and how long it keeps what it keeps
	Found   []subject.Conversation
	Unread  int // places that could not be searched and need a look by hand

	Vendor  string // who runs it for the organisation: a recipient (GDPR art. 15(1)(c)); "" the organisation itself
	Country string // where it is kept, ISO 3166-1; "" unknown

	// Safeguard is the ground and the safeguards of a transfer out of the EEA, in
	// the reader's language; "" for none (GDPR art. 15(2)).
	Safeguard string
}

// Manifest lists what the package holds, so that a reader can check it.
type Manifest struct {
	Schema  string            `json:"schema"`
	Made    time.Time         `json:"made"`
	Files   []ManifestFile    `json:"files"`
	Fields  []ManifestField   `json:"fields"`
	Masked  int               `json:"masked"`  // values of other people taken out
	Systems map[string]int    `json:"systems"` // conversations a system
	Note    map[string]string `json:"note,omitempty"`
}

// ManifestFile is one file of the package.
type ManifestFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// ManifestField explains one field (REQUIREMENTS A15-12, A20-2).
type ManifestField struct {
	System   gallra.SystemID `json:"system"`
	Type     string          `json:"type"`
	Field    string          `json:"field"`
	Origin   string          `json:"origin"` // provided, observed, derived
	Category gallra.Category `json:"category,omitempty"`
	SV       string          `json:"sv"`
	EN       string          `json:"en"`
}

// Item is one record as it stands in data.json.
type Item struct {
	Ref     string            `json:"ref"`
	Parent  string            `json:"conversation,omitempty"`
	Type    string            `json:"type"`
	Kind    connector.Kind    `json:"kind"`
	Role    gallra.Role       `json:"role,omitempty"`
	Created time.Time         `json:"created,omitzero"`
	Fields  map[string]string `json:"fields"`
}

// Thread is one conversation as it is shown and written.
type Thread struct {
	System  string      `json:"system"`
	Title   string      `json:"title"`
	Channel string      `json:"channel"`
	Role    gallra.Role `json:"role"`
	Own     bool        `json:"own"`
	Items   []Item      `json:"items"`

	file string
}

// WriteZip writes the package: oversikt.html or overview.html, the threads as
// readable pages, data.json, one CSV a type, the attachments and manifest.json.
// Other people's values are masked, and each mask counted (GDPR art. 15(4)).
// It holds one conversation in memory at a time, plus the list of them.
func WriteZip(ctx context.Context, w io.Writer, e Extract) (Manifest, error) {
	z := &zipper{zw: zip.NewWriter(w), at: e.Made}
	z.man = Manifest{Schema: SchemaVersion, Made: e.Made.UTC(), Systems: map[string]int{}}
	x := extractor{Extract: e, zip: z, say: i18n.For(e.Lang), match: ident.New(e.Person), csv: map[string]*table{}}
	for _, i := range e.Person {
		if i.Kind == gallra.IdentName {
			x.names += " " + ident.Fold(i.Value)
		}
	}
	if err := x.run(ctx); err != nil {
		return Manifest{}, err
	}
	return z.man, nil
}

type zipper struct {
	zw   *zip.Writer
	at   time.Time
	man  Manifest
	seen map[string]bool
}

// create adds a file whose bytes write gives.
func (z *zipper) create(name string, write func(io.Writer) error) error {
	if z.seen == nil {
		z.seen = map[string]bool{}
	}
	for n := 2; z.seen[name]; n++ {
		ext := path.Ext(name)
		name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
	}
	z.seen[name] = true
	f, err := z.zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.at})
	if err != nil {
		return fmt.Errorf("report: extract: %w", err)
	}
	h := sha256.New()
	c := &counter{}
	if err := write(io.MultiWriter(f, h, c)); err != nil {
		return err
	}
	z.man.Files = append(z.man.Files, ManifestFile{name, hex.EncodeToString(h.Sum(nil)), c.n})
	return nil
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

type extractor struct {
	Extract
	zip    *zipper
	say    *i18n.Printer
	match  *ident.Matcher
	names  string // the words of the person's own names, folded
	csv    map[string]*table
	data   bytes.Buffer // data.json, one thread after another
	pages  []pageLink
	unread int
}

type table struct {
	system, typ string
	columns     []string
	rows        []Item
}

type pageLink struct {
	File, Title, Channel string
	System               string
	From, To             time.Time
	Count                int
	Own                  bool
	Role                 gallra.Role
}

func (x *extractor) run(ctx context.Context) error {
	if err := x.ownNames(ctx); err != nil {
		return err
	}
	x.data.WriteString(`{"schema":` + quote(SchemaVersion) + `,"threads":[`)
	first := true
	for _, sys := range x.Systems {
		x.unread += sys.Unread
		if sys.Source == nil {
			continue
		}
		types, err := sys.Source.Types(ctx)
		if err != nil {
			return fmt.Errorf("report: types of %s: %w", sys.System, err)
		}
		x.dictionary(sys.System, types)
		for _, c := range sys.Found {
			t, err := x.thread(ctx, sys, types, c)
			if err != nil {
				return err
			}
			if len(t.Items) == 0 {
				continue // gone since it was found
			}
			b, err := json.Marshal(t)
			if err != nil {
				return fmt.Errorf("report: data: %w", err)
			}
			if !first {
				x.data.WriteByte(',')
			}
			first = false
			x.data.Write(b)
			if err := x.page(sys, t, types); err != nil {
				return err
			}
			x.zip.man.Systems[string(sys.System)]++
		}
	}
	x.data.WriteString("]}\n")
	if err := x.zip.create("data.json", func(w io.Writer) error { _, err := w.Write(x.data.Bytes()); return err }); err != nil {
		return err
	}
	if err := x.tables(); err != nil {
		return err
	}
	if err := x.overview(); err != nil {
		return err
	}
	man, err := json.MarshalIndent(x.zip.man, "", "  ")
	if err != nil {
		return fmt.Errorf("report: manifest: %w", err)
	}
	f, err := x.zip.zw.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: x.Made})
	if err == nil {
		_, err = f.Write(append(man, '\n'))
	}
	if err == nil {
		err = x.zip.zw.Close()
	}
	if err != nil {
		return fmt.Errorf("report: manifest: %w", err)
	}
	return nil
}

// ownNames learns the person's names from the records that are surely theirs.
func (x *extractor) ownNames(ctx context.Context) error {
	for _, sys := range x.Systems {
		if sys.Source == nil {
			continue
		}
		types, err := sys.Source.Types(ctx)
		if err != nil {
			return fmt.Errorf("report: types of %s: %w", sys.System, err)
		}
		for _, t := range types {
			if t.Kind != connector.KindPerson {
				continue
			}
			for _, c := range sys.Found {
				if c.Ref.Type != t.Name || !c.Own() || c.Certainty != connector.Certain {
					continue
				}
				rec, err := sys.Source.Get(ctx, c.Ref)
				if gallra.CodeOf(err) == gallra.NotFound {
					continue
				}
				if err != nil {
					return fmt.Errorf("report: read %s: %w", c.Ref, err)
				}
				for _, f := range rec.Fields {
					if info, ok := t.Field(f.Name); ok && info.Category == gallra.CategoryPerson {
						x.names += " " + ident.Fold(f.Value)
					}
				}
			}
		}
	}
	return nil
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

// thread reads one conversation: all of it when the case is the person's own,
// the records that speak of the person otherwise.
func (x *extractor) thread(ctx context.Context, sys ExtractSystem, types []connector.Type, c subject.Conversation) (*Thread, error) {
	t := &Thread{System: string(sys.System), Channel: string(sys.Channel), Role: c.Role, Own: c.Own()}
	byName := map[string]connector.Type{}
	for _, ty := range types {
		byName[ty.Name] = ty
	}
	var refs []gallra.Ref
	add := func(r gallra.Ref) {
		if !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	if c.Own() {
		add(c.Ref)
	}
	for _, h := range c.Hits {
		add(h.Ref)
	}
	role := map[gallra.Ref]gallra.Role{}
	for _, h := range c.Hits {
		role[h.Ref] = h.Role
	}
	seen := map[gallra.Ref]bool{}
	take := func(rec gallra.Record) error {
		if seen[rec.Ref] {
			return nil
		}
		seen[rec.Ref] = true
		return x.item(ctx, sys, t, byName[rec.Ref.Type], rec, role[rec.Ref])
	}
	for _, r := range refs {
		rec, err := sys.Source.Get(ctx, r)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("report: read %s: %w", r, err)
		}
		if err := take(rec); err != nil {
			return nil, err
		}
	}
	if c.Own() {
		for _, ty := range connector.Below(types, c.Ref.Type) {
			if ty.Kind == connector.KindTrace {
				continue // a derived copy says nothing new
			}
			for q := (connector.Query{Type: ty.Name, Parents: []gallra.Ref{c.Ref}}); ; {
				page, err := sys.Source.List(ctx, q)
				if err != nil {
					return nil, fmt.Errorf("report: read %s of %s: %w", ty.Name, c.Ref, err)
				}
				for _, rec := range page.Records {
					if err := take(rec); err != nil {
						return nil, err
					}
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
		}
	}
	slices.SortStableFunc(t.Items, func(a, b Item) int { return a.Created.Compare(b.Created) })
	return t, nil
}

func (x *extractor) item(ctx context.Context, sys ExtractSystem, t *Thread, ty connector.Type, rec gallra.Record, role gallra.Role) error {
	it := Item{Ref: rec.Ref.String(), Type: rec.Ref.Type, Kind: ty.Kind, Role: role, Created: rec.Created, Fields: map[string]string{}}
	if !rec.Parent.IsZero() {
		it.Parent = rec.Parent.String()
	}
	// The person's own words stay as they are, apart from other people's direct
	// identifiers; in another person's case everything that is not the person's goes.
	parts := content.Texts(ty, rec)
	// Who handled the case is no secret to the one it was handled for.
	staff := ""
	for _, f := range rec.Fields {
		if info, ok := ty.Field(f.Name); ok && info.Role == gallra.RoleAgent && info.Category == gallra.CategoryPerson {
			staff += " " + f.Value
		}
	}
	for _, p := range parts {
		x.unread += len(p.Problems)
		info, _ := ty.Field(p.Field)
		if info.Format == connector.FormatFile {
			continue // given as a file
		}
		it.Fields[p.Field] = x.mask(p, info, t.Own, staff)
	}
	for _, f := range rec.Fields {
		if info, ok := ty.Field(f.Name); ok && info.Keep && f.Value != "" {
			it.Fields[f.Name] = f.Value
		}
	}
	if t.Own && ty.Kind == connector.KindAttachment {
		if err := x.attachment(ctx, sys, ty, rec, &it); err != nil {
			return err
		}
	}
	if t.Title == "" {
		for _, n := range []string{"subject", "title"} {
			if v, ok := it.Fields[n]; ok {
				t.Title = v
			}
		}
	}
	t.Items = append(t.Items, it)
	key := string(sys.System) + "-" + ty.Name
	tb := x.csv[key]
	if tb == nil {
		tb = &table{system: string(sys.System), typ: ty.Name}
		for _, f := range ty.Fields {
			tb.columns = append(tb.columns, f.Name)
		}
		x.csv[key] = tb
	}
	tb.rows = append(tb.rows, it)
	return nil
}

// mask takes other people's values out of one part. staff are the names of the
// employees who handled the record.
func (x *extractor) mask(p content.Part, info connector.FieldInfo, own bool, staff string) string {
	if p.Category != "" {
		ours := own && (info.Role == gallra.RoleRequester || staff != "" && info.Role != "")
		if info.Role == gallra.RoleAgent || !p.Category.Direct() || len(x.match.Find(p.Text)) > 0 || ours {
			return p.Text
		}
		x.zip.man.Masked++
		return pii.Mask(p.Category, p.Text)
	}
	mine := x.match.Find(p.Text)
	known := x.names
	if own {
		known += " " + ident.Fold(staff)
	}
	keep := func(f pii.Finding) bool {
		for _, m := range mine {
			if f.Start < m.End && m.Start < f.End {
				return true
			}
		}
		return own && f.Category == gallra.CategoryPerson && within(ident.Fold(p.Text[f.Start:f.End]), known)
	}
	var b strings.Builder
	at := 0
	for _, f := range x.Engine.Find(p.Text) {
		if f.Start < at || keep(f) || own && !other(f.Category) || !own && !f.Category.Direct() && !f.Category.Special() {
			continue
		}
		b.WriteString(p.Text[at:f.Start])
		b.WriteString("[" + x.say.T("extract.masked", "category", x.say.T("category."+string(f.Category))) + "]")
		at = f.End
		x.zip.man.Masked++
	}
	b.WriteString(p.Text[at:])
	return b.String()
}

// within reports whether every word of a name stands among the known ones: a
// letter to Anna Lindqvist begins with "Hej Anna".
func within(name, known string) bool {
	words := strings.Fields(known)
	for _, w := range strings.Fields(name) {
		if !slices.Contains(words, w) {
			return false
		}
	}
	return name != ""
}

// other reports whether a value of c in a person's own case is taken to be
// another person's when it does not match what is known of the person. An
// address or an account there is nearly always the person's own.
func other(c gallra.Category) bool {
	switch c {
	case gallra.CategoryPerson, gallra.CategoryEmail, gallra.CategoryPhone, gallra.CategoryPersonnummer, gallra.CategoryNationalID:
		return true
	}
	return false
}

func (x *extractor) attachment(ctx context.Context, sys ExtractSystem, ty connector.Type, rec gallra.Record, it *Item) error {
	name := safeName(content.FileName(rec))
	file := path.Join("attachments", string(sys.System), name)
	var open func(io.Writer) error
	if a, ok := sys.Source.(connector.Attachments); ok {
		open = func(w io.Writer) error {
			r, err := a.Open(ctx, rec.Ref)
			if err != nil {
				return fmt.Errorf("report: attachment %s: %w", rec.Ref, err)
			}
			defer r.Close()
			if _, err := io.Copy(w, r); err != nil {
				return fmt.Errorf("report: attachment %s: %w", rec.Ref, err)
			}
			return nil
		}
	}
	for _, f := range rec.Fields {
		if info, ok := ty.Field(f.Name); ok && info.Format == connector.FormatFile && open == nil {
			v := f.Value
			open = func(w io.Writer) error { _, err := io.WriteString(w, v); return err }
		}
	}
	if open == nil {
		return nil
	}
	if err := x.zip.create(file, open); err != nil {
		return err
	}
	it.Fields["file"] = x.zip.man.Files[len(x.zip.man.Files)-1].Name
	return nil
}

// safeName keeps a file name from leaving its folder.
func safeName(s string) string {
	s = path.Base(strings.ReplaceAll(s, `\`, "/"))
	s = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	}, s)
	if s = strings.Trim(s, ". "); s == "" {
		return "file"
	}
	return s
}

// tables writes one CSV a type: RFC 4180, UTF-8 with a byte order mark so that
// spreadsheets show å, ä and ö.
func (x *extractor) tables() error {
	keys := make([]string, 0, len(x.csv))
	for k := range x.csv {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t := x.csv[k]
		err := x.zip.create("csv/"+k+".csv", func(w io.Writer) error {
			if _, err := io.WriteString(w, "\ufeff"); err != nil {
				return err
			}
			cw := csv.NewWriter(w)
			cw.UseCRLF = true
			head := append([]string{"ref", "conversation", "created", "role"}, t.columns...)
			if err := cw.Write(head); err != nil {
				return err
			}
			for _, it := range t.rows {
				row := []string{it.Ref, it.Parent, stamp(it.Created), string(it.Role)}
				for _, c := range t.columns {
					row = append(row, guard(it.Fields[c]))
				}
				if err := cw.Write(row); err != nil {
					return err
				}
			}
			cw.Flush()
			return cw.Error()
		})
		if err != nil {
			return fmt.Errorf("report: table %s: %w", k, err)
		}
	}
	return nil
}

// guard keeps a spreadsheet from taking a citizen's text for a formula.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) && !number(s) {
		return "'" + s
	}
	return s
}

func number(s string) bool {
	return strings.Trim(s, "+-0123456789., ") == ""
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (x *extractor) dictionary(sys gallra.SystemID, types []connector.Type) {
	sv, en := i18n.For(i18n.Swedish), i18n.For(i18n.English)
	for _, t := range types {
		if t.Kind == connector.KindTrace || t.Kind == connector.KindAgent {
			continue
		}
		for _, f := range t.Fields {
			o := origin(t, f)
			m := ManifestField{System: sys, Type: t.Name, Field: f.Name, Origin: o, Category: f.Category}
			for p, into := range map[*i18n.Printer]*string{sv: &m.SV, en: &m.EN} {
				*into = p.T("extract.field.explained", "what", label(p, f), "kind", p.T("kind."+string(t.Kind)), "origin", p.T("extract.origin."+o))
			}
			x.zip.man.Fields = append(x.zip.man.Fields, m)
		}
	}
}

// label says in the reader's language what a field holds.
func label(p *i18n.Printer, f connector.FieldInfo) string {
	switch {
	case f.Category != "":
		return p.T("category." + string(f.Category))
	case f.Keep:
		return p.T("extract.field.keep")
	case f.Format == connector.FormatFile:
		return p.T("extract.field.file")
	case f.Text:
		return p.T("extract.field.text")
	}
	return p.T("extract.field.other")
}

// origin tells provided, observed and derived data apart (WP242 rev.01).
func origin(t connector.Type, f connector.FieldInfo) string {
	switch {
	case t.Kind == connector.KindTrace || f.Role == gallra.RoleAgent:
		return "derived"
	case f.Keep || f.Category == gallra.CategoryIP || f.Category == gallra.CategoryDeviceID:
		return "observed"
	}
	return "provided"
}
