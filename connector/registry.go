package connector

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/gallra/gallra"
)

// Capability names one thing a connector can do, beyond reading.
type Capability string

// The capabilities, one for each optional interface.
const (
	CanFind        Capability = "find"
	CanErase       Capability = "erase"
	CanEdit        Capability = "edit"
	CanRestrict    Capability = "restrict"
	CanConfirm     Capability = "confirm"
	CanAttachments Capability = "attachments"
	CanLeftovers   Capability = "leftovers"
	CanVerify      Capability = "verify"
	CanPartition   Capability = "partition"
	CanBatch       Capability = "batch"
	CanUnlink      Capability = "unlink"
)

// EveryCapability returns the capabilities in a fixed order.
func EveryCapability() []Capability {
	return []Capability{CanFind, CanErase, CanEdit, CanRestrict, CanConfirm, CanAttachments, CanLeftovers, CanVerify, CanPartition, CanBatch, CanUnlink}
}

// Capabilities returns what s can do, by the interfaces it implements. A
// connector whose abilities depend on the account implements Prober too.
func Capabilities(s Source) []Capability {
	var c []Capability
	add := func(ok bool, k Capability) {
		if ok {
			c = append(c, k)
		}
	}
	_, ok := s.(Finder)
	add(ok, CanFind)
	_, ok = s.(Eraser)
	add(ok, CanErase)
	_, ok = s.(Editor)
	add(ok, CanEdit)
	_, ok = s.(Restrictor)
	add(ok, CanRestrict)
	_, ok = s.(Confirmer)
	add(ok, CanConfirm)
	_, ok = s.(Attachments)
	add(ok, CanAttachments)
	_, ok = s.(Searcher)
	add(ok, CanLeftovers)
	_, ok = s.(Verifier)
	add(ok, CanVerify)
	_, ok = s.(Partitioner)
	add(ok, CanPartition)
	_, ok = s.(Batcher)
	add(ok, CanBatch)
	_, ok = s.(Unlinker)
	add(ok, CanUnlink)
	return c
}

// Channel is the contact channel a system serves, for the inventory (REQUIREMENTS S25).
type Channel string

// The channels.
const (
	ChannelTicketing Channel = "ticketing"
	ChannelMail      Channel = "mail"
	ChannelForum     Channel = "forum"
	ChannelChat      Channel = "chat"
	ChannelSocial    Channel = "social"
	ChannelOther     Channel = "other"
)

// ForChanges begins the names of the options that only changes need
// ("erase_token"). A system that is opened to be read is opened without them,
// and must then open all the same (REQUIREMENTS X-5).
const ForChanges = "erase_"

// Option is one setting of a connector.
type Option struct {
	Name     string
	Help     string // the key of what it means, in the texts that users read: "option.zammad.token"
	Required bool
	Secret   bool
}

// Info declares a connector. The conformance suite proves Can and Finds true.
type Info struct {
	Name    string   // also the first URL scheme: "sqldb"
	Schemes []string // URL schemes that open it: "postgres", "mysql", "sqlite"
	Title   string
	Channel Channel // usual channel; a profile may say another
	Can     []Capability
	Finds   []gallra.IdentifierKind
	Options []Option
	Open    func(ctx context.Context, c Config) (Source, error)
	// Draft, optional, writes a profile to begin with for a system that has none.
	// It reads no record.
	Draft func(ctx context.Context, c Config) (string, error)
}

// Config is how one system is reached. Secrets in it are already resolved;
// its String and LogValue show neither them nor the user.
type Config struct {
	System  gallra.SystemID
	URL     string            // without secrets in clear where the file has ${ENV}: see Resolve
	Options map[string]string // query parameters and file settings
	// BackupLife, when set, is how long backups of this system live (ISO 8601): its
	// keeper knows better than the product's profile. See Known.
	BackupLife string
}

// Known returns what is known of the system: its product's profile, and before
// that what its own entry in gallra.yaml says. A source's Profile goes through it.
func (c Config) Known(p Profile) Profile {
	if c.BackupLife == "" {
		return p
	}
	p.BackupLife, p.Remains = c.BackupLife, slices.Clone(p.Remains)
	for i, r := range p.Remains {
		if r.Kind == RemainBackup && r.For != "" {
			p.Remains[i].For = c.BackupLife
		}
	}
	return p
}

// String returns the system and the scheme only.
func (c Config) String() string { return string(c.System) + " (" + Scheme(c.URL) + ")" }

// GoString returns what String does.
func (c Config) GoString() string { return c.String() }

// LogValue implements slog.LogValuer as String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Format hides the configuration from every fmt verb.
func (c Config) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.String())) }

// Option returns the named setting, from Options first and then from the URL's query.
func (c Config) Option(name string) string {
	if v, ok := c.Options[name]; ok {
		return v
	}
	_, rest, ok := strings.Cut(c.URL, ":")
	if !ok {
		return ""
	}
	if _, q, ok := strings.Cut(rest, "?"); ok {
		if v, err := url.ParseQuery(q); err == nil {
			return v.Get(name)
		}
	}
	return ""
}

// Path returns what stands between the scheme and the query: a file path for
// maildir:, mbox:, csv: and their like.
func (c Config) Path() string {
	_, rest, _ := strings.Cut(c.URL, ":")
	rest, _, _ = strings.Cut(rest, "?")
	return rest
}

// Scheme returns the URL scheme of a system address, "" when it has none.
func Scheme(address string) string {
	s, _, ok := strings.Cut(address, ":")
	if !ok {
		return ""
	}
	return strings.ToLower(s)
}

var (
	mu       sync.RWMutex
	byName   = map[string]Info{}
	byScheme = map[string]string{}
)

// Register adds a connector; a package calls it from init. It panics on a name
// or scheme that is taken, which is a programming error.
func Register(i Info) {
	mu.Lock()
	defer mu.Unlock()
	if i.Name == "" || i.Open == nil {
		panic("connector: Register without name or Open")
	}
	if _, dup := byName[i.Name]; dup {
		panic("connector: registered twice: " + i.Name)
	}
	byName[i.Name] = i
	for _, s := range i.Schemes {
		if _, dup := byScheme[s]; dup {
			panic("connector: scheme registered twice: " + s)
		}
		byScheme[s] = i.Name
	}
}

// All returns the registered connectors by name.
func All() []Info {
	mu.RLock()
	defer mu.RUnlock()
	out := make([]Info, 0, len(byName))
	for _, i := range byName {
		out = append(out, i)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return out
}

// Lookup returns the connector that opens a scheme.
func Lookup(scheme string) (Info, bool) {
	mu.RLock()
	defer mu.RUnlock()
	i, ok := byName[byScheme[scheme]]
	return i, ok
}

// Open opens the system that c describes. gallra.ErrInvalid for an unknown
// scheme or a missing option.
func Open(ctx context.Context, c Config) (Source, error) {
	i, ok := Lookup(Scheme(c.URL))
	if !ok {
		return nil, gallra.Errorf(gallra.Invalid, "connector.unknown_scheme", "scheme", Scheme(c.URL), "known", strings.Join(Schemes(), ", "))
	}
	for _, o := range i.Options {
		if o.Required && c.Option(o.Name) == "" {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_missing", "connector", i.Name, "option", o.Name)
		}
	}
	return i.Open(ctx, c)
}

// Schemes returns every registered scheme, sorted.
func Schemes() []string {
	mu.RLock()
	defer mu.RUnlock()
	s := make([]string, 0, len(byScheme))
	for k := range byScheme {
		s = append(s, k)
	}
	slices.Sort(s)
	return s
}
