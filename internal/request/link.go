package request

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Link is a one-time link to a package (REQUIREMENTS W-9). Token stands in the
// address; Code goes to the person by another road. Both are shown once: the
// store keeps digests of them only.
type Link struct {
	Token   string
	Code    string
	Expires time.Time
}

// String hides the token and the code.
func (Link) String() string { return "[link]" }

// GoString hides the token and the code.
func (Link) GoString() string { return "[link]" }

const (
	linkLife  = 14 * 24 * time.Hour
	wrongMost = 5
)

// MakeLink makes a link to the package of a request, for downloads fetches; 0
// means one. It is refused for a person with protected identity.
func (d *Desk) MakeLink(ctx context.Context, id, actor string, downloads int) (Link, error) {
	if downloads <= 0 {
		downloads = 1
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (Go 1.24)
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return Link{}, fmt.Errorf("request: link: %w", err)
	}
	l := Link{Token: base64.RawURLEncoding.EncodeToString(raw), Code: fmt.Sprintf("%08d", n), Expires: d.now().Add(linkLife)}
	key, err := d.key(ctx, d.DB, id)
	if err != nil {
		return Link{}, err
	}
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Protected:
			return gallra.Errorf(gallra.Blocked, "request.protected")
		case r.Approvable():
			return gallra.Errorf(gallra.Blocked, "request.not_approved", "request", id)
		case r.State != Decided && r.State != Delivered:
			return gallra.Errorf(gallra.Blocked, "request.not_decided", "request", id)
		}
		if err := d.mayHandOver(ctx, r); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO request_link (token, request, code, made, made_by, expires, downloads) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			tokenDigest(l.Token), id, keyedDigest(key, l.Code), store.Micros(d.now()), actor, store.Micros(l.Expires), downloads)
		if err != nil {
			return fmt.Errorf("request: link: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.link", "", nil)
	})
	return l, err
}

func tokenDigest(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

// Fetch writes the package behind a link to w. Whatever is wrong with the link
// or the code, the error is the same gallra.ErrNotFound, so that nothing is
// learned by trying; after five wrong codes the link is dead. Every attempt on a
// link that exists is logged.
func (d *Desk) Fetch(ctx context.Context, token, code string, w io.Writer) error {
	refused := gallra.Errorf(gallra.NotFound, "request.link_dead")
	var id string
	allowed := false
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		var want string
		var expires, revoked int64
		var downloads, wrong int
		// The row is locked by the write, so that two fetches count as two.
		digest := tokenDigest(token)
		if _, err := tx.ExecContext(ctx, "UPDATE request_link SET wrong = wrong WHERE token = $1", digest); err != nil {
			return fmt.Errorf("request: fetch: %w", err)
		}
		err := tx.QueryRowContext(ctx, "SELECT request, code, expires, downloads, wrong, revoked FROM request_link WHERE token = $1", digest).Scan(&id, &want, &expires, &downloads, &wrong, &revoked)
		if errors.Is(err, sql.ErrNoRows) {
			return refused
		}
		if err != nil {
			return fmt.Errorf("request: fetch: %w", err)
		}
		key, err := d.key(ctx, tx, id)
		if err != nil {
			return refused
		}
		q, result := "", "refused"
		switch {
		case revoked != 0 || downloads <= 0 || wrong >= wrongMost || d.now().After(store.Time(expires)):
		case !hmac.Equal([]byte(want), []byte(keyedDigest(key, code))):
			q, result = "UPDATE request_link SET wrong = wrong + 1 WHERE token = $1", "wrong_code"
		default:
			q, result, allowed = "UPDATE request_link SET downloads = downloads - 1, wrong = 0 WHERE token = $1", "fetched", true
		}
		if q != "" {
			if _, err := tx.ExecContext(ctx, q, digest); err != nil {
				return fmt.Errorf("request: fetch: %w", err)
			}
		}
		return d.prove(ctx, tx, id, "portal", "request.fetch", result, nil)
	})
	if err != nil {
		return err
	}
	if !allowed {
		return refused
	}
	return d.OpenPackage(ctx, id, "portal", w)
}

// RevokeLinks makes every link of a request dead at once (REQUIREMENTS H-19).
func (d *Desk) RevokeLinks(ctx context.Context, id, actor string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE request_link SET revoked = $2 WHERE request = $1 AND revoked = 0", id, store.Micros(d.now())); err != nil {
			return fmt.Errorf("request: revoke: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.links_revoked", "", nil)
	})
}
