package rest

import "context"

// Pair is the two ways into one system: a client that reads and one that
// changes, so that what only looks does not hold the right to destroy
// (REQUIREMENTS X-5). Where the operator has given one set of credentials, both
// are the same client.
type Pair struct{ Read, Write *Client }

// NewPair returns the clients for two sets of credentials: those of o, which
// read, and write, which changes. Without write those of o do both. Errors as
// New's: a write that is there and cannot be used is one.
func NewPair(o Options, write *Auth) (Pair, error) {
	r, err := New(o)
	if err != nil || write == nil {
		return Pair{r, r}, err
	}
	o.Auth = *write
	w, err := New(o)
	return Pair{r, w}, err
}

// Given returns what auth makes of a secret, nil when there is none.
func Given(secret string, auth func(string) Auth) *Auth {
	if secret == "" {
		return nil
	}
	a := auth(secret)
	return &a
}

// Do makes the call with the client that changes, unless its method is one that
// only reads. A search by POST belongs to Pair.Read.Do. As Client.Do.
func (p Pair) Do(ctx context.Context, r Request, out any) (Response, error) {
	switch r.method() {
	case "GET", "HEAD":
		return p.Read.Do(ctx, r, out)
	}
	return p.Write.Do(ctx, r, out)
}

// Each calls f with the reading client and then, where it is another one, with
// the changing one; it stops at the first error.
func (p Pair) Each(f func(*Client) error) error {
	if err := f(p.Read); err != nil || p.Write == p.Read {
		return err
	}
	return f(p.Write)
}

// Close lets go of idle connections.
func (p Pair) Close() error {
	return p.Each(func(c *Client) error { return c.Close() })
}
