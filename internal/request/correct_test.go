package request_test

import (
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store/storetest"
)

// A new number is set in every system's record about the person, whatever way
// the old one is written there; what was said stays as it was said.
func TestA16_A5_3_CorrectedEverywhere(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	id := o.register(request.Rectification)[0].ID
	o.searched(id)
	o.judged(id)
	c := request.Correction{Kind: gallra.IdentPhone, Old: "070-174 06 05", New: "0701740690"}
	o.refused(o.Correct(ctx, id, "karin", c), "request.nothing_to_do")
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.refused(o.Correct(ctx, id, "karin", request.Correction{Kind: gallra.IdentPhone, Old: "x", New: "y"}), "request.correction_empty")
	texts := o.dump("helpdesk")
	o.check(o.Correct(ctx, id, "karin", c))
	if got := o.dump("helpdesk")["person/1/phone"]; got != "0701740690" {
		t.Errorf("helpdesk has %q", got)
	}
	if got := o.dump("chat")["contacts/1/phone_number"]; got != "0701740690" {
		t.Errorf("chat has %q", got)
	}
	for k, v := range o.dump("helpdesk") {
		if strings.HasPrefix(k, "message/") && texts[k] != v {
			t.Errorf("%s was rewritten", k)
		}
		if strings.HasPrefix(k, "person/2/") && texts[k] != v {
			t.Errorf("the namesake's %s was changed", k)
		}
	}
	var log strings.Builder
	o.check(o.Log.Export(ctx, &log))
	if strings.Contains(log.String(), "0701740690") || strings.Contains(log.String(), "070-174") || !strings.Contains(log.String(), "request.rectify") {
		t.Error("the log holds a value, or nothing of the correction")
	}
	o.check(o.Deliver(ctx, id, "karin", "email"))
}
