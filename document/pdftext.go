package document

import (
	"bytes"
	"math"
)

// matrix is a PDF transformation [a b c d e f].
type matrix [6]float64

var unit = matrix{1, 0, 0, 1, 0, 0}

// mul returns m applied first, then n.
func (m matrix) mul(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// pdfRun is the graphics state of a page while its text operators run. Where a
// piece of text begins, seen from where the one before ended, says whether it
// continues the word, begins a new one, or a new line: many programs place
// every letter by itself, and "asa@e xample.se" is found by nobody.
type pdfRun struct {
	p        *pdfFile
	ctm      matrix
	saved    []matrix
	tm, line matrix
	font     *pdfFont
	size     float64
	charGap  float64
	wordGap  float64
	scale    float64 // horizontal, minus 1
	leading  float64
	endX     float64 // where the last piece ended, in page space
	endY     float64
	have     bool
	moved    bool // the pen was placed since the last piece, not merely shifted
}

func (r *pdfRun) run(content []byte, res pdfDict, depth int) {
	p := r.p
	if depth > 10 || len(content) == 0 {
		return
	}
	l := &pdfLexer{s: content}
	var stack []any
	fonts, xobjects := p.dict(res["Font"]), p.dict(res["XObject"])
	arg := func(back int) float64 {
		if back > len(stack) {
			return 0
		}
		n, _ := stack[len(stack)-back].(float64)
		return n
	}
	six := func() matrix { return matrix{arg(6), arg(5), arg(4), arg(3), arg(2), arg(1)} }
	for p.steps > 0 {
		p.steps--
		l.space()
		if l.i >= len(l.s) {
			return
		}
		v := l.object(0)
		op, isOp := v.(pdfOp)
		if !isOp {
			if len(stack) < 1000 {
				stack = append(stack, v)
			}
			continue
		}
		switch op {
		case "q":
			if len(r.saved) < 1000 {
				r.saved = append(r.saved, r.ctm)
			}
		case "Q":
			if n := len(r.saved); n > 0 {
				r.ctm, r.saved = r.saved[n-1], r.saved[:n-1]
			}
		case "cm":
			r.ctm = six().mul(r.ctm)
		case "BT":
			r.tm, r.line = unit, unit
		case "Tf":
			if n := len(stack); n >= 2 {
				name, _ := stack[n-2].(pdfName)
				r.font, r.size = p.font(fonts[name]), arg(1)
			}
		case "Tc":
			r.charGap = arg(1)
		case "Tw":
			r.wordGap = arg(1)
		case "Tz":
			r.scale = arg(1)/100 - 1
		case "TL":
			r.leading = arg(1)
		case "Td":
			r.move(arg(2), arg(1))
		case "TD":
			r.leading = -arg(1)
			r.move(arg(2), arg(1))
		case "T*":
			r.move(0, -r.leading)
		case "Tm":
			r.tm, r.moved = six(), true
			r.line = r.tm
		case "Tj":
			r.show(stack)
		case "'":
			r.move(0, -r.leading)
			r.show(stack)
		case `"`:
			r.wordGap, r.charGap = arg(3), arg(2)
			r.move(0, -r.leading)
			r.show(stack)
		case "TJ":
			if n := len(stack); n > 0 {
				a, _ := stack[n-1].([]any)
				for _, e := range a {
					if k, ok := e.(float64); ok {
						r.advance(-k / 1000 * r.size * (1 + r.scale))
					} else {
						r.show([]any{e})
					}
				}
			}
		case "Do":
			if n := len(stack); n > 0 {
				name, _ := stack[n-1].(pdfName)
				x := p.dict(xobjects[name])
				switch x["Subtype"] {
				case pdfName("Image"):
					p.images++
				case pdfName("Form"):
					inner := p.dict(x["Resources"])
					if inner == nil {
						inner = res
					}
					saved := r.ctm
					if m, ok := p.resolve(x["Matrix"]).([]any); ok && len(m) == 6 {
						stack = m
						r.ctm = six().mul(r.ctm)
					}
					r.run(p.streamOf(xobjects[name]), inner, depth+1)
					r.ctm = saved
				}
			}
		case "BI": // inline image: skip its bytes
			p.images++
			if k := bytes.Index(l.s[l.i:], []byte("EI")); k >= 0 {
				l.i += k + 2
			}
		}
		stack = stack[:0]
	}
	p.b.problem(p.where, ReasonTooLarge)
}

func (r *pdfRun) move(x, y float64) {
	r.line = matrix{1, 0, 0, 1, x, y}.mul(r.line)
	r.tm, r.moved = r.line, true
}

func (r *pdfRun) advance(x float64) { r.tm = matrix{1, 0, 0, 1, x, 0}.mul(r.tm) }

func (r *pdfRun) show(stack []any) {
	if len(stack) == 0 {
		return
	}
	s, ok := stack[len(stack)-1].(pdfStr)
	if !ok || len(s) == 0 || int64(r.p.out.Len()) > r.p.b.text {
		return
	}
	text, width := r.font.decode(string(s), r)
	m := r.tm.mul(r.ctm)
	if height := r.size * math.Hypot(m[2], m[3]); r.have && height != 0 {
		along, across := m[4]-r.endX, m[5]-r.endY
		if n := math.Hypot(m[0], m[1]); n > 0 {
			ux, uy := m[0]/n, m[1]/n
			along, across = along*ux+across*uy, across*ux-along*uy
		}
		height = math.Abs(height)
		switch {
		case math.Abs(across) > height*0.4:
			r.p.out.WriteByte('\n')
		case along > height*0.17 || along < -height*1.5 || r.moved && !r.font.measured() && along != 0:
			r.p.out.WriteByte(' ')
		}
	}
	r.p.out.WriteString(text)
	r.advance(width)
	m = r.tm.mul(r.ctm)
	r.endX, r.endY, r.have, r.moved = m[4], m[5], true, false
}
