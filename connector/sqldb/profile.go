package sqldb

import (
	"embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

//go:embed profiles/*.yaml
var profiles embed.FS

// profile is what a Fides dataset manifest says of one product's database.
// Gallra's own keys stand under "meta: gallra:", so that other tools read the
// file and leave them alone; what Gallra does not know it leaves alone too.
//
// Collections stand parents before children. They are erased in the opposite
// order, which is why a table that points at two others stands after both.
type profile struct {
	Key         string
	Meta        datasetMeta
	Collections []collection
}

type datasetMeta struct {
	connector.Profile `yaml:",inline"`

	Versions string `yaml:"versions"` // of the product the profile was written for
	TimeZone string `yaml:"timezone"` // of times that have none; UTC when empty
	// Known are tables ("acl", "gi_*") and columns ("staff.email") that somebody
	// looked at and found to hold nothing about customers.
	Known []string `yaml:"known"`
}

// collection is one kind of row. One with a key and fields is a type of record;
// one without only ties others together and is erased with its owner.
type collection struct {
	Name   string // the table, without the prefix
	Meta   collectionMeta
	Fields []fieldSpec
}

type collectionMeta struct {
	Type     string          `yaml:"type"` // name of the type of record; the table's when empty
	Kind     connector.Kind  `yaml:"kind"`
	Key      list            `yaml:"key"`
	Where    map[string]list `yaml:"where"`     // which rows of the table: column: values
	WhereNot map[string]list `yaml:"where_not"` // and: which not; a NULL is not one of them
	Only     *target         `yaml:"only"`      // and: Column points at rows of another table
	Parent   *link           `yaml:"parent"`
	Person   *personLink     `yaml:"person"`
	Times    times           `yaml:"times"`
	Version  list            `yaml:"version"` // columns that change when the record does; every column when empty
	OnEdit   onEdit          `yaml:"on_edit"`
	OnErase  onEdit          `yaml:"on_erase"` // blank: the row is another's and stays, its texts go
	Shared   *shared         `yaml:"shared"`
	Content  *content        `yaml:"content"`
	Whole    bool            `yaml:"whole"`    // the row and its parent are one record, erased and edited together
	Optional bool            `yaml:"optional"` // an add-on makes the table: it may be missing
	// Release are columns of other tables that name a person besides the person
	// links ("updated_by_id"). They get the key ReleaseTo, or null, when the
	// person is erased.
	Release   []target `yaml:"release"`
	ReleaseTo string   `yaml:"release_to"`
}

// link leads from a row to the row it belongs to and is erased with.
type link struct {
	Type   string `yaml:"type"`
	Column string `yaml:"column"`
	Match  string `yaml:"match"` // column of the owner that Column holds; its key when empty
	// Prefixes stand before the owner's key in Column ("ticket.note.", "U").
	// The way is then known from the owner to the row only.
	Prefixes list `yaml:"prefixes"`
}

// personLink leads from a row to the person it is about, who may go without it.
type personLink struct {
	Type   string          `yaml:"type"`
	Column string          `yaml:"column"`
	Match  string          `yaml:"match"` // column of the person that Column holds; the person's key when empty
	Where  map[string]list `yaml:"where"`
	// Unlink says what stands in Column when the row is cut loose from its person:
	// "null", "zero", "empty", or the key of the product's own "deleted user"; with
	// Nobody that key is looked up, and with Through the row between is erased.
	// Nothing: the column is left as it is.
	Unlink string      `yaml:"unlink"`
	Nobody *target     `yaml:"nobody"`
	Role   gallra.Role `yaml:"role"` // of the person in the row; author when empty
	// Through leads from the row's key, in place of Column, over rows of other
	// tables to the person; Copies are tables that repeat the last of them.
	Through []hop `yaml:"through"`
	Copies  list  `yaml:"copies"`
}

// times names the columns of a record's clocks.
type times struct {
	Created  string          `yaml:"created"`
	Updated  string          `yaml:"updated"`
	Contact  string          `yaml:"contact"`
	Closed   string          `yaml:"closed"`
	ClosedIf map[string]list `yaml:"closed_if"` // field or column: the values with which Closed counts
	Newest   *newest         `yaml:"contact_newest"`
	// Events names the columns of the other start events: dispute_ended: settled_at.
	Events   map[gallra.StartEvent]string `yaml:"events"`
	Encoding string                       `yaml:"encoding"` // "", unix, unix_ms
	Unset    string                       `yaml:"unset"`    // what stands for no time, besides NULL and 0
}

// newest is the latest time among the rows a record owns.
type newest struct {
	Type   string          `yaml:"type"`
	Column string          `yaml:"column"`
	Where  map[string]list `yaml:"where"`
}

// onEdit says what becomes of derived rows when the record they were derived
// from is edited.
type onEdit string

const (
	editKeep  onEdit = "keep"
	editErase onEdit = "erase"
	editBlank onEdit = "blank" // the rows stay, their texts go
)

// shared is content that other rows may use too. It goes with its last user.
type shared struct {
	Column string   `yaml:"column"`
	Delete []target `yaml:"delete"` // in this order
	Users  []target `yaml:"users"`  // every place that may point at the content
}

// target is a column of some rows of another table. In Only, From points at it.
// Of leads from the shared key to the column's value where that is another.
type target struct {
	Of     *hop            `yaml:"of"`
	From   string          `yaml:"from"`
	Table  string          `yaml:"table"`
	Column string          `yaml:"column"`
	Where  map[string]list `yaml:"where"`
}

// content is the bytes of a file that are kept in rows of another table.
type content struct {
	Column string `yaml:"column"`
	Table  string `yaml:"table"`
	Of     *hop   `yaml:"of"` // a row between: Column holds its Match, Match holds its Column
	Match  string `yaml:"match"`
	Value  string `yaml:"value"`
	Order  string `yaml:"order"`
}

type fieldSpec struct {
	Name       string
	Categories []string
	Meta       fieldMeta
}

type fieldMeta struct {
	Column   string           `yaml:"column"` // Name when empty
	Category gallra.Category  `yaml:"category"`
	Role     gallra.Role      `yaml:"role"`
	Text     bool             `yaml:"text"`
	Format   connector.Format `yaml:"format"`
	Keep     bool             `yaml:"keep"`
	Indexed  bool             `yaml:"indexed"`
	Base64   bool             `yaml:"base64"` // where the database has a text column for bytes
	// Encoding is the column that says how this one is encoded in each row:
	// base64, quoted-printable, or anything else for not at all.
	Encoding    string `yaml:"encoding"`
	Lookup      []hop  `yaml:"lookup"`  // the name a number stands for
	Replacement string `yaml:"replace"` // stands for an empty value in a column that needs one; {key} is the row's key
	Optional    bool   `yaml:"optional"`
}

// hop leads from a value to a row of another table and on to its column.
type hop struct {
	Table  string          `yaml:"table"`
	Match  string          `yaml:"match"`
	Column string          `yaml:"column"`
	Where  map[string]list `yaml:"where"`
}

// list is one value or several.
type list []string

// UnmarshalYAML takes a scalar for a list of one.
func (l *list) UnmarshalYAML(b []byte) error {
	var many []string
	if yaml.Unmarshal(b, &many) == nil {
		*l = many
		return nil
	}
	var one string
	if err := yaml.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = list{one}
	return nil
}

// manifest is the file's own shape.
type manifest struct {
	Dataset []struct {
		Key  string `yaml:"fides_key"`
		Name string `yaml:"name"`
		Meta struct {
			Gallra datasetMeta `yaml:"gallra"`
		} `yaml:"meta"`
		Collections []struct {
			Name string `yaml:"name"`
			Meta struct {
				Gallra collectionMeta `yaml:"gallra"`
			} `yaml:"meta"`
			Fields []struct {
				Name       string   `yaml:"name"`
				Categories []string `yaml:"data_categories"`
				Meta       struct {
					Gallra fieldMeta `yaml:"gallra"`
				} `yaml:"meta"`
			} `yaml:"fields"`
		} `yaml:"collections"`
	} `yaml:"dataset"`
}

// Profiles returns the names of the embedded profiles, sorted.
func Profiles() []string {
	entries, err := profiles.ReadDir("profiles")
	if err != nil {
		panic("sqldb: embedded profiles: " + err.Error())
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(out)
	return out
}

// embedded holds the profiles that were read already; they do not change.
var embedded sync.Map

// loadProfile reads an embedded profile by name, or a file by its path.
func loadProfile(name string) (profile, error) {
	if p, ok := embedded.Load(name); ok {
		return p.(profile), nil
	}
	var b []byte
	var err error
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.ContainsRune(name, filepath.Separator) {
		b, err = os.ReadFile(name)
	} else if b, err = profiles.ReadFile("profiles/" + name + ".yaml"); err == nil {
		p, err := parseProfile(name, b)
		if err == nil {
			embedded.Store(name, p)
		}
		return p, err
	}
	if err != nil {
		return profile{}, gallra.Errorf(gallra.Invalid, "sqldb.profile_unknown", "profile", name, "known", strings.Join(Profiles(), ", "))
	}
	return parseProfile(name, b)
}

func parseProfile(name string, b []byte) (profile, error) {
	wrong := func(what string) error {
		return gallra.Errorf(gallra.Invalid, "sqldb.profile_wrong", "profile", name, "what", what)
	}
	var m manifest
	if err := yaml.Unmarshal(b, &m); err != nil {
		return profile{}, wrong(strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if w := strange(b); w != "" {
		return profile{}, wrong(w)
	}
	if len(m.Dataset) != 1 {
		return profile{}, wrong("dataset: exactly one is needed")
	}
	d := m.Dataset[0]
	p := profile{Key: d.Key, Meta: d.Meta.Gallra}
	if p.Meta.Product == "" {
		p.Meta.Product = or(d.Name, or(d.Key, name))
	}
	if p.Meta.Channel == "" {
		p.Meta.Channel = connector.ChannelTicketing
	}
	if err := p.Meta.Profile.Validate(); err != nil {
		return profile{}, fmt.Errorf("sqldb: profile %s: %w", name, err)
	}
	for _, c := range d.Collections {
		x := collection{Name: c.Name, Meta: c.Meta.Gallra}
		for _, f := range c.Fields {
			x.Fields = append(x.Fields, fieldSpec{Name: f.Name, Categories: f.Categories, Meta: f.Meta.Gallra})
		}
		p.Collections = append(p.Collections, x)
	}
	if what := p.complete(); what != "" {
		return profile{}, wrong(what)
	}
	if where, c := p.personalStatistic(); c != "" {
		return profile{}, gallra.Errorf(gallra.Invalid, "sqldb.keep_personal", "profile", name, "field", where, "category", string(c))
	}
	return p, nil
}

// personalStatistic returns a statistics field that holds what points out a person,
// by its category or, where no category says otherwise, by its name: its values
// would stay when the record goes, and stand in the figures.
func (p *profile) personalStatistic() (string, gallra.Category) {
	for _, c := range p.Collections {
		for _, f := range c.Fields {
			switch {
			case !f.Meta.Keep:
			case f.Meta.Category != "":
				return c.Name + "." + f.Name, f.Meta.Category
			case f.safe():
			default:
				names := []string{f.Name}
				if len(f.Meta.Lookup) == 0 { // else the column holds a number that stands for a name
					names = append(names, f.Meta.Column)
				}
				for _, n := range names {
					if category, ok := pii.ColumnIn(c.Name, n); ok && category.Direct() {
						return c.Name + "." + f.Name, category
					}
				}
			}
		}
	}
	return "", ""
}

// safe reports whether somebody has said by a category that a column's values are
// nobody's: data_categories: [system.operations].
func (f fieldSpec) safe() bool { return len(f.Categories) > 0 && categoryOf(f.Categories) == "" }

var kinds = []connector.Kind{connector.KindConversation, connector.KindMessage, connector.KindPerson, connector.KindAgent, connector.KindAttachment, connector.KindTrace, connector.KindRow}

// complete fills in what follows from the rest and returns what is wrong, "" if nothing.
func (p *profile) complete() string {
	if len(p.Collections) == 0 {
		return "collections: none"
	}
	if _, err := time.LoadLocation(p.Meta.TimeZone); err != nil {
		return "timezone: " + p.Meta.TimeZone
	}
	persons := map[string]bool{}
	for i := range p.Collections {
		c := &p.Collections[i]
		if c.Meta.Type == "" {
			c.Meta.Type = c.Name
		}
		persons[c.Meta.Type] = c.Meta.Kind == connector.KindPerson
	}
	before := map[string]bool{}
	for i := range p.Collections {
		c := &p.Collections[i]
		m := &c.Meta
		switch {
		case c.Name == "":
			return "collections: one has no name"
		case before[m.Type]:
			return c.Name + ": type " + m.Type + " stands twice"
		case !slices.Contains(kinds, m.Kind):
			return c.Name + ": kind: " + string(m.Kind)
		case m.Parent != nil && !before[m.Parent.Type]:
			return c.Name + ": parent: " + m.Parent.Type + " does not stand before it"
		case m.Parent != nil && m.Parent.Column == "":
			return c.Name + ": parent: column"
		case m.Person != nil && !persons[m.Person.Type]:
			return c.Name + ": person: " + m.Person.Type + " is no collection of kind person"
		case m.Person != nil && !slices.Contains([]string{"", "null", "zero", "empty", "nobody", "erase"}, m.Person.Unlink) && !isNumber(m.Person.Unlink),
			m.Person != nil && (m.Person.Unlink == "nobody") != (m.Person.Nobody != nil),
			m.Person != nil && m.Person.Unlink == "erase" && len(m.Person.Through) == 0:
			return c.Name + ": unlink: " + m.Person.Unlink
		case m.ReleaseTo != "" && !isNumber(m.ReleaseTo):
			return c.Name + ": release_to: " + m.ReleaseTo
		case m.Person != nil && (m.Person.Column == "") != (len(m.Person.Through) > 0):
			return c.Name + ": person: column or through"
		case !slices.Contains([]string{"", "unix", "unix_ms"}, m.Times.Encoding):
			return c.Name + ": encoding: " + m.Times.Encoding
		case !slices.Contains([]onEdit{"", editKeep, editErase, editBlank}, m.OnEdit):
			return c.Name + ": on_edit: " + string(m.OnEdit)
		case m.OnErase != "" && m.OnErase != editBlank:
			return c.Name + ": on_erase: " + string(m.OnErase)
		case (m.Kind == connector.KindConversation || m.Kind == connector.KindPerson) && len(m.Key) != 1:
			return c.Name + ": key: one column"
		case m.Kind != connector.KindConversation && m.Kind != connector.KindPerson && m.Kind != connector.KindAgent && m.Kind != connector.KindRow && m.Parent == nil:
			return c.Name + ": parent: a " + string(m.Kind) + " belongs to something"
		}
		if m.OnEdit == "" {
			m.OnEdit = editKeep
			if m.Kind == connector.KindTrace {
				m.OnEdit = editErase
			}
		}
		before[m.Type] = true
		for _, conditions := range []map[string]list{m.Where, m.WhereNot, m.Times.ClosedIf} {
			for _, values := range conditions {
				if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, `\`) }) {
					return c.Name + ": a condition has a backslash"
				}
			}
		}
		seen := map[string]bool{}
		for j := range c.Fields {
			f := &c.Fields[j]
			where := c.Name + "." + f.Name
			switch {
			case f.Name == "" || seen[f.Name]:
				return where + ": no name, or stands twice"
			case f.Meta.Category != "" && !f.Meta.Category.Valid():
				return where + ": category: " + string(f.Meta.Category)
			case f.Meta.Keep && f.Meta.Category != "":
				return where + ": a statistics field cannot be personal"
			}
			seen[f.Name] = true
			if f.Meta.Column == "" {
				f.Meta.Column = f.Name
			}
			if f.Meta.Category == "" {
				f.Meta.Category = categoryOf(f.Categories)
			}
		}
	}
	return ""
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

func isNumber(v string) bool {
	_, err := strconv.ParseInt(v, 10, 64)
	return err == nil
}

// categoryOf returns the category that one of the Fides keys stands for.
func categoryOf(keys []string) gallra.Category {
	for _, k := range keys {
		for _, c := range gallra.Categories() {
			if c.Fides() == k {
				return c
			}
		}
	}
	return ""
}

// columns returns the columns of a condition in a fixed order.
func columns(where map[string]list) []string { return slices.Sorted(maps.Keys(where)) }
