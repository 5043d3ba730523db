package letter

import (
	"context"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Remaining looks for a person in a system and returns how much it finds: the new
// look that a vendor's answer needs. gallra.ErrUnsupported when the system cannot
// be searched; then a person looks, and says how much was left.
func Remaining(ctx context.Context, src connector.Source, system gallra.SystemID, about []gallra.Identifier) (int64, error) {
	f, ok := src.(connector.Finder)
	if !ok {
		return 0, gallra.Errorf(gallra.Unsupported, "letter.look_by_hand", "system", string(system))
	}
	var n int64
	for cursor := ""; ; {
		h, err := f.Find(ctx, connector.Needles{Identifiers: about, Depth: connector.InText}, cursor)
		if err != nil {
			return 0, err
		}
		n += int64(len(h.Hits))
		if cursor = h.Next; cursor == "" {
			return n, nil
		}
	}
}
