package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Limits are the times of sign-in. The zero value of a field means its default.
type Limits struct {
	Idle     time.Duration // a session ends when unused so long; default 30 minutes
	Absolute time.Duration // a session ends at this age; default 10 hours, a long working day
	Tries    int           // wrong passwords in a row before the lock; default 5
	Lock     time.Duration // how long the first lock lasts, doubled by each further failure up to a day; default 5 minutes
}

// Auth keeps accounts and sessions. It is safe for concurrent use.
type Auth struct {
	db     *store.DB
	limits Limits
	decoy  string // hash to spend time on when the username is unknown
}

// New returns the accounts and sessions of db.
func New(db *store.DB, l Limits) *Auth {
	if l.Idle == 0 {
		l.Idle = 30 * time.Minute
	}
	if l.Absolute == 0 {
		l.Absolute = 10 * time.Hour
	}
	if l.Tries == 0 {
		l.Tries = 5
	}
	if l.Lock == 0 {
		l.Lock = 5 * time.Minute
	}
	return &Auth{db: db, limits: l, decoy: hashPassword("no account has this password")}
}

// Account is one person who may sign in.
type Account struct {
	ID       string
	Username string
	Name     string
	Role     Role
	Locked   time.Time // until; zero: not locked
	Disabled time.Time // since; zero: in use
	Created  time.Time
	Seen     time.Time // last sign-in; zero: never
}

// Can reports whether the account may do p.
func (a Account) Can(p Permission) bool { return a.Disabled.IsZero() && Can(a.Role, p) }

// NewAccount is what an account is made of.
type NewAccount struct {
	Username, Name, Password string
	Role                     Role
}

var usernamePattern = regexp.MustCompile(`^[a-z0-9åäöéü][a-z0-9åäöéü._@+-]{1,63}$`)

// Any reports whether there is an account at all. When there is none, the
// first-run page makes the first administrator.
func (a *Auth) Any(ctx context.Context) (bool, error) {
	var n int
	if err := a.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM account`).Scan(&n); err != nil {
		return false, fmt.Errorf("auth: count accounts: %w", err)
	}
	return n > 0, nil
}

// Create adds an account. gallra.ErrInvalid for a malformed username, role or
// password; gallra.ErrConflict when the username is taken.
func (a *Auth) Create(ctx context.Context, n NewAccount) (acc Account, err error) {
	if acc, err = a.prepare(&n); err != nil {
		return Account{}, err
	}
	err = a.db.Tx(ctx, func(tx *sql.Tx) error { return a.insert(ctx, tx, acc, n.Password) })
	return acc, err
}

// CreateFirst adds the first administrator. gallra.ErrConflict when there is an
// account already: two people cannot both set up the same installation.
func (a *Auth) CreateFirst(ctx context.Context, n NewAccount) (acc Account, err error) {
	n.Role = Admin
	if acc, err = a.prepare(&n); err != nil {
		return Account{}, err
	}
	err = a.db.Tx(ctx, func(tx *sql.Tx) error {
		if a.db.Dialect == store.Postgres { // SQLite's transactions are one at a time already
			if _, err := tx.ExecContext(ctx, `LOCK TABLE account IN EXCLUSIVE MODE`); err != nil {
				return fmt.Errorf("auth: lock accounts: %w", err)
			}
		}
		var count int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM account`).Scan(&count); err != nil {
			return fmt.Errorf("auth: count accounts: %w", err)
		}
		if count > 0 {
			return gallra.Errorf(gallra.Conflict, "auth.set_up")
		}
		return a.insert(ctx, tx, acc, n.Password)
	})
	return acc, err
}

func (a *Auth) prepare(n *NewAccount) (Account, error) {
	n.Username = strings.ToLower(strings.TrimSpace(n.Username))
	n.Name = strings.TrimSpace(n.Name)
	switch {
	case !usernamePattern.MatchString(n.Username):
		return Account{}, gallra.Errorf(gallra.Invalid, "auth.username")
	case n.Name == "" || len(n.Name) > 200:
		return Account{}, gallra.Errorf(gallra.Invalid, "auth.name")
	case !n.Role.Valid():
		return Account{}, gallra.Errorf(gallra.Invalid, "auth.role")
	}
	if err := checkPassword(n.Username, n.Password); err != nil {
		return Account{}, err
	}
	return Account{ID: work.NewID("account"), Username: n.Username, Name: n.Name, Role: n.Role, Created: a.db.Now().UTC()}, nil
}

func (a *Auth) insert(ctx context.Context, tx *sql.Tx, acc Account, password string) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO account (id, username, name, role, password, created)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (username) DO NOTHING`,
		acc.ID, acc.Username, acc.Name, string(acc.Role), hashPassword(password), store.Micros(acc.Created))
	if err != nil {
		return fmt.Errorf("auth: create account: %w", err)
	}
	if k, err := res.RowsAffected(); err != nil || k != 1 {
		return gallra.Errorf(gallra.Conflict, "auth.username_taken")
	}
	return nil
}

const accountColumns = `id, username, name, role, locked, disabled, created, seen`

func scanAccount(row interface{ Scan(...any) error }, more ...any) (a Account, err error) {
	var locked, disabled, created, seen int64
	err = row.Scan(append([]any{&a.ID, &a.Username, &a.Name, &a.Role, &locked, &disabled, &created, &seen}, more...)...)
	a.Locked, a.Disabled, a.Created, a.Seen = store.Time(locked), store.Time(disabled), store.Time(created), store.Time(seen)
	return a, err
}

// Accounts returns every account by name, the disabled ones last.
func (a *Auth) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+accountColumns+` FROM account ORDER BY CASE WHEN disabled = 0 THEN 0 ELSE 1 END, name, id`)
	if err != nil {
		return nil, fmt.Errorf("auth: list accounts: %w", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		acc, err := scanAccount(rows)
		if err != nil {
			return nil, fmt.Errorf("auth: list accounts: %w", err)
		}
		out = append(out, acc)
	}
	return out, rows.Err()
}

// Account returns one account. gallra.ErrNotFound.
func (a *Auth) Account(ctx context.Context, id string) (Account, error) {
	acc, err := scanAccount(a.db.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM account WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, gallra.Errorf(gallra.NotFound, "auth.unknown")
	}
	if err != nil {
		return Account{}, fmt.Errorf("auth: account %s: %w", id, err)
	}
	return acc, nil
}

// SetRole changes what an account is for and ends its sessions. The last
// administrator in use stays one: gallra.ErrBlocked.
func (a *Auth) SetRole(ctx context.Context, id string, r Role) error {
	if !r.Valid() {
		return gallra.Errorf(gallra.Invalid, "auth.role")
	}
	return a.change(ctx, id, r != Admin, `UPDATE account SET role = $2 WHERE id = $1`, string(r))
}

// Disable closes an account and ends its sessions. Its id stays in the log.
// The last administrator in use cannot be closed: gallra.ErrBlocked.
func (a *Auth) Disable(ctx context.Context, id string) error {
	return a.change(ctx, id, true, `UPDATE account SET disabled = $2 WHERE id = $1`, store.Micros(a.db.Now()))
}

// Enable opens a closed or locked account again.
func (a *Auth) Enable(ctx context.Context, id string) error {
	return a.change(ctx, id, false, `UPDATE account SET disabled = 0, locked = 0, failures = $2 WHERE id = $1`, 0)
}

// SetPassword gives an account a new password, opens its lock and ends its
// sessions.
func (a *Auth) SetPassword(ctx context.Context, id, password string) error {
	acc, err := a.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := checkPassword(acc.Username, password); err != nil {
		return err
	}
	return a.change(ctx, id, false, `UPDATE account SET password = $2, failures = 0, locked = 0 WHERE id = $1`, hashPassword(password))
}

// ChangePassword is SetPassword by the account's owner, who knows the old one.
// gallra.ErrAuth when not.
func (a *Auth) ChangePassword(ctx context.Context, id, old, password string) error {
	var hashed string
	err := a.db.QueryRowContext(ctx, `SELECT password FROM account WHERE id = $1`, id).Scan(&hashed)
	if err != nil {
		return fmt.Errorf("auth: account %s: %w", id, err)
	}
	if !samePassword(hashed, old) {
		return gallra.Errorf(gallra.Unauthorize, "auth.password_old")
	}
	return a.SetPassword(ctx, id, password)
}

// change runs one UPDATE on an account and ends its sessions. With needsAdmin
// it refuses when no other administrator would be left.
func (a *Auth) change(ctx context.Context, id string, needsAdmin bool, update string, arg any) error {
	return a.db.Tx(ctx, func(tx *sql.Tx) error {
		if needsAdmin {
			if a.db.Dialect == store.Postgres {
				if _, err := tx.ExecContext(ctx, `LOCK TABLE account IN EXCLUSIVE MODE`); err != nil {
					return fmt.Errorf("auth: lock accounts: %w", err)
				}
			}
			var role Role
			var others int
			err := tx.QueryRowContext(ctx, `SELECT role, (SELECT COUNT(*) FROM account WHERE role = 'admin' AND disabled = 0 AND id <> $1) FROM account WHERE id = $1`, id).Scan(&role, &others)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("auth: account %s: %w", id, err)
			}
			if role == Admin && others == 0 {
				return gallra.Errorf(gallra.Blocked, "auth.last_admin")
			}
		}
		res, err := tx.ExecContext(ctx, update, id, arg)
		if err != nil {
			return fmt.Errorf("auth: change account %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.NotFound, "auth.unknown")
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE account = $1`, id); err != nil {
			return fmt.Errorf("auth: end sessions of %s: %w", id, err)
		}
		return nil
	})
}

// Names returns people's names by their user names.
func (a *Auth) Names(ctx context.Context) (map[string]string, error) {
	list, err := a.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, acc := range list {
		out[acc.Username] = acc.Name
	}
	return out, nil
}
