package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// keepVersion remembers a rule when a run first uses it; with a zero time it only
// looks. A version that has been used
// and now says something else is gallra.ErrConflict: what changes needs a new
// number, or the protocols that name the old one would lie.
func (e *Engine) keepVersion(ctx context.Context, tx *sql.Tx, r gallra.Rule, now time.Time) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("retention: rule %s: %w", r.ID, err)
	}
	var known string
	err = tx.QueryRowContext(ctx, `SELECT rule FROM rule_version WHERE id = $1 AND version = $2`, r.ID, r.Version).Scan(&known)
	switch {
	case errors.Is(err, sql.ErrNoRows) && now.IsZero():
		return nil
	case errors.Is(err, sql.ErrNoRows):
		_, err = tx.ExecContext(ctx, `INSERT INTO rule_version (id, version, rule, first) VALUES ($1, $2, $3, $4)`, r.ID, r.Version, string(text), store.Micros(now))
	case err == nil && known != string(text):
		return gallra.Errorf(gallra.Conflict, "retention.rule_version", "rule", r.ID, "version", fmt.Sprint(r.Version))
	}
	if err != nil {
		return fmt.Errorf("retention: rule %s: %w", r.ID, err)
	}
	return nil
}

// RuleVersion is one version of a rule and when a run first used it.
type RuleVersion struct {
	gallra.Rule
	First time.Time `json:"first"`
}

// RuleVersions returns every version of every rule that a run has used, oldest
// first within a rule.
func (e *Engine) RuleVersions(ctx context.Context) ([]RuleVersion, error) {
	rows, err := e.DB.QueryContext(ctx, `SELECT rule, first FROM rule_version ORDER BY id, version`)
	if err != nil {
		return nil, fmt.Errorf("retention: rule versions: %w", err)
	}
	defer rows.Close()
	var out []RuleVersion
	for rows.Next() {
		var text string
		var first int64
		if err := rows.Scan(&text, &first); err != nil {
			return nil, fmt.Errorf("retention: rule versions: %w", err)
		}
		v := RuleVersion{First: store.Time(first)}
		if err := json.Unmarshal([]byte(text), &v.Rule); err != nil {
			return nil, fmt.Errorf("retention: rule versions: %w", err)
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
