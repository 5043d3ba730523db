// Package document turns mails and files into text that can be searched, and
// rewrites mails so that what was found in them is gone while everything else
// keeps its bytes. It is pure: bytes in, text or bytes out, no files, no
// network, no clock.
//
// Free text in customer service hides behind encodings: quoted-printable with a
// soft line break inside a name, base64, RFC 2047 words folded in the middle of
// a name, HTML entities, the text layer of a PDF, a table in a workbook in a
// zip in a forwarded mail. A search of the bytes finds none of them, so every
// search and every redaction goes through here.
//
// What cannot be read is never silently left out: it is a Problem with a place
// and a reason, to be counted and shown for manual review (REQUIREMENTS H-4).
// All work is bounded by Limits, so a mail bomb or a zip bomb costs bounded
// memory and time and ends in a Problem.
package document

// Limits bound the work on one mail or file. A zero field means the default.
type Limits struct {
	Bytes int64 // bytes read after decoding and unpacking, all parts together; 64 MiB
	Text  int64 // bytes of text given back, all parts together; 16 MiB
	Parts int   // MIME parts, archive members, PDF pages; 2000
	Depth int   // levels of parts in parts, mails in mails, archives in archives; 30
	Ratio int64 // unpacked to packed size of one archive member above 1 MiB; 200
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Text <= 0 {
		l.Text = 16 << 20
	}
	if l.Parts <= 0 {
		l.Parts = 2000
	}
	if l.Depth <= 0 {
		l.Depth = 30
	}
	if l.Ratio <= 0 {
		l.Ratio = 200
	}
	return l
}

// Reasons of a Problem, as message keys.
const (
	ReasonImage     = "document.image"        // no text layer: a person must look
	ReasonAudio     = "document.audio"        // sound or film
	ReasonEncrypted = "document.encrypted"    // password or key needed
	ReasonUnknown   = "document.unknown"      // a format that is not known
	ReasonOldOffice = "document.old_office"   // binary Office file: text by estimate only
	ReasonTNEF      = "document.tnef"         // winmail.dat
	ReasonNoUnicode = "document.no_unicode"   // a PDF font that does not say which letters its glyphs are
	ReasonTruncated = "document.truncated"    // ends before its end
	ReasonBroken    = "document.broken"       // not what it says it is
	ReasonBomb      = "document.bomb"         // unpacks out of all proportion
	ReasonTooLarge  = "document.too_large"    // more bytes than Limits allow
	ReasonTooMany   = "document.too_many"     // more parts than Limits allow
	ReasonTooDeep   = "document.too_deep"     // deeper than Limits allow
	ReasonSignature = "document.signature"    // a signature that a rewrite makes invalid
	ReasonArchive   = "document.archive"      // an archive format that is not read: rar, 7z, gz
	ReasonFilter    = "document.pdf_filter"   // a compression inside a PDF that is not read
	ReasonTransfer  = "document.transfer"     // an unknown Content-Transfer-Encoding
	ReasonOpaque    = "document.not_editable" // readable, but cannot be rewritten in place
)

// Problem is a place that could not be read in full, and why. Where is a
// position ("2.1", "2.1/zip:3", "page 4"), never a file name: names are
// personal data too.
type Problem struct{ Where, Reason string }

// budget is what is left of the Limits during one call; parts in parts share it.
type budget struct {
	Limits
	bytes, text int64
	parts       int
	problems    []Problem
	seen        map[Problem]bool
	fields      []field // of all headers read so far, one behind the other
}

func newBudget(l Limits) *budget {
	l = l.orDefault()
	return &budget{Limits: l, bytes: l.Bytes, text: l.Text, parts: l.Parts}
}

func (b *budget) problem(where, reason string) {
	p := Problem{where, reason}
	if !b.seen[p] && len(b.problems) < 1000 {
		if b.seen == nil {
			b.seen = map[Problem]bool{}
		}
		b.seen[p] = true
		b.problems = append(b.problems, p)
	}
}

// part takes one part from the budget; false, with one Problem, when none is left.
func (b *budget) part(where string) bool {
	if b.parts <= 0 {
		if b.parts == 0 {
			b.problem(where, ReasonTooMany)
		}
		b.parts = -1
		return false
	}
	b.parts--
	return true
}

// take takes n decoded bytes from the budget.
func (b *budget) take(n int, where string) bool {
	if b.bytes < int64(n) {
		b.problem(where, ReasonTooLarge)
		return false
	}
	b.bytes -= int64(n)
	return true
}

// clip takes s from the text budget and cuts it at a character when it is too long.
func (b *budget) clip(s, where string) string {
	if int64(len(s)) > b.text {
		b.problem(where, ReasonTooLarge)
		n := int(b.text)
		for n > 0 && s[n]&0xC0 == 0x80 {
			n--
		}
		s = s[:n]
	}
	b.text -= int64(len(s))
	return s
}
