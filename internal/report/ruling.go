package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/request"
)

// DecisionLetter is the written decision of one case (REQUIREMENTS D7, SE-9). It
// names the person's circumstances and goes to the person alone.
type DecisionLetter struct {
	Request      request.Request
	Organisation config.Organisation
	Name         string              // of the person; "" is left out
	Facts        string              // what decided
	Names        func(string) string // of an account, by user name; nil: the user name
}

type decisionPage struct {
	Say  say
	Lang i18n.Lang
	DecisionLetter
}

// Public reports which family of letter it is: that of a public body, which tells
// how to appeal (FL 33 §), or that of others, which tells whom to complain to.
func (p decisionPage) Public() bool { return p.Organisation.Type.Public() }

// Document reports whether it is about an official document: its refusal is
// appealed to another court, by another law (OSL 6:7, 6:8).
func (p decisionPage) Document() bool { return p.Request.Track == request.TrackDocument }

// Court is the court that tries an appeal.
func (p decisionPage) Court() string {
	if p.Document() {
		return or(p.Organisation.DocumentCourt, p.Say.T("ruling.court.document"))
	}
	return or(p.Organisation.Court, p.Say.T("ruling.court.data"))
}

// What is what was asked for, in words.
func (p decisionPage) What() string {
	if p.Request.Track != request.TrackData {
		return p.Say.T("track." + string(p.Request.Track) + ".name")
	}
	return p.Say.T("right." + string(p.Request.Right) + ".name")
}

// Person is somebody's name as the letter has it.
func (p decisionPage) Person(user string) string {
	if p.Names == nil {
		return user
	}
	return or(p.Names(user), user)
}

// Date is the decision's day: that of the second person's yes where there is one.
func (p decisionPage) Date() time.Time {
	if !p.Request.Approved.IsZero() {
		return p.Request.Approved
	}
	return p.Request.Decided
}

// LetterFormats are what a decision is written as: it is for reading, not for
// counting.
func LetterFormats() []Format { return []Format{HTML, PDF} }

// LetterFormatOf returns the format that the name of a letter's file asks for.
func LetterFormatOf(file string) (Format, error) {
	f := Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), "."))
	if !slices.Contains(LetterFormats(), f) {
		return "", gallra.Errorf(gallra.Invalid, "report.letter_format", "file", filepath.Base(file))
	}
	return f, nil
}

// DecisionOf draws up the written decision of a case; names are those of the
// accounts. It tells of the person, so the reading is logged in actor's name
// (REQUIREMENTS X-8). gallra.ErrBlocked before there is a decision that the second
// person has approved, or when it goes against the person and does not say why.
func DecisionOf(ctx context.Context, d *request.Desk, id, actor string, o config.Organisation, names map[string]string) (DecisionLetter, error) {
	r, err := d.Get(ctx, id)
	if err != nil {
		return DecisionLetter{}, err
	}
	switch {
	case r.Decided.IsZero() || r.Approvable():
		return DecisionLetter{}, gallra.Errorf(gallra.Blocked, "request.not_decided", "request", r.ID)
	case r.Against() && r.Ruling.Provisions == "":
		return DecisionLetter{}, gallra.Errorf(gallra.Blocked, "request.ruling_missing", "request", r.ID)
	}
	det, err := d.Details(ctx, id, actor, "request.letter")
	if err != nil {
		return DecisionLetter{}, err
	}
	return DecisionLetter{Request: r, Organisation: o, Name: det.Name, Facts: det.Facts, Names: func(u string) string { return names[u] }}, nil
}

// Write writes the decision as a page that stands alone, or printed by printer.
func (l DecisionLetter) Write(ctx context.Context, w io.Writer, f Format, lang i18n.Lang, printer *pdf.Printer) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "decision.html", decisionPage{say{i18n.For(lang)}, lang, l}); err != nil {
		return fmt.Errorf("report: decision: %w", err)
	}
	out := b.Bytes()
	switch {
	case f == HTML:
	case f != PDF:
		return gallra.Errorf(gallra.Invalid, "report.letter_format", "file", string(f))
	case printer == nil:
		return pdf.ErrNoBrowser
	default:
		var err error
		if out, err = printer.Print(ctx, out); err != nil {
			return err
		}
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("report: decision: %w", err)
	}
	return nil
}
