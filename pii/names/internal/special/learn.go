package special

import (
	"math"
	"math/rand/v2"

	"github.com/gallra/gallra/pii/names/internal/token"
)

// Settings are the choices of a training run.
type Settings struct {
	Epochs   int
	Rate     float64 // length of the first step
	Decay    float64 // pull of each weight touched towards nought
	Forget   float64 // share of words whose own letters are left out, so that classes must carry the decision
	Seed     uint64
	Learners int // how many are averaged
}

// Defaults are the settings of the committed model.
var Defaults = Settings{Epochs: 12, Rate: 0.05, Decay: 0.03, Forget: 0.4, Seed: 7, Learners: 3}

// Marked is a text with the places that are to be found, in bytes.
type Marked struct {
	Text, Lang string
	Spans      []Place
}

// Place is one of them.
type Place struct {
	Start, End int
}

// Cut returns text cut into tokens with their marks.
func Cut(text, lang string) *Text {
	t := &Text{Text: text, Lang: lang, Tokens: token.Append(nil, text)}
	var buf [64]byte
	for _, k := range t.Tokens {
		m := uint64(0)
		if k.Kind == token.Word {
			m = Mark(token.Lower(buf[:0], text[k.Start:k.End]))
		}
		t.Marks = append(t.Marks, m)
	}
	return t
}

// Learn trains a model on the texts and returns its file: the mean of several
// that met the texts in different orders. The same texts and settings give the
// same bytes.
func Learn(texts []Marked, o Settings) []byte {
	cut := make([]*Text, len(texts))
	truth := make([][]uint8, len(texts))
	for i, m := range texts {
		cut[i] = Cut(m.Text, m.Lang)
		truth[i] = tagsOf(cut[i].Tokens, m.Spans)
	}
	weights := make([]float32, rowCount*tags)
	var trans [tags * tags]float32
	for n := range o.Learners {
		l := &learner{
			Finder:  NewFinder(nil),
			weights: make([]float32, rowCount*tags), squares: make([]float32, rowCount*tags), sum: make([]float32, rowCount*tags),
			rng: rand.New(rand.NewPCG(o.Seed, uint64(n))), Settings: o,
		}
		forbid(&l.trans)
		l.learn(cut, truth)
		for i := range weights {
			weights[i] += (l.weights[i] - l.sum[i]/l.steps) / float32(o.Learners)
		}
		for i := range trans {
			trans[i] += (l.trans[i] - float32(l.sumTrans[i])/l.steps) / float32(o.Learners)
		}
	}
	forbid(&trans)
	return encode(weights, trans)
}

func (l *learner) learn(cut []*Text, truth [][]uint8) {
	order := l.rng.Perm(len(cut))
	for epoch := range l.Epochs {
		if epoch == 1 { // the mean of the weights begins when they are no longer raw
			clear(l.sum)
			l.sumTrans = [tags * tags]float64{}
			l.steps = 1
		}
		l.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			l.text(cut[i], truth[i])
		}
	}
}

// tagsOf returns the tags of the tokens.
func tagsOf(toks []token.Token, spans []Place) []uint8 {
	out := make([]uint8, len(toks))
	for _, s := range spans {
		first := true
		for i, t := range toks {
			if int(t.End) <= s.Start || int(t.Start) >= s.End {
				continue
			}
			out[i] = inside
			if first {
				out[i], first = begin, false
			}
		}
	}
	return out
}

// learner trains by stochastic gradients with steps that shrink feature by
// feature (Duchi, Hazan and Singer 2011); the model is the mean of its weights
// over time.
type learner struct {
	*Finder
	Settings
	weights, squares []float32
	sum              []float32 // of each change times the step it was made at
	trans, transSq   [tags * tags]float32
	sumTrans         [tags * tags]float64
	steps            float32
	rng              *rand.Rand
	held             lattice
}

func (l *learner) text(t *Text, truth []uint8) {
	l.Text, l.lang = t, languageBit(t.Lang)
	for i, j, ok := l.stretch(0); ok; i, j, ok = l.stretch(j) {
		l.read(i, j)
		for k := range l.words {
			l.words[k].forgotten = l.rng.Float64() < l.Forget
		}
		l.step(truth[i:j])
	}
	l.steps++
}

func (l *learner) step(truth []uint8) {
	l.emits = l.emits[:0]
	for len(l.rows) < len(l.words) {
		l.rows = append(l.rows, nil)
	}
	for k := range l.words {
		l.rows[k] = l.features(l.rows[k][:0], k)
		var e [tags]float32
		for _, r := range l.rows[k] {
			w := l.weights[r*tags : r*tags+tags]
			for y := range e {
				e[y] += w[y]
			}
		}
		l.emits = append(l.emits, e)
	}
	legal := make([]uint8, len(truth)) // a phrase cut by the stretch's edge begins there
	for k, y := range truth {
		if k == 0 && y == inside {
			y = begin
		}
		legal[k] = y
	}
	l.held.run(l.emits, &l.trans, legal)
	l.chain.run(l.emits, &l.trans, nil)
	rate, decay := float32(l.Rate), float32(l.Decay)
	for k := range l.words {
		for y := range tags {
			d := l.chain.node[k][y] - l.held.node[k][y]
			if d < 1e-3 && d > -1e-3 {
				continue
			}
			for _, r := range l.rows[k] {
				at := int(r)*tags + y
				g := d + decay*l.weights[at]
				l.squares[at] += g * g
				g *= rate / (0.1 + float32(math.Sqrt(float64(l.squares[at]))))
				l.weights[at] -= g
				l.sum[at] -= g * l.steps
			}
		}
	}
	for t := range l.trans {
		if l.trans[t] == never {
			continue
		}
		g := l.chain.edge[t] - l.held.edge[t]
		if g < 1e-3 && g > -1e-3 {
			continue
		}
		g += decay * l.trans[t]
		l.transSq[t] += g * g
		g *= rate / (0.1 + float32(math.Sqrt(float64(l.transSq[t]))))
		l.trans[t] -= g
		l.sumTrans[t] -= float64(g * l.steps)
	}
}
