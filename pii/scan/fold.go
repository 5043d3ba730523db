package scan

import (
	"sort"
	"unicode/utf8"
)

// hides reports whether the character at t[i] can hide a digit or a separator
// from the readers: another script's digit, a character without width, an
// unusual space or dash, and stands beside something a finding is made of.
func hides(t string, i int) bool {
	r, n := utf8.DecodeRuneInString(t[i:])
	f := foldRune(r)
	if f == r {
		return false
	}
	if f >= '0' && f <= '9' {
		return true
	}
	before, after := byte(' '), byte(' ')
	if i > 0 {
		before = t[i-1]
	}
	if i+n < len(t) {
		after = t[i+n]
	}
	if digit(before) || digit(after) {
		return true
	}
	// Inside a word it may break an address, beside a space it breaks nothing.
	return f < 0 && before > ' ' && after > ' '
}

// foldRune returns the ASCII character r stands for among digits, -1 when it
// stands for nothing, and r itself when it is an ordinary character. The dashes
// and the no-break space that people really write are left to the readers.
func foldRune(r rune) rune {
	switch {
	case r < 0xAD:
		return r
	case r == 0xAD, r == 0x034F, r == 0x061C, r == 0x180E,
		r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x2064,
		r >= 0x2066 && r <= 0x206F, r == 0xFEFF, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE007F:
		return -1
	case r >= 0x0660 && r <= 0x0669:
		return '0' + r - 0x0660
	case r >= 0x06F0 && r <= 0x06F9:
		return '0' + r - 0x06F0
	case r >= 0x0966 && r <= 0x096F:
		return '0' + r - 0x0966
	case r >= 0xFF10 && r <= 0xFF19:
		return '0' + r - 0xFF10
	case r >= 0x1D7CE && r <= 0x1D7FF:
		return '0' + (r-0x1D7CE)%10
	case r >= 0xFF01 && r <= 0xFF5E:
		return r - 0xFEE0
	case r >= 0x2000 && r <= 0x200A, r == 0x202F, r == 0x205F, r == 0x3000, r == 0x1680:
		return ' '
	case r == 0x2010, r == 0x2011, r == 0x2012, r == 0x2212, r == 0xFE58, r == 0xFE63:
		return '-'
	}
	return r
}

// piece is a stretch of the folded copy that runs in step with the text: the
// copy's byte plain+k stands at text+k. A replaced character is a piece of its
// own, width bytes wide in the text.
type piece struct{ plain, text, width int }

// appendFolded scans a copy of text with hidden digits made plain, and maps the
// offsets back. It allocates; only texts that need it come here.
func (s *Scanner) appendFolded(dst []Span, text string) []Span {
	plain := make([]byte, 0, len(text))
	pieces := []piece{{0, 0, 1}}
	for i := 0; i < len(text); {
		if text[i] < 0x80 {
			plain = append(plain, text[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		switch f := foldRune(r); {
		case f == r:
			plain = append(plain, text[i:i+n]...)
		case f < 0:
			pieces = append(pieces, piece{len(plain), i + n, 1})
		default:
			pieces = append(pieces, piece{len(plain), i, n}, piece{len(plain) + 1, i + n, 1})
			plain = append(plain, byte(f))
		}
		i += n
	}
	p := pass{Scanner: s, t: string(plain), dst: dst, folded: true}
	p.cues.pos = -1
	p.run()
	find := func(at int) piece {
		k := sort.Search(len(pieces), func(k int) bool { return pieces[k].plain > at }) - 1
		return pieces[k]
	}
	for j := len(dst); j < len(p.dst); j++ {
		sp := &p.dst[j]
		first, last := find(sp.Start), find(sp.End-1)
		sp.Start = first.text + sp.Start - first.plain
		sp.End = last.text + sp.End - 1 - last.plain + last.width
	}
	return p.dst
}
