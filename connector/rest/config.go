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
		{Name: "allow_loopback", Help: "true: the system may run on this machine"},
		{Name: "tls", Help: "none: plain HTTP, for a system on this machine alone"},
		{Name: "ca", Help: "file with the certificate authority of the server (PEM)"},
	}
}

// FromConfig makes options of an address "scheme://host[:port][/path]?…", whose
// scheme is the connector's, and of the settings in CommonOptions. Credentials
// are the connector's business. gallra.ErrInvalid when they cannot be used.
func FromConfig(c connector.Config) (Options, error) {
	invalid := gallra.Errorf(gallra.Invalid, "rest.base_url", "system", string(c.System))
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return Options{}, invalid
	}
	o := Options{System: c.System}
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
	return o, nil
}

// PerMinute returns the limit that the setting "rate" asks for, in calls a
// minute, and the one given where it is not set. gallra.ErrInvalid.
func PerMinute(c connector.Config, calls int) (Limit, error) {
	if v := c.Option("rate"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return Limit{}, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "rate")
		}
		calls = n
	}
	return Limit{Requests: calls, Per: time.Minute, Burst: 10}, nil
}

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
