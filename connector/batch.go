package connector

import (
	"strconv"
	"strings"

	"github.com/gallra/gallra"
)

// One returns the answer of a batch of one, for a connector whose Erase and Edit
// are batches.
func One(rs []Result, err error) (gallra.Receipt, error) {
	if err != nil {
		return gallra.Receipt{}, err
	}
	return rs[0].Receipt, rs[0].Err
}

// Share is the K-th of N equal parts of the numbers, for a Partitioner whose
// records have one.
type Share struct{ K, N uint64 }

// ParseShare reads Query.Partition as String writes it; "" is everything.
// gallra.ErrInvalid for what is none.
func ParseShare(s string) (Share, error) {
	if s == "" {
		return Share{0, 1}, nil
	}
	a, b, _ := strings.Cut(s, "/")
	k, err1 := strconv.ParseUint(a, 10, 16)
	n, err2 := strconv.ParseUint(b, 10, 16)
	if err1 != nil || err2 != nil || k >= n {
		return Share{}, gallra.Errorf(gallra.Invalid, "connector.bad_partition")
	}
	return Share{k, n}, nil
}

// String returns "K/N".
func (p Share) String() string {
	return strconv.FormatUint(p.K, 10) + "/" + strconv.FormatUint(p.N, 10)
}

// Has reports whether a number belongs to the share.
func (p Share) Has(n uint64) bool { return n%p.N == p.K }
