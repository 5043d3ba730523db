package mailrecord

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// Needle is what a search looks for, ready for many mails. It is immutable and
// safe for concurrent use.
type Needle struct {
	ids     []gallra.Identifier
	depth   connector.Depth
	matcher *ident.Matcher
	own     []string
}

// NewNeedle prepares a search. own are the organisation's own addresses and
// domains: a mail from one of them is an answer, and its receiver the requester.
func NewNeedle(n connector.Needles, own []string) *Needle {
	return &Needle{ids: n.Identifiers, depth: n.Depth, matcher: ident.New(n.Identifiers), own: own}
}

// Own splits the option "own": addresses and domains parted by commas or blanks.
func Own(option string) []string {
	return strings.FieldsFunc(strings.ToLower(option), func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

func (n *Needle) isOwn(list []document.Address) bool {
	for _, a := range list {
		addr := strings.ToLower(a.Address)
		for _, o := range n.own {
			if addr == o || strings.HasSuffix(addr, "@"+strings.TrimPrefix(o, "@")) {
				return true
			}
		}
	}
	return false
}

// Hits returns where a mail is about the person: at most one hit for each
// identifier and field.
func (n *Needle) Hits(s Stored, l document.Limits) ([]connector.Hit, []connector.Problem) {
	raw := s.Raw
	if n.depth == connector.InFields {
		raw = headerOf(raw)
	}
	m, err := document.ParseMail(raw, l)
	if err != nil {
		return nil, []connector.Problem{{Ref: s.Ref, Reason: ReasonNoMail}}
	}
	var problems []connector.Problem
	if n.depth == connector.InText {
		for _, q := range m.Problems {
			problems = append(problems, connector.Problem{Ref: s.Ref, Where: q.Where, Reason: q.Reason})
		}
	}
	at := created(m.Date, s.Received)
	var hits []connector.Hit
	seen := map[string]map[int]bool{}
	look := func(field, text string, role gallra.Role) {
		for _, f := range n.matcher.Find(text) {
			if seen[field] == nil {
				seen[field] = map[int]bool{}
			}
			if seen[field][f.Index] {
				continue
			}
			seen[field][f.Index] = true
			hits = append(hits, connector.Hit{Ref: s.Ref, Role: role, Field: field, Kind: n.ids[f.Index].Kind, Created: at, Identifier: f.Index})
		}
	}
	// Address and name of one person in one text, so that the address never
	// hides the name.
	people := func(field string, list []document.Address, role gallra.Role) {
		for _, a := range list {
			look(field, a.Address, role)
			look(field+"_name", a.Name, role)
		}
	}
	from, to := gallra.RoleRequester, gallra.RoleCC
	if n.isOwn(m.From) {
		from, to = gallra.RoleAgent, gallra.RoleRequester
	}
	people(From, m.From, from)
	people(From, m.Sender, from)
	people(To, m.To, to)
	people(CC, m.Cc, gallra.RoleCC)
	people(CC, m.Bcc, gallra.RoleCC)
	for _, a := range m.ReplyTo {
		look(ReplyTo, a.Name+" "+a.Address, from)
	}
	if n.depth == connector.InText {
		look(Subject, m.Subject, gallra.RoleMentioned)
		said, quoted := splitQuotes(m.Body())
		look(Text, said, gallra.RoleMentioned)
		look(Text, quoted, gallra.RoleQuoted)
		look(Attachments, m.AttachmentText(), gallra.RoleAttachment)
		look(Headers, otherHeaders(m), gallra.RoleMentioned)
	}
	strong := false
	kinds := map[int]bool{}
	for _, h := range hits {
		kinds[h.Identifier] = true
		strong = strong || h.Kind != gallra.IdentName
	}
	for i := range hits {
		switch {
		case hits[i].Kind != gallra.IdentName:
			hits[i].Certainty = connector.Certain
		case strong:
			hits[i].Certainty = connector.Probable
		default:
			hits[i].Certainty = connector.Unsure
		}
	}
	return hits, problems
}

// headerOf cuts a mail after its header.
func headerOf(raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\n' {
			continue
		}
		if i+1 < len(raw) && raw[i+1] == '\n' {
			return raw[:i+2]
		}
		if i+2 < len(raw) && raw[i+1] == '\r' && raw[i+2] == '\n' {
			return raw[:i+3]
		}
	}
	return raw
}

// splitQuotes parts what the writer says from what he quotes.
func splitQuotes(text string) (said, quoted string) {
	var a, b strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " "), ">") {
			b.WriteString(strings.TrimLeft(line, "> "))
		} else {
			a.WriteString(line)
		}
	}
	return a.String(), b.String()
}

// Leftovers returns what is left of the person in a mail, looking at every
// decoded text in it: all headers, markup, comments, file names, attachments.
// It is another road than Hits, which reads the fields of the record.
func (n *Needle) Leftovers(s Stored, l document.Limits) ([]gallra.Residue, []connector.Problem) {
	count := map[string]int64{}
	var order []string
	look := func(where, text string) {
		if found := int64(len(n.matcher.Find(text))); found > 0 {
			if count[where] == 0 {
				order = append(order, where)
			}
			count[where] += found
		}
	}
	var problems []connector.Problem
	problem := func(where, reason string) {
		problems = append(problems, connector.Problem{Ref: s.Ref, Where: where, Reason: reason})
	}
	_, changes, err := document.RewriteMail(s.Raw, func(i document.PartInfo, text string) string {
		where := "part " + i.Where + " " + string(i.Kind)
		switch i.Kind {
		case document.PartHeader, document.PartName, document.PartAddress, document.PartMessageID:
			where = "part " + i.Where + " " + headerName(i.Field)
		}
		look(where, text)
		return text
	}, document.WithLimits(l), document.Attachments(func(o document.Opaque) (document.Verdict, string) {
		text, ps := o.Text()
		look("part "+o.Where+" attachment", text)
		for _, p := range ps {
			problem(p.Where, p.Reason)
		}
		return document.Keep, ""
	}))
	if err != nil {
		// Too large or too deep to walk in full: the text as far as it is read.
		problem("", ReasonTooLarge)
		if m, err := document.ParseMail(s.Raw, l); err == nil {
			for _, h := range m.Header {
				look(headerName(h.Name), h.Value)
			}
			look("text", m.Body())
			look("attachments", m.AttachmentText())
		}
	}
	for _, p := range changes.Problems {
		if p.Reason != document.ReasonOpaque {
			problem(p.Where, p.Reason)
		}
	}
	if s.Truncated {
		problem("", ReasonTooLarge)
	}
	var out []gallra.Residue
	for _, where := range order {
		out = append(out, gallra.Residue{Ref: s.Ref, Where: where, Why: "mail.left_in_mail", Count: count[where]})
	}
	return out, problems
}

// headerName returns the name of a header field if it is one that mail programs
// write; others could be anything.
func headerName(name string) string {
	if len(name) > 40 || strings.ContainsAny(name, "@0123456789") || name == "" {
		return "header"
	}
	return "header " + name
}

// Count counts the person's identifiers in text that is no mail: file names,
// envelope lines, indexes and caches beside a mailbox.
func (n *Needle) Count(text string) int64 { return int64(len(n.matcher.Find(text))) }
