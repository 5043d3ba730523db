package sqldb

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

//go:embed profiles/*.yaml
var profiles embed.FS

// manifest is a Fides dataset manifest. Gallra's own keys stand under
// meta: gallra:, so that other tools read the file and leave them alone.
type manifest struct {
	Dataset []dataset `yaml:"dataset"`
}

type dataset struct {
	Key         string       `yaml:"fides_key"`
	Name        string       `yaml:"name"`
	Description string       `yaml:"description"`
	Meta        datasetMeta  `yaml:"meta"`
	Collections []collection `yaml:"collections"`
}

type datasetMeta struct {
	Gallra struct {
		connector.Profile `yaml:",inline"`
		Versions          string   `yaml:"versions"` // of the product the profile was written for
		TimeZone          string   `yaml:"timezone"` // of times without one; UTC when empty
		Known             []string `yaml:"known"`    // tables and table.columns looked at and found to hold nothing personal about customers
	} `yaml:"gallra"`
}

type collection struct {
	Name   string         `yaml:"name"`
	Meta   collectionMeta `yaml:"meta"`
	Fields []fieldSpec    `yaml:"fields"`
}

type collectionMeta struct {
	Gallra tableSpec `yaml:"gallra"`
}

// tableSpec says what a table is to Gallra.
type tableSpec struct {
	Type     string         `yaml:"type"` // name of the record type; the table's own when empty
	Kind     connector.Kind `yaml:"kind"`
	Key      list           `yaml:"key"`
	Where    string         `yaml:"where"` // rows that are records of this type
	Parent   *link          `yaml:"parent"`
	Person   *personSpec    `yaml:"person"`
	Times    timesSpec      `yaml:"times"`
	Version  list           `yaml:"version"`  // columns that change when the record does; all fields when empty
	OnEdit   string         `yaml:"on_edit"`  // what happens to the rows when the conversation is edited: erase, blank, keep
	Shared   []sharedSpec   `yaml:"shared"`   // content that other rows may use too
	Content  *contentSpec   `yaml:"content"`  // file content kept in another table
	Optional bool           `yaml:"optional"` // the table may be missing
}

// link is the way from a row to the record it belongs to.
type link struct {
	Type    string `yaml:"type"`
	Column  string `yaml:"column"`
	Through []hop  `yaml:"through"`
}

// hop leads from a value to a row of another table and on to its column.
type hop struct {
	Table  string `yaml:"table"`
	Key    string `yaml:"key"`
	Column string `yaml:"column"`
	Where  string `yaml:"where"`
}

type personSpec struct {
	Type   string `yaml:"type"`
	Column string `yaml:"column"`
	Match  string `yaml:"match"` // column of the person's table that Column points at; its key when empty
}

type timesSpec struct {
	Created  string `yaml:"created"`
	Updated  string `yaml:"updated"`
	Contact  string `yaml:"contact"`
	Closed   string `yaml:"closed"`
	ClosedIf string `yaml:"closed_if"` // condition under which Closed counts
	Encoding string `yaml:"encoding"`  // "", unix, unix_ms
}

type sharedSpec struct {
	Column string `yaml:"column"` // of this table
	Table  string `yaml:"table"`
	Key    string `yaml:"key"`
}

type contentSpec struct {
	Column string `yaml:"column"` // of this table
	Table  string `yaml:"table"`
	Key    string `yaml:"key"`
	Value  string `yaml:"value"`
	Order  string `yaml:"order"`
}

type fieldSpec struct {
	Name       string    `yaml:"name"`
	Categories []string  `yaml:"data_categories"`
	Meta       fieldMeta `yaml:"meta"`
}

type fieldMeta struct {
	Gallra columnSpec `yaml:"gallra"`
}

type columnSpec struct {
	Category gallra.Category  `yaml:"category"`
	Role     gallra.Role      `yaml:"role"`
	Text     bool             `yaml:"text"`
	Format   connector.Format `yaml:"format"`
	Keep     bool             `yaml:"keep"`
	Indexed  bool             `yaml:"indexed"`
	Lookup   *sharedSpec      `yaml:"lookup"` // show the name a number stands for; Column is then the name's column
	Optional bool             `yaml:"optional"`
}

// list is one name or several.
type list []string

func (l *list) UnmarshalYAML(b []byte) error {
	var one string
	if yaml.Unmarshal(b, &one) == nil && !strings.HasPrefix(strings.TrimSpace(string(b)), "[") && !strings.HasPrefix(strings.TrimSpace(string(b)), "-") {
		*l = list{one}
		return nil
	}
	var many []string
	if err := yaml.Unmarshal(b, &many); err != nil {
		return err
	}
	*l = many
	return nil
}

// Profiles returns the names of the embedded profiles.
func Profiles() []string {
	entries, err := profiles.ReadDir("profiles")
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out
}

// loadProfile reads an embedded profile by name, or a file by its path.
func loadProfile(name string) (dataset, error) {
	var b []byte
	var err error
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.ContainsRune(name, filepath.Separator) {
		b, err = os.ReadFile(name)
	} else {
		b, err = profiles.ReadFile("profiles/" + name + ".yaml")
	}
	if err != nil {
		return dataset{}, gallra.Errorf(gallra.Invalid, "sqldb.profile_unknown", "profile", name, "known", strings.Join(Profiles(), ", "))
	}
	var m manifest
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil {
		return dataset{}, gallra.Errorf(gallra.Invalid, "sqldb.profile_malformed", "profile", name).Wrap(err)
	}
	if len(m.Dataset) != 1 {
		return dataset{}, gallra.Errorf(gallra.Invalid, "sqldb.profile_malformed", "profile", name)
	}
	return m.Dataset[0], m.Dataset[0].validate(name)
}

func (d dataset) validate(name string) error {
	bad := func(what string) error {
		return gallra.Errorf(gallra.Invalid, "sqldb.profile_wrong", "profile", name, "what", what)
	}
	types := map[string]bool{}
	for _, c := range d.Collections {
		g := c.Meta.Gallra
		if g.Kind == "" {
			return bad(c.Name + ": kind")
		}
		if len(g.Key) == 0 {
			return bad(c.Name + ": key")
		}
		t := g.typ(c.Name)
		if types[t] {
			return bad(fmt.Sprintf("type %s twice", t))
		}
		types[t] = true
	}
	for _, c := range d.Collections {
		g := c.Meta.Gallra
		if g.Parent != nil && !types[g.Parent.Type] {
			return bad(c.Name + ": parent " + g.Parent.Type)
		}
		if g.Person != nil && !types[g.Person.Type] {
			return bad(c.Name + ": person " + g.Person.Type)
		}
		for _, f := range c.Fields {
			if k := f.Meta.Gallra.Category; k != "" && !k.Valid() {
				return bad(c.Name + "." + f.Name + ": category " + string(k))
			}
		}
	}
	return nil
}

func (t tableSpec) typ(table string) string {
	if t.Type != "" {
		return t.Type
	}
	return table
}
