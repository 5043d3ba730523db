package retention

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/statistics"
)

// item is one record of a batch: where it is, the version it had, what it hangs
// on, and its share of the statistics. Nothing of it is personal.
type item struct {
	id, version    string
	parent, person gallra.Ref // system left out: it is the batch's
	fact           statistics.Fact
}

// encode packs items: their columns one after another, which compresses well.
func encode(items []item) (blob []byte, digest string, err error) {
	var raw []byte
	words := map[string]uint64{}
	var dictionary []byte
	word := func(s string) uint64 {
		n, ok := words[s]
		if !ok {
			n = uint64(len(words))
			words[s] = n
			dictionary = binary.AppendUvarint(dictionary, uint64(len(s)))
			dictionary = append(dictionary, s...)
		}
		return n
	}
	text := func(s string) {
		raw = binary.AppendUvarint(raw, uint64(len(s)))
		raw = append(raw, s...)
	}
	for _, i := range items {
		text(i.id)
	}
	for _, i := range items {
		text(i.version)
	}
	for _, i := range items {
		raw = binary.AppendUvarint(raw, word(i.parent.Type))
		text(i.parent.ID)
	}
	for _, i := range items {
		raw = binary.AppendUvarint(raw, word(i.person.Type))
		text(i.person.ID)
	}
	for _, i := range items {
		raw = binary.AppendVarint(raw, int64(i.fact.Day))
		raw = binary.AppendUvarint(raw, word(i.fact.Cell))
		raw = binary.AppendUvarint(raw, uint64(len(i.fact.Values)))
		for _, v := range i.fact.Values {
			raw = binary.AppendVarint(raw, v)
		}
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, "", err
	}
	head := binary.AppendUvarint(nil, uint64(len(items)))
	head = binary.AppendUvarint(head, uint64(len(words)))
	for _, part := range [][]byte{head, dictionary, raw} {
		if _, err := w.Write(part); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), digestOf(out.Bytes()), nil
}

func digestOf(blob []byte) string {
	s := sha256.Sum256(blob)
	return hex.EncodeToString(s[:])
}

var errBatch = errors.New("retention: a batch cannot be read")

// decode is the inverse of encode, for records of a system.
func decode(blob []byte, system gallra.SystemID) ([]item, error) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(blob)))
	if err != nil {
		return nil, errBatch
	}
	r := &packed{b: raw}
	n, k := r.number(), r.number()
	if n > uint64(len(raw)) || k > uint64(len(raw)) {
		return nil, errBatch
	}
	words := make([]string, k)
	for i := range words {
		words[i] = r.text()
	}
	word := func() string {
		if i := r.number(); i < k {
			return words[i]
		}
		r.bad = true
		return ""
	}
	items := make([]item, n)
	for i := range items {
		items[i].id = r.text()
	}
	for i := range items {
		items[i].version = r.text()
	}
	ref := func() gallra.Ref {
		f := gallra.Ref{Type: word(), ID: r.text()}
		if !f.IsZero() {
			f.System = system
		}
		return f
	}
	for i := range items {
		items[i].parent = ref()
	}
	for i := range items {
		items[i].person = ref()
	}
	for i := range items {
		f := &items[i].fact
		f.Day, f.Cell = int32(r.signed()), word()
		k := r.number()
		if k > uint64(len(raw)) {
			return nil, errBatch
		}
		f.Values = make([]int64, k)
		for j := range f.Values {
			f.Values[j] = r.signed()
		}
	}
	if r.bad || len(r.b) != 0 {
		return nil, errBatch
	}
	return items, nil
}

type packed struct {
	b   []byte
	bad bool
}

func (p *packed) take(n int) []byte {
	if n < 0 || n > len(p.b) || p.bad {
		p.bad, p.b = true, nil
		return nil
	}
	out := p.b[:n]
	p.b = p.b[n:]
	return out
}

func (p *packed) number() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.bad = true
		return 0
	}
	p.take(n)
	return v
}

func (p *packed) signed() int64 {
	v, n := binary.Varint(p.b)
	if n <= 0 {
		p.bad = true
		return 0
	}
	p.take(n)
	return v
}

func (p *packed) text() string {
	n := p.number()
	if n > uint64(len(p.b)) {
		p.bad = true
		return ""
	}
	return string(p.take(int(n)))
}
