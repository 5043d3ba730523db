package imap

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

var _ connector.Renamer = (*Source)(nil)

// Renamed implements connector.Renamer by the tags that edits leave on new forms.
func (s *Source) Renamed(ctx context.Context, refs []gallra.Ref) (map[gallra.Ref]gallra.Ref, error) {
	out := map[gallra.Ref]gallra.Ref{}
	err := s.inFolders(ctx, refs, true, func(c *client, f folder, validity uint32, uids []goimap.UID) error {
		for _, uid := range uids {
			old := place{f.digest, validity, uid}
			tagged, err := s.tagged(ctx, c, old)
			if err != nil {
				return err
			}
			if len(tagged) == 0 {
				continue
			}
			all, err := s.fetchMeta(ctx, c, f, validity, append(tagged, uid), false)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(l letter) bool { return l.place == old }) {
				continue // it is there still
			}
			var now letter
			for _, l := range all {
				if !halfMade(l.flags) && l.size >= now.size { // the other has been cut short
					now = l
				}
			}
			if now.place.uid != 0 {
				out[s.ref(old)] = s.ref(now.place)
			}
		}
		return nil
	})
	return out, err
}

// Noted implements connector.Renamer: the tags go.
func (s *Source) Noted(ctx context.Context, refs []gallra.Ref) error {
	return s.inFolders(ctx, refs, false, func(c *client, f folder, validity uint32, uids []goimap.UID) error {
		there, err := s.fetchMeta(ctx, c, f, validity, uids, false)
		if err != nil {
			return err
		}
		set := goimap.UIDSet{}
		var tags []goimap.Flag
		for _, l := range there {
			if n := len(tags); !halfMade(l.flags) {
				if tags = append(tags, slices.DeleteFunc(l.flags, func(f goimap.Flag) bool { return !isTag(f) })...); len(tags) > n {
					set.AddNum(l.place.uid)
				}
			}
		}
		if len(tags) == 0 {
			return nil
		}
		err = c.Store(set, &goimap.StoreFlags{Op: goimap.StoreFlagsDel, Silent: true, Flags: tags}, nil).Close()
		return s.fail(ctx, "STORE", err)
	})
}
