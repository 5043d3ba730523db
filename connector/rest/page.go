package rest

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
)

// Paging says how a listing is paged. Items is the dotted path of the field that
// holds the list, "" when the answer is the list itself; an answer without it is
// gallra.ErrDrift, never an empty page.
type Paging struct {
	Items string

	// By cursor: the field with the next one ("meta.after_cursor"), the field
	// that says whether there is more ("meta.has_more"; "" when an absent
	// cursor says so) and the parameter that takes it.
	Cursor, More, Param string

	// By link: the field with the next address. Only the parameters in Carry
	// become the cursor: the address also repeats the search words, which may be
	// a person's, and a cursor is stored.
	Link  string
	Carry []string

	// By number, in Param: a page of fewer than Size is the last. First is the
	// number of the first page; 0 means 1.
	Size  int
	First int
}

// Items is one page.
type Items struct {
	Items []json.RawMessage
	Next  string // "" after the last page
	// Document is the whole answer, for what stands beside the list (totals,
	// side-loaded records); nil when the answer is the list itself.
	Document map[string]json.RawMessage
	Response
}

// Page returns one page of r, from cursor ("" for the first). gallra.ErrInvalid
// for a cursor that is none, gallra.ErrDrift for a page that leads to itself,
// to another address or nowhere; other errors as Do.
func (c *Client) Page(ctx context.Context, r Request, p Paging, cursor string) (Items, error) {
	q := maps.Clone(r.Query)
	if q == nil {
		q = url.Values{}
	}
	number := max(p.First, 1)
	switch {
	case p.Size > 0:
		if cursor != "" {
			n, err := strconv.Atoi(cursor)
			if err != nil || n <= number {
				return Items{}, c.fail(gallra.Invalid, "rest.cursor", r, 0)
			}
			number = n
		}
		q.Set(p.Param, strconv.Itoa(number))
	case cursor == "":
	case p.Link != "":
		v, err := url.ParseQuery(cursor)
		if err != nil || len(v) == 0 || len(only(v, p.Carry)) != len(v) {
			return Items{}, c.fail(gallra.Invalid, "rest.cursor", r, 0)
		}
		maps.Copy(q, v)
	default:
		q.Set(p.Param, cursor)
	}
	r.Query = q
	var doc map[string]json.RawMessage
	out := Items{}
	var resp Response
	var err error
	if p.Items == "" {
		resp, err = c.Do(ctx, r, &out.Items)
	} else {
		resp, err = c.Do(ctx, r, &doc)
	}
	if err != nil {
		return Items{Response: resp}, err
	}
	out.Response = resp
	drift := c.fail(gallra.Drift, "rest.shape", r, resp.Status)
	if p.Items != "" && field(doc, p.Items, &out.Items) != nil || out.Items == nil {
		return Items{Response: resp}, drift
	}
	out.Document = doc
	switch {
	case p.Size > 0:
		if len(out.Items) >= p.Size {
			out.Next = strconv.Itoa(number + 1)
		}
	case p.Link != "":
		out.Next, err = c.follow(r, p, doc)
	default:
		out.Next, err = following(p, doc)
	}
	if err != nil {
		return Items{Response: resp}, drift
	}
	if out.Next != "" && out.Next == cursor {
		return Items{Response: resp}, c.fail(gallra.Drift, "rest.page_repeats", r, resp.Status)
	}
	return out, nil
}

func only(v url.Values, names []string) url.Values {
	out := url.Values{}
	for _, n := range names {
		if x, ok := v[n]; ok {
			out[n] = x
		}
	}
	return out
}

// follow returns the part of the next address that is the cursor.
func (c *Client) follow(r Request, p Paging, doc map[string]json.RawMessage) (string, error) {
	var link *string
	if err := field(doc, p.Link, &link); err != nil || link == nil || *link == "" {
		return "", err
	}
	u, err := url.Parse(*link)
	if err != nil {
		return "", gallra.ErrDrift
	}
	u = c.base.ResolveReference(u)
	if u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.EscapedPath() != c.base.EscapedPath()+r.Path {
		return "", gallra.ErrDrift
	}
	next := only(u.Query(), p.Carry).Encode()
	if next == "" {
		return "", gallra.ErrDrift
	}
	return next, nil
}

func following(p Paging, doc map[string]json.RawMessage) (string, error) {
	more := true
	if p.More != "" {
		var m *bool
		if err := field(doc, p.More, &m); err != nil || m == nil {
			return "", gallra.ErrDrift
		}
		more = *m
	}
	var next *string
	if err := field(doc, p.Cursor, &next); err != nil {
		return "", err
	}
	if !more {
		return "", nil
	}
	if next == nil || *next == "" {
		if p.More != "" {
			return "", gallra.ErrDrift
		}
		return "", nil
	}
	return *next, nil
}

// field decodes the field at a dotted path, null when it is not there.
func field(doc map[string]json.RawMessage, path string, out any) error {
	head, rest, deeper := strings.Cut(path, ".")
	v, ok := doc[head]
	if !ok {
		return nil
	}
	if !deeper {
		if json.Unmarshal(v, out) != nil {
			return gallra.ErrDrift
		}
		return nil
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(v, &inner) != nil {
		return gallra.ErrDrift
	}
	return field(inner, rest, out)
}
