package imap

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

// pieces is a connection on which text comes in pieces of any length.
type pieces struct {
	net.Conn
	r    *rand.Rand
	text []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.text[:1+p.r.IntN(min(len(p.text), 1+p.r.IntN(3000)))])
	p.text = p.text[n:]
	return n, nil
}

func (*pieces) SetReadDeadline(time.Time) error { return nil }

// answers writes what a server says: mails in every order of items, with texts
// that look like answers, among what belongs to the library.
func answers(r *rand.Rand) (all, library string, mails []letter) {
	at := time.Date(2020, 6, 1, 8, 0, 0, 0, time.FixedZone("", 7200))
	var a, l strings.Builder
	for uid := goimap.UID(1); uid <= 40; uid++ {
		raw := strings.Repeat([]string{"a", "* 3 FETCH (UID 9 BODY[] {3}\r\n", ")\r\n", "T1 OK {5}\r\n", "\n"}[r.IntN(5)], r.IntN(4)*r.IntN(300))
		items := []string{fmt.Sprintf("UID %d", uid), `INTERNALDATE " 1-Jun-2020 08:00:00 +0200"`, fmt.Sprintf("RFC822.SIZE %d", len(raw)), `FLAGS (\Seen $Forwarded)`}
		r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		k := r.IntN(5)
		before, after := strings.Join(append(items[:k:k], ""), " "), strings.Join(append([]string{""}, items[k:]...), " ")
		mail := fmt.Sprintf("* %d FETCH (%sBODY[] {%d}\r\n%s%s)\r\n", uid, before, len(raw), raw, after)
		a.WriteString(mail)
		mails = append(mails, letter{place: place{uid: uid}, size: int64(len(raw)), date: at, flags: []goimap.Flag{goimap.FlagSeen, "$Forwarded"}, raw: []byte(raw)})
		other := []string{
			"* 4 EXISTS\r\n", "* OK still here {7}\r\n", "T7 OK done {3}\r\n", "* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n", "+ go on\r\n",
			fmt.Sprintf("* 2 FETCH (UID 2 BODY[HEADER] {%d}\r\n%s)\r\n", len(raw), raw),
			fmt.Sprintf("* 2 FETCH (UID 2 BODY[]<0> {%d}\r\n%s)\r\n", len(raw), raw),
			fmt.Sprintf("* 2 FETCH (UID 2 X-ODD 1 BODY[] {%d}\r\n%s)\r\n", len(raw), raw),
			fmt.Sprintf("* 2 FETCH (UID 2 BODY[] {%d}\r\n%s X-ODD {4}\r\n* 1 )\r\n", len(raw), raw),
			fmt.Sprintf("* 2 FETCH (UID 2 BODY[] {%d}\r\n%s FLAGS (\\seen))\r\n", len(raw), raw),
			fmt.Sprintf("* 2 FETCH (BODY[] {%d}\r\n%s)\r\n", len(raw), raw),
			"* 2 FETCH (UID 2 BODY[] \"short\")\r\n", "* 2 FETCH (UID 2 BODY[] NIL)\r\n", "* 2 FETCH (UID 99999999999 BODY[] {1}\r\na)\r\n",
			"* LIST () \"/\" {3}\r\na\r\n\r\n", "* OK " + strings.Repeat("long ", 20_000) + "\r\n",
		}[r.IntN(16)]
		a.WriteString(other)
		l.WriteString(other)
	}
	return a.String(), l.String(), mails
}

func TestLaneTakesWholeMailsAndNothingElse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		all, library, mails := answers(r)
		if seed == 0 { // as it is without a list under way
			library, mails = all, nil
		}
		l := newLane(&pieces{r: r, text: []byte("* OK hello\r\n" + all)}, 1<<20)
		var took []letter
		if seed > 0 {
			l.divert(func(m letter) { took = append(took, m) })
		}
		var got []byte
		for {
			b := make([]byte, r.IntN(3000))
			n, err := l.Read(b)
			got = append(got, b[:n]...)
			if err != nil {
				break
			}
		}
		if string(got) != "* OK hello\r\n"+library {
			same := 0
			for want := "* OK hello\r\n" + library; same < min(len(got), len(want)) && got[same] == want[same]; same++ {
			}
			t.Fatalf("seed %d: the library is given %d bytes, of which %d are its own: %.60q", seed, len(got), same, got[same:])
		}
		if len(took) != len(mails) {
			t.Fatalf("seed %d: %d of %d mails", seed, len(took), len(mails))
		}
		for i, m := range mails {
			if k := took[i]; k.place != m.place || !bytes.Equal(k.raw, m.raw) || len(took[i].raw) != len(m.raw) {
				t.Fatalf("seed %d: mail %d is %+v", seed, m.place.uid, k)
			} else if !k.date.Equal(m.date) || k.size != m.size || fmt.Sprint(k.flags) != fmt.Sprint(m.flags) {
				t.Fatalf("seed %d: of mail %d is told %+v", seed, m.place.uid, k)
			}
		}
	}
}

func TestLaneReadsNoMoreOfAMailThanItMay(t *testing.T) {
	t.Parallel()
	text := "* 1 FETCH (UID 1 RFC822.SIZE 5000 BODY[] {5000}\r\n" + strings.Repeat("x", 5000) + " FLAGS ())\r\n* 2 FETCH (UID 2 BODY[] {2}\r\nab)\r\nT1 OK\r\n"
	l := newLane(&pieces{r: rand.New(rand.NewPCG(1, 1)), text: []byte(text)}, 100)
	var took []letter
	l.divert(func(m letter) { took = append(took, m) })
	rest, err := io.ReadAll(l)
	if err != nil || string(rest) != "T1 OK\r\n" || len(took) != 2 || len(took[0].raw) != 100 || took[0].size != 5000 || string(took[1].raw) != "ab" {
		t.Fatalf("%q, %d mails, %v", rest, len(took), err)
	}
}
