package pattern

import (
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// An automaton reads a text and tells where matches end. A state is the set of
// instructions that wait for a character, and what kind of character was the
// last; the next character decides what lies between the two (a word's border,
// a line's end), so a match is seen at the character after it. All states are
// made beforehand: expressions that need too many get no automaton.
type automaton struct {
	ascii  [utf8.RuneSelf]uint8 // class of a character
	bounds []rune               // of the classes beyond ASCII, where each begins
	high   []uint8
	stride uint32
	next   []uint32 // state*stride + class: the next, and in the top byte which expressions end before it
	masks  []uint64
	idle   uint32 // states below it wait for a beginning
	skip   [256]bool
	after  [256]uint32 // the idle state after a byte that is skipped
	starts [kinds]uint32
}

// Kinds of the character before, which \b, ^ and the like ask for.
const (
	begin = iota
	newline
	word
	other
	kinds
)

var kindRune = [kinds]rune{-1, '\n', 'a', '.'}

// Limits of what is made beforehand.
const (
	maxInsts  = 600
	maxStates = 3000
	maxSize   = 1 << 18 // states by classes
	stateBits = 24
	stateMask = 1<<stateBits - 1
)

type state struct {
	kind uint8
	pcs  []uint32 // sorted, what was reached by the last character; without the beginnings
}

type builder struct {
	a      *automaton
	insts  []syntax.Inst
	expr   []uint8 // of an instruction
	starts []uint32
	used   syntax.EmptyOp
	reps   []rune // a character of each class
	ids    map[string]uint32
	states []state
	seen   []uint32
	turn   uint32
	todo   []uint32
	live   []uint32
}

// build returns the automaton of some programs, nil when it would be too large
// or when one of them matches the empty text somewhere.
func build(progs []*syntax.Prog) *automaton {
	b := &builder{a: &automaton{masks: []uint64{0}}, ids: map[string]uint32{}}
	for i, p := range progs {
		base := uint32(len(b.insts))
		b.starts = append(b.starts, base+uint32(p.Start))
		for _, in := range p.Inst {
			in.Out += base
			switch in.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				in.Arg += base
			case syntax.InstEmptyWidth:
				b.used |= syntax.EmptyOp(in.Arg)
			}
			b.insts, b.expr = append(b.insts, in), append(b.expr, uint8(i))
		}
	}
	if len(b.insts) > maxInsts {
		return nil
	}
	b.seen = make([]uint32, len(b.insts))
	if b.matchesNothing() || !b.classes() || !b.walk() {
		return nil
	}
	b.skips()
	return b.a
}

// matchesNothing reports whether a match without a character is possible.
func (b *builder) matchesNothing() bool {
	return b.close(nil, ^syntax.EmptyOp(0)) != 0
}

// close follows what takes no character from pcs and from the beginnings, puts
// what waits for one into b.live and returns which expressions have matched.
func (b *builder) close(pcs []uint32, between syntax.EmptyOp) (matched uint64) {
	b.turn++
	b.live = b.live[:0]
	b.todo = append(append(b.todo[:0], pcs...), b.starts...)
	for len(b.todo) > 0 {
		pc := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		if b.seen[pc] == b.turn {
			continue
		}
		b.seen[pc] = b.turn
		switch in := &b.insts[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			b.todo = append(b.todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			b.todo = append(b.todo, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^between == 0 {
				b.todo = append(b.todo, in.Out)
			}
		case syntax.InstMatch:
			matched |= 1 << b.expr[pc]
		case syntax.InstFail:
		default:
			b.live = append(b.live, pc)
		}
	}
	return matched
}

// classes puts the characters that no instruction tells apart into one class.
func (b *builder) classes() bool {
	at := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, utf8.RuneSelf}
	var runes []int
	for i := range b.insts {
		in := &b.insts[i]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		default:
			continue
		}
		runes = append(runes, i)
		for k := 0; k < len(in.Rune); k += 2 {
			at = append(at, in.Rune[k], in.Rune[min(k+1, len(in.Rune)-1)]+1)
		}
		if len(in.Rune) == 1 {
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				at = append(at, r, r+1)
			}
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	ids := map[string]uint8{}
	sign := make([]byte, len(runes)+1)
	for k, r := range at {
		if r > unicode.MaxRune {
			break
		}
		for i, pc := range runes {
			sign[i] = 0
			if b.insts[pc].MatchRune(r) {
				sign[i] = 1
			}
		}
		sign[len(runes)] = uint8(kindOf(r))
		id, ok := ids[string(sign)]
		if !ok {
			if len(ids) == 250 {
				return false
			}
			id = uint8(len(ids))
			ids[string(sign)] = id
			b.reps = append(b.reps, r)
		}
		if r < utf8.RuneSelf {
			for c := r; c < utf8.RuneSelf && (k+1 == len(at) || c < at[k+1]); c++ {
				b.a.ascii[c] = id
			}
		} else {
			b.a.bounds, b.a.high = append(b.a.bounds, r), append(b.a.high, id)
		}
	}
	b.a.stride = uint32(len(b.reps)) + 1 // the last is the text's end
	return true
}

func kindOf(r rune) int {
	switch {
	case r < 0:
		return begin
	case r == '\n':
		return newline
	case syntax.IsWordChar(r):
		return word
	}
	return other
}

// kind returns the kind of r as far as any instruction asks for it.
func (b *builder) kind(r rune) uint8 {
	k := kindOf(r)
	if k == word && b.used&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) == 0 ||
		k == newline && b.used&syntax.EmptyBeginLine == 0 ||
		k == begin && b.used&(syntax.EmptyBeginLine|syntax.EmptyBeginText) == 0 {
		k = other
	}
	return uint8(k)
}

func (b *builder) intern(kind uint8, pcs []uint32) uint32 {
	key := make([]byte, 0, 2*len(pcs)+1)
	key = append(key, kind)
	for _, pc := range pcs {
		key = append(key, byte(pc), byte(pc>>8))
	}
	id, ok := b.ids[string(key)]
	if !ok {
		id = uint32(len(b.states))
		b.ids[string(key)] = id
		b.states = append(b.states, state{kind, slices.Clone(pcs)})
	}
	return id
}

// walk makes all states.
func (b *builder) walk() bool {
	a := b.a
	for k := range kinds {
		a.starts[k] = b.intern(b.kind(kindRune[k]), nil) * a.stride
	}
	a.idle = uint32(len(b.states)) * a.stride
	masks := map[uint64]uint32{0: 0}
	var pcs []uint32
	for s := 0; s < len(b.states); s++ {
		if len(b.states) > maxStates || len(b.states)*int(a.stride) > maxSize {
			return false
		}
		for c := range a.stride {
			r := rune(-1)
			if c < a.stride-1 {
				r = b.reps[c]
			}
			from := b.states[s]
			matched := b.close(from.pcs, syntax.EmptyOpContext(kindRune[from.kind], r))
			mask, ok := masks[matched]
			if !ok {
				if mask = uint32(len(masks)); mask > 255 {
					return false
				}
				masks[matched] = mask
				a.masks = append(a.masks, matched)
			}
			to := uint32(0)
			if r >= 0 {
				pcs = pcs[:0]
				for _, pc := range b.live {
					if b.insts[pc].MatchRune(r) {
						pcs = append(pcs, b.insts[pc].Out)
					}
				}
				slices.Sort(pcs)
				to = b.intern(b.kind(r), slices.Compact(pcs)) * a.stride
			}
			a.next = append(a.next, to|mask<<stateBits)
		}
	}
	return true
}

// skips finds the bytes after which a waiting automaton waits still.
func (b *builder) skips() {
	a := b.a
	for c := range a.skip {
		class := a.ascii[c&(utf8.RuneSelf-1)]
		if c >= utf8.RuneSelf {
			if len(a.high) != 1 { // only where all such characters are alike
				continue
			}
			class = a.high[0]
		}
		a.skip[c] = true
		for s := uint32(0); s < a.idle; s += a.stride {
			if e := a.next[s+uint32(class)]; e >= a.idle {
				a.skip[c] = false
			} else {
				a.after[c] = e // the same from all: it is the character that decides
			}
		}
	}
}

// class returns the class and the length of the character at text[i], which is
// not ASCII.
func (a *automaton) class(text string, i int) (uint32, int) {
	r, size := utf8.DecodeRuneInString(text[i:])
	if len(a.high) == 1 {
		return uint32(a.high[0]), size
	}
	k := sort.Search(len(a.bounds), func(k int) bool { return a.bounds[k] > r }) - 1
	return uint32(a.high[k]), size
}

// which returns the expressions that match somewhere in text.
func (a *automaton) which(text string) (found uint64) {
	s, next := a.starts[begin], a.next
	for i := 0; i < len(text); {
		if s < a.idle && a.skip[text[i]] {
			for i++; i < len(text) && a.skip[text[i]]; i++ {
			}
			s = a.after[text[i-1]]
			continue
		}
		c, size := uint32(0), 1
		if b := text[i]; b < utf8.RuneSelf {
			c = uint32(a.ascii[b])
		} else {
			c, size = a.class(text, i)
		}
		e := next[s+c]
		if e > stateMask {
			found |= a.masks[e>>stateBits]
		}
		s = e & stateMask
		i += size
	}
	return found | a.masks[next[s+a.stride-1]>>stateBits]
}

// first returns where the first match after text[at] to end ends, and a place
// before which none begins.
func (a *automaton) first(text string, at int) (from, end int, found bool) {
	s, next := a.starts[begin], a.next
	if at > 0 {
		r, _ := utf8.DecodeLastRuneInString(text[:at])
		s = a.starts[kindOf(r)]
	}
	from = at
	for i := at; i < len(text); {
		if s < a.idle {
			if a.skip[text[i]] {
				for i++; i < len(text) && a.skip[text[i]]; i++ {
				}
				s, from = a.after[text[i-1]], i
				continue
			}
			from = i
		}
		c, size := uint32(0), 1
		if b := text[i]; b < utf8.RuneSelf {
			c = uint32(a.ascii[b])
		} else {
			c, size = a.class(text, i)
		}
		e := next[s+c]
		if e > stateMask {
			return from, i, true
		}
		s = e
		i += size
	}
	if s < a.idle {
		from = len(text)
	}
	return from, len(text), next[s+a.stride-1] > stateMask
}
