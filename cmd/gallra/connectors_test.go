package main

import (
	"testing"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/i18n"
)

// TestSE35_EverySettingIsExplained: Option.Help is the key of a text that is
// there in both languages.
func TestSE35_EverySettingIsExplained(t *testing.T) {
	seen := 0
	for _, l := range []i18n.Lang{i18n.Swedish, i18n.English} {
		say := i18n.For(l)
		for _, c := range connector.All() {
			for _, o := range c.Options {
				seen++
				if !say.Has(o.Help) {
					t.Errorf("%s of %s in %v: %q is no text", o.Name, c.Name, l, o.Help)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d settings were seen", seen)
	}
}
