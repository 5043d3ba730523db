package zendesk

import (
	"context"
	"html"
	"regexp"
	"strings"
	"unicode"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// tag is an HTML tag or comment.
var tag = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

// blot returns the HTML of a comment with redact tags around every word that
// text lacks, in tags whose attributes hold such a word too, and the words. A
// word is what stands between blanks: a name goes with its comma.
func blot(doc, text string) (marked string, lost []string) {
	type piece struct {
		raw  string // as it stands in doc
		word string // "" for blanks and tags
		tag  bool
	}
	var pieces []piece
	plain := func(s string) {
		for s != "" {
			blank := unicode.IsSpace([]rune(s)[0])
			n := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) != blank })
			if n < 0 {
				n = len(s)
			}
			p := piece{raw: s[:n]}
			if !blank {
				p.word = strings.TrimFunc(html.UnescapeString(p.raw), unicode.IsSpace)
			}
			pieces = append(pieces, p)
			s = s[n:]
		}
	}
	at := 0
	for _, m := range tag.FindAllStringIndex(doc, -1) {
		plain(doc[at:m[0]])
		pieces = append(pieces, piece{raw: doc[m[0]:m[1]], tag: true})
		at = m[1]
	}
	plain(doc[at:])
	var have []string
	var where []int
	for i, p := range pieces {
		if p.word != "" {
			have, where = append(have, p.word), append(where, i)
		}
	}
	stays := kept(have, strings.Fields(text))
	goes := map[int]bool{}
	for k, i := range where {
		if !stays[k] {
			goes[i] = true
			lost = append(lost, have[k])
		}
	}
	var b strings.Builder
	for i, p := range pieces {
		switch {
		case goes[i]:
			b.WriteString("<redact>" + p.raw + "</redact>")
		case p.tag && strings.Contains(p.raw, "=") && holdsAny(html.UnescapeString(p.raw), lost):
			b.WriteString(strings.TrimSuffix(strings.TrimSuffix(p.raw, ">"), "/") + " redact>")
		default:
			b.WriteString(p.raw)
		}
	}
	return b.String(), lost
}

func holdsAny(s string, words []string) bool {
	for _, w := range words {
		if core := strings.TrimFunc(w, func(r rune) bool { return unicode.IsPunct(r) }); len(core) > 2 && strings.Contains(strings.ToLower(s), strings.ToLower(core)) {
			return true
		}
	}
	return false
}

// most is how many comparisons are made for one comment; of a longer one more is
// blotted out than need be.
const most = 20_000_000

// kept reports for each word of a whether it stays: the longest sequence that b
// has too.
func kept(a, b []string) []bool {
	out := make([]bool, len(a))
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		out[len(out)-len(a)] = true
		a, b = a[1:], b[1:]
	}
	from, to := len(out)-len(a), len(out)
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		to--
		out[to] = true
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > most {
		return out
	}
	best := make([][]int32, len(a)+1)
	for i := range best {
		best[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				best[i][j] = best[i+1][j+1] + 1
			} else {
				best[i][j] = max(best[i+1][j], best[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			out[from+i] = true
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// redact blots out of a comment what text lacks, and reads it back.
func (s *Source) redact(ctx context.Context, rec gallra.Record, text string) error {
	ids := desk.Parts(rec.Ref.ID)
	c, err := s.comment(ctx, ids)
	if err != nil {
		return err
	}
	doc := c.HTML
	if doc == "" {
		doc = html.EscapeString(c.Body)
	}
	marked, lost := blot(doc, text)
	if len(lost) == 0 {
		return nil
	}
	ticket, _ := desk.Number(ids[0]) // the comment was read by it
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: "comments.redact", Method: "PUT", Repeat: true, Path: join("comment_redactions", ids[1]),
		Body: map[string]any{"ticket_id": ticket, "html_body": marked}}, nil)
	if resp.Status == 422 || resp.Status == 400 {
		return gallra.Errorf(gallra.Blocked, "zendesk.redaction_refused", "ref", rec.Ref.String())
	}
	if err != nil {
		return err
	}
	after, err := s.comment(ctx, ids)
	if err != nil {
		return err
	}
	if _, left := blot(after.HTML, text); len(left) > 0 && visible(left) {
		return desk.Undone(rec.Ref)
	}
	return nil
}

// visible reports whether any of the words is more than Zendesk's blots.
func visible(words []string) bool {
	for _, w := range words {
		if strings.Trim(w, "▇") != "" {
			return true
		}
	}
	return false
}

func (s *Source) comment(ctx context.Context, ids []string) (commentDoc, error) {
	list, err := s.comments(ctx, ids[0])
	if err != nil {
		return commentDoc{}, err
	}
	for _, c := range list {
		if itoa(c.ID) == ids[1] {
			return c, nil
		}
	}
	return commentDoc{}, desk.Gone(s.ref(TypeComment, strings.Join(ids, "_")))
}
