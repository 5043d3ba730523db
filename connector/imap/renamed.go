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
	err := s.inFolders(ctx, refs, true, func(c *client, f folder, validity uint32, places []place) error {
		for _, old := range places {
			uids, err := s.tagged(ctx, c, old)
			if err != nil || len(uids) == 0 {
				if err != nil {
					return err
				}
				continue
			}
			all, err := s.fetchMeta(ctx, c, f, validity, append(uids, old.uid), false)
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
	return s.inFolders(ctx, refs, false, func(c *client, f folder, validity uint32, places []place) error {
		uids := make([]goimap.UID, len(places))
		for i, p := range places {
			uids[i] = p.uid
		}
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

// inFolders calls f for each folder of refs, which is open then; those of a
// folder that is gone are left out.
func (s *Source) inFolders(ctx context.Context, refs []gallra.Ref, readOnly bool, f func(c *client, f folder, validity uint32, places []place) error) error {
	type key struct {
		digest   string
		validity uint32
	}
	groups := map[key][]place{}
	var order []key
	for _, r := range refs {
		if p, ok := s.placeOf(r); ok {
			k := key{p.digest, p.validity}
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], p)
		}
	}
	if len(order) == 0 {
		return nil
	}
	return s.with(ctx, func(c *client) error {
		for _, k := range order {
			box, _, err := s.locate(ctx, c, k.digest, k.validity, readOnly)
			if gallra.CodeOf(err) == gallra.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			if err := f(c, box, k.validity, groups[k]); err != nil {
				return err
			}
		}
		return nil
	})
}
