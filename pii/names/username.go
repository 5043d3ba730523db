package names

import (
	"strings"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// usernames reports screen names that only their place gives away: before a
// colon at the start of a line, as conversations are printed, after a greeting
// at the end, after a word that says so. The table of words tells them from
// ordinary words and from names of persons.
func (w *work) usernames() {
	clear(w.speakers)
	for i := 0; i < len(w.Tokens); i++ {
		if w.kind(i) != token.Word || w.Word(i).Common() > 0 && !w.joined(i+1) {
			continue // a known word that stands for itself is none
		}
		if j, odd := w.screenName(i); j > 0 {
			if score, rule := w.screenPlace(i, j, odd); score > 0 {
				w.emit(i, j, gallra.CategoryUsername, score, rule)
			}
			i = j - 1
		}
	}
}

// joined reports whether token i may go on with a screen name or end a speaker's.
func (w *work) joined(i int) bool {
	if i >= len(w.Tokens) {
		return false
	}
	b := w.text[w.Tokens[i].Start]
	return b == '.' || b == '_' || b == ':'
}

// screenName returns where the word at token i ends if it may be a screen name,
// and whether its form is that of one: digits, dots or capitals inside. A word
// that is known, as a name or otherwise, is none.
func (w *work) screenName(i int) (end int, odd bool) {
	end = i + 1
	for end+1 < len(w.Tokens) && (w.is(end, ".") || w.is(end, "_")) && !w.Tokens[end].Spaced && !w.Tokens[end+1].Spaced && (w.kind(end+1) == token.Word || w.kind(end+1) == token.Number) {
		end += 2
	}
	s := w.text[w.Tokens[i].Start:w.Tokens[end-1].End]
	if end > i+1 {
		last := w.str(end - 1)
		return end, len(last) > 3 && !topLevels[strings.ToLower(last)] && w.Word(i).Class == 0 && (s[0] >= 'a' && s[0] <= 'z' || w.Word(i).Given() >= 3)
	}
	letters, digits, inner := 0, 0, false
	for k, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'A' && r <= 'Z':
			inner = inner || k > 0
			letters++
		default:
			letters++
		}
	}
	in := w.Word(i)
	switch {
	case letters < 4 || utf8.RuneCountInString(s) > 32 || in.Upper():
		return 0, false
	case digits > 0 || inner:
		return end, in.Common() == 0 && in.Class == 0 && strings.IndexByte(s, '-') < 0
	}
	return end, false
}

// topLevels are endings of a site's name rather than a person's.
var topLevels = map[string]bool{"com": true, "info": true, "html": true, "php": true, "aspx": true, "json": true, "xlsx": true, "docx": true, "jpeg": true, "example": true, "invalid": true, "test": true}

// unknown reports whether token i is in lower case and no word or name that is
// known, at least n letters long.
func (w *work) unknown(i, n int) bool {
	in := w.Word(i)
	s := w.str(i)
	return s[0] >= 'a' && s[0] <= 'z' && in.Common() == 0 && in.Given() < 2 && in.Surname() < 3 && in.Place() < 4 && in.Class == 0 && in.Mark == 0 &&
		utf8.RuneCountInString(s) >= n
}

// screenPlace returns how sure the place of tokens i to j-1 makes it that they
// are a screen name.
func (w *work) screenPlace(i, j int, odd bool) (float32, string) {
	if w.is(j, ":") && !w.Tokens[j].Spaced && (w.ended(j+1) || j+1 < len(w.Tokens) && w.Tokens[j+1].Spaced) && (i == 0 || w.ended(i-1) || w.is(i-1, ">")) {
		name := strings.ToLower(w.text[w.Tokens[i].Start:w.Tokens[j-1].End])
		w.speakers[name]++
		if odd {
			return 0.75, "username/speaker"
		}
		if j == i+1 && w.unknown(i, 5) && (w.speakers[name] > 1 || w.speaks(j+1)) {
			return 0.6, "username/speaker"
		}
		return 0, ""
	}
	if !odd && (j != i+1 || !w.unknown(i, 5)) {
		return 0, "" // as nearly all words
	}
	switch {
	case w.closes(i):
		if odd || j == i+1 && w.unknown(i, 8) && w.lastWord(j) {
			return 0.6, "username/signature"
		}
	case w.saysName(i, j):
		if odd || j == i+1 && w.unknown(i, 5) && (w.ended(j) || w.kind(j) == token.Punct || w.is(j, "som")) {
			return 0.7, "username/word"
		}
	}
	return 0, ""
}

// speaks reports whether what follows token i-1 in its line is a sentence: three
// known words in the first four.
func (w *work) speaks(i int) bool {
	if w.ended(i) {
		i++
	}
	known := 0
	for k := i; k < i+4 && !w.ended(k); k++ {
		if w.wordAt(k) && w.Word(k).Common() > 0 {
			known++
		}
	}
	return known >= 3
}

// lastWord reports whether nothing but signs and breaks follows token i-1 in the block.
func (w *work) lastWord(i int) bool {
	for ; i < len(w.Tokens); i++ {
		if k := w.kind(i); k == token.Word || k == token.Number || k == token.Link {
			return false
		}
	}
	return true
}

// closes reports whether a greeting at the end of a message, or the stroke that
// takes its place, opens the line of token i or stands alone on the one before.
func (w *work) closes(i int) bool {
	k := i - 1
	if w.ended(k) {
		k--
	}
	if k < 0 || w.is(k, "/") && (w.ended(k-1) || w.Tokens[k].Spaced) {
		return k >= 0 && k == i-1
	}
	if w.is(k, ",") || w.is(k, "!") {
		k--
	}
	for n := 0; n < 3 && k >= 0; n, k = n+1, k-1 {
		if !w.class(k, tagger.Closing) {
			return false
		}
		if w.ended(k-1) || w.is(k-1, ".") || w.is(k-1, "!") || w.is(k-1, "?") {
			return true
		}
	}
	return false
}

// saysName reports whether a word beside tokens i to j-1 says that they are a
// screen name.
func (w *work) saysName(i, j int) bool {
	for k := i - 1; k >= i-4 && k >= 0 && !w.ended(k); k-- {
		if screenWords[w.Word(k).Lower] {
			return true
		}
		if s := w.str(k); w.kind(k) == token.Word && !linkWords[w.Word(k).Lower] || s == "." || s == "," {
			break
		}
	}
	return (w.is(j, "som") || w.is(j, "as") || w.is(j, "als")) && screenWords[w.lowerAt(j+1)]
}

func (w *work) lowerAt(i int) uint64 {
	if i >= len(w.Tokens) {
		return 0
	}
	return w.Word(i).Lower
}

func hashes(words string) map[uint64]bool {
	m := map[uint64]bool{}
	for _, s := range strings.Fields(words) {
		m[token.Hash([]byte(s))] = true
	}
	return m
}

var (
	screenWords = hashes(`användarnamn användarnamnet inloggning login username nick nickname nicket smeknamn alias signaturen signert signerat brukernavn brukernavnet brugernavn brugernavnet
		benutzername nutzername nutzer spitzname käyttäjätunnus käyttäjätunnukseni käyttäjänimi nimimerkki nimimerkillä handle gamertag trådstartare trådskapare dm dma pm pma posted`)
	linkWords = hashes(`är is er on ist heter i appen app in the der av by von på mig me mir`)
)
