package ident

import (
	"bytes"
	"cmp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gallra/gallra"
)

// part is one identifier and what all its written forms have in common, folded
// and without spaces: a text in which that does not stand holds none of them.
type part struct {
	id     gallra.Identifier
	one    [][]byte // one of these; none: it is never written out
	domain []byte   // mail: and this, unless there is a sign
	mail   bool
}

func partOf(id gallra.Identifier) part {
	p := part{id: id}
	bare := func(s string) []byte { return []byte(strings.ReplaceAll(s, " ", "")) }
	one := func(s string) {
		if b := bare(s); len(b) > 0 {
			p.one = append(p.one, b)
		}
	}
	switch id.Kind {
	case gallra.IdentPersonnummer:
		n := strings.ToLower(Normalise(id.Kind, id.Value))
		if len(n) == 12 {
			n = n[2:]
		}
		one(n)
	case gallra.IdentPhone:
		if l := subscriber(id.Value); len(l.number) >= 5 {
			one(cmp.Or(l.bare, l.number)) // the one ends with the other
		}
	case gallra.IdentEmail:
		local, domain, ok := strings.Cut(normaliseMail(id.Value), "@")
		if !ok || local == "" || domain == "" {
			break
		}
		local, _, _ = strings.Cut(local, ".")
		domain, _, _ = strings.Cut(domain, ".")
		p.mail, p.domain = true, bare(Fold(domain))
		p.one = [][]byte{bare(Fold(local))} // also when empty: anything may be it then
	case gallra.IdentName: // every written form has the last name's last word
		_, last := nameParts(id.Value)
		if words := strings.Fields(last); len(words) > 0 {
			last = words[len(words)-1]
		}
		one(Fold(last))
		if t := transliterate(last); t != last {
			one(Fold(t))
		}
	case gallra.IdentIP: // never written out
	default:
		one(Fold(id.Value))
	}
	return p
}

// may reports whether one of the written forms may stand among symbols.
func (p *part) may(symbols []byte) bool {
	for _, s := range p.one {
		if bytes.Contains(symbols, s) {
			return bytes.Contains(symbols, p.domain)
		}
	}
	return false
}

// What is longer, and searches for more, are read without weighing them first.
const (
	longText  = 1 << 16
	manyParts = 64
)

// wanted returns the identifiers whose written forms may stand in text.
func (m *Matcher) wanted(text string) []int {
	var out []int
	if len(m.parts) > manyParts || len(text) > longText {
		for i := range m.parts {
			out = append(out, i)
		}
		return out
	}
	weigh(text, func(symbols []byte) {
		for i := range m.parts {
			if m.parts[i].may(symbols) {
				out = append(out, i)
			}
		}
	})
	return out
}

// May reports whether one of the identifiers may stand in text. It is sure only
// when it says no, and never writes their forms out.
func (m *Matcher) May(text string) bool {
	if len(text) > longText || len(m.ips) > 0 && (strings.Count(text, ".") > 2 || strings.Count(text, ":") > 1) {
		return true
	}
	at, may := strings.IndexByte(text, '@') >= 0, false
	weigh(text, func(symbols []byte) {
		for i := range m.parts {
			p := &m.parts[i]
			if may = p.may(symbols) || at && p.mail && bytes.Contains(symbols, p.one[0]); may {
				return
			}
		}
	})
	return may
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// weigh calls f with the symbols of text as a search reads them, parted where no
// identifier goes on. f must not keep them.
func weigh(text string, f func(symbols []byte)) {
	p := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	b := (*p)[:0]
	gap := 0
	for i := 0; i < len(text); {
		n, size := len(b), 1
		if c := text[i]; c < utf8.RuneSelf {
			if s := asciiFold[c]; s != 0 {
				b = append(b, s)
			}
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			if ignorable(r) {
				i += size
				continue
			}
			if r != utf8.RuneError {
				b = appendFolded(b, r)
			}
		}
		i += size
		if len(b) == n {
			if gap++; gap == maxGap+1 {
				b = append(b, 0)
			}
			continue
		}
		gap = 0
	}
	*p = b[:0]
	f(b)
}
