package imap

import (
	"context"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra"
)

// inFolder is what is done in a folder that is open, with the mails of it that
// were asked for.
type inFolder func(c *client, f folder, validity uint32, uids []goimap.UID) error

// mailsIn are the mails of one folder as it was when they were listed.
type mailsIn struct {
	digest   string
	validity uint32
	uids     []goimap.UID
}

// grouped returns the mails that refs point at, folder by folder in the order of
// refs. What is no mail's reference is left out.
func (s *Source) grouped(refs []gallra.Ref) []*mailsIn {
	type key struct {
		digest   string
		validity uint32
	}
	by := map[key]*mailsIn{}
	var out []*mailsIn
	for _, r := range refs {
		p, ok := s.placeOf(r)
		if !ok {
			continue
		}
		k := key{p.digest, p.validity}
		if by[k] == nil {
			by[k] = &mailsIn{digest: p.digest, validity: p.validity}
			out = append(out, by[k])
		}
		by[k].uids = append(by[k].uids, p.uid)
	}
	return out
}

// inFolders opens, on the connection that is kept, each folder that refs lie in
// and that is still there.
func (s *Source) inFolders(ctx context.Context, refs []gallra.Ref, readOnly bool, do inFolder) error {
	groups := s.grouped(refs)
	if len(groups) == 0 {
		return nil
	}
	return s.with(ctx, func(c *client) error { return s.openEach(ctx, c, groups, readOnly, do) })
}

// byFolder is inFolders on a new connection, and to read alone: another road than
// the one that changes were made by.
func (s *Source) byFolder(ctx context.Context, refs []gallra.Ref, do inFolder) error {
	groups := s.grouped(refs)
	if len(groups) == 0 {
		return nil
	}
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer c.Close()
	return s.openEach(ctx, c, groups, true, do)
}

func (s *Source) openEach(ctx context.Context, c *client, groups []*mailsIn, readOnly bool, do inFolder) error {
	for _, g := range groups {
		f, _, err := s.locate(ctx, c, g.digest, g.validity, readOnly)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := do(c, f, g.validity, g.uids); err != nil {
			return err
		}
	}
	return nil
}
