package demo

import (
	"embed"
	"strconv"
	"strings"
)

//go:embed data/*.tsv
var tables embed.FS

// frequency is a list of names and how many bear each, cumulated.
type frequency struct {
	names     []string
	cumulated []int
}

func (f frequency) pick(r random) string { return f.names[r.weighted(f.cumulated)] }

type place struct{ code, name string }

func frequencies(name string) frequency {
	var f frequency
	sum := 0
	for _, row := range rows(name) {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			panic("demo: " + name + ": " + err.Error()) // embedded at build: unreachable
		}
		sum += n
		f.names = append(f.names, row[0])
		f.cumulated = append(f.cumulated, sum)
	}
	return f
}

func places() []place {
	var p []place
	for _, row := range rows("postorter") {
		p = append(p, place{row[0], row[1]})
	}
	return p
}

func rows(name string) [][2]string {
	b, err := tables.ReadFile("data/" + name + ".tsv")
	if err != nil {
		panic("demo: " + err.Error())
	}
	var out [][2]string
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		out = append(out, [2]string{k, v})
	}
	return out
}
