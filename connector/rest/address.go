package rest

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/gallra/gallra"
)

var errRefusedAddress = errors.New("rest: address refused")

// The metadata services of clouds that are not link-local: Alibaba, Azure, AWS.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("168.63.129.16"):   true,
	netip.MustParseAddr("fd00:ec2::254"):   true,
}

// nat64 is the prefix that carries an IPv4 address (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func allowed(a netip.Addr, loopback bool) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.IsLoopback() {
		return loopback
	}
	return !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified() && !metadata[a]
}

// guard looks at the address that a name has led to, just before it is dialled:
// a name that answers differently the second time gains nothing.
func guard(loopback bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(ap.Addr(), loopback) {
			return errRefusedAddress
		}
		return nil
	}
}

func parseBase(o Options) (*url.URL, error) {
	invalid := gallra.Errorf(gallra.Invalid, "rest.base_url", "system", string(o.System))
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, invalid // the parser's own text quotes the address
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	a, err := netip.ParseAddr(host)
	here := host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && a.Unmap().IsLoopback()
	if here && !o.AllowLoopback || err == nil && !allowed(a, o.AllowLoopback) {
		return nil, gallra.Errorf(gallra.Blocked, "rest.address_refused", "system", string(o.System))
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return nil, invalid
	}
	return u, nil
}
