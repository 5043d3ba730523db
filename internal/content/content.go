// Package content says what a record's fields hold in plain text: mail and
// attachments opened, markup taken away, what could not be read named. The
// inventory, the extract and the review read records through it, so that they
// see the same.
package content

import (
	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
)

// Part is one readable text of a record, decoded.
type Part struct {
	Field    string
	Category gallra.Category // set when the whole field is declared to hold it
	Text     string
	Problems []string // reasons why something in it could not be read
}

// Texts returns the readable texts of a record: fields decoded by their format,
// mails and attachments opened. A raw mail is left out where the connector
// offers its decoded parts as fields of their own, so that nothing counts twice.
func Texts(typ connector.Type, rec gallra.Record) []Part {
	derived := false
	for _, f := range typ.Fields {
		derived = derived || f.ReadOnly && f.Text
	}
	var out []Part
	for _, f := range rec.Fields {
		info, ok := typ.Field(f.Name)
		if !ok || info.Keep && !info.Text || f.Value == "" {
			continue
		}
		p := Part{Field: f.Name}
		switch {
		case info.Format == connector.FormatMail && derived && !info.ReadOnly:
			continue
		case info.Category != "" && !info.Text && info.Format == connector.FormatPlain:
			p.Category, p.Text = info.Category, f.Value
		case info.Format == connector.FormatPlain || info.Format == connector.FormatJSON:
			if info.Text {
				p.Text = f.Value
			}
		default:
			p.Text, p.Problems = Decode(info.Format, FileName(rec), f.Value)
		}
		if p.Text != "" || len(p.Problems) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// FileName returns the name a file record gives its file; "" when it has none.
func FileName(rec gallra.Record) string {
	for _, n := range []string{"filename", "name"} {
		if v, ok := rec.Field(n); ok && v != "" {
			return v
		}
	}
	return ""
}

// Decode returns the text of one value of format f and the reasons why parts of
// it could not be read. name is the file name, when it has one.
func Decode(f connector.Format, name, value string) (string, []string) {
	contentType := string(f)
	switch f {
	case connector.FormatFile:
		contentType = ""
	case connector.FormatHeaders:
		contentType, value = string(connector.FormatMail), value+"\r\n\r\n"
	}
	text, problems := document.Text(name, contentType, []byte(value), document.Limits{})
	reasons := make([]string, 0, len(problems))
	for _, p := range problems {
		reasons = append(reasons, p.Reason)
	}
	return text, reasons
}
