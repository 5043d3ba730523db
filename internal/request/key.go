package request

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gallra/gallra"
)

// Keys is the folder that holds one half of every case's key; the other half is
// in the store. Neither a copy of the store nor a copy of the folder opens a
// case, and a case whose file is gone can't be opened by anybody, not from an
// old backup of the store either (REQUIREMENTS X-3, B-5). Leave the folder out
// of backups that live longer than cases do. Workers on several machines need
// the same folder.
type Keys struct{ Dir string }

const keySize = 32

func (k Keys) path(id string) string { return filepath.Join(k.Dir, id+".key") }

// create makes the file half for a case. It is given before the row is
// committed: a file without a row is harmless.
func (k Keys) create(id string) ([]byte, error) {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("request: keys: %w", err)
	}
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	f, err := os.OpenFile(k.path(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("request: keys: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("request: keys: %w", err)
	}
	return b, nil
}

func (k Keys) read(id string) ([]byte, error) {
	b, err := os.ReadFile(k.path(id))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(b) != keySize {
		return nil, gallra.Errorf(gallra.NotFound, "request.key_gone", "request", id)
	}
	if err != nil {
		return nil, fmt.Errorf("request: keys: %w", err)
	}
	return b, nil
}

// destroy overwrites the file half and removes it. A file that is gone already
// is no error. On storage that keeps old blocks the overwriting is no proof;
// the other half goes from the store in the same step.
func (k Keys) destroy(id string) error {
	f, err := os.OpenFile(k.path(id), os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("request: keys: %w", err)
	}
	_, err = f.Write(make([]byte, keySize))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Remove(k.path(id))
	}
	if err != nil {
		return fmt.Errorf("request: keys: %w", err)
	}
	return nil
}

// lookup is the installation's own key for digests of identifiers, by which two
// requests of one person are recognised (REQUIREMENTS X-2).
func (k Keys) lookup() ([]byte, error) {
	const name = "lookup"
	b, err := k.read(name)
	if gallra.CodeOf(err) == gallra.NotFound {
		b, err = k.create(name)
		if errors.Is(err, os.ErrExist) { // another process was first
			b, err = k.read(name)
		}
	}
	return b, err
}

// caseKey joins the halves.
func caseKey(file, salt []byte) []byte {
	m := hmac.New(sha256.New, file)
	m.Write([]byte("gallra case key 1\x00"))
	m.Write(salt)
	return m.Sum(nil)
}

func aead(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("request: cipher: %w", err)
	}
	return cipher.NewGCM(b)
}

// seal encrypts with AES-256-GCM; id binds the text to its case.
func seal(key []byte, id string, plain []byte) ([]byte, error) {
	g, err := aead(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, g.NonceSize())
	_, _ = rand.Read(nonce)
	return g.Seal(nonce, nonce, plain, []byte(id)), nil
}

func unseal(key []byte, id string, sealed []byte) ([]byte, error) {
	g, err := aead(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < g.NonceSize() {
		return nil, gallra.Errorf(gallra.NotFound, "request.key_gone", "request", id)
	}
	b, err := g.Open(nil, sealed[:g.NonceSize()], sealed[g.NonceSize():], []byte(id))
	if err != nil {
		return nil, gallra.Errorf(gallra.NotFound, "request.key_gone", "request", id)
	}
	return b, nil
}

// chunk is how much of a stream is sealed at a time.
const chunk = 64 << 10

// sealer encrypts a stream in chunks, each numbered and the last one marked, so
// that none can be left out, moved or cut off. A package is kept this way.
type sealer struct {
	w   io.Writer
	g   cipher.AEAD
	id  string
	buf []byte
	n   uint32
}

func newSealer(w io.Writer, key []byte, id string) (*sealer, error) {
	g, err := aead(key)
	return &sealer{w: w, g: g, id: id, buf: make([]byte, 0, chunk)}, err
}

// Write takes a piece of the plain stream.
func (s *sealer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(s.buf) == chunk {
			if err := s.flush(false); err != nil {
				return 0, err
			}
		}
		k := min(chunk-len(s.buf), len(p))
		s.buf, p = append(s.buf, p[:k]...), p[k:]
	}
	return n, nil
}

// Close writes the last chunk.
func (s *sealer) Close() error { return s.flush(true) }

func (s *sealer) flush(last bool) error {
	nonce := make([]byte, s.g.NonceSize())
	_, _ = rand.Read(nonce)
	out := s.g.Seal(nonce, nonce, s.buf, chunkData(s.id, s.n, last))
	head := [4]byte{byte(len(out) >> 24), byte(len(out) >> 16), byte(len(out) >> 8), byte(len(out))}
	s.n, s.buf = s.n+1, s.buf[:0]
	if _, err := s.w.Write(head[:]); err != nil {
		return err
	}
	_, err := s.w.Write(out)
	return err
}

func chunkData(id string, n uint32, last bool) []byte {
	return fmt.Appendf(nil, "%s\x00%d\x00%t", id, n, last)
}

// unsealStream writes the plain stream to w; whole chunks only, each proved
// before it is written.
func unsealStream(w io.Writer, r io.Reader, key []byte, id string) error {
	g, err := aead(key)
	if err != nil {
		return err
	}
	gone := gallra.Errorf(gallra.NotFound, "request.key_gone", "request", id)
	for n := uint32(0); ; n++ {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return gone
		}
		size := int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3])
		if size < g.NonceSize() || size > chunk+64 {
			return gone
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return gone
		}
		last := false
		plain, err := g.Open(nil, b[:g.NonceSize()], b[g.NonceSize():], chunkData(id, n, false))
		if err != nil {
			last = true
			if plain, err = g.Open(nil, b[:g.NonceSize()], b[g.NonceSize():], chunkData(id, n, true)); err != nil {
				return gone
			}
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

func keyedDigest(key []byte, s string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return hex.EncodeToString(m.Sum(nil))
}
