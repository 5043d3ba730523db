//go:build !unix

package store

// alone does nothing where files cannot be locked: two programs that are started at
// once on a store that is not made yet may then have to be started again.
func alone(string) (func(), error) { return func() {}, nil }
