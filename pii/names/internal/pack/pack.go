// Package pack is the file format of the language pack: named sections of
// bytes that are used where they lie. Opening a pack reads its directory and
// nothing else, so that a process starts at once.
//
// Words are not stored, only fingerprints of their hashes: the pack holds no
// text of the material it was made from.
package pack

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

const magic = "gallra-langpack-1\n"

// ErrFormat says that bytes are not a language pack.
var ErrFormat = errors.New("pack: not a language pack of this version")

// Sections are the parts of a pack by name.
type Sections map[string]string

// Encode returns the pack file of s.
func Encode(s Sections) []byte {
	names := make([]string, 0, len(s))
	for n := range s {
		names = append(names, n)
	}
	slices.Sort(names)
	out := []byte(magic)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(names)))
	for _, n := range names {
		out = append(out, byte(len(n)))
		out = append(out, n...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(s[n])))
	}
	for _, n := range names {
		out = append(out, s[n]...)
	}
	return out
}

// Decode returns the sections of a pack file. They share its memory.
func Decode(file string) (Sections, error) {
	rest, ok := strings.CutPrefix(file, magic)
	if !ok || len(rest) < 4 {
		return nil, ErrFormat
	}
	count := u32(rest, 0)
	rest = rest[4:]
	type entry struct {
		name string
		size int
	}
	var dir []entry
	for range count {
		if len(rest) < 1 || len(rest) < 5+int(rest[0]) {
			return nil, ErrFormat
		}
		n := int(rest[0])
		dir = append(dir, entry{rest[1 : 1+n], int(u32(rest, 1+n))})
		rest = rest[5+n:]
	}
	s := Sections{}
	for _, e := range dir {
		if len(rest) < e.size {
			return nil, ErrFormat
		}
		s[e.name], rest = rest[:e.size], rest[e.size:]
	}
	return s, nil
}

func u32(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

// Table maps hashes to 16-bit values. An entry is a 16-bit fingerprint and the
// value, in buckets by the upper bits of the hash; a hash that was never put in
// is found all the same about once in 8,000 times.
type Table struct {
	index, entries string
	shift          uint
}

// EncodeTable returns the section of a Table that holds m.
func EncodeTable(m map[uint64]uint16) string {
	type entry struct {
		hash uint64
		v    uint16
	}
	es := make([]entry, 0, len(m))
	for h, v := range m {
		es = append(es, entry{h, v})
	}
	bits := uint(8)
	for len(es)>>bits > 6 {
		bits++
	}
	slices.SortFunc(es, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	out := binary.LittleEndian.AppendUint32(nil, uint32(bits))
	k := 0
	for b := uint64(0); b <= 1<<bits; b++ {
		for k < len(es) && es[k].hash>>(64-bits) < b {
			k++
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(k))
	}
	for _, e := range es {
		out = binary.LittleEndian.AppendUint16(out, uint16(e.hash))
		out = binary.LittleEndian.AppendUint16(out, e.v)
	}
	return string(out)
}

// OpenTable returns the table in a section made by EncodeTable.
func OpenTable(section string) (Table, error) {
	if len(section) < 8 {
		return Table{}, ErrFormat
	}
	bits := uint(u32(section, 0))
	if bits > 24 || len(section) < 4+4*(1<<bits+1) {
		return Table{}, ErrFormat
	}
	at := 4 + 4*(1<<bits+1)
	t := Table{section[4:at], section[at:], 64 - bits}
	if len(t.entries) != 4*int(u32(t.index, 4*(1<<bits))) {
		return Table{}, ErrFormat
	}
	return t, nil
}

// Get returns the value of hash.
func (t *Table) Get(hash uint64) (uint16, bool) {
	if t.index == "" {
		return 0, false
	}
	b := int(hash>>t.shift) * 4
	from, to := u32(t.index, b), u32(t.index, b+4)
	lo, hi := byte(hash), byte(hash>>8)
	e := t.entries[4*from : 4*to]
	for len(e) >= 4 {
		if e[0] == lo && e[1] == hi {
			return uint16(e[2]) | uint16(e[3])<<8, true
		}
		e = e[4:]
	}
	return 0, false
}
