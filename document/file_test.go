package document_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra/document"
)

type member struct{ name, text string }

func zipped(members ...member) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, _ := z.Create(m.name)
		_, _ = w.Write([]byte(m.text))
	}
	_ = z.Close()
	return b.Bytes()
}

func deflate(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// plainPDF has one-byte fonts with an encoding of its own and a form XObject.
func plainPDF() []byte {
	objs := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources << /Font << /F1 5 0 R >> /XObject << /X1 6 0 R >> >> >>",
		"<< /Type /Page /Parent 2 0 R /Contents [4 0 R] /Annots [8 0 R] >>",
		stream("/Filter /FlateDecode", deflate("BT /F1 12 Tf 14 TL 72 700 Td (Kund: \\305sa \\326berg) Tj 0 -14 Td [(Person)-20(nummer )-300(850908)] TJ (-2395) Tj T* (Gatan \\(1\\)) ' ET /X1 Do")),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /BaseEncoding /WinAnsiEncoding /Differences [1 /Aring /odieresis] >> >>",
		stream("/Type /XObject /Subtype /Form", "BT /F1 9 Tf (\\001sa i V\\344xj\\002) Tj ET"),
		"<< /Author <FEFF00C50073006100200042> /Title (Faktura) >>",
		"<< /Type /Annot /Subtype /Text /Contents (Ring \\345ter) >>",
	}
	return pdfFile(objs, "/Root 1 0 R /Info 7 0 R")
}

func pdfFile(objs []string, trailer string) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	for i, o := range objs {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&b, "trailer << %s >>\nstartxref\n0\n%%%%EOF\n", trailer)
	return []byte(b.String())
}

// modernPDF has its objects in an object stream and a two-byte font.
func modernPDF() []byte {
	inner := []string{
		"<< /Type /Catalog /Pages 11 0 R >>",
		"<< /Type /Pages /Kids [12 0 R] /Count 1 >>",
		"<< /Type /Page /Contents 2 0 R /Resources << /Font << /F 13 0 R >> >> >>",
		"<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 3 0 R >>",
	}
	head, body := "", ""
	for i, o := range inner {
		head += fmt.Sprintf("%d %d ", 10+i, len(body))
		body += o + " "
	}
	cmap := "1 beginbfchar <0001> <00C5> endbfchar 2 beginbfrange <0002> <0003> <0073> <0010> <0012> [<0061> <00D6> <D83DDE00>] endbfrange"
	return pdfFile([]string{
		stream(fmt.Sprintf("/Type /ObjStm /N 4 /First %d /Filter /FlateDecode", len(head)), deflate(head+body)),
		stream("/Filter /FlateDecode", deflate("BT /F 10 Tf 1 0 0 1 50 700 Tm <000100020010> Tj 1 0 0 1 50 680 Tm <00110012> Tj ET")),
		stream("", cmap),
	}, "/Root 10 0 R")
}

// letterPDF places its letters one by one, as browsers do.
func letterPDF() []byte {
	content := "BT /F1 10 Tf 1 0 0 1 50 700 Tm (a) Tj 5 0 Td (s) Tj 5 0 Td (a@) Tj 10 0 Td (e) Tj ET q 1 0 0 1 75 700 cm BT /F1 10 Tf (x.se) Tj 25 0 Td (Per) Tj ET Q"
	return pdfFile([]string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] >>", "<< /Type /Page /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		stream("", content), "<< /Type /Font /Subtype /TrueType /FirstChar 32 /Widths [" + strings.Repeat("500 ", 95) + "] >>"}, "/Root 1 0 R")
}

func docx(body string) []byte {
	return zipped(member{"[Content_Types].xml", "<Types/>"}, member{"word/document.xml", `<?xml version="1.0"?><w:document xmlns:w="w"><w:body>` + body + `</w:body></w:document>`},
		member{"word/header1.xml", `<w:hdr xmlns:w="w"><w:p><w:r><w:t>Sidhuvud Örjan</w:t></w:r></w:p></w:hdr>`},
		member{"docProps/core.xml", `<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:creator>Maria Författare</dc:creator></cp:coreProperties>`},
		member{"word/_rels/document.xml.rels", `<Relationships><Relationship Target="mailto:asa@example.se" TargetMode="External"/></Relationships>`})
}

func TestH4_TextOfFiles(t *testing.T) {
	t.Parallel()
	xlsx := zipped(
		member{"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row><c t="s"><v>1</v></c><c><v>198509082395</v></c><c t="inlineStr"><is><t>på raden</t></is></c><c t="s"><f>A1</f><v>0</v></c></row></sheetData></worksheet>`},
		member{"xl/workbook.xml", "<workbook/>"},
		member{"xl/sharedStrings.xml", `<sst><si><t>Namn</t></si><si><r><t>Åsa </t></r><r><t>Öberg</t></r></si></sst>`})
	for name, tc := range map[string]struct {
		file, ctype string
		data        []byte
		want        []string
	}{
		"PDF":                   {"x.pdf", "application/pdf", plainPDF(), []string{"Kund: Åsa Öberg\n", "Personnummer  850908-2395\n", "Gatan (1)", "Åsa i Växjö", "Faktura", "Åsa B", "Ring åter"}},
		"PDF, modern":           {"x", "application/octet-stream", modernPDF(), []string{"Åsa", "Ö😀"}},
		"PDF, letter by letter": {"x.pdf", "", letterPDF(), []string{"asa@ex.se Per"}},
		"PDF, cut":              {"x.pdf", "", plainPDF()[:900], []string{"Åsa Öberg"}},
		"DOCX":                  {"x.docx", "", docx(`<w:p><w:r><w:t>Åsa </w:t></w:r><w:r><w:t>Öberg &amp; co</w:t></w:r></w:p><w:p><w:r><w:t>rad 2</w:t><w:tab/></w:r></w:p>`), []string{"Åsa Öberg & co\nrad 2\t", "Sidhuvud Örjan", "Maria Författare", "mailto:asa@example.se"}},
		"XLSX":                  {"x.xlsx", "", xlsx, []string{"Åsa Öberg\t198509082395\tpå raden\tNamn"}},
		"PPTX":                  {"x.pptx", "", zipped(member{"ppt/presentation.xml", "<p/>"}, member{"ppt/slides/slide10.xml", "<a:p xmlns:a='a'><a:t>tio</a:t></a:p>"}, member{"ppt/slides/slide2.xml", "<a:p xmlns:a='a'><a:t>två Åsa</a:t></a:p>"}), []string{"två Åsa\ntio"}},
		"ODT":                   {"x.odt", "", zipped(member{"mimetype", "application/vnd.oasis.opendocument.text"}, member{"content.xml", "<o><text:p>Åsa<text:s/>Öberg</text:p></o>"}, member{"META-INF/manifest.xml", "<m/>"}, member{"meta.xml", "<o><dc:creator>Kim</dc:creator></o>"}), []string{"Åsa Öberg", "Kim"}},
		"zip in zip":            {"x.zip", "", zipped(member{"a/Åsa.zip", string(zipped(member{"brev.txt", "Hej Örjan"}, member{"m.eml", "From: b@example.se\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("Åsa skrev"))}))}), []string{"Åsa.zip", "Hej Örjan", "b@example.se", "Åsa skrev"}},
		"RTF":                   {"x.rtf", "", []byte(`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\author Kim}}\f0 \'c5sa {\b \u214?berg}\par rad{\*\generator x;}}`), []string{"Kim", "Åsa Öberg\nrad"}},
		"CSV in windows-1252":   {"x.csv", "text/csv", []byte("\xC5sa;1"), []string{"Åsa;1"}},
		"UTF-16":                {"x.txt", "text/plain", []byte("\xFF\xFE\xC5\x00s\x00a\x00"), []string{"Åsa"}},
		"HTML":                  {"x.html", "", []byte("<p>&Aring;sa</p>"), []string{"Åsa"}},
		"vCard":                 {"x.vcf", "", []byte("FN:Ås\r\n a"), []string{"FN:Åsa"}},
		"old Word":              {"x.doc", "", append([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\x00\x00"), []byte("A\x00n\x00n\x00a\x00 \x00\xD6\x00b\x00\x00\x00Kund Per\x00")...), []string{"Anna Öb", "Kund Per"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, _ := document.Text(tc.file, tc.ctype, tc.data, document.Limits{})
			for _, w := range tc.want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not in %q", w, text)
				}
			}
		})
	}
	text, problems := document.Text("x.docx", "", docx("<w:p><w:t>x</w:t></w:p>"), document.Limits{})
	if len(problems) != 0 || strings.Contains(text, "Types") {
		t.Errorf("%v %q", problems, text)
	}
}

func TestH4_WhatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	scanned := pdfFile([]string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] >>", "<< /Type /Page /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>", stream("", "/I Do"), stream("/Subtype /Image /Filter /DCTDecode", "xx")}, "/Root 1 0 R")
	ole := append([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")...)
	locked := zipped(member{"hemlig.txt", "abc"})
	locked[6] |= 1                                           // the local header's flag
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1 // the directory's
	for name, tc := range map[string]struct {
		file, ctype string
		data        []byte
		want        string
	}{
		"photo":              {"x.jpg", "image/jpeg", []byte("\xFF\xD8\xFF\xE0abc"), document.ReasonImage},
		"photo as octets":    {"x", "application/octet-stream", []byte("\x89PNG\r\n\x1a\n\x00"), document.ReasonImage},
		"voice":              {"x.mp3", "audio/mpeg", []byte("ID3\x03\x00"), document.ReasonAudio},
		"film":               {"x.mp4", "", []byte("\x00\x00\x00\x18ftypisom\x00\x00"), document.ReasonAudio},
		"encrypted PDF":      {"x.pdf", "", pdfFile([]string{"<< /Type /Catalog >>"}, "/Root 1 0 R /Encrypt << /V 4 >>"), document.ReasonEncrypted},
		"encrypted Office":   {"x.docx", "", ole, document.ReasonEncrypted},
		"encrypted zip":      {"x.zip", "", locked, document.ReasonEncrypted},
		"PGP":                {"x.asc", "", []byte("-----BEGIN PGP MESSAGE-----\nabc"), document.ReasonEncrypted},
		"scanned PDF":        {"x.pdf", "", scanned, document.ReasonImage},
		"broken zip":         {"x.zip", "", []byte("PK\x03\x04rest"), document.ReasonBroken},
		"broken PDF":         {"x.pdf", "", []byte("%PDF-1.4\nrest"), document.ReasonBroken},
		"winmail":            {"winmail.dat", "application/ms-tnef", []byte("\x78\x9F\x3E\x22\x00"), document.ReasonTNEF},
		"old Office":         {"x.xls", "", []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\x00"), document.ReasonOldOffice},
		"rar":                {"x.rar", "", []byte("Rar!\x1A\x07\x00"), document.ReasonArchive},
		"something":          {"x.bin", "", bytes.Repeat([]byte{0, 1, 2, 3}, 100), document.ReasonUnknown},
		"image in zip":       {"x.zip", "", zipped(member{"b.png", "\x89PNG\r\n"}), document.ReasonImage},
		"image in DOCX":      {"x.docx", "", zipped(member{"word/document.xml", "<w/>"}, member{"word/media/image1.png", "\x89PNG\r\n"}), document.ReasonImage},
		"truncated DOCX XML": {"x.docx", "", zipped(member{"word/document.xml", "<w:p><w:t>Anna</w:t"}), document.ReasonBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := document.Text(tc.file, tc.ctype, tc.data, document.Limits{})
			if !hasReason(problems, tc.want) {
				t.Errorf("problems %v, want %s", problems, tc.want)
			}
			for _, p := range problems {
				if strings.Contains(p.Where, "hemlig") {
					t.Errorf("a file name in the position %q", p.Where)
				}
			}
			// The same inside a mail.
			raw := "From: a@example.se\nContent-Type: " + tc.ctype + "; name=" + tc.file + "\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(tc.data)
			if m := parse(t, []byte(raw)); !hasReason(m.Problems, tc.want) {
				t.Errorf("in a mail: %v", m.Problems)
			}
		})
	}
}

func TestH4_ZipBombs(t *testing.T) { // not parallel: it measures allocation
	zeros := strings.Repeat("\x00", 100<<20)
	inner := zipped(member{"a.txt", zeros})
	quine := inner
	for range 40 {
		quine = zipped(member{"a.zip", string(quine)})
	}
	var many []member
	for i := range 5000 {
		many = append(many, member{fmt.Sprint(i, ".txt"), "hej"})
	}
	shared := zipped(member{"xl/workbook.xml", "<w/>"}, member{"xl/sharedStrings.xml", "<sst><si><t>" + strings.Repeat("a1b2c3", 50_000) + "</t></si></sst>"},
		member{"xl/worksheets/sheet1.xml", "<s>" + strings.Repeat("<row><c t='s'><v>0</v></c></row>", 30_000) + "</s>"})
	pdf := pdfFile([]string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] >>", "<< /Type /Page /Contents 4 0 R >>", stream("/Filter [/FlateDecode /FlateDecode]", deflate(deflate(zeros)))}, "/Root 1 0 R")
	for name, tc := range map[string]struct {
		file, reason string
		data         []byte
	}{
		"ratio":                    {"x.zip", document.ReasonBomb, inner},
		"forty zips in each other": {"x.zip", document.ReasonTooDeep, quine},
		"members":                  {"x.zip", document.ReasonTooMany, zipped(many...)},
		"workbook strings":         {"x.xlsx", document.ReasonTooLarge, shared},
		"PDF":                      {"x.pdf", document.ReasonBomb, pdf},
	} {
		t.Run(name, func(t *testing.T) {
			var problems []document.Problem
			var text string
			if n := heap(func() { text, problems = document.Text(tc.file, "", tc.data, document.Limits{}) }); n > 512<<20 { // all that was ever allocated, not what was held
				t.Errorf("%d MB allocated for %d bytes", n>>20, len(tc.data))
			}
			if !hasReason(problems, tc.reason) {
				t.Errorf("problems %v, want %s", problems, tc.reason)
			}
			if len(text) > 17<<20 {
				t.Errorf("%d bytes of text", len(text))
			}
		})
	}
}
