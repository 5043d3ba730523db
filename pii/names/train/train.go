package train

import (
	"maps"
	"math/rand/v2"
	"strings"

	"github.com/gallra/gallra/pii/names/internal/pack"
	"github.com/gallra/gallra/pii/names/internal/tagger"
)

// Settings are the choices of a training run.
type Settings struct {
	Epochs   int
	Rate     float64
	Decay    float64
	Doubt    float64
	Lower    float64 // share of texts seen in lower case
	Upper    float64 // share of texts seen in capitals
	Swap     float64 // share of texts seen with other names
	Service  int     // how often a customer-service message is seen per epoch
	Other    int     // the same for languages other than Swedish
	Seed     uint64
	Learners int // how many are averaged
}

// Defaults are the settings of the committed pack.
var Defaults = Settings{Epochs: 7, Rate: 0.07, Decay: 0.005, Doubt: 0.1, Lower: 0.4, Upper: 0.02, Swap: 0.4, Service: 2, Other: 4, Seed: 20, Learners: 3}

// Tagger trains the tagger on examples and returns its sections together with
// the table of words. Several learners see the material in different orders
// and with different names; the model is their mean.
func Tagger(lists *Lists, examples []Example, o Settings) (pack.Sections, error) {
	s := pack.Sections{tagger.SectionWords: lists.Words(ordinary(examples), entities(examples))}
	var weights, trans []float32
	for n := range o.Learners {
		l, err := learn(s, lists, examples, o, o.Seed+uint64(n))
		if err != nil {
			return nil, err
		}
		w, t := l.Mean()
		if weights == nil {
			weights, trans = make([]float32, len(w)), make([]float32, len(t))
		}
		for i, v := range w {
			weights[i] += v / float32(o.Learners)
		}
		for i, v := range t {
			trans[i] += v / float32(o.Learners)
		}
	}
	maps.Copy(s, tagger.Sections(weights, trans))
	return s, nil
}

func learn(s pack.Sections, lists *Lists, examples []Example, o Settings, seed uint64) (*tagger.Learner, error) {
	l, err := tagger.NewLearner(s, seed)
	if err != nil {
		return nil, err
	}
	l.Doubt = o.Doubt
	l.Rate, l.Decay = float32(o.Rate), float32(o.Decay)
	rng := rand.New(rand.NewPCG(seed, 2))
	sw := &swapper{lists: lists, rng: rng}
	var order []int
	for i, e := range examples {
		n := 1
		if !e.News {
			n = o.Service
			if e.Lang != "sv" {
				n = o.Other
			}
		}
		for range n {
			order = append(order, i)
		}
	}
	for epoch := range o.Epochs {
		if epoch == 1 {
			l.Average()
		}
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for n, i := range order {
			e := examples[i]
			if e.News && rng.Float64() < 0.5 {
				e = attach(e)
			}
			if rng.Float64() < o.Swap {
				e = sw.swap(e)
			}
			switch r := rng.Float64(); {
			case r < o.Lower:
				e = lowered(e, strings.ToLower)
			case r < o.Lower+o.Upper:
				e = lowered(e, strings.ToUpper)
			}
			l.Prepare(e.Text)
			l.Learn(truth(l.Tokens, &e))
			if n%400 == 399 {
				l.Forget()
			}
		}
	}
	return l, nil
}
