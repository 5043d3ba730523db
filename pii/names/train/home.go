package train

import (
	"math"
	"math/rand/v2"

	"github.com/gallra/gallra/pii/names"
)

// Homes trains the section that tells a place somebody lives, works or stays
// in from others, on what the model takes for places in the messages.
func Homes(m *names.Model, examples []Example, seed uint64) string {
	type place struct {
		rows []uint32
		home bool
	}
	var places []place
	for _, e := range examples {
		if e.News {
			continue
		}
		m.HomeRows(e.Text, e.Lang, func(start, end int, rows []uint32) {
			p := place{rows: rows}
			for _, s := range e.Spans {
				p.home = p.home || s.Label == "PLACE" && s.Start < end && start < s.End
			}
			places = append(places, p)
		})
	}
	const epochs, rate, decay = 30, 0.3, 0.01
	rng := rand.New(rand.NewPCG(seed, 3))
	w, sq, mean := make([]float64, names.HomeRowCount), make([]float64, names.HomeRowCount), make([]float64, names.HomeRowCount)
	for range epochs {
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for _, p := range places {
			sum := 0.0
			for _, r := range p.rows {
				sum += w[r]
			}
			g := 1 / (1 + math.Exp(-sum))
			if p.home {
				g--
			}
			for _, r := range p.rows {
				d := g + decay*w[r]
				sq[r] += d * d
				w[r] -= rate * d / (1 + math.Sqrt(sq[r]))
			}
		}
		for r := range w {
			mean[r] += w[r] / epochs
		}
	}
	const scale = 40
	out := make([]byte, names.HomeRowCount+1)
	for r, v := range mean {
		out[r] = byte(int8(math.Round(max(-127, min(127, v*scale)))))
	}
	out[names.HomeRowCount] = scale
	return string(out)
}
