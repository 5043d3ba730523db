package pii

import (
	"cmp"
	"slices"
	"strings"
)

// markup returns the places in text that are no one's words but hold a page or
// a mail together: the names of tags and of their attributes, the fields that
// say how a mail is built, and the lines between its parts. What is found there
// is left alone, so that what is redacted can still be read as what it was.
// Values are not markup: alt="Anna Berg" goes.
func markup(text string) (held [][2]int) {
	if strings.IndexByte(text, '<') >= 0 {
		held = tagNames(held, text)
	}
	if strings.Contains(text, "ontent-") || strings.Contains(text, "MIME-") || strings.Contains(text, "CONTENT-") {
		held = mailFields(held, text)
	}
	if len(held) == 0 {
		return nil
	}
	slices.SortFunc(held, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	apart := held[:1]
	for _, h := range held[1:] {
		if last := &apart[len(apart)-1]; h[0] < last[1] {
			last[1] = max(last[1], h[1])
		} else {
			apart = append(apart, h)
		}
	}
	return apart
}

// longestTag is how far a tag is read.
const longestTag = 4 << 10

func tagNames(held [][2]int, text string) [][2]int {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '<')
		if i < 0 {
			return held
		}
		name := at + i + 1
		if name < len(text) && text[name] == '/' {
			name++
		}
		end := name
		for end < len(text) && (asciiLetter(text[end]) || text[end] >= '1' && text[end] <= '6') {
			end++
		}
		at = max(end, name)
		if end == len(text) || !tagName[strings.ToLower(text[name:end])] || strings.IndexByte(" \t\r\n/>", text[end]) < 0 {
			continue
		}
		held = append(held, [2]int{name, end})
		held, at = attributes(held, text, end)
	}
}

// attributes holds the names of the attributes of a tag whose name ends at i,
// and returns the end of the tag.
func attributes(held [][2]int, text string, i int) ([][2]int, int) {
	start := i
	quote := byte(0)
	word := -1
	for ; i < len(text) && i < start+longestTag; i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return held, i
		case asciiLetter(c) || c == '-' || c == ':':
			if word < 0 {
				word = i
			}
			continue
		case c == '=' && word >= 0:
			held = append(held, [2]int{word, i})
		}
		word = -1
	}
	return held, i
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

var tagName = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`html head body title meta link style script div span p br hr b i u s em strong small big a img table caption colgroup col thead tbody
		tfoot tr td th ul ol li dl dt dd h1 h2 h3 h4 h5 h6 blockquote pre code tt font center section article aside header footer nav main figure form fieldset input button label
		select option textarea sup sub del ins abbr cite q address`) {
		m[n] = true
	}
	return m
}()

// built are the fields that say how a mail is built: their values go with them.
var built = []string{"content-type", "content-transfer-encoding", "mime-version"}

// mailFields holds the fields of built and the lines between the parts. A line
// that continues a field belongs to it; a name of a file does not.
func mailFields(held [][2]int, text string) [][2]int {
	var borders []string
	in := false
	at := 0
	for line := range strings.Lines(text) {
		start := at
		at += len(line)
		line = strings.TrimRight(line, "\r\n")
		mark := len(line) - len(strings.TrimLeft(line, "> \t"))
		switch rest := line[mark:]; {
		case in && mark > 0 && line[0] != '>' && rest != "":
		case hasField(rest):
			in = true
		default:
			in = false
			for _, b := range borders {
				if rest == "--"+b || rest == "--"+b+"--" {
					held = append(held, [2]int{start, start + len(line)})
				}
			}
			continue
		}
		lower := strings.ToLower(line)
		end := len(line)
		if i := strings.Index(lower, "name="); i >= 0 {
			end = i + len("name=")
		}
		held = append(held, [2]int{start, start + end})
		if i := strings.Index(lower, "boundary="); i >= 0 && len(lower) == len(line) {
			b, _, _ := strings.Cut(line[i+len("boundary="):], ";")
			borders = append(borders, strings.Trim(b, `" `))
		}
	}
	return held
}

func hasField(line string) bool {
	for _, f := range built {
		if len(line) > len(f) && line[len(f)] == ':' && strings.EqualFold(line[:len(f)], f) {
			return true
		}
	}
	return false
}
