package pattern

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exprs are such as installations write, and such as try the automaton: borders
// of words, lines and texts, cases, characters beyond ASCII, choices where the
// first and not the longest counts, matches that overlap, none with an end.
var exprs = []string{
	`KND-\d{6}`, `\bAV\d{8}\b`, `\b[A-Z]{2}-\d{5}-[A-Z]\b`, `\b20\d{2}/\d{4,6}\b`, `\b9\d{8}\b`,
	`(?i)kund(nr|nummer)?:? ?\d+`, `\d{3}`, `\d{3,}`, `\d+?-`, `a|ab|abc`, `abcd|bc`, `(a+)(b+)`, `[åäö]+\d`, `\pL\pN`, `[^\s]{4}\d`,
	`^\d\d`, `\d\d$`, `(?m)^[A-Z]\d`, `(?m)\d$`, `\Aab`, `\d\z`, `\B1\d`, `.1`, `(?s).1`, `1.*2`, `(?i)ſk1`, `\x{fffd}1`, `x{2,3}?y`, `(?U)a+1`,
	`(a|b)*a(a|b){3}`, `\Qa.1`, `a|\Q1`, `a[^a]{0,9}1`, `\b`, `x*`, `\w+@\d`, `[[:alpha:]]-[[:digit:]]`,
}

// tooLarge has more states than are made beforehand.
const tooLarge = `(a|b)*a(a|b){14}`

func want(e []string, text string) (out []Match) {
	for i, x := range e {
		for _, m := range regexp.MustCompile(x).FindAllStringIndex(text, -1) {
			out = append(out, Match{i, m[0], m[1]})
		}
	}
	return out
}

func compile(t testing.TB, e []string) *Set {
	t.Helper()
	s, at, err := Compile(e)
	if err != nil {
		t.Fatalf("expression %d: %v", at, err)
	}
	return s
}

// made returns a text of pieces that the expressions are made of.
func made(rng *rand.Rand) string {
	pieces := []string{"1", "2", "9", "0", "12", "123456", "20", "2024/1234", "AV", "AB-", "KND-", "knd", "kund", "KUNDNR: ", "a", "b", "ab", "abc", "abcd", "bc", "xx", "xxy", "å", "Ö", "ſ", "K", "\u212a", "k",
		" ", " ", "\n", "-", "_", ".", "/", "@", "\xff", "\xe2\x82", "\ufffd", "€", "٣", "\u200b", "\r\n", "aaaa", "bbbb", "Z"}
	var b strings.Builder
	for range rng.IntN(14) {
		b.WriteString(pieces[rng.IntN(len(pieces))])
	}
	return b.String()
}

// TestOwnPatternsAsRegexp: whatever the text, each expression alone and all of
// them together match what Go's regexp matches.
func TestOwnPatternsAsRegexp(t *testing.T) {
	t.Parallel()
	var sets [][]string
	for _, e := range append(slices.Clone(exprs), tooLarge) {
		sets = append(sets, []string{e})
	}
	sets = append(sets, exprs[:5], exprs[:28], exprs, []string{exprs[0], tooLarge, exprs[4]})
	rng := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", "1", "\n"}
	for range 1000 {
		texts = append(texts, made(rng))
	}
	found := 0
	for _, e := range sets {
		s := compile(t, e)
		for _, text := range texts {
			got, expected := s.Append(nil, text), want(e, text)
			if found += len(expected); !slices.Equal(got, expected) {
				t.Fatalf("%q in %q: %v, regexp says %v", e, text, got, expected)
			}
		}
	}
	if found < 5_000 {
		t.Errorf("only %d matches in all: the comparison says little", found)
	}
}

// TestOwnPatternsAreJoined: what installations write is one automaton, and what
// would need too many states none.
func TestOwnPatternsAreJoined(t *testing.T) {
	t.Parallel()
	if s := compile(t, exprs[:5]); s.joined == nil {
		t.Error("five ordinary patterns are not joined")
	}
	for _, e := range []string{tooLarge, `\b`, `x*`, strings.Repeat(`(a|b)`, 400)} {
		if s := compile(t, []string{e}); s.exprs[0].alone != nil || s.joined != nil {
			t.Errorf("%.40q has an automaton", e)
		}
	}
	many := make([]string, 70) // more than there are bits for
	for i := range many {
		many[i] = fmt.Sprintf(`\bX%02d-\d{3}\b`, i)
	}
	text := "X00-123, X63-456 och X69-789."
	if got := compile(t, many).Append(nil, text); !slices.Equal(got, want(many, text)) {
		t.Errorf("of seventy: %v", got)
	}
	if _, at, err := Compile([]string{`a`, `(`}); err == nil || at != 1 {
		t.Errorf("a bracket left open: error %v at %d", err, at)
	}
}

// TestOwnPatternsSkip: a text without a candidate is passed over without memory.
func TestOwnPatternsSkip(t *testing.T) {
	s := compile(t, exprs[:5])
	text := strings.Repeat("Hej, jag undrar över räkningen för oktober 2026, 4 200 kr. ", 200)
	if n := testing.AllocsPerRun(20, func() { s.Append(nil, text) }); n > 0 {
		t.Errorf("%v allocations in a text without a match", n)
	}
}

func FuzzOwnPatterns(f *testing.F) {
	for _, e := range exprs {
		f.Add(e, "AV12345678 KND-123456 9"+e)
	}
	f.Fuzz(func(t *testing.T, e, text string) {
		if len(e) > 60 || len(text) > 400 {
			return
		}
		if _, err := regexp.Compile(e); err != nil {
			return
		}
		s, _, err := Compile([]string{e})
		if err != nil { // one that only just fits the size regexp allows
			return
		}
		if got, expected := s.Append(nil, text), want([]string{e}, text); !slices.Equal(got, expected) {
			t.Fatalf("%q in %q: %v, regexp says %v", e, text, got, expected)
		}
	})
}
