package hold

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/pii/ident"
	"github.com/gallra/gallra/pii/scan"
)

// Kinds returns the kinds of identifier a person can be put on hold by: those
// that point out one person, or nearly, and have a form by which they are known
// again wherever they stand. A name is neither.
func Kinds() []gallra.IdentifierKind {
	return []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer}
}

// keyFile is the key of the digests, in the folder of keys: a copy of the store
// alone tells nobody who is on hold.
const (
	keyFile = "hold.key"
	keySize = 32
)

// key is what the digests of identifiers are made with. Its name, which stands
// in every digest, tells two keys apart and gives away neither.
type key struct {
	secret []byte
	name   string
}

// loadKey reads the key in a folder; make says that it may be made.
func loadKey(dir string, make bool) (key, error) {
	if dir == "" {
		return key{}, gallra.Errorf(gallra.Blocked, "hold.key_gone")
	}
	path := filepath.Join(dir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && make {
		if b, err = makeKey(dir, path); errors.Is(err, os.ErrExist) { // another process was first
			b, err = os.ReadFile(path)
		}
	}
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && len(b) != keySize:
		return key{}, gallra.Errorf(gallra.Blocked, "hold.key_gone")
	case err != nil:
		return key{}, fmt.Errorf("hold: key: %w", err)
	}
	k := key{secret: b}
	k.name = k.sum("name of the key")[:16]
	return k, nil
}

// makeKey writes a new key whole or not at all.
func makeKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	f, err := os.CreateTemp(dir, "hold-*.new")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return b, os.Link(f.Name(), path) // fails where there is one
}

func (k key) sum(parts ...string) string {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("gallra hold 1"))
	for _, p := range parts {
		m.Write([]byte{0})
		m.Write([]byte(p))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// digest returns what is kept of an identifier: its kind, the key's name and a
// keyed digest of the form that all its written forms share. "" for a value that
// holds nothing of its kind.
func (k key) digest(kind gallra.IdentifierKind, value string) string {
	n := ident.Canonical(kind, value)
	if n == "" || kind == gallra.IdentEmail && !strings.Contains(n, "@") {
		return ""
	}
	return string(kind) + ":" + k.name + ":" + k.sum(string(kind), n)
}

// By returns the kind of identifier that a target is known by; "" for a record.
func (t Target) By() gallra.IdentifierKind {
	kind, _, _ := strings.Cut(t.Digest, ":")
	return gallra.IdentifierKind(kind)
}

// By returns the kinds of identifier that h knows people by.
func (h Hold) By() []gallra.IdentifierKind {
	var out []gallra.IdentifierKind
	for _, t := range h.Targets {
		if k := t.By(); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// identify puts the digests of identifiers in the place of them.
func (h *Hold) identify(dir string) error {
	if len(h.Persons) == 0 {
		return nil
	}
	k, err := loadKey(dir, true)
	if err != nil {
		return err
	}
	for _, id := range h.Persons {
		d := ""
		if slices.Contains(Kinds(), id.Kind) {
			d = k.digest(id.Kind, id.Value)
		}
		if d == "" {
			return gallra.Errorf(gallra.Invalid, "hold.identifier", "kind", string(id.Kind))
		}
		if t := (Target{Digest: d}); !slices.Contains(h.Targets, t) {
			h.Targets = append(h.Targets, t)
		}
	}
	h.Persons = nil
	return nil
}

// scanner finds everything in a text that looks like an identifier, the doubtful
// too: what is found is compared whole, and what is nobody's matches nobody.
var scanner = scan.New("", 0)

// bears returns the id of a hold over a person whose identifier stands in a
// record: in a field that is declared to hold one, or in any text of it, mail and
// files opened.
func (s Set) bears(typ connector.Type, rec gallra.Record) string {
	if len(s.digests) == 0 {
		return ""
	}
	var spans []scan.Span
	for _, part := range content.Texts(typ, rec) {
		if part.Category != "" {
			if id := s.known(part.Text); id != "" {
				return id
			}
		}
		spans = scanner.Append(spans[:0], part.Text)
		for _, f := range spans {
			if id := s.known(part.Text[f.Start:f.End]); id != "" {
				return id
			}
		}
	}
	return ""
}

// known returns the id of the hold over the person whose identifier a value is,
// whatever it was taken for where it stood.
func (s Set) known(value string) string {
	for _, k := range Kinds() {
		if d := s.key.digest(k, value); d != "" {
			if id, ok := s.digests[d]; ok {
				return id
			}
		}
	}
	return ""
}

// blind says that digests in force were made with a key that is not this one:
// nobody can be known again by them, so nothing may be changed meanwhile.
func (s Set) blind() error {
	for d := range s.digests {
		if parts := strings.Split(d, ":"); len(parts) != 3 || parts[1] != s.key.name {
			return gallra.Errorf(gallra.Blocked, "hold.key_other", "hold", s.digests[d])
		}
	}
	return nil
}
