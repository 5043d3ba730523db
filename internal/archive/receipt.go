package archive

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gallra/gallra"
)

// Receipt is what an archive says of a package.
type Receipt struct {
	Package   string `json:"package"`             // its id
	SHA256    string `json:"sha256"`              // of the file that was received
	Accepted  bool   `json:"accepted"`            // false: sent back
	Reference string `json:"reference,omitempty"` // the archive's own number
	Note      string `json:"note,omitempty"`      // why it was sent back; without personal values
}

// Ending is that of a receipt's file name; before it stands the package's id.
const Ending = ".receipt"

var line = regexp.MustCompile(`^([0-9a-fA-F]{64})[ \t]+\*?(\S+)$`)

// ReadReceipt reads a receipt: JSON as Receipt, or the one line that sha256sum
// writes, which says that a file was received and no more. gallra.ErrInvalid for
// anything else, such as a file that is not wholly written yet.
func ReadReceipt(b []byte) (Receipt, error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(b), "\ufeff"))
	if m := line.FindStringSubmatch(text); m != nil {
		name := m[2]
		if i := strings.LastIndexAny(name, `/\`); i >= 0 {
			name = name[i+1:]
		}
		return Receipt{Package: strings.TrimSuffix(name, ".zip"), SHA256: strings.ToLower(m[1]), Accepted: true}, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var r Receipt
	if err := d.Decode(&r); err != nil || d.More() {
		return Receipt{}, gallra.Errorf(gallra.Invalid, "archive.receipt")
	}
	r.SHA256 = strings.ToLower(strings.TrimSpace(r.SHA256))
	if r.Package == "" || !Sum(r.SHA256) {
		return Receipt{}, gallra.Errorf(gallra.Invalid, "archive.receipt")
	}
	return r, nil
}

var sum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Sum reports whether s is a SHA-256 in small hexadecimal letters.
func Sum(s string) bool { return sum.MatchString(s) }
