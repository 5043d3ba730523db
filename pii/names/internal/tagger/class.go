package tagger

import (
	"strings"

	"github.com/gallra/gallra/pii/names/internal/token"
)

// Class is a set of things a word says of the words beside it.
type Class uint32

// The classes.
const (
	Greeting   Class = 1 << iota // hej, dear
	Closing                      // mvh, hälsningar
	Title                        // herr, dr, rektor
	Relation                     // min son, vår granne
	Naming                       // heter, är, name is
	Label                        // namn:, kund:, sökande:
	Particle                     // von, de, af: inside a name
	Firm                         // AB, kommun, skola
	PlaceWord                    // in, i, från, bor: before a place
	StreetWord                   // a street by itself: gata, road
	Month                        // months and week days
	Pronoun                      // jag, hon
	Verb                         // säger, skriver, ringer: after a name
	Home                         // bor, flyttar, wohnt
	Product                      // brands and programs met in customer service
	And                          // och, and, &
	Unit                         // part of a building: flat, floor, door
	Modifier                     // before the name of a street: Norra, Sankt
	Box                          // post office box
	Pain                         // ont, before "i nacken"
	House                        // a school or a hospital, after its name
	Abroad                       // begins a street outside the Nordic and German countries
)

var classWords = map[Class]string{
	Greeting: `hej hejsan hallå hallo tjena tjenare tja hejhej hej-hej goddag god bästa kära käre snälla hi hello dear hey hei heia
		kjære kære moi hei terve moikka hyvä arvoisa rakas hallo liebe lieber guten tag servus grüezi moin tack tak takk thanks thank kiitos danke tervehdys godkväll godmorgon`,
	Closing: `mvh vänligen hälsar hälsningar hälsning hälsn hälsn kram kramar vh vänliga med undertecknat underskrift signatur regards sincerely cheers
		best kind yours br rgds hilsen hilsener hilsning mvh vennlig venlig kh klem terveisin terv yst ystävällisin t kunnioittaen grüße gruß grüssen grüßen
		mfg lg vg beste venligst bh hälsningarna hälsn hals halsningar xx hilsningar takk allekirjoitus unterschrift`,
	Title: `herr fru fröken doktor dr professor prof rektor ordförande direktör chefen chef handläggare handläggaren läkare läkaren sköterskan
		lärare läraren sekreterare kapten advokat polis polisen kund kunden mr mrs ms miss sir madam lord lady frau herrn hr fru frk rouva herra tohtori
		lege legen læge lægen lærer opettaja lääkäri minister statsminister president vd ordf präst kyrkoherde systerkvinnan förfäktaren drottning kung prins prinsessan
		regissören skådespelaren författaren artisten sångaren spelaren tränaren åklagare åklagaren kommissarie riksdagsledamot vaktmästaren vaktmästare brukare patient elev eleven
		councillor officer agent agenten kollega kollegan rådgivare hausmeister kundin berater beraterin sachbearbeiter sachbearbeiterin potilas asiakas asiakkaan saksbehandler sagsbehandler`,
	Relation: `son sonen dotter dottern make maken maka makan man mannen fru frun mamma mammas pappa pappas mor mors far fars bror brodern syster systern sambo sambon
		vän vännen väninna granne grannen grannens kusin moster faster morbror farbror mormor farmor morfar farfar svärmor svärfar barn barnet barnbarn kompis flickvän pojkvän
		husband wife daughter mother father mum mom dad brother sister neighbour neighbor friend colleague partner boyfriend girlfriend niece nephew aunt uncle cousin grandson
		sønn sønnen datter datteren mann kone kona nabo naboen søn datter mand kone nabo søster bror venn ven veninde kæreste kjæreste samboer samboeren
		poikani tyttäreni mieheni vaimoni äitini isäni veljeni siskoni naapurini ystäväni poika tytär mies vaimo äiti isä naapuri
		sohn tochter mann frau mutter vater bruder schwester nachbar nachbarin freund freundin oma opa onkel tante kollege kollegin enkel`,
	Naming: `heter hette kallas namnet name name's named called navn hedder nimi nimeni nimeltä heiße heisse heißt heisst namens efternamn förnamn efternamnet förnamnet
		surname firstname fornavn etternavn efternavn sukunimi etunimi nachname vorname nachnamen är am this it's i'm är jag'm bin ist er täällä`,
	Label: `namn kund kunden användare användarnamn sökande avsändare från till anmälare beställare kontaktperson kontakt ägare mottagare vårdnadshavare förälder elev barn barnets
		agent handläggare inringare resenär patient medlem hyresgäst boende brukare caller customer visitor member patient tenant applicant contact sender recipient from to cc re
		navn kunde kunde søker innringer bruker anmelder beboer borger gjest ansøger medlem lejer lånetaker nimi asiakas hakija soittaja asukas yhteyshenkilö lähettäjä jäsen huoltaja
		name kunde kundin anrufer anruferin mieter mieterin mitglied absender empfänger antragsteller ansprechpartner betreff agentin besucher besucherin gast bürger bürgerin
		attention attn att signed tillträdande underskrift ställföreträdare god_man fullmakt ombud fullmäktige kontoinnehavare betalare`,
	Particle: `von van de del della di da dos du la le el al af av bin ibn ben ter ten zu zum zur den der do das abu mac mc of y e st st.`,
	Firm: `ab hb kb aktiebolag kommun kommunen regionen region sjukhus skola skolan förskola förskolan förening föreningen as a/s asa ltd plc inc llc gmbh ag oy oyj aps
		stiftelse stiftelsen förbund förbundet brf bostadsrättsföreningen vårdcentral vårdcentralen bank banken museum universitet högskola universitetet council kommune sykehus skole kaupunki koulu sairaala
		gemeinde stadt schule klinik bibliotek biblioteket teater teatern gymnasium gymnasiet company restaurang café hotell hotel köpcentrum arena`,
	PlaceWord: `i på från till vid nära utanför kring runt in at from to near mot genom via ved fra hos im aus nach bei within`,
	StreetWord: `gata gatan väg vägen gränd torg torget stig stigen allé allén plan backe backen street st road rd avenue ave lane ln drive dr court ct close crescent terrace place square way row hill
		blvd boulevard gate gata vei veien veg vegen plass terrasse bakken stræde vej gade plads torv allé katu tie kuja polku tori straße strasse str weg platz allee gasse ring ufer damm chaussee`,
	Month: `januari februari mars april maj juni juli augusti september oktober november december måndag tisdag onsdag torsdag fredag lördag söndag january february march may june july
		august october monday tuesday wednesday thursday friday saturday sunday januar februar mai juni juli desember december mandag tirsdag lørdag søndag tammikuu maanantai tiistai montag dienstag
		mittwoch donnerstag freitag samstag sonntag märz dezember jan feb mar apr jun jul aug sep sept okt oct nov dec dez`,
	Pronoun: `jag hon han vi du ni de dom mig dig oss er henne honom i he she we you they me him her us jeg hun ham hende dere minä sinä hän me te he ich er sie wir ihr`,
	Verb: `säger sa sade skriver skrev ringer ringde undrar vill har hade kommer kom ber bad fick får tycker menar berättar berättade svarade svarar bor är var blev ska skulle says said writes called
		wrote wants asks lives was sier sa sagde siger ringte ringede vil bor skrev sanoo sanoi soitti haluaa asuu sagt sagte schreibt wohnt möchte hat ist war rief anmäler önskar begär begärde`,
	Home:    `bor bodde bott boende boendes bosatt flytta flyttar flyttat flyttade flytt pendlar arbetar jobbar född uppvuxen hemma hemort bostadsort ort live lives lived living moved moving born based resident bor bodde flyttet flytter pendler fødd født jobber arbejder bosatt bopæl bosted asun asuu asunut muutan muutti muuttaa kotoisin kotipaikka wohne wohnt wohnhaft gezogen umgezogen umziehen ziehe geboren wohnort ort stadt`,
	Product: `facebook instagram twitter google android iphone samsung apple windows excel word outlook teams zoom paypal klarna swish bankid postnord dhl ups bring schenker instabox ikea h&m ica coop lidl willys telia tele2 telenor tre comviq halebop vattenfall fortum tibber visa mastercard wifi wi-fi netflix spotify youtube messenger whatsapp vipps mobilepay mobilepay freja skatteverket försäkringskassan polisen migrationsverket csn chrome safari edge microsoft linux excel pdf sms`,
	Unit: `lgh lägenhet lägh tr trappa trappor vån våning uppgång port rum bst bostad as asunto leil leilighet etg etasje sal th tv mf st kl stue dør hinterhaus vorderhaus seitenflügel wohnung whg stock
		apt apartment flat unit floor suite ste room rm`,
	Modifier: `norra södra östra västra stora lilla gamla nya övre nedre yttre inre mäster sankt s:t klara lille store vestre østre nordre søndre øvre gamle nye nørre sønder øster vester
		kleine große grosse alte neue obere untere hohe lange breite sankt st am im an auf zum zur hinterm unterm beim hinter vor unter north south east west upper lower old new great little
		stor liten ny vastra ostra sodra ovre mellan bakre främre fänrik kapten iso vanha uusi pikku läntinen itäinen pohjoinen eteläinen`,
	Pain: `ont vondt ondt smerter smärta smärtor värk`,
	House: `skola skolan förskola förskolan gymnasium gymnasiet sjukhus sjukhuset lasarett lasarettet vårdcentral vårdcentralen äldreboende gård hälsocentral
		skole barneskole barneskule ungdomsskole vidaregåande videregående sykehus sygehus plejehjem sykehjem barnehage vuggestue koulu sairaala päiväkoti`,
	Abroad: `rue via calle ulica ul avenida rua viale piazza plaza bd chemin impasse ulitsa`,
	Box:    `box postbox postboks postboks boks postfach postilokero pl pobox`,
	And:    `och and & og ja und samt o å`,
}

// classes maps the hash of a word to its classes.
var classes = func() map[uint64]Class {
	m := map[uint64]Class{}
	for c, list := range classWords {
		for _, w := range strings.Fields(list) {
			m[token.Hash([]byte(w))] |= c
		}
	}
	return m
}()

func classOf(lower uint64) Class { return classes[lower] }
