// Package evidence keeps the log that proves what was done: append-only, every
// entry a leaf of a Merkle tree (RFC 6962), every append sealed by a signed
// checkpoint (C2SP tlog-checkpoint), written in the same transaction as the
// action it tells of. An exported log is verified on another machine from the
// file and the public key alone (REQUIREMENTS S15, X-10).
//
// An entry names records by keyed digests and counts, never by a personal value
// (REQUIREMENTS X-11). The key of a digest belongs to the case or run and is
// destroyed with it; after that nobody can tell what the digest stood for.
package evidence

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Entry is one line of the log. No field may hold a personal value: Actor is a
// user's name in Gallra or "system", Subject the id of a run, plan or request.
type Entry struct {
	Seq     int64            `json:"seq"` // set by Append
	At      time.Time        `json:"at"`  // set by Append when zero; UTC, microseconds
	Actor   string           `json:"actor"`
	Action  string           `json:"action"` // "run.intent", "run.result", "request.deliver" ...
	System  gallra.SystemID  `json:"system,omitempty"`
	Subject string           `json:"subject,omitempty"`
	Digest  string           `json:"digest,omitempty"` // hexadecimal, of Digest or of a document
	Reason  string           `json:"reason,omitempty"` // rule, message key
	Result  string           `json:"result,omitempty"`
	Counts  map[string]int64 `json:"counts,omitempty"`
}

// KeySize is the length of a digest key in bytes.
const KeySize = 32

// NewKey returns a fresh digest key for a case or run.
func NewKey() []byte {
	k := make([]byte, KeySize)
	_, _ = rand.Read(k) // crypto/rand.Read never fails (Go 1.24)
	return k
}

// Digest returns the keyed digest (HMAC-SHA-256, hexadecimal) of refs in order.
func Digest(key []byte, refs ...gallra.Ref) string {
	m := hmac.New(sha256.New, key)
	var b []byte // each part with its length before it, so that none runs into the next
	for _, r := range refs {
		b = b[:0]
		for _, s := range []string{string(r.System), r.Type, r.ID} {
			b = strconv.AppendInt(b, int64(len(s)), 10)
			b = append(b, ':')
			b = append(b, s...)
		}
		_, _ = m.Write(b) // a hash never fails
	}
	return hex.EncodeToString(m.Sum(nil))
}

// Log is the evidence log of one store. It is safe for concurrent use, by
// several processes too.
type Log struct {
	db     *store.DB
	signer note.Signer
	vkey   string
}

// PublicKey returns the key that exports are verified with. Keep it, or publish
// it, outside of Gallra.
func (l *Log) PublicKey() string { return l.vkey }

// Append writes e in the caller's transaction and returns its number. Call it
// last in the transaction: it locks the head of the log until commit. An error
// must fail the transaction, and with it the action.
func (l *Log) Append(ctx context.Context, tx *sql.Tx, e Entry) (int64, error) {
	return l.AppendMany(ctx, tx, []Entry{e})
}

// AppendMany writes entries in order, sealed by one checkpoint, and returns the
// number of the first.
func (l *Log) AppendMany(ctx context.Context, tx *sql.Tx, entries []Entry) (int64, error) {
	size, _, err := l.lock(ctx, tx)
	if err != nil || len(entries) == 0 {
		return size, err
	}
	first := size
	t := &tree{ctx: ctx, tx: tx, fresh: map[int64]tlog.Hash{}}
	for _, e := range entries {
		e.Seq = size
		if e.At.IsZero() {
			e.At = l.db.Now()
		}
		e.At = e.At.UTC().Truncate(time.Microsecond)
		line, err := json.Marshal(e)
		if err != nil {
			return 0, fmt.Errorf("evidence: append: %w", err)
		}
		hashes, err := tlog.StoredHashes(size, line, t)
		if err != nil {
			return 0, fmt.Errorf("evidence: append: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO evidence (seq, line) VALUES ($1, $2)`, size, string(line)); err != nil {
			return 0, fmt.Errorf("evidence: append: %w", err)
		}
		if err := t.store(tlog.StoredHashIndex(0, size), hashes); err != nil {
			return 0, err
		}
		size++
	}
	return first, l.seal(ctx, tx, t, size)
}

// seal signs the head of size and writes it down.
func (l *Log) seal(ctx context.Context, tx *sql.Tx, t *tree, size int64) error {
	root, err := tlog.TreeHash(size, t)
	if err != nil {
		return fmt.Errorf("evidence: root: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(l.signer.Name(), size, root)}, l.signer)
	if err != nil {
		return fmt.Errorf("evidence: sign: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO evidence_checkpoint (size, note) VALUES ($1, $2)`, size, string(signed)); err != nil {
		return fmt.Errorf("evidence: checkpoint: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE evidence_head SET size = $1`, size); err != nil {
		return fmt.Errorf("evidence: head: %w", err)
	}
	return nil
}

// lock makes the transaction the only one that appends, and returns the size
// of the log and its first entry not purged.
func (l *Log) lock(ctx context.Context, tx *sql.Tx) (size, first int64, err error) {
	q := `SELECT size, first FROM evidence_head`
	if l.db.Dialect == store.Postgres {
		q += ` FOR UPDATE`
	}
	if err := tx.QueryRowContext(ctx, q).Scan(&size, &first); err != nil {
		return 0, 0, fmt.Errorf("evidence: head: %w", err)
	}
	return size, first, nil
}

// Checkpoint returns the newest signed checkpoint: origin, size and root hash
// of the whole log in the C2SP text form. Publishing or printing it (in a
// protocol, say) binds everything written so far. "" for an empty log.
func (l *Log) Checkpoint(ctx context.Context) (string, error) {
	return checkpoint(ctx, l.db)
}

// CheckpointTx is Checkpoint within a transaction that has appended: it seals
// what the transaction wrote.
func CheckpointTx(ctx context.Context, tx *sql.Tx) (string, error) { return checkpoint(ctx, tx) }

func checkpoint(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (string, error) {
	var n string
	err := q.QueryRowContext(ctx, `SELECT note FROM evidence_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("evidence: checkpoint: %w", err)
	}
	return n, nil
}

// Root is a size of the log and the root hash of its tree then.
type Root struct {
	Size int64  `json:"size"`
	Hash string `json:"hash"` // base64, as in the checkpoint
}

// RootOf returns what a checkpoint says, without verifying its signature.
func RootOf(checkpoint string) (Root, error) {
	var origin, hash string
	var size int64
	p := strings.SplitN(checkpoint, "\n", 4)
	if len(p) != 4 {
		return Root{}, gallra.Errorf(gallra.Invalid, "evidence.checkpoint")
	}
	origin, hash = p[0], p[2]
	if _, err := fmt.Sscanf(p[1], "%d", &size); err != nil || origin == "" {
		return Root{}, gallra.Errorf(gallra.Invalid, "evidence.checkpoint")
	}
	return Root{Size: size, Hash: hash}, nil
}

// Entries returns the entries about one subject in order.
func (l *Log) Entries(ctx context.Context, subject string) ([]Entry, error) {
	return l.entries(ctx, `SELECT line FROM evidence WHERE subject = $1 ORDER BY seq`, subject)
}

// Recent returns the newest entries before number seq (0: from the end), newest first.
func (l *Log) Recent(ctx context.Context, before int64, limit int) ([]Entry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return l.entries(ctx, `SELECT line FROM evidence WHERE seq < $1 ORDER BY seq DESC LIMIT $2`, before, limit)
}

func (l *Log) entries(ctx context.Context, query string, args ...any) ([]Entry, error) {
	rows, err := l.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("evidence: entries: %w", err)
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var line string
		var e Entry
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("evidence: entries: %w", err)
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("evidence: entries: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

func checkpointText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

// tree reads and writes the stored hashes within one transaction.
type tree struct {
	ctx   context.Context
	tx    *sql.Tx
	fresh map[int64]tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var args []any
	at := map[int64]int{}
	for i, x := range indexes {
		if h, ok := t.fresh[x]; ok {
			out[i] = h
			continue
		}
		at[x] = i
		args = append(args, x)
	}
	if len(args) == 0 {
		return out, nil
	}
	rows, err := t.tx.QueryContext(t.ctx, `SELECT idx, hash FROM evidence_hash WHERE idx IN (`+store.Placeholders(1, len(args))+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x int64
		var b []byte
		if err := rows.Scan(&x, &b); err != nil {
			return nil, err
		}
		if len(b) != tlog.HashSize {
			return nil, gallra.Errorf(gallra.Internal, "evidence.tree_broken")
		}
		copy(out[at[x]][:], b)
		t.fresh[x] = out[at[x]]
		delete(at, x)
	}
	if len(at) != 0 {
		return nil, gallra.Errorf(gallra.Internal, "evidence.tree_broken")
	}
	return out, rows.Err()
}

func (t *tree) store(idx int64, hashes []tlog.Hash) error {
	for i, h := range hashes {
		if _, err := t.tx.ExecContext(t.ctx, `INSERT INTO evidence_hash (idx, hash) VALUES ($1, $2)`, idx+int64(i), h[:]); err != nil {
			return fmt.Errorf("evidence: append: %w", err)
		}
		t.fresh[idx+int64(i)] = h
	}
	return nil
}
