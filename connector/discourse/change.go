package discourse

import (
	"context"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
)

// Erase implements connector.Eraser. Discourse has no conditional deletion: the
// version is compared just before.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	r, err := s.Current(ctx, ref, ifVersion)
	if gallra.CodeOf(err) == gallra.NotFound && (ref.System == "" || ref.System == s.System) {
		// What an earlier attempt has hidden is not to be read any more, and not
		// yet gone: it goes on from there.
		return s.eraseHidden(ctx, ref, err)
	}
	if err != nil {
		return gallra.Receipt{}, err
	}
	switch r.Ref.Type {
	case TypeUser:
		return s.eraseUser(ctx, r.Ref)
	case TypeTopic:
		return s.hideTopic(ctx, r.Ref)
	case TypePost:
		if n, _ := r.Field("post_number"); n == "1" {
			return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "discourse.first_post")
		}
		id, _ := desk.Number(desk.Parts(ref.ID)[1])
		if err := s.hidePost(ctx, id); err != nil {
			return gallra.Receipt{}, err
		}
		return s.promise(r.Ref), nil
	}
	return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "discourse.not_staff")
}

func (s *Source) eraseHidden(ctx context.Context, ref gallra.Ref, gone error) (gallra.Receipt, error) {
	if ref.Type != TypeTopic && ref.Type != TypePost {
		return gallra.Receipt{}, gone
	}
	left, err := s.Remains(ctx, []gallra.Ref{ref})
	if err != nil {
		return gallra.Receipt{}, err
	}
	if len(left) == 0 {
		return gallra.Receipt{}, gone
	}
	if ref.Type == TypeTopic {
		return s.hideTopic(ctx, ref)
	}
	return s.promise(ref), nil
}

// hideTopic hides a topic and its replies, so that the five minutes of all of
// them begin.
func (s *Source) hideTopic(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	if err := s.hide(ctx, "topics.delete", "/t/"+ref.ID+".json"); err != nil {
		return gallra.Receipt{}, err
	}
	t, err := s.topic(ctx, ref.ID)
	if err == nil && t.Deleted == nil {
		err = s.notDone()
	}
	if gallra.CodeOf(err) == gallra.NotFound {
		return s.promise(ref), nil
	}
	if err != nil {
		return gallra.Receipt{}, err
	}
	for _, id := range t.Stream.IDs {
		if err := s.hidePost(ctx, id); err != nil {
			return gallra.Receipt{}, err
		}
	}
	return s.promise(ref), nil
}

func (s *Source) hidePost(ctx context.Context, id int64) error {
	p, err := s.post(ctx, id)
	if err == nil && p.Deleted == nil {
		if err := s.hide(ctx, "posts.delete", "/posts/"+strconv.FormatInt(id, 10)+".json"); err != nil {
			return err
		}
		if p, err = s.post(ctx, id); err == nil && p.Deleted == nil {
			err = s.notDone()
		}
	}
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	return err
}

// hide takes the first step.
func (s *Source) hide(ctx context.Context, op, path string) error {
	_, err := s.call(ctx, op, "DELETE", nil, nil, nil, path)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil // gone since it was read
	}
	return s.scoped(err)
}

func (s *Source) promise(ref gallra.Ref) gallra.Receipt {
	now := s.clock.Now()
	by := now.Add(wait)
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: by,
		Residues: []gallra.Residue{{Ref: ref, Where: "deleted posts", Why: "discourse.second_step", GoneBy: by, Count: 1}}}
}

// eraseUser removes an account without posts and has one with posts anonymised.
func (s *Source) eraseUser(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	u, _, err := s.account(ctx, ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if u.Posts == 0 {
		body := map[string]bool{"delete_posts": false, "block_email": false, "block_urls": false, "block_ip": false}
		if _, err := s.call(ctx, "users.delete", "DELETE", nil, body, nil, "/admin/users/"+ref.ID+".json"); err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return gallra.Receipt{}, s.scoped(err)
		}
		if _, err := s.Root(ctx, ref); err == nil {
			return gallra.Receipt{}, s.notDone()
		} else if gallra.CodeOf(err) != gallra.NotFound {
			return gallra.Receipt{}, err
		}
		return s.done(gallra.Receipt{Ref: ref, Action: gallra.ActionErase}), nil
	}
	if _, err := s.call(ctx, "users.anonymize", "PUT", nil, nil, nil, "/admin/users/"+ref.ID+"/anonymize.json"); err != nil {
		return gallra.Receipt{}, s.scoped(err)
	}
	now := s.clock.Now()
	by := now.Add(time.Hour)
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: by, Remote: "anonymize",
		Residues: []gallra.Residue{{Ref: ref, Where: "users", Why: "discourse.job", GoneBy: by, Count: 1}}}, nil
}

func (s *Source) done(r gallra.Receipt) gallra.Receipt {
	r.At, r.Final, r.Grade, r.GoneBy = s.clock.Now(), true, known.Grade(), time.Time{}
	r.Residues = known.Residues(r.At)
	return r
}

// Confirm implements connector.Confirmer. It takes the second step when the time
// for it has come.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if r.Final || s.clock.Now().Before(r.GoneBy) && r.Remote == "" {
		return r, ctx.Err()
	}
	var err error
	switch r.Ref.Type {
	case TypeTopic:
		err = s.destroyTopic(ctx, r.Ref)
	case TypePost:
		id, _ := desk.Number(desk.Parts(r.Ref.ID)[len(desk.Parts(r.Ref.ID))-1])
		err = s.destroyPost(ctx, id)
	case TypeUser:
		_, err := s.Root(ctx, r.Ref)
		if err == nil {
			return r, nil // the job has not run
		}
		if gallra.CodeOf(err) != gallra.NotFound {
			return r, err
		}
		return s.done(r), nil
	default:
		return r, desk.Gone(r.Ref)
	}
	switch gallra.CodeOf(err) {
	case "":
	case gallra.Forbidden: // the setting is off
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "deleted posts", Why: "discourse.no_permanent_delete", Count: 1}}
		return r, nil
	default:
		return r, err
	}
	left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
	if err != nil {
		return r, err
	}
	if len(left) > 0 {
		r.Residues = left
		return r, nil
	}
	return s.done(r), nil
}

// destroyTopic erases the posts of a hidden topic, the first last: it takes the
// topic along. Replies that are not hidden yet are hidden now, and wait their
// own five minutes.
func (s *Source) destroyTopic(ctx context.Context, ref gallra.Ref) error {
	t, err := s.topic(ctx, ref.ID)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if t.Deleted == nil {
		return nil // somebody has taken it back: Remains will say so
	}
	var first int64
	for _, id := range t.Stream.IDs {
		p, err := s.post(ctx, id)
		switch {
		case gallra.CodeOf(err) == gallra.NotFound:
		case err != nil:
			return err
		case p.Number == 1:
			first = id
		default:
			if err := s.destroyPost(ctx, id); err != nil {
				return err
			}
		}
	}
	if first > 0 {
		return s.destroyPost(ctx, first)
	}
	return nil
}

// destroyPost takes the second step for a post, or the first if it is not yet
// taken.
func (s *Source) destroyPost(ctx context.Context, id int64) error {
	p, err := s.post(ctx, id)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	path := "/posts/" + strconv.FormatInt(id, 10) + ".json"
	switch {
	case p.Deleted == nil:
		return s.hide(ctx, "posts.delete", path)
	case s.clock.Now().Before(p.Deleted.Add(wait)):
		return nil // its time has not come
	}
	_, err = s.call(ctx, "posts.destroy", "DELETE", nil, map[string]bool{"force_destroy": true}, nil, path)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	return err
}

// Remains implements connector.Verifier. Staff read what is hidden, so a record
// is gone when even they are told that there is none.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, ref := range refs {
		parts := desk.Parts(ref.ID)
		n, ok := desk.Number(parts[len(parts)-1])
		if !ok {
			continue
		}
		var err error
		where := ref.Type
		switch ref.Type {
		case TypeTopic:
			var t topic
			if t, err = s.topic(ctx, ref.ID); err == nil && t.Deleted != nil {
				where = "deleted topics"
			}
		case TypePost:
			var p post
			if p, err = s.post(ctx, n); err == nil && p.Deleted != nil {
				where = "deleted posts"
			}
		case TypeUser, TypeStaff:
			_, err = s.Root(ctx, ref)
		default:
			continue
		}
		if err == nil {
			out = append(out, gallra.Residue{Ref: ref, Where: where, Why: "residue.still_there", Count: 1})
		} else if gallra.CodeOf(err) != gallra.NotFound {
			return nil, err
		}
	}
	return out, ctx.Err()
}

// Edit implements connector.Editor for the text of a post.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	r, err := s.Get(ctx, ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	text := ""
	for _, f := range set {
		if f.Name != "raw" || r.Ref.Type != TypePost {
			return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "discourse.only_text", "field", f.Name)
		}
		text = f.Value
	}
	if mail, _ := r.Field("via_email"); mail == "true" {
		return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "discourse.by_mail")
	}
	id, _ := desk.Number(desk.Parts(ref.ID)[1])
	// The same edit done again: the text is there, revisions may be too.
	if now, _ := r.Field("raw"); now != text || len(set) == 0 {
		if ifVersion != "" && r.Version != ifVersion {
			return gallra.Receipt{}, desk.Changed(ref)
		}
		body := map[string]any{"post": map[string]string{"raw": text, "edit_reason": "Gallra"}, "bypass_bump": true}
		if _, err := s.call(ctx, "posts.update", "PUT", nil, body, nil, "/posts/"+strconv.FormatInt(id, 10)+".json"); err != nil {
			return gallra.Receipt{}, s.scoped(err)
		}
	}
	if _, err := s.call(ctx, "revisions.destroy", "DELETE", nil, nil, nil, "/posts/"+strconv.FormatInt(id, 10)+"/revisions/permanently_delete.json"); err != nil && gallra.CodeOf(err) != gallra.NotFound {
		if gallra.CodeOf(err) == gallra.Forbidden {
			err = gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.System), "scope", "can_permanently_delete")
		}
		return gallra.Receipt{}, err
	}
	p, err := s.post(ctx, id)
	if err != nil {
		return gallra.Receipt{}, err
	}
	old, err := s.revisions(ctx, ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if *p.Raw != text || len(old) > 0 {
		return gallra.Receipt{}, s.notDone()
	}
	return s.done(gallra.Receipt{Ref: ref, Action: gallra.ActionRedact}), nil
}

var _ connector.Editor = (*Source)(nil)
