package document

import (
	"bytes"
	"strings"
	"time"
	"unicode"

	"github.com/gallra/gallra"
)

// Mail is a mail in decoded form.
type Mail struct {
	Header []HeaderField // every field, in order
	From, Sender, ReplyTo,
	To, Cc, Bcc []Address
	Subject    string
	Date       time.Time // of the Date field; zero when there is none that can be read
	MessageID  string    // without angle brackets
	References []string  // References and In-Reply-To, oldest first, each once
	Parts      []Part    // leaves of the MIME tree in order; the header of a nested mail is a part too
	Problems   []Problem // what could not be read
}

// Part is one leaf of a mail.
type Part struct {
	Where       string // position in the mail: "1.2"
	ContentType string // lower case, without parameters
	Name        string // file name; personal until proved otherwise
	Attachment  bool   // a mail program would show it as a file
	Alternative bool   // says the same as the part before it, in another form
	Text        string // decoded text; "" when there is none to read
	Size        int    // encoded bytes
}

// Field returns the decoded value of the first header field of a name.
func (m *Mail) Field(name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Body returns the text a reader sees: the parts that are no attachments. An
// alternative form is left out when it says nothing that the first does not.
func (m *Mail) Body() string {
	var out []string
	for _, p := range m.Parts {
		if p.Attachment || strings.TrimSpace(p.Text) == "" {
			continue
		}
		if p.Alternative && len(out) > 0 && contains(out[len(out)-1], p.Text) {
			continue
		}
		out = append(out, p.Text)
	}
	return strings.Join(out, "\n\n")
}

// AttachmentText returns the texts of the attachments, each after its file
// name, with the headers of nested mails.
func (m *Mail) AttachmentText() string {
	var out []string
	for _, p := range m.Parts {
		if !p.Attachment {
			continue
		}
		s := strings.TrimSpace(p.Name + "\n" + p.Text)
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n\n")
}

// contains reports whether every word of b stands in a, in whatever layout.
func contains(a, b string) bool {
	// Nearly always b says the same in the same order.
	for rest := a; ; {
		var x, y string
		if y, b = word(b); y == "" {
			return true
		}
		if x, rest = word(rest); x != y {
			b = y + " " + b
			break
		}
		a = rest
	}
	have := map[string]int{}
	for w, rest := word(a); w != ""; w, rest = word(rest) {
		have[w]++
	}
	for w, rest := word(b); w != ""; w, rest = word(rest) {
		if have[w]--; have[w] < 0 {
			return false
		}
	}
	return true
}

// word returns the first word of s, "" when there is none, and what follows it.
func word(s string) (w, rest string) {
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	i := strings.IndexFunc(s, letter)
	if i < 0 {
		return "", ""
	}
	s = s[i:]
	if i = strings.IndexFunc(s, func(r rune) bool { return !letter(r) }); i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// ParseMail decodes a mail. It reads as far as the bytes go and reports what it
// could not read as Problems; the error is gallra.ErrInvalid for bytes that
// have nothing of a mail in them.
func ParseMail(raw []byte, l Limits) (*Mail, error) {
	b := newBudget(l)
	if int64(len(raw)) > b.Bytes {
		raw = raw[:b.Bytes]
		b.problem("1", ReasonTooLarge)
	}
	root := parseTree(raw, b)
	named := 0
	for _, f := range root.fields {
		if f.name != "" {
			named++
		}
	}
	if named == 0 {
		return nil, gallra.Errorf(gallra.Invalid, "document.not_a_mail")
	}
	m := &Mail{Header: make([]HeaderField, 0, named)}
	for _, f := range root.fields {
		if f.name != "" {
			m.Header = append(m.Header, HeaderField{f.name, decodeHeader(unfold(f.body))})
		}
	}
	m.From, m.Sender, m.ReplyTo = root.addresses("From"), root.addresses("Sender"), root.addresses("Reply-To")
	m.To, m.Cc, m.Bcc = root.addresses("To"), root.addresses("Cc"), root.addresses("Bcc")
	m.Subject = decodeHeader(root.field("Subject"))
	m.Date = parseDate(root.field("Date"))
	if ids := messageIDs(root.field("Message-ID")); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	seen := map[string]bool{}
	for _, id := range append(messageIDs(root.field("References")), messageIDs(root.field("In-Reply-To"))...) {
		if !seen[id] {
			seen[id] = true
			m.References = append(m.References, id)
		}
	}
	b.leaves(root, false, false, &m.Parts)
	m.Problems = b.problems
	return m, nil
}

func (n *node) addresses(name string) []Address {
	var out []Address
	for _, f := range n.fields {
		if !f.is(name) {
			continue
		}
		for _, m := range splitAddresses(unfold(f.body)) {
			out = append(out, Address{m.name, m.addr})
		}
	}
	return out
}

func messageIDs(s string) []string {
	var out []string
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '>')
		if j < 0 {
			break
		}
		if id := strings.TrimSpace(s[i+1 : i+j]); id != "" {
			out = append(out, id)
		}
		s = s[i+j+1:]
	}
	if len(out) == 0 && strings.TrimSpace(s) != "" && !strings.ContainsAny(strings.TrimSpace(s), " \t") {
		out = []string{strings.TrimSpace(s)}
	}
	return out
}

// leaves flattens the tree. nested: inside an attached mail, where everything
// belongs to the attachment.
func (b *budget) leaves(n *node, nested, alternative bool, out *[]Part) {
	if len(n.children) > 0 {
		for i, c := range n.children {
			b.leaves(c, nested, n.ctype == "multipart/alternative" && i > 0, out)
		}
		return
	}
	p := Part{Where: n.where, ContentType: n.ctype, Name: n.name(), Size: len(n.body),
		Attachment: nested || n.attachment(), Alternative: alternative}
	if n.message != nil {
		p.Attachment = true
		p.Text = b.clip(headerText(n.message), n.where)
		*out = append(*out, p)
		b.leaves(n.message, true, false, out)
		return
	}
	if !n.unread {
		p.Text = b.leafText(n)
	}
	*out = append(*out, p)
}

// headerText is what a header says about people, for a mail within a mail.
func headerText(n *node) string {
	var s strings.Builder
	for _, name := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject"} {
		if v := n.field(name); v != "" {
			s.WriteString(name + ": " + decodeHeader(v) + "\n")
		}
	}
	return s.String()
}

// leafText decodes the text of one leaf.
func (b *budget) leafText(n *node) string {
	data, whole, ok := decodeTransfer(n.cte, n.body, b.bytes)
	if !ok {
		b.problem(n.where, ReasonTransfer)
		data = n.body
	}
	if !whole {
		b.problem(n.where, ReasonTooLarge)
	}
	b.bytes -= int64(len(data))
	switch kindOf(n.name(), n.ctype) {
	case kindText, kindHTML, kindFolded:
		if !n.binary(data) {
			if bytes.Contains(data, []byte(pgpMessage)) {
				b.problem(n.where, ReasonEncrypted)
			}
			return b.clip(n.text(data), n.where)
		}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	return b.fileText(n.where, n.name(), n.ctype, data)
}

// binary reports whether a part that calls itself text is a file of another kind.
func (n *node) binary(data []byte) bool {
	for _, magic := range []string{"%PDF-", "PK\x03\x04", `{\rtf`, "\xD0\xCF\x11\xE0", "\x89PNG", "\xFF\xD8\xFF", "GIF8", "Rar!", "7z\xBC\xAF", "\x1F\x8B\x08"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 && lookup(n.charset()) == nil
}

// text decodes the bytes of a text leaf to what is shown.
func (n *node) text(data []byte) string {
	s := n.decode(data)
	switch kindOf(n.name(), n.ctype) {
	case kindHTML:
		return htmlText(s)
	case kindFolded:
		return unfoldLines(s)
	}
	if n.flowed() {
		return unflow(s, n.delSp())
	}
	return s
}

// decode undoes the charset of a text leaf.
func (n *node) decode(data []byte) string {
	label := n.charset()
	if label == "" && kindOf(n.name(), n.ctype) == kindHTML {
		label = htmlCharset(data)
	}
	return decodeCharset(label, data)
}

func (n *node) flowed() bool {
	return n.ctype == "text/plain" && strings.EqualFold(paramValue(n.params, "format"), "flowed")
}

func (n *node) delSp() bool { return strings.EqualFold(paramValue(n.params, "delsp"), "yes") }
