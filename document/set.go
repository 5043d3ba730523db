package document

import (
	"strings"

	"github.com/gallra/gallra"
)

// SetHeader returns a mail whose unstructured field name has the value, in the
// place of the first such field, or as the last of the header.
func SetHeader(raw []byte, name, value string) []byte {
	n, h := openHeader(raw)
	h.set(name, encodeHeader(strings.TrimSpace(value), h.nl, len(name)+2))
	return join3(h, n, n.body)
}

// SetSender returns a mail whose From has the name and address as its first;
// others in the field stay.
func SetSender(raw []byte, a Address) []byte {
	n, h := openHeader(raw)
	list := splitAddresses(n.field("From"))
	if len(list) == 0 {
		list = make([]mailbox, 1)
	}
	list[0] = mailbox{name: a.Name, addr: a.Address}
	h.set("From", formatAddresses(list, h.nl, len("From: ")))
	return join3(h, n, n.body)
}

func openHeader(raw []byte) (*node, *header) {
	n := &node{where: "1", mail: true, raw: raw}
	fields, he, bs := splitHeader(raw, nil)
	n.fields, n.header, n.gap, n.body = fields, raw[:he], raw[he:bs], raw[bs:]
	return n, newHeader(n, n.newline())
}

// SetText returns a mail with the text in place of all that a reader sees: one
// plain part instead of the alternatives. Attachments stay. ErrUnsupported as
// RewriteMail.
func SetText(raw []byte, text string, l Limits) ([]byte, error) {
	r := &rewriter{f: func(_ PartInfo, s string) string { return s }, limits: l, text: &text}
	r.b = newBudget(l)
	if int64(len(raw)) > r.b.Bytes {
		return nil, gallra.Errorf(gallra.Unsupported, ReasonTooLarge)
	}
	root := parseTree(raw, r.b)
	if len(r.b.problems) > 0 {
		for _, p := range r.b.problems {
			if p.Reason == ReasonTooDeep || p.Reason == ReasonTooMany || p.Reason == ReasonTooLarge {
				return nil, gallra.Errorf(gallra.Unsupported, p.Reason)
			}
		}
	}
	out, _ := r.node(root, false)
	if !r.placed {
		return nil, gallra.Errorf(gallra.Unsupported, "document.no_text")
	}
	return out, nil
}

// place puts the new text in the first part that a reader sees, and takes the
// others out.
func (r *rewriter) place(n *node, h *header) ([]byte, bool) {
	if r.placed {
		return nil, true
	}
	r.placed = true
	h.set("Content-Type", "text/plain; charset=utf-8")
	h.set("Content-Transfer-Encoding", "base64") // keeps every byte of the text
	if n.mail && !h.has("MIME-Version") {
		h.set("MIME-Version", "1.0")
	}
	return join3(h, n, n.likeTail(wrapBase64([]byte(*r.text), n.newline()))), false
}
