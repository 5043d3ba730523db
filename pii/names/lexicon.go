package names

import (
	"bytes"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// term is one word or phrase of the lexicon of health and sensitive words.
type term struct {
	first         string // the first word, without signs
	rest          []string
	kind          gallra.Category
	langs         uint8
	prefix, inner bool // may go on after; may begin inside a word
	doubtful      bool
	rule          string
}

// terms lists the lexicon; a word's mark is the place of its term here. The
// entry 0 is none.
var terms, byStart = func() ([]term, map[uint32][]uint16) {
	list := []term{{}}
	index := map[uint32][]uint16{}
	add := func(words string, kind gallra.Category, langs ...string) {
		var mask uint8
		for _, l := range langs {
			mask |= 1 << languageIndex(l)
		}
		for _, w := range strings.Fields(words) {
			t := term{kind: kind, langs: mask}
			w, t.doubtful = strings.CutPrefix(w, "?")
			w, t.inner = strings.CutPrefix(w, "*")
			w, t.prefix = strings.CutSuffix(w, "*")
			parts := strings.Split(strings.Trim(w, "_"), "_")
			t.first, t.rest = parts[0], parts[1:]
			t.rule = "sensitive/lexicon " + strings.Join(parts, " ")
			if kind == gallra.CategoryHealth {
				t.rule = "health/lexicon " + strings.Join(parts, " ")
			}
			k := start([]byte(t.first))
			index[k] = append(index[k], uint16(len(list)))
			list = append(list, t)
		}
	}
	add(healthNordic, gallra.CategoryHealth, "sv", "no", "da")
	add(healthEnglish, gallra.CategoryHealth, "en")
	add(healthFinnish, gallra.CategoryHealth, "fi")
	add(healthGerman, gallra.CategoryHealth, "de")
	add(sensitiveNordic, gallra.CategorySensitive, "sv", "no", "da")
	add(sensitiveEnglish, gallra.CategorySensitive, "en")
	add(sensitiveFinnish, gallra.CategorySensitive, "fi")
	add(sensitiveGerman, gallra.CategorySensitive, "de")
	return list, index
}()

func languageIndex(lang string) int {
	for i, l := range languages {
		if l == lang {
			return i
		}
	}
	return 0
}

// start packs the first three bytes of a word.
func start(w []byte) uint32 {
	var k uint32
	for i := range 3 {
		k <<= 8
		if i < len(w) {
			k |= uint32(w[i])
		}
	}
	return k
}

// marks returns the places of the terms that begin in a lower-case word, at
// most four, packed.
func marks(w []byte) (m uint64) {
	n := 0
	for at := 0; at < len(w) && n < 4; at++ {
		if w[at]&0xC0 == 0x80 {
			continue
		}
		for _, i := range byStart[start(w[at:])] {
			t := &terms[i]
			if n < 4 && (at == 0 || t.inner) && bytes.HasPrefix(w[at:], []byte(t.first)) && fits(t, w[at+len(t.first):]) {
				m |= uint64(i) << (16 * n)
				n++
			}
		}
	}
	return m
}

// fits reports whether what follows a term in its word may follow it.
func fits(t *term, after []byte) bool {
	if len(after) == 0 || len(t.rest) == 0 && t.prefix {
		return true
	}
	if t.doubtful || len(t.rest) > 0 {
		return false
	}
	if !t.inner {
		return len(after) == 1 && after[0] == 's'
	}
	switch string(after) {
	case "n", "en", "et", "s", "ns", "ens", "ets", "er", "ar", "or", "erna", "arna", "orna", "e", "ne", "ene", "t", "a", "in", "an":
		return true
	}
	return false
}

// nordic is the set of Swedish, Norwegian and Danish.
const nordic = 1<<0 | 1<<2 | 1<<3

// personal are words that make a doubtful term one about somebody.
var personal = func() map[uint64]bool {
	m := map[uint64]bool{}
	for _, w := range strings.Fields(`har hade med fått lider diagnos diagnosen sjuk min mamma pappa jag går på medlem medlemmar i facket fack förbund ombud ombudsman skyddsombud förbundet avd sektion klubb har fikk med diagnose hun han hon
		utredning mot vid hos inom vaccination vaccin medlemskap avgift a-kassan a-kassa medlemsnummer bär lever`) {
		m[token.Hash([]byte(w))] = true
	}
	return m
}()

// lexicon reports words that tell of health, beliefs, unions, crimes.
func (w *work) lexicon() {
	w.first = len(w.out)
	lang := uint8(1) << languageIndex(w.lang)
	for i := 0; i < len(w.Tokens); i++ {
		if w.pain(i) && lang&nordic != 0 {
			w.emit(i, i+3, gallra.CategoryHealth, 0.7, "health/pain")
			i += 2
			continue
		}
		packed := w.Word(i).Mark
		for ; packed != 0; packed >>= 16 {
			t := &terms[packed&0xFFFF]
			if t.langs&lang == 0 {
				continue
			}
			j, ok := w.phrase(t, i)
			if !ok || t.doubtful && !w.speaksOfSomeone(i) {
				continue
			}
			score := float32(0.8)
			if t.doubtful {
				score = 0.6
			}
			s, e := w.extend(t, i, j)
			if w.merge(t, s, e) {
				i = e - 1
				break
			}
			w.emit(s, e, t.kind, score, t.rule)
			i = e - 1
			break
		}
	}
}

// merge joins a finding to the one just before it: "epilepsi och autism",
// "ryggskott/diskbråck".
func (w *work) merge(t *term, s, e int) bool {
	if t.kind != gallra.CategoryHealth || len(w.out) <= w.first || s == 0 {
		return false
	}
	last := &w.out[len(w.out)-1]
	from := s
	if w.is(s-1, "/") || w.class(s-1, tagger.And) || w.is(s-1, "-") {
		from = s - 1
	}
	if last.Kind != t.kind || from == 0 || last.End != w.base+int(w.Tokens[from-1].End) || w.ended(from) {
		return false
	}
	last.End = w.base + int(w.Tokens[e-1].End)
	return true
}

// phrase reports whether the rest of t follows token i, and where it ends.
func (w *work) phrase(t *term, i int) (end int, ok bool) {
	var buf [64]byte
	for n, want := range t.rest {
		if !w.wordAt(i + 1 + n) {
			return 0, false
		}
		got := token.Lower(buf[:0], clip(w.str(i+1+n)))
		if string(got) != want && !(t.prefix && n == len(t.rest)-1 && bytes.HasPrefix(got, []byte(want))) {
			return 0, false
		}
	}
	return i + 1 + len(t.rest), true
}

// speaksOfSomeone reports whether a word near token i makes it personal, or
// capitals make it a diagnosis.
func (w *work) speaksOfSomeone(i int) bool {
	if w.kind(i-1) == token.Number {
		return false
	}
	for k := i - 1; k >= i-3 && k >= 0 && !w.ended(k); k-- {
		if personal[w.Word(k).Lower] {
			return true
		}
	}
	return w.Word(i).Upper() && !w.ended(i-1) && i > 0
}

// extend takes in the words without which a term says less: "gravid i vecka
// 26", "allergisk mot katt", "type 1 diabetes".
func (w *work) extend(t *term, i, j int) (int, int) {
	if t.kind != gallra.CategoryHealth {
		return i, j
	}
	var buf [64]byte
	low := func(k int) string {
		if k < 0 || k >= len(w.Tokens) || w.ended(k) {
			return ""
		}
		return string(token.Lower(buf[:0], clip(w.str(k))))
	}
	switch l := low(i); {
	case strings.HasPrefix(l, "gravid") || strings.HasPrefix(l, "schwanger") || strings.HasPrefix(l, "pregnan"):
		if low(j) == "i" {
			k := j + 1
			switch low(k) {
			case "v", "vecka", "uke", "uge", "månad":
				k++
				if w.is(k, ".") {
					k++
				}
				if w.kind(k) == token.Number {
					return i, k + 1
				}
			default:
				if (w.kind(k) == token.Number || w.wordAt(k)) && (low(k+1) == "månaden" || low(k+1) == "måned") {
					return i, k + 2
				}
			}
		}
		if low(i-1) == "weeks" && w.kind(i-2) == token.Number {
			return i - 2, j
		}
	case strings.HasPrefix(l, "allergisk") || strings.HasPrefix(l, "allergic"):
		if (low(j) == "mot" || low(j) == "to" || low(j) == "for" || low(j) == "over") && w.wordAt(j+1) {
			return i, j + 2
		}
	case strings.HasPrefix(l, "sjukskriven") || strings.HasPrefix(l, "krankgeschrieben"):
		if (low(j) == "för" || low(j) == "wegen") && w.wordAt(j+1) {
			return i, j + 2
		}
		if w.kind(j) == token.Number && w.is(j+1, "%") {
			return i, j + 2
		}
	case l == "diabetes":
		if w.kind(i-1) == token.Number && (low(i-2) == "typ" || low(i-2) == "type" || low(i-2) == "tyypin") {
			return i - 2, j
		}
	}
	return i, j
}

// pain reports "ont i nacken" and its like.
func (w *work) pain(i int) bool {
	return w.class(i, tagger.Pain) && (w.is(i+1, "i") || w.is(i+1, "in")) && w.wordAt(i+2)
}
