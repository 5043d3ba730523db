// Package train makes the language pack from the reference data: the table of
// words from name and place lists, the weights from marked text. It is used by
// cmd/langpack and by the tests that hold the pack to its figures; nothing of
// it is in the product.
//
// All of it is deterministic: the same data give the same bytes.
package train

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Span is a marked piece of an example, in bytes.
type Span struct {
	Start, End int
	Label      string
}

// Example is one marked text.
type Example struct {
	ID, Lang, Text string
	News           bool // marked for PER, LOC, ORG and MISC rather than by the handbook
	Spans          []Span
}

// rows calls f with each record of a separated file, the header left out.
func rows(path string, comma rune, f func(r []string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	c := csv.NewReader(bufio.NewReader(file))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes, c.ReuseRecord = comma, -1, true, true
	for first := true; ; first = false {
		r, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("train: %s: %w", filepath.Base(path), err)
		}
		if !first {
			f(r)
		}
	}
}

// Service reads a corpus of customer-service messages. Offsets in the file are
// code points.
func Service(path string) ([]Example, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []Example
	d := json.NewDecoder(file)
	for {
		var m struct {
			ID, Lang, Text string
			Spans          []Span
		}
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("train: %s: %w", filepath.Base(path), err)
		}
		at := make([]int, 0, len(m.Text)+1)
		for i := range m.Text {
			at = append(at, i)
		}
		at = append(at, len(m.Text))
		e := Example{ID: m.ID, Lang: m.Lang, Text: m.Text}
		for _, s := range m.Spans {
			e.Spans = append(e.Spans, Span{at[s.Start], at[s.End], s.Label})
		}
		out = append(out, e)
	}
}

// News reads a file of one token and tag a line, sentences apart by an empty
// line, and joins the tokens with spaces.
func News(path string) ([]Example, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []Example
	var e Example
	last := ""
	flush := func() {
		if e.Text != "" {
			e.ID, e.Lang, e.News = "n"+strconv.Itoa(len(out)), "sv", true
			out = append(out, e)
		}
		e, last = Example{}, ""
	}
	sc := bufio.NewScanner(file)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) == 0 {
			flush()
			continue
		}
		if len(f) < 2 {
			continue
		}
		word, tag := f[0], f[len(f)-1]
		if e.Text != "" {
			e.Text += " "
		}
		start := len(e.Text)
		e.Text += word
		if tag != "0" {
			if tag == last {
				e.Spans[len(e.Spans)-1].End = len(e.Text)
			} else {
				e.Spans = append(e.Spans, Span{start, len(e.Text), tag})
			}
		}
		last = tag
	}
	flush()
	return out, sc.Err()
}
