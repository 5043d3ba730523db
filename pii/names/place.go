package names

import (
	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// SectionHome is the section of a language pack that tells the place somebody
// lives, works or stays in from other places: the weights of a logistic model,
// a byte each, the scale last.
const SectionHome = "home"

const (
	homeBits = 13

	// HomeRowCount is the number of rows HomeRows names.
	HomeRowCount = 1 << homeBits
)

// places reports the places that are said to be somebody's; of others it is
// only said that they are names.
func (w *work) places() {
	for i := 0; i < len(w.Tokens); i++ {
		j := w.place(i)
		if j == i {
			continue
		}
		if score := w.home(i, j); float64(score) >= 1-w.recall && !(j == i+1 && w.Word(i).Country()) {
			w.emit(i, j, gallra.CategoryPlace, score, "place/home")
		} else if w.Tag[i] == tagger.BLoc {
			w.emit(i, j, gallra.CategoryName, min(score, 0.49), "place/name")
		}
		i = j - 1
	}
}

// place returns the token after the name of a place or an organisation that
// begins at token i, or i when none does.
func (w *work) place(i int) int {
	if w.taken[i] || w.Tag[i] != tagger.BLoc && w.Tag[i] != tagger.BOrg {
		return i
	}
	inner := w.Tag[i] + 1
	j := i + 1
	for j < len(w.Tokens) && w.Tag[j] == inner && !w.taken[j] {
		j++
	}
	if w.free(j) && w.wordAt(j) && !w.capital(j) && w.class(j, tagger.House) { // "Ängskullens skola"
		j++
	}
	return j
}

// home returns how likely it is that the place in tokens i to j-1 is where
// somebody lives, works or stays.
func (w *work) home(i, j int) float32 {
	if w.homes == "" {
		return 0
	}
	sum := 0
	w.homeRows(i, j, func(row uint32) { sum += int(int8(w.homes[row])) })
	return logistic(float64(sum) / float64(w.homes[HomeRowCount]))
}

// homeRows calls f with the row of each feature of the place in tokens i to
// j-1: the words around it, what they do, and where it stands.
func (w *work) homeRows(i, j int, f func(row uint32)) {
	kind := uint64(0)
	put := func(a, b uint64) {
		h := (kind*0x9E3779B97F4A7C15 ^ a*0xC2B2AE3D27D4EB4F ^ b*0x165667B19E3779F9) * 0x9FB21C651E98DF25
		f(uint32(h >> (64 - homeBits)))
		kind++
	}
	put(0, 0)
	first, last := w.Word(i), w.Word(j-1)
	at := func(k int) uint64 {
		if k < 0 || k >= len(w.Tokens) {
			return 1
		}
		return uint64(w.Word(k).Identity())<<8 | uint64(w.Word(k).Shape) + 2
	}
	put(at(i-1), 0)
	put(at(i-2), 0)
	put(at(i-3), 0)
	put(at(i-2), at(i-1))
	put(at(j), 0)
	put(at(j+1), 0)
	put(at(i-1), at(j))
	put(uint64(first.Identity()), 0)
	put(uint64(w.Tag[i])<<8|uint64(min(j-i, 4)), uint64(first.Shape))
	put(uint64(first.Place()), uint64(w.Tag[i]))
	put(uint64(last.Class), 0)
	lead, spot := w.Line(i)
	put(uint64(lead), 0)
	put(uint64(spot), 0)
	alone := uint64(0)
	if w.ended(i-1) && w.ended(j) {
		alone = 1
	}
	put(alone, uint64(w.personNear(i-1, -1)))
	put(uint64(w.personNear(i-1, -1)), at(i-1))
	put(uint64(w.personNear(j, 1)), 0)
	before, after := kind, kind+1
	var classes uint64
	for k := i - 1; k >= i-7 && k >= 0 && !w.ended(k); k-- {
		kind = before
		put(uint64(w.Word(k).Identity()), 0)
		classes |= uint64(w.Word(k).Class)
	}
	for k := j; k < j+5 && k < len(w.Tokens) && !w.ended(k); k++ {
		kind = after
		put(uint64(w.Word(k).Identity()), 0)
	}
	for c := classes; c != 0; c &= c - 1 {
		kind = after + 1
		put(c&-c, 0)
	}
}

// personNear returns how far away, in the direction of step, a person's name
// stands: 1 next to it, 2 in the same line, 3 at the end of the line before
// when a line begins here, 0 not at all.
func (w *work) personNear(k, step int) int {
	person := func(k int) bool {
		return k >= 0 && k < len(w.Tokens) && (w.Tag[k] == tagger.BPer || w.Tag[k] == tagger.IPer)
	}
	if w.kind(k) == token.Break && person(k+step) {
		return 3
	}
	for n := 0; n < 8; n++ {
		if person(k) {
			return min(n+1, 2)
		}
		if k < 0 || k >= len(w.Tokens) || w.ended(k) {
			return 0
		}
		k += step
	}
	return 0
}

// HomeRows calls f with each place in text and the rows of its features.
func (m *Model) HomeRows(text, lang string, f func(start, end int, rows []uint32)) {
	w := m.scratch.Get().(*work)
	defer m.scratch.Put(w)
	w.lang, w.recall, w.out, w.text, w.base = lang, DefaultRecall, nil, text, 0
	m.tag(w)
	m.addresses(w)
	w.persons()
	for i := 0; i < len(w.Tokens); i++ {
		j := w.place(i)
		if j == i {
			continue
		}
		var rows []uint32
		w.homeRows(i, j, func(r uint32) { rows = append(rows, r) })
		f(int(w.Tokens[i].Start), int(w.Tokens[j-1].End), rows)
		i = j - 1
	}
	w.out, w.text = nil, ""
}
