package tagger

// features lists the features of one word: those that only matter for the word
// itself, those that matter to the next word on either side too, and those
// that reach two words away.
type features struct {
	own, near, far []uint64
	all            []uint64
}

// Kinds of feature.
const (
	fBias uint64 = iota + 1
	fID
	fIDShape
	fPrefix
	fSuffix
	fSuffixShape
	fShape
	fGiven
	fSurname
	fPlace
	fCommon
	fJoint
	fJointShape
	fClass
	fEnding
	fLength
	fPair
)

func feature(kind, value uint64) uint64 {
	return (value + kind*0x9FB21C651E98DF25) * 0xD6E8FEB86659FD93
}

func hashOf(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

// row returns the row of weights of a feature of a word k positions after
// (k > 0: before) the word judged.
func row(f uint64, k int) uint32 {
	f = (f ^ uint64(k+reach+1)*0xC2B2AE3D27D4EB4F) * 0x9E3779B97F4A7C15
	return uint32(f >> (64 - Bits))
}

func bucket(v uint8, cuts ...uint8) uint8 {
	b := uint8(0)
	for _, c := range cuts {
		if v >= c {
			b++
		}
	}
	return b
}

// joint puts a word's places in the name lists into one number.
func joint(in *Info) uint8 {
	return bucket(in.Given(), 1, 3, 5)*36 + bucket(in.Surname(), 1, 3, 5)*9 + bucket(in.Place(), 1, 4)*3 + bucket(in.Common(), 1, 4)
}

// identity returns a number for the word itself when it is common enough to
// have been learned, else one for its class, else 0.
func identity(in *Info) uint32 {
	if in.Common() >= 2 || in.Shape >= shapeDigits || in.Class != 0 || in.Entry&(1<<12) != 0 {
		return uint32(in.Lower>>32) | 1
	}
	return 0
}

// word lists the features of w.
func (f *features) word(w *Word) {
	f.own, f.near, f.far = f.own[:0], f.near[:0], f.far[:0]
	shape := uint64(w.Shape)
	f.far = append(f.far, feature(fShape, shape), feature(fJointShape, uint64(w.joint)<<8|shape))
	if w.id != 0 {
		f.far = append(f.far, feature(fID, uint64(w.id)))
		f.own = append(f.own, feature(fIDShape, uint64(w.id)<<8|shape))
	}
	for c := w.Class; c != 0; c &= c - 1 {
		f.far = append(f.far, feature(fClass, uint64(c&-c)))
	}
	f.own = append(f.own, feature(fBias, 0))
	if len(w.lower) == 0 || w.Shape >= shapeBreak {
		return
	}
	l := w.lower
	f.near = append(f.near,
		feature(fSuffix, hashOf(affix(l, -3))),
		feature(fGiven, uint64(w.Given())<<8|shape),
		feature(fSurname, uint64(w.Surname())<<8|shape),
		feature(fPlace, uint64(w.Place())<<8|shape),
		feature(fCommon, uint64(w.Common())<<8|shape),
		feature(fEnding, uint64(w.Ending)<<8|shape),
	)
	f.own = append(f.own,
		feature(fPrefix, hashOf(affix(l, 1))), feature(fPrefix, hashOf(affix(l, 2))),
		feature(fPrefix, hashOf(affix(l, 3))), feature(fPrefix, hashOf(affix(l, 4))),
		feature(fSuffix, hashOf(affix(l, -1))), feature(fSuffix, hashOf(affix(l, -2))),
		feature(fSuffix, hashOf(affix(l, -4))), feature(fSuffix, hashOf(affix(l, -5))),
		feature(fSuffixShape, hashOf(affix(l, -2))<<8|shape), feature(fSuffixShape, hashOf(affix(l, -3))<<8|shape),
		feature(fLength, uint64(min(len(l), 16))<<8|shape),
	)
}

// at returns the features that matter k words away. The slice is valid until
// the next call.
func (f *features) at(k int) []uint64 {
	f.all = append(f.all[:0], f.far...)
	if k >= -1 && k <= 1 {
		f.all = append(f.all, f.near...)
	}
	if k == 0 {
		f.all = append(f.all, f.own...)
	}
	return f.all
}

// pairs is the greatest number of features of several words together.
const pairs = 17

func (s *Scratch) pairs(i int, rows *[pairs]uint32) []uint32 {
	w, p, q, n, m := s.at(i), s.at(i-1), s.at(i-2), s.at(i+1), s.at(i+2)
	low := uint64(0)
	at := &s.place[i]
	if at.low {
		low = 1
	}
	spaced := uint64(0)
	if s.Tokens[i].Spaced {
		spaced = 1
	}
	sh, sp, sq, sn := uint64(w.Shape), uint64(p.Shape), uint64(q.Shape), uint64(n.Shape)
	jw, jp, jn := uint64(w.joint), uint64(p.joint), uint64(n.joint)
	ip, iq, in, iw := uint64(p.id), uint64(q.id), uint64(n.id), uint64(w.id)
	k := 0
	put := func(a, b, c uint64) {
		f := feature(fPair+uint64(k), a*0x9E3779B97F4A7C15^(b+0x7F4A7C15)*0xC2B2AE3D27D4EB4F^(c+77)*0x165667B19E3779F9)
		rows[k] = row(f, 0)
		k++
	}
	put(low<<16|sh<<8|jw, 0, 0)
	put(low<<24|sp<<16|sh<<8|sn, 0, 0)
	put(jp<<16|sh<<8|jw, sp, 0)
	put(jn<<16|sh<<8|jw, sn, 0)
	put(ip, sh<<8|jw, low)
	put(in, sh<<8|jw, low)
	put(ip, iq, sh)
	put(ip, in, sh)
	put(in, uint64(m.id), sh)
	put(sq<<24|sp<<16|sh<<8|jw, spaced, low)
	put(iq, sp<<8|sh, jw)
	put(uint64(p.Class), uint64(q.Class), sh<<8|jw)
	put(iw, ip, low)
	put(uint64(at.lead), sh<<8|jw, low)
	put(uint64(at.lead), uint64(at.spot), sh)
	put(uint64(at.spot), sh<<8|jw, low)
	put(uint64(min(s.Tokens[i].End-s.Tokens[i].Start, 6)), sp<<16|sn<<8|sh, low)
	return rows[:k]
}
