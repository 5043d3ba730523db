package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gallra/gallra"
)

// maxRedirects is how often a file may have moved.
const maxRedirects = 3

// Download returns the bytes at an address that an answer of the system named:
// an attachment. The address is BaseURL's host, where the credentials are sent
// along, or one of Options.FileHosts, where they are not. gallra.ErrBlocked for
// any other; other errors as Do. At most Options.MaxBody bytes are taken.
func (c *Client) Download(ctx context.Context, op, address string) ([]byte, error) {
	r := Request{Op: op, Header: map[string]string{"Accept": "*/*"}}
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return nil, c.fail(gallra.Drift, "rest.shape", r, 0)
	}
	u = c.base.ResolveReference(u)
	var out []byte
	_, err = c.try(ctx, r, func(ctx context.Context) (resp Response, f *failure) {
		out, resp, f = c.fetch(ctx, r, u)
		return resp, f
	})
	return out, err
}

// Bytes returns what stands at a path below BaseURL, as Join makes it, and is
// not JSON; otherwise as Download.
func (c *Client) Bytes(ctx context.Context, op, path string) ([]byte, error) {
	return c.Download(ctx, op, c.base.String()+path)
}

func (c *Client) fetch(ctx context.Context, r Request, u *url.URL) ([]byte, Response, *failure) {
	for range maxRedirects + 1 {
		own := u.Scheme == c.base.Scheme && u.Host == c.base.Host
		if !own && !(c.reachable(u) && c.fileHost(u.Hostname())) {
			return nil, Response{}, &failure{err: c.fail(gallra.Blocked, "rest.address_refused", r, 0)}
		}
		shown := ""
		if own {
			var f *failure
			if shown, f = c.credentials(ctx, ""); f != nil {
				return nil, Response{}, f
			}
		}
		res, f := c.send(ctx, r, u, payload{}, shown)
		if f != nil {
			return nil, Response{}, f
		}
		b, resp, next, f := c.take(r, res, u)
		if next == nil {
			return b, resp, f
		}
		u = next
	}
	return nil, Response{}, &failure{err: c.fail(gallra.Drift, "rest.redirect", r, 0)}
}

// take reads an answer, or tells where it has moved.
func (c *Client) take(r Request, res *http.Response, from *url.URL) ([]byte, Response, *url.URL, *failure) {
	defer res.Body.Close()
	resp := response(res)
	if to := res.Header.Get("Location"); resp.Status > 300 && resp.Status < 309 && to != "" {
		if u, err := url.Parse(to); err == nil && u.User == nil {
			return nil, resp, from.ResolveReference(u), nil
		}
	}
	if resp.Status < 200 || resp.Status > 299 {
		_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
		return nil, resp, nil, c.refusal(r, resp)
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(res.Body, c.o.MaxBody+1))
	switch {
	case err != nil || res.ContentLength > n:
		return nil, resp, nil, &failure{passing: true, err: c.fail(gallra.Unavailable, "rest.truncated", r, resp.Status)}
	case n > c.o.MaxBody:
		return nil, resp, nil, &failure{err: c.fail(gallra.Drift, "rest.too_large", r, resp.Status)}
	}
	return b.Bytes(), resp, nil, nil
}

func (c *Client) fileHost(host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(c.o.FileHosts, func(h string) bool {
		return host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
}

// reachable reports whether an address besides BaseURL may be called at all.
// What its name leads to is looked at when it is dialled.
func (c *Client) reachable(u *url.URL) bool {
	o := c.o
	o.BaseURL = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	_, err := parseBase(o)
	return err == nil
}
