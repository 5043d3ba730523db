package table_test

import (
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise/table"
	"github.com/gallra/gallra/connector"
)

// The fields of anonymised tickets that statistics need, and the day they were
// created, made coarse enough that no ticket stands alone.
func ExampleReduce() {
	kind := connector.Type{Name: "ticket", Fields: []connector.FieldInfo{{Name: "queue", Keep: true}, {Name: "channel", Keep: true}, {Name: "subject", Text: true}}}
	var records []gallra.Record
	for i := range 60 {
		queue := []string{"Bygglov", "Avfall"}[i%2]
		records = append(records, gallra.Record{
			Created: time.Date(2024, 3, 4+i%28, 12, 0, 0, 0, time.UTC),
			Fields:  []gallra.Field{{Name: "queue", Value: queue}, {Name: "channel", Value: "mail"}, {Name: "subject", Value: "[borttaget]"}},
		})
	}

	names := []string{"created"}
	for _, f := range kind.Fields {
		if f.Keep {
			names = append(names, f.Name)
		}
	}
	var rows [][]string
	for _, r := range records {
		row := []string{r.Created.Format(time.DateOnly)}
		for _, name := range names[1:] {
			v, _ := r.Field(name)
			row = append(row, v)
		}
		rows = append(rows, row)
	}

	reduced, err := table.Reduce(table.Columns(names, rows, table.DefaultK, "övrigt"), rows, table.Spec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	report := reduced.Report
	fmt.Printf("k %d, before %d; %s singled out\n", report.K, report.Before, report.Worst())
	for _, c := range report.Columns {
		fmt.Printf("%s: %s\n", c.Column, c.Level)
	}
	fmt.Printf("merged further: %d of %d; highest risk %.2f\n", report.Merged, report.Records, report.Risk.Highest)
	// Output:
	// k 6, before 2; created singled out
	// created: week
	// queue: value
	// channel: value
	// merged further: 0 of 60; highest risk 0.17
}
