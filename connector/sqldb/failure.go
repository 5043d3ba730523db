package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	modernc "modernc.org/sqlite"

	"github.com/gallra/gallra"
)

// errDeadlock is a transaction that the database ended because two waited for
// each other: nothing of it was done, and it may be tried again.
var errDeadlock = &gallra.Error{Code: gallra.Unavailable, Key: "sqldb.deadlock"}

func contextError(err error) error {
	for _, e := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}

// classify sorts a driver's error by what the caller can do about it.
func classify(err error) (gallra.Code, string) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "28"), pg.Code == "3D000":
			return gallra.Unauthorize, "sqldb.auth"
		case pg.Code == "42501":
			return gallra.Forbidden, "sqldb.permission"
		case strings.HasPrefix(pg.Code, "42"):
			return gallra.Drift, "sqldb.statement"
		case pg.Code == "40001", pg.Code == "40P01":
			return gallra.Unavailable, errDeadlock.Key
		case strings.HasPrefix(pg.Code, "40"), strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57"), pg.Code == "55P03":
			return gallra.Unavailable, "sqldb.unavailable"
		case strings.HasPrefix(pg.Code, "23"):
			return gallra.Conflict, "sqldb.constraint"
		}
		return gallra.Internal, "sqldb.failed"
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		switch my.Number {
		case 1044, 1045, 1049, 1698:
			return gallra.Unauthorize, "sqldb.auth"
		case 1142, 1143, 1227, 1370:
			return gallra.Forbidden, "sqldb.permission"
		case 1054, 1146:
			return gallra.Drift, "sqldb.statement"
		case 1213:
			return gallra.Unavailable, errDeadlock.Key
		case 1205, 1040, 1053, 1077, 3024:
			return gallra.Unavailable, "sqldb.unavailable"
		case 1451, 1452, 1048, 1062:
			return gallra.Conflict, "sqldb.constraint"
		}
		return gallra.Internal, "sqldb.failed"
	}
	var lite *modernc.Error
	if errors.As(err, &lite) {
		if lite.Code() == 1811 { // a trigger refuses, as it does elsewhere: no row points here, and nobody changed it
			return gallra.Internal, "sqldb.failed"
		}
		switch lite.Code() & 0xff {
		case 5, 6, 10, 13: // busy, locked, input/output, full
			return gallra.Unavailable, "sqldb.unavailable"
		case 3, 8, 23:
			return gallra.Forbidden, "sqldb.permission"
		case 14:
			return gallra.Invalid, "sqldb.file"
		case 19:
			return gallra.Conflict, "sqldb.constraint"
		case 26, 11:
			return gallra.Drift, "sqldb.not_database"
		}
		return gallra.Internal, "sqldb.failed"
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || pgconn.SafeToRetry(err) {
		return gallra.Unavailable, "sqldb.unavailable"
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) {
		return gallra.Unavailable, "sqldb.unavailable"
	}
	return gallra.Unavailable, "sqldb.unavailable" // a connection that broke in an unforeseen way: safe to repeat
}
