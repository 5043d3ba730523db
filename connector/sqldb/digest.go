package sqldb

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"

	modernc "modernc.org/sqlite" // also the database/sql driver "sqlite"
)

// digestFunction is what PostgreSQL and MariaDB have and SQLite lacks.
const digestFunction = "gallra_digest"

func init() {
	modernc.MustRegisterDeterministicScalarFunction(digestFunction, -1, func(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
		h := sha256.New()
		for _, a := range args {
			fmt.Fprintf(h, "%T\x1f%v\x1e", a, a)
		}
		return hex.EncodeToString(h.Sum(nil)[:16]), nil
	})
}
