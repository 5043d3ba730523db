package sqldb

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
)

// readable returns the text of a field's value, markup, mail and files opened,
// and the reasons why parts of it could not be read.
func readable(format connector.Format, name, v string) (string, []string) {
	contentType := string(format)
	switch format {
	case connector.FormatPlain:
		return unicode(v), nil
	case connector.FormatJSON:
		return unescaped(v), nil
	case connector.FormatHTML:
		v = unicode(v)
		if !strings.ContainsAny(v, "<&") {
			return v, nil
		}
	case connector.FormatHeaders:
		contentType, v = string(connector.FormatMail), v+"\r\n\r\n"
	case connector.FormatFile:
		contentType = ""
	}
	txt, problems := document.Text(name, contentType, []byte(v), document.Limits{})
	reasons := make([]string, len(problems))
	for i, p := range problems {
		reasons[i] = p.Reason
	}
	if name != "" && format == connector.FormatFile {
		txt = name + "\n" + txt
	}
	return txt, reasons
}

// unicode returns v as UTF-8. A column of bytes that are none was written by a
// program that took them for windows-1252.
func unicode(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	if s, err := charmap.Windows1252.NewDecoder().String(v); err == nil {
		return s
	}
	return strings.ToValidUTF8(v, "\uFFFD")
}

// unescaped returns the strings of a JSON text, a line each, keys included.
func unescaped(v string) string {
	var x any
	if !strings.Contains(v, `\`) || json.Unmarshal([]byte(v), &x) != nil {
		return unicode(v)
	}
	var b strings.Builder
	var walk func(any)
	walk = func(x any) {
		switch x := x.(type) {
		case string:
			b.WriteString(x + "\n")
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for k, e := range x {
				b.WriteString(k + "\n")
				walk(e)
			}
		}
	}
	walk(x)
	return unicode(v) + "\n" + b.String()
}

// fileName returns the name a record gives its file; "" when it has none.
func fileName(r gallra.Record) string {
	for _, n := range []string{"filename", "name"} {
		if v, ok := r.Field(n); ok && v != "" {
			return v
		}
	}
	return ""
}

// opened decodes a value of a column nobody described, by its looks: base64,
// JSON, a mail, a file, markup. "" when it is none of these, or reads the same.
func opened(v string) (string, []string) {
	if len(v) > 16 && len(v)%4 == 0 || strings.Contains(v, "\n") {
		if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), "")); err == nil && len(b) > 12 {
			inner, problems := opened(string(b))
			return unicode(string(b)) + "\n" + inner, problems
		}
	}
	if quoted.MatchString(v) && !strings.Contains(v[:min(len(v), 2048)], "=?") {
		if b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(v))); err == nil && string(b) != v {
			inner, problems := opened(string(b))
			return unicode(string(b)) + "\n" + inner, problems
		}
	}
	head := v[:min(len(v), 2048)]
	switch {
	case strings.HasPrefix(head, "%PDF-"), strings.HasPrefix(head, "PK\x03\x04"), strings.HasPrefix(head, `{\rtf`), strings.HasPrefix(head, "\xD0\xCF\x11\xE0"):
		return readable(connector.FormatFile, "", v)
	case strings.HasPrefix(head, "{"), strings.HasPrefix(head, "["):
		return unescaped(v), nil
	case mailLike(head):
		if !strings.Contains(v, "\n\n") && !strings.Contains(v, "\r\n\r\n") {
			return readable(connector.FormatHeaders, "", v)
		}
		return readable(connector.FormatMail, "", v)
	case strings.ContainsAny(head, "<&"):
		return readable(connector.FormatHTML, "", v)
	case !utf8.ValidString(v):
		return unicode(v), nil
	}
	return "", nil
}

// quoted matches a letter outside ASCII in quoted-printable.
var quoted = regexp.MustCompile(`=[C-F][0-9A-F]`)

// mailLike reports whether a text begins with a header field of a mail.
func mailLike(head string) bool {
	name, rest, ok := strings.Cut(head, ":")
	if !ok || len(name) == 0 || len(name) > 40 || strings.ContainsAny(name, " \t\n<>=") {
		return strings.Contains(head, "=?") && strings.Contains(head, "?=")
	}
	return strings.Contains(rest, "\n")
}
