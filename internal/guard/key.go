package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

// keyFile is the guard's own key in the folder of keys: a copy of the store
// alone tells nobody whether a person was erased.
const keyFile = "guard.key"

const keySize = 32

// key is what digests are made with. Its name tells two keys apart and gives
// away neither.
type key struct {
	secret []byte
	name   string
}

// loadKey reads the key; made says that it was there. It is made at first use.
func (g *Guard) loadKey() (key, error) {
	path := filepath.Join(g.Dir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if b, err = makeKey(g.Dir, path); errors.Is(err, os.ErrExist) { // another process was first
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return key{}, fmt.Errorf("guard: key: %w", err)
	}
	if len(b) != keySize {
		return key{}, gallra.Errorf(gallra.Internal, "guard.key_wrong")
	}
	k := key{secret: b}
	k.name = k.sum("name of the key")[:16]
	return k, nil
}

// makeKey writes a new key whole or not at all: a reader never sees half of one.
func makeKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	f, err := os.CreateTemp(dir, "guard-*.new")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return nil, err
	}
	return b, os.Link(f.Name(), path) // fails where there is one
}

func (k key) sum(parts ...string) string {
	m := hmac.New(sha256.New, k.secret)
	m.Write([]byte("gallra guard 1"))
	for _, p := range parts {
		m.Write([]byte{0})
		m.Write([]byte(p))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// digest returns the digest of an identifier in the one form that all its
// written forms share; "" for a value that holds nothing of its kind.
func (k key) digest(kind gallra.IdentifierKind, value string) string {
	n := ident.Canonical(kind, value)
	if n == "" {
		return ""
	}
	return k.sum(string(kind), n)
}

// kept reports whether the guard keeps a digest of that kind of identifier, and
// whether it is one that several people may share.
func kept(kind gallra.IdentifierKind, value string) (yes, weak bool) {
	switch kind {
	case gallra.IdentPersonnummer:
		return true, false
	case gallra.IdentEmail:
		local, _, _ := strings.Cut(ident.Normalise(kind, value), "@")
		return true, shared[local]
	case gallra.IdentPhone, gallra.IdentName, gallra.IdentUsername, gallra.IdentCustomer:
		return true, true
	}
	return false, false // an account has its record; an address on the network is nobody's
}

// shared are boxes of mail that are no one person's (RFC 2142 and their like).
var shared = map[string]bool{"info": true, "kontakt": true, "contact": true, "post": true, "mail": true, "office": true, "kontor": true, "kontoret": true,
	"reception": true, "support": true, "kundtjanst": true, "kundservice": true, "order": true, "ekonomi": true, "faktura": true, "invoice": true,
	"admin": true, "webmaster": true, "postmaster": true, "noreply": true, "no-reply": true, "styrelsen": true, "familjen": true, "hej": true, "hello": true}
