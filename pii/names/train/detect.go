package train

import (
	"math"

	"github.com/gallra/gallra/pii/names"
)

// Languages trains the section that tells languages apart: log odds of words
// and letter groups by language, each language counted as much as the others.
func Languages(examples []Example) string {
	langs := names.Languages()
	index := map[string]int{}
	for i, l := range langs {
		index[l] = i
	}
	rows := names.DetectRowCount
	count := make([][]float64, len(langs))
	sum := make([]float64, len(langs))
	for i := range count {
		count[i] = make([]float64, rows)
	}
	for _, e := range examples {
		i, ok := index[e.Lang]
		if !ok {
			continue
		}
		names.DetectRows(e.Text, func(row int) { count[i][row]++; sum[i]++ })
	}
	out := make([]byte, rows*len(langs))
	for r := range rows {
		p := make([]float64, len(langs))
		mean := 0.0
		for i := range langs {
			p[i] = math.Log((count[i][r]/sum[i]*1e5 + 0.5))
			mean += p[i] / float64(len(langs))
		}
		for i := range langs {
			out[r*len(langs)+i] = byte(int8(math.Round(max(-127, min(127, (p[i]-mean)*16)))))
		}
	}
	return string(out)
}
