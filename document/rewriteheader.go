package document

import (
	"bytes"
	"strings"
)

// header is the header of a part on its way to being rewritten.
type header struct {
	fields []field
	nl     string
	raw    []byte // the header as it was, given back while nothing is changed
	dirty  bool
}

func newHeader(n *node, nl string) *header {
	return &header{fields: append([]field(nil), n.fields...), nl: nl, raw: n.header}
}

func (h *header) bytes() []byte {
	if !h.dirty && h.fields != nil {
		return append([]byte(nil), h.raw...)
	}
	var out []byte
	for _, f := range h.fields {
		out = append(out, f.raw...)
		if !bytes.HasSuffix(f.raw, []byte("\n")) {
			out = append(out, h.nl...)
		}
	}
	return out
}

func (h *header) has(name string) bool {
	for _, f := range h.fields {
		if f.is(name) {
			return true
		}
	}
	return false
}

// replace gives the i-th field a new body, already encoded and folded.
func (h *header) replace(i int, body string) {
	h.dirty = true
	name := h.fields[i].name
	h.fields[i] = newField([]byte(name + ": " + body + h.nl))
}

// set writes the first field of a name anew, or adds it, and drops others of the name.
func (h *header) set(name, body string) {
	done := false
	for i := 0; i < len(h.fields); i++ {
		if !h.fields[i].is(name) {
			continue
		}
		if done {
			h.fields = append(h.fields[:i], h.fields[i+1:]...)
			i--
			continue
		}
		h.replace(i, body)
		done = true
	}
	if !done {
		h.dirty = true
		h.fields = append(h.fields, newField([]byte(name+": "+body+h.nl)))
	}
}

func (h *header) drop(name string) {
	for i := 0; i < len(h.fields); i++ {
		if h.fields[i].is(name) {
			h.dirty = true
			h.fields = append(h.fields[:i], h.fields[i+1:]...)
			i--
		}
	}
}

// setParam replaces the parameters of a base name in a structured field by one
// that is written already.
func (h *header) setParam(field, value, base, written string) {
	for i, f := range h.fields {
		if f.is(field) {
			h.replace(i, h.withParam(unfold(f.body), base, written, len(field)+2))
			return
		}
	}
	h.set(field, value+"; "+written)
}

func (h *header) withParam(body, base, written string, col int) string {
	_, params := splitParams(body)
	head, _, _ := cutQuoted(body, ';')
	words := []string{strings.TrimSpace(head)}
	for _, p := range params {
		if b, _, _ := paramBase(p.key); b != base {
			words = append(words, p.raw)
		}
	}
	words = append(words, written)
	for i := range words[:len(words)-1] {
		words[i] += ";"
	}
	return foldWords(words, h.nl, col)
}

var addressFields = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "sender": true, "reply-to": true, "resent-from": true, "resent-to": true,
	"resent-cc": true, "resent-bcc": true, "resent-sender": true, "return-path": true, "delivered-to": true, "x-original-to": true,
	"envelope-to": true, "disposition-notification-to": true, "errors-to": true, "return-receipt-to": true, "mail-followup-to": true,
	"apparently-to": true, "x-envelope-from": true, "x-envelope-to": true,
}

// structural fields say how the mail is built, not who is in it.
var structuralFields = map[string]bool{
	"mime-version": true, "content-transfer-encoding": true, "date": true, "resent-date": true, "content-length": true, "lines": true,
	"status": true, "x-status": true, "x-uid": true,
}

// header gives the fields of a part to f.
func (r *rewriter) header(n *node, nested bool) *header {
	h := newHeader(n, n.newline())
	for i := range h.fields {
		f := h.fields[i]
		name := strings.ToLower(f.name)
		info := PartInfo{Where: n.where, Kind: PartHeader, Field: f.name, ContentType: n.ctype, Attachment: nested}
		first := len(f.name) + 2
		switch {
		case structuralFields[name]:
		case name == "":
			line := guess(trimEOL(f.raw))
			if got := r.f(info, line); got != line {
				r.changes.Headers++
				h.dirty = true
				h.fields[i].raw = []byte(strings.NewReplacer("\r", " ", "\n", " ").Replace(got) + h.nl)
			}
		case name == "content-type" || name == "content-disposition":
			base := "name"
			if name == "content-disposition" {
				base = "filename"
			}
			_, params := splitParams(unfold(f.body))
			old := paramValue(params, base)
			if old == "" {
				break
			}
			info.Kind = PartFileName
			if got := r.f(info, old); got != old {
				r.changes.FileNames++
				h.replace(i, h.withParam(unfold(f.body), base, formatParam(base, got), first))
			}
		case name == "message-id" || name == "in-reply-to" || name == "references" || name == "resent-message-id":
			info.Kind = PartMessageID
			if body, ok := r.messageIDs(info, unfold(f.body)); ok {
				r.changes.Headers++
				h.replace(i, foldWords(strings.Fields(body), h.nl, first))
			}
		case addressFields[name]:
			list := splitAddresses(unfold(f.body))
			changed := false
			for k := range list {
				list[k].name = r.one(info, PartName, list[k].name, &changed)
				list[k].addr = r.one(info, PartAddress, list[k].addr, &changed)
			}
			if changed {
				r.changes.Headers++
				h.replace(i, formatAddresses(list, h.nl, first))
			}
		default:
			old := decodeHeader(unfold(f.body))
			if got := r.f(info, old); got != old {
				r.changes.Headers++
				h.replace(i, encodeHeader(strings.TrimSpace(got), h.nl, first))
			}
		}
	}
	return h
}

func (r *rewriter) one(info PartInfo, k PartKind, s string, changed *bool) string {
	if s == "" {
		return s
	}
	info.Kind = k
	got := r.f(info, s)
	if got == s {
		return s
	}
	*changed = true
	return strings.TrimSpace(got)
}

// anonymousID stands for a message id that f changed: an id that is rewritten
// word by word would be no id any more. The domain is reserved (RFC 2606).
const anonymousID = "removed@removed.invalid"

func (r *rewriter) messageIDs(info PartInfo, body string) (string, bool) {
	changed := false
	var out strings.Builder
	for rest := body; ; {
		i := strings.IndexByte(rest, '<')
		j := -1
		if i >= 0 {
			j = strings.IndexByte(rest[i:], '>')
		}
		if i < 0 || j < 0 {
			if t := decodeHeader(rest); strings.TrimSpace(t) != "" {
				if got := r.f(info, t); got != t {
					changed = true
					rest = encodeHeader(got, "", -1<<20)
				}
			}
			out.WriteString(rest)
			break
		}
		if between := decodeHeader(rest[:i]); strings.TrimSpace(between) != "" {
			if got := r.f(info, between); got != between {
				changed = true
				between = encodeHeader(got, "", -1<<20) + " "
			}
			out.WriteString(between)
		} else {
			out.WriteString(rest[:i])
		}
		id := decodeHeader(rest[i+1 : i+j])
		if id != anonymousID && r.f(info, id) != id {
			changed = true
			id = anonymousID
			out.WriteString("<" + id + ">")
		} else {
			out.WriteString(rest[i : i+j+1])
		}
		rest = rest[i+j+1:]
	}
	return out.String(), changed
}
