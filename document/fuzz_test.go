package document_test

import (
	"bytes"
	"testing"

	"github.com/gallra/gallra/document"
)

var small = document.Limits{Bytes: 1 << 20, Text: 1 << 19, Parts: 100, Depth: 6}

func FuzzRewriteMail(f *testing.F) {
	f.Add(full())
	f.Add([]byte("From: a@b.se\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nÅsa Öberg\n--b\n--b--\n"))
	f.Add([]byte("From: =?utf-8?q?=C3=85sa_=C3=96berg?=, \"x\\\"y\" <a@b>;:\nReferences: <a <b> Åsa>\n\n\x00\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := document.ParseMail(raw, small); err != nil && len(raw) > 0 && raw[0] == 'F' && bytes.HasPrefix(raw, []byte("From: ")) {
			t.Fatalf("a header is refused: %v", err)
		}
		out, c, err := document.RewriteMail(raw, identity, document.WithLimits(small))
		if err != nil {
			return
		}
		if c.Any() || !bytes.Equal(out, raw) {
			t.Fatalf("the identity changed %q into %q", raw, out)
		}
		out, _, err = document.RewriteMail(raw, redact, document.WithLimits(small))
		if err != nil {
			return
		}
		if _, _, err := document.RewriteMail(out, redact, document.WithLimits(document.Limits{})); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("x.pdf", plainPDF())
	f.Add("x.pdf", modernPDF())
	f.Add("x.docx", docx("<w:p><w:t>x</w:t></w:p>"))
	f.Add("x.rtf", []byte(`{\rtf1\ansi\u214?\'c5{\*\x y}\bin3abc}`))
	f.Add("x.html", []byte(`<p a="b" c='d' e=f>&Aring;<br/><!-- x --><script>y</script>`))
	f.Add("x.zip", zipped(member{"a.txt", "hej"}))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		text, _ := document.Text(name, "", data, small)
		if int64(len(text)) > 2*small.Text+1<<16 {
			t.Fatalf("%d bytes of text from %d", len(text), len(data))
		}
	})
}
