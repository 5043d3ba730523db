package document

import (
	"bytes"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns the text in a file. The kind of file is judged by its first
// bytes, then by contentType, then by the extension of name; either may be
// empty. The text is what could be read; problems say what could not.
func Text(name, contentType string, data []byte, l Limits) (text string, problems []Problem) {
	b := newBudget(l)
	if int64(len(data)) > b.Bytes {
		data = data[:b.Bytes]
		b.problem("file", ReasonTooLarge)
	}
	b.bytes -= int64(len(data))
	ctype, _ := splitParams(contentType)
	return b.fileText("file", name, ctype, data), b.problems
}

const pgpMessage = "-----BEGIN PGP MESSAGE"

var imageMagic = []string{"\x89PNG", "\xFF\xD8\xFF", "GIF8", "II*\x00", "MM\x00*", "BM", "\x00\x00\x01\x00"}

// fileText reads a file whose bytes are taken from the budget already.
func (b *budget) fileText(where, name, ctype string, data []byte) string {
	ext := strings.ToLower(path.Ext(name))
	has := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	at4 := ""
	if len(data) > 12 {
		at4 = string(data[4:12])
	}
	switch {
	case len(data) == 0:
		return ""
	case bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")):
		return b.clip(b.pdfText(where, data), where)
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return b.zipText(where, name, data)
	case has(`{\rtf`):
		return b.clip(rtfText(data), where)
	case has("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"):
		return b.clip(b.oleText(where, data), where)
	case has("\x78\x9F\x3E\x22"), ctype == "application/ms-tnef", strings.EqualFold(name, "winmail.dat"):
		b.problem(where, ReasonTNEF)
		return b.clip(strings16and8(data), where)
	case strings.HasPrefix(at4, "ftypheic"), strings.HasPrefix(at4, "ftypmif1"), strings.HasPrefix(at4, "ftypavif"):
		b.problem(where, ReasonImage)
		return ""
	case strings.HasPrefix(at4, "ftyp"), has("ID3"), has("OggS"), has("fLaC"), has("\x1A\x45\xDF\xA3"),
		has("RIFF") && !bytes.HasPrefix(data[min(8, len(data)):], []byte("WEBP")), strings.HasPrefix(ctype, "audio/"), strings.HasPrefix(ctype, "video/"):
		b.problem(where, ReasonAudio)
		return ""
	case has("RIFF"), startsWithAny(data, imageMagic), strings.HasPrefix(ctype, "image/") && ctype != "image/svg+xml":
		b.problem(where, ReasonImage)
		return ""
	case has("Rar!"), has("7z\xBC\xAF"), has("\x1F\x8B"), has("BZh"), has("\xFD7zXZ"):
		b.problem(where, ReasonArchive)
		return ""
	case has(pgpMessage), ctype == "application/pgp-encrypted", has("age-encryption.org/"),
		ctype == "application/pkcs7-mime", ctype == "application/x-pkcs7-mime":
		b.problem(where, ReasonEncrypted)
		return ""
	case ctype == "application/pkcs7-signature", ctype == "application/x-pkcs7-signature", ctype == "application/pgp-keys":
		return "" // a signature holds the signer's certificate; it is the sender's own
	}
	switch kindOf(name, ctype) {
	case kindMail:
		return b.mailText(where, data)
	case kindHTML:
		return b.clip(htmlText(decodeCharset(htmlCharset(data), data)), where)
	case kindFolded:
		return b.clip(unfoldLines(guess(data)), where)
	case kindText:
		if plain(data) {
			return b.clip(guess(data), where)
		}
	}
	switch {
	case !plain(data):
		b.problem(where, ReasonUnknown)
		return ""
	case ext == ".svg", ctype == "image/svg+xml", has("<?xml"), has("<html"), has("<!DOCTYPE html"), has("<!doctype html"):
		return b.clip(htmlText(guess(data)), where)
	}
	return b.clip(guess(data), where)
}

func startsWithAny(data []byte, magics []string) bool {
	for _, m := range magics {
		if bytes.HasPrefix(data, []byte(m)) {
			// Two letters are too few to go by: "BM" begins many a text.
			return len(m) > 2 || !plain(data)
		}
	}
	return false
}

// plain reports whether bytes look like text in some charset.
func plain(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xFF\xFE")) || bytes.HasPrefix(data, []byte("\xFE\xFF")) {
		return true
	}
	odd := 0
	head := data[:min(len(data), 8192)]
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1B {
			odd++
		}
	}
	return odd*100 <= len(head)
}

// mailText reads a mail that is a file: in a zip, or attached as octets.
func (b *budget) mailText(where string, data []byte) string {
	if b.Depth <= 0 {
		b.problem(where, ReasonTooDeep)
		return ""
	}
	b.Depth--
	defer func() { b.Depth++ }()
	root := b.tree(data, where, "text/plain", 0)
	var parts []Part
	b.leaves(root, true, false, &parts)
	var out strings.Builder
	out.WriteString(headerText(root))
	for _, p := range parts {
		if p.Name != "" {
			out.WriteString(p.Name + "\n")
		}
		if p.Text != "" {
			out.WriteString(p.Text + "\n\n")
		}
	}
	return out.String()
}

// oleText reads a binary Office file or an Outlook message by its strings: the
// text pieces of such files are plain windows-1252 or UTF-16. It is an
// estimate, so the Problem stays.
func (b *budget) oleText(where string, data []byte) string {
	if bytes.Contains(data, utf16le("EncryptedPackage")) {
		b.problem(where, ReasonEncrypted)
		return ""
	}
	b.problem(where, ReasonOldOffice)
	return strings16and8(data)
}

func utf16le(s string) []byte {
	out := make([]byte, 0, 2*len(s))
	for _, c := range []byte(s) {
		out = append(out, c, 0)
	}
	return out
}

// strings16and8 returns the runs of at least five letters, digits and marks in
// binary data, read as windows-1252 and as little-endian UTF-16.
func strings16and8(data []byte) string {
	var out strings.Builder
	ok := func(r rune) bool {
		return r == '\t' || r >= ' ' && r != 0x7F && r < 0x2200 && (r < 0x80 || unicode.IsPrint(r))
	}
	for _, wide := range []bool{false, true} {
		step := 1
		if wide {
			step = 2
		}
		for start := 0; start < step; start++ {
			var run []rune
			flush := func() {
				if len(run) >= 5 {
					out.WriteString(string(run))
					out.WriteByte('\n')
				}
				run = run[:0]
			}
			for i := start; i+step <= len(data); i += step {
				r := rune(data[i])
				if wide {
					r |= rune(data[i+1]) << 8
				} else if r >= 0x80 {
					r, _ = utf8.DecodeRuneInString(guess(data[i : i+1]))
				}
				if ok(r) {
					run = append(run, r)
				} else {
					flush()
				}
			}
			flush()
		}
	}
	return out.String()
}
