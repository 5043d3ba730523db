package document

import (
	"bytes"
	"strings"

	"github.com/gallra/gallra"
)

// PartKind says what a text given to a rewriting function is.
type PartKind string

// The kinds of text in a mail.
const (
	PartText      PartKind = "text"       // a text part: plain, CSV, vCard, calendar
	PartHTML      PartKind = "html"       // a stretch of text of an HTML part, a block at most
	PartAttribute PartKind = "attribute"  // the value of an HTML attribute
	PartComment   PartKind = "comment"    // an HTML comment, script or style
	PartHeader    PartKind = "header"     // a header field's value
	PartName      PartKind = "name"       // a person's name in an address field
	PartAddress   PartKind = "address"    // an e-mail address in an address field
	PartMessageID PartKind = "message-id" // one id of Message-ID, In-Reply-To, References
	PartFileName  PartKind = "filename"
)

// PartInfo says where in a mail a text stands.
type PartInfo struct {
	Where       string // position in the mail: "1.2"
	Kind        PartKind
	Field       string // header field or HTML attribute, as the mail writes it
	ContentType string // of the part
	Attachment  bool   // the part is an attachment, or in one
}

// Verdict says what becomes of an attachment that cannot be rewritten.
type Verdict int

// The verdicts.
const (
	Keep    Verdict = iota
	Drop            // the part is taken out of the mail
	Replace         // a short text part stands in its place
)

// Opaque is an attachment in a format that is not rewritten: PDF, Office, image.
type Opaque struct {
	PartInfo
	Name string                     // file name as the mail has it
	Size int                        // encoded bytes
	Text func() (string, []Problem) // its text, read when asked for
}

// Changes counts what RewriteMail did.
type Changes struct {
	Parts     int // text parts rewritten
	Headers   int // header fields rewritten, part headers included
	FileNames int
	Dropped   int
	Replaced  int
	Kept      int       // attachments that are not rewritten and stand as they were
	Problems  []Problem // what f did not see
}

// Any reports whether anything was changed.
func (c Changes) Any() bool { return c.Parts+c.Headers+c.FileNames+c.Dropped+c.Replaced > 0 }

// RewriteOption changes how RewriteMail works.
type RewriteOption func(*rewriter)

// Attachments decides over attachments that cannot be rewritten; note is the
// text that stands instead when the verdict is Replace. Without it they are kept.
func Attachments(decide func(Opaque) (v Verdict, note string)) RewriteOption {
	return func(r *rewriter) { r.decide = decide }
}

// WithLimits bounds the work; the zero Limits otherwise.
func WithLimits(l Limits) RewriteOption { return func(r *rewriter) { r.limits = l } }

type rewriter struct {
	f       func(PartInfo, string) string
	decide  func(Opaque) (Verdict, string)
	limits  Limits
	b       *budget
	changes Changes

	text   *string // SetText: what a reader is to see
	placed bool
}

// RewriteMail gives every decoded text of a mail to f and puts what f returns in
// its place: header values, names and addresses, file names, text parts, HTML
// text and attribute values, quoted replies, mails within the mail. A changed
// part keeps its transfer encoding and charset where they can hold the new
// text, else it becomes UTF-8. What f leaves alone keeps its bytes; if f
// changes nothing, the mail comes back byte for byte.
//
// An address that f makes into something else than an address becomes an empty
// group (RFC 6854), a message id becomes one that says nothing.
//
// A mail beyond the limits is refused with gallra.ErrUnsupported, because a
// part that was not seen was not redacted.
func RewriteMail(raw []byte, f func(part PartInfo, text string) string, opts ...RewriteOption) ([]byte, Changes, error) {
	r := &rewriter{f: f}
	for _, o := range opts {
		o(r)
	}
	if r.limits.Parts == 0 {
		r.limits.Parts = 10_000
	}
	r.b = newBudget(r.limits)
	tooMuch := func(reason string) error { return gallra.Errorf(gallra.Unsupported, reason) }
	if int64(len(raw)) > r.b.Bytes {
		return nil, Changes{}, tooMuch(ReasonTooLarge)
	}
	root := parseTree(raw, r.b)
	refused := func() error {
		for _, p := range r.b.problems {
			switch p.Reason {
			case ReasonTooLarge, ReasonTooMany, ReasonTooDeep:
				return tooMuch(p.Reason)
			}
		}
		return nil
	}
	if err := refused(); err != nil {
		return nil, Changes{}, err
	}
	out, _ := r.node(root, false)
	if err := refused(); err != nil {
		return nil, Changes{}, err
	}
	r.changes.Problems = r.b.problems
	if !r.changes.Any() {
		return raw, r.changes, nil
	}
	return out, r.changes, nil
}

// node returns the part rewritten; drop says that it is to be taken out.
func (r *rewriter) node(n *node, nested bool) (out []byte, drop bool) {
	h := r.header(n, nested)
	switch {
	case n.unread:
		// Refused by RewriteMail.
	case len(n.children) > 0:
		return r.multipart(n, h, nested), false
	case n.message != nil:
		inner, _ := r.node(n.message, true)
		if n.inner == nil {
			return join3(h, n, inner), false
		}
		if bytes.Equal(inner, n.inner) {
			return join3(h, n, n.body), false
		}
		body, cte := encodeTransfer(n.cte, inner, n.newline(), true)
		h.set("Content-Transfer-Encoding", cte)
		return join3(h, n, n.likeTail(body)), false
	default:
		return r.leaf(n, h, nested)
	}
	return join3(h, n, n.body), false
}

func join3(h *header, n *node, body []byte) []byte {
	gap := n.gap
	if len(gap) == 0 && len(body) > 0 {
		gap = []byte(n.newline()) // a part that ended in its header gets a body
	}
	out := make([]byte, 0, len(n.raw)+64)
	out = append(out, h.bytes()...)
	return append(append(out, gap...), body...)
}

// newline is the line end the part uses.
func (n *node) newline() string {
	if i := bytes.IndexByte(n.raw, '\n'); i > 0 && n.raw[i-1] != '\r' {
		return "\n"
	}
	return "\r\n"
}

// likeTail gives body a last line end if the old body had one, and none if not.
func (n *node) likeTail(body []byte) []byte {
	old, trimmed := len(n.body) > 0 && n.body[len(n.body)-1] == '\n', trimEOL(body)
	switch {
	case !old:
		return trimmed
	case len(trimmed) == len(body):
		return append(body[:len(body):len(body)], n.newline()...)
	}
	return body
}

func (r *rewriter) multipart(n *node, h *header, nested bool) []byte {
	pre := r.between(n, n.between[0], nested, bytes.LastIndex)
	body := append([]byte(nil), pre...)
	delim := pre // the last one written
	left := len(n.children)
	for i, c := range n.children {
		out, drop := r.node(c, nested)
		if n.ctype == "multipart/signed" && !bytes.Equal(out, c.raw) {
			r.b.problem(n.where, ReasonSignature)
		}
		next := n.between[i+1]
		if i == len(n.children)-1 {
			next = r.between(n, next, nested, bytes.Index)
		}
		if drop && left > 1 {
			// The delimiter before the part serves the part after it; the last
			// part's closing delimiter takes the place of the one before.
			left--
			if i == len(n.children)-1 {
				body = append(bytes.TrimSuffix(body, delim), next...)
			}
			continue
		}
		if drop {
			out = r.note(c, nil, "") // a multipart has at least one part
		}
		body = append(append(body, out...), next...)
		delim = next
	}
	return join3(h, n, body)
}

// between gives the text before the first and after the last delimiter to f;
// index finds the delimiter in b.
func (r *rewriter) between(n *node, b []byte, nested bool, index func(s, sep []byte) int) []byte {
	dash := []byte("--" + n.boundary)
	i := index(b, dash)
	if i < 0 {
		i = len(b)
	}
	end := lineEnd(b, i)
	give := func(part []byte) []byte {
		if len(bytes.TrimSpace(part)) == 0 {
			return part
		}
		text := guess(part)
		got := r.f(PartInfo{Where: n.where, Kind: PartText, ContentType: n.ctype, Attachment: nested}, text)
		if got == text {
			return part
		}
		r.changes.Parts++
		return []byte(strings.ReplaceAll(got, string(dash), "- -"+n.boundary))
	}
	pre, post := give(b[:i]), give(b[end:])
	return append(append(append([]byte(nil), pre...), b[i:end]...), post...)
}

func (r *rewriter) leaf(n *node, h *header, nested bool) ([]byte, bool) {
	info := PartInfo{Where: n.where, ContentType: n.ctype, Attachment: nested || n.attachment()}
	k := n.kind
	if r.text != nil && !info.Attachment && (k == kindText || k == kindHTML) {
		return r.place(n, h)
	}
	if len(bytes.TrimSpace(n.body)) == 0 {
		return join3(h, n, n.body), false
	}
	data, whole, known := decodeTransfer(n.cte, n.body, r.b.bytes, nil)
	if !whole || !r.b.take(len(data), n.where) {
		r.b.problem(n.where, ReasonTooLarge)
		return join3(h, n, n.body), false
	}
	if !known || k == kindOpaque || k == kindMail || n.binary(data) {
		return r.opaque(n, h, info, data, known)
	}
	text := n.decode(data)
	got := r.rewriteText(n, k, info, text)
	if got == text {
		return join3(h, n, n.body), false
	}
	r.changes.Parts++
	label := n.charset
	if label == "" && k == kindHTML {
		label = htmlCharset(data)
	}
	encoded, fits := encodeCharset(label, got, k == kindHTML)
	if !fits {
		encoded = []byte(got)
		h.setParam("Content-Type", n.ctype, "charset", "charset=utf-8")
		if n.mail && !h.has("MIME-Version") {
			h.set("MIME-Version", "1.0")
		}
	}
	body, cte := encodeTransfer(n.cte, encoded, n.newline(), !bytes.Contains(encoded, []byte{0}))
	if cte != n.cte {
		h.set("Content-Transfer-Encoding", cte)
	}
	return join3(h, n, n.likeTail(body)), false
}

// rewriteText gives the text of a leaf to f in the form in which it is read:
// soft-wrapped and folded lines joined, HTML without markup.
func (r *rewriter) rewriteText(n *node, k kind, info PartInfo, text string) string {
	switch {
	case k == kindHTML:
		got, _ := rewriteHTML(text, func(hk htmlKind, name, s string) string {
			i := info
			i.Kind, i.Field = [...]PartKind{PartHTML, PartAttribute, PartComment}[hk], name
			return r.f(i, s)
		})
		return got
	case k == kindFolded:
		info.Kind = PartText
		plain := unfoldLines(text)
		if got := r.f(info, plain); got != plain {
			return foldLines(got, lineEndOf(text))
		}
		return text
	case n.flowed():
		info.Kind = PartText
		plain := unflow(text, n.delSp())
		if got := r.f(info, plain); got != plain {
			return flow(got, lineEndOf(text), n.delSp())
		}
		return text
	}
	info.Kind = PartText
	return r.f(info, text)
}

func lineEndOf(s string) string {
	if strings.Contains(s, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

func (r *rewriter) opaque(n *node, h *header, info PartInfo, data []byte, known bool) ([]byte, bool) {
	if !known {
		r.b.problem(n.where, ReasonTransfer)
	}
	verdict, note := Keep, ""
	if r.decide != nil {
		verdict, note = r.decide(Opaque{PartInfo: info, Name: n.file, Size: len(n.body), Text: func() (string, []Problem) {
			b := newBudget(r.limits)
			return b.fileText(n.where, n.file, n.ctype, data), b.problems
		}})
	}
	switch verdict {
	case Drop:
		r.changes.Dropped++
		if n.mail {
			return r.note(n, h, ""), false
		}
		return nil, true
	case Replace:
		r.changes.Replaced++
		return r.note(n, h, note), false
	}
	r.changes.Kept++
	r.b.problem(n.where, ReasonOpaque)
	return join3(h, n, n.body), false
}

// note returns a text part in place of n. The header h of a whole mail stays,
// but for what described the old content.
func (r *rewriter) note(n *node, h *header, text string) []byte {
	nl := n.newline()
	if !n.mail {
		h = &header{nl: nl, dirty: true}
	}
	for _, name := range []string{"Content-Disposition", "Content-Description", "Content-ID", "Content-Location"} {
		h.drop(name)
	}
	h.set("Content-Type", "text/plain; charset=utf-8")
	h.set("Content-Transfer-Encoding", "quoted-printable")
	body, _ := encodeTransfer("quoted-printable", []byte(text), nl, true)
	out := append(h.bytes(), nl...)
	return append(out, n.likeTail(body)...)
}
