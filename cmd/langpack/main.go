// Command langpack makes the language pack of pii/names from the reference
// data beside the repository and states what it reaches on the measuring sets.
//
//	go run ./cmd/langpack            build, write and measure
//	go run ./cmd/langpack -measure   measure the pack as it is
//	go run ./cmd/langpack -folds 5   cross-validate on the training messages
//	go run ./cmd/langpack -special   the same for the model of health and the other special kinds alone
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/train"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "langpack:", err)
		os.Exit(1)
	}
}

func run() error {
	data := flag.String("data", "../shared/data", "folder of the reference data")
	out := flag.String("o", "pii/names/lang.pack", "pack file")
	measure := flag.Bool("measure", false, "measure the pack file, build nothing")
	folds := flag.Int("folds", 0, "cross-validate in this many parts, write nothing")
	alone := flag.Bool("special", false, "only the model of health and the other special kinds")
	only := flag.Int("parts", 0, "stop after this many of the parts")
	show := flag.String("show", "", "print the errors of this category in the held-out training messages")
	o := train.Defaults
	flag.IntVar(&o.Epochs, "epochs", o.Epochs, "passes over the material")
	flag.Float64Var(&o.Lower, "lower", o.Lower, "share seen in lower case")
	flag.Float64Var(&o.Swap, "swap", o.Swap, "share seen with other names")
	flag.Float64Var(&o.Doubt, "doubt", o.Doubt, "share of common words taken for unknown")
	flag.Float64Var(&o.Rate, "rate", o.Rate, "length of the first step")
	flag.Float64Var(&o.Decay, "decay", o.Decay, "pull of the weights towards nought")
	flag.IntVar(&o.Service, "service", o.Service, "times a Swedish message is seen in a pass")
	flag.IntVar(&o.Other, "other", o.Other, "times another message is seen in a pass")
	flag.Parse()

	if *alone && *folds > 0 {
		return train.ValidateSpecial(os.Stdout, *data, *folds, names.DefaultRecall, *show != "")
	}
	if !*measure {
		if err := train.WriteSpecial(*data, filepath.Join(filepath.Dir(*out), "internal/special/special.pack")); err != nil || *alone {
			return err
		}
		start := time.Now()
		m, err := train.Read(*data)
		if err != nil {
			return err
		}
		fmt.Printf("read %d texts in %v\n", len(m.Examples), time.Since(start).Round(time.Millisecond))
		if *folds > 0 {
			return m.CrossValidate(os.Stdout, *folds, *only, o, *show)
		}
		file, err := m.Build(o)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*out, file, 0o644); err != nil {
			return err
		}
		fmt.Printf("built %d bytes in %v\n", len(file), time.Since(start).Round(time.Millisecond))
	}
	file, err := os.ReadFile(*out)
	if err != nil {
		return err
	}
	model, err := names.Open(string(file))
	if err != nil {
		return err
	}
	return train.Report(os.Stdout, model, *data)
}
