// Package config reads and writes gallra.yaml: the organisation, its systems
// and its retention rules. The file is the one truth of the rules (the page
// edits the same file), is kept under version control by those who wish, and
// never holds a secret: an address names one as ${ENV} and an option as
// "file:PATH" or "${ENV}".
package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// FileName is the name of the file in the data directory.
const FileName = "gallra.yaml"

// Config is the content of gallra.yaml.
type Config struct {
	Organisation Organisation  `yaml:"organisation" json:"organisation"`
	Systems      []System      `yaml:"systems" json:"systems"`
	Rules        []gallra.Rule `yaml:"rules" json:"rules"`

	// Customer numbers and other formats of this organisation, and words that
	// are never personal data here.
	Patterns []Pattern `yaml:"patterns,omitempty" json:"patterns,omitempty"`
	Allow    []string  `yaml:"allow,omitempty" json:"allow,omitempty"`

	dir string // relative paths in addresses start here
}

// Organisation is who answers for the data.
type Organisation struct {
	Name    string                  `yaml:"name" json:"name"`
	Number  string                  `yaml:"number,omitempty" json:"number,omitempty"` // organisationsnummer
	Type    gallra.OrganisationType `yaml:"type" json:"type"`
	Contact string                  `yaml:"contact,omitempty" json:"contact,omitempty"`
	Archive string                  `yaml:"archive,omitempty" json:"archive,omitempty"` // arkivbildare of a public body; "" is the organisation itself
	DPO     string                  `yaml:"dpo,omitempty" json:"dpo,omitempty"`         // the data-protection officer's role address

	// Court tries appeals of decisions about a person's data, DocumentCourt those of
	// refusals to give out an official document; "" names neither by its place.
	Court         string `yaml:"court,omitempty" json:"court,omitempty"`
	DocumentCourt string `yaml:"document_court,omitempty" json:"document_court,omitempty"`
}

// System is one place where customer service keeps personal data.
type System struct {
	Name    gallra.SystemID   `yaml:"name" json:"name"`
	Title   string            `yaml:"title,omitempty" json:"title,omitempty"`
	URL     string            `yaml:"url" json:"url"`
	Channel connector.Channel `yaml:"channel,omitempty" json:"channel,omitempty"`
	Options map[string]string `yaml:"options,omitempty" json:"options,omitempty"`
	// BackupLife is how long backups of the system live (ISO 8601: P30D), as its
	// keeper says; it goes before what the product's profile says.
	BackupLife string `yaml:"backup_life,omitempty" json:"backup_life,omitempty"`
	Vendor     Vendor `yaml:"vendor,omitempty" json:"vendor,omitzero"`
}

// Vendor is who runs a system and on what terms (REQUIREMENTS S37-S40). An
// empty field means that nobody has answered yet, which is never green.
type Vendor struct {
	Name      string `yaml:"name,omitempty" json:"name,omitempty"`
	Hosting   string `yaml:"hosting,omitempty" json:"hosting,omitempty"`     // "own", "cloud"
	Country   string `yaml:"country,omitempty" json:"country,omitempty"`     // ISO 3166-1 alpha-2 of storage
	Agreement string `yaml:"agreement,omitempty" json:"agreement,omitempty"` // data processing agreement: number, date
	Review    string `yaml:"review,omitempty" json:"review,omitempty"`       // YYYY-MM-DD of the next review
}

// Pattern is a format of the organisation's own, such as its customer numbers.
type Pattern struct {
	Name     string          `yaml:"name" json:"name"`
	Expr     string          `yaml:"expr" json:"expr"` // RE2 syntax
	Category gallra.Category `yaml:"category" json:"category"`
}

// Load reads the file at path. A missing file is gallra.ErrNotFound; one that
// is wrong is gallra.ErrInvalid and says where.
func Load(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, gallra.Errorf(gallra.NotFound, "config.missing", "file", path)
	}
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "config.unreadable", "file", path).Wrap(err)
	}
	return Parse(b, filepath.Dir(path))
}

// Parse reads the file's content; relative paths in it start at dir.
func Parse(b []byte, dir string) (*Config, error) {
	c := &Config{dir: dir}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(c); err != nil && len(bytes.TrimSpace(b)) > 0 {
		// yaml.FormatError without source lines: a line could hold a secret.
		return nil, gallra.Errorf(gallra.Invalid, "config.malformed", "reason", firstLine(yaml.FormatError(err, false, false)))
	}
	for i := range c.Rules {
		if c.Rules[i].Version == 0 {
			c.Rules[i].Version = 1
		}
	}
	return c, c.Validate()
}

func firstLine(s string) string { s, _, _ = strings.Cut(strings.TrimSpace(s), "\n"); return s }

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// Validate checks all that can be checked without opening a system. Whether a
// public body's rule has its gallringsbeslut is asked when a plan is approved,
// not here: a rule may be written before it is decided (REQUIREMENTS SE-2).
func (c *Config) Validate() error {
	seen := map[string]bool{}
	for _, s := range c.Systems {
		switch {
		case !name.MatchString(string(s.Name)):
			return gallra.Errorf(gallra.Invalid, "config.system_name", "system", string(s.Name))
		case seen["s/"+string(s.Name)]:
			return gallra.Errorf(gallra.Invalid, "config.system_twice", "system", string(s.Name))
		case connector.Scheme(s.URL) == "":
			return gallra.Errorf(gallra.Invalid, "config.system_url", "system", string(s.Name))
		}
		if d, err := gallra.ParsePeriod(s.BackupLife); s.BackupLife != "" && (err != nil || d.IsZero()) {
			return gallra.Errorf(gallra.Invalid, "config.backup_life", "system", string(s.Name), "period", s.BackupLife)
		}
		seen["s/"+string(s.Name)] = true
	}
	for _, r := range c.Rules {
		switch {
		case !name.MatchString(r.ID):
			return gallra.Errorf(gallra.Invalid, "config.rule_id", "rule", r.ID)
		case seen["r/"+r.ID]:
			return gallra.Errorf(gallra.Invalid, "config.rule_twice", "rule", r.ID)
		case r.Purpose == "":
			return gallra.Errorf(gallra.Invalid, "config.rule_purpose", "rule", r.ID)
		case r.Keep.IsZero(): // REQUIREMENTS S12
			return gallra.Errorf(gallra.Invalid, "config.rule_period", "rule", r.ID)
		case len(r.Systems) == 0:
			return gallra.Errorf(gallra.Invalid, "config.rule_systems", "rule", r.ID)
		}
		if err := r.Check(); err != nil {
			return err
		}
		for _, s := range r.Systems {
			if !seen["s/"+string(s)] {
				return gallra.Errorf(gallra.Invalid, "config.rule_system_unknown", "rule", r.ID, "system", string(s))
			}
		}
		seen["r/"+r.ID] = true
	}
	for _, p := range c.Patterns {
		if _, err := regexp.Compile(p.Expr); err != nil || !p.Category.Valid() {
			return gallra.Errorf(gallra.Invalid, "config.pattern", "pattern", p.Name)
		}
	}
	return nil
}

// Marshal returns the file's content.
func (c *Config) Marshal() ([]byte, error) {
	b, err := yaml.MarshalWithOptions(c, yaml.UseLiteralStyleIfMultiline(true), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("config: write: %w", err)
	}
	return b, nil
}

// Save writes the file at path through a temporary file and a rename.
func (c *Config) Save(path string) error {
	if err := c.Validate(); err != nil {
		return err
	}
	b, err := c.Marshal()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gallra-*.yaml")
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	return nil
}

// System returns the system named id; false when there is none.
func (c *Config) System(id gallra.SystemID) (System, bool) {
	for _, s := range c.Systems {
		if s.Name == id {
			return s, true
		}
	}
	return System{}, false
}

// Names returns the names of the systems.
func (c *Config) Names() []gallra.SystemID {
	out := make([]gallra.SystemID, len(c.Systems))
	for n, s := range c.Systems {
		out[n] = s.Name
	}
	return out
}

// Rule returns the rule with that id; false when there is none.
func (c *Config) Rule(id string) (gallra.Rule, bool) {
	for _, r := range c.Rules {
		if r.ID == id {
			return r, true
		}
	}
	return gallra.Rule{}, false
}

// Connect returns how system s is opened: ${ENV} and file: resolved, relative
// file paths made to start at the directory of gallra.yaml. env is os.LookupEnv
// or a test's. gallra.ErrInvalid names a variable or file that is missing,
// never its value.
func (c *Config) Connect(s System, env func(string) (string, bool)) (connector.Config, error) {
	u, err := expand(s.URL, env)
	if err != nil {
		return connector.Config{}, gallra.Errorf(gallra.Invalid, "config.secret", "system", string(s.Name), "name", err.Error())
	}
	out := connector.Config{System: s.Name, URL: c.absolute(u), Options: map[string]string{}, BackupLife: s.BackupLife}
	for k, v := range s.Options {
		if v, err = expand(v, env); err != nil {
			return connector.Config{}, gallra.Errorf(gallra.Invalid, "config.secret", "system", string(s.Name), "name", err.Error())
		}
		if p, ok := strings.CutPrefix(v, "file:"); ok {
			b, err := os.ReadFile(c.join(p))
			if err != nil {
				return connector.Config{}, gallra.Errorf(gallra.Invalid, "config.secret", "system", string(s.Name), "name", p)
			}
			v = strings.TrimRight(string(b), "\r\n")
		}
		out.Options[k] = v
	}
	return out, nil
}

// ConnectToRead returns how system s is opened by what changes nothing: as
// Connect, without the settings that changes alone need. Those are not even
// looked up (REQUIREMENTS X-5).
func (c *Config) ConnectToRead(s System, env func(string) (string, bool)) (connector.Config, error) {
	own := s.Options
	s.Options = map[string]string{}
	for k, v := range own {
		if !strings.HasPrefix(k, connector.ForChanges) {
			s.Options[k] = v
		}
	}
	if address, query, ok := strings.Cut(s.URL, "?"); ok {
		kept := slices.DeleteFunc(strings.Split(query, "&"), func(o string) bool { return strings.HasPrefix(o, connector.ForChanges) })
		if s.URL = address; len(kept) > 0 {
			s.URL += "?" + strings.Join(kept, "&")
		}
	}
	return c.Connect(s, env)
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

type missing string

func (m missing) Error() string { return string(m) }

func expand(s string, env func(string) (string, bool)) (string, error) {
	var err error
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		n := m[2 : len(m)-1]
		v, ok := env(n)
		if !ok {
			err = missing(n)
		}
		return v
	})
	return out, err
}

// absolute makes the path of a file address ("sqlite:systems/a.db?x") start at
// the file's directory. Addresses with a host are left alone.
func (c *Config) absolute(u string) string {
	scheme, rest, ok := strings.Cut(u, ":")
	if !ok || strings.HasPrefix(rest, "//") {
		return u
	}
	path, query, has := strings.Cut(rest, "?")
	u = scheme + ":" + c.join(path)
	if has {
		u += "?" + query
	}
	return u
}

func (c *Config) join(p string) string {
	if filepath.IsAbs(p) || c.dir == "" {
		return p
	}
	return filepath.Join(c.dir, p)
}

// Adhoc makes a System of a bare address on the command line; taken are the
// names already used. Its name is the scheme, numbered when that is taken.
func Adhoc(address string, taken func(gallra.SystemID) bool) System {
	base := connector.Scheme(address)
	id := gallra.SystemID(base)
	for n := 2; taken(id); n++ {
		id = gallra.SystemID(fmt.Sprintf("%s-%d", base, n))
	}
	return System{Name: id, Title: string(id), URL: address}
}
