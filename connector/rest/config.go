package rest

import (
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// CommonOptions returns the settings that every connector to an API has.
func CommonOptions() []connector.Option {
	return []connector.Option{
		{Name: "rate", Help: "option.rate"},
		{Name: "allow_loopback", Help: "option.allow_loopback"},
		{Name: "tls", Help: "option.tls"},
		{Name: "ca", Help: "option.ca"},
	}
}

// FromConfig makes options of an address "scheme://host[:port][/path]?…", whose
// scheme is the connector's, and of the settings in CommonOptions. host is where
// the vendor is when the address names no host; "" when it must. usual is the
// limit where the operator sets none. Credentials are the connector's business.
// gallra.ErrInvalid when they cannot be used.
func FromConfig(c connector.Config, host string, usual Limit) (Options, error) {
	invalid := gallra.Errorf(gallra.Invalid, "rest.base_url", "system", string(c.System))
	u, err := url.Parse(c.URL)
	if err != nil || u.User != nil || u.Opaque != "" {
		return Options{}, invalid
	}
	if u.Host == "" && u.Path == "" {
		u.Host = host
	}
	if u.Hostname() == "" {
		return Options{}, invalid
	}
	o := Options{System: c.System, Limit: usual}
	if o.AllowLoopback, err = Flag(c, "allow_loopback"); err != nil {
		return Options{}, err
	}
	base := url.URL{Scheme: "https", Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if c.Option("tls") == "none" {
		a, err := netip.ParseAddr(u.Hostname())
		if !strings.EqualFold(u.Hostname(), "localhost") && (err != nil || !a.IsLoopback()) {
			return Options{}, invalid
		}
		base.Scheme = "http"
	}
	o.BaseURL = base.String()
	if file := c.Option("ca"); file != "" {
		if o.CA, err = os.ReadFile(file); err != nil {
			return Options{}, gallra.Errorf(gallra.Invalid, "rest.ca")
		}
	}
	if v := c.Option("rate"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return Options{}, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "rate")
		}
		o.Limit = PerMinute(n)
	}
	return o, nil
}

// PerMinute is so many calls a minute, ten of them at once.
func PerMinute(calls int) Limit { return Limit{Requests: calls, Per: time.Minute, Burst: 10} }

// Flag reads a setting that is true ("yes" is too) or false; "" is false.
func Flag(c connector.Config, name string) (bool, error) {
	v := c.Option(name)
	switch v {
	case "":
		return false, nil
	case "yes":
		return true, nil
	}
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", name)
	}
	return on, nil
}
