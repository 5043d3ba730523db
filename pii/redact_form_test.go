package pii_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/gallra/gallra/pii"
)

// values are things that redaction takes out.
var values = []string{
	"Anna Svensson", "Åsa-Marie Lindqvist", "anna.svensson@example.se", "070-174 06 71", "+46701740671", "19850822-9914",
	"Storgatan 12 B, 111 22 Stockholm", "c/o Berg, Lindvägen 4, 352 31 Växjö", "4242 4242 4242 4242", "SE35 5000 0000 0549 1000 0003",
}

// plain are things that stay.
var plain = []string{"Hej!", "Det gäller fakturan.", "Tack på förhand", "Kan ni återkomma i dag?", "1 200 kr", "2025-11-03", "Mvh"}

func phrase(t *rapid.T) string {
	n := rapid.IntRange(1, 4).Draw(t, "phrases")
	var out []string
	for range n {
		out = append(out, rapid.SampledFrom(slices.Concat(values, plain)).Draw(t, "phrase"))
	}
	return strings.Join(out, rapid.SampledFrom([]string{" ", ", ", ". ", "\n"}).Draw(t, "between"))
}

// redacted redacts text and does it once more, which must change nothing.
func redacted(t *rapid.T, e *pii.Engine, text string) string {
	r := e.NewRedactor(pii.RedactOptions{Lang: "sv"})
	once := r.Redact(text)
	if twice := r.Redact(once); twice != once {
		t.Fatalf("redacting twice changed the text:\n%q\n%q", once, twice)
	}
	if fresh := e.NewRedactor(pii.RedactOptions{Lang: "sv"}).Redact(once); fresh != once {
		t.Fatalf("redacting what another took out changed the text:\n%q\n%q", once, fresh)
	}
	if strings.Contains(once, "Svensson") || strings.Contains(once, "@example") {
		t.Fatalf("a name or an address is left in %q", once)
	}
	return once
}

// tags returns the tags of a document in order.
func tags(t *rapid.T, doc string) (out []string) {
	for z := html.NewTokenizer(strings.NewReader(doc)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return out
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			line := tok.Type.String() + " " + tok.Data
			for _, a := range tok.Attr {
				line += " " + a.Key
			}
			out = append(out, line)
		}
	}
}

// Whatever stands between the tags of a page goes, and the tags stay.
func TestRedactor_LeavesHTMLWellFormed(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		var open []string
		b.WriteString("<html><body>")
		for range rapid.IntRange(1, 8).Draw(t, "pieces") {
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				tag := rapid.SampledFrom([]string{"p", "b", "div", "blockquote", "td"}).Draw(t, "tag")
				b.WriteString("<" + tag + ">")
				open = append(open, tag)
			case 1:
				if len(open) > 0 {
					b.WriteString("</" + open[len(open)-1] + ">")
					open = open[:len(open)-1]
				}
			case 2:
				b.WriteString("<br>")
			case 3:
				b.WriteString(`<a href="mailto:` + "anna.svensson@example.se" + `">` + phrase(t) + "</a>")
			default:
				b.WriteString(" " + phrase(t) + " ")
			}
		}
		for len(open) > 0 {
			b.WriteString("</" + open[len(open)-1] + ">")
			open = open[:len(open)-1]
		}
		b.WriteString("</body></html>")
		doc := b.String()
		if before, after := tags(t, doc), tags(t, redacted(t, e, doc)); !slices.Equal(before, after) {
			t.Fatalf("the tags changed:\n%v\n%v", before, after)
		}
	})
}

// A mail of two parts with a quoted reply keeps its fields, its parts, and the
// depth of every quoted line.
func TestRedactor_LeavesMailWellFormed(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	rapid.Check(t, func(t *rapid.T) {
		quote := func(s string, depth int) string {
			mark := strings.Repeat("> ", depth)
			return mark + strings.ReplaceAll(s, "\n", "\n"+mark) + "\n"
		}
		var body strings.Builder
		for depth := range rapid.IntRange(1, 3).Draw(t, "replies") {
			body.WriteString(quote(phrase(t), depth))
		}
		text := "From: Anna Svensson <anna.svensson@example.se>\nTo: kundtjanst@example.se\nSubject: " +
			strings.ReplaceAll(phrase(t), "\n", " ") +
			"\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"=_part\"\n\n--=_part\nContent-Type: text/plain; charset=utf-8\n\n" +
			body.String() + "\n--=_part\nContent-Type: text/html; charset=utf-8\n\n<p>" + phrase(t) + "</p>\n--=_part--\n"
		after := redacted(t, e, text)
		was, is := parts(t, text), parts(t, after)
		if len(was) != 2 || len(is) != 2 {
			t.Fatalf("%d parts became %d:\n%s", len(was), len(is), after)
		}
		if !slices.Equal(depths(was[0]), depths(is[0])) {
			t.Fatalf("quoting changed:\n%s\n%s", was[0], is[0])
		}
		if !slices.Equal(tags(t, was[1]), tags(t, is[1])) {
			t.Fatalf("tags changed:\n%s\n%s", was[1], is[1])
		}
	})
}

func parts(t *rapid.T, text string) (out []string) {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, field := range []string{"From", "To", "Subject", "Mime-Version", "Content-Type"} {
		if m.Header.Get(field) == "" {
			t.Fatalf("no %s in\n%s", field, text)
		}
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
}

// depths returns the depths of quoting met, in order, without repetition: a
// value over two lines may leave one.
func depths(body string) (out []int) {
	for line := range strings.Lines(body) {
		n := 0
		for strings.HasPrefix(line[2*n:], "> ") {
			n++
		}
		if len(out) == 0 || out[len(out)-1] != n {
			out = append(out, n)
		}
	}
	return out
}
