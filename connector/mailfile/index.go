package mailfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// listing is the mails of a box, sorted by id.
type listing interface {
	count() int
	at(n int) item
	// after returns the position of the first mail whose id is greater.
	after(id string) int
	byID(id string) (item, bool)
}

// inMemory is a listing with all that is known of each mail in memory.
type inMemory []item

func (l inMemory) count() int { return len(l) }

func (l inMemory) at(n int) item { return l[n] }

func (l inMemory) after(id string) int {
	return sort.Search(len(l), func(i int) bool { return l[i].id > id })
}

func (l inMemory) byID(id string) (item, bool) {
	i, ok := slices.BinarySearchFunc(l, id, func(it item, id string) int { return strings.Compare(it.id, id) })
	if !ok {
		return item{}, false
	}
	return l[i], true
}

// files is the listing of a Maildir: in one folder there may be hundreds of
// thousands, and every lane of a run has a listing of its own. A mail takes 20
// bytes and its name.
type files struct {
	dirs  []filesDir
	mails []file
}

// filesDir is a cur or new of a folder.
type filesDir struct {
	path   string
	folder string
	names  []byte // of its mails, one after another, each with its length before it
}

// file is one mail: where its name stands.
type file struct {
	id   [idBytes]byte
	dir  uint32
	name uint32
}

// idBytes is how many bytes the hexadecimal id of a mail stands for.
const idBytes = 10

// put appends a name to those of the folder and returns where; false when there
// is no room for it.
func (d *filesDir) put(name string) (at uint32, ok bool) {
	if len(d.names) > math.MaxUint32 {
		return 0, false
	}
	at = uint32(len(d.names))
	d.names = append(binary.AppendUvarint(d.names, uint64(len(name))), name...)
	return at, true
}

func (d *filesDir) name(at uint32) string {
	n, head := binary.Uvarint(d.names[at:])
	from := int(at) + head
	return string(d.names[from : from+int(n)])
}

// sort puts the mails in order. Of two with one id in the new and cur of one
// folder the first stays: it was moved while we looked.
func (l *files) sort() {
	slices.SortFunc(l.mails, func(a, b file) int {
		if c := bytes.Compare(a.id[:], b.id[:]); c != 0 {
			return c
		}
		return int(a.dir) - int(b.dir)
	})
	l.mails = slices.Clone(slices.CompactFunc(l.mails, func(a, b file) bool {
		return a.id == b.id && filepath.Dir(l.dirs[a.dir].path) == filepath.Dir(l.dirs[b.dir].path)
	}))
}

func (l *files) count() int { return len(l.mails) }

func (l *files) at(n int) item {
	m := l.mails[n]
	d := &l.dirs[m.dir]
	return item{id: hex.EncodeToString(m.id[:]), path: filepath.Join(d.path, d.name(m.name)), folder: d.folder}
}

func (l *files) after(id string) int {
	var b [idBytes]byte
	if len(id) != hex.EncodedLen(idBytes) {
		return 0 // no id at all: the beginning
	}
	if _, err := hex.Decode(b[:], []byte(id)); err != nil {
		return 0
	}
	return sort.Search(len(l.mails), func(i int) bool { return bytes.Compare(l.mails[i].id[:], b[:]) > 0 })
}

func (l *files) byID(id string) (item, bool) {
	var b [idBytes]byte
	if len(id) != hex.EncodedLen(idBytes) || id != strings.ToLower(id) {
		return item{}, false
	}
	if _, err := hex.Decode(b[:], []byte(id)); err != nil {
		return item{}, false
	}
	n, ok := slices.BinarySearchFunc(l.mails, b, func(m file, id [idBytes]byte) int { return bytes.Compare(m.id[:], id[:]) })
	if !ok {
		return item{}, false
	}
	return l.at(n), true
}
