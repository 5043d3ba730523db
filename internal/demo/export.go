package demo

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"time"
)

// writeExport writes the list of customers that somebody once exported to a
// spreadsheet and forgot: n rows, with the separator and the byte order mark of
// a Swedish spreadsheet program.
func (w *world) writeExport(ctx context.Context, path string, n int) (Counts, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: export: %w", err)
	}
	defer f.Close()
	b := bufio.NewWriter(f)
	b.WriteString("\uFEFF") // an error stays in b until Flush
	c := csv.NewWriter(b)
	c.Comma, c.UseCRLF = ';', true
	err = c.Write([]string{"Kundnr", "Namn", "E-post", "Telefon", "Personnummer", "Adress", "Postnr", "Ort", "Senast kontakt", "Anteckning"})
	for i := 0; i < n && err == nil; i++ {
		if i%1000 == 0 && ctx.Err() != nil {
			err = ctx.Err()
			break
		}
		p := w.person(i)
		if i >= len(cast) {
			p = w.person(len(cast) + i*3%(w.persons-len(cast)))
		}
		r := newRandom(w.seed, "export", i)
		note := ""
		if i >= len(cast) && r.chance(0.2) {
			s := &scope{w: w, r: r, person: p, other: w.other(r, "export", p), agent: pick(r, w.employees), at: w.now.AddDate(-5, 0, 0), values: map[string]string{}}
			note = s.line("sv", "note")
		}
		at := w.volume.at(0.4 + 0.2*r.Float64())
		err = c.Write([]string{p.CustomerNo, p.Name(), p.Email(), written(r, p.Phone), p.Personnummer, p.Street, p.PostalCode, p.City, at.Format(time.DateOnly), note})
	}
	if err == nil {
		c.Flush()
		if err = c.Error(); err == nil {
			err = b.Flush()
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("demo: export: %w", err)
	}
	return Counts{"row": n}, nil
}
