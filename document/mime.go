package document

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// node is one part of a mail as it stands in the bytes of the mail.
type node struct {
	where  string // "1.2"
	mail   bool   // a whole mail: the outermost, or one within a part
	raw    []byte // header and body
	fields []field
	header []byte // raw header, without the blank line
	gap    []byte // the blank line
	body   []byte

	ctype    string
	params   []param
	cte      string
	disp     string
	dparams  []param
	boundary string
	file     string // the part's file name, decoded; "" when it has none
	charset  string // as the part calls it
	kind     kind

	// A multipart body is between[0] child[0] between[1] ... child[n-1] between[n];
	// what is between are preamble, delimiter lines and epilogue.
	children []*node
	between  [][]byte
	message  *node  // the mail in a message/rfc822 part
	inner    []byte // its bytes, when the part is transfer-encoded
	unread   bool   // Limits forbade looking inside
}

func (n *node) field(name string) string {
	for _, f := range n.fields {
		if f.is(name) {
			return unfold(f.body)
		}
	}
	return ""
}

// attachment reports whether a mail program would show the part as a file.
func (n *node) attachment() bool {
	return n.disp == "attachment" || n.file != "" || !strings.HasPrefix(n.ctype, "text/")
}

// kind is how the content of a leaf is read.
type kind int

const (
	kindOpaque kind = iota
	kindText
	kindHTML
	kindFolded // vCard and iCalendar: long lines are folded
	kindMail
)

var kindByExtension = map[string]kind{
	".txt": kindText, ".csv": kindText, ".tsv": kindText, ".log": kindText, ".md": kindText, ".json": kindText,
	".jsonl": kindText, ".xml": kindText, ".yaml": kindText, ".yml": kindText, ".ini": kindText, ".sql": kindText,
	".html": kindHTML, ".htm": kindHTML, ".vcf": kindFolded, ".ics": kindFolded, ".ical": kindFolded, ".eml": kindMail,
}

// kindOf says how a file of a name and content type is read and rewritten as text.
func kindOf(name, ctype string) kind {
	ext := strings.ToLower(path.Ext(name))
	switch {
	case ctype == "text/html" || ctype == "application/xhtml+xml":
		return kindHTML
	case ctype == "text/calendar" || ctype == "text/vcard" || ctype == "text/x-vcard" || ctype == "text/directory":
		return kindFolded
	case ctype == "message/rfc822" || ctype == "message/global":
		return kindMail
	case ctype == "text/rtf" || ctype == "text/richtext" || ext == ".rtf":
		return kindOpaque
	case strings.HasPrefix(ctype, "text/") || strings.HasPrefix(ctype, "message/"),
		strings.HasPrefix(ctype, "multipart/"), // one without parts: whatever stands there
		ctype == "application/json", ctype == "application/xml", ctype == "application/x-ndjson",
		strings.HasSuffix(ctype, "+json"), strings.HasSuffix(ctype, "+xml") && !strings.HasPrefix(ctype, "image/"):
		if k := kindByExtension[ext]; k == kindHTML || k == kindFolded {
			return k
		}
		return kindText
	case ctype == "" || ctype == "application/octet-stream" || ctype == "application/x-octet-stream" || ctype == "application/download":
		return kindByExtension[ext]
	}
	return kindOpaque
}

// parseTree reads the structure of a mail. It never fails: bytes that are no
// mail are a header without a body or a body without a header.
func parseTree(raw []byte, b *budget) *node {
	n := b.tree(raw, "1", "text/plain", 0)
	n.mail = true
	return n
}

func (b *budget) tree(raw []byte, where, defaultType string, depth int) *node {
	n := &node{where: where, raw: raw}
	start := 0
	if bytes.HasPrefix(raw, []byte("From ")) {
		start = lineEnd(raw, 0) // the separator line of an mbox
	}
	all, he, bs := splitHeader(raw[start:], b.fields)
	fields := slices.Clip(all[len(b.fields):])
	b.fields = all
	if start > 0 {
		fields = append([]field{newField(raw[:start])}, fields...)
	}
	n.fields, n.header, n.gap, n.body = fields, raw[:start+he], raw[start+he:start+bs], raw[start+bs:]
	if ct := n.field("Content-Type"); ct != "" {
		n.ctype, n.params = splitParams(ct)
	}
	if !strings.Contains(n.ctype, "/") {
		n.ctype = defaultType // RFC 2045 5.2
	}
	n.cte, _ = splitParams(n.field("Content-Transfer-Encoding"))
	n.disp, n.dparams = splitParams(n.field("Content-Disposition"))
	if n.file = paramValue(n.dparams, "filename"); n.file == "" {
		n.file = paramValue(n.params, "name")
	}
	n.charset = paramValue(n.params, "charset")
	n.kind = kindOf(n.file, n.ctype)
	switch {
	case strings.HasPrefix(n.ctype, "multipart/"):
		n.boundary = paramValue(n.params, "boundary")
		if n.boundary == "" {
			b.problem(where, ReasonBroken)
			break
		}
		if depth >= b.Depth {
			b.problem(where, ReasonTooDeep)
			n.unread = true
			break
		}
		b.split(n, depth)
	case n.kind == kindMail:
		if depth >= b.Depth {
			b.problem(where, ReasonTooDeep)
			n.unread = true
			break
		}
		inner := n.body
		if n.cte == "base64" || n.cte == "quoted-printable" {
			var whole bool
			inner, whole, _ = decodeTransfer(n.cte, n.body, b.bytes, nil)
			if !whole || !b.take(len(inner), where) {
				b.problem(where, ReasonTooLarge)
				n.unread = true
				break
			}
			n.inner = inner
		}
		if len(bytes.TrimSpace(inner)) > 0 {
			n.message = b.tree(inner, where+".1", "text/plain", depth+1)
			n.message.mail = true
		}
	}
	return n
}

// split cuts a multipart body into its parts.
func (b *budget) split(n *node, depth int) {
	childType := "text/plain"
	if n.ctype == "multipart/digest" {
		childType = "message/rfc822"
	}
	body, dash := n.body, []byte("--"+n.boundary)
	type mark struct {
		start, end int // the delimiter, with the line end before it and its own
		last       bool
	}
	var few [8]mark
	marks := few[:0]
	for i := 0; i < len(body); {
		k := bytes.Index(body[i:], dash)
		if k < 0 {
			break
		}
		k += i
		i = k + len(dash)
		if k > 0 && body[k-1] != '\n' {
			continue
		}
		end := lineEnd(body, k)
		rest := bytes.TrimRight(body[k+len(dash):end], " \t\r\n")
		last := bytes.Equal(rest, []byte("--"))
		if len(rest) > 0 && !last {
			continue
		}
		start := k
		if start > 0 {
			if start--; start > 0 && body[start-1] == '\r' {
				start--
			}
		}
		// An empty part has its delimiters' line ends in common.
		if len(marks) > 0 && start < marks[len(marks)-1].end {
			start = marks[len(marks)-1].end
		}
		marks = append(marks, mark{start, end, last})
		i = end
		if last {
			break
		}
		if len(marks) > b.Parts+1 {
			break
		}
	}
	if len(marks) == 0 {
		b.problem(n.where, ReasonTruncated)
		return
	}
	n.between = append(make([][]byte, 0, len(marks)+1), body[:marks[0].end])
	n.children = make([]*node, 0, len(marks))
	for i, m := range marks {
		if m.last {
			break
		}
		start, end, next := m.end, len(body), len(body)
		if i+1 < len(marks) {
			end, next = marks[i+1].start, marks[i+1].end
		} else {
			b.problem(n.where, ReasonTruncated)
		}
		where := n.where + "." + itoa(i+1)
		if !b.part(where) {
			n.unread = true
			n.between = append(n.between, body[start:])
			return
		}
		n.children = append(n.children, b.tree(body[start:end], where, childType, depth+1))
		n.between = append(n.between, body[end:next])
	}
	if end := marks[len(marks)-1]; len(n.children) == 0 {
		n.between[0] = body
	} else if end.last {
		n.between[len(n.between)-1] = body[end.start:]
	}
}
