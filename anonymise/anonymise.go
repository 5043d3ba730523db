// Package anonymise turns records into ones that no longer tell of a person,
// and judges whether it has succeeded: the word anonymised follows from the
// checks AN1-AN6 (REQUIREMENTS 7.4) and never from the wish. It is pure: records
// and field descriptions in, replacements and findings out.
package anonymise

import (
	"net/mail"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii"
)

// Options says how a conversation is rewritten.
type Options struct {
	Lang string            // of the replacements: "sv" (also "") or "en"
	Text gallra.TextPolicy // free text is removed unless TextRedact
	PII  *pii.Engine       // needed for TextRedact; without it text is removed
	// Files is what becomes of attachments; one that cannot be redacted is erased.
	Files gallra.FilePolicy
}

// Conversation rewrites the records of one conversation, so that a person has
// the same placeholder throughout. It holds personal data in memory.
type Conversation struct {
	opt      Options
	known    []gallra.Identifier // of persons who are not the organisation's own
	redactor *pii.Redactor
}

// New returns a rewriter of the conversation that records make up. The
// identity fields of all of them are known identifiers in all of its texts.
func New(o Options, types map[string]connector.Type, records []gallra.Record) *Conversation {
	c := &Conversation{opt: o}
	var known []gallra.Identifier
	for _, r := range records {
		for _, f := range r.Fields {
			info, ok := types[r.Ref.Type].Field(f.Name)
			if ok && info.Text && info.Role != "" && info.Role != gallra.RoleAgent {
				c.known = append(c.known, mailboxes(f.Value)...)
			}
			if k, is := kinds[info.Category]; ok && is && !info.Text && f.Value != "" && f.Value != c.replacement(info.Category) {
				known = append(known, gallra.Identifier{Kind: k, Value: f.Value})
				if info.Role != gallra.RoleAgent {
					c.known = append(c.known, known[len(known)-1])
				}
			}
		}
	}
	if o.Text != gallra.TextRedact && o.Files != gallra.FilesRedact || o.PII == nil {
		return c
	}
	c.redactor = o.PII.NewRedactor(pii.RedactOptions{Lang: o.Lang, Known: known})
	return c
}

var kinds = map[gallra.Category]gallra.IdentifierKind{
	gallra.CategoryPerson: gallra.IdentName, gallra.CategoryEmail: gallra.IdentEmail, gallra.CategoryPhone: gallra.IdentPhone,
	gallra.CategoryPersonnummer: gallra.IdentPersonnummer, gallra.CategoryUsername: gallra.IdentUsername,
	gallra.CategoryCustomerID: gallra.IdentCustomer, gallra.CategoryIP: gallra.IdentIP,
}

// longMailboxes is how long a field can be that is a list of addresses.
const longMailboxes = 500

// mailboxes returns the addresses of a field that holds them as a mail's header
// does, with the names beside them. Other text gives none.
func mailboxes(value string) []gallra.Identifier {
	if len(value) > longMailboxes || !strings.Contains(value, "@") {
		return nil
	}
	list, err := mail.ParseAddressList(value)
	if err != nil {
		return nil
	}
	var out []gallra.Identifier
	for _, a := range list {
		out = append(out, gallra.Identifier{Kind: gallra.IdentEmail, Value: a.Address})
		if a.Name != "" {
			out = append(out, gallra.Identifier{Kind: gallra.IdentName, Value: a.Name})
		}
	}
	return out
}

// Values returns what must stand nowhere in the conversation once it is
// rewritten: the values of its identity fields, and what redacting has found. A
// value that is a common word or a small number as well proves nothing and is
// left out. They are personal data: for a look afterwards, and then forgotten.
func (c *Conversation) Values() []gallra.Identifier {
	all := c.known
	if c.redacts() {
		all = append(slices.Clone(all), c.redactor.Known()...)
	}
	var out []gallra.Identifier
	seen := map[gallra.Identifier]bool{}
	for _, id := range all {
		if seen[id] || !telling(id) {
			continue
		}
		seen[id] = true
		out = append(out, id)
	}
	return out
}

// Trim gives back memory that can be made again: of many conversations that are
// kept, few are rewritten at a time.
func (c *Conversation) Trim() {
	if c.redactor != nil {
		c.redactor.Trim()
	}
}

// Forget gives back what is only needed until the conversation is as it is to be.
func (c *Conversation) Forget() {
	if c.redactor != nil {
		c.redactor.Forget()
	}
}

// Learned returns how many values are known. It has grown when records were
// learnt that tell of more: what was rewritten before may need it once more.
func (c *Conversation) Learned() int {
	if c.redactor == nil {
		return 0
	}
	return c.redactor.Learned()
}

// Learn reads the texts of records of the conversation that are to be redacted,
// so that a name that only one of them gives away is taken out of all. A text is
// searched once: Edits uses what Learn has found.
func (c *Conversation) Learn(types map[string]connector.Type, records ...gallra.Record) {
	if c.redactor == nil {
		return
	}
	for _, r := range records {
		for _, f := range r.Fields {
			info, known := types[r.Ref.Type].Field(f.Name)
			switch {
			case f.Value == "" || !known || info.Keep || info.ReadOnly:
			case info.Format == connector.FormatFile:
				if c.redactsFile(r, f.Value) {
					c.redactor.Learn(f.Value)
				}
			case !c.redacts():
			case info.Format == connector.FormatMail:
				c.learnMail(f.Value)
			case info.Text && info.Format != connector.FormatHeaders && info.Format != connector.FormatJSON:
				c.redactor.Learn(f.Value)
			}
		}
	}
}

// learnMail learns the texts of a mail that mail redacts, as it sees them.
func (c *Conversation) learnMail(raw string) {
	_, _, _ = document.RewriteMail([]byte(raw), func(p document.PartInfo, text string) string { // one that cannot be read is said to be so by Edits
		if redacted(p) && strings.TrimSpace(text) != "" {
			c.redactor.Learn(text)
		}
		return text
	})
}

// Change is what is to become of a record.
type Change struct {
	Set  []gallra.Field
	Left []Left
}

// rounds bounds how often a conversation is gone through: what is replaced in one
// text may tell of more to replace in another.
const rounds = 4

// Rewrite learns records, which belong together, and returns what Edits says of
// each when nothing more is learnt.
func (c *Conversation) Rewrite(types map[string]connector.Type, records []gallra.Record) []Change {
	c.Learn(types, records...)
	out := make([]Change, len(records))
	for range rounds {
		before := c.Learned()
		for n, r := range records {
			out[n].Set, out[n].Left = c.Edits(types[r.Ref.Type], r)
		}
		if c.Learned() == before {
			break
		}
	}
	return out
}

// telling reports whether a value that is met points at a person, and does not
// stand there by chance.
func telling(id gallra.Identifier) bool {
	switch id.Kind {
	case gallra.IdentName:
		return len(strings.Fields(id.Value)) > 1
	case gallra.IdentUsername, gallra.IdentCustomer:
		return len(id.Value) > 5
	}
	return true
}

// Left is a field that cannot be rewritten: its record must be erased, or it
// remains and says so.
type Left struct{ Field, Why string }

// Edits returns the fields of r to set. What is set already as it should be is
// left out, so that a second call on the result returns nothing.
func (c *Conversation) Edits(t connector.Type, r gallra.Record) (set []gallra.Field, left []Left) {
	for _, f := range r.Fields {
		info, known := t.Field(f.Name)
		if f.Value == "" || !known || info.Keep || info.ReadOnly {
			continue
		}
		if info.Format == connector.FormatFile && c.opt.Files == gallra.FilesKeep {
			continue
		}
		value, why := c.rewrite(info, f.Value)
		if info.Format == connector.FormatFile && c.redactsFile(r, f.Value) {
			value, why = c.redactor.Redact(f.Value), ""
		}
		if stem, ext := c.fileName(t, r, f); ext != "" {
			value, why = c.text(stem)+ext, ""
		}
		if why != "" {
			left = append(left, Left{f.Name, why})
			continue
		}
		if value != f.Value {
			set = append(set, gallra.Field{Name: f.Name, Value: value})
		}
	}
	return set, left
}

// rewrite returns what is to stand in the place of a field's value; why says
// that nothing can.
func (c *Conversation) rewrite(info connector.FieldInfo, value string) (out, why string) {
	switch {
	case info.Format == connector.FormatFile:
		return "", "anonymise.file"
	case info.Format == connector.FormatMail: // the mail itself, also where its texts are fields of their own
		return c.mail(value)
	case info.Text && (info.Format == connector.FormatHeaders || info.Format == connector.FormatJSON):
		return "", ""
	case info.Text:
		return c.text(value), ""
	case info.Category != "":
		return c.replacement(info.Category), ""
	}
	return value, ""
}

// redactsFile reports whether a file is redacted as it stands.
func (c *Conversation) redactsFile(r gallra.Record, content string) bool {
	return c.opt.Files == gallra.FilesRedact && c.redactor != nil && plainText(r, content)
}

// fileName takes the name apart of a file that is redacted: what kind of file it
// is must be told from its name the next time too.
func (c *Conversation) fileName(t connector.Type, r gallra.Record, f gallra.Field) (stem, ext string) {
	if !namesFile(f) || !slices.ContainsFunc(r.Fields, func(f gallra.Field) bool {
		info, _ := t.Field(f.Name)
		return info.Format == connector.FormatFile && c.redactsFile(r, f.Value)
	}) {
		return f.Value, ""
	}
	ext = path.Ext(f.Value)
	return strings.TrimSuffix(f.Value, ext), ext
}

func namesFile(f gallra.Field) bool {
	return slices.Contains([]string{"filename", "name", "file_name"}, strings.ToLower(f.Name))
}

// plainText reports whether a file can be redacted as it stands: it is text, by
// its name and by its bytes.
func plainText(r gallra.Record, content string) bool {
	name := ""
	for _, f := range r.Fields {
		if namesFile(f) {
			name = f.Value
		}
	}
	return slices.Contains([]string{".txt", ".csv", ".tsv", ".md", ".log", ".json", ".eml"}, strings.ToLower(path.Ext(name))) && utf8.ValidString(content) && !strings.ContainsRune(content, 0)
}

// redacts reports whether free text is redacted and not removed.
func (c *Conversation) redacts() bool { return c.redactor != nil && c.opt.Text == gallra.TextRedact }

func (c *Conversation) text(s string) string {
	if c.redacts() {
		return c.redactor.Redact(s)
	}
	if c.opt.Lang == "en" {
		return "[removed]"
	}
	return "[borttaget]"
}

// replacement is the same for everyone: it must link nothing to nothing. Names
// and addresses get one that a system accepts where it demands a value.
func (c *Conversation) replacement(cat gallra.Category) string {
	switch {
	case cat == gallra.CategoryEmail:
		return "anonym@example.invalid"
	case cat == gallra.CategoryPerson && c.opt.Lang == "en":
		return "Anonymous"
	case cat == gallra.CategoryPerson:
		return "Anonym"
	}
	return ""
}

// structural are the header fields that say how and when, not who and what.
var structural = map[string]bool{"date": true, "mime-version": true, "content-type": true, "content-transfer-encoding": true, "content-disposition": true}

// redacted reports whether a part of a mail is running text.
func redacted(p document.PartInfo) bool {
	return p.Kind == document.PartText || p.Kind == document.PartHTML || p.Kind == document.PartHeader && strings.EqualFold(p.Field, "Subject")
}

// mail rewrites a whole mail so that it stays one. Attachments go.
func (c *Conversation) mail(raw string) (out, why string) {
	b, _, err := document.RewriteMail([]byte(raw), func(p document.PartInfo, text string) string {
		switch {
		case redacted(p) && strings.TrimSpace(text) == "":
			return text
		case redacted(p) && (c.redacts() || p.Kind != document.PartHeader):
			return c.text(text)
		case p.Kind == document.PartHeader && structural[strings.ToLower(p.Field)]:
			return text
		}
		return "" // names, addresses, ids, file names, attributes, comments
	}, document.Attachments(func(document.Opaque) (document.Verdict, string) { return document.Drop, "" }))
	if err != nil {
		return "", "anonymise.mail"
	}
	return string(b), ""
}
