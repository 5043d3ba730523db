package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
)

// Runs returns the runs that have ended, with their protocols, newest first; at
// most limit of them, 0 for all.
func (e *Engine) Runs(ctx context.Context, limit int) ([]Run, error) {
	return e.runs(ctx, limit, func(text string, p *Protocol) error { return json.Unmarshal([]byte(text), p) })
}

// RunParts is Runs with nothing of the protocols but their parts: the statistics
// before and after, most of a protocol, are not read.
func (e *Engine) RunParts(ctx context.Context, limit int) ([]Run, error) {
	return e.runs(ctx, limit, readParts)
}

// readParts reads a protocol as far as its parts.
func readParts(text string, p *Protocol) error {
	d := json.NewDecoder(strings.NewReader(text))
	if _, err := d.Token(); err != nil { // the opening brace
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == "parts" {
			return d.Decode(&p.Parts)
		}
		var other json.RawMessage
		if err := d.Decode(&other); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) runs(ctx context.Context, limit int, read func(string, *Protocol) error) ([]Run, error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := e.DB.QueryContext(ctx, `SELECT id, plan, actor, hash, approved, started, ended, protocol FROM run WHERE protocol <> '' ORDER BY ended DESC, id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("retention: runs: %w", err)
	}
	defer rows.Close()
	var out []Run
	for rows.Next() {
		r := Run{Protocol: &Protocol{}}
		var approved, protocol string
		var started, ended int64
		if err := rows.Scan(&r.ID, &r.Plan, &r.Actor, &r.hash, &approved, &started, &ended, &protocol); err != nil {
			return nil, fmt.Errorf("retention: runs: %w", err)
		}
		if err := json.Unmarshal([]byte(approved), &r.Approved); err != nil {
			return nil, fmt.Errorf("retention: run %s: %w", r.ID, err)
		}
		if err := read(protocol, r.Protocol); err != nil {
			return nil, fmt.Errorf("retention: run %s: %w", r.ID, err)
		}
		r.Started, r.Ended = store.Time(started), store.Time(ended)
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("retention: runs: %w", err)
	}
	return out, nil
}

// Deidentified is the word for a complete run that has left personal data where
// anonymous data were wished for. It is no status: the run did what was planned.
const Deidentified Status = "deidentified"

// Word returns what is said of how the run ended, the name of a text under
// run.status: the status, or Deidentified, so that the three outcomes are never
// mixed (REQUIREMENTS section 0.1).
func (p Protocol) Word() Status {
	if p.Status == Complete && p.Total.Outcomes[gallra.OutcomeDeidentified] > 0 {
		return Deidentified
	}
	return p.Status
}

// RuleEntry is what the log is told of a rule: its version and the digest of
// what it said then.
func RuleEntry(action string, r gallra.Rule) (evidence.Entry, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return evidence.Entry{}, fmt.Errorf("retention: rule %s: %w", r.ID, err)
	}
	sum := sha256.Sum256(b)
	return evidence.Entry{Action: action, Subject: r.ID, Digest: hex.EncodeToString(sum[:]), Result: "v" + strconv.Itoa(r.Version)}, nil
}

// Least is how long the rates of its systems make a run last at least; 0 when no
// rate is known.
func (e *Engine) Least(ctx context.Context, run string) (time.Duration, error) {
	var text string
	if err := e.DB.QueryRowContext(ctx, `SELECT p.preview FROM run r JOIN plan p ON p.id = r.plan WHERE r.id = $1`, run).Scan(&text); err != nil {
		return 0, fmt.Errorf("retention: rate of %s: %w", run, err)
	}
	var p Preview
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return 0, fmt.Errorf("retention: rate of %s: %w", run, err)
	}
	return p.Least(), nil
}
