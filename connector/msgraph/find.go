package msgraph

import (
	"context"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

// Find implements connector.Finder. At depth InFields it reads sender and
// receivers of every mail, a thousand a call; at depth InText every mail whole.
// Graph's $search is not asked: it lags, ends after a thousand hits and compares
// words, not identifiers.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	needle := mailrecord.NewNeedle(n, s.own)
	var out connector.Hits
	look := func(st mailrecord.Stored) {
		hits, problems := needle.Hits(st, s.limits())
		out.Hits = append(out.Hits, hits...)
		out.Skipped = append(out.Skipped, problems...)
	}
	limit, fields := mostMails, fieldsWho
	take := func(_ context.Context, b mailbox, folders []folder, ms []message) (int, error) {
		for _, m := range ms {
			look(s.stored(place{b, m.ID}, m, folders, header(m), false))
		}
		return len(ms), nil
	}
	if n.Depth == connector.InText {
		limit, fields = pageMails, fieldsBrief
		take = func(ctx context.Context, b mailbox, folders []folder, ms []message) (int, error) {
			return s.texts(ctx, b, ms, every, func(m message, raw []byte, cut bool) {
				look(s.stored(place{b, m.ID}, m, folders, raw, cut))
			})
		}
	}
	next, _, err := s.walk(ctx, cursor, limit, fields, "", take)
	out.Next = next
	return out, err
}

func every(message) bool { return true }

// header writes the people of a mail as a mail's header.
func header(m message) []byte {
	var b strings.Builder
	line := func(name string, list ...address) {
		var all []string
		for _, a := range list {
			switch e := a.EmailAddress; {
			case e.Address == "" && e.Name == "":
			case strings.Contains(e.Address, "@"):
				all = append(all, (&mail.Address{Name: e.Name, Address: e.Address}).String())
			default: // somebody of the own directory, by a name that is no address
				all = append(all, mime.QEncoding.Encode("utf-8", e.Name+" "+e.Address)+":;")
			}
		}
		if len(all) > 0 {
			b.WriteString(name + ": " + strings.Join(all, ", ") + "\r\n")
		}
	}
	one := func(name string, a *address) {
		if a != nil {
			line(name, *a)
		}
	}
	one("From", m.From)
	one("Sender", m.Sender)
	line("To", m.To...)
	line("Cc", m.CC...)
	line("Bcc", m.BCC...)
	line("Reply-To", m.ReplyTo...)
	b.WriteString("Date: " + m.Sent.UTC().Format(time.RFC1123Z) + "\r\n\r\n")
	return []byte(b.String())
}

// recoverable is the folder of what users have deleted and can still get back.
const recoverable = "recoverableitemsdeletions"

// Leftovers implements connector.Searcher: every folder is walked by itself,
// hidden ones and the recoverable items included, and every text of every mail
// in it decoded. Find reads the mailbox as one list, where those are missing.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	needle := mailrecord.NewNeedle(n, nil)
	var out connector.Residues
	pos, err := parsePosition(cursor)
	if err != nil {
		return out, err
	}
	for _, b := range s.boxes {
		if b.digest < pos.box {
			continue
		}
		if b.digest > pos.box {
			pos = position{box: b.digest, at: beginning}
		}
		folders, err := s.folders(ctx, b)
		if err != nil {
			return connector.Residues{}, err
		}
		walked := slices.Clone(folders)
		if !slices.ContainsFunc(folders, func(f folder) bool { return f.ID == recoverable }) {
			walked = append(walked, folder{ID: recoverable})
		}
		slices.SortFunc(walked, func(a, b folder) int { return strings.Compare(idDigest(a.ID), idDigest(b.ID)) })
		for _, f := range walked {
			d := idDigest(f.ID)
			if d < pos.folder {
				continue
			}
			if d > pos.folder {
				pos = position{box: b.digest, folder: d, at: beginning}
				if found := needle.Count(f.Name); found > 0 {
					out.Residues = append(out.Residues, gallra.Residue{Where: "folder " + d[:8] + " name", Why: "msgraph.left_in_name", Count: found})
				}
			}
			next, more, err := s.leftIn(ctx, b, f, folders, pos, needle, &out)
			if gallra.CodeOf(err) == gallra.NotFound {
				continue // removed meanwhile, or there are no recoverable items
			}
			if err != nil {
				return connector.Residues{}, err
			}
			if pos = next; more {
				out.Next = pos.String()
				return out, nil
			}
		}
	}
	return out, nil
}

// leftIn looks at a stretch of one folder.
func (s *Source) leftIn(ctx context.Context, b mailbox, f folder, folders []folder, pos position, needle *mailrecord.Needle, out *connector.Residues) (position, bool, error) {
	ms, more, err := s.after(ctx, b, pos, pageMails, fieldsBrief, "", "mailFolders", f.ID, "messages")
	if err != nil {
		return pos, false, err
	}
	n, err := s.texts(ctx, b, ms, every, func(m message, raw []byte, cut bool) {
		residues, problems := needle.Leftovers(s.stored(place{b, m.ID}, m, folders, raw, cut), s.limits())
		for _, r := range residues {
			if f.ID == recoverable {
				r.Where = "recoverable items, " + r.Where
			}
			out.Residues = append(out.Residues, r)
		}
		out.Skipped = append(out.Skipped, problems...)
	}, "mailFolders", f.ID)
	if err != nil {
		return pos, false, err
	}
	for _, m := range ms[:n] {
		pos = pos.past(m)
	}
	return pos, more || n < len(ms), nil
}

// Remains implements connector.Verifier: the mail is asked for by its id, and in
// the recoverable items.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, r := range refs {
		p, ok := s.placeOf(r)
		if !ok {
			continue
		}
		for _, look := range []struct {
			where, why string
			path       []string
		}{{"mailbox", "msgraph.still_there", []string{"messages", p.id}}, {"recoverable items", "msgraph.left_recoverable", []string{"mailFolders", recoverable, "messages", p.id}}} {
			var m message
			err := s.get(ctx, "messages.get", p.box, map[string][]string{"$select": {"id"}}, &m, look.path...)
			if gallra.CodeOf(err) == gallra.NotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, gallra.Residue{Ref: r, Where: look.where, Why: look.why, Count: 1})
			break
		}
	}
	return out, ctx.Err()
}
