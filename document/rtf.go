package document

import (
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// rtfSkip are the destinations that hold no text of the document.
var rtfSkip = set("fonttbl colortbl stylesheet pict object themedata colorschememapping latentstyles datastore generator listtable listoverridetable rsidtbl xmlnstbl filetbl revtbl")

// rtfText returns the text of an RTF document, its title and author included.
func rtfText(data []byte) string {
	var out strings.Builder
	cm := charmap.Windows1252
	type state struct {
		skip bool
		uc   int
	}
	cur := state{uc: 1}
	var stack []state
	drop := 0 // characters that stand in for a \u
	put := func(r rune) {
		if drop > 0 {
			drop--
			return
		}
		if !cur.skip {
			out.WriteRune(r)
		}
	}
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == '{':
			if len(stack) < 10000 {
				stack = append(stack, cur)
			}
			i++
			drop = 0
		case c == '}':
			if len(stack) > 0 {
				cur, stack = stack[len(stack)-1], stack[:len(stack)-1]
			}
			i++
			drop = 0
		case c == '\r' || c == '\n':
			i++
		case c != '\\':
			put(cm.DecodeByte(c))
			i++
		case i+1 >= len(data):
			i++
		case data[i+1] == '\'':
			if i+3 < len(data) && unhex(data[i+2]) < 16 && unhex(data[i+3]) < 16 {
				put(cm.DecodeByte(unhex(data[i+2])<<4 | unhex(data[i+3])))
			}
			i += 4
		case !letter(data[i+1]):
			switch data[i+1] {
			case '~':
				put(0xA0)
			case '*':
				cur.skip = true
			case '\\', '{', '}':
				put(rune(data[i+1]))
			case '\r', '\n':
				put('\n')
			}
			i += 2
		default:
			j := i + 1
			for j < len(data) && letter(data[j]) && j-i < 40 {
				j++
			}
			word := string(data[i+1 : j])
			neg, num, digits := false, 0, 0
			if j < len(data) && data[j] == '-' {
				neg = true
				j++
			}
			for j < len(data) && data[j] >= '0' && data[j] <= '9' && digits < 9 {
				num = num*10 + int(data[j]-'0')
				j++
				digits++
			}
			if neg {
				num = -num
			}
			if j < len(data) && data[j] == ' ' {
				j++
			}
			i = j
			switch word {
			case "par", "line", "row", "sect", "page":
				put('\n')
			case "tab", "cell":
				put('\t')
			case "u":
				if num < 0 {
					num += 65536
				}
				drop = 0
				put(rune(num))
				drop = cur.uc
			case "uc":
				cur.uc = max(0, min(num, 10))
			case "emdash":
				put('—')
			case "endash":
				put('–')
			case "lquote", "rquote":
				put('\'')
			case "ldblquote", "rdblquote":
				put('"')
			case "ansicpg":
				if num == 1250 {
					cm = charmap.Windows1250
				}
			case "bin":
				if num > 0 {
					i = min(len(data), i+num)
				}
			case "info":
				cur.skip = false
			case "field":
			default:
				if rtfSkip[word] {
					cur.skip = true
				}
			}
		}
	}
	return strings.TrimSpace(out.String())
}
