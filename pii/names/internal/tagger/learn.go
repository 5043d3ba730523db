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

// Learner trains the weights as a conditional random field (Lafferty,
// McCallum, Pereira 2001) by stochastic gradients with steps that shrink
// feature by feature (Duchi, Hazan, Singer 2011). A token's truth is a set of
// tags, so that material marked for fewer kinds of name can be used: among the
// allowed tags the model's own choice counts as right.
type Learner struct {
	*Scratch
	Rate     float32 // length of the first step
	Decay    float32 // pull of each weight touched towards nought
	Doubt    float64 // how often a common word is taken for an unknown one
	weights  []float32
	squares  []float32
	sum      []float32 // of each change, times the step it was made at
	step     float32
	trans    [Tags * Tags]float32
	transSq  [Tags * Tags]float32
	rng      *rand.Rand
	wordRows [][2*reach + 1][]uint32
	rows     [][]uint32
	emits    [][Tags]float32
	free     lattice
	held     lattice
}

// NewLearner returns a learner for words known by the table in sections.
func NewLearner(s pack.Sections, seed uint64) (*Learner, error) {
	m, err := Open(pack.Sections{SectionWords: s[SectionWords]})
	if err != nil {
		return nil, err
	}
	l := &Learner{
		Scratch: NewScratch(m), weights: make([]float32, Rows*Tags), squares: make([]float32, Rows*Tags),
		sum: make([]float32, Rows*Tags), step: 1,
		rng: rand.New(rand.NewPCG(seed, 1)),
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
	l.forget()
}

// Prepare reads a text; the caller makes the truth from Tokens and calls Learn.
func (l *Learner) Prepare(text string) { l.Read(text) }

// Learn takes one step on the text prepared.
func (l *Learner) Learn(truth []Mask) {
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
		l.learnRun(i, j, truth)
		i = j
	}
	l.step++
}

// Average makes the mean of the weights begin here: those before were raw.
func (l *Learner) Average() {
	clear(l.sum)
	l.step = 1
}

func (l *Learner) learnRun(i, j int, truth []Mask) {
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
	if !l.held.run(l.emits, &l.trans, truth[i:j]) {
		return // the truth is out of reach: its first word was passed over
	}
	l.free.run(l.emits, &l.trans, nil)
	for k, rows := range l.rows {
		var g [Tags]float32
		big := false
		for y := range g {
			g[y] = l.free.node[k][y] - l.held.node[k][y]
			big = big || g[y] > 1e-3 || g[y] < -1e-3
		}
		if !big {
			continue
		}
		for _, r := range rows {
			w, q := l.weights[r*Tags:r*Tags+Tags], l.squares[r*Tags:r*Tags+Tags]
			for y, d := range g {
				if d > 1e-3 || d < -1e-3 {
					d += l.Decay * w[y]
					q[y] += d * d
					d *= l.Rate / (0.1 + float32(math.Sqrt(float64(q[y]))))
					w[y] -= d
					l.sum[int(r)*Tags+y] -= d * l.step
				}
			}
		}
	}
	for t := range l.trans {
		if d := l.free.edge[t] - l.held.edge[t]; d > 1e-3 || d < -1e-3 {
			d += l.Decay * l.trans[t]
			l.transSq[t] += d * d
			l.trans[t] -= l.Rate * d / (0.1 + float32(math.Sqrt(float64(l.transSq[t]))))
		}
	}
}

// lattice sums over the tag sequences of a run.
type lattice struct {
	node        [][Tags]float32      // probability of a tag at a token
	edge        [Tags * Tags]float32 // expected number of each transition
	alpha, beta [][Tags]float32
}

// run fills the lattice for the emissions, the run standing between tokens that
// are no names. truth, when not nil, limits the tags. It reports false when no
// sequence is allowed.
func (a *lattice) run(emits [][Tags]float32, trans *[Tags * Tags]float32, truth []Mask) bool {
	n := len(emits)
	a.node = slices.Grow(a.node[:0], n)[:n]
	a.alpha = slices.Grow(a.alpha[:0], n)[:n]
	a.beta = slices.Grow(a.beta[:0], n)[:n]
	a.edge = [Tags * Tags]float32{}
	var t [Tags][Tags]float32
	for x := range uint8(Tags) {
		for y := range uint8(Tags) {
			if Legal(x, y) {
				t[x][y] = exp(trans[int(x)*Tags+int(y)])
			}
		}
	}
	var psi [Tags]float32
	emit := func(k int) *[Tags]float32 {
		top := slices.Max(emits[k][:])
		for y := range psi {
			psi[y] = 0
			if truth == nil || truth[k]&(1<<y) != 0 {
				psi[y] = exp(emits[k][y] - top)
			}
		}
		return &psi
	}
	for k := range n {
		p := emit(k)
		sum := float32(0)
		for y := range p {
			in := t[O][y]
			if k > 0 {
				in = 0
				for x := range p {
					in += a.alpha[k-1][x] * t[x][y]
				}
			}
			a.alpha[k][y] = in * p[y]
			sum += a.alpha[k][y]
		}
		if !(sum > 1e-30) {
			return false
		}
		for y := range p {
			a.alpha[k][y] /= sum
		}
	}
	for y := range Tags {
		a.beta[n-1][y] = t[y][O]
	}
	for k := n - 1; ; k-- {
		sum := float32(0)
		for y := range Tags {
			a.node[k][y] = a.alpha[k][y] * a.beta[k][y]
			sum += a.node[k][y]
		}
		if !(sum > 1e-30) {
			return false
		}
		for y := range Tags {
			a.node[k][y] /= sum
		}
		p := emit(k)
		if k == 0 {
			for y := range Tags {
				a.edge[O*Tags+y] += a.node[0][y]
			}
			break
		}
		var pair [Tags * Tags]float32
		total, most := float32(0), float32(0)
		for x := range Tags {
			out := float32(0)
			for y := range Tags {
				v := t[x][y] * p[y] * a.beta[k][y]
				out += v
				pair[x*Tags+y] = a.alpha[k-1][x] * v
				total += pair[x*Tags+y]
			}
			a.beta[k-1][x] = out
			most = max(most, out)
		}
		for i := range pair {
			a.edge[i] += pair[i] / total
		}
		for x := range Tags {
			a.beta[k-1][x] /= most
		}
	}
	for y := range Tags {
		a.edge[y*Tags+O] += a.node[n-1][y]
	}
	return true
}

func exp(v float32) float32 { return float32(math.Exp(float64(v))) }

// Mean returns the means of the weights and of the transitions.
func (l *Learner) Mean() (weights, trans []float32) {
	weights = make([]float32, len(l.weights))
	for i, w := range l.weights {
		weights[i] = w - l.sum[i]/l.step
	}
	return weights, l.trans[:]
}

// Sections returns weights as sections of a language pack.
func Sections(mean, transitions []float32) pack.Sections {
	var mags []float64
	for _, w := range mean {
		if w != 0 {
			mags = append(mags, math.Abs(float64(w)))
		}
	}
	slices.Sort(mags)
	scale := 1.0
	if len(mags) > 0 {
		scale = 100 / mags[len(mags)*9998/10000]
	}
	weights := make([]byte, len(mean))
	for i, w := range mean {
		weights[i] = byte(128 + int(math.Round(max(-127, min(127, float64(w)*scale)))))
	}
	var trans []byte
	for _, w := range transitions {
		a := math.Round(max(-30000, min(30000, float64(w)*scale)))
		trans = binary.LittleEndian.AppendUint16(trans, uint16(int16(a)))
	}
	trans = binary.LittleEndian.AppendUint16(trans, uint16(math.Round(scale)))
	return pack.Sections{SectionWeights: string(weights), SectionTransitions: string(trans)}
}
