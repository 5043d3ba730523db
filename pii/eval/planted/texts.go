package planted

import (
	"fmt"
	"math/rand/v2"

	"github.com/gallra/gallra"
)

// carriers are sentences by language with "{}" where the value goes.
type carriers map[string][]string

// kind is one kind of value to plant. Kinds that a person could not tell from
// another number either stand beside the word that names them.
type kind struct {
	name     string
	category gallra.Category
	value    func(*rand.Rand) string
	in       carriers
}

func kinds(official []string) []kind {
	list := []kind{
		{"e-mail", gallra.CategoryEmail, mail, carriers{
			"sv": {"Min e-post är {}.", "Svara till {} tack", "Mejla {}, gärna i dag.", "<{}>", "Från: {}\n", "({})", "mailto:{}"},
			"en": {"You can reach me at {}.", "My address is {}, please confirm.", "Reply-To: {}\n", "\"{}\""},
			"fi": {"Sähköpostini on {}."}, "de": {"Meine Adresse ist {}."}, "no": {"Svar til {}, takk."}, "da": {"Skriv til {}!"}}},
		{"e-mail, beyond ASCII", gallra.CategoryEmail, idnMail, carriers{
			"sv": {"Min e-post är {}.", "Skriv till {} så svarar jag"}, "de": {"Meine Adresse ist {}."}, "fi": {"Sähköpostini on {}."}}},
		{"e-mail, spelled out", gallra.CategoryEmail, spelledMail, carriers{
			"sv": {"Min e-post är {}.", "Du når mig på {} dygnet runt.", "Skriv till {}, tack"}}},
		{"IPv4", gallra.CategoryIP, ipv4, carriers{
			"sv": {"Inloggningen kom från {} i går.", "IP-adress: {}\n", "Min adress är {}, sedan i måndags.", "Vi pingar {} utan svar.", "Anslutning från {}:443 bröts."},
			"en": {"Login from {} was refused.", "The router has IP {}.", "Connected from {} at noon."},
			"de": {"Anmeldung von {} abgelehnt."}, "no": {"Innlogging fra {} feilet."}}},
		{"IPv4, named by nothing", gallra.CategoryIP, ipv4, carriers{"sv": {"Det står {} på lappen.", "{}\n"}, "en": {"It says {} on the screen."}}},
		{"IPv6", gallra.CategoryIP, ipv6, carriers{
			"sv": {"Inloggningen kom från {} i går.", "IPv6: {}\n", "[{}]:443 svarar inte.", "Adressen är {}."},
			"en": {"Login from {} was refused.", "The router has {} now."}}},
		{"IBAN", gallra.CategoryBankAccount, iban, carriers{
			"sv": {"Mitt IBAN är {}.", "Sätt in pengarna på {} tack.", "Betala till {}\n", "Konto: {}, BIC NDEASESS"},
			"en": {"My IBAN is {}.", "Please refund to {} instead.", "IBAN {}\n"},
			"de": {"Bitte auf {} überweisen."}, "fi": {"Tilini on {}."}, "no": {"Kontoen er {}."}, "da": {"Overfør til {}, tak."}}},
		{"card, in groups", gallra.CategoryCard, func(r *rand.Rand) string {
			for {
				if d, g := card(r); len(d) > 14 {
					return form(g, d)
				}
			}
		}, carriers{
			"sv": {"Mitt kort är {}.", "Jag betalade med {} i butiken", "Kortnummer: {}\n", "Köpet gjordes på {}, vill ni se kvittot?"},
			"en": {"My card is {}.", "I paid with {} last week.", "Card number {}\n"}, "de": {"Meine Kreditkarte ist {}."}, "da": {"Mit dankort er {}."}}},
		{"card, in one run or with dashes", gallra.CategoryCard, func(r *rand.Rand) string {
			d, g := card(r)
			if r.IntN(2) == 0 {
				return d
			}
			out := []byte(form(g, d))
			for i := range out {
				if out[i] == ' ' {
					out[i] = '-'
				}
			}
			return string(out)
		}, carriers{
			"sv": {"Mitt kort är {}.", "Kortnummer: {}\n", "Mastercard {} spärrades."}, "en": {"My credit card is {}.", "Visa {} was charged twice."}, "de": {"Kreditkarte {} bitte sperren."}}},
		{"phone, Swedish mobile", gallra.CategoryPhone, swedishMobile, carriers{
			"sv": {"Ring mig på {}.", "Mobil: {}\n", "Jag nås på {} efter fyra", "Mitt nummer är {}, det går bra att sms:a.", "/Anna {}\n", "{}\n"},
			"en": {"Call me on {}.", "My number is {}."}}},
		{"phone, Swedish landline", gallra.CategoryPhone, swedishLandline, carriers{
			"sv": {"Ring mig på {}.", "Tel: {}\n", "Jag nås på {} efter fyra", "Vi har numret {} till kontoret."}}},
		{"phone, with country code", gallra.CategoryPhone, abroad, carriers{
			"sv": {"Ring mig på {}.", "Tel: {}\n", "Hans nummer är {}, han är utomlands."}, "en": {"Call me on {}.", "Phone {}\n", "My number is {}."},
			"no": {"Ring meg på {}."}, "da": {"Ring til mig på {}."}, "fi": {"Soita minulle: {}."}, "de": {"Rufen Sie mich unter {} an."}}},
		{"phone, Norwegian and Danish", gallra.CategoryPhone, func(r *rand.Rand) string {
			return forms(r, pick(r, "2", "3", "4", "5", "9")+fmt.Sprintf("%07d", r.IntN(1e7)), "## ## ## ##", "## ## ## ##", "########", "### ## ###")
		}, carriers{
			"no": {"Ring meg på {}.", "Tlf: {}\n", "Mobil {} hele dagen"}, "da": {"Ring til mig på {}.", "Tlf. {}\n", "Mit mobilnummer er {}."}}},
		{"phone, Finnish", gallra.CategoryPhone, func(r *rand.Rand) string {
			if r.IntN(5) == 0 {
				return forms(r, "0400"+digits(r, 6), "#### ######", "#### ### ###", "##########")
			}
			return forms(r, pick(r, "040", "044", "045", "050")+digits(r, 7), "### #######", "###-#######", "### ### ####", "##########")
		}, carriers{"fi": {"Soita minulle numeroon {}.", "Puh. {}\n", "Puhelin: {}, iltaisin."}}},
		{"phone, German", gallra.CategoryPhone, func(r *rand.Rand) string {
			if r.IntN(2) == 0 {
				return forms(r, pick(r, "0151", "0160", "0171", "0176")+fmt.Sprintf("%08d", r.IntN(1e8))[:7+r.IntN(2)], "#### ########", "####/########", "####-########", "############")
			}
			return pick(r, "030", "040", "089", "0221", "06221") + pick(r, " ", "/", "-", " / ") + forms(r, digits(r, 7), "#######", "### ####", "### ## ##")
		}, carriers{"de": {"Rufen Sie mich unter {} an.", "Tel.: {}\n", "Telefon {} ab 18 Uhr"}}},
		{"phone, read out", gallra.CategoryPhone, func(r *rand.Rand) string {
			return readOut(r, pick(r, "070", "072", "073", "076")+fmt.Sprintf("%07d", r.IntN(1e7)))
		}, carriers{"sv": {"Mitt nummer är {}.", "Ja det är {} om du ringer", "Kund: {}, hörde du det?"}}},
		{"personnummer", gallra.CategoryPersonnummer, func(r *rand.Rand) string { return written(r, swedish(r, 0)) }, swedishPerson},
		{"samordningsnummer", gallra.CategoryPersonnummer, func(r *rand.Rand) string { return written(r, swedish(r, 60)) }, swedishPerson},
		{"personnummer, read out", gallra.CategoryPersonnummer, func(r *rand.Rand) string { return readOut(r, swedish(r, 0)[2:]) }, carriers{
			"sv": {"Mitt personnummer är {}.", "Det är {} alltså", "Personnumret: {}, stämmer det?"}}},
		{"organisation number", gallra.CategoryOrgNumber, func(r *rand.Rand) string {
			return forms(r, organisation(r), "######-####", "######-####", "##########")
		}, carriers{
			"sv": {"Bolagets org.nr är {}.", "Organisationsnummer {}\n", "Orgnr: {}, momsregistrerat."}, "en": {"Company reg. no. {}\n"}}},
		{"bankgiro", gallra.CategoryBankAccount, func(r *rand.Rand) string {
			d := withLuhn(digits(r, 6+r.IntN(2)))
			return d[:len(d)-4] + "-" + d[len(d)-4:]
		}, carriers{"sv": {"Bankgiro {}.", "Betala till bg {} senast i morgon.", "Vårt bankgironummer är {}."}}},
		{"plusgiro", gallra.CategoryBankAccount, plusgiro, carriers{"sv": {"Plusgiro {}.", "Betala till pg {} senast i morgon.", "Vårt plusgironummer är {}."}}},
		{"account, Swedish", gallra.CategoryBankAccount, func(r *rand.Rand) string {
			switch r.IntN(4) {
			case 0:
				return pick(r, "8327-9", "8105-9", "8214-9") + ", " + forms(r, digits(r, 10), "### ### ###-#", "##########")
			case 1:
				return "6" + digits(r, 3) + " " + form("### ### ###", digits(r, 9))
			case 2:
				return "33000" + digits(r, 3) + " " + digits(r, 6)
			}
			return pick(r, "5", "9", "1", "3") + digits(r, 3) + pick(r, "-", ", ", " ") + forms(r, digits(r, 7), "## ### ##", "#######", "### ## ##")
		}, carriers{"sv": {"Mitt kontonummer är {}.", "Konto {}\n", "Sätt in pengarna på mitt konto {} tack."}}},
		{"account, Norwegian", gallra.CategoryBankAccount, func(r *rand.Rand) string {
			for {
				d := digits(r, 10)
				if c := (11 - weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11; c < 10 {
					return forms(r, d+string(rune('0'+c)), "####.##.#####", "#### ## #####", "###########")
				}
			}
		}, carriers{"no": {"Kontonummer {}.", "Betal til konto {} takk.", "Mitt kontonummer er {}."}}},
		{"account, Danish", gallra.CategoryBankAccount, func(r *rand.Rand) string {
			return forms(r, digits(r, 4)+digits(r, 10), "#### ##########", "####-##########")
		}, carriers{
			"da": {"Mit kontonummer er {}.", "Overfør til konto {} tak."}}},
		{"number of birth, Norwegian", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return forms(r, norwegian(r, 0, 0, 0), "###########", "###### #####", "###### #####")
		}, norwegianPerson},
		{"D-number, Norwegian", gallra.CategoryNationalID, func(r *rand.Rand) string { return forms(r, norwegian(r, 40, 0, 0), "###########", "###### #####") }, norwegianPerson},
		{"H-number, Norwegian", gallra.CategoryNationalID, func(r *rand.Rand) string { return forms(r, norwegian(r, 0, 40, 0), "###########", "###### #####") }, norwegianPerson},
		{"test numbers, Norwegian", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return forms(r, norwegian(r, 0, []int{65, 80}[r.IntN(2)], 0), "###########", "###### #####")
		}, norwegianPerson},
		{"number of birth from 2032", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return forms(r, norwegian(r, 0, 0, 1+r.IntN(3)), "###########", "###### #####")
		}, carriers{
			"no": {"Fødselsnummeret mitt er {}.", "Fnr: {}\n", "Fødselsnr. {} gjelder."}}},
		{"CPR number", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return forms(r, danish(r), "######-####", "######-####", "###### ####", "##########")
		}, carriers{
			"da": {"Mit CPR-nummer er {}.", "CPR: {}\n", "Cpr.nr. {} står på kortet."}, "sv": {"Hon har danskt CPR-nummer {}."}, "en": {"My Danish CPR is {}."}}},
		{"henkilötunnus", gallra.CategoryNationalID, finnish, carriers{
			"fi": {"Henkilötunnukseni on {}.", "Hetu: {}\n", "Asiakas {} soitti eilen.", "({})"}, "sv": {"Personbeteckningen är {}."}, "en": {"My Finnish ID is {}."}}},
		{"tax id, German", gallra.CategoryNationalID, func(r *rand.Rand) string { return forms(r, germanTax(r), "## ### ### ###", "###########") }, carriers{
			"de": {"Meine Steuer-ID ist {}.", "Steuer-Identifikationsnummer: {}\n", "IdNr. {} laut Bescheid."}}},
		{"AHV number, Swiss", gallra.CategoryNationalID, func(r *rand.Rand) string { return form("###.####.####.##", withGS1("756"+digits(r, 9))) }, carriers{
			"de": {"Meine AHV-Nummer ist {}.", "AHV {}\n"}}},
		{"NHS number", gallra.CategoryNationalID, func(r *rand.Rand) string {
			for {
				d := digits(r, 9)
				if c := (11 - weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11; c < 10 {
					return form("### ### ####", d+string(rune('0'+c)))
				}
			}
		}, carriers{"en": {"My NHS number is {}.", "NHS no. {}\n"}}},
		{"passport", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return pick(r, digits(r, 8), plateLetters(r, 2)+digits(r, 7), plateLetters(r, 1)+digits(r, 8))
		}, carriers{"sv": {"Mitt pass har nummer {}.", "Passnummer: {}\n", "Passnr {} går ut i maj."}, "en": {"My passport number is {}.", "Passport no. {}\n"}, "fi": {"Passin numero on {}."}}},
		{"national insurance number", gallra.CategoryNationalID, func(r *rand.Rand) string {
			return forms(r, pick(r, "AB", "CE", "JG", "PX")+digits(r, 6)+pick(r, "A", "B", "C", "D"), "## ## ## ## #", "#########")
		}, carriers{"en": {"My National Insurance number is {}.", "NI number {}\n"}}},
		{"plate, Swedish", gallra.CategoryVehicle, func(r *rand.Rand) string {
			return plateLetters(r, 3) + pick(r, " ", "", " ") + pick(r, fmt.Sprintf("%03d", r.IntN(1000)), fmt.Sprintf("%02d", r.IntN(100))+pick(r, "A", "K", "P", "X"))
		}, carriers{
			"sv": {"Bilen har regnr {}.", "Registreringsnummer {}\n", "Det står en bil, {}, på min plats.", "Min Volvo ({}) fick en p-bot.", "Skåpbilen {} blockerar infarten."}, "en": {"My car is {}."}}},
		{"plate, Norwegian and Danish", gallra.CategoryVehicle, func(r *rand.Rand) string {
			return forms(r, plateLetters(r, 2)+digits(r, 5), "## #####", "#######", "## ## ###")
		}, carriers{
			"no": {"Bilen har kjennetegn {}.", "Skiltnummer {}\n", "Bil {} sto parkert."}, "da": {"Bilen har nummerplade {}.", "Reg.nr. på bilen er {}."}}},
		{"plate, Finnish", gallra.CategoryVehicle, func(r *rand.Rand) string { return plateLetters(r, 3) + "-" + digits(r, 3) }, carriers{
			"fi": {"Autoni rekisterinumero on {}.", "Auto {} on väärässä paikassa.", "Rekkari {}\n"}}},
		{"plate, German", gallra.CategoryVehicle, func(r *rand.Rand) string {
			return pick(r, "HH", "B", "M", "KÖ", "LB") + "-" + plateLetters(r, 1+r.IntN(2)) + " " + digits(r, 2+r.IntN(3))
		}, carriers{"de": {"Mein Auto hat das Kennzeichen {}.", "Kennzeichen: {}\n", "Der Wagen {} steht auf meinem Platz."}}},
		{"meter point", gallra.CategoryCustomerID, func(r *rand.Rand) string {
			d := withGS1(pick(r, "735999", "707057", "571313") + digits(r, 11))
			return forms(r, d, "##################", "### ### ### ### ### ###", "###### ###### ######")
		}, carriers{"sv": {"Anläggnings-id {}.", "Det gäller {} i källaren.", "Mätpunkt: {}\n"}, "no": {"Målepunkt-ID {}."}, "da": {"Målepunktet er {}."}}},
		{"MAC", gallra.CategoryDeviceID, mac, carriers{
			"sv": {"Routern har MAC {}.", "MAC-adress: {}\n", "Enheten med MAC-adressen {} syns inte."}, "en": {"The MAC address is {}.", "MAC {}\n"}, "de": {"MAC-Adresse {} gesperrt."}}},
		{"IMEI", gallra.CategoryDeviceID, func(r *rand.Rand) string {
			return forms(r, withLuhn(pick(r, "35", "86", "01", "49")+digits(r, 12)), "###############", "## ###### ###### #", "##-######-######-#")
		}, carriers{"sv": {"Telefonens IMEI är {}.", "IMEI: {}\n"}, "en": {"The IMEI is {}."}}},
		{"property", gallra.CategoryPlace, func(r *rand.Rand) string {
			return pick(r, "Kvarnen", "Stensjö", "Forsa-Böle", "Norra Åsum", "Ekeby", "Hjälstaby", "Östra Torp") + " " + fmt.Sprintf("%d:%d", 1+r.IntN(40), 1+r.IntN(400))
		}, carriers{"sv": {"Det gäller fastigheten {}.", "Fastighetsbeteckning: {}\n", "Lagfart för {} saknas.", "Vi äger fastigheten {} sedan i våras."}}},
	}
	for i, name := range []string{"personnummer, official list", "samordningsnummer, official list"} {
		var of []string
		for _, d := range official {
			if len(d) == 12 && (d[6] >= '6') == (i == 1) {
				of = append(of, d)
			}
		}
		if len(of) > 0 {
			list = append(list, kind{name, gallra.CategoryPersonnummer, func(r *rand.Rand) string { return written(r, of[r.IntN(len(of))]) }, swedishPerson})
		}
	}
	return list
}

var swedishPerson = carriers{
	"sv": {"Mitt personnummer är {}.", "Pnr: {}\n", "Hej, jag heter Anna, {}, och undrar över min ansökan.", "Gäller min son {} som börjar i höst.", "Sökande {}.", "({})", "Kund: Anna Berg {}\n"},
	"en": {"My personal identity number is {}.", "Personnummer {}\n"},
}

var norwegianPerson = carriers{"no": {"Fødselsnummeret mitt er {}.", "Fnr: {}\n", "Jeg heter Anna, {}, og lurer på noe.", "({})"}, "sv": {"Hon har norskt fødselsnummer {}."}}

// decoy is a kind of number that is nobody's, or at most a reference.
type decoy struct {
	name  string
	value func(*rand.Rand) string
	may   gallra.Category
	in    carriers
}

// everywhere gives every language the same sentences.
func everywhere(s ...string) carriers {
	c := carriers{}
	for lang := range prose {
		c[lang] = s
	}
	return c
}

// worded gives a sentence for each language, in the order sv en no da fi de.
func worded(s ...string) carriers {
	c := carriers{}
	for i, lang := range []string{"sv", "en", "no", "da", "fi", "de"} {
		c[lang] = []string{s[i%len(s)]}
	}
	return c
}

var decoys = []decoy{
	{"version", func(r *rand.Rand) string {
		return pick(r, fmt.Sprintf("%d.%d.%d", r.IntN(20), r.IntN(20), r.IntN(100)), fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(12), r.IntN(10), r.IntN(30), r.IntN(100)), fmt.Sprintf("%d.%d", r.IntN(20), r.IntN(20)))
	}, "", worded("Appen har version {}.", "Firmware {} is installed.", "Versjon {} er installert.", "Version {} er installeret.", "Ohjelmiston versio {}.", "Firmware {} ist installiert.")},
	{"price", func(r *rand.Rand) string {
		return pick(r, fmt.Sprintf("%d kr", r.IntN(100000)), fmt.Sprintf("%d %03d kr", 1+r.IntN(99), r.IntN(1000)), fmt.Sprintf("%d %03d,%02d SEK", 1+r.IntN(999), r.IntN(1000), r.IntN(100)),
			fmt.Sprintf("%d.%03d,%02d EUR", 1+r.IntN(99), r.IntN(1000), r.IntN(100)), fmt.Sprintf("%d %03d %03d kronor", 1+r.IntN(9), r.IntN(1000), r.IntN(1000)), fmt.Sprintf("%d:-", r.IntN(10000)))
	}, "", worded("Det kostade {}.", "It cost {}.", "Det kostet {}.", "Det kostede {}.", "Se maksoi {}.", "Es kostete {}.")},
	{"OCR reference", func(r *rand.Rand) string { return withLuhn(digits(r, 7+r.IntN(14))) }, "",
		worded("OCR-nummer {}.", "Payment reference (OCR) {}.", "KID-nummer {}.", "OCR-linje {}.", "Viitenumero {}.", "OCR {}.")},
	{"order number", func(r *rand.Rand) string {
		return pick(r, digits(r, 6), digits(r, 8), digits(r, 10), "SO-"+digits(r, 6))
	}, gallra.CategoryCustomerID,
		worded("Ordernummer {}.", "Order number {}.", "Ordrenummer {}.", "Ordrenummer {}.", "Tilausnumero {}.", "Bestellnummer {}.")},
	{"invoice number", func(r *rand.Rand) string { return pick(r, digits(r, 6), digits(r, 8), digits(r, 10), digits(r, 12)) }, "",
		worded("Faktura {}.", "Invoice {}.", "Fakturanr. {}.", "Faktura {}.", "Lasku {}.", "Rechnung {}.")},
	{"tracking number", func(r *rand.Rand) string {
		return pick(r, "00"+withGS1("3"+digits(r, 16)), "RR"+digits(r, 9)+"SE", "1Z"+digits(r, 16), digits(r, 12), "JJD"+digits(r, 15))
	}, "", worded("Paketets kollinummer {}.", "Tracking number {}.", "Sporingsnummer {} hos Bring.", "Pakkens trackingnummer {}.", "Lähetyksen seurantakoodi {}.", "Sendungsnummer {}.")},
	{"ISBN", func(r *rand.Rand) string {
		return pick(r, withGS1("978"+digits(r, 9)), form("###-##-###-####-#", withGS1("978"+digits(r, 9))))
	}, "", everywhere("ISBN {}.")},
	{"EAN", func(r *rand.Rand) string { return withGS1("73" + digits(r, 10)) }, "",
		worded("Artikeln har EAN {}.", "The EAN is {}.", "Varen har EAN {}.", "Varen har EAN {}.", "Tuotteen EAN on {}.", "Artikel mit EAN {}.")},
	{"date", func(r *rand.Rand) string {
		y, m, d := 2015+r.IntN(12), 1+r.IntN(12), 1+r.IntN(28)
		return pick(r, fmt.Sprintf("%d-%02d-%02d", y, m, d), fmt.Sprintf("%d/%d", d, m), fmt.Sprintf("%d.%d.%d", d, m, y), fmt.Sprintf("%d%02d%02d", y, m, d), fmt.Sprintf("%02d%02d%02d", y%100, m, d), fmt.Sprintf("%d/%d-%02d", d, m, y%100))
	}, "", worded("Det skickades {}.", "It was sent {}.", "Det ble sendt {}.", "Det blev sendt {}.", "Se lähetettiin {}.", "Es wurde am {} verschickt.")},
	{"time", func(r *rand.Rand) string {
		return pick(r, fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)), fmt.Sprintf("%02d:%02d:%02d", r.IntN(24), r.IntN(60), r.IntN(60)), fmt.Sprintf("%02d.%02d-%02d.%02d", 8+r.IntN(4), r.IntN(60), 13+r.IntN(5), r.IntN(60)))
	}, "", worded("Klockan {} var det klart.", "At {} it was done.", "Klokken {} var det klart.", "Klokken {} var det klart.", "Kello {} se oli valmis.", "Um {} Uhr war es fertig.")},
	{"amount", func(r *rand.Rand) string {
		return pick(r, fmt.Sprintf("%d kWh", r.IntN(100000)), fmt.Sprintf("%d %03d kWh", 1+r.IntN(99), r.IntN(1000)), fmt.Sprintf("%d %%", r.IntN(100)), fmt.Sprintf("%d,%d kg", r.IntN(1000), r.IntN(10)), fmt.Sprintf("%d st", r.IntN(1000)))
	}, "", worded("Det blev {} i mars.", "We used {} in March.", "Det ble {} i mars.", "Det blev {} i marts.", "Se oli {} maaliskuussa.", "Es waren {} im März.")},
	{"years", func(r *rand.Rand) string { y := 1990 + r.IntN(30); return fmt.Sprintf("%d-%d", y, y+r.IntN(9)) }, "",
		worded("Avtalet gällde {}.", "The contract ran {}.", "Avtalen gjaldt {}.", "Aftalen gjaldt {}.", "Sopimus oli voimassa {}.", "Der Vertrag lief {}.")},
	{"statute", func(r *rand.Rand) string { return fmt.Sprintf("%d:%d", 1970+r.IntN(55), 1+r.IntN(1500)) }, "", everywhere("SFS {}.")},
	{"score", func(r *rand.Rand) string { return fmt.Sprintf("%d-%d", r.IntN(9), r.IntN(9)) }, "", worded("Matchen slutade {}.", "The match ended {}.", "Kampen endte {}.", "Kampen endte {}.", "Ottelu päättyi {}.", "Das Spiel endete {}.")},
	{"article number", func(r *rand.Rand) string {
		return pick(r, digits(r, 8), form("###-####", digits(r, 7)), form("###.###.##", digits(r, 8)))
	}, "",
		worded("Artikelnr {}.", "Product no. {}.", "Varenr. {}.", "Varenummer {}.", "Tuotenumero {}.", "Artikelnummer {}.")},
	{"coordinates", func(r *rand.Rand) string {
		return fmt.Sprintf("%d.%05d, %d.%05d", 55+r.IntN(14), r.IntN(1e5), 11+r.IntN(12), r.IntN(1e5))
	}, "",
		worded("Hålet ligger vid {}.", "The hole is at {}.", "Hullet er ved {}.", "Hullet er ved {}.", "Kuoppa on kohdassa {}.", "Das Loch ist bei {}.")},
	{"serial number", func(r *rand.Rand) string {
		return pick(r, "SN"+digits(r, 10), digits(r, 14), plateLetters(r, 3)+digits(r, 3)+plateLetters(r, 2))
	}, "",
		worded("Serienummer {}.", "Serial number {}.", "Serienummer {}.", "Serienummer {}.", "Sarjanumero {}.", "Seriennummer (S/N) {}.")},
}

var prose = map[string][]string{
	"sv": {"Hej, jag undrar över min räkning.", "Tack för hjälpen förra gången, det löste sig.", "Kan ni återkomma så snart ni kan?", "Det har regnat in hela veckan och ingen svarar."},
	"en": {"Hello, I am wondering about my bill.", "Thank you for your help last time.", "Please come back to me as soon as you can.", "The parcel was left outside in the rain."},
	"no": {"Hei, jeg lurer på regningen min.", "Takk for hjelpen sist, det ordnet seg.", "Kan dere svare så snart som mulig?"},
	"da": {"Hej, jeg undrer mig over min regning.", "Tak for hjælpen sidst, det løste sig.", "Kan I svare så snart som muligt?"},
	"fi": {"Hei, ihmettelen laskuani.", "Kiitos avusta viime kerralla.", "Voitteko vastata mahdollisimman pian?"},
	"de": {"Guten Tag, ich wundere mich über meine Rechnung.", "Vielen Dank für die Hilfe beim letzten Mal.", "Bitte melden Sie sich so bald wie möglich."},
}
