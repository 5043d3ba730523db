package document

import "strings"

// unflow joins the lines of a format=flowed text (RFC 3676) that a mail program
// broke, so that a name is never cut in two. Quote marks stay at the start of
// each joined line; line ends become "\n".
func unflow(s string, delSp bool) string {
	var out strings.Builder
	open, depth := false, 0
	for _, line := range strings.Split(s, "\n") {
		line = strings.TrimSuffix(line, "\r")
		d := 0
		for d < len(line) && line[d] == '>' {
			d++
		}
		text := strings.TrimPrefix(line[d:], " ") // space-stuffing
		signature := text == "-- "
		if open && (d != depth || signature) {
			out.WriteByte('\n')
			open = false
		}
		if !open {
			if d > 0 {
				out.WriteString(strings.Repeat(">", d) + " ")
			}
			depth = d
		}
		flows := strings.HasSuffix(text, " ") && !signature
		if flows && delSp {
			text = text[:len(text)-1]
		}
		out.WriteString(text)
		if open = flows; !flows {
			out.WriteByte('\n')
		}
	}
	r := out.String()
	if !strings.HasSuffix(s, "\n") || strings.HasSuffix(r, "\n\n") {
		r = strings.TrimSuffix(r, "\n")
	}
	return r
}

// flow is the inverse of unflow: it breaks long lines at blanks.
func flow(s, nl string, delSp bool) string {
	var out strings.Builder
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		d := 0
		for d < len(line) && line[d] == '>' {
			d++
		}
		text := line[d:]
		prefix := ""
		if d > 0 {
			prefix = line[:d] + " "
			text = strings.TrimPrefix(text, " ")
		}
		if text != "-- " {
			text = strings.TrimRight(text, " ")
		}
		for {
			p := prefix
			if d == 0 && (strings.HasPrefix(text, " ") || strings.HasPrefix(text, "From ")) {
				p = " "
			}
			cut := -1
			if len(p)+len(text) > 76 && text != "-- " {
				if cut = strings.LastIndexByte(text[:72], ' '); cut <= 0 {
					if k := strings.IndexByte(text[72:], ' '); k >= 0 {
						cut = 72 + k
					}
				}
			}
			if cut < 0 {
				out.WriteString(p + text)
				break
			}
			out.WriteString(p + text[:cut+1])
			if delSp {
				out.WriteByte(' ')
			}
			out.WriteString(nl)
			text = text[cut+1:]
		}
		if i < len(lines)-1 {
			out.WriteString(nl)
		}
	}
	return out.String()
}

// unfoldLines joins the folded lines of iCalendar and vCard (RFC 5545 3.1).
func unfoldLines(s string) string {
	return strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(s)
}

// foldLines folds lines after 75 bytes, never inside a character.
func foldLines(s, nl string) string {
	var out strings.Builder
	for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		if i > 0 {
			out.WriteString(nl)
		}
		for room := 75; len(line) > room; room = 74 {
			n := room
			for n > room-4 && line[n]&0xC0 == 0x80 {
				n--
			}
			out.WriteString(line[:n] + nl + " ")
			line = line[n:]
		}
		out.WriteString(line)
	}
	return out.String()
}
