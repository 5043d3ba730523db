package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Session is one signed-in browser.
type Session struct {
	ID      string
	Account string
	Name    string // of the account
	Browser string // a short description of the browser, as it told
	Created time.Time
	Seen    time.Time
}

// SignIn checks a password and opens a session. The token is the cookie's
// value: 32 random bytes, of which only the SHA-256 is stored. Every refusal
// is the same gallra.ErrAuth, so that it does not tell whether the account
// exists, is closed or is locked.
func (a *Auth) SignIn(ctx context.Context, username, password, browser string) (token string, acc Account, err error) {
	refused := gallra.Errorf(gallra.Unauthorize, "auth.refused")
	var hashed string
	acc, err = scanAccount(a.db.QueryRowContext(ctx, `SELECT `+accountColumns+`, password FROM account WHERE username = $1`,
		strings.ToLower(strings.TrimSpace(username))), &hashed)
	if errors.Is(err, sql.ErrNoRows) {
		samePassword(a.decoy, password) // as slow as for an account that exists
		return "", Account{}, refused
	}
	if err != nil {
		return "", Account{}, fmt.Errorf("auth: sign in: %w", err)
	}
	right := samePassword(hashed, password)
	now := a.db.Now()
	if !acc.Disabled.IsZero() || acc.Locked.After(now) {
		return "", Account{}, refused
	}
	if !right {
		if err := a.failed(ctx, acc.ID, now); err != nil {
			return "", Account{}, err
		}
		return "", Account{}, refused
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (Go 1.24)
	token = base64.RawURLEncoding.EncodeToString(raw)
	err = a.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE account SET failures = 0, locked = 0, seen = $2 WHERE id = $1`, acc.ID, store.Micros(now)); err != nil {
			return fmt.Errorf("auth: sign in: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE seen < $1 OR created < $2`,
			store.Micros(now.Add(-a.limits.Idle)), store.Micros(now.Add(-a.limits.Absolute))); err != nil {
			return fmt.Errorf("auth: clear old sessions: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO session (id, token, account, browser, created, seen) VALUES ($1, $2, $3, $4, $5, $5)`,
			work.NewID("session"), digest(token), acc.ID, browser, store.Micros(now))
		if err != nil {
			return fmt.Errorf("auth: open session: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", Account{}, err
	}
	return token, acc, nil
}

// failed counts a wrong password in one statement, so that parallel guesses
// all count, and locks the account when there are too many.
func (a *Auth) failed(ctx context.Context, id string, now time.Time) error {
	return a.db.Tx(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `UPDATE account SET failures = failures + 1 WHERE id = $1 RETURNING failures`, id).Scan(&n); err != nil {
			return fmt.Errorf("auth: count failure: %w", err)
		}
		if n < a.limits.Tries {
			return nil
		}
		lock := min(a.limits.Lock<<min(n-a.limits.Tries, 10), 24*time.Hour)
		if _, err := tx.ExecContext(ctx, `UPDATE account SET locked = $2 WHERE id = $1`, id, store.Micros(now.Add(lock))); err != nil {
			return fmt.Errorf("auth: lock account: %w", err)
		}
		return nil
	})
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Session returns who a token belongs to and marks the session as used.
// gallra.ErrAuth when the token is unknown, too old, unused too long, or the
// account is closed.
func (a *Auth) Session(ctx context.Context, token string) (Account, Session, error) {
	ended := gallra.Errorf(gallra.Unauthorize, "auth.session_ended")
	if token == "" {
		return Account{}, Session{}, ended
	}
	now := a.db.Now()
	var s Session
	var created, seen int64
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT account.id, username, name, role, locked, disabled, account.created, account.seen,
		session.id, browser, session.created, session.seen
		FROM session JOIN account ON account.id = session.account WHERE token = $1`, digest(token)), &s.ID, &s.Browser, &created, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, Session{}, ended
	}
	if err != nil {
		return Account{}, Session{}, fmt.Errorf("auth: session: %w", err)
	}
	s.Account, s.Name, s.Created, s.Seen = acc.ID, acc.Name, store.Time(created), store.Time(seen)
	if !acc.Disabled.IsZero() || now.Sub(s.Seen) > a.limits.Idle || now.Sub(s.Created) > a.limits.Absolute {
		if err := a.Revoke(ctx, s.ID); err != nil {
			return Account{}, Session{}, err
		}
		return Account{}, Session{}, ended
	}
	if now.Sub(s.Seen) > time.Minute { // a write a minute is exact enough and spares the database
		if _, err := a.db.ExecContext(ctx, `UPDATE session SET seen = $2 WHERE id = $1`, s.ID, store.Micros(now)); err != nil {
			return Account{}, Session{}, fmt.Errorf("auth: touch session: %w", err)
		}
	}
	return acc, s, nil
}

// Sessions returns the sessions that are alive, of one account or ("") of all,
// the latest used first.
func (a *Auth) Sessions(ctx context.Context, account string) ([]Session, error) {
	now := a.db.Now()
	rows, err := a.db.QueryContext(ctx, `SELECT session.id, account, name, browser, session.created, session.seen
		FROM session JOIN account ON account.id = session.account
		WHERE ($1 = '' OR account = $1) AND session.seen >= $2 AND session.created >= $3 ORDER BY session.seen DESC, session.id`,
		account, store.Micros(now.Add(-a.limits.Idle)), store.Micros(now.Add(-a.limits.Absolute)))
	if err != nil {
		return nil, fmt.Errorf("auth: sessions: %w", err)
	}
	defer rows.Close()
	var out []Session
	for rows.Next() {
		var s Session
		var created, seen int64
		if err := rows.Scan(&s.ID, &s.Account, &s.Name, &s.Browser, &created, &seen); err != nil {
			return nil, fmt.Errorf("auth: sessions: %w", err)
		}
		s.Created, s.Seen = store.Time(created), store.Time(seen)
		out = append(out, s)
	}
	return out, rows.Err()
}

// SignOut ends the session of a token. An unknown token is no error.
func (a *Auth) SignOut(ctx context.Context, token string) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM session WHERE token = $1`, digest(token)); err != nil {
		return fmt.Errorf("auth: sign out: %w", err)
	}
	return nil
}

// Revoke ends one session by id. An unknown id is no error.
func (a *Auth) Revoke(ctx context.Context, id string) error {
	if _, err := a.db.ExecContext(ctx, `DELETE FROM session WHERE id = $1`, id); err != nil {
		return fmt.Errorf("auth: revoke session: %w", err)
	}
	return nil
}
