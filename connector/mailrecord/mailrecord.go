// Package mailrecord says how a mail looks as a record, for every connector
// that reads mails: which fields it has, what in it points out a person, what
// is left of a person after an erasure, and how a new field value becomes a new
// mail. The connectors differ only in where the mails lie.
//
// One mail is one conversation: a mailbox does not know threads, and erasing a
// thread because one mail of it is old would take what is not due.
package mailrecord

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
)

// TypeName is the name of the one type of record.
const TypeName = "mail"

// The fields of a mail.
const (
	From        = "from" // addresses, joined by ", "
	FromName    = "from_name"
	To          = "to"
	ToName      = "to_name"
	CC          = "cc" // Cc and Bcc
	CCName      = "cc_name"
	ReplyTo     = "reply_to"
	Subject     = "subject"
	Date        = "date"        // RFC 3339, as the sender's clock had it
	Text        = "text"        // what a reader sees
	Attachments = "attachments" // file names and texts, attached mails included
	Headers     = "headers"     // the other header fields: Received, X-Originating-IP ...
	Raw         = "raw"         // the mail itself: the only field that is edited
	Folder      = "folder"
	Weekday     = "weekday" // 1 Monday to 7 Sunday, in Sweden
	Hour        = "hour"    // 00 to 23, in Sweden
	Answered    = "answered"
)

// Problems of a mail as a whole.
const (
	ReasonTooLarge = "mail.too_large" // beyond the limit: read in part, and not editable
	ReasonNoMail   = "mail.not_a_mail"
)

// Type returns the type, with the fields that only one connector has.
func Type(indexed bool, more ...connector.FieldInfo) connector.Type {
	who := func(name string, c gallra.Category, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: r, ReadOnly: true, Indexed: indexed}
	}
	text := func(name string) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Text: true, ReadOnly: true}
	}
	fields := []connector.FieldInfo{
		who(From, gallra.CategoryEmail, gallra.RoleRequester), who(FromName, gallra.CategoryPerson, gallra.RoleRequester),
		who(To, gallra.CategoryEmail, gallra.RoleCC), who(ToName, gallra.CategoryPerson, gallra.RoleCC),
		who(CC, gallra.CategoryEmail, gallra.RoleCC), who(CCName, gallra.CategoryPerson, gallra.RoleCC),
		{Name: ReplyTo, Category: gallra.CategoryEmail, Role: gallra.RoleRequester, ReadOnly: true},
		text(Subject), {Name: Date, ReadOnly: true}, text(Text), text(Attachments), text(Headers),
		{Name: Raw, Format: connector.FormatMail},
		{Name: Folder, Keep: true, ReadOnly: true}, {Name: Weekday, Keep: true, ReadOnly: true},
		{Name: Hour, Keep: true, ReadOnly: true}, {Name: Answered, Keep: true, ReadOnly: true},
	}
	return connector.Type{
		Name: TypeName, Kind: connector.KindConversation, Fields: append(fields, more...),
		Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact, gallra.StartUpdated},
	}
}

// Stored is a mail where it lies.
type Stored struct {
	Ref       gallra.Ref
	Version   string
	Folder    string
	Raw       []byte // as much as was read
	Truncated bool   // there is more than Raw
	Received  time.Time
	Answered  bool
}

// Version returns the version of a mail by its bytes.
func Version(raw []byte) string {
	h := sha256.Sum256(raw)
	return hex.EncodeToString(h[:12])
}

// Digest returns an id that does not show what it is made of.
func Digest(parts ...string) string {
	var room [128]byte
	b := room[:0]
	for _, p := range parts {
		b = append(append(strconv.AppendInt(b, int64(len(p)), 10), ':'), p...)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:10])
}

var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return time.FixedZone("CET", 3600)
	}
	return l
}()

// created returns when a mail was sent: its Date, unless there is none or it
// lies after the mail was received, when the sender's clock is not to be trusted.
func created(date, received time.Time) time.Time {
	if date.IsZero() || date.Year() < 1980 || !received.IsZero() && date.After(received.Add(48*time.Hour)) {
		return received
	}
	return date
}

// Record returns the record of a stored mail and what of it could not be read.
func Record(s Stored, p connector.Projection, l document.Limits) (gallra.Record, []connector.Problem) {
	r := gallra.Record{Ref: s.Ref, Version: s.Version, Updated: s.Received}
	if p != connector.FieldsAll {
		r.Created = created(dateOf(s.Raw), s.Received)
		r.Contact = r.Created
		if p == connector.FieldsKeep {
			r.Fields = appendKept(nil, s, r.Created)
		}
		return r, nil
	}
	var problems []connector.Problem
	if s.Truncated {
		problems = append(problems, connector.Problem{Ref: s.Ref, Reason: ReasonTooLarge})
	}
	m, err := document.ParseMail(s.Raw, l)
	if err != nil {
		problems = append(problems, connector.Problem{Ref: s.Ref, Reason: ReasonNoMail})
		m = &document.Mail{Parts: []document.Part{{Text: string(s.Raw)}}}
	}
	for _, q := range m.Problems {
		problems = append(problems, connector.Problem{Ref: s.Ref, Where: q.Where, Reason: q.Reason})
	}
	r.Created = created(m.Date, s.Received)
	r.Contact = r.Created
	date := ""
	if !m.Date.IsZero() {
		date = m.Date.Format(time.RFC3339)
	}
	cc := append(slices.Clone(m.Cc), m.Bcc...)
	r.Fields = make([]gallra.Field, 0, 17)
	add := func(name, value string) { r.Fields = append(r.Fields, gallra.Field{Name: name, Value: value}) }
	add(From, addresses(m.From))
	add(FromName, names(m.From))
	add(To, addresses(m.To))
	add(ToName, names(m.To))
	add(CC, addresses(cc))
	add(CCName, names(cc))
	add(ReplyTo, addresses(append(slices.Clone(m.ReplyTo), m.Sender...)))
	add(Subject, m.Subject)
	add(Date, date)
	add(Text, m.Body())
	add(Attachments, m.AttachmentText())
	add(Headers, otherHeaders(m))
	if !s.Truncated {
		add(Raw, string(s.Raw))
	}
	r.Fields = appendKept(r.Fields, s, r.Created)
	return r, problems
}

// appendKept appends the fields that stay for statistics.
func appendKept(fields []gallra.Field, s Stored, at time.Time) []gallra.Field {
	at = at.In(stockholm)
	weekday, hour := "", ""
	if !at.IsZero() {
		weekday, hour = strconv.Itoa((int(at.Weekday())+6)%7+1), hours[at.Hour()]
	}
	return append(fields, []gallra.Field{{Name: Folder, Value: FolderName(s.Folder)}, {Name: Weekday, Value: weekday}, {Name: Hour, Value: hour}, {Name: Answered, Value: strconv.FormatBool(s.Answered)}}...)
}

var hours = func() (h [24]string) {
	for i := range h {
		h[i] = fmt.Sprintf("%02d", i)
	}
	return h
}()

// FolderName returns the name of a folder as it may stand in statistics: one
// that holds an address or a long number is shown by a digest.
func FolderName(name string) string {
	digits := 0
	for _, c := range name {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits >= 6 || strings.Contains(name, "@") {
		return "#" + Digest(name)[:8]
	}
	return name
}

func addresses(list []document.Address) string {
	return joined(list, func(a document.Address) string { return a.Address })
}

func names(list []document.Address) string {
	return joined(list, func(a document.Address) string { return a.Name })
}

func joined(list []document.Address, part func(document.Address) string) string {
	if len(list) == 1 {
		return part(list[0])
	}
	var out []string
	for _, a := range list {
		if s := part(a); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// told are the header fields that other fields of the record tell, or that say
// nothing about a person.
var told = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`from to cc bcc reply-to sender subject date message-id in-reply-to references mime-version
		content-type content-transfer-encoding content-disposition content-id content-language dkim-signature arc-seal
		arc-message-signature domainkey-signature x-google-dkim-signature lines content-length status x-status x-uid`) {
		m[n] = true
	}
	return m
}()

func isTold(name string) bool {
	var lower [32]byte // longer than any of those told
	if len(name) > len(lower) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return told[string(lower[:len(name)])]
}

func otherHeaders(m *document.Mail) string {
	var room [1024]byte
	b := room[:0]
	for _, f := range m.Header {
		if !isTold(f.Name) {
			b = append(append(append(append(b, f.Name...), ": "...), f.Value...), '\n')
		}
	}
	return string(b)
}

// dateOf reads the Date of a header without reading the mail.
func dateOf(raw []byte) time.Time {
	for len(raw) > 0 {
		i := slices.Index(raw, '\n')
		if i < 0 {
			i = len(raw) - 1
		}
		line := raw[:i+1]
		raw = raw[i+1:]
		if len(line) <= 2 && strings.TrimSpace(string(line)) == "" {
			break
		}
		if len(line) > 5 && strings.EqualFold(string(line[:5]), "date:") {
			v := string(line[5:])
			for len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t') {
				j := slices.Index(raw, '\n')
				if j < 0 {
					j = len(raw) - 1
				}
				v += string(raw[:j+1])
				raw = raw[j+1:]
			}
			v = strings.Join(strings.Fields(v), " ")
			if t, err := mail.ParseDate(v); err == nil {
				return t
			}
			if m, err := document.ParseMail([]byte("Date: "+v+"\n\n"), document.Limits{}); err == nil {
				return m.Date
			}
		}
	}
	return time.Time{}
}

// Selects reports whether a query wants the record, by its time range and parents.
func Selects(q connector.Query, r gallra.Record) bool {
	if len(q.Parents) > 0 && !slices.Contains(q.Parents, r.Ref) {
		return false
	}
	if q.Clock == "" || q.From.IsZero() && q.To.IsZero() {
		return true
	}
	t, ok := r.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = r.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// CheckType returns ErrInvalid for a type that is not TypeName.
func CheckType(name string) error {
	if name != TypeName {
		return gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", name)
	}
	return nil
}

// Edited returns the mail that set makes. An anonymisation or redaction sets the
// field raw, rewritten by document.RewriteMail. To rectify, from, from_name,
// subject and text can be set too; what they replace goes from the other header
// fields as well.
func Edited(s Stored, set []gallra.Field) ([]byte, error) {
	if s.Truncated {
		return nil, gallra.Errorf(gallra.Unsupported, ReasonTooLarge)
	}
	raw := s.Raw
	for _, f := range set {
		if f.Name == Raw {
			raw = []byte(f.Value)
		}
	}
	m, err := document.ParseMail(raw, document.Limits{})
	if err != nil {
		return nil, err // never write what is no mail over a mail
	}
	var sender document.Address
	if len(m.From) > 0 {
		sender = m.From[0]
	}
	old := sender
	var replace []string
	for _, f := range set {
		switch f.Name {
		case Raw:
		case From:
			replace = append(replace, sender.Address, f.Value)
			sender.Address = f.Value
		case FromName:
			replace = append(replace, sender.Name, f.Value)
			sender.Name = f.Value
		case Subject:
			replace = append(replace, m.Subject, f.Value)
			raw = document.SetHeader(raw, "Subject", f.Value)
		case Text:
			if raw, err = document.SetText(raw, f.Value, document.Limits{}); err != nil {
				return nil, err
			}
		default:
			return nil, gallra.Errorf(gallra.Invalid, "connector.read_only", "field", f.Name)
		}
	}
	if sender != old {
		raw = document.SetSender(raw, sender)
	}
	return replaceInHeader(raw, replace)
}

// replaceInHeader takes old values out of all header fields: Return-Path,
// Sender, Thread-Topic, Received.
func replaceInHeader(raw []byte, pairs []string) ([]byte, error) {
	var used []string
	for i := 0; i < len(pairs); i += 2 {
		if len(pairs[i]) > 2 {
			used = append(used, pairs[i], pairs[i+1])
		}
	}
	if len(used) == 0 {
		return raw, nil
	}
	r := strings.NewReplacer(used...)
	out, _, err := document.RewriteMail(raw, func(i document.PartInfo, text string) string {
		switch i.Kind {
		case document.PartHeader, document.PartName, document.PartAddress, document.PartMessageID:
			if !i.Attachment {
				return r.Replace(text)
			}
		}
		return text
	})
	return out, err
}
