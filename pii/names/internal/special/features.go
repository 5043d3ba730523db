package special

import "unicode/utf8"

// Templates of features, mixed into their hashes.
const (
	tBias = iota + 1
	tClass
	tPair
	tTriple
	tTerm
	tWord
	tWordClass
	tShape
	tAffix
	tLang
	tAround
	tSpan
	tCoarse
)

// feature returns the row of a feature.
func feature(template, a, b, c uint64) uint32 {
	h := template*0x9E3779B97F4A7C15 ^ a*0xC2B2AE3D27D4EB4F ^ (b+1)*0x165667B19E3779F9 ^ (c+1)*0xD6E8FEB86659FD93
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 32
	return uint32(h) & (rowCount - 1)
}

var edge = word{shape: shapeStop, class: classes}

func (f *Finder) at(k int) *word {
	if k < 0 || k >= len(f.words) {
		return &edge
	}
	return &f.words[k]
}

// code is a word's class and shape as one number: what most rules turn on.
func (w *word) code() uint64 {
	c := uint64(w.class)<<4 | uint64(w.shape)
	if w.shape == shapeCapital {
		c = uint64(w.class)<<4 | uint64(shapeWord)
	}
	if w.cont {
		c |= 1 << 10
	}
	return c
}

// coarse is a word's class as far as phrases of different classes are alike.
func (w *word) coarse(level uint64) uint64 {
	c := uint64(w.class)
	switch {
	case w.class == care || w.class == clinic:
		c = 40
	case level == 1 && w.class > lastHealth && w.class.opens():
		c = 42
	case w.class.opens():
		c = 41
	}
	if w.class == none {
		c = 50 + uint64(w.shape)
	}
	if w.cont {
		c |= 1 << 10
	}
	return c
}

// features appends the rows of weights of word k to dst.
func (f *Finder) features(dst []uint32, k int) []uint32 {
	w := f.at(k)
	add := func(t, a, b, c uint64) { dst = append(dst, feature(t, a, b, c)) }
	add(tBias, 0, 0, 0)
	code := w.code()
	for d := -3; d <= 3; d++ {
		add(tClass, f.at(k+d).code(), uint64(d+3), 0)
	}
	for c := class(1); c < classes; c++ {
		if w.set>>c&1 != 0 {
			add(tClass, uint64(c), 9, 0)
		}
	}
	before, after := f.at(k-1), f.at(k+1)
	before2, after2 := f.at(k-2), f.at(k+2)
	add(tPair, before.code(), code, 0)
	add(tPair, code, after.code(), 1)
	add(tPair, before.code(), after.code(), 2)
	add(tPair, before2.code(), before.code(), 3)
	add(tPair, after.code(), after2.code(), 4)
	add(tTriple, before.code(), code, after.code())
	add(tTriple, before2.code(), before.code(), code|1<<20)
	add(tTriple, code, after.code(), after2.code()|1<<21)
	for level := range uint64(2) {
		c, cb, ca := w.coarse(level), before.coarse(level), after.coarse(level)
		add(tCoarse, c, 0, level)
		add(tCoarse, cb, c, 2+level)
		add(tCoarse, c, ca, 4+level)
		add(tCoarse, cb, c, ca|1<<20)
		add(tCoarse, before2.coarse(level), cb, c|1<<21)
		add(tCoarse, c, ca, after2.coarse(level)|1<<22)
		if !before.forgotten {
			add(tCoarse, before.lower, c, 6+level)
			add(tCoarse, before2.lower, before.lower, c|1<<23)
		}
		if !after.forgotten {
			add(tCoarse, after.lower, c, 8+level)
		}
	}
	if !before.forgotten {
		add(tWord, before.lower, 1, 0)
		add(tWordClass, before.lower, code, 0)
	}
	if !after.forgotten {
		add(tWord, after.lower, 2, 0)
		add(tWordClass, after.lower, code, 1)
	}
	if w.class != none {
		add(tLang, uint64(f.lang), code, 0)
	}
	add(tShape, uint64(w.shape), uint64(before.shape), 0)
	add(tShape, uint64(w.shape), uint64(after.shape), 1)
	if !w.forgotten {
		add(tWord, w.lower, 0, 0)
		add(tWordClass, w.lower, before.code(), 2)
		add(tWordClass, w.lower, after.code(), 3)
		if w.class != none {
			add(tTerm, uint64(w.term), 0, 0)
		}
		dst = f.affixes(dst, k)
	}
	return f.surroundings(dst, k)
}

// affixes adds the first and last letters of the word.
func (f *Finder) affixes(dst []uint32, k int) []uint32 {
	if f.words[k].shape > shapeUpper {
		return dst
	}
	low := f.lowered(f.first + k)
	for n := 3; n <= 5; n++ {
		if len(low) < n {
			break
		}
		var head, tail uint64
		for i := range n {
			head = head<<8 | uint64(low[i])
			tail = tail<<8 | uint64(low[len(low)-n+i])
		}
		dst = append(dst, feature(tAffix, head, 0, uint64(n)), feature(tAffix, tail, 1, uint64(n)))
	}
	return append(dst, feature(tAffix, uint64(min(utf8.RuneCount(low), 12)), 2, 0))
}

// surroundings adds what stands further off: somebody spoken of, a form's
// label, a parenthesis, the last word that may open a finding.
func (f *Finder) surroundings(dst []uint32, k int) []uint32 {
	const somebody = 1<<have | 1<<be | 1<<goes | 1<<possessive | 1<<relation
	code := f.at(k).code()
	var seen uint32
	label, open := uint64(0), uint64(0)
	for i := k - 1; i >= 0 && i >= k-6; i-- {
		w := f.at(i)
		seen |= w.set & somebody
		switch w.shape {
		case shapeColon:
			if label == 0 {
				label = uint64(k - i)
			}
		case shapeOpen:
			open = 1
		case shapeStop:
			i = 0
		}
	}
	dst = append(dst, feature(tAround, uint64(seen), code, 0), feature(tAround, label, code, 1), feature(tAround, open, code, 2))
	last, gap := none, uint64(0)
	for i := k - 1; i >= 0 && i >= k-5; i-- {
		if c := f.at(i).class; c.opens() {
			last, gap = c, uint64(k-i)
			break
		}
	}
	next, far := none, uint64(0)
	for i := k + 1; i < len(f.words) && i <= k+4; i++ {
		if c := f.at(i).class; c.opens() {
			next, far = c, uint64(i-k)
			break
		}
	}
	return append(dst, feature(tSpan, uint64(last)<<4|gap, code, 0), feature(tSpan, uint64(next)<<4|far, code, 1), feature(tSpan, uint64(last)<<4|gap, uint64(next)<<4|far, 2))
}
