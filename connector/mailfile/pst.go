package mailfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

func init() {
	connector.Register(connector.Info{
		Name: "pst", Schemes: []string{"pst"}, Title: "Outlook data file (PST)", Channel: connector.ChannelMail,
		Can:     []connector.Capability{connector.CanFind, connector.CanLeftovers},
		Finds:   findable,
		Options: options,
		Open: func(ctx context.Context, c connector.Config) (connector.Source, error) {
			s, err := open(ctx, c)
			if err != nil {
				return nil, err
			}
			src := s.(*Source)
			p := &pst{file: src.root}
			src.box = p
			return &outlook{src, p, c.Known}, nil
		},
	})
}

// outlook is a PST: it can be read and searched, and nothing in it can be
// changed, as no free program writes the format. What is to go is taken out as
// EML first; the file itself is then shredded by hand.
type outlook struct {
	source readable
	pst    *pst
	known  func(connector.Profile) connector.Profile
}

// readable is what of a Source does not change anything.
type readable interface {
	connector.Source
	connector.Finder
	connector.Searcher
}

func (o *outlook) Types(ctx context.Context) ([]connector.Type, error) { return o.source.Types(ctx) }
func (o *outlook) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	return o.source.List(ctx, q)
}
func (o *outlook) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	return o.source.Get(ctx, ref)
}
func (o *outlook) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	return o.source.Find(ctx, n, cursor)
}
func (o *outlook) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	return o.source.Leftovers(ctx, n, cursor)
}
func (o *outlook) Check(ctx context.Context) error { return o.source.Check(ctx) }

// Close removes what was taken out.
func (o *outlook) Close() error { return o.pst.close() }

// Profile says how to thin out what cannot be changed.
func (o *outlook) Profile() connector.Profile {
	return o.known(connector.Profile{Product: "Outlook", Channel: connector.ChannelMail, Remains: []connector.Remain{
		{Where: "pst", SV: "En PST-fil går inte att ändra. Ta ut breven med readpst -8 -D -e -o MAPP FIL.pst, anslut eml:MAPP, gallra där och förstör sedan PST-filen.", EN: "A PST file cannot be changed. Take the mails out with readpst -8 -D -e -o FOLDER FILE.pst, connect eml:FOLDER, thin out there and then destroy the PST file."},
	}})
}

// pst takes the mails of a file out, deleted ones included, with readpst of
// libpst, into a folder that only this user may read, in memory where the
// machine has room for it, and removes it when the source is closed.
type pst struct {
	file string

	mu  sync.Mutex
	dir string
	eml eml
}

// folderMark begins the folders' names; the number of the process follows, so
// that what a killed process left is swept away by the next.
const folderMark = "gallra-pst-"

// unpack takes the mails out, once.
func (p *pst) unpack(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir != "" {
		return nil
	}
	info, err := os.Stat(p.file)
	if err != nil {
		return fileError(err)
	}
	program, err := exec.LookPath("readpst")
	if err != nil {
		return gallra.Errorf(gallra.Unavailable, "mailfile.readpst_missing")
	}
	if err := whole(p.file); err != nil {
		return err
	}
	dir, err := p.folder(info.Size())
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(p.file)
	if err != nil {
		return errors.Join(fileError(err), os.RemoveAll(dir))
	}
	cmd := exec.CommandContext(ctx, program, "-q", "-8", "-D", "-e", "-j", "0", "-o", dir, abs)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	// Its words name folders and senders: only whether it worked is looked at.
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Run(); err != nil {
		_ = os.RemoveAll(dir)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return gallra.Errorf(gallra.Unavailable, "mailfile.pst_unreadable")
	}
	p.dir, p.eml = dir, eml{root: dir}
	return nil
}

// whole reads the beginning of the file: readpst takes other files for empty ones.
func whole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, []byte("!BDN")) {
		return gallra.Errorf(gallra.Invalid, "mailfile.not_a_pst")
	}
	return nil
}

// folder makes a folder with room for about twice the file.
func (p *pst) folder(size int64) (string, error) {
	places := []string{"/dev/shm", os.TempDir()} // the best first
	for _, place := range places {
		sweepFolders(place)
	}
	for i, place := range places {
		if i == 0 && room(place) < 4*size {
			continue // memory is others' too
		}
		if dir, err := os.MkdirTemp(place, folderMark+strconv.Itoa(os.Getpid())+"-"); err == nil {
			return dir, nil
		}
	}
	return "", gallra.Errorf(gallra.Unavailable, "mailfile.no_room")
}

// sweepFolders removes what processes that are gone have left.
func sweepFolders(place string) {
	left, err := filepath.Glob(filepath.Join(place, folderMark+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folderMark), "-")
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() || processLives(pid) {
			continue
		}
		_ = os.RemoveAll(dir) // another user's stays: it cannot be read here either
	}
}

func (p *pst) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == "" {
		return nil
	}
	err := os.RemoveAll(p.dir)
	p.dir = ""
	if err != nil {
		return fileError(err)
	}
	return nil
}

func (p *pst) index(ctx context.Context) (listing, []connector.Problem, error) {
	if err := p.unpack(ctx); err != nil {
		return nil, nil, err
	}
	items, problems, err := p.eml.index(ctx)
	if err != nil {
		return nil, nil, err
	}
	other := int64(0)
	err = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) != ".eml" {
			other++
		}
		return err
	})
	if err != nil {
		return nil, nil, fileError(err)
	}
	for range other {
		problems = append(problems, connector.Problem{Where: "pst", Reason: "mailfile.pst_other"})
	}
	return items, problems, nil
}

func (p *pst) read(it item, max int64) (mailrecord.Stored, error) { return p.eml.read(it, max) }

func (p *pst) apply(context.Context, []*change, int64) error {
	return gallra.Errorf(gallra.Unsupported, "mailfile.pst_unchangeable")
}

// beside lists the names of folders, which may be customers'.
func (p *pst) beside(ctx context.Context, yield func(where, text string) error) error {
	if err := p.unpack(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == p.dir {
			return err
		}
		return yield("folder name", d.Name())
	})
}

func (p *pst) caches() []string { return nil }
