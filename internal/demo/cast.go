package demo

import (
	"strings"
	"time"
)

// cast are the leading persons of the demonstration. What is kept about them is
// written out in scripts and nowhere else, so that it is known exactly.
var cast = []Person{
	{
		Number: 1, Given: "Anna", Surname: "Lindqvist", Emails: []string{"anna.lindqvist@mail.example.se", "annal85@post.example.com"},
		Phone: "0701740605", Personnummer: "19850312-2387", Username: "annalind85", CustomerNo: "40018851",
		Street: "Björkvägen 12", PostalCode: "784 56", City: "Borlänge", Lang: "sv",
	},
	{ // a namesake of the first
		Number: 2, Given: "Anna", Surname: "Lindqvist", Emails: []string{"lindqvist.anna@example.org"},
		Phone: "0701740606", Personnummer: "19820704-2386", Username: "anna_l_82", CustomerNo: "40007762",
		Street: "Kvarngatan 7B", PostalCode: "852 33", City: "Sundsvall", Lang: "sv",
	},
	{ // whose address ends like the first one's
		Number: 3, Given: "Johanna", Surname: "Lindqvist", Emails: []string{"johanna.lindqvist@mail.example.se"},
		Phone: "0701740607", Personnummer: "19900921-2383", Username: "jlindqvist", CustomerNo: "40020143",
		Street: "Granstigen 3", PostalCode: "784 56", City: "Borlänge", Lang: "sv",
	},
	{ // long gone customer
		Number: 4, Given: "Karl-Erik", Surname: "Öberg", Emails: []string{"karl-erik.oberg@example.se"},
		Phone: "0846500400", Personnummer: "19410602-9814", Username: "karlerik", CustomerNo: "40001206",
		Street: "Kyrkogatan 41", PostalCode: "784 60", City: "Borlänge", Lang: "sv",
	},
	{
		Number: 5, Given: "Yusuf", Surname: "Al-Hassan", Emails: []string{"yusuf.alhassan@bredband.example.net"},
		Phone: "0701740609", Personnummer: "19880117-2392", Username: "yusufh", CustomerNo: "40031977",
		Street: "Smedjegatan 22", PostalCode: "784 33", City: "Borlänge", Lang: "en",
	},
	{
		Number: 6, Given: "Sirkka", Surname: "Virtanen", Emails: []string{"sirkka.virtanen@hemma.example.com"},
		Phone: "0701740610", Personnummer: "19810526-2383", Username: "sirkkav", CustomerNo: "40009310",
		Street: "Ljungstigen 8", PostalCode: "784 62", City: "Borlänge", Lang: "fi",
	},
}

// script is one conversation of the cast, word by word. A line starts with who
// speaks: k the customer, a the agent, n an internal note, o the other person.
type script struct {
	system, category, subject string
	person, other             int // in cast; other -1: one of the many
	open                      bool
	rating                    int
	file                      bool // the first turn carries a document
	lines                     []string
}

var scripts = []script{
	{system: "helpdesk", category: "avfall", subject: "Nytt abonnemang efter flytt", person: 3, other: -1, rating: 5, lines: []string{
		`k Hej!\n\nJag har flyttat till {adress}, {postadress} efter att min hustru gick bort. Jag behöver ett mindre sopkärl.\n\nKarl-Erik Öberg\n08-465 004 00`,
		`n Karl-Erik ringde också. Har svårt att gå efter höftoperationen, kärlet ska stå vid dörren.`,
		`a Hej Karl-Erik!\n\nEtt mindre kärl levereras till {adress} den {datum}.\n\n{handlaggare}`,
	}},
	{system: "helpdesk", category: "el", subject: "Flyttanmälan Björkvägen 12", person: 0, other: 2, rating: 4, file: true, lines: []string{
		`k Hej!\n\nJag flyttar in på Björkvägen 12 den {datum}. Personnummer 850312-2387, ni når mig på 070-174 06 05. Min syster Johanna Lindqvist bor redan på samma gata och har samma bolag.\n\nMvh\nAnna Lindqvist\nanna.lindqvist@mail.example.se`,
		`a Hej Anna!\n\nVälkommen! Avtalet gäller från {datum}. Stämmer telefonnumret 070-174 06 05?\n\n{handlaggare}`,
		`k Ja det stämmer. Jag är sjukskriven för utmattning så mejla helst i stället för att ringa.\n\n/Anna`,
		`n Anna L är sjukskriven, kontakta helst via mejl. /{handlaggarfornamn}`,
	}},
	{system: "helpdesk", category: "konto", subject: "Kommer inte in på Mina sidor", person: 0, other: -1, rating: 2, lines: []string{
		`k hej jag kommer inte in, användarnamn annalind85 och lösen Björken2019! funkade förra veckan. kan ni skicka till annal85@post.example.com istället, den andra mejlen krånglar\n\nanna`,
		`a Hej Anna,\n\nVi har skickat en länk till annal85@post.example.com. Skriv aldrig ditt lösenord till oss, byt det gärna direkt.\n\n{handlaggare}`,
	}},
	{system: "helpdesk", category: "bygglov", subject: "Uterum på granntomten", person: 4, other: 0, lines: []string{
		`k Hello,\n\nMy neighbour Anna Lindqvist at Björkvägen 12 is building a glass room close to our fence. She said you have approved it? You can ask her on 070-1740605.\n\nYusuf Al-Hassan\nSmedjegatan 22`,
		`a Hello Yusuf,\n\nThe permit is public and can be read in our e-service. We cannot comment on Anna Lindqvist's other contacts with us.\n\n{handlaggare}`,
	}},
	{system: "helpdesk", category: "faktura", subject: "Fel faktura", person: 1, other: -1, rating: 3, lines: []string{
		`k Jag har fått en faktura som gäller Björkvägen 12 i Borlänge. Jag bor på Kvarngatan 7B i Sundsvall och har ingenting med den att göra! Förväxlar ni mig med någon annan?\n\nAnna Lindqvist\n19820704-2386`,
		`a Hej Anna!\n\nDu har rätt, fakturan gällde en kund med samma namn. Den är makulerad hos dig.\n\n{handlaggare}`,
		`n Förväxling av två kunder med samma namn. Kontrollera alltid kundnummer: 40007762 är Sundsvall.`,
	}},
	{system: "helpdesk", category: "vatten", subject: "Vesimittari", person: 5, other: -1, rating: 5, lines: []string{
		`k Hei!\n\nVesimittarini näyttää väärin. Osoite on Ljungstigen 8 ja puhelin 070-174 06 10.\n\nTerveisin\nSirkka Virtanen`,
		`a Hei Sirkka!\n\nEn montör kommer den {datum}.\n\n{handlaggare}`,
	}},
	{system: "helpdesk", category: "faktura", subject: "Autogiro", person: 0, other: -1, open: true, lines: []string{
		`k Hej, kundnr 40018851. Jag vill byta konto för autogiro till SE45 5000 0000 0583 9825 7466.\n\nMed vänlig hälsning\nAnna Lindqvist, Björkvägen 12`,
	}},
	{system: "mail", category: "avfall", subject: "Sopkärl utan lock på Björkvägen", person: 0, other: -1, file: true, lines: []string{
		`k Hej!\n\nLocket blåste av i natt. Bild bifogas. Björkvägen 12.\n\nAnna Lindqvist\n0701740605`,
		`a Hej Anna!\n\nEtt nytt lock är på väg till Björkvägen 12.\n\n{handlaggare}`,
		`k Tack! Det kom idag.\n\nAnna`,
	}},
	{system: "mail", category: "fardtjanst", subject: "Förlängning av färdtjänst för min morfar", person: 2, other: 3, lines: []string{
		`k Hej,\n\nJag skriver för min morfar Karl-Erik Öberg, Kyrkogatan 41, 19410602-9814. Han har fått en stroke och behöver färdtjänst till rehabiliteringen.\n\nJohanna Lindqvist\njohanna.lindqvist@mail.example.se`,
		`a Hej Johanna!\n\nSkicka ett läkarintyg så prövar vi ansökan för Karl-Erik Öberg.\n\n{handlaggare}`,
	}},
	{system: "chat", category: "el", subject: "", person: 0, other: -1, rating: 5, lines: []string{
		`k hej! strömmen är borta på Björkvägen, vet ni när den kommer tillbaka?`,
		`a Hej! Vi har ett avbrott där, beräknas klart 14.30. Vilket nummer når vi dig på?`,
		`k 070 174 06 05, eller anna.lindqvist@mail.example.se`,
		`a Tack Anna, du får ett sms.`,
	}},
	{system: "chat", category: "avfall", subject: "", person: 1, other: -1, lines: []string{
		`k Hej, det är Anna Lindqvist i Sundsvall. Ni har inte hämtat på Kvarngatan 7B.`,
		`a Hej! Bilen kommer i morgon.`,
	}},
	{system: "forum", category: "forum", subject: "Strömavbrott på Björkvägen", person: 0, other: -1, lines: []string{
		`k Någon mer på Björkvägen som saknar ström? /Anna på nr 12`,
		`o Inte här. @annalind85 har du ringt felanmälan?`,
		`k Ja, de svarade direkt. Mejla mig på annal85@post.example.com om du vill ha numret jag fick.`,
	}},
	{system: "social", category: "social", subject: "", person: 0, other: -1, lines: []string{
		`k Hej! Får inget svar på mejlen. Det gäller Björkvägen 12, jag heter Anna Lindqvist.`,
		`a Hej Anna! Vi tittar på det.`,
		`k tack! mitt nr är 0701740605 om ni vill ringa`,
	}},
}

// script returns the script of conversation i of n, if it has one: they are
// spread evenly over the years.
func (w *world) script(system string, i, n int) (script, bool) {
	s := w.scripts[system]
	for k := range s {
		if i == slotOf(k, len(s), n) {
			return s[k], true
		}
	}
	return script{}, false
}

// slotOf needs n to be at least the number of scripts.
func slotOf(k, scripts, n int) int { return (2*k + 1) * n / (2 * scripts) }

func (w *world) play(c *conversation, s script, r random) {
	c.Person, c.Agent = cast[s.person], pick(r, w.employees)
	c.Category, c.Queue, c.Subject, c.Channel = s.category, queues[s.category], s.subject, channelOf(r, s.system)
	sc := &scope{w: w, r: r, person: c.Person, agent: c.Agent, at: c.Created, values: map[string]string{}}
	if s.other >= 0 {
		sc.other = cast[s.other]
	} else {
		sc.other = w.other(r, s.system, c.Person)
	}
	at := c.Created
	for i, line := range s.lines {
		if i > 0 {
			if at.Add(time.Hour).After(w.now) {
				break
			}
			at = at.Add(time.Duration(r.between(3, 50)) * time.Minute)
		}
		t := turn{At: at, Author: c.Person, IP: ip(r), Text: parse(line[2:]).fill(sc.slot)}
		switch line[0] {
		case 'a':
			t.Side, t.IP = agent, ""
			if c.FirstResponse == 0 {
				c.FirstResponse = int(at.Sub(c.Created) / time.Second)
			}
		case 'n':
			t.Side, t.IP = internal, ""
		case 'o':
			t.Author = sc.other
		}
		if i == 0 && s.file {
			t.Files = []file{sc.file()}
		}
		c.Turns = append(c.Turns, t)
	}
	c.LastContact, c.Updated, c.Status = at, at, "open"
	if closed := at.Add(26 * time.Hour); !s.open && closed.Before(w.now) {
		c.Status, c.Closed, c.Updated, c.Rating = "closed", closed, closed, s.rating
	}
	if strings.TrimSpace(c.Subject) == "" && s.system == "chat" {
		c.Subject = "Chatt"
	}
}
