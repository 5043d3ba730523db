package scan

// Each step of the automaton waits for the one before, and there is not much else
// to do meanwhile: so a window is read in four lanes side by side, which begin
// behind the end of a word each. What a lane finds stands in the text whatever came
// before it; what is left are words of several words, which reach from one lane
// into the next (see across).

// laneWindow is the last bytes of a text that lanesVector looks at, of which it
// reads up to one less: whether a word goes on there the one before tells.
const laneWindow = 64

// laneLeast is from how many bytes on lanes are faster.
const laneLeast = 24

// maxHits is one more than lanesVector keeps.
const maxHits = 24

// lanes is where the four lanes have come to.
type lanes struct {
	state [4]uint32 // at the end of each
	split [3]uint32 // of laneWindow, where the second to the fourth begin
}

// readLanes is readPlain for the last n bytes of t. It returns false when it
// cannot read them; what has been noted by then counts for nothing.
func (a *automaton) readLanes(c *cues, t string, n int) (s state, ok bool) {
	if n >= laneWindow {
		return a.readWide(c, t, n)
	}
	if !lanesVector(c, a, t, n) {
		return 0, false
	}
	l := &c.lanes
	s = l.state[3]
	for k := 2; k >= 0; k-- {
		if first := l.state[k]; first != a.start {
			if last, whole := a.across(c, first, t, len(t)-laneWindow+int(l.split[k])); whole {
				s = last
			}
		}
	}
	return s, true
}

// readWide is readLanes for up to twice as many bytes.
func (a *automaton) readWide(c *cues, t string, n int) (s state, ok bool) {
	split := len(t) - n/2
	for symbolOf[t[split-1]] != 0 || t[split]&0xC0 == 0x80 {
		if split++; len(t)-split <= n-laneWindow {
			return 0, false
		}
	}
	first, ok := a.readLanes(c, t[:split], n-(len(t)-split))
	if !ok {
		return 0, false
	}
	if s, ok = a.readLanes(c, t, len(t)-split); ok && first != a.start {
		if last, whole := a.across(c, first, t, split); whole {
			s = last
		}
	}
	return s, ok
}
