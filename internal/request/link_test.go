package request_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// packed is an office with an answered access request that has a package.
func packed(t *testing.T, db *store.DB) (*office, string) {
	t.Helper()
	o := small(t, db)
	id := o.register(request.Access)[0].ID
	o.check(o.Identify(ctx, id, "karin", "known_address", ""))
	o.search(id)
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.check(o.Package(ctx, id, "karin", func(w io.Writer) error { _, err := io.WriteString(w, "the package"); return err }))
	return o, id
}

func TestW9_LinkOpensOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o, id := packed(t, db)
		l, err := o.MakeLink(ctx, id, "karin", 0)
		o.check(err)
		if len(l.Token) < 22 || len(l.Code) != 8 { // 128 bits are 22 characters
			t.Errorf("token of %d characters, code of %d", len(l.Token), len(l.Code))
		}
		if s := fmt.Sprintf("%v %+v %#v", l, l, l); strings.Contains(s, l.Token) || strings.Contains(s, l.Code) {
			t.Error("a link shows itself")
		}
		var b bytes.Buffer
		o.refused(o.Fetch(ctx, l.Token, "00000000x", &b), "request.link_dead")
		o.refused(o.Fetch(ctx, l.Token+"x", l.Code, &b), "request.link_dead")
		o.check(o.Fetch(ctx, l.Token, l.Code, &b))
		if b.String() != "the package" {
			t.Errorf("got %q", b.String())
		}
		o.refused(o.Fetch(ctx, l.Token, l.Code, &b), "request.link_dead")
	})
}

func TestW9_LinkDies(t *testing.T) {
	o, id := packed(t, storetest.SQLite(t))
	link := func() request.Link {
		l, err := o.MakeLink(ctx, id, "karin", 3)
		o.check(err)
		return l
	}
	guessed := link()
	for range 5 {
		o.refused(o.Fetch(ctx, guessed.Token, "wrong", io.Discard), "request.link_dead")
	}
	o.refused(o.Fetch(ctx, guessed.Token, guessed.Code, io.Discard), "request.link_dead")

	revoked := link()
	o.check(o.RevokeLinks(ctx, id, "karin"))
	o.refused(o.Fetch(ctx, revoked.Token, revoked.Code, io.Discard), "request.link_dead")

	late := link()
	o.check(o.Fetch(ctx, late.Token, late.Code, io.Discard))
	o.now = o.now.AddDate(0, 0, 15)
	o.refused(o.Fetch(ctx, late.Token, late.Code, io.Discard), "request.link_dead")
}
