package i18n_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/i18n"
)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestSE35_SameKeysAndPlaceholders(t *testing.T) {
	t.Parallel()
	sv, en := i18n.For(i18n.Swedish), i18n.For(i18n.English)
	for _, k := range sv.Keys() {
		if !en.Has(k) {
			t.Errorf("%s is missing in English", k)
			continue
		}
		a, b := placeholder.FindAllString(sv.Raw(k), -1), placeholder.FindAllString(en.Raw(k), -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(slices.Compact(a), slices.Compact(b)) {
			t.Errorf("%s: placeholders %v in Swedish, %v in English", k, a, b)
		}
		if strings.TrimSpace(sv.Raw(k)) == "" || strings.TrimSpace(en.Raw(k)) == "" {
			t.Errorf("%s is empty", k)
		}
		if base, ok := strings.CutSuffix(k, ".one"); ok && !sv.Has(base+".other") {
			t.Errorf("%s has no .other", k)
		}
	}
	for _, k := range en.Keys() {
		if !sv.Has(k) {
			t.Errorf("%s is missing in Swedish", k)
		}
	}
}

// What names a key in the sources: printer calls and messages, template calls,
// errors. A literal that ends in a dot is the front of keys put together at run
// time ("role." + role).
var (
	goKey   = regexp.MustCompile(`\b(?:T|N|Raw|Say|Msg|Plural)\((?:[a-zA-Z.]+, )?"([a-z][a-z0-9_.-]*)"`)
	tmplKey = regexp.MustCompile(`[{(| ](?:t|n|\$s\.[TN]) "([a-z][a-z0-9_.-]*)"`)
	errKey  = regexp.MustCompile(`\bErrorf\(\s*(?:gallra\.)?[A-Z][a-zA-Z]*, "([a-z][a-z0-9_.-]*)"`)
	literal = regexp.MustCompile(`"([a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*\.?)(?:%s)?"`)
)

func TestSE35_EveryKeyIsUsedAndEveryUsedKeyIsThere(t *testing.T) {
	t.Parallel()
	sv := i18n.For(i18n.Swedish)
	needed, words := map[string]string{}, map[string]bool{}
	for path, src := range sources(t) {
		for _, m := range literal.FindAllStringSubmatch(src, -1) {
			words[m[1]] = true
		}
		for _, re := range []*regexp.Regexp{goKey, tmplKey} {
			for _, m := range re.FindAllStringSubmatch(src, -1) {
				needed[m[1]] = path
			}
		}
		for _, m := range errKey.FindAllStringSubmatch(src, -1) {
			needed["error."+m[1]] = path
			words["error."+m[1]] = true
		}
	}
	for k, path := range needed {
		if strings.HasSuffix(k, ".") || !strings.Contains(k, ".") {
			continue
		}
		if !sv.Has(k) && !sv.Has(k+".other") {
			t.Errorf("%s uses %q, which no catalogue holds", path, k)
		}
	}
	for _, k := range sv.Keys() {
		if !used(k, words) {
			t.Errorf("%q is in the catalogue and used nowhere", k)
		}
	}
}

// SE-35: what stands in the evidence log has words on its page.
func TestSE35_EveryEventOfTheLogHasWords(t *testing.T) {
	t.Parallel()
	sv, seen := i18n.For(i18n.Swedish), 0
	action := regexp.MustCompile(`\b(?:Action: |c\.note\([a-z.]+, )"([a-z]+\.[a-z_]+)"`)
	for path, src := range sources(t) {
		if !strings.HasPrefix(path, "internal") && !strings.HasPrefix(path, "cmd") {
			continue
		}
		for _, m := range action.FindAllStringSubmatch(src, -1) {
			if seen++; !sv.Has("evidence.action." + m[1]) {
				t.Errorf("%s: %q has no words", path, m[1])
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d events were found in the sources", seen)
	}
}

func used(key string, words map[string]bool) bool {
	base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
	if words[key] || words[base] {
		return true
	}
	for i := range len(base) {
		if base[i] == '.' && words[base[:i+1]] {
			return true
		}
	}
	return false
}

// sources returns every Go file that is no test, and every template.
func sources(t *testing.T) map[string]string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"), !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html"):
			return nil
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]i18n.Lang{
		"":                        i18n.Swedish,
		"sv-SE,sv;q=0.9,en;q=0.5": i18n.Swedish,
		"en-GB":                   i18n.English,
		"da, en-gb;q=0.8":         i18n.English,
		"fr-FR":                   i18n.English,
		"de;q=0.8, sv;q=0.1":      i18n.Swedish,
		"%%%":                     i18n.Swedish,
	} {
		if got := i18n.Negotiate(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestNumbersAndDates(t *testing.T) {
	t.Parallel()
	sv, en := i18n.For(i18n.Swedish), i18n.For(i18n.English)
	// Half past eleven at night UTC is the next day in Sweden.
	at := time.Date(2026, 2, 28, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{sv.Number(1234567), "1\u00a0234\u00a0567"},
		{en.Number(1234567), "1,234,567"},
		{sv.Number(-999), "\u2212999"},
		{sv.Number(0), "0"},
		{sv.Decimal(1234.56, 1), "1\u00a0234,6"},
		{en.Decimal(-0.5, 1), "\u22120.5"},
		{sv.Percent(999, 1000), "99\u00a0%"},
		{sv.Percent(1, 1000), "1\u00a0%"},
		{en.Percent(1, 2), "50%"},
		{sv.Percent(1, 0), "–"},
		{sv.Date(at), "1\u00a0mars 2026"},
		{en.Date(at), "1\u00a0March 2026"},
		{sv.Day(at), "2026-03-01"},
		{sv.Clock(at), "2026-03-01 00:30"},
		{sv.Date(time.Time{}), "–"},
		{sv.Month(at), "mars 2026"},
		{sv.Duration(61 * time.Minute), "61 minuter"},
		{sv.Duration(time.Second), "1 sekund"},
		{en.Duration(26 * time.Hour), "26 hours"},
		{sv.Period(gallra.Period{Years: 1, Months: 6}), "1 år och 6 månader"},
		{en.Period(gallra.Period{Days: 1}), "1 day"},
		{sv.List([]string{"a", "b", "c"}), "a, b och c"},
		{sv.Bytes(12_345_678), "12\u00a0MB"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	sv, en := i18n.For(i18n.Swedish), i18n.For(i18n.English)
	err := fmt.Errorf("web: %w", gallra.Errorf(gallra.Invalid, "auth.password_short", "min", "12"))
	if s := sv.Error(err); !strings.Contains(s, "minst 12 tecken") {
		t.Error(s)
	}
	if s := en.Error(gallra.Errorf(gallra.NotFound, "no.such_key")); !strings.Contains(s, "does not exist") {
		t.Error(s)
	}
	// The cause of an unexpected error is for the log, never for the page.
	if s := sv.Error(errors.New("pq: anna@example.se")); strings.Contains(s, "anna") || strings.Contains(s, "pq") {
		t.Error(s)
	}
}
