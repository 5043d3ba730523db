package names

import (
	"math"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
)

// persons reports the names of persons the tagger marked.
func (w *work) persons() {
	for i := 0; i < len(w.Tokens); i++ {
		if w.Tag[i] != tagger.BPer || w.taken[i] {
			continue
		}
		j := i + 1
		for j < len(w.Tokens) && w.Tag[j] == tagger.IPer && !w.taken[j] {
			j++
		}
		margin := int32(0)
		for k := i; k < j; k++ {
			margin += w.Person[k]
		}
		if score := w.probability(margin / int32(j-i)); float64(score) >= personFloor*(1-w.recall) && !w.misread(i, j, score) {
			w.emit(i, j, gallra.CategoryPerson, score, w.personRule(i))
		}
		i = j - 1
	}
}

// personFloor is the least score of a name with the dial at 0.
const personFloor = 0.2

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
func (w *work) probability(margin int32) float32 {
	return float32(1 / (1 + math.Exp(-float64(margin)/w.odds)))
}

// places reports places. One that is said to be somebody's home, workplace or
// stay, or stands beside a person's name, gets a high score; any other is
// reported with a low one, so that a caller who wants only the former can tell.
func (w *work) places() {
	for i := 0; i < len(w.Tokens); i++ {
		if w.Tag[i] != tagger.BLoc || w.taken[i] {
			continue
		}
		j := i + 1
		for j < len(w.Tokens) && w.Tag[j] == tagger.ILoc && !w.taken[j] {
			j++
		}
		if w.homely(i) {
			w.emit(i, j, gallra.CategoryPlace, 0.8, "place/home")
		} else {
			w.emit(i, j, gallra.CategoryName, 0.35, "place/name")
		}
		i = j - 1
	}
}

// doubt is how unlikely a word may be to be part of a person's name and still
// be reported as a name: odds of 1 to e^doubt.
const doubt = 3.0

// doubtful reports words that may belong to a person's name though something
// else is likelier. Who takes names out wants them gone; who counts does not.
func (w *work) doubtful() {
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

// homely reports whether a word of living or working, or a person, stands
// before token i in its line.
func (w *work) homely(i int) bool {
	for k := i - 1; k >= i-6 && k >= 0 && !w.ended(k); k-- {
		if w.class(k, tagger.Home) || w.Tag[k] == tagger.BPer || w.Tag[k] == tagger.IPer {
			return true
		}
	}
	return w.ended(i-1) && i > 1 && (w.Tag[i-2] == tagger.BPer || w.Tag[i-2] == tagger.IPer)
}
