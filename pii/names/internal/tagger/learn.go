package tagger

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gallra/gallra/pii/names/internal/pack"
)

// Mask is a set of tags.
type Mask uint8

// Any allows every tag.
const Any Mask = 1<<Tags - 1

// Allow returns the set of tags.
func Allow(tags ...uint8) (m Mask) {
	for _, t := range tags {
		m |= 1 << t
	}
	return m
}

// Learner trains the weights by the averaged structured perceptron (Collins
// 2002). A token's truth is a set of tags, so that material marked for fewer
// kinds of name can be used: among the allowed tags the model's own choice
// counts as right.
type Learner struct {
	*Scratch
	Margin   float32 // how much better than any wrong tag the right one must be
	Doubt    float64 // how often a common word is taken for an unknown one
	weights  []float32
	sum      []float32
	trans    [Tags * Tags]float32
	transSum [Tags * Tags]float32
	step     float32
	rng      *rand.Rand
	wordRows [][2*reach + 1][]uint32
	rows     [][]uint32
	emits    [][Tags]float32
	gold     []uint8
	guess    []uint8
}

// NewLearner returns a learner for words known by the table in sections.
func NewLearner(s pack.Sections, seed uint64) (*Learner, error) {
	m, err := Open(pack.Sections{SectionWords: s[SectionWords]})
	if err != nil {
		return nil, err
	}
	l := &Learner{
		Scratch: NewScratch(m), weights: make([]float32, Rows*Tags), sum: make([]float32, Rows*Tags),
		step: 1, rng: rand.New(rand.NewPCG(seed, 1)),
	}
	l.Scratch.alter = func(in *Info) {
		if in.Common() > 0 && in.Common() < 6 && l.rng.Float64() < l.Doubt {
			in.Entry = NewEntry(in.Given(), in.Surname(), in.Place(), 0)
			in.activate()
		}
	}
	l.Scratch.learn = func(at int, w *Word) {
		l.feats.word(w)
		for len(l.wordRows) <= at {
			l.wordRows = append(l.wordRows, [2*reach + 1][]uint32{})
		}
		for k := -reach; k <= reach; k++ {
			r := l.wordRows[at][k+reach][:0]
			for _, f := range l.feats.at(k) {
				r = append(r, row(f, k))
			}
			l.wordRows[at][k+reach] = r
		}
	}
	return l, nil
}

// Forget drops the analyses held, so that doubt falls on other words.
func (l *Learner) Forget() {
	clear(l.slots)
	l.Scratch.words = l.Scratch.words[:1]
}

// Prepare reads a text; the caller makes the truth from Tokens and calls Learn.
func (l *Learner) Prepare(text string) { l.Read(text) }

// Learn trains on the text prepared. weight scales the step. It returns the
// number of tokens tagged wrongly before the step.
func (l *Learner) Learn(truth []Mask, weight float32) (wrong int) {
	n := len(l.Tokens)
	for i := 0; i < n; {
		if !l.active(i, false) {
			i++
			continue
		}
		j := i + 1
		for j < n && l.active(j, true) {
			j++
		}
		wrong += l.learnRun(i, j, truth, weight)
		i = j
	}
	l.step++
	return wrong
}

func (l *Learner) learnRun(i, j int, truth []Mask, weight float32) (wrong int) {
	l.rows, l.emits = l.rows[:0], l.emits[:0]
	for k := i; k < j; k++ {
		var rows []uint32
		if len(l.rows) < cap(l.rows) {
			rows = l.rows[:len(l.rows)+1][len(l.rows)][:0]
		}
		for d := -reach; d <= reach; d++ {
			if p := k + d; p >= 0 && p < len(l.seq) {
				rows = append(rows, l.wordRows[l.seq[p]][d+reach]...)
			}
		}
		var pr [pairs]uint32
		rows = append(rows, l.pairs(k, &pr)...)
		l.rows = append(l.rows, rows)
		var e [Tags]float32
		for _, r := range rows {
			w := l.weights[r*Tags : r*Tags+Tags]
			for y := range e {
				e[y] += w[y]
			}
		}
		l.emits = append(l.emits, e)
	}
	l.gold = l.viterbi(l.gold, truth[i:j], false)
	l.guess = l.viterbi(l.guess, truth[i:j], true)
	bad := false
	for k, y := range l.guess {
		if truth[i+k]&(1<<y) == 0 {
			wrong++
			bad = true
		}
	}
	if !bad {
		return 0
	}
	gp, yp := uint8(O), uint8(O)
	for k := 0; k <= len(l.gold); k++ {
		g, y := uint8(O), uint8(O)
		if k < len(l.gold) {
			g, y = l.gold[k], l.guess[k]
			if g != y {
				for _, r := range l.rows[k] {
					l.bump(r*Tags+uint32(g), weight)
					l.bump(r*Tags+uint32(y), -weight)
				}
			}
		}
		if g != y || gp != yp {
			a, b := int(gp)*Tags+int(g), int(yp)*Tags+int(y)
			l.trans[a] += weight
			l.transSum[a] += weight * l.step
			l.trans[b] -= weight
			l.transSum[b] -= weight * l.step
		}
		gp, yp = g, y
	}
	return wrong
}

func (l *Learner) bump(at uint32, d float32) {
	l.weights[at] += d
	l.sum[at] += d * l.step
}

// viterbi returns the best tags under the weights: among those allowed when
// free is false; with every wrong tag raised by the margin when it is true.
func (l *Learner) viterbi(out []uint8, truth []Mask, free bool) []uint8 {
	n := len(l.emits)
	out = slices.Grow(out[:0], n)[:n]
	l.back = slices.Grow(l.back[:0], n)[:n]
	const none = float32(-1e30)
	var score [Tags]float32
	for k := range n {
		var next [Tags]float32
		for y := uint8(0); y < Tags; y++ {
			ok := truth[k]&(1<<y) != 0
			if !ok && !free {
				next[y] = none
				continue
			}
			best := none
			if k == 0 {
				if Legal(O, y) {
					best = l.trans[y]
				}
			} else {
				for x := uint8(0); x < Tags; x++ {
					if v := score[x] + l.trans[int(x)*Tags+int(y)]; Legal(x, y) && v > best {
						best, l.back[k][y] = v, x
					}
				}
			}
			next[y] = best + l.emits[k][y]
			if !ok {
				next[y] += l.Margin
			}
		}
		score = next
	}
	best, y := float32(math.Inf(-1)), uint8(0)
	for x := range uint8(Tags) {
		if v := score[x] + l.trans[int(x)*Tags]; v > best {
			best, y = v, x
		}
	}
	for k := n - 1; k >= 0; k-- {
		out[k] = y
		y = l.back[k][y]
	}
	return out
}

// Sections returns the averaged weights as sections of a language pack.
func (l *Learner) Sections() pack.Sections {
	avg := make([]float64, len(l.weights))
	var mags []float64
	for i, w := range l.weights {
		avg[i] = float64(w - l.sum[i]/l.step)
		if avg[i] != 0 {
			mags = append(mags, math.Abs(avg[i]))
		}
	}
	slices.Sort(mags)
	scale := 1.0
	if len(mags) > 0 {
		scale = 100 / mags[len(mags)*9998/10000]
	}
	weights := make([]byte, len(avg))
	for i, a := range avg {
		weights[i] = byte(128 + int(math.Round(max(-127, min(127, a*scale)))))
	}
	var trans []byte
	for i, w := range l.trans {
		a := float64(w-l.transSum[i]/l.step) * scale
		trans = binary.LittleEndian.AppendUint16(trans, uint16(int16(math.Round(max(-30000, min(30000, a))))))
	}
	return pack.Sections{SectionWeights: string(weights), SectionTransitions: string(trans)}
}
