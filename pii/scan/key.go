package scan

import (
	"strings"

	"github.com/gallra/gallra"
)

// issued are the beginnings of keys that services issue, with the fewest signs
// that follow.
var issued = [...]struct {
	head string
	rest int
}{
	{"AKIA", 16}, {"ASIA", 16}, {"AIza", 35}, {"ghp_", 30}, {"gho_", 30}, {"ghs_", 30}, {"github_pat_", 30}, {"glpat-", 18},
	{"xoxb-", 20}, {"xoxp-", 20}, {"xoxa-", 20}, {"sk-", 20}, {"sk_live_", 8}, {"sk_test_", 8}, {"pk_live_", 8}, {"rk_live_", 8},
	{"SG.", 30}, {"eyJ", 30}, {"ya29.", 20}, {"hf_", 20}, {"npm_", 30}, {"dop_v1_", 30}, {"shpat_", 20},
}

// issuedKey reads, at the start of the word at t[i], a key by the form that its
// issuer gives it, or a private key between its lines; 0 when there is none.
func (p *pass) issuedKey(i int) int {
	t := p.t
	if strings.HasPrefix(t[i:], "BEGIN ") && strings.HasSuffix(t[:i], "-----") {
		if end := privateKey(t[i:]); end > 0 {
			return p.add(i-5, i+end, gallra.CategorySecret, certain, "secret/private key")
		}
		return 0
	}
	for _, k := range issued {
		if !strings.HasPrefix(t[i:], k.head) {
			continue
		}
		j := i + len(k.head)
		digits := false
		for j < len(t) && (asciiLetter(t[j]) || digit(t[j]) || t[j] == '_' || t[j] == '-' || t[j] == '.') {
			digits = digits || digit(t[j])
			j++
		}
		for t[j-1] == '.' || t[j-1] == '-' {
			j--
		}
		if digits && j-i-len(k.head) >= k.rest {
			return p.add(i, j, gallra.CategorySecret, certain, "secret/issued key")
		}
	}
	return 0
}

// maxKeyBlock bounds the search for the end of a private key: one of 16,384 bits
// takes 13 kB.
const maxKeyBlock = 16 << 10

// privateKey returns the length of the block that begins with s, which starts
// at its BEGIN: to the end of its END line, 0 when it holds no private key.
func privateKey(s string) int {
	s = s[:min(len(s), maxKeyBlock)]
	line := s[:min(len(s), 64)]
	if k := strings.Index(line, "PRIVATE KEY"); k < 0 || strings.Contains(line[:k], "\n") {
		return 0
	}
	end := strings.Index(s, "-----END ")
	if end < 0 {
		return 0
	}
	if n := strings.Index(s[end+len("-----END "):], "-----"); n >= 0 && n < 64 {
		return end + len("-----END ") + n + len("-----")
	}
	return 0
}
