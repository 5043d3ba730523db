package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/gallra/gallra"
)

// MinPassword is the shortest password allowed, in characters. Length is the
// only rule: NIST SP 800-63B section 3.1.1.2 advises against composition rules.
const MinPassword = 12

const maxPassword = 256 // bytes; a longer one is an attack on our processor

// OWASP's password storage advice for argon2id: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024
	argonPasses = 2
	argonLanes  = 1
	saltBytes   = 16
	hashBytes   = 32
)

func checkPassword(username, password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return gallra.Errorf(gallra.Invalid, "auth.password_short", "min", fmt.Sprint(MinPassword))
	case len(password) > maxPassword:
		return gallra.Errorf(gallra.Invalid, "auth.password_long")
	case strings.Contains(strings.ToLower(password), username):
		return gallra.Errorf(gallra.Invalid, "auth.password_username")
	}
	return nil
}

func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (Go 1.24)
	sum := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, hashBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// samePassword reports whether password is the one hashed was made of, with
// the parameters it was made with.
func samePassword(hashed, password string) bool {
	var version, memory, passes, lanes int
	parts := strings.Split(hashed, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || len(password) > maxPassword {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}
