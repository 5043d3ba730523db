package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Token is a key of the API: it acts in its account's name, with its role.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // what uses it
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen,omitzero"` // last use, to the minute
}

// tokenFront begins every token, so that one that has leaked is known for what
// it is.
const tokenFront = "gallra_"

// IssueToken makes a token for an account and returns it: this once, since only
// its SHA-256 is stored. gallra.ErrInvalid without a name.
func (a *Auth) IssueToken(ctx context.Context, account, name string) (string, Token, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 200 {
		return "", Token{}, gallra.Errorf(gallra.Invalid, "auth.token_name")
	}
	if acc, err := a.Account(ctx, account); err != nil {
		return "", Token{}, err
	} else if !acc.Disabled.IsZero() {
		return "", Token{}, gallra.Errorf(gallra.Blocked, "auth.account_closed")
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (Go 1.24)
	secret := tokenFront + base64.RawURLEncoding.EncodeToString(raw)
	t := Token{ID: work.NewID("token"), Name: name, Created: a.db.Now().UTC()}
	if _, err := a.db.ExecContext(ctx, `INSERT INTO token (id, token, account, name, created) VALUES ($1, $2, $3, $4, $5)`, t.ID, digest(secret), account, name, store.Micros(t.Created)); err != nil {
		return "", Token{}, fmt.Errorf("auth: issue token: %w", err)
	}
	return secret, t, nil
}

// Tokens returns an account's tokens, the newest first.
func (a *Auth) Tokens(ctx context.Context, account string) ([]Token, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT id, name, created, seen FROM token WHERE account = $1 ORDER BY created DESC, id`, account)
	if err != nil {
		return nil, fmt.Errorf("auth: tokens: %w", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var t Token
		var created, seen int64
		if err := rows.Scan(&t.ID, &t.Name, &created, &seen); err != nil {
			return nil, fmt.Errorf("auth: tokens: %w", err)
		}
		t.Created, t.Seen = store.Time(created), store.Time(seen)
		out = append(out, t)
	}
	return out, rows.Err()
}

// RevokeToken ends a token of an account. gallra.ErrNotFound for another's.
func (a *Auth) RevokeToken(ctx context.Context, account, id string) error {
	res, err := a.db.ExecContext(ctx, `DELETE FROM token WHERE id = $1 AND account = $2`, id, account)
	if err != nil {
		return fmt.Errorf("auth: revoke token: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.NotFound, "auth.token_unknown")
	}
	return nil
}

// Bearer returns the account a token acts for. gallra.ErrAuth when there is no
// such token or its account is closed.
func (a *Auth) Bearer(ctx context.Context, secret string) (Account, error) {
	unknown := gallra.Errorf(gallra.Unauthorize, "auth.token")
	if !strings.HasPrefix(secret, tokenFront) {
		return Account{}, unknown
	}
	var id string
	var used int64
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT account.id, username, account.name, role, locked, disabled, account.created, account.seen, token.id, token.seen
		FROM token JOIN account ON account.id = token.account WHERE token = $1`, digest(secret)), &id, &used)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !acc.Disabled.IsZero() {
		return Account{}, unknown
	}
	if err != nil {
		return Account{}, fmt.Errorf("auth: token: %w", err)
	}
	if now := a.db.Now(); now.Sub(store.Time(used)) > time.Minute { // a write a minute is exact enough
		if _, err := a.db.ExecContext(ctx, `UPDATE token SET seen = $2 WHERE id = $1`, id, store.Micros(now)); err != nil {
			return Account{}, fmt.Errorf("auth: touch token: %w", err)
		}
	}
	return acc, nil
}
