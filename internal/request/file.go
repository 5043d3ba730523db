package request

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Package writes the case's package, which make gives, sealed under the case's
// key into the folder of keys' sibling "packages": nobody reads it without the
// key, and with the key it is gone (REQUIREMENTS X-3). A decision that waits for its
// second person is refused: gallra.ErrBlocked.
func (d *Desk) Package(ctx context.Context, id, actor string, make func(io.Writer) error) error {
	r, err := d.Get(ctx, id)
	if err != nil {
		return err
	}
	if r.Approvable() {
		return gallra.Errorf(gallra.Blocked, "request.not_approved", "request", id)
	}
	key, err := d.key(ctx, d.DB, id)
	if err != nil {
		return err
	}
	path := d.packagePath(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("request: package: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".package-*")
	if err != nil {
		return fmt.Errorf("request: package: %w", err)
	}
	defer os.Remove(f.Name()) // renamed away when all went well
	s, err := newSealer(f, key, id)
	if err == nil {
		err = make(s)
	}
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("request: package: %w", err)
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error { return d.prove(ctx, tx, id, actor, "request.package", "", nil) })
}

// OpenPackage writes the package in clear to w; the reading is logged.
// gallra.ErrNotFound when there is none or its key has been destroyed.
func (d *Desk) OpenPackage(ctx context.Context, id, actor string, w io.Writer) error {
	key, err := d.key(ctx, d.DB, id)
	if err != nil {
		return err
	}
	f, err := os.Open(d.packagePath(id))
	if errors.Is(err, os.ErrNotExist) {
		return gallra.Errorf(gallra.NotFound, "request.no_package", "request", id)
	}
	if err != nil {
		return fmt.Errorf("request: package: %w", err)
	}
	defer f.Close()
	if err := d.DB.Tx(ctx, func(tx *sql.Tx) error { return d.prove(ctx, tx, id, actor, "request.package_read", "", nil) }); err != nil {
		return err
	}
	return unsealStream(w, f, key, id)
}

// Packaged returns when the package of a case was made; zero when there is none.
func (d *Desk) Packaged(id string) (time.Time, error) {
	info, err := os.Stat(d.packagePath(id))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("request: package: %w", err)
	}
	return info.ModTime(), nil
}

func (d *Desk) packagePath(id string) string {
	return filepath.Join(filepath.Dir(d.Keys.Dir), "packages", id+".sealed")
}

// Destroy destroys the keys of the cases whose day has come, and with them
// everything that told who the persons were: the sealed details, the package,
// the digests, the keys of the digests in the log. It returns their ids. Call it
// daily; a case that is appealed or open is left alone (REQUIREMENTS E10, W-15).
func (d *Desk) Destroy(ctx context.Context) ([]string, error) {
	rows, err := d.DB.QueryContext(ctx, "SELECT id FROM request WHERE destroy > 0 AND destroy <= $1 AND destroyed = 0 AND state = 'closed' ORDER BY id", store.Micros(d.now()))
	if err != nil {
		return nil, fmt.Errorf("request: destroy: %w", err)
	}
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			rows.Close()
			return nil, fmt.Errorf("request: destroy: %w", err)
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("request: destroy: %w", err)
	}
	for i, id := range ids {
		if err := d.shred(ctx, id); err != nil {
			return ids[:i], err
		}
	}
	if len(ids) > 0 {
		return ids, d.DB.Scrub(ctx)
	}
	return nil, nil
}

// shred destroys the file half of the key first: from then on nothing opens the
// case, whatever happens to the rest.
func (d *Desk) shred(ctx context.Context, id string) error {
	if err := d.Keys.destroy(id); err != nil {
		return err
	}
	if err := os.Remove(d.packagePath(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("request: destroy: %w", err)
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE request SET sealed = NULL, salt = NULL, digest_key = NULL, destroyed = $2 WHERE id = $1", id, store.Micros(d.now())); err != nil {
			return fmt.Errorf("request: destroy: %w", err)
		}
		// What was acted on stays as bare references: the journal by which an
		// erasure is applied again after a restore (REQUIREMENTS B-3).
		for _, q := range []string{
			"DELETE FROM request_person WHERE request = $1",
			"DELETE FROM request_link WHERE request = $1",
			"DELETE FROM request_item WHERE request = $1 AND decision IN ('open','exclude')",
			"UPDATE request_item SET why = '[]' WHERE request = $1",
		} {
			if _, err := tx.ExecContext(ctx, q, id); err != nil {
				return fmt.Errorf("request: destroy: %w", err)
			}
		}
		return d.prove(ctx, tx, id, "system", "request.key_destroyed", "", nil)
	})
}
