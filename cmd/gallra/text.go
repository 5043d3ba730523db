package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/eval"
	"github.com/gallra/gallra/pii/eval/planted"
)

// maxLine is the longest line of JSON Lines taken: one message with its thread.
const maxLine = 64 << 20

type textFlags struct {
	Lang   string  `help:"cli_flag_lang" placeholder:"sv|en|no|da|fi|de"`
	Recall float64 `help:"cli_flag_recall" default:"0.5" placeholder:"0..1"`
}

func (f textFlags) engine() (*pii.Engine, error) {
	return pii.New(pii.Options{Lang: f.Lang, Recall: f.Recall})
}

type message struct {
	ID   string `json:"id"`
	Lang string `json:"lang,omitempty"`
	Text string `json:"text"`
}

type finding struct {
	Start int             `json:"start"` // Unicode code points
	End   int             `json:"end"`
	Label gallra.Category `json:"label"`
	Score float32         `json:"score"`
	Rule  string          `json:"rule"`
}

type detected struct {
	ID       string    `json:"id,omitempty"`
	Findings []finding `json:"findings"`
}

type detectCmd struct {
	textFlags
	JSONL bool   `name:"jsonl" help:"cli_flag_jsonl"`
	File  string `arg:"" optional:"" help:"cli_arg_textfile"`
}

// Run prints what is found in a text: with offsets, never with the values,
// since the reader has the text.
func (c *detectCmd) Run(s *session) error {
	eng, err := c.engine()
	if err != nil {
		return err
	}
	return s.texts(c.File, c.JSONL, func(m message) error {
		d := detected{ID: m.ID, Findings: points(m.Text, eng.Find(m.Text))}
		if c.JSONL || s.flags.JSON {
			return json.NewEncoder(s.out).Encode(d)
		}
		rows := make([][]string, 0, len(d.Findings))
		for _, f := range d.Findings {
			rows = append(rows, []string{s.say.Number(int64(f.Start)), s.say.Number(int64(f.End)), string(f.Label), s.say.Decimal(float64(f.Score), 2), f.Rule})
		}
		return s.table([]string{s.say.T("cli.col.start"), s.say.T("cli.col.end"), s.say.T("cli.col.category"), s.say.T("cli.col.score"), s.say.T("cli.col.rule")}, rows)
	})
}

// points turns byte offsets, which come in order, into code points.
func points(text string, fs []pii.Finding) []finding {
	out := make([]finding, 0, len(fs))
	at, n := 0, 0
	point := func(b int) int {
		if b < at { // overlapping findings
			at, n = 0, 0
		}
		n += utf8.RuneCountInString(text[at:b])
		at = b
		return n
	}
	for _, f := range fs {
		out = append(out, finding{point(f.Start), point(f.End), f.Category, f.Score, f.Rule})
	}
	return out
}

type redactCmd struct {
	textFlags
	JSONL bool   `name:"jsonl" help:"cli_flag_jsonl"`
	File  string `arg:"" optional:"" help:"cli_arg_textfile"`
}

// Run prints the text with placeholders. Each line of JSON Lines is a
// conversation of its own.
func (c *redactCmd) Run(s *session) error {
	eng, err := c.engine()
	if err != nil {
		return err
	}
	return s.texts(c.File, c.JSONL, func(m message) error {
		lang := c.Lang
		if lang == "" {
			lang = m.Lang
		}
		r := eng.NewRedactor(pii.RedactOptions{Lang: lang, TextLang: lang})
		r.Learn(m.Text) // a name found at the end is known at the beginning too
		out := r.Redact(m.Text)
		if c.JSONL {
			return json.NewEncoder(s.out).Encode(message{ID: m.ID, Lang: m.Lang, Text: out})
		}
		_, err := io.WriteString(s.out, out)
		return err
	})
}

// texts gives f the whole of a file or of standard input, or each line of it.
func (s *session) texts(file string, lines bool, f func(message) error) error {
	in, name := s.in, s.say.T("cli.stdin")
	if file != "" && file != "-" {
		h, err := os.Open(file)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", file)
		}
		defer h.Close()
		in, name = h, file
	}
	if !lines {
		b, err := io.ReadAll(in)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", name)
		}
		return f(message{Text: string(b)})
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 1<<20), maxLine)
	for sc.Scan() {
		if len(sc.Bytes()) == 0 {
			continue
		}
		var m message
		if json.Unmarshal(sc.Bytes(), &m) != nil { // the cause would quote the text
			return gallra.Errorf(gallra.Invalid, "cli.jsonl", "file", name)
		}
		if err := f(m); err != nil {
			return err
		}
	}
	if sc.Err() != nil {
		return gallra.Errorf(gallra.Invalid, "cli.jsonl", "file", name)
	}
	return nil
}

type evalCmd struct {
	textFlags
	Gold    string `required:"" xor:"set" help:"cli_flag_gold" placeholder:"FILE"`
	Planted bool   `required:"" xor:"set" help:"cli_flag_planted"`
	Texts   int    `default:"500" help:"cli_flag_texts"`
	Seed    uint64 `default:"1" help:"cli_flag_seed"`
	Numbers string `help:"cli_flag_numbers" placeholder:"FILE"`
}

// Run measures the detector, on marked text or on text made for the purpose.
func (c *evalCmd) Run(s *session) error {
	engines := map[string]*pii.Engine{}
	engine := func(lang string) (*pii.Engine, error) {
		if c.Lang != "" {
			lang = c.Lang
		}
		if engines[lang] == nil {
			e, err := pii.New(pii.Options{Lang: lang, Recall: c.Recall})
			if err != nil {
				return nil, err
			}
			engines[lang] = e
		}
		return engines[lang], nil
	}
	if _, err := engine(""); err != nil { // a wrong dial is said before anything is read
		return err
	}
	if c.Planted {
		return c.planted(s, engine)
	}
	h, err := os.Open(c.Gold)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Gold)
	}
	defer h.Close()
	report, err := eval.Run(h, func(text, lang string) []pii.Finding {
		e, err := engine(lang)
		if err != nil {
			return nil
		}
		// As in the product: what is found once in a conversation is found everywhere.
		r := e.NewRedactor(pii.RedactOptions{TextLang: lang})
		r.Learn(text)
		return r.Find(text)
	})
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(report)
	}
	return report.Table(s.out)
}

// planted measures on texts with values put into them.
func (c *evalCmd) planted(s *session, engine func(lang string) (*pii.Engine, error)) error {
	o := planted.Options{Seed: c.Seed, Texts: c.Texts}
	if o.Texts < 1 || o.Texts > 1_000_000 {
		return gallra.Errorf(gallra.Invalid, "cli.texts")
	}
	if c.Numbers != "" {
		raw, err := os.ReadFile(c.Numbers)
		if err != nil || json.Unmarshal(raw, &o.Official) != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Numbers)
		}
	}
	report := planted.Run(o, func(text, lang string) []pii.Finding {
		e, err := engine(lang)
		if err != nil {
			return nil
		}
		return e.Find(text)
	})
	if s.flags.JSON {
		return s.json(report)
	}
	return report.Table(s.out)
}
