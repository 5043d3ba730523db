package freshdesk

import (
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/rest"
)

// OpenWith opens an account over another network and clock.
func OpenWith(c connector.Config, tune func(*rest.Options)) (connector.Source, error) {
	return open(c, tune)
}
