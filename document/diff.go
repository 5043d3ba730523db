package document

import (
	"unicode"
	"unicode/utf8"
)

// edit replaces the bytes start to end of a text.
type edit struct {
	start, end int
	text       string
}

// maxDiff bounds the table of the comparison; longer texts become one edit.
const maxDiff = 4 << 20

// diff returns the edits that make a into b, word by word, in order.
func diff(a, b string) []edit {
	x, y := words(a), words(b)
	head := 0
	pos := 0
	for head < len(x) && head < len(y) && x[head] == y[head] {
		pos += len(x[head])
		head++
	}
	x, y = x[head:], y[head:]
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	if len(x) == 0 && len(y) == 0 {
		return nil
	}
	if len(x) == 0 || len(y) == 0 || (len(x)+1)*(len(y)+1) > maxDiff {
		return []edit{{pos, pos + total(x), join(y)}}
	}
	// The longest common subsequence, from the end.
	w := len(y) + 1
	lcs := make([]int32, (len(x)+1)*w)
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				lcs[i*w+j] = lcs[(i+1)*w+j+1] + 1
			} else {
				lcs[i*w+j] = max(lcs[(i+1)*w+j], lcs[i*w+j+1])
			}
		}
	}
	var edits []edit
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		if i < len(x) && j < len(y) && x[i] == y[j] {
			pos += len(x[i])
			i, j = i+1, j+1
			continue
		}
		e := edit{start: pos, end: pos}
		for (i < len(x) || j < len(y)) && !(i < len(x) && j < len(y) && x[i] == y[j]) {
			if j >= len(y) || i < len(x) && lcs[(i+1)*w+j] >= lcs[i*w+j+1] {
				e.end += len(x[i])
				pos += len(x[i])
				i++
			} else {
				e.text += y[j]
				j++
			}
		}
		edits = append(edits, e)
	}
	return edits
}

// words cuts a text into runs of letters and digits, and single other characters.
func words(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		j := i
		for j < len(s) {
			r, n := utf8.DecodeRuneInString(s[j:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) || r == utf8.RuneError {
				if j == i {
					j += n
				}
				break
			}
			j += n
		}
		out = append(out, s[i:j])
		i = j
	}
	return out
}

func total(w []string) (n int) {
	for _, s := range w {
		n += len(s)
	}
	return n
}

func join(w []string) string {
	b := make([]byte, 0, total(w))
	for _, s := range w {
		b = append(b, s...)
	}
	return string(b)
}
