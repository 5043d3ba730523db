package request_test

import (
	"errors"

	"github.com/gallra/gallra"
)

func asError(err error, e **gallra.Error) bool { return errors.As(err, e) }
