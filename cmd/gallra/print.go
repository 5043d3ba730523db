package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gallra/gallra/internal/i18n"
)

// json writes v indented, for --json.
func (s *session) json(v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// line writes one line of plain output.
func (s *session) line(key string, args ...any) { fmt.Fprintln(s.out, s.say.T(key, args...)) }

// table writes rows under heads; a cell starting with a tab is set to the right.
func (s *session) table(heads []string, rows [][]string) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

func (s *session) date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(stockholm).Format(time.DateOnly)
}

// progress shows one line of what goes on, when a person sits at a terminal.
type progress struct {
	w     io.Writer
	say   *i18n.Printer
	tty   bool
	last  time.Time
	shown int
	rest  string // how long the rest takes
}

func newProgress(w io.Writer, say *i18n.Printer) *progress {
	p := &progress{w: w, say: say}
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			p.tty = st.Mode()&os.ModeCharDevice != 0
		}
	}
	return p
}

// show replaces the line, at most ten times a second.
func (p *progress) show(what string, done, total int64) {
	if !p.tty || time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	text := what + " " + p.say.Number(done)
	if total > 0 {
		text += " / " + p.say.Number(total)
	}
	if p.rest != "" {
		text += ", " + p.rest
	}
	pad := max(p.shown-len(text), 0)
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", pad))
	p.shown = len(text)
}

// left says how long the rest may take, behind what show wrote next.
func (p *progress) left(d time.Duration) {
	p.rest = p.say.T("cli.left", "time", d.Round(time.Second))
}

func (p *progress) clear() {
	if p.shown > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.shown))
		p.shown, p.rest = 0, ""
	}
}
