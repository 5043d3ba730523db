// Package i18n turns keys into the words a user reads, in Swedish and English:
// texts with {name} placeholders, plural forms, numbers, dates, periods and
// errors. All user texts of the product stand in sv.json and en.json, two flat
// objects with the same keys (REQUIREMENTS SE-35); a test proves that every key
// is used and that every key used is there.
package i18n

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // dates are Swedish civil dates, also on a machine without a zone database

	"golang.org/x/text/language"

	"github.com/gallra/gallra"
)

//go:embed sv.json en.json
var files embed.FS

// Lang is a language of the user interface.
type Lang string

// The languages. Swedish is the default.
const (
	Swedish Lang = "sv"
	English Lang = "en"
)

// Langs returns every language, the default first.
func Langs() []Lang { return []Lang{Swedish, English} }

// ParseLang returns the language of an exact code ("sv", "en").
func ParseLang(code string) (Lang, bool) {
	l := Lang(code)
	return l, slices.Contains(Langs(), l)
}

var matcher = language.NewMatcher([]language.Tag{language.Swedish, language.English})

// Negotiate returns the language that suits an Accept-Language header best,
// Swedish when it says nothing that helps.
func Negotiate(acceptLanguage string) Lang {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return Swedish
	}
	_, i, confidence := matcher.Match(tags...)
	if confidence == language.No {
		// A reader of neither language is better served by English.
		return English
	}
	return Langs()[i]
}

// Printer prints in one language. It is safe for concurrent use.
type Printer struct {
	lang  Lang
	texts map[string]string
}

// printers holds each language's printer, read when it is first asked for.
var printers = func() map[Lang]func() *Printer {
	ps := map[Lang]func() *Printer{}
	for _, l := range Langs() {
		ps[l] = sync.OnceValue(func() *Printer { return read(l) })
	}
	return ps
}()

func read(l Lang) *Printer {
	b, err := files.ReadFile(string(l) + ".json")
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	p := &Printer{lang: l}
	if err := json.Unmarshal(b, &p.texts); err != nil {
		panic(fmt.Sprintf("i18n: %s.json: %v", l, err))
	}
	return p
}

// For returns the printer of a language, Swedish for an unknown one.
func For(l Lang) *Printer {
	if p, ok := printers[l]; ok {
		return p()
	}
	return printers[Swedish]()
}

// Lang returns the printer's language.
func (p *Printer) Lang() Lang { return p.lang }

// Keys returns every key of the catalogue, sorted.
func (p *Printer) Keys() []string { return slices.Sorted(maps.Keys(p.texts)) }

// Has reports whether the catalogue holds key.
func (p *Printer) Has(key string) bool { _, ok := p.texts[key]; return ok }

// Raw returns the text of key with its placeholders; the key itself when there is none.
func (p *Printer) Raw(key string) string {
	if s, ok := p.texts[key]; ok {
		return s
	}
	return key
}

// T returns the text of key with placeholders filled from name, value pairs.
// Values of numeric, time and period types are printed in the language's way.
// A key that does not exist is returned as it is, so that it is seen.
func (p *Printer) T(key string, args ...any) string { return p.fill(p.Raw(key), args) }

// N returns the plural form of key that n asks for (key.one, key.other); the
// placeholder {n} is n.
func (p *Printer) N(key string, n int64, args ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one" // Swedish and English agree: one for exactly 1
	}
	return p.fill(p.Raw(key+form), append([]any{"n", n}, args...))
}

// Say returns the text of what a package of the product wrote down as a reason:
// the text of s when s is a key, that of the error or the problem s names, and s
// itself when it is plain words (gallra.Residue.Why may be either).
func (p *Printer) Say(s string) string {
	for _, key := range []string{s, "error." + s, "problem." + s} {
		if p.Has(key) {
			return p.Raw(key)
		}
	}
	return s
}

// Type returns what people call a kind of record that a system has under name:
// "Ärende" for "ticket". A name that nobody has put into words stays as it is.
func (p *Printer) Type(name string) string {
	if key := "type." + name; p.Has(key) {
		return p.Raw(key)
	}
	return name
}

// TypeName is the name of a type of record among the arguments of a message.
type TypeName string

// Message is a text that is not printed yet: what a view holds so that one view
// serves both languages. With Count it is a plural.
type Message struct {
	Key   string
	Count *int64
	Args  []any
}

// Msg returns a message of key and name, value pairs.
func Msg(key string, args ...any) Message { return Message{Key: key, Args: args} }

// Plural returns a message whose form n decides.
func Plural(key string, n int64, args ...any) Message {
	return Message{Key: key, Count: &n, Args: args}
}

// IsZero reports whether m says nothing.
func (m Message) IsZero() bool { return m.Key == "" }

// Print prints a message; "" for the zero message. A message among its
// arguments is printed first.
func (p *Printer) Print(m Message) string {
	switch {
	case m.Key == "":
		return ""
	case m.Count != nil:
		return p.N(m.Key, *m.Count, m.Args...)
	}
	return p.T(m.Key, m.Args...)
}

// Error returns what the user is told about err: the text of the first
// *gallra.Error in its chain, or a general one that says nothing of the cause.
func (p *Printer) Error(err error) string {
	if err == nil {
		return ""
	}
	var e *gallra.Error
	if !errors.As(err, &e) {
		return p.T("error.internal")
	}
	key := "error." + e.Key
	if e.Key == "" || !p.Has(key) {
		key = "error.code." + string(e.Code)
	}
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		args[i] = a
	}
	return p.T(key, args...)
}

func (p *Printer) fill(text string, args []any) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			break
		}
		b.WriteString(text[:i])
		name := text[i+1 : i+j]
		if v, ok := argument(args, name); ok {
			b.WriteString(p.Value(v))
		} else {
			b.WriteString(text[i : i+j+1])
		}
		text = text[i+j+1:]
	}
	b.WriteString(text)
	return b.String()
}

func argument(args []any, name string) (any, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1], true
		}
	}
	return nil, false
}

// Value prints a value the way the language writes its type.
func (p *Printer) Value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return p.Number(int64(v))
	case int64:
		return p.Number(v)
	case time.Time:
		return p.Date(v)
	case time.Duration:
		return p.Duration(v)
	case Month:
		return p.Month(time.Time(v))
	case TypeName:
		return p.Type(string(v))
	case gallra.Period:
		return p.Period(v)
	case Message:
		return p.Print(v)
	case []string:
		return p.List(v)
	}
	return fmt.Sprint(v)
}
