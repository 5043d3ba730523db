package scan

import (
	"strings"

	"github.com/gallra/gallra"
)

// organisation reports whether the handle at t[i:j] is rather an organisation's
// than a person's: a word of trade in it, or a message that opens with it and
// goes on to somebody addressed as an organisation is ("@Kolltrafik hur kan ni").
func (p *pass) organisation(i, j int) bool {
	plain := true
	var folded []byte
	for k := i; k < j; {
		if b := p.t[k]; digit(b) || b == '.' {
			plain = false
		}
		sym, size := foldAt(p.t, k)
		if sym > 0 {
			folded = append(folded, 'a'+sym-1)
		}
		k += size
	}
	if !plain || p.at0(j) == ':' && strings.TrimLeft(p.t[:i], " \t\n@") == "" {
		return false // digits and dots are a person's, and who speaks is not spoken to
	}
	name := string(folded)
	for _, w := range trades {
		if strings.Contains(name, w) {
			return true
		}
	}
	if strings.ContainsRune(p.t[i:j], '_') || i > 2 && strings.TrimLeft(p.t[:i], " \t\n@.<>\"") != "" {
		return false
	}
	return addressed(p.t[j:])
}

// numbered reports whether t[i:j] is what a transcript calls one of several:
// "kund_1", "agent_2".
func (p *pass) numbered(i, j int) bool {
	role, n, ok := strings.Cut(p.t[i:j], "_")
	if !ok || len(n) > 2 || n == "" || !digit(n[0]) {
		return false
	}
	switch strings.ToLower(role) {
	case "kund", "kunde", "customer", "client", "agent", "support", "talare", "speaker", "user", "asiakas", "person", "bot", "borger", "medarbetare", "anvandare", "användare":
		return true
	}
	return false
}

// sites are the names of services whose paths are persons' profiles.
var sites = [...]string{"facebook", "instagram", "twitter", "linkedin", "tiktok", "snapchat", "github", "reddit", "flickr", "strava", "youtube", "pinterest", "vinted", "tradera", "blocket"}

// profile reads the address of a profile after the name of its site at
// t[start:end]: "facebook.com/anna.berg.9", "https://www.linkedin.com/in/anna-berg".
func (p *pass) profile(start, end int) int {
	t := p.t
	j := end
	for j < len(t) && j-end < 5 && (asciiLetter(t[j]) || t[j] == '.') {
		j++
	}
	if j-end < 3 || t[end] != '.' || p.at0(j) != '/' {
		return end
	}
	j++
	for _, folder := range [...]string{"in/", "user/", "u/", "add/", "people/", "athletes/", "profile/", "@"} {
		if strings.HasPrefix(t[j:], folder) {
			j += len(folder)
			break
		}
	}
	k := p.nameEnd(j)
	if k-j < 4 || p.at0(k) == '/' || p.at0(k) == '?' && strings.HasPrefix(t[j:], "watch") {
		return end
	}
	switch t[j:k] {
	case "groups", "pages", "events", "share", "sharer", "watch", "hashtag", "explore", "help", "login", "company", "reel", "marketplace":
		return end
	}
	for start > p.done && end-start < 80 && t[start-1] > ' ' && t[start-1] != '(' && t[start-1] != '"' && t[start-1] != '<' && t[start-1] != '=' {
		start--
	}
	if p.organisation(j, k) {
		return p.add(start, k, gallra.CategoryUsername, doubtful, "username/profile of an organisation")
	}
	return p.add(start, k, gallra.CategoryUsername, likely, "username/profile")
}

// trades are words that organisations' handles hold, folded.
var trades = strings.Fields(`trafik banken bolag bibliotek galleri butik support service kundtjanst kundeservice asiakaspalvelu hjalp
	telecom telekom bredband energi elnat fiber forsakring insurance kommun region myndighet sverige norge danmark suomi deutschland nordic
	official offisiell offiziell magasin radio nyheter news avis tidning express railway trains airline airport flyg buss bahn verkehr
	homes bostad bostader fastighet hyres housing apotek pharmacy sjukhus klinik bank shop store handel mobler market outlet resor travel hotel hotell
	matkat kauppa energia sahko vesi posten postnord paket leverans delivery app alle everyone here channel`)

// addressed reports whether the words after an opening handle are said to an
// organisation: "ni", "you", a greeting.
func addressed(after string) bool {
	n := 0
	for word := range strings.FieldsFuncSeq(after[:min(len(after), 160)], func(r rune) bool { return r < 0x80 && !letter(byte(r)) }) {
		switch strings.ToLower(word) {
		case "ni", "er", "era", "ert", "you", "your", "dere", "deres", "jer", "jeres", "ihr", "euch", "eure", "te", "teidän", "teillä", "teiltä":
			return true
		case "hej", "hei", "hello", "hi", "hallo", "moi", "danke", "tack", "takk", "tak", "kiitos":
			if n == 0 {
				return true
			}
		}
		if n++; n == 16 {
			break
		}
	}
	return false
}
