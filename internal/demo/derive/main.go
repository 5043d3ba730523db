// Command derive makes the small tables that the example organisation draws its
// names and places from, out of the reference data named in NOTICE. It is run by
// hand when those change; its output is committed.
//
//	go run ./internal/demo/derive SHARED-FOLDER internal/demo/data
package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: derive SHARED-FOLDER OUTPUT-FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "derive:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	scb := filepath.Join(from, "data", "names", "se-scb")
	for name, n := range map[string]int{"tilltalsnamn-kvinnor": 900, "tilltalsnamn-man": 900, "efternamn": 2500} {
		if err := frequent(filepath.Join(scb, name+".csv"), filepath.Join(to, name+".tsv"), n); err != nil {
			return err
		}
	}
	return places(filepath.Join(from, "data", "places", "postal", "SE.csv"), filepath.Join(to, "postorter.tsv"))
}

// frequent writes the n most borne names and how many bear each.
func frequent(from, to string, n int) error {
	rows, err := read(from)
	if err != nil {
		return err
	}
	type name struct {
		name  string
		count int
	}
	var names []name
	for _, r := range rows {
		c, err := strconv.Atoi(r[1])
		if err == nil && len([]rune(r[0])) > 1 && letters(r[0]) {
			names = append(names, name{r[0], c})
		}
	}
	sort.Slice(names, func(a, b int) bool {
		if names[a].count != names[b].count {
			return names[a].count > names[b].count
		}
		return names[a].name < names[b].name
	})
	return write(to, func(w *bufio.Writer) {
		for _, x := range names[:n] {
			fmt.Fprintf(w, "%s\t%d\n", x.name, x.count)
		}
	})
}

// places writes every 25th postal code and its place.
func places(from, to string) error {
	rows, err := read(from)
	if err != nil {
		return err
	}
	sort.Slice(rows, func(a, b int) bool { return rows[a][1] < rows[b][1] })
	return write(to, func(w *bufio.Writer) {
		for i := 0; i < len(rows); i += 25 {
			fmt.Fprintf(w, "%s\t%s\n", rows[i][1], rows[i][2])
		}
	})
}

func letters(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) < 0
}

func read(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	return rows[1:], nil
}

func write(path string, body func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	body(w)
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
