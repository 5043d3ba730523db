package document

import (
	"bytes"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

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
	start := runOf(s, false)
	s = s[start:]
	end := runOf(s, true)
	return s[:end], s[end:]
}

// runOf returns how many bytes at the start of s are letters and digits, or are none.
func runOf(s string, letters bool) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if (letter(c) || c >= '0' && c <= '9') != letters {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if (unicode.IsLetter(r) || unicode.IsDigit(r)) != letters {
			return i
		}
		i += n
	}
	return len(s)
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
	room := fieldRooms.Get().(*[]field)
	b.fields = *room
	defer leaveFields(b, room)
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
	var first struct{ subject, date, id, references, reply bool }
	var id, references, reply string
	for _, f := range root.fields {
		if f.name == "" {
			continue
		}
		body := unfold(f.body)
		value := decodeHeader(body)
		m.Header = append(m.Header, HeaderField{f.name, value})
		switch {
		case f.is("From"):
			m.From = addAddresses(m.From, body)
		case f.is("Sender"):
			m.Sender = addAddresses(m.Sender, body)
		case f.is("Reply-To"):
			m.ReplyTo = addAddresses(m.ReplyTo, body)
		case f.is("To"):
			m.To = addAddresses(m.To, body)
		case f.is("Cc"):
			m.Cc = addAddresses(m.Cc, body)
		case f.is("Bcc"):
			m.Bcc = addAddresses(m.Bcc, body)
		case f.is("Subject") && !first.subject:
			m.Subject, first.subject = value, true
		case f.is("Date") && !first.date:
			m.Date, first.date = parseDate(body), true
		case f.is("Message-ID") && !first.id:
			id, first.id = body, true
		case f.is("References") && !first.references:
			references, first.references = body, true
		case f.is("In-Reply-To") && !first.reply:
			reply, first.reply = body, true
		}
	}
	if ids := messageIDs(id); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	if references != "" || reply != "" {
		seen := map[string]bool{}
		for _, id := range append(messageIDs(references), messageIDs(reply)...) {
			if !seen[id] {
				seen[id] = true
				m.References = append(m.References, id)
			}
		}
	}
	m.Parts = make([]Part, 0, 1+b.Parts-max(b.parts, 0)) // about so many
	b.leaves(root, false, false, &m.Parts)
	m.Problems = b.problems
	return m, nil
}

// fieldRooms are lists of fields that are not needed once a mail is decoded.
var fieldRooms = sync.Pool{New: func() any { return &[]field{} }}

func leaveFields(b *budget, room *[]field) {
	if cap(b.fields) > 512 { // a large one is not kept
		return
	}
	clear(b.fields) // they hold the mail
	*room = b.fields[:0]
	fieldRooms.Put(room)
}

func addAddresses(list []Address, body string) []Address {
	eachAddress(body, func(m mailbox) { list = append(list, Address{m.name, m.addr}) })
	return list
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
	p := Part{Where: n.where, ContentType: n.ctype, Name: n.file, Size: len(n.body),
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

// rooms are buffers for decoded bytes that are not needed once they are text.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

func leaveRoom(room *[]byte) {
	if cap(*room) <= 1<<20 { // a large one is not kept
		rooms.Put(room)
	}
}

// leafText decodes the text of one leaf.
func (b *budget) leafText(n *node) string {
	room := rooms.Get().(*[]byte)
	defer leaveRoom(room)
	data, whole, ok := decodeTransfer(n.cte, n.body, b.bytes, room)
	if !ok {
		b.problem(n.where, ReasonTransfer)
		data = n.body
	}
	if !whole {
		b.problem(n.where, ReasonTooLarge)
	}
	b.bytes -= int64(len(data))
	switch n.kind {
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
	return b.fileText(n.where, n.file, n.ctype, data)
}

// binary reports whether a part that calls itself text is a file of another kind.
func (n *node) binary(data []byte) bool {
	for _, magic := range []string{"%PDF-", "PK\x03\x04", `{\rtf`, "\xD0\xCF\x11\xE0", "\x89PNG", "\xFF\xD8\xFF", "GIF8", "Rar!", "7z\xBC\xAF", "\x1F\x8B\x08"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 && lookup(n.charset) == nil
}

// text decodes the bytes of a text leaf to what is shown.
func (n *node) text(data []byte) string {
	s := n.decode(data)
	switch n.kind {
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
	label := n.charset
	if label == "" && n.kind == kindHTML {
		label = htmlCharset(data)
	}
	return decodeCharset(label, data)
}

func (n *node) flowed() bool {
	return n.ctype == "text/plain" && strings.EqualFold(paramValue(n.params, "format"), "flowed")
}

func (n *node) delSp() bool { return strings.EqualFold(paramValue(n.params, "delsp"), "yes") }
