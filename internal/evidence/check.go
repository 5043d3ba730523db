package evidence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
)

// Report is what a verification found.
type Report struct {
	Origin      string `json:"origin"`
	Key         string `json:"key"`       // public key the signatures were verified with
	First       int64  `json:"first"`     // entries before it were purged, with a marker
	Size        int64  `json:"size"`      // the log's size, purged entries included
	Entries     int64  `json:"entries"`   // entries verified
	Sealed      int64  `json:"sealed"`    // checkpoints verified
	Root        string `json:"root"`      // root hash at Size, base64
	At          string `json:"at"`        // when the file was exported; "" for the store itself
	KeyGiven    bool   `json:"key_given"` // false: the key was the file's own, so that a forged whole would pass
	Bad         *Bad   `json:"bad,omitempty"`
	purgeMarked bool
}

// Bad says what is wrong first. When only a checkpoint tells that something
// before it was changed, Seq and To are the entries it may be.
type Bad struct {
	Seq    int64  `json:"seq"`
	To     int64  `json:"to"`
	Line   int64  `json:"line,omitempty"` // of the file, from 1
	Reason string `json:"reason"`         // changed, missing, order, checkpoint, signature, purge, tree, file, truncated, malformed, key
}

// ErrTampered matches, with errors.Is, the error of a log that does not verify.
var ErrTampered = &gallra.Error{Code: gallra.Conflict, Key: "evidence.tampered"}

func (r *Report) bad(seq, to, line int64, reason string) error {
	r.Bad = &Bad{Seq: seq, To: to, Line: line, Reason: reason}
	return gallra.Errorf(gallra.Conflict, "evidence.tampered", "entry", strconv.FormatInt(seq, 10), "reason", reason)
}

// checker rebuilds the tree entry by entry and compares.
type checker struct {
	report   Report
	verifier note.Verifier
	roots    []subtree // complete subtrees of the entries so far, left to right
	sealed   int64     // size of the last checkpoint that verified
	purge    string    // digest and cut the purge marker must have
	line     int64
	node     func(idx int64, h tlog.Hash) bool // compares a stored hash, if set
}

type subtree struct {
	level int
	hash  tlog.Hash
}

func newChecker(vkey string) (*checker, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "evidence.key_malformed", "file", "")
	}
	return &checker{report: Report{Origin: v.Name(), Key: vkey}, verifier: v}, nil
}

// begin starts after the purged prefix that roots stand for.
func (c *checker) begin(first int64, roots []tlog.Hash) error {
	c.report.First, c.report.Size, c.sealed = first, first, first
	idx := cover(first)
	if first < 0 || len(idx) != len(roots) {
		return c.report.bad(0, 0, c.line, "malformed")
	}
	for i, x := range idx {
		level, _ := tlog.SplitStoredHashIndex(x)
		c.roots = append(c.roots, subtree{level, roots[i]})
	}
	if first > 0 {
		c.purge = purgeDigest(c.root())
	}
	return nil
}

func purgeDigest(root tlog.Hash) string { return fmt.Sprintf("%x", root[:]) }

// entry takes the next line of the log.
func (c *checker) entry(text string) error {
	seq := c.report.Size
	var e Entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return c.report.bad(seq, seq, c.line, "changed")
	}
	if e.Seq != seq {
		reason := "order"
		if e.Seq > seq {
			reason = "missing"
		}
		return c.report.bad(seq, seq, c.line, reason)
	}
	// A purge marker must name what is missing at the front.
	if e.Action == ActionPurge && e.Counts["cut"] == c.report.First && e.Digest == c.purge {
		c.report.purgeMarked = true
	}
	if !c.push(tlog.RecordHash([]byte(text))) {
		return c.report.bad(seq, seq, c.line, "tree")
	}
	c.report.Size++
	c.report.Entries++
	return nil
}

func (c *checker) push(h tlog.Hash) bool {
	n, ok := c.report.Size, true
	s := subtree{0, h}
	for {
		if c.node != nil {
			ok = c.node(tlog.StoredHashIndex(s.level, n>>s.level), s.hash) && ok
		}
		if n>>s.level&1 == 0 {
			break
		}
		left := c.roots[len(c.roots)-1]
		c.roots = c.roots[:len(c.roots)-1]
		s = subtree{s.level + 1, tlog.NodeHash(left.hash, s.hash)}
	}
	c.roots = append(c.roots, s)
	return ok
}

// root returns the root hash of all entries so far.
func (c *checker) root() tlog.Hash {
	if len(c.roots) == 0 {
		return tlog.Hash{}
	}
	h := c.roots[len(c.roots)-1].hash
	for _, s := range slices.Backward(c.roots[:len(c.roots)-1]) {
		h = tlog.NodeHash(s.hash, h)
	}
	return h
}

// checkpoint takes a signed checkpoint of the entries so far.
func (c *checker) checkpoint(signed string) error {
	text, ok := openNote(signed, c.verifier)
	if !ok {
		return c.report.bad(c.sealed, max(c.sealed, c.report.Size-1), c.line, "signature")
	}
	if text != checkpointText(c.report.Origin, c.report.Size, c.root()) {
		return c.report.bad(c.sealed, max(c.sealed, c.report.Size-1), c.line, "checkpoint")
	}
	c.sealed = c.report.Size
	c.report.Sealed++
	return nil
}

// end tells whether the log as a whole is sound: sealed to its last entry, and
// its purged prefix named by a marker.
func (c *checker) end() error {
	root := c.root()
	c.report.Root = base64.StdEncoding.EncodeToString(root[:])
	if c.sealed != c.report.Size {
		return c.report.bad(c.sealed, c.report.Size-1, c.line, "checkpoint")
	}
	if c.report.First > 0 && !c.report.purgeMarked {
		return c.report.bad(0, c.report.First-1, 0, "purge")
	}
	return nil
}

// openNote returns the text of a note signed by v alone and written in the one
// canonical way, so that no byte of it can be other than it was.
func openNote(signed string, v note.Verifier) (string, bool) {
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return "", false
	}
	_, sig, ok := strings.Cut(signed, "\n\n")
	if !ok {
		return "", false
	}
	b64 := strings.TrimSuffix(strings.TrimPrefix(sig, "— "+v.Name()+" "), "\n")
	if raw, err := base64.StdEncoding.Strict().DecodeString(b64); err != nil || "— "+v.Name()+" "+base64.StdEncoding.EncodeToString(raw)+"\n" != sig {
		return "", false
	}
	return n.Text, true
}
