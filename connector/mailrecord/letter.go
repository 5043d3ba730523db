package mailrecord

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"time"

	"github.com/gallra/gallra/connector"
)

// Letter returns a mail from a made-up person, encoded as a mail program does
// it, for connector.Planter.
func Letter(p connector.Person, at time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s <%s>\r\nTo: kundtjanst@prov.example\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@prov.example>\r\n",
		mime.QEncoding.Encode("utf-8", p.Name), p.Email, mime.QEncoding.Encode("utf-8", "Prov från "+p.Name), at.Format(time.RFC1123Z), Digest(p.Email))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = fmt.Fprintf(w, "%s\r\n\r\nHälsningar\r\n%s, %s\r\n", p.Text, p.Name, p.Email) // into memory
	_ = w.Close()
	return b.Bytes()
}
