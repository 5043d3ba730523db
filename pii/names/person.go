package names

import (
	"math"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
)

// persons reports the names of persons the tagger marked, their bounds put
// right by what is known of how names are written, and initials that sign.
func (w *work) persons() {
	for i := 0; i < len(w.Tokens); i++ {
		if w.Tag[i] != tagger.BPer || w.taken[i] {
			continue
		}
		j := i + 1
		for j < len(w.Tokens) && w.Tag[j] == tagger.IPer && !w.taken[j] {
			j++
		}
		chance := int32(0)
		for k := i; k < j; k++ {
			chance += w.Person[k]
		}
		score := w.probability(chance / int32(j-i))
		start, end := w.begin(i, j), w.end(j)
		if float64(score) >= personFloor+(DefaultRecall-w.recall)*0.6 && !w.misread(start, end, score) {
			w.emit(start, end, gallra.CategoryPerson, score, w.personRule(start))
		}
		i = max(j, end) - 1
	}
	w.initials()
}

// begin returns where the name found in tokens i to j-1 begins: after a title
// or a greeting, at the initials or the particle before it.
func (w *work) begin(i, j int) int {
	for i < j-1 && (w.class(i, tagger.Title|tagger.Relation|tagger.Closing|tagger.Greeting) && w.Word(i).Given() < 3 || w.is(i, ".")) {
		i++
	}
	for n := 0; n < 3; n++ {
		k := i - 1
		if w.is(k, ".") && !w.Tokens[k].Spaced {
			k--
		}
		if !w.free(k) || !w.initial(k) || k < i-1 && w.lang == "en" && w.is(k, "I") || k == i-1 && w.is(k, "I") {
			break
		}
		i = k
	}
	if (w.lang == "sv" || w.lang == "fi") && w.free(i-1) && (w.is(i-1, "af") || w.is(i-1, "von")) && w.capital(i) {
		i--
	}
	return i
}

// end returns where a name ends that was found up to token j-1: after an
// initial, after a particle and what follows it, after a nickname in quotes and
// the surname, after "Jr."
func (w *work) end(j int) int {
	for n := 0; n < 3; n++ {
		switch {
		case w.particle(j) && w.free(j) && w.nameLike(j+1):
			j += 2
		case w.particle(j) && (w.particle(j+1) || w.is(j+1, "der") || w.is(j+1, "den")) && w.free(j) && w.free(j+1) && w.nameLike(j+2):
			j += 3
		case w.quote(j) && w.nameLike(j+1) && w.quote(j+2) && !w.Tokens[j+2].Spaced && w.nameLike(j+3):
			j += 4
		case w.quote(j) && w.nameLike(j+1) && w.quote(j+2) && w.particle(j+3) && w.nameLike(j+4):
			j += 5
		case w.free(j) && w.single(j) && w.Tokens[j].Spaced && w.letterEnds(j):
			j++
		default:
			n = 3
		}
	}
	if w.is(j, ".") && !w.Tokens[j].Spaced && j < len(w.Tokens)-1 && (w.initial(j-1) || w.single(j-1) && !w.ended(j+1) || w.is(j-1, "Jr") || w.is(j-1, "St")) {
		j++
		for n := 0; n < 2 && w.is(j-2, "St") && w.nameLike(j); n++ {
			j++
		}
	}
	return j
}

// free reports whether token i belongs to no finding yet.
func (w *work) free(i int) bool { return i >= 0 && i < len(w.Tokens) && !w.taken[i] }

// initial reports whether token i is one or two initials: "H", "A-L".
func (w *work) initial(i int) bool {
	if !w.wordAt(i) {
		return false
	}
	in := w.Word(i)
	return in.Letter() || in.Upper() && len(w.str(i)) == 3 && w.str(i)[1] == '-'
}

// letterEnds reports whether the letter at token j, after a name, ends it:
// "ylva b:", "Sassa B" at the end of the line, "Freja S and".
func (w *work) letterEnds(j int) bool {
	if strings.Contains("aefioåö", w.str(j)) { // words of a letter, "f." for born
		return false
	}
	return w.is(j+1, ":") || w.ended(j+1) || w.Word(j).Letter() && (w.is(j+1, ",") || w.is(j+1, "(")) || w.is(j+1, ".") && !w.ended(j+2)
}

// nameLike reports whether token i may be a part of a name: capital, several
// letters, in no finding yet.
func (w *work) nameLike(i int) bool {
	return w.free(i) && w.capital(i) && !w.single(i)
}

func (w *work) quote(i int) bool { return w.is(i, "\"") || w.is(i, "”") || w.is(i, "“") }

// particle reports whether token i is a small word inside names.
func (w *work) particle(i int) bool {
	switch w.str(i) {
	case "af", "von", "van", "de", "del", "della", "di", "da", "dos", "du", "la", "le", "los", "al", "el", "bin", "ibn", "ben", "ter", "ten", "zu", "zum", "zur", "ap", "ab", "í", "y":
		return w.wordAt(i)
	}
	return false
}

// initials reports the initials someone signs a note with: "/MK", "sign. MP",
// and two or three capitals alone after the last sentence of a line.
func (w *work) initials() {
	for i := 1; i < len(w.Tokens); i++ {
		n := w.Tokens[i].End - w.Tokens[i].Start
		if n > 4 || !w.Brief[i].Capital() || w.taken[i] || n > 2 && !w.Brief[i].Upper() {
			continue
		}
		if !w.ended(i+1) && !(w.is(i+1, ".") && w.ended(i+2)) {
			continue
		}
		p := i - 1
		if w.is(p, ".") {
			p--
		}
		signed := w.is(i-1, "/") && (i < 2 || w.Tokens[i-1].Spaced) || w.is(p, "sign") || w.is(p, "Sign") || w.is(p, "sig") || w.is(p, "gez")
		alone := n > 1 && n < 4 && w.Word(i).Upper() && w.is(i-1, ".") && w.Word(i).Common() == 0 && w.Word(i).Class == 0 && w.Word(i).Place() == 0
		if signed || alone {
			w.emit(i, i+1, gallra.CategoryPerson, 0.6, "name/initials")
		}
	}
}

// personFloor is the least score of a name at the dial's middle. Above one half,
// since a name below it is not lost: it is doubtful.
const personFloor = 0.6

// misread reports whether tokens i to j-1 are a street without its number
// ("Per Dubbsgatan") or an abbreviation in the middle of a sentence.
func (w *work) misread(i, j int, score float32) bool {
	last := w.Word(j - 1)
	if last.Street == tagger.StrongStreet && last.Surname() < 3 {
		return true
	}
	return j == i+1 && score < 0.9 && last.Upper() && w.Tokens[i].End-w.Tokens[i].Start <= 4 &&
		w.wordAt(i-1) && w.Word(i-1).Shape == 0 && w.wordAt(i+1) && w.Word(i+1).Shape == 0
}

// personRule says what spoke for the name that begins at token i.
func (w *work) personRule(i int) string {
	in := w.Word(i)
	switch {
	case in.Given() >= 3:
		return "name/given"
	case in.Surname() >= 3:
		return "name/surname"
	}
	return "name/context"
}

// probability turns a margin of the tagger into a score.
func (w *work) probability(margin int32) float32 { return logistic(float64(margin) / w.odds) }

func logistic(x float64) float32 { return float32(1 / (1 + math.Exp(-x))) }

// doubt is how unlikely a word may be to be part of a person's name and still
// be reported as a name: odds of 1 to e^doubt.
const doubt = 3.0

// doubtful reports words that may belong to a person's name though something
// else is likelier. Who takes names out wants them gone; who counts does not.
func (w *work) doubtful() {
	for _, a := range w.later {
		if !slices.Contains(w.taken[a[0]:a[1]], true) {
			w.emit(a[0], a[1], gallra.CategoryName, addressFloor-addressDoubt, "address/doubtful")
		}
	}
	least := int32(-doubt * w.odds)
	for i := 0; i < len(w.Tokens); i++ {
		if w.taken[i] || w.Person[i] < least {
			continue
		}
		j, chance := i+1, w.Person[i]
		for j < len(w.Tokens) && !w.taken[j] && w.Person[j] >= least {
			chance = max(chance, w.Person[j])
			j++
		}
		w.emit(i, j, gallra.CategoryName, w.probability(chance), "name/doubtful")
		i = j - 1
	}
}
