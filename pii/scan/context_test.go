package scan_test

import (
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/scan"
)

// byContext returns the text of the first span of kind in text, both passes read.
func byContext(text, lang string, kind gallra.Category) string {
	s := scan.New(lang, 0.5)
	for _, f := range s.AppendWords(s.Append(nil, text), text) {
		if f.Kind == kind {
			return text[f.Start:f.End]
		}
	}
	return ""
}

// TestSecretsByContext: passwords, codes and keys in six languages, the value
// only, and what stands at the same words without being one.
func TestSecretsByContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "Lösenordet är Sommar2024! och funkar inte.", "Sommar2024!"},
		{"sv", "lösenord: hemligt", "hemligt"},
		{"sv", "Mitt lösenord: Blå-Katt-7", "Blå-Katt-7"},
		{"sv", "nytt lösen Kaffe77kopp", "Kaffe77kopp"},
		{"sv", "Portkoden är 4512.", "4512"},
		{"sv", "portkod 4512#", "4512#"},
		{"sv", "Koden till dörren är 2580", "2580"},
		{"sv", "larmkoden 778899", "778899"},
		{"sv", "PIN-koden är 0417 om ni behöver den", "0417"},
		{"sv", "min pinkod: 4093", "4093"},
		{"sv", "PUK: 88140275", "88140275"},
		{"sv", "Engångskoden jag fick var 482 915", "482 915"},
		{"sv", "CVC 318", "318"},
		{"sv", "Kodordet är pelikan", "pelikan"},
		{"sv", "wifi-lösenord: GulBil_22", "GulBil_22"},
		{"sv", "Nyckelskåpets kod 1905.", "1905"},
		{"sv", "API-nyckel: sk_live_4hJ0pR8xTq2mVb7c", "sk_live_4hJ0pR8xTq2mVb7c"},
		{"sv", "Lösenordet är fel.", ""},
		{"sv", "Lösenordet är bytt igen.", ""},
		{"sv", "Ni har fått fel lösenord av mig.", ""},
		{"sv", "Rabattkoden SOMMAR15 gäller inte", ""},
		{"sv", "Felkod 4012 på displayen", ""},
		{"sv", "Postkod 111 22", ""},
		{"sv", "Koden gäller till 2026", ""},
		{"en", "My password is Tr0ub4dor&3 and it fails", "Tr0ub4dor&3"},
		{"en", "memorable word is pelican", "pelican"},
		{"en", "The door code is 2951.", "2951"},
		{"en", "PIN 4477", "4477"},
		{"en", "security code 663 018", "663 018"},
		{"en", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"},
		{"en", "token=9f8e7d6c5b4a39281706f5e4d3c2b1a0", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"},
		{"en", "key AKIAIOSFODNN7EXAMPLE leaked", "AKIAIOSFODNN7EXAMPLE"},
		{"en", "ghp_16C7e42F292c6912E7710c838347Ae178B4a in the log", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"},
		{"en", "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx", "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"},
		{"en", "The password has expired.", ""},
		{"en", "Error code 4012", ""},
		{"no", "Passordet er Tyttebær!2025", "Tyttebær!2025"},
		{"no", "Koden til porten er 7731#", "7731#"},
		{"no", "Passordet er utløpt.", ""},
		{"da", "Adgangskoden er Rugbrød#9", "Rugbrød#9"},
		{"da", "Koden til opgangen: 1864", "1864"},
		{"da", "Adgangskoden er forkert.", ""},
		{"fi", "Salasana on Mustikka77!", "Mustikka77!"},
		{"fi", "ovikoodi 4790", "4790"},
		{"fi", "PIN-koodini on 4417", "4417"},
		{"fi", "Salasana on vanhentunut.", ""},
		{"de", "Das Passwort ist Rot!Kraut77", "Rot!Kraut77"},
		{"de", "Der Türcode ist 2580", "2580"},
		{"de", "Kennwort: Bosporus07", "Bosporus07"},
		{"de", "Das Passwort ist abgelaufen.", ""},
	} {
		if got := byContext(c.text, c.lang, gallra.CategorySecret); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}

// TestReferencesByContext: what a person's own business is numbered with, and
// numbers that only look so.
func TestReferencesByContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "Ordernummer: 88-120334", "88-120334"},
		{"sv", "min order 4471822 kom aldrig", "4471822"},
		{"sv", "ärende BUN 2025/318", "BUN 2025/318"},
		{"sv", "Polisanmälan 5000-K123456-25", "5000-K123456-25"},
		{"sv", "bokningsnummer X7K2PQ", "X7K2PQ"},
		{"sv", "försäkringsnr 71-884411", "71-884411"},
		{"sv", "Mätarnummer 7359 9912 3456", "7359 9912 3456"},
		{"sv", "Jag bor i lgh 1203.", "1203"},
		{"sv", "resekort 3307 9910 22", "3307 9910 22"},
		{"sv", "medlemsnummer 88204", "88204"},
		{"sv", "Faktura 4471822", ""},
		{"sv", "OCR 1234567897", ""},
		{"sv", "Kollinummer 3736-112233", ""},
		{"sv", "Serienummer SN8842199", ""},
		{"sv", "ISBN 978-91-0-012345-6", ""},
		{"sv", "artikelnummer 40-2211", ""},
		{"sv", "Vi ses 2025-11-20 kl 14.30", ""},
		{"en", "order number 44718-22", "44718-22"},
		{"en", "case 2025-88120", "2025-88120"},
		{"en", "policy no HB-447120", "HB-447120"},
		{"en", "booking reference QK7X2P", "QK7X2P"},
		{"en", "invoice 2025-88120", ""},
		{"en", "tracking number 00340434161094", ""},
		{"no", "saksnummer 2025/11482", "2025/11482"},
		{"no", "ordrenummer 884120", "884120"},
		{"no", "fakturanummer 884120", ""},
		{"da", "sagsnummer 25-118820", "25-118820"},
		{"da", "kundenummer 4471822", "4471822"},
		{"da", "fakturanummer 4471822", ""},
		{"fi", "asiakasnumero 4471822", "4471822"},
		{"fi", "tilausnumero 88-4471", "88-4471"},
		{"fi", "laskun numero 4471822", ""},
		{"de", "Kundennummer 4471822", "4471822"},
		{"de", "Bestellnummer 88-44712", "88-44712"},
		{"de", "Rechnungsnummer 4471822", ""},
	} {
		if got := byContext(c.text, c.lang, gallra.CategoryCustomerID); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}

// TestHandlesAndProfiles: persons' screen names, and the handles of organisations.
func TestHandlesAndProfiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "dma mig @ciwan_k97", "@ciwan_k97"},
		{"sv", "Svar till @kim.storm.93: Hej Kim!", "@kim.storm.93"},
		{"sv", "min profil facebook.com/anna.berg.9 är hackad", "facebook.com/anna.berg.9"},
		{"sv", "se https://www.linkedin.com/in/anna-berg", "https://www.linkedin.com/in/anna-berg"},
		{"sv", "användarnamn: pereke0412", "pereke0412"},
		{"sv", "@Kolltrafik hur kan ni ställa in?", ""},
		{"sv", "Jag skrev till @telebolaget_support igår", ""},
		{"sv", "gå till facebook.com/groups", ""},
		{"en", "login is kpruszynska", "kpruszynska"},
		{"en", "@NorthLinkTrains why are you late again", ""},
		{"no", "brukernavn: vibbesol", "vibbesol"},
		{"da", "brugernavn hsahin65", "hsahin65"},
		{"fi", "käyttäjätunnus jtuominen3", "jtuominen3"},
		{"de", "Benutzername: tjark.onken", "tjark.onken"},
	} {
		if got := byContext(c.text, c.lang, gallra.CategoryUsername); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}

// TestVehiclesByContext: plates beside a word that says so, and forms that are
// none.
func TestVehiclesByContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "Bilen ABC 123 blev bortforslad", "ABC 123"},
		{"sv", "regnr abc12d", "abc12d"},
		{"sv", "p-bot på min bil MLB 47K", "MLB 47K"},
		{"no", "bilen EK 12345 står feil", "EK 12345"},
		{"da", "nummerplade AB 12 345", "AB 12 345"},
		{"fi", "auton rekisteri ABC-123", "ABC-123"},
		{"de", "Kennzeichen B-MW 1234", "B-MW 1234"},
		{"en", "my car, reg AB12 CDE", "AB12 CDE"},
		{"sv", "modell ABC 123 är slut", ""},
	} {
		if got := byContext(c.text, c.lang, gallra.CategoryVehicle); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}
