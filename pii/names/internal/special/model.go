package special

import (
	_ "embed"
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/gallra/gallra/pii/names/internal/pack"
)

// rowBits is how many bits of a feature's hash choose its row of weights.
const rowBits = 18

const rowCount = 1 << rowBits

// Model is the trained model. It is immutable.
type Model struct {
	weights string // rowCount * tags int8
	unit    float32
	trans   [tags * tags]float32
}

//go:embed special.pack
var embedded string

// Load returns the embedded model.
var Load = sync.OnceValues(func() (*Model, error) { return Open(embedded) })

// The sections of the model's file.
const (
	sectionWeights     = "weights"
	sectionTransitions = "transitions"
)

// Open returns the model in the bytes of its file.
func Open(file string) (*Model, error) {
	s, err := pack.Decode(file)
	if err != nil {
		return nil, err
	}
	m := &Model{weights: s[sectionWeights]}
	t := s[sectionTransitions]
	if len(m.weights) != rowCount*tags || len(t) != 4*(tags*tags+1) {
		return nil, pack.ErrFormat
	}
	for i := range m.trans {
		m.trans[i] = math.Float32frombits(binary.LittleEndian.Uint32([]byte(t[4*i : 4*i+4])))
	}
	m.unit = math.Float32frombits(binary.LittleEndian.Uint32([]byte(t[4*len(m.trans):])))
	forbid(&m.trans)
	return m, nil
}

// encode returns the file of a model.
func encode(weights []float32, trans [tags * tags]float32) []byte {
	largest := float32(0)
	for _, w := range weights {
		largest = max(largest, w, -w)
	}
	unit := largest / 127
	q := make([]byte, len(weights))
	for i, w := range weights {
		q[i] = byte(int8(math.Round(float64(w / unit))))
	}
	var t []byte
	for _, v := range append(trans[:], unit) {
		t = binary.LittleEndian.AppendUint32(t, math.Float32bits(v))
	}
	return pack.Encode(pack.Sections{sectionWeights: string(q), sectionTransitions: string(t)})
}

const never = -1e9

// forbid makes the inside of what has not begun impossible.
func forbid(trans *[tags * tags]float32) {
	trans[outside*tags+inside] = never
}

// emit fills emits with the scores of the words read.
func (f *Finder) emit(m *Model, bias float32) {
	f.emits = f.emits[:0]
	var rows []uint32
	if len(f.rows) > 0 {
		rows = f.rows[0]
	} else {
		f.rows = append(f.rows, nil)
	}
	for k := range f.words {
		rows = f.features(rows[:0], k)
		var sum [tags]int32
		for _, r := range rows {
			w := m.weights[r*tags : r*tags+tags]
			for y := range sum {
				sum[y] += int32(int8(w[y]))
			}
		}
		var e [tags]float32
		for y := range e {
			e[y] = float32(sum[y]) * m.unit
		}
		e[outside] -= bias
		f.emits = append(f.emits, e)
	}
	f.rows[0] = rows
}

// decode finds the likeliest tags of the words.
func (f *Finder) decode(trans *[tags * tags]float32) {
	n := len(f.emits)
	f.tagged = slices.Grow(f.tagged[:0], n)[:n]
	f.back = slices.Grow(f.back[:0], n)[:n]
	var score [tags]float32
	for k, e := range f.emits {
		var next [tags]float32
		for y := range next {
			best, from := float32(2*never), 0
			if k == 0 {
				best = trans[outside*tags+y]
			} else {
				for x := range tags {
					if v := score[x] + trans[x*tags+y]; v > best {
						best, from = v, x
					}
				}
			}
			next[y], f.back[k][y] = best+e[y], uint8(from)
		}
		score = next
	}
	y := uint8(0)
	for x := range score {
		if score[x] > score[y] {
			y = uint8(x)
		}
	}
	for k := n - 1; k >= 0; k-- {
		f.tagged[k] = y
		y = f.back[k][y]
	}
}

// lattice sums over the tag sequences of a stretch.
type lattice struct {
	node        [][tags]float32 // probability of a tag at a word
	edge        [tags * tags]float32
	alpha, beta [][tags]float32
}

// run fills the lattice. truth, when not nil, is the only sequence allowed.
func (l *lattice) run(emits [][tags]float32, trans *[tags * tags]float32, truth []uint8) {
	n := len(emits)
	l.node = slices.Grow(l.node[:0], n)[:n]
	l.alpha = slices.Grow(l.alpha[:0], n)[:n]
	l.beta = slices.Grow(l.beta[:0], n)[:n]
	l.edge = [tags * tags]float32{}
	if truth != nil {
		prev := uint8(outside)
		for k, y := range truth {
			l.node[k] = [tags]float32{}
			l.node[k][y] = 1
			l.edge[prev*tags+y]++
			prev = y
		}
		return
	}
	for k := range n {
		for y := range tags {
			v := trans[outside*tags+y]
			if k > 0 {
				var in [tags]float32
				for x := range tags {
					in[x] = l.alpha[k-1][x] + trans[x*tags+y]
				}
				v = logSum(in)
			}
			l.alpha[k][y] = v + emits[k][y]
		}
	}
	l.beta[n-1] = [tags]float32{}
	for k := n - 2; k >= 0; k-- {
		for x := range tags {
			var out [tags]float32
			for y := range tags {
				out[y] = trans[x*tags+y] + emits[k+1][y] + l.beta[k+1][y]
			}
			l.beta[k][x] = logSum(out)
		}
	}
	z := logSum(l.alpha[n-1])
	for k := range n {
		for y := range tags {
			l.node[k][y] = exp(l.alpha[k][y] + l.beta[k][y] - z)
			if k == 0 {
				l.edge[outside*tags+y] += l.node[0][y]
				continue
			}
			for x := range tags {
				l.edge[x*tags+y] += exp(l.alpha[k-1][x] + trans[x*tags+y] + emits[k][y] + l.beta[k][y] - z)
			}
		}
	}
}

func exp(v float32) float32 { return float32(math.Exp(float64(v))) }

func logSum(v [tags]float32) float32 {
	m := slices.Max(v[:])
	s := 0.0
	for _, x := range v {
		s += math.Exp(float64(x - m))
	}
	return m + float32(math.Log(s))
}
