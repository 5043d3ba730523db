package metaexport

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strings"
)

// How much an entry may hold.
const (
	maxJSON = 256 << 20
	maxFile = 1 << 30
)

// archive is the directory of a ZIP, sorted by conversation.
type archive struct {
	zip        *zip.Reader
	threads    []*thread // by id
	recognised bool      // there is a folder of messages
}

// thread is the folder of one conversation.
type thread struct {
	id     string
	dir    string      // its path in the ZIP; personal
	pages  []*zip.File // message_1.json, message_2.json ...
	html   []*zip.File
	media  []*zip.File
	box    string // inbox, archived_threads ...
	source string // instagram, facebook
}

var (
	threadPath = regexp.MustCompile(`^((?:.*/)?messages/([a-z_]+)/([^/]+))/(.+)$`)
	pagePath   = regexp.MustCompile(`^message_([0-9]+)\.(json|html)$`)
	metaID     = regexp.MustCompile(`_([0-9]{4,})$`)
)

// sortOut reads the ZIP's directory.
func sortOut(z *zip.Reader) *archive {
	a := &archive{zip: z}
	byDir := map[string]*thread{}
	for _, f := range z.File {
		if strings.Contains(f.Name, "messages/") {
			a.recognised = true
		}
		m := threadPath.FindStringSubmatch(f.Name)
		if m == nil || strings.HasSuffix(f.Name, "/") {
			continue
		}
		t := byDir[m[1]]
		if t == nil {
			t = &thread{dir: m[1], box: m[2], source: "facebook"}
			if strings.Contains(f.Name, "instagram") {
				t.source = "instagram"
			}
			byDir[m[1]] = t
		}
		switch p := pagePath.FindStringSubmatch(m[4]); {
		case p == nil:
			t.media = append(t.media, f)
		case p[2] == "json":
			t.pages = append(t.pages, f)
		default:
			t.html = append(t.html, f)
		}
	}
	count := map[string]int{}
	for _, t := range byDir {
		if m := metaID.FindStringSubmatch(t.dir); m != nil {
			t.id = m[1]
		}
		count[t.id]++
	}
	for _, t := range byDir {
		// The name before Meta's number is the person's: a digest where there
		// is no number, or not one of its own.
		if t.id == "" || count[t.id] > 1 {
			t.id = "d" + digest([]byte(t.dir))
		}
		slices.SortFunc(t.pages, func(x, y *zip.File) int {
			return cmp.Or(cmp.Compare(len(x.Name), len(y.Name)), cmp.Compare(x.Name, y.Name))
		})
		a.threads = append(a.threads, t)
	}
	slices.SortFunc(a.threads, func(x, y *thread) int { return cmp.Compare(x.id, y.id) })
	return a
}

// thread returns the conversation with an id, and false when there is none.
func (a *archive) thread(id string) (*thread, bool) {
	i, ok := slices.BinarySearchFunc(a.threads, id, func(t *thread, id string) int { return cmp.Compare(t.id, id) })
	if !ok {
		return nil, false
	}
	return a.threads[i], true
}

// threadOf returns the part of a message's or an attachment's id that names its
// conversation.
func threadOf(id string) string {
	t, _, _ := strings.Cut(id, "-")
	return t
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// mediaID names a file of a conversation by a digest: file names can be personal.
func (t *thread) mediaID(f *zip.File) string {
	return t.id + "-f" + digest([]byte(strings.TrimPrefix(f.Name, t.dir)))
}

// within reports whether uri points at f: exports write the path from their own
// root, which need not be the ZIP's.
func within(uri string, f *zip.File) bool {
	return uri != "" && (uri == f.Name || strings.HasSuffix(f.Name, "/"+uri) || strings.HasSuffix(uri, "/"+f.Name)) && path.Base(uri) == path.Base(f.Name)
}
