package names_test

import (
	"testing"

	"github.com/gallra/gallra"
)

// TestS31_AddressForms: what people write around a street and its number is part
// of the address, and what only looks like one is none.
func TestS31_AddressForms(t *testing.T) {
	t.Parallel()
	m := load(t)
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "Jag bor på S:t Eriksgatan 44 i Stockholm.", "S:t Eriksgatan 44"},
		{"sv", "Adress: S:ta Gertruds väg 3, 593 30 Västervik", "S:ta Gertruds väg 3, 593 30 Västervik"},
		{"sv", "Vi bor på St. Olofsgatan 12 B sedan maj.", "St. Olofsgatan 12 B"},
		{"sv", "Lämna det på Tegnérgatan 17 uppg C, tack.", "Tegnérgatan 17 uppg C"},
		{"sv", "Adressen är Ekgatan 5, uppg. B, 3 tr.", "Ekgatan 5, uppg. B, 3 tr"},
		{"sv", "Jag bor på Parkgatan 8 ög, 212 14 Malmö.", "Parkgatan 8 ög, 212 14 Malmö"},
		{"sv", "Det gäller Bergsgatan 3 nb och ingen annan.", "Bergsgatan 3 nb"},
		{"sv", "Det gäller Bergsgatan 3 n b, 112 23 Stockholm.", "Bergsgatan 3 n b, 112 23 Stockholm"},
		{"sv", "Det gäller Bergsgatan 3, 1 tr ög, tack.", "Bergsgatan 3, 1 tr ög"},
		{"sv", "Skicka till Kungsgatan 7, lgh 1102.", "Kungsgatan 7, lgh 1102"},
		{"sv", "Jag bor på Polhemsplatsen 5 i Göteborg.", "Polhemsplatsen 5"},
		{"sv", "Min adress är Lindhagensplan 33.", "Lindhagensplan 33"},
		{"sv", "Vi har flyttat till Kolonivägen12.", "Kolonivägen12"},
		{"sv", "ny adress storgatan12b, 352 31 växjö", "storgatan12b, 352 31 växjö"},
		{"sv", "Skriv till Box 123, 121 21 Stockholm.", "Box 123, 121 21 Stockholm"},
		{"sv", "Postlåda 214, 740 10 Almunge", "Postlåda 214, 740 10 Almunge"},
		{"sv", "Adress: Fack 12, 751 03 Uppsala", "Fack 12, 751 03 Uppsala"},
		{"sv", "Vi bor på Lilla Ängen 3, 740 10 Almunge.", "Lilla Ängen 3, 740 10 Almunge"},
		{"sv", "Gården är Norrby 214, 740 10 Almunge.", "Norrby 214, 740 10 Almunge"},
		{"sv", "Jag bor på Övre Slottsgatan 14 C.", "Övre Slottsgatan 14 C"},
		{"sv", "Vi ses på Västra Hamngatan 21.", "Västra Hamngatan 21"},
		{"sv", "Det gäller Kungsgatan 1 A-B.", "Kungsgatan 1 A-B"},
		{"sv", "Leverera till Hälsingegatan 4, 11323 Stockholm.", "Hälsingegatan 4, 11323 Stockholm"},
		{"sv", "Leverera till Hälsingegatan 4, SE-113 23 Stockholm.", "Hälsingegatan 4, SE-113 23 Stockholm"},
		{"sv", "Leverera till Hälsingegatan 4, S-113 23 Stockholm.", "Hälsingegatan 4, S-113 23 Stockholm"},
		{"sv", "Leverera till Hälsingegatan 4, SE-11323 Stockholm.", "Hälsingegatan 4, SE-11323 Stockholm"},
		{"sv", "Adress: Lindhagensplan 33", "Lindhagensplan 33"},
		{"sv", "Adress: Norrby 214", "Norrby 214"},
		{"sv", "Jag bor på Storgatn 5 sedan i fjol.", "Storgatn 5"},
		{"sv", "Jag bor på Norrskensslingan 8.", "Norrskensslingan 8"},
		{"sv", "Vi finns på Strandkajen 3, 252 20 Helsingborg.", "Strandkajen 3, 252 20 Helsingborg"},
		{"sv", "Hon bor på Kvarnliden 6.", "Kvarnliden 6"},
		{"da", "Jeg bor på Nørrebrogade 12, 3. th.", "Nørrebrogade 12, 3. th"},
		{"da", "Adressen er Skovvej 5, 1. tv, 8000 Aarhus C.", "Skovvej 5, 1. tv, 8000 Aarhus C"},
		{"no", "Jeg bor i Kirkeveien 8 B, 0368 Oslo.", "Kirkeveien 8 B, 0368 Oslo"},
		{"fi", "Asun osoitteessa Mäkitie 4 as 5.", "Mäkitie 4 as 5"},
		{"de", "Ich wohne in der Goethestr. 9, 50667 Köln.", "Goethestr. 9, 50667 Köln"},
		{"en", "Address: Flat 2, 118 Albany Road, Cardiff CF24 3RU", "Flat 2, 118 Albany Road, Cardiff CF24 3RU"},
		// None of these is an address.
		{"sv", "Jag har gått på Storgatan hela dagen.", ""},
		{"sv", "Kontoret ligger på plan 3.", ""},
		{"sv", "Jag väntade på Kvarnliden 5 minuter.", ""},
		{"sv", "Parti2 och Delegate3 är filer.", ""},
		{"sv", "Tåget stannar vid Stadsbiblioteket 12 minuter.", ""},
		{"sv", "Bussen går från Kungsgatan om 5 minuter.", ""},
		{"sv", "Uppdatera till Windows11 och Firefox128.", ""},
		{"sv", "Modellen heter Galaxy12 och är slut.", ""},
		{"sv", "Det blev fack 12 i hyllan.", ""},
		{"sv", "Arbetsplatsen 5 är trasig.", ""},
		{"sv", "Parkeringsplatsen 5 är upptagen.", ""},
		{"sv", "Betalningsplan 33 gäller inte.", ""},
		{"sv", "Version 4.2, plan 2 500 kr.", ""},
		{"sv", "Vi hade stående 3 bokningar.", ""},
		{"sv", "Spelplan 4 är stängd, och Handlingsplan 12 klar.", ""},
	} {
		if got := found(m, c.text, c.lang, gallra.CategoryAddress); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}
