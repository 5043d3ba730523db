package demo

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// file is an attachment.
type file struct {
	Name, Type string
	Body       []byte
}

// file makes an attachment that holds personal data, as customers send them:
// a letter, a table or a picture.
func (s *scope) file() file {
	r := s.r
	name := ascii(s.person.Surname)
	switch n := r.IntN(10); {
	case n < 4:
		return file{fmt.Sprintf("Intyg %s.pdf", s.person.Name()), "application/pdf", pdf(s.letter())}
	case n < 6:
		return file{fmt.Sprintf("fullmakt_%s.docx", name), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx(s.letter())}
	case n < 8:
		var b strings.Builder
		b.WriteString("datum;matare;stallning;kund\r\n")
		for k := range r.between(3, 12) {
			fmt.Fprintf(&b, "%s;%s;%d;%s\r\n", s.at.AddDate(0, -k, 0).Format("2006-01-02"), s.slot("matare"), r.between(100, 99999), s.person.Name())
		}
		return file{"avlasningar.csv", "text/csv", []byte(b.String())}
	default:
		return file{fmt.Sprintf("IMG_%04d.png", r.IntN(10000)), "image/png", picture(r)}
	}
}

// letter returns the paragraphs of a letter.
func (s *scope) letter() []string {
	templates := s.w.lexicons["sv"]["letter"]
	lines := strings.Split(templates[0].fill(s.slot), "\n")
	lines = append(lines, "")
	for _, t := range templates[1:] {
		if s.r.chance(0.7) && t.filled(s.slot) {
			lines = append(lines, t.fill(s.slot))
		}
	}
	return append(lines, "", s.person.Name())
}

// pdf writes a PDF 1.4 file of one page with a text layer in WinAnsi encoding.
func pdf(lines []string) []byte {
	var page strings.Builder
	page.WriteString("BT /F1 11 Tf 56 780 Td 15 TL\n")
	for _, l := range lines {
		text, err := charmap.Windows1252.NewEncoder().String(l)
		if err != nil {
			text = ascii(l) // a name in another script: the page has no font for it
		}
		fmt.Fprintf(&page, "(%s) Tj T*\n", strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text))
	}
	page.WriteString("ET\n")

	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>")
	object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", page.Len(), page.String()))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
}

// docx writes the smallest Office Open XML text document.
func docx(lines []string) []byte {
	var body strings.Builder
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, l := range lines {
		fmt.Fprintf(&body, `<w:p><w:r><w:t xml:space="preserve">%s</w:t></w:r></w:p>`, escape.Replace(l))
	}
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", head + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", head + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body.String() + `</w:body></w:document>`},
	} {
		f, err := z.Create(part[0])
		if err == nil {
			_, err = f.Write([]byte(part[1]))
		}
		if err != nil {
			panic("demo: docx: " + err.Error()) // a bytes.Buffer takes everything
		}
	}
	if err := z.Close(); err != nil {
		panic("demo: docx: " + err.Error())
	}
	return b.Bytes()
}

func picture(r random) []byte {
	m := image.NewPaletted(image.Rect(0, 0, 24, 24), color.Palette{color.White, color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), 90, 255}})
	for i := range m.Pix {
		m.Pix[i] = uint8(r.IntN(2))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic("demo: png: " + err.Error())
	}
	return b.Bytes()
}
