package demo

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gallra/gallra/deadline"
)

// side is who wrote a turn.
type side int

const (
	customer side = iota // a person of the organisation's customers, not always the one who asked
	agent
	internal // a note that the customer does not see
)

// turn is one message of a conversation.
type turn struct {
	At     time.Time
	Side   side
	Author Person // of a customer's turn
	Text   string
	HTML   bool
	IP     string
	Files  []file
}

// conversation is one case in any of the systems; each system writes it down in
// its own way.
type conversation struct {
	Index         int
	Person        Person
	Agent         employee
	Queue         string
	Channel       string
	Category      string
	Subject       string
	Status        string // new, open, pending, closed
	Created       time.Time
	Updated       time.Time
	LastContact   time.Time
	Closed        time.Time // zero while open
	FirstResponse int       // seconds; 0: none yet
	Rating        int       // 1 to 5; 0: none
	Turns         []turn
}

type employee struct {
	Number      int
	Given, Name string
	Email       string
}

// categories of the ticket system and their queues.
var categories = []string{"el", "vatten", "avfall", "faktura", "forskola", "konto", "bygglov", "parkering", "fardtjanst"}

var categoryWeights = []int{24, 38, 50, 64, 73, 82, 88, 94, 100}

var queues = map[string]string{
	"el": "Elnät", "vatten": "Vatten och avlopp", "avfall": "Avfall", "faktura": "Ekonomi", "forskola": "Förskola",
	"konto": "Mina sidor", "bygglov": "Bygglov", "parkering": "Parkering", "fardtjanst": "Färdtjänst", "forum": "Forum", "social": "Sociala medier",
}

// world is all that a conversation is drawn from. It is not changed after it is
// made and safe for concurrent use.
type world struct {
	seed                 uint64
	now                  time.Time
	persons              int
	volume               volume
	women, men, surnames frequency
	places               []place
	lexicons             map[string]lexicon
	scripts              map[string][]script
	employees            []employee
}

func newWorld(seed uint64, now time.Time, persons int) *world {
	w := &world{
		seed: seed, now: now.UTC(), persons: max(persons, len(cast)+16), volume: newVolume(now),
		women: frequencies("tilltalsnamn-kvinnor"), men: frequencies("tilltalsnamn-man"), surnames: frequencies("efternamn"),
		places: places(), lexicons: map[string]lexicon{}, scripts: map[string][]script{},
	}
	for _, lang := range []string{"sv", "en", "fi", "ar"} {
		w.lexicons[lang] = load(lang)
	}
	for _, s := range scripts {
		w.scripts[s.system] = append(w.scripts[s.system], s)
	}
	for i := range 24 {
		r := newRandom(seed, "employee", i)
		given := w.women.pick(r)
		if r.chance(0.3) {
			given = w.men.pick(r)
		}
		surname := w.surnames.pick(r)
		w.employees = append(w.employees, employee{
			Number: i + 1, Given: given, Name: given + " " + surname,
			Email: fmt.Sprintf("%s.%s%d@sundvalla.example", ascii(given), ascii(surname), i+1),
		})
	}
	return w
}

// strides says which persons have an account in a system: every nth.
var strides = map[string]int{"helpdesk": 1, "mail": 1, "chat": 3, "forum": 5, "social": 7, "export": 3}

// accounts calls f for every person who has an account in a system.
func (w *world) accounts(system string, f func(Person) error) error {
	for i := 0; i < w.persons; i++ {
		if i >= len(cast) && (i-len(cast))%strides[system] != 0 {
			continue
		}
		if err := f(w.person(i)); err != nil {
			return err
		}
	}
	return nil
}

// customer draws one of those who are customers when the share u of all has
// happened; few of them write often.
func (w *world) customer(r random, system string, u float64) Person {
	all := float64(w.persons - len(cast))
	known := max(all*u, min(all, 40))
	i := int(known * math.Pow(r.Float64(), 1.4))
	return w.person(len(cast) + i - i%strides[system])
}

// other draws somebody who is named or takes part: not the person itself, never
// one of the cast.
func (w *world) other(r random, system string, not Person) Person {
	for {
		i := r.IntN(w.persons - len(cast))
		if p := w.person(len(cast) + i - i%strides[system]); p.Number != not.Number {
			return p
		}
	}
}

// scope is where the slots of a conversation's texts find their values: the same
// slot gives the same value throughout.
type scope struct {
	w      *world
	r      random
	person Person
	other  Person
	agent  employee
	at     time.Time
	values map[string]string
}

func (s *scope) slot(name string) string {
	if v, ok := s.values[name]; ok {
		return v
	}
	v := s.draw(name)
	s.values[name] = v
	return v
}

var months = []string{"januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"}

var days = []string{"söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"}

func (s *scope) draw(name string) string {
	r, p := s.r, s.person
	switch name {
	case "namn":
		return p.Name()
	case "fornamn":
		return p.Given
	case "efternamn":
		return p.Surname
	case "epost":
		return p.Emails[len(p.Emails)-1]
	case "tel":
		return written(r, p.Phone)
	case "pnr":
		return writtenPersonnummer(r, p.Personnummer)
	case "kundnr":
		return p.CustomerNo
	case "anvandarnamn":
		return p.Username
	case "adress":
		return p.Street
	case "gata":
		return strings.TrimRight(p.Street, " 0123456789ABC")
	case "postadress":
		return p.PostalCode + " " + p.City
	case "ort":
		return p.City
	case "annan":
		return s.other.Name()
	case "annanfornamn":
		return s.other.Given
	case "annanefternamn":
		return s.other.Surname
	case "annanadress":
		return s.other.Street
	case "annanepost":
		return s.other.Email()
	case "annantel":
		return written(r, s.other.Phone)
	case "annanvandarnamn":
		return s.other.Username
	case "handlaggare":
		return s.agent.Name
	case "handlaggarfornamn":
		return s.agent.Given
	case "belopp":
		return fmt.Sprintf("%d", r.between(120, 9800))
	case "datum":
		d := s.at.AddDate(0, 0, r.between(5, 60))
		if r.chance(0.5) {
			return d.Format(time.DateOnly)
		}
		return fmt.Sprintf("%d %s", d.Day(), months[d.Month()-1])
	case "manad":
		return months[(int(s.at.Month())+10)%12]
	case "manaden":
		return s.at.AddDate(0, -1, 0).Month().String()
	case "dag":
		return days[r.IntN(7)]
	case "klockslag":
		return fmt.Sprintf("%02d.%02d", r.between(6, 20), 15*r.IntN(4))
	case "tal":
		return fmt.Sprintf("%d", r.between(1000, 99999))
	case "ocr":
		return fmt.Sprintf("%d", r.between(100_000_000, 999_999_999))
	case "matare":
		return fmt.Sprintf("%d", r.between(10_000_000, 99_999_999))
	case "anlaggning":
		return fmt.Sprintf("735999%012d", r.between(0, 999_999_999_999))
	case "fastighet":
		return fmt.Sprintf("%s %d:%d", pick(r, []string{"Sundvalla", "Näsby", "Hagen", "Björkåsen"}), r.between(1, 19), r.between(1, 199))
	case "reg":
		return fmt.Sprintf("%s %02d%c", pick(r, []string{"ABC", "DEF", "GHJ", "KLM", "NPR", "XYZ"}), r.IntN(100), "ABCDEFGHJKLMNPRSTUWXYZ"[r.IntN(22)])
	case "ip":
		return ip(r)
	case "konto":
		return "SE45 5000 0000 0583 9825 7466" // the example of the IBAN registry
	case "losen":
		return pick(r, []string{"Sommar", "Hemligt", "Fiskmås", "qwerty", "Lilleman", "Kalle"}) + fmt.Sprintf("%d!", r.between(10, 2025))
	case "barn":
		return pick(r, []string{"Alva", "Elsa", "Hugo", "Nils", "Maja", "Leon", "Saga", "Omar", "Vera", "Sixten"})
	case "barnpnr":
		return testNumber(time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(2500)), 238+r.IntN(2), false)
	case "lakare":
		return "dr " + s.w.surnames.pick(r)
	}
	panic("demo: unknown slot " + name) // a test fills every template
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// ip draws from the ranges set aside for documentation (RFC 5737, RFC 3849).
func ip(r random) string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("192.0.2.%d", r.between(1, 254))
	case 1:
		return fmt.Sprintf("198.51.100.%d", r.between(1, 254))
	case 2:
		return fmt.Sprintf("2001:db8:%x:%x::%x", r.IntN(65536), r.IntN(65536), r.between(1, 65535))
	default:
		return fmt.Sprintf("203.0.113.%d", r.between(1, 254))
	}
}

// line fills a random template of a section whose slots have values: not
// everybody has a telephone.
func (s *scope) line(lang, section string) string {
	templates := s.w.lexicons[lang][section]
	k := s.r.IntN(len(templates))
	for range templates {
		if t := templates[k]; t.filled(s.slot) {
			return t.fill(s.slot)
		}
		k = (k + 1) % len(templates)
	}
	return ""
}

// chatty says that messages are short and unsigned.
func chatty(system string) bool { return system == "chat" || system == "social" || system == "forum" }

// conversation makes number i of the n conversations of a system.
func (w *world) conversation(system string, i, n int) conversation {
	r := newRandom(w.seed, system, i)
	u := (float64(i) + 0.5) / float64(n)
	c := conversation{Index: i, Created: w.volume.moment(r, u)}
	if s, ok := w.script(system, i, n); ok {
		c.Created = deadline.On(c.Created).Add(10*time.Hour + time.Duration(r.IntN(4*3600))*time.Second).UTC()
		if c.Created.After(w.now) {
			c.Created = w.now.Add(-2 * time.Hour)
		}
		w.play(&c, s, r)
		return c
	}
	c.Person = w.customer(r, system, u)
	c.Agent = pick(r, w.employees)
	c.Category = categories[r.weighted(categoryWeights)]
	c.Channel = channelOf(r, system)
	s := &scope{w: w, r: r, person: c.Person, other: w.other(r, system, c.Person), agent: c.Agent, at: c.Created, values: map[string]string{}}

	lang := "sv"
	if c.Person.Lang != "sv" && system != "forum" && r.chance(0.8) {
		lang = c.Person.Lang
	}
	switch {
	case system == "forum":
		c.Category, c.Subject = "forum", s.line("sv", "forum.title")
	case system == "social":
		c.Category = "social"
	case lang == "sv":
		c.Subject = s.line("sv", c.Category+".subject")
	default:
		c.Subject = s.line(lang, "subject")
	}
	c.Queue = queues[c.Category]

	at := c.Created
	say := func(t turn) {
		t.At = at
		if t.Side == customer && t.Author.Number == 0 {
			t.Author = c.Person
		}
		if t.Side == customer {
			t.Text = careless(r, t.Text)
			t.IP = ip(r)
		}
		c.Turns = append(c.Turns, t)
	}
	wait := func(median time.Duration) bool {
		next := at.Add(max(r.duration(median), 20*time.Second))
		if next.After(w.now) {
			return false
		}
		at = next
		return true
	}
	median := 4 * time.Hour
	if chatty(system) {
		median = 3 * time.Minute
	}

	first := turn{Text: s.opening(lang, system, c.Category)}
	if !chatty(system) {
		first.HTML = c.Channel == "email" && r.chance(0.25)
		if r.chance(0.09) {
			first.Text += "\n\n" + s.line("sv", "attachment")
			first.Files = append(first.Files, s.file())
		}
	}
	say(first)

	for round := 0; ; round++ {
		if system == "forum" {
			if !r.chance(0.72) || !wait(20*time.Hour) {
				break
			}
			author := w.customer(r, system, u)
			say(turn{Author: author, Text: (&scope{w: w, r: r, person: author, other: s.other, agent: c.Agent, at: at, values: map[string]string{}}).line("sv", "forum.post")})
			continue
		}
		if !chatty(system) && r.chance(0.18) && wait(time.Hour) {
			say(turn{Side: internal, Text: s.line("sv", "note")})
		}
		if !wait(median) {
			break
		}
		if c.FirstResponse == 0 {
			c.FirstResponse = int(at.Sub(c.Created) / time.Second)
		}
		before := c.Turns[len(c.Turns)-1]
		say(turn{Side: agent, Text: s.answer(lang, system, c.Category, before)})
		if !r.chance(0.42) || !wait(2*median) {
			break
		}
		say(turn{Text: s.followUp(system, c.Turns[len(c.Turns)-1])})
	}
	w.finish(&c, r, at)
	return c
}

// finish sets what follows from the turns: status, times and the rating.
func (w *world) finish(c *conversation, r random, last time.Time) {
	c.LastContact, c.Updated = last, last
	solved := last.Add(max(r.duration(20*time.Hour), time.Minute))
	// One in a hundred was never closed, however old it is.
	switch {
	case r.chance(0.01) || solved.After(w.now):
		c.Status = "open"
		if c.FirstResponse == 0 {
			c.Status = "new"
		}
	default:
		c.Status, c.Closed, c.Updated = "closed", solved, solved
		if r.chance(0.3) {
			c.Rating = []int{1, 2, 3, 4, 4, 4, 5, 5, 5, 5}[r.IntN(10)]
		}
	}
}

func channelOf(r random, system string) string {
	switch system {
	case "helpdesk":
		return pick(r, []string{"email", "email", "email", "email", "web", "web", "web", "phone", "phone", "letter"})
	case "mail":
		return "email"
	}
	return system
}

// opening is the customer's first message.
func (s *scope) opening(lang, system, category string) string {
	r := s.r
	switch {
	case system == "forum":
		return s.line("sv", "forum.post")
	case system == "social":
		return s.line("sv", "social.post")
	case lang != "sv":
		return s.line(lang, "greeting") + "\n\n" + s.line(lang, "body") + "\n\n" + s.line(lang, "closing") + "\n" + s.person.Name()
	}
	body := []string{s.line("sv", category+".body")}
	extra := func(p float64, section string) {
		if r.chance(p) {
			body = append(body, s.line("sv", section))
		}
	}
	if system == "chat" {
		extra(0.45, "identity")
		extra(0.05, "password")
		extra(0.06, "health")
		return s.line("sv", "chat.opener") + " " + strings.Join(body, " ")
	}
	extra(0.6, "identity")
	extra(0.12, "mention")
	extra(0.05, "health")
	extra(0.015, "sensitive")
	extra(0.03, "password")
	extra(0.12, "technical")
	extra(0.08, "impatient")
	return s.line("sv", "greeting") + "\n\n" + strings.Join(body, " ") + "\n\n" + s.line("sv", "closing") + "\n" + s.line("sv", "signature")
}

// answer is an agent's message, often with the customer's words below.
func (s *scope) answer(lang, system, category string, before turn) string {
	switch {
	case system == "social":
		return s.line("sv", "social.reply")
	case lang != "sv":
		return s.line(lang, "reply") + "\n\n" + s.agent.Name
	case system == "chat":
		if s.r.chance(0.4) {
			return s.line("sv", "agent.ask")
		}
		return s.line("sv", category+".reply")
	}
	text := s.line("sv", "agent.greeting") + "\n\n" + s.line("sv", category+".reply")
	if s.r.chance(0.3) {
		text += " " + s.line("sv", "agent.ask")
	}
	text += "\n\n" + s.line("sv", "agent.closing")
	if before.Side == customer && s.r.chance(0.35) {
		text += quoted(before)
	}
	return text
}

// followUp is what the customer writes then.
func (s *scope) followUp(system string, before turn) string {
	section := "thanks"
	switch n := s.r.IntN(10); {
	case n < 3:
		section = "identity"
	case n < 4:
		section = "mention"
	case n < 5:
		section = "impatient"
	}
	text := s.line("sv", section)
	if !chatty(system) {
		text += "\n\n" + s.person.Given
		if s.r.chance(0.4) {
			text += quoted(before)
		}
	}
	return text
}

func quoted(t turn) string {
	who := "Kontaktcenter <" + letterbox + ">"
	if t.Side == customer {
		who = t.Author.Name() + " <" + t.Author.Email() + ">"
	}
	at := t.At.In(deadline.Stockholm)
	return fmt.Sprintf("\n\nDen %d %s %d kl. %s skrev %s:\n%s", at.Day(), months[at.Month()-1], at.Year(), at.Format("15:04"), who, quote(t.Text))
}
