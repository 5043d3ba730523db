package tagger

import (
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/pii/names/internal/pack"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// Shapes of tokens.
const (
	shapeLower uint8 = iota
	shapeTitle
	shapeUpper
	shapeMixed
	shapeInitial // one capital
	shapeDouble  // "Ann-Marie"
	shapeCapped  // capital with a lower-case part: "Stockholm-trakten", "IKEAs"
	shapeDigits
	shapeNumber // digits and letters
	shapeBreak
	shapeBlank
	shapeLink
	shapeStop  // . ! ?
	shapeComma // ,
	shapeColon
	shapeSlash
	shapeDash
	shapeOpen  // ( [ <
	shapeClose // ) ] >
	shapeQuote
	shapeOther
)

// Entry is what the language pack knows of one lower-case word.
type Entry uint16

// NewEntry packs strengths of 0 to 7: how common the word is as a given name,
// as a surname, as a place, and as an ordinary word.
func NewEntry(given, surname, place, common uint8) Entry {
	return Entry(given&7) | Entry(surname&7)<<3 | Entry(place&7)<<6 | Entry(common&7)<<9
}

// Given returns how common the word is as a given name, 0 to 7.
func (e Entry) Given() uint8 { return uint8(e & 7) }

// Surname returns how common the word is as a surname, 0 to 7.
func (e Entry) Surname() uint8 { return uint8(e >> 3 & 7) }

// Place returns how well known the word is as a place, 0 to 7.
func (e Entry) Place() uint8 { return uint8(e >> 6 & 7) }

// Common returns how common the word is as an ordinary word, 0 to 7.
func (e Entry) Common() uint8 { return uint8(e >> 9 & 7) }

// Known returns e marked as a word to be learned by itself though it is no
// ordinary word: a club, a firm, someone often in the news.
func (e Entry) Known() Entry { return e | 1<<12 }

// Land returns e marked as the name of a country.
func (e Entry) Land() Entry { return e | 1<<13 }

// Country reports whether the word is the name of a country.
func (e Entry) Country() bool { return e&(1<<13) != 0 }

// Info is what is known of a token by itself.
type Info struct {
	Entry
	Shape  uint8
	Active bool   // may be part of a name
	Class  Class  // what the word does to its neighbours
	Street Street // what it is as the name of a street
	Ending uint8  // 0 none, 1 genitive, 2 another case ending taken off to find the name
	Lower  uint64
	lower  []byte // valid until the next analysis
}

// Lexicon knows words.
type Lexicon struct {
	words pack.Table
	buf   []byte
	fold  []byte
}

// lookup returns the entry of a lower-case word.
func (l *Lexicon) lookup(lower []byte) (Entry, uint64) {
	h := token.Hash(lower)
	v, _ := l.words.Get(h)
	return Entry(v), h
}

// finnish are case endings that follow a name.
var endings = [...]string{"lle", "lta", "ltä", "lla", "llä", "ssa", "ssä", "sta", "stä", "kin", "in", "en", "n", "a", "ä"}

// analyse tells what is known of the word s.
func (l *Lexicon) analyse(s string, kind token.Kind) Info {
	var in Info
	in.Shape = shape(s, kind)
	if kind != token.Word {
		in.Lower = uint64(in.Shape) + 1
		if kind == token.Number {
			in.lower = append(l.buf[:0], digits(s)...)
			in.Lower = token.Hash(in.lower)
		} else if kind == token.Punct {
			in.lower = append(l.buf[:0], s...)
			in.Lower = token.Hash(in.lower)
		}
		in.Class = classOf(in.Lower)
		return in
	}
	l.buf = token.Lower(l.buf[:0], s)
	w := l.buf
	in.lower = w
	in.Entry, in.Lower = l.lookup(w)
	in.Class = classOf(in.Lower)
	in.Street = street(w, in.Lower)
	if in.Given() < 4 && in.Surname() < 4 {
		l.inflected(&in, w)
	}
	in.activate()
	return in
}

// activate sets Active from the rest.
func (in *Info) activate() {
	if in.Shape > shapeCapped {
		in.Active = false
		return
	}
	if in.Shape != shapeLower {
		in.Active = true
		return
	}
	in.Active = len(in.lower) > 1 && in.Class&Particle == 0 &&
		(in.Common() < 2 || in.Given() >= 3 || in.Surname() >= 4 && in.Common() < 4)
}

// inflected looks for a name inside w: without its ending, or a part of a
// hyphenated one.
func (l *Lexicon) inflected(in *Info, w []byte) {
	n := len(w)
	take := func(e Entry, ending uint8) {
		if max(e.Given(), e.Surname()) > max(in.Given(), in.Surname(), 2) || ending == 3 && max(e.Given(), e.Surname()) > 1 {
			in.Entry = NewEntry(max(e.Given(), in.Given()), max(e.Surname(), in.Surname()), max(in.Place(), e.Place()), in.Common()) | in.Entry&(3<<12)
			in.Ending = ending
		} else if e.Place() > in.Place() && ending == 1 {
			in.Entry = NewEntry(in.Given(), in.Surname(), e.Place(), in.Common()) | in.Entry&(3<<12)
			in.Ending = ending
		}
	}
	for i := n - 1; i > 0; i-- {
		if w[i] == '-' {
			a, _ := l.lookup(w[:i])
			b, _ := l.lookup(w[i+1:])
			if b.Given()+b.Surname() > 0 {
				take(NewEntry(max(a.Given(), b.Given()), max(a.Surname(), b.Surname()), 0, 0), 3)
			}
			break
		}
	}
	if n > 3 && w[n-1] == 's' {
		e, _ := l.lookup(w[:n-1])
		take(e, 1)
		if n > 4 && w[n-2] == '\'' {
			e, _ = l.lookup(w[:n-2])
			take(e, 1)
		}
	}
	if in.Common() > 0 {
		return
	}
	for _, end := range endings {
		if n > len(end)+2 && string(w[n-len(end):]) == end {
			stem := w[:n-len(end)]
			e, _ := l.lookup(stem)
			take(e, 2)
			if m := len(stem); m > 3 && string(stem[m-2:]) == "se" { // Virtasen: Virtanen
				l.fold = append(append(l.fold[:0], stem[:m-2]...), "nen"...)
				e, _ = l.lookup(l.fold)
				take(e, 2)
			}
		}
	}
}

// digits returns a stand-in for a number: only its length matters.
func digits(s string) string {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	const stand = "00000000"
	if n == len(s) {
		return stand[:min(n, 8)]
	}
	return "0a000000"[:min(len(s), 8)]
}

func shape(s string, kind token.Kind) uint8 {
	switch kind {
	case token.Break:
		return shapeBreak
	case token.Blank:
		return shapeBlank
	case token.Link:
		return shapeLink
	case token.Number:
		if digits(s)[len(digits(s))-1] == '0' && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
			return shapeDigits
		}
		return shapeNumber
	case token.Punct:
		switch s[0] {
		case '.', '!', '?':
			return shapeStop
		case ',', ';':
			return shapeComma
		case ':':
			return shapeColon
		case '/', '\\', '|':
			return shapeSlash
		case '-', '*', '_':
			return shapeDash
		case '(', '[', '<', '{':
			return shapeOpen
		case ')', ']', '>', '}':
			return shapeClose
		case '"', '\'', '`':
			return shapeQuote
		case 0xE2:
			switch s {
			case "–", "—", "•", "‒":
				return shapeDash
			case "”", "“", "’", "‘", "„":
				return shapeQuote
			case "…":
				return shapeStop
			}
		case 0xC2:
			if s == "»" || s == "«" {
				return shapeQuote
			}
		}
		return shapeOther
	}
	upper, lower, parts, capparts, other := 0, 0, 1, 0, 0
	start, first := true, false
	for _, r := range s {
		switch {
		case r == '-' || r == '\'' || r == '’':
			if r == '-' {
				parts++
			}
			start = true
			continue
		case unicode.IsUpper(r):
			upper++
			if start {
				capparts++
				if upper+lower+other == 1 {
					first = true
				}
			}
		case unicode.IsLower(r):
			lower++
		case token.Invisible(r):
			continue
		default:
			other++
		}
		start = false
	}
	switch {
	case upper == 0:
		return shapeLower
	case upper == 1 && lower == 0 && other == 0:
		return shapeInitial
	case lower == 0:
		return shapeUpper
	case first && parts > 1 && capparts >= parts && upper == capparts:
		return shapeDouble
	case first && upper == 1 && parts == 1:
		return shapeTitle
	case first && upper == capparts && parts == 1: // O'Brien
		return shapeTitle
	case first && parts > 1:
		return shapeCapped
	}
	return shapeMixed
}

// affix returns the first (n > 0) or last (n < 0) n letters of a lower-case word.
func affix(w []byte, n int) []byte {
	if n > 0 {
		i := 0
		for ; n > 0 && i < len(w); n-- {
			_, z := utf8.DecodeRune(w[i:])
			i += z
		}
		return w[:i]
	}
	i := len(w)
	for ; n < 0 && i > 0; n++ {
		_, z := utf8.DecodeLastRune(w[:i])
		i -= z
	}
	return w[i:]
}

// Capital reports whether the word begins with a capital.
func (in *Info) Capital() bool { return capital(in.Shape) }

// Capital reports whether the token begins with a capital.
func (b *Brief) Capital() bool { return capital(b.Shape) }

func capital(shape uint8) bool {
	return shape >= shapeTitle && shape <= shapeCapped && shape != shapeMixed
}

// Letter reports whether the token is one capital letter.
func (in *Info) Letter() bool { return in.Shape == shapeInitial }

// Upper reports whether the word is written in capitals.
func (in *Info) Upper() bool { return in.Shape == shapeUpper }

// Upper reports whether the token is written in capitals.
func (b *Brief) Upper() bool { return b.Shape == shapeUpper }
