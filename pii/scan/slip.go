package scan

import (
	"strings"

	"github.com/gallra/gallra"
)

// Addresses as people mistype them: "anna@example,se", "anna@ example.se",
// "anna.berg@kommunen". They still lead to a person.

// slipEndings are the last parts of domain names that are believed behind a slip.
var slipEndings = []string{"se", "nu", "com", "net", "org", "eu", "no", "dk", "fi", "de", "uk", "info"}

// mailHosts are providers whose names say without an ending that an address is meant.
var mailHosts = []string{"gmail", "googlemail", "hotmail", "outlook", "live", "msn", "yahoo", "icloud", "telia", "bredband", "comhem", "spray", "protonmail", "gmx", "luukku", "online"}

// slippedMail reads the address whose mailbox name begins at start and whose '@',
// followed by no domain as it should be, stands at t[i]. It returns 0 when there
// is none.
func (p *pass) slippedMail(start, i int) int {
	t := p.t
	switch next := p.at0(i + 1); {
	case t[i-1] == '.': // "anna.@example.se"
		if end := p.domain(i + 1); end > 0 {
			return p.add(start, end, gallra.CategoryEmail, likely, "email/slip")
		}
		return 0
	case next == ' ', next == '@':
		if end := p.domain(i + 2); end > 0 {
			return p.add(start, end, gallra.CategoryEmail, likely, "email/slip")
		}
		return 0
	}
	name := i + 1
	end := name
	for end < len(t) && end-name < 64 && (alphanumeric[t[end]] || t[end] == '-') {
		end++
	}
	if end-name < 2 || p.wordAfter(end) {
		return 0
	}
	for _, gap := range [...]string{",", " .", " . ", ". ", ".."} {
		if !strings.HasPrefix(t[end:], gap) {
			continue
		}
		k := end + len(gap)
		for _, last := range slipEndings {
			if strings.HasPrefix(t[k:], last) && !p.wordAfter(k+len(last)) && (gap != ". " || last != "se" && last != "no" && last != "de") { // "… @example. Se" begins a sentence
				return p.add(start, k+len(last), gallra.CategoryEmail, 0.75, "email/slip")
			}
		}
	}
	if p.at0(end) == '.' && p.wordAfter(end+1) || p.at0(end) == '/' || p.at0(end) == ':' {
		return 0
	}
	dot := strings.IndexByte(t[start:i], '.')
	for _, host := range mailHosts {
		if strings.EqualFold(t[name:end], host) {
			return p.add(start, end, gallra.CategoryEmail, 0.75, "email/slip")
		}
	}
	if dot > 0 && dot < i-start-1 && asciiLetter(t[start+dot-1]) && asciiLetter(t[start+dot+1]) {
		return p.add(start, end, gallra.CategoryEmail, probable, "email/slip")
	}
	return 0
}

// looseMail reads "anna.berg @example.se", in which the '@' at t[i] stands behind
// a space: the word before must look like the name of a mailbox, or the domain be
// one of a provider of mail, for "@example.se" is a handle too.
func (p *pass) looseMail(i int) (start, end int) {
	start, end = p.spacedMail(i)
	if end == 0 || start >= i-1 || p.t[i-2] == '.' || p.at0(end) == '_' {
		return 0, 0
	}
	if strings.ContainsAny(p.t[start:i-1], "._0123456789") {
		return start, end
	}
	for _, host := range mailHosts {
		if k := i + 1 + len(host); k < end && p.t[k] == '.' && strings.EqualFold(p.t[i+1:k], host) {
			return start, end
		}
	}
	return 0, 0
}
