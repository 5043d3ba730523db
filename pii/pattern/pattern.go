// Package pattern finds many regular expressions in a text at once. It answers
// as Go's regexp does, match for match; what it adds is speed where there is
// nothing to find. All expressions together are made into one automaton that
// reads each character once, so that a text without a match costs one table
// look-up a byte however many the expressions are; only where the automaton has
// seen that a match ends is the expression itself asked for its bounds.
package pattern

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// Match is where an expression matches.
type Match struct {
	Expr       int // place among those given to Compile
	Start, End int // bytes, End exclusive
}

// Set is some expressions, made ready. It is immutable and safe for concurrent
// use.
type Set struct {
	exprs  []expr
	joined *automaton // of all, nil where there is none
}

type expr struct {
	whole  *regexp.Regexp
	inside *regexp.Regexp // the same, from the second character of a text on
	alone  *automaton     // nil where it would be too large
	reach  int            // bytes a match can have, 0 without limit
}

// Compile makes expressions ready (RE2 syntax). The error is the parser's; at
// is the place of the expression that has it.
func Compile(exprs []string) (s *Set, at int, err error) {
	s = &Set{}
	var progs []*syntax.Prog
	for i, e := range exprs {
		x := expr{}
		if x.whole, err = regexp.Compile(e); err != nil {
			return nil, i, err
		}
		x.inside, err = regexp.Compile(`\A(?s:.)(?s:.*?)((?:` + e + `))`)
		if err != nil { // what can't be put between brackets, as \Q without its end, or is too long then
			s.exprs = append(s.exprs, x)
			continue
		}
		tree, err := syntax.Parse(e, syntax.Perl)
		if err != nil {
			return nil, i, err
		}
		x.reach = reach(tree)
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			return nil, i, err
		}
		x.alone = build([]*syntax.Prog{prog})
		if x.alone != nil {
			progs = append(progs, prog)
		}
		s.exprs = append(s.exprs, x)
	}
	switch {
	case len(progs) < len(exprs): // those without an automaton read the text anyhow
	case len(progs) == 1:
		s.joined = s.exprs[0].alone
	case len(progs) <= 64:
		s.joined = build(progs)
	}
	return s, 0, nil
}

// Empty reports whether expression i matches an empty text.
func (s *Set) Empty(i int) bool { return s.exprs[i].whole.MatchString("") }

// Append appends the matches of each expression in text, those of one
// expression apart and in order, as regexp's FindAllStringIndex finds them.
func (s *Set) Append(dst []Match, text string) []Match {
	which := ^uint64(0)
	if s.joined != nil {
		if which = s.joined.which(text); which == 0 {
			return dst
		}
	}
	for i := range s.exprs {
		if i >= 64 || which>>i&1 != 0 {
			dst = s.exprs[i].append(dst, i, text)
		}
	}
	return dst
}

func (x *expr) append(dst []Match, i int, text string) []Match {
	if x.alone == nil {
		return x.plain(dst, i, text)
	}
	n := len(dst)
	for at := 0; ; {
		from, end, found := x.alone.first(text, at)
		if !found {
			return dst
		}
		stop := len(text)
		if x.reach > 0 { // what stands after the last possible end is looked at, no more
			stop = min(stop, end+x.reach+utf8.UTFMax)
		}
		start, end, ok := x.bounds(text[:stop], from)
		if !ok { // the automaton and the expression disagree: the expression is right
			return x.plain(dst[:n], i, text)
		}
		dst = append(dst, Match{i, start, end})
		at = end
	}
}

// bounds returns the first match that begins at from or after it.
func (x *expr) bounds(text string, from int) (start, end int, ok bool) {
	if from == 0 {
		m := x.whole.FindStringIndex(text)
		if m == nil {
			return 0, 0, false
		}
		return m[0], m[1], true
	}
	_, size := utf8.DecodeLastRuneInString(text[:from])
	m := x.inside.FindStringSubmatchIndex(text[from-size:])
	if m == nil {
		return 0, 0, false
	}
	return m[2] + from - size, m[3] + from - size, true
}

func (x *expr) plain(dst []Match, i int, text string) []Match {
	for _, m := range x.whole.FindAllStringIndex(text, -1) {
		dst = append(dst, Match{i, m[0], m[1]})
	}
	return dst
}

// reachMost is the longest match that is worth knowing.
const reachMost = 1 << 12

// reach returns how many bytes a match of the expression has at most, 0 when
// there is no limit or a large one.
func reach(re *syntax.Regexp) int {
	n := longest(re)
	if n > reachMost {
		return 0
	}
	return n
}

func longest(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune) * utf8.UTFMax
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		n = reachMost + 1
	case syntax.OpRepeat:
		if n = longest(re.Sub[0]) * re.Max; re.Max < 0 {
			n = reachMost + 1
		}
	case syntax.OpAlternate:
		for _, s := range re.Sub {
			n = max(n, longest(s))
		}
	default: // concatenation, capture, quest, and what has no width
		for _, s := range re.Sub {
			n += longest(s)
		}
	}
	return min(n, reachMost+1)
}
