package imap

import (
	"context"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

var _ connector.Planter = (*Source)(nil)

// Plant implements connector.Planter: a mail in the inbox, seen already.
func (s *Source) Plant(ctx context.Context, p connector.Person) error {
	now := time.Now()
	raw := mailrecord.Letter(p, now)
	return s.with(ctx, func(c *client) error {
		cmd := c.Append("INBOX", int64(len(raw)), &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagSeen}, Time: now})
		_, werr := cmd.Write(raw)
		cerr := cmd.Close()
		_, err := cmd.Wait()
		for _, e := range []error{err, werr, cerr} {
			if e != nil {
				return s.fail(ctx, "APPEND", e)
			}
		}
		return nil
	})
}
