package planted_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/eval/planted"
)

// What hides between two characters of a value without being seen.
var unseen = []string{"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u200f", "\u202a", "\u202c", "\u2066"}

// hide returns the text with characters nobody sees put between the digits of
// its value, or the digits written full-width or in Arabic, and the value's
// new bounds. Broken bytes and NUL stand around it.
func hide(r *rand.Rand, x planted.Text) (text string, start, end int) {
	value := x.Body[x.Start:x.End]
	var b strings.Builder
	b.WriteString("\xff\x00 " + x.Body[:x.Start])
	start = b.Len()
	how := r.IntN(3)
	for i, c := range value {
		digit := c >= '0' && c <= '9'
		if how == 0 && digit && i > 0 && value[i-1] >= '0' && value[i-1] <= '9' && r.IntN(3) == 0 {
			b.WriteString(unseen[r.IntN(len(unseen))])
		}
		switch {
		case digit && how == 1:
			c += '０' - '0'
		case digit && how == 2:
			c += '٠' - '0'
		}
		b.WriteRune(c)
	}
	end = b.Len()
	b.WriteString(x.Body[x.End:] + "\x00\xc3")
	return b.String(), start, end
}

// Characters that nobody sees, digits of other scripts, NUL and broken UTF-8
// hide no kind of number, and the offsets hold.
func TestBadInput_EveryKindHidden(t *testing.T) {
	t.Parallel()
	engines := map[string]*pii.Engine{}
	r := rand.New(rand.NewPCG(5, 6))
	missed, total := map[string]int{}, map[string]int{}
	planted.Each(planted.Options{Seed: 9, Texts: 100}, func(x planted.Text) {
		if strings.Contains(x.Kind, "read out") || strings.Contains(x.Kind, "e-mail") {
			return // no digits to hide
		}
		if engines[x.Lang] == nil {
			e, err := pii.New(pii.Options{Lang: x.Lang})
			if err != nil {
				t.Fatal(err)
			}
			engines[x.Lang] = e
		}
		text, start, end := hide(r, x)
		total[x.Kind]++
		for _, f := range engines[x.Lang].Find(text) {
			if f.Start == start && f.End == end && f.Category == x.Category {
				return
			}
		}
		if missed[x.Kind]++; missed[x.Kind] <= 2 {
			t.Logf("%s: %q", x.Kind, text[start:end])
		}
	})
	for kind, n := range missed {
		if n > total[kind]/50 {
			t.Errorf("%s: %d of %d hidden values missed", kind, n, total[kind])
		}
	}
}
