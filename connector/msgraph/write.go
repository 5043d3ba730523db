package msgraph

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/document"
)

// Erase implements connector.Eraser. Graph has no conditional permanentDelete:
// the version is compared just before.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	p, ok := s.placeOf(ref)
	if !ok {
		return gallra.Receipt{}, errNotFound()
	}
	m, err := s.brief(ctx, p)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != m.ChangeKey {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
	}
	if err := s.purge(ctx, p); err != nil {
		return gallra.Receipt{}, err
	}
	return s.promise(gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Remote: p.id}), nil
}

// purge erases a mail for good, as far as a client can, and looks whether it is gone.
func (s *Source) purge(ctx context.Context, p place) error {
	path, err := rest.Join("v1.0", "users", p.box.address, "messages", p.id, "permanentDelete")
	if err != nil {
		return errNotFound()
	}
	_, err = s.via.Do(ctx, rest.Request{Op: "messages.permanentDelete", Method: "POST", Path: path, Header: immutable, Repeat: true}, nil)
	if err != nil && gallra.CodeOf(err) != gallra.NotFound { // not found: somebody was faster, or an attempt of ours was
		return s.scoped(err, "Mail.ReadWrite")
	}
	_, err = s.brief(ctx, p)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	if err == nil {
		err = gallra.Errorf(gallra.Unavailable, "msgraph.not_done", "system", string(s.system))
	}
	return err
}

// promise says of a change what Exchange still keeps of the old mail, and until when.
func (s *Source) promise(r gallra.Receipt) gallra.Receipt {
	r.Grade, r.At = gallra.GradeLive, s.clock.Now()
	if s.hold {
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "Purges", Why: "msgraph.hold", Count: 1}}
		return r
	}
	r.GoneBy = r.At.Add(s.keep)
	r.Final = s.keep == 0
	if !r.Final {
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "Purges", Why: "msgraph.purges", GoneBy: r.GoneBy, Count: 1}}
	}
	return r
}

// Confirm implements connector.Confirmer. Nobody can look into the Purges
// folder, so the promise is kept when its day has passed and the mail is in no
// place that can be seen. Under a hold it never is.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	p, ok := s.placeOf(r.Ref)
	if !ok || r.Remote == "" {
		return r, errNotFound()
	}
	if r.Final || s.hold || r.GoneBy.IsZero() || s.clock.Now().Before(r.GoneBy) {
		return r, ctx.Err()
	}
	left, err := s.Remains(ctx, []gallra.Ref{s.ref(place{p.box, r.Remote})})
	if err != nil {
		return r, err
	}
	if len(left) > 0 {
		r.Residues = left
		return r, nil
	}
	r.Final, r.At, r.Residues = true, s.clock.Now(), nil
	return r, nil
}

// Edit implements connector.Editor.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	p, ok := s.placeOf(ref)
	if !ok {
		return gallra.Receipt{}, errNotFound()
	}
	mark := markOf(p.id, set)
	st, m, err := s.whole(ctx, p)
	if gallra.CodeOf(err) == gallra.NotFound {
		// The answer to this very edit may have been lost after it was done.
		made, ferr := s.replacement(ctx, p.box, mark)
		if ferr != nil || made == "" {
			return gallra.Receipt{}, cmpErr(ferr, err)
		}
		return s.promise(gallra.Receipt{Ref: s.ref(place{p.box, made}), Action: gallra.ActionAnonymise, Remote: p.id}), nil
	}
	if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != m.ChangeKey {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
	}
	raw, err := mailrecord.Edited(st, set)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if bytes.Equal(raw, st.Raw) {
		return gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeLive, At: s.clock.Now(), Final: true}, nil
	}
	made, err := s.replace(ctx, p, m, raw, mark)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.purge(ctx, p); err != nil {
		return gallra.Receipt{}, err // done again, this finds the mark and goes on from here
	}
	return s.promise(gallra.Receipt{Ref: s.ref(place{p.box, made}), Action: gallra.ActionAnonymise, Remote: p.id}), nil
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// markOf names an edit without telling anything of it.
func markOf(id string, set []gallra.Field) string {
	parts := []string{id}
	for _, f := range set {
		parts = append(parts, f.Name, f.Value)
	}
	return mailrecord.Digest(parts...)
}

// replacement returns the id of the mail that an edit has made, "" for none.
func (s *Source) replacement(ctx context.Context, b mailbox, mark string) (string, error) {
	var page struct {
		Value []message `json:"value"`
	}
	q := url.Values{"$select": {"id"}, "$filter": {"singleValueExtendedProperties/Any(ep: ep/id eq '" + propReplaces + "' and ep/value eq '" + mark + "')"}}
	if err := s.get(ctx, "messages.replacement", b, q, &page, "messages"); err != nil {
		return "", err
	}
	if page.Value == nil {
		return "", gallra.Errorf(gallra.Drift, "msgraph.shape")
	}
	if len(page.Value) == 0 {
		return "", nil
	}
	return page.Value[0].ID, nil
}

// replace makes the new mail, once.
func (s *Source) replace(ctx context.Context, p place, m message, raw []byte, mark string) (string, error) {
	made, err := s.replacement(ctx, p.box, mark)
	if err != nil || made != "" {
		return made, err
	}
	draft, err := s.compose(raw, m, mark)
	if err != nil {
		return "", err
	}
	path, err := rest.Join("v1.0", "users", p.box.address, "mailFolders", m.Folder, "messages")
	if err != nil {
		return "", err
	}
	var got message
	_, err = s.via.Do(ctx, rest.Request{Op: "messages.create", Method: "POST", Path: path, Header: immutable, Body: draft}, &got)
	if err == nil && got.ID != "" {
		return got.ID, nil
	}
	if err != nil && gallra.CodeOf(err) != gallra.Unavailable {
		return "", s.scoped(err, "Mail.ReadWrite")
	}
	// Not known whether it was made: ask.
	made, ferr := s.replacement(ctx, p.box, mark)
	if ferr == nil && made == "" {
		return "", cmpErr(err, gallra.Errorf(gallra.Unavailable, "msgraph.not_done", "system", string(s.system)))
	}
	return made, ferr
}

// maxInline is the most that one call may carry of attachments; more goes
// through an upload to another host, which is not reached.
const maxInline = 3 << 20

type draft struct {
	Subject           string       `json:"subject"`
	Body              body         `json:"body"`
	From              *address     `json:"from,omitempty"`
	Sender            *address     `json:"sender,omitempty"`
	To                []address    `json:"toRecipients,omitempty"`
	CC                []address    `json:"ccRecipients,omitempty"`
	BCC               []address    `json:"bccRecipients,omitempty"`
	ReplyTo           []address    `json:"replyTo,omitempty"`
	InternetMessageID string       `json:"internetMessageId,omitempty"`
	IsRead            bool         `json:"isRead"`
	Importance        string       `json:"importance,omitempty"`
	Categories        []string     `json:"categories,omitempty"`
	Flag              *flag        `json:"flag,omitempty"`
	Attachments       []attachment `json:"attachments,omitempty"`
	Extended          []property   `json:"singleValueExtendedProperties"`
}

type body struct {
	Kind    string `json:"contentType"`
	Content string `json:"content"`
}

type attachment struct {
	Type      string `json:"@odata.type"`
	Name      string `json:"name"`
	Kind      string `json:"contentType,omitempty"`
	Bytes     string `json:"contentBytes"`
	ContentID string `json:"contentId,omitempty"`
	Inline    bool   `json:"isInline,omitempty"`
}

// compose writes a mail in Graph's words, with the dates and marks of the one it
// stands for. The message flags must be given when a mail is made: without them
// it would be a draft, which somebody might send.
func (s *Source) compose(raw []byte, m message, mark string) (draft, error) {
	mail, err := document.ParseMail(raw, s.limits())
	if err != nil {
		return draft{}, err
	}
	flags := "0"
	if m.IsRead {
		flags = "1"
	}
	d := draft{Subject: mail.Subject, From: first(mail.From), Sender: first(mail.Sender), To: people(mail.To), CC: people(mail.Cc), BCC: people(mail.Bcc),
		ReplyTo: people(mail.ReplyTo), IsRead: m.IsRead, Importance: m.Importance, Categories: m.Categories, Flag: m.Flag,
		Extended: []property{{propFlags, flags}, {propDelivered, m.Received.UTC().Format(time.RFC3339)}, {propSubmitted, m.Sent.UTC().Format(time.RFC3339)}, {propReplaces, mark}}}
	if v := m.verb(); v != "" {
		d.Extended = append(d.Extended, property{propVerb, v})
	}
	if mail.MessageID != "" {
		d.InternetMessageID = "<" + mail.MessageID + ">"
	}
	if v := mail.Field("In-Reply-To"); v != "" {
		d.Extended = append(d.Extended, property{propInReplyTo, v})
	}
	if v := mail.Field("References"); v != "" {
		d.Extended = append(d.Extended, property{propReferences, v})
	}
	if err := d.fill(raw); err != nil {
		return draft{}, err
	}
	return d, nil
}

func first(list []document.Address) *address {
	if len(list) == 0 {
		return nil
	}
	return &people(list[:1])[0]
}

func people(list []document.Address) []address {
	var out []address
	for _, a := range list {
		var x address
		x.EmailAddress.Name, x.EmailAddress.Address = a.Name, a.Address
		out = append(out, x)
	}
	return out
}

// fill takes body and attachments from the parts of a mail.
func (d *draft) fill(raw []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return gallra.Errorf(gallra.Unsupported, "msgraph.not_rewritable")
	}
	var plain, html *string
	size := 0
	var walk func(h textproto.MIMEHeader, r io.Reader, depth int) error
	walk = func(h textproto.MIMEHeader, r io.Reader, depth int) error {
		kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
		if err != nil {
			kind, params = "text/plain", nil
		}
		if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" && depth < 20 {
			for parts := multipart.NewReader(r, params["boundary"]); ; {
				p, err := parts.NextRawPart()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return gallra.Errorf(gallra.Unsupported, "msgraph.not_rewritable")
				}
				if err := walk(p.Header, p, depth+1); err != nil {
					return err
				}
			}
		}
		b, err := io.ReadAll(transfer(h.Get("Content-Transfer-Encoding"), r))
		if err != nil {
			return gallra.Errorf(gallra.Unsupported, "msgraph.not_rewritable")
		}
		how, where, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
		name := decodeWord(where["filename"])
		if name == "" {
			name = decodeWord(params["name"])
		}
		target := map[string]**string{"text/plain": &plain, "text/html": &html}[kind]
		if target != nil && *target == nil && how != "attachment" && name == "" {
			text := decodeCharset(b, params["charset"])
			*target = &text
			return nil
		}
		if size += len(b); size > maxInline {
			return gallra.Errorf(gallra.Unsupported, "msgraph.attachments_too_large")
		}
		if name == "" {
			name = "attachment"
		}
		d.Attachments = append(d.Attachments, attachment{Type: "#microsoft.graph.fileAttachment", Name: name, Kind: kind,
			Bytes: base64.StdEncoding.EncodeToString(b), ContentID: strings.Trim(h.Get("Content-Id"), "<> "), Inline: how == "inline"})
		return nil
	}
	if err := walk(textproto.MIMEHeader(m.Header), m.Body, 0); err != nil {
		return err
	}
	switch {
	case html != nil:
		d.Body = body{"html", *html}
	case plain != nil:
		d.Body = body{"text", *plain}
	default:
		d.Body = body{"text", ""}
	}
	return nil
}

func transfer(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

var words mime.WordDecoder

func decodeWord(s string) string {
	if t, err := words.DecodeHeader(s); err == nil {
		return t
	}
	return s
}

func decodeCharset(b []byte, charset string) string {
	if e, err := htmlindex.Get(charset); err == nil && charset != "" {
		if t, err := e.NewDecoder().Bytes(b); err == nil {
			return string(t)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

var _ connector.Editor = (*Source)(nil)
