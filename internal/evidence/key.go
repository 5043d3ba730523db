package evidence

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// KeyFile is the name of the signing key's file in the data directory.
const KeyFile = "evidence.key"

// Open opens the evidence log of db with the signing key in directory dir. The
// first Open makes the key (Ed25519, mode 0600).
func Open(ctx context.Context, db *store.DB, dir string) (*Log, error) {
	return OpenKey(ctx, db, filepath.Join(dir, KeyFile))
}

// OpenKey is Open with the key in a file of any name: every worker on a shared
// PostgreSQL store needs the same key. gallra.ErrInvalid when the file does not
// belong to the log.
func OpenKey(ctx context.Context, db *store.DB, path string) (*Log, error) {
	var vkey string
	err := db.QueryRowContext(ctx, `SELECT key FROM evidence_head`).Scan(&vkey)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("evidence: open: %w", err)
	}
	if vkey == "" {
		if err := makeKey(path); err != nil {
			return nil, err
		}
	}
	signer, own, err := readKey(path)
	if err != nil {
		return nil, err
	}
	if vkey == "" {
		if _, err := db.ExecContext(ctx, `INSERT INTO evidence_head (id, key, size, first) VALUES (1, $1, 0, 0) ON CONFLICT DO NOTHING`, own); err != nil {
			return nil, fmt.Errorf("evidence: open: %w", err)
		}
		if err := db.QueryRowContext(ctx, `SELECT key FROM evidence_head`).Scan(&vkey); err != nil {
			return nil, fmt.Errorf("evidence: open: %w", err)
		}
	}
	if vkey != own {
		return nil, gallra.Errorf(gallra.Invalid, "evidence.key_mismatch", "file", path)
	}
	return &Log{db: db, signer: signer, vkey: vkey}, nil
}

// makeKey writes a new key to path unless a file is there already. The file
// holds the secret key and, on a second line, the public one.
func makeKey(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	b := make([]byte, 4)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	skey, vkey, err := note.GenerateKey(rand.Reader, "gallra/"+hex.EncodeToString(b))
	if err != nil {
		return fmt.Errorf("evidence: make key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return gallra.Errorf(gallra.Invalid, "evidence.key_unwritable", "file", path).Wrap(err)
	}
	// A whole key or none: written aside, then linked, which fails if another
	// process was first.
	f, err := os.CreateTemp(filepath.Dir(path), KeyFile+".*")
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "evidence.key_unwritable", "file", path).Wrap(err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(skey + "\n" + vkey + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		if err = os.Link(f.Name(), path); os.IsExist(err) {
			err = nil
		}
	}
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "evidence.key_unwritable", "file", path).Wrap(err)
	}
	return nil
}

func readKey(path string) (note.Signer, string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", gallra.Errorf(gallra.Invalid, "evidence.key_missing", "file", path)
	}
	skey, vkey, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if !ok {
		return nil, "", gallra.Errorf(gallra.Invalid, "evidence.key_malformed", "file", path)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		return nil, "", gallra.Errorf(gallra.Invalid, "evidence.key_malformed", "file", path)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil || v.Name() != s.Name() || v.KeyHash() != s.KeyHash() {
		return nil, "", gallra.Errorf(gallra.Invalid, "evidence.key_malformed", "file", path)
	}
	return s, vkey, nil
}
