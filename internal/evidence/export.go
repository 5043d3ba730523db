package evidence

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
)

// The exported file is JSON lines. The first is a header; then come the entries
// in order, each with the hash of its exact bytes, and after an entry the
// checkpoint that seals the log up to it; the last line is signed over the
// SHA-256 of every byte before it.
const format = "gallra-evidence/1"

type header struct {
	Format string   `json:"format"`
	Origin string   `json:"origin"`
	Key    string   `json:"key"`
	First  int64    `json:"first"`
	Prefix []string `json:"prefix"` // roots of the purged subtrees, base64
}

type checkpointLine struct {
	Checkpoint string `json:"checkpoint"`
}

type endLine struct {
	End string `json:"end"`
}

// entryLine writes text with its hash. text goes in as it is: it is hashed so.
func entryLine(hash tlog.Hash, text string) string {
	return entryHead + base64.StdEncoding.EncodeToString(hash[:]) + entryMiddle + text + "}"
}

const (
	entryHead   = `{"hash":"`
	entryMiddle = `","entry":`
)

func endText(origin string, size int64, root tlog.Hash, at time.Time, sum []byte) string {
	return fmt.Sprintf("%s export\n%d\n%s\n%s\n%x\n", origin, size, base64.StdEncoding.EncodeToString(root[:]), at.UTC().Format(time.RFC3339), sum)
}

// Export writes the whole log to w. It writes what the store holds, sound or
// not; Verify is the judge.
func (l *Log) Export(ctx context.Context, w io.Writer) error {
	buf := bufio.NewWriter(w)
	sum := sha256.New()
	put := func(s string) error {
		_, _ = io.WriteString(sum, s+"\n") // a hash never fails
		_, err := buf.WriteString(s + "\n")
		return err
	}
	putJSON := func(v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return put(string(b))
	}
	err := l.read(ctx, func(r *reader) error {
		roots, err := r.prefix()
		if err != nil {
			return err
		}
		h := header{Format: format, Origin: l.signer.Name(), Key: l.vkey, First: r.first, Prefix: []string{}}
		for _, x := range roots {
			h.Prefix = append(h.Prefix, base64.StdEncoding.EncodeToString(x[:]))
		}
		if err := putJSON(h); err != nil {
			return err
		}
		c, err := newChecker(l.vkey)
		if err != nil {
			return err
		}
		_ = c.begin(r.first, roots) // Export does not judge
		for at := r.first; at < r.size; {
			page, hashes, err := r.page(at)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				if err := put(entryLine(hashes[tlog.StoredHashIndex(0, s.seq)], s.line)); err != nil {
					return err
				}
				c.push(tlog.RecordHash([]byte(s.line)))
				c.report.Size++
				if s.note != "" {
					if err := putJSON(checkpointLine{s.note}); err != nil {
						return err
					}
				}
				at = s.seq + 1
			}
		}
		signed, err := note.Sign(&note.Note{Text: endText(l.signer.Name(), c.report.Size, c.root(), l.db.Now(), sum.Sum(nil))}, l.signer)
		if err != nil {
			return err
		}
		return putJSON(endLine{string(signed)})
	})
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		if gallra.CodeOf(err) != gallra.Internal {
			return err
		}
		return fmt.Errorf("evidence: export: %w", err)
	}
	return nil
}
