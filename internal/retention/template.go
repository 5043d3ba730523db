package retention

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/gallra/gallra"
)

// Template is a period with its statute, offered when a rule is written. None is
// applied by itself: the controller chooses its periods and says why
// (REQUIREMENTS SE-22, SE-23).
type Template struct {
	ID      string            `json:"id"`
	Start   gallra.StartEvent `json:"start"`
	Keep    gallra.Period     `json:"keep"`
	Statute string            `json:"statute"`
	SV      TemplateText      `json:"sv"`
	EN      TemplateText      `json:"en"`
}

// TemplateText is a template in one language.
type TemplateText struct {
	Title string `json:"title"`
	Text  string `json:"text"` // what the statute says, in short
	Note  string `json:"note"` // when it does not fit
}

// In returns the text in a language, "sv" or "en".
func (t Template) In(lang string) TemplateText {
	if lang == "en" {
		return t.EN
	}
	return t.SV
}

//go:embed templates.json
var templatesJSON []byte

var templates = sync.OnceValue(func() (out struct {
	Checked   string     `json:"checked"`
	Templates []Template `json:"templates"`
}) {
	if err := json.Unmarshal(templatesJSON, &out); err != nil {
		panic(fmt.Sprintf("retention: templates.json: %v", err)) // embedded: a test reads it
	}
	return out
})

// Templates returns the templates and the day their statutes were last checked.
func Templates() (list []Template, checked string) {
	t := templates()
	return slices.Clone(t.Templates), t.Checked
}
