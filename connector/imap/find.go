package imap

import (
	"context"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/pii/ident"
)

// Find implements connector.Finder. At depth InFields the server's SEARCH names
// the mails that may match, and their headers are then decoded and compared
// here: servers compare strings, not identifiers. At depth InText every mail is
// read and decoded here, attachments included: no server searches the text of a
// PDF, and a server's index may lag or fold letters in its own way (SYSTEMS 3.3).
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	needle := mailrecord.NewNeedle(n, s.own)
	var search *goimap.SearchCriteria
	section := goimap.FetchItemBodySection{}
	if n.Depth == connector.InFields {
		if search = headerSearch(n.Identifiers); search == nil {
			return connector.Hits{}, ctx.Err() // nothing that stands in a header
		}
		section.Specifier = goimap.PartSpecifierHeader
	}
	var out connector.Hits
	next, err := scan(s, ctx, cursor, look{search: search}, section, func(m mailrecord.Stored) ([]connector.Hit, []connector.Problem) {
		return needle.Hits(m, s.limits())
	}, func(hits []connector.Hit, problems []connector.Problem) {
		out.Hits = append(out.Hits, hits...)
		out.Skipped = append(out.Skipped, problems...)
	})
	out.Next = next
	return out, err
}

// headerSearch asks for mails whose header holds any form of an identifier.
func headerSearch(ids []gallra.Identifier) *goimap.SearchCriteria {
	var forms []string
	for _, id := range ids {
		forms = append(forms, ident.Forms(id)...)
		if id.Kind == gallra.IdentEmail {
			// The part after "+" is left out in the comparison, so it may stand in the mail.
			plain := ident.Normalise(id.Kind, id.Value)
			forms = append(forms, plain)
			if local, _, ok := strings.Cut(plain, "@"); ok {
				forms = append(forms, local+"+")
			}
		}
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	var all *goimap.SearchCriteria
	for _, f := range forms {
		if f == "" {
			continue
		}
		for _, key := range []string{"From", "To", "Cc", "Bcc", "Sender", "Reply-To"} {
			one := goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: key, Value: f}}}
			if all == nil {
				all = &one
			} else {
				all = &goimap.SearchCriteria{Or: [][2]goimap.SearchCriteria{{*all, one}}}
			}
		}
	}
	return all
}

// Leftovers implements connector.Searcher: every mail of every folder is read
// whole on a new connection and decoded here, drafts, trash and what edits have
// left half-made included.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	needle := mailrecord.NewNeedle(n, nil)
	var out connector.Residues
	if cursor == "" {
		err := s.with(ctx, func(c *client) error {
			folders, err := s.folders(ctx, c)
			for _, f := range folders {
				if found := needle.Count(f.name); found > 0 {
					out.Residues = append(out.Residues, gallra.Residue{Where: "folder " + f.digest[:8] + " name", Why: "imap.left_in_name", Count: found})
				}
			}
			return err
		})
		if err != nil {
			return out, err
		}
	}
	next, err := scan(s, ctx, cursor, look{halves: true}, goimap.FetchItemBodySection{}, func(m mailrecord.Stored) ([]gallra.Residue, []connector.Problem) {
		return needle.Leftovers(m, s.limits())
	}, func(residues []gallra.Residue, problems []connector.Problem) {
		out.Residues = append(out.Residues, residues...)
		out.Skipped = append(out.Skipped, problems...)
	})
	out.Next = next
	return out, err
}

// scan reads a page of mails, looks at each, and takes what was seen in order.
func scan[T any](s *Source, ctx context.Context, cursor string, what look, section goimap.FetchItemBodySection,
	see func(mailrecord.Stored) ([]T, []connector.Problem), take func([]T, []connector.Problem)) (next string, err error) {
	what.limit, what.share = pageMails, connector.Share{K: 0, N: 1}
	err = s.with(ctx, func(c *client) error {
		p, err := s.meta(ctx, c, cursor, what)
		if err != nil {
			return err
		}
		next = p.next
		for _, chunk := range s.chunks(p.letters) {
			if err := s.examine(ctx, c, chunk); err != nil {
				if gallra.CodeOf(err) == gallra.NotFound {
					continue
				}
				return err
			}
			sec := section
			if sec.Specifier == goimap.PartSpecifierNone {
				sec = s.whole(chunk)
			}
			seen := make([][]T, len(chunk))
			problems := make([][]connector.Problem, len(chunk))
			if err := s.bodies(ctx, c, chunk, sec, func(i int, l letter) {
				seen[i], problems[i] = see(s.stored(l))
			}); err != nil {
				return err
			}
			for i := range chunk {
				chunk[i].raw = nil
				take(seen[i], problems[i])
			}
		}
		return nil
	})
	return next, err
}

// Remains implements connector.Verifier: on a new connection the server is
// asked which of the UIDs it still has, and whether an edit of one that is gone
// has left something half-made: the next change in the folder takes that away.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	err := s.byFolder(ctx, refs, func(c *client, f folder, validity uint32, uids []goimap.UID) error {
		found, err := c.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{goimap.UIDSetNum(uids...)}}, nil).Wait()
		if err != nil {
			return s.fail(ctx, "SEARCH", err)
		}
		for _, u := range found.AllUIDs() {
			out = append(out, gallra.Residue{Ref: s.ref(place{f.digest, validity, u}), Where: "folder " + f.digest[:8], Why: "imap.still_there", Count: 1})
		}
		halves, err := s.halves(ctx, c)
		if err != nil {
			return err
		}
		if len(halves) == 0 {
			return nil
		}
		of := map[string]goimap.UID{}
		for _, u := range uids {
			of[strings.ToLower(string(tagOf(place{f.digest, validity, u})))] = u
		}
		for _, tags := range halves {
			for _, t := range tags {
				if u, ok := of[strings.ToLower(string(t))]; ok && !slices.Contains(found.AllUIDs(), u) {
					out = append(out, gallra.Residue{Ref: s.ref(place{f.digest, validity, u}), Where: "folder " + f.digest[:8], Why: "imap.half_made", Count: 1})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Trace implements connector.Tracer.
func (s *Source) Trace(_ context.Context, refs []gallra.Ref) (connector.Trace, error) {
	return mailrecord.Trace{Refs: refs, Gone: s.Remains, Read: s.anew, Limits: s.limits()}, nil
}

// anew reads mails on a new connection.
func (s *Source) anew(ctx context.Context, refs []gallra.Ref, f func(mailrecord.Stored)) error {
	return s.byFolder(ctx, refs, func(c *client, box folder, validity uint32, uids []goimap.UID) error {
		letters, err := s.fetchMeta(ctx, c, box, validity, uids, false)
		if err != nil {
			return err
		}
		for _, chunk := range s.chunks(letters) {
			if err := s.bodies(ctx, c, chunk, s.whole(chunk), func(_ int, l letter) { f(s.stored(l)) }); err != nil {
				return err
			}
			for i := range chunk {
				chunk[i].raw = nil
			}
		}
		return nil
	})
}
