package tagger

import (
	"strings"

	"github.com/gallra/gallra/pii/names/internal/token"
)

// Street says how much a word looks like the name of a street.
type Street uint8

// The kinds of street word.
const (
	NoStreet     Street = iota
	WeakStreet          // "Tallbacken", "Gartenstadt": an address only with more to show for it
	StrongStreet        // "Kvarndammsvägen", "Feldbergstr"
	StreetAlone         // "gata", "Allé", "Road": the name stands before it
)

// Endings of street names; strong ones hardly end other words that a number
// can follow.
var strongEndings = byLast(strings.Fields(`gatan gata gatans vägen väg vägens stigen gränd gränden torget allén allé esplanaden stråket gången leden slingan
	vagen grand gatu veien vei vegen veg gaten gate gata svingen stien geaidnu vej vejen gade gaden stræde straede allé alle plads torv vænget
	tie katu kuja polku kaari raitti väylä tori kadulla tiellä kujalla katua tietä kadun kadulta tieltä
	gatn gtan gattan vägn vägne gränden
	straße strasse str weg platz allee gasse chaussee`))

var weakEndings = byLast(strings.Fields(`backen plan planen kajen ringen platsen parken stranden brinken vallen lyckan hagen udden promenaden terrassen höjden backen
	bakken plassen terrasse tunet haugen kroken lia toften haven engen marken brynet parken ranta rinne penger puistikko aukio laituri polku kallio
	ring ufer damm steig pfad hof markt berg grund bau anger winkel park brücke tor siedlung promenade graben wall
	liden sluttningen svängen kröken åsen kullen ängen gärdet`))

var notStreet = words(`dator motorväg motorvägen järnväg järnvägen omväg omvägen genväg jernbanegate omvei järnvägsplan tidplan tidsplan affärsplan detaljplan handlingsplan betalningsplan abonnemangsplan arbetsplan
	vårdplan läroplan avbetalningsplan amorteringsplan familjeplan etableringsplan skälen heimweg halvvägen översiktsplan årsplan plan planen vardagsplan byggplan spelplan parken marken haven vallen hagen backen hof markt berg wall tor park ring
	damm ufer bau grund anger winkel terrasse terrassen promenaden arbeitsplatz parkplatz sitzplatz stellplatz marktplatz spielplatz schulweg arbeitsweg bahnhof friedhof bauernhof feierabend
	netzwerk vertrag förväg undervägen tillväg tie moottoritie parkeringsplatsen arbetsplatsen skolväg skolvägen parkeringsplass arbeidsplass arbejdsplads parkeringsplads p-plads bussgata gågata hovedvej motorvej motorvei e-vei overgang utgang inngang
	afgang opgang överenskommelsen gången övergången ingången utgången omgången uppgången tillgången avgången nedgången förgången leden tågleden busstorget anleggsvei`)

var streetsAlone = words(`gata gatan väg vägen gränd torg torget stig stigen allé allén alle esplanad street st road rd avenue ave lane ln drive dr court ct close crescent terrace place square row hill way wynd yard
	blvd boulevard gate vei veien veg vegen plass terrasse stræde vej gade plads torv katu tie kuja polku straße strasse str weg platz allee gasse ring damm chaussee ufer byväg park parkway mews green grove gardens quay
	kyrkogata strandgata långgata`)

func words(list string) map[uint64]bool {
	m := map[uint64]bool{}
	for _, w := range strings.Fields(list) {
		m[token.Hash([]byte(w))] = true
	}
	return m
}

// byLast groups endings by their last byte.
func byLast(list []string) (t [256][]string) {
	for _, e := range list {
		t[e[len(e)-1]] = append(t[e[len(e)-1]], e)
	}
	return t
}

func ends(w []byte, list *[256][]string, least int) bool {
	if len(w) == 0 {
		return false
	}
	for _, e := range list[w[len(w)-1]] {
		if n := len(w) - len(e); n >= least && string(w[n:]) == e {
			return true
		}
	}
	return false
}

// Joined tells what the word is whose number is written onto it:
// "Kolonivägen12". It returns what the name before the number is.
func Joined(word string) Street {
	n := len(word)
	if n > 1 && word[n-1]|0x20 >= 'a' && word[n-1]|0x20 <= 'h' && word[n-2] >= '0' && word[n-2] <= '9' { // "12b"
		n--
	}
	end := n
	for n > 0 && word[n-1] >= '0' && word[n-1] <= '9' {
		n--
	}
	if n < 7 || n == end || end-n > 3 || word[n] == '0' || n > 60 {
		return NoStreet
	}
	var buf [64]byte
	w := token.Lower(buf[:0], word[:n])
	return street(w, token.Hash(w))
}

// street tells what the lower-case word w, whose hash is h, is as a street.
func street(w []byte, h uint64) Street {
	switch {
	case streetsAlone[h]:
		return StreetAlone
	case notStreet[h]:
		return NoStreet
	case ends(w, &strongEndings, 2):
		return StrongStreet
	case ends(w, &weakEndings, 2):
		return WeakStreet
	}
	return NoStreet
}
