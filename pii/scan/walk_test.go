package scan

import (
	"math/rand/v2"
	"slices"
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

// S32: the masks made 64 bytes at a time and those made eight at a time say of
// every byte what it is, in texts of every length, and nothing behind their end.
func TestS32_MasksAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	var texts []string
	for n := range 200 {
		texts = append(texts, mixed(r, n)[:n])
	}
	all := make([]byte, 3*known)
	for i := range all {
		all[i] = byte(i * 37)
	}
	texts = append(texts, string(all), string(all[:known]), string(all[:known+1]), mixed(r, 2000))
	for _, s := range texts {
		for base := 0; base <= len(s); base += 64 {
			var words, quick masks
			quick.read(s, base)
			words.words = quick.words
			words.readWords(s, base)
			if quick.words < masksLong && base+quick.words*64 < len(s) {
				t.Fatalf("%d words of masks for %d bytes from %d on", quick.words, len(s), base)
			}
			for b := range (quick.words + 1) * 64 {
				i := base + b
				w, bit := b/64, uint(b%64)
				isDigit, stops := i < len(s) && digit(s[i]), i < len(s) && class[s[i]] != 0
				for _, m := range []*masks{&words, &quick} {
					if got := m.digits[w]>>bit&1 != 0; got != isDigit {
						t.Fatalf("%q at %d: digit %v, want %v", s, i, got, isDigit)
					}
					if got := m.stops[w]>>bit&1 != 0; stops && !got || i >= len(s) && got {
						t.Fatalf("%q at %d: stop %v, want %v", s, i, got, stops)
					}
				}
				if vectors && len(s) >= 64 && quick.stops[w]>>bit&1 != 0 != stops {
					t.Fatalf("%q at %d: the vectors stop at a byte without a class, or do not", s, i)
				}
			}
		}
	}
}

// mixed returns made-up text of n pieces: numbers, what stands between them,
// context words, and bytes that hostile text has.
func mixed(r *rand.Rand, n int) string {
	pieces := []string{"0", "7", "12", "46", "070", "1985", "850822", "4242428293634260", "12345678901234567890", "-", "-", " ", " ", ".", "/", ":", ",", "(0)", ") ", " – ", "–", "\u00a0", ". ", "\n",
		"å", "Ö", "€", "Я", "\xc3", "\xe2\x80", "\xff", "\x80", "０", "kundnr", "ordernummer", "logga in med", "personnummer ", "tel", "sort code", "f. ", "order", "försäkring", "x"}
	var b strings.Builder
	for range n {
		b.WriteString(pieces[r.IntN(len(pieces))])
		if r.IntN(3) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// S32: a number read 64 bytes at a time is the number read byte by byte.
func TestS32_NumbersReadAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		s := mixed(r, 1+r.IntN(60))
		for i := range len(s) {
			if !digit(s[i]) {
				continue
			}
			var a, b phrase
			var m masks
			m.read(s, i&^63)
			ok, want := a.read(s, i, m.digitsAt(i)), b.readSlow(s, i)
			if ok != want || a.end != b.end {
				t.Fatalf("%q at %d: %v to %d, want %v to %d", s, i, ok, a.end, want, b.end)
			}
			if !ok {
				continue
			}
			digits := int(b.group[b.n-1].first) + b.group[b.n-1].len()
			if a.n != b.n || a.group != b.group || a.ends != b.ends || a.kinds != b.kinds || a.odd != b.odd || string(a.digits[:digits]) != string(b.digits[:digits]) || string(a.lens[:a.n+4]) != string(b.lens[:b.n+4]) {
				t.Fatalf("%q at %d: %+v, want %+v", s, i, a, b)
			}
		}
	}
}

// S32: context words read in two halves side by side are those read in one go.
func TestS32_HalvesAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	a := compiled()
	halved := 0
	for range 20000 {
		s := mixed(r, 2+r.IntN(20))
		split := wordEnd(s, 0, len(s))
		if split < 0 {
			continue
		}
		halved++
		var got, want cues
		if x, y := a.runBoth(&got, a.start, s, 0, split), a.run(&want, a.start, s, 0); x != y || got != want {
			t.Fatalf("%q: state %d, %+v, want %d, %+v", s, x, got, y, want)
		}
	}
	if halved < 1000 {
		t.Errorf("only %d texts were long enough", halved)
	}
}

// S32: context words read in lanes are those read byte by byte, and what is read on
// from them as well: windows of every length, at every place, of texts with letters
// of other alphabets, bytes that are no characters, and more words than are kept.
func TestS32_LanesAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(15, 16))
	a := compiled()
	var all []string
	for _, words := range lexicon {
		all = append(all, splitWords(words)...)
	}
	slices.Sort(all)
	text := func() string {
		var b strings.Builder
		for b.Len() < r.IntN(200) {
			switch r.IntN(8) {
			case 0, 1:
				b.WriteString(mixed(r, 1+r.IntN(3)))
			case 2:
				b.WriteString([]string{"så här ", "Åsa-Märta ÆØß ÿ ", "  ", "\n", "abcdefghijklmnopqrstuvwxyzåäö", "3", "... ", "×÷", "\x97", "\xa5\xa5", "\xc3"}[r.IntN(11)])
			case 3:
				if r.IntN(20) == 0 {
					b.WriteByte(byte(r.IntN(256)))
				}
			default:
				w := all[r.IntN(len(all))]
				if w = w[r.IntN(2)*r.IntN(len(w)):]; r.IntN(4) == 0 {
					w = strings.ToUpper(w)
				}
				b.WriteString(w)
				if r.IntN(3) == 0 {
					b.WriteString([]string{" ", "e ", ", ", "nummer", "\t\t"}[r.IntN(5)])
				}
			}
		}
		return b.String()
	}
	known := func(c *cues) (set cue, end [lastCue]int32) {
		for k := range end {
			if c.seen>>k&1 != 0 {
				end[k] = c.end[k]
			}
		}
		return c.seen, end
	}
	in, tried := 0, 0
	for range 30000 {
		s := text()
		if r.IntN(20) == 0 {
			w := all[r.IntN(len(all))]
			s = strings.Repeat(w+[]string{" ", "\n\xa5", " \xb6"}[r.IntN(3)], 1+120/len(w))
		}
		for range 3 {
			s := s[:r.IntN(len(s)+1)]
			n := min(len(s), []int{nearWindow, wideWindow, r.IntN(wideWindow + 1)}[r.IntN(3)])
			var quick, slow cues
			want := a.readPlain(&slow, s, len(s)-n)
			got := a.readAnew(&quick, s, len(s)-n)
			seen, end := known(&quick)
			if seen2, end2 := known(&slow); got != want || seen != seen2 || end != end2 {
				t.Fatalf("the last %d bytes of %q: state %d, cues %b at %v, want %d, %b at %v", n, s, got, seen, end, want, seen2, end2)
			}
			if vectors && n > 0 { // by itself, of every length that lanesVector takes
				tried++
				var c cues
				if got, ok := a.readLanes(&c, s, n); ok {
					in++
					if seen, end := known(&c); got != want || seen != slow.seen || end != func() (e [lastCue]int32) { _, e = known(&slow); return }() {
						t.Fatalf("the last %d bytes of %q in lanes: state %d, cues %b at %v, want %d, %b at %v", n, s, got, seen, end, want, slow.seen, slow.end)
					}
				}
			}
		}
	}
	if vectors && (in < tried/4 || in == tried) {
		t.Errorf("%d of %d windows were read in lanes", in, tried)
	}
}
