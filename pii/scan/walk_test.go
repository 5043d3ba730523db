package scan

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// S32: the walks that read many bytes at a time stop where a walk of one byte at
// a time does, at every place of texts of every length.
func TestS32_WalksAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	slow := func(s string, i int) int {
		for i < len(s) && class[s[i]] == 0 {
			i++
		}
		return i
	}
	var all [256]byte
	for c := range all {
		all[c] = byte(c)
	}
	var texts []string
	for n := range 150 {
		prose := strings.Repeat("så här: ", n/8+1)[:n]
		texts = append(texts, strings.Repeat("x", n), prose)
		b := []byte(strings.Repeat("ö", n/2))
		for range 1 + n/20 {
			if len(b) > 0 {
				b[r.IntN(len(b))] = all[r.IntN(256)]
			}
		}
		texts = append(texts, string(b))
	}
	for c := range all { // every byte, at every place of a vector
		for before := range 33 {
			texts = append(texts, strings.Repeat("å", 17)[:before]+string(all[c:c+1])+strings.Repeat("n", 40))
		}
	}
	for _, s := range texts {
		for i := range len(s) + 1 {
			want := slow(s, i)
			if got := nextStop(s, i); got != want {
				t.Fatalf("nextStop(%q, %d) = %d, want %d", s, i, got, want)
			}
			if got := nextWord(s, i); got != want {
				t.Fatalf("nextWord(%q, %d) = %d, want %d", s, i, got, want)
			}
		}
	}
}
