package pii

import (
	"strings"

	"github.com/gallra/gallra"
)

// ColumnName returns the category of personal data that a table column is
// likely to hold going by its name alone, and false when the name says nothing.
func ColumnName(name string) (gallra.Category, bool) {
	words := nameWords(name)
	if len(words) == 0 {
		return "", false
	}
	joined := strings.Join(words, "_")
	if joined == "last_login" || strings.HasSuffix(joined, "_last_login") || strings.HasSuffix(joined, "_for_login") { // a time, a flag
		return "", false
	}
	for _, r := range columnRules {
		for _, n := range r.names {
			if matchName(words, joined, n) {
				return r.category, true
			}
		}
	}
	return "", false
}

// ColumnIn is ColumnName for a column whose table is known: the "name" of a
// table of persons is a person's, the "from" and "to" of messages are addresses.
func ColumnIn(table, name string) (gallra.Category, bool) {
	in, column := nameWords(table), strings.Join(nameWords(name), "_")
	has := func(words map[string]bool) bool {
		for _, w := range in {
			if words[w] || words[strings.TrimSuffix(w, "s")] {
				return true
			}
		}
		return false
	}
	switch column {
	case "name":
		switch {
		case !has(personTables) || has(kindTables):
		case len(in) == 1 && table == "Users": // Request Tracker's Name is what one logs in with
			return gallra.CategoryUsername, true
		default:
			return gallra.CategoryPerson, true
		}
	case "address":
		if has(mailTables) {
			return gallra.CategoryEmail, true
		}
	case "identifier", "external_id", "reference":
		if has(personTables) {
			return gallra.CategoryCustomerID, true
		}
	case "from", "to", "cc", "bcc", "sender", "recipient", "sent_to", "reply_to":
		if has(messageTables) {
			return gallra.CategoryEmail, true
		}
	case "token":
		if has(tokenTables) {
			return gallra.CategorySecret, true
		}
	}
	return ColumnName(name)
}

func setOf(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

var (
	personTables  = setOf("user customer contact person people member requester visitor patient client subscriber employee agent staff participant kund kontakt anvandare medlem elev brukare")
	kindTables    = setOf("group role type state status field company organization organisation segment tag template list team config setting preference attribute channel bot policy policies")
	mailTables    = setOf("email mail emails")
	messageTables = setOf("thread message mail article conversation email entry queue ticket loop send")
	tokenTables   = setOf("token session access login")
)

// columnRule lists the names of columns that hold a category. A name matches
// as whole words at the end of the column's name, or anywhere when it begins
// with "~".
type columnRule struct {
	category gallra.Category
	names    []string
}

// The order matters: "email_password" is a password, "ip_address" no address.
var columnRules = []columnRule{
	{gallra.CategorySecret, []string{"~password", "~passwd", "~passwort", "~losenord", "passwdhash", "~password_hash", "~otp_secret", "pin_code", "pinkod", "api_key", "~secret_key", "~access_token", "~auth_token", "~authtoken", "pw", "pass", "~newpasswd", "~backup_codes", "~confirmation_token", "~refresh_token", "~reset_token"}},
	{gallra.CategoryPersonnummer, []string{"~personnummer", "~personnr", "~pnr", "~samordningsnummer", "~persnr", "~personal_identity_number", "~personal_number"}},
	{gallra.CategoryNationalID, []string{"~ssn", "~national_id", "~fodselsnummer", "~fnr", "~cpr", "~hetu", "~henkilotunnus", "~passport", "~passnummer", "~social_security", "~steuer_id", "~tax_id", "~id_card", "~nino"}},
	{gallra.CategoryIP, []string{"~ip", "~ip_address", "~ipaddress", "~ipaddr", "~ip_addr", "~remote_addr", "~remote_address", "~client_ip", "ip_info", "~forwarded_for"}},
	{gallra.CategoryEmail, []string{"~email", "emails", "~e_mail", "~mail_address", "~epost", "~e_post", "~emailaddress", "~mailadress", "mail_from", "mail_to", "~reply_to", "sender_address", "from_address", "~sahkoposti", "customer_user_email", "a_from", "a_to", "a_cc", "a_bcc", "a_reply_to"}},
	{gallra.CategoryPhone, []string{"~phone", "phones", "~homephone", "~workphone", "~mobilephone", "~pagerphone", "~phone_number", "~telephone", "~telefon", "~telefonnummer", "~mobile", "~mobil", "~mobilnummer", "~cellphone", "~tel", "~fax", "~msisdn", "~puhelin", "~home_phone", "~work_phone", "~mobile_phone", "~pager_phone", "~tlf", "~caller_id"}},
	{gallra.CategoryDateOfBirth, []string{"~birthday", "~birth_date", "~birthdate", "~date_of_birth", "~dob", "~fodelsedatum", "~fodelsedag", "~fodselsdato", "~geburtsdatum"}},
	{gallra.CategoryDeviceID, []string{"~imei", "~mac_address", "~device_id", "~deviceid", "~udid", "~device_token", "~push_token", "user_agent", "~browser", "~fingerprint"}},
	{gallra.CategoryCard, []string{"~card_number", "~cardnumber", "~kortnummer", "~credit_card", "~pan"}},
	{gallra.CategoryBankAccount, []string{"~iban", "~bank_account", "~kontonummer", "~account_number", "~bankgiro", "~plusgiro", "~bankkonto"}},
	{gallra.CategoryOrgNumber, []string{"~orgnr", "~organisationsnummer", "~org_number", "~vat_number", "~company_number", "~organization_number"}},
	{gallra.CategoryVehicle, []string{"~regnr", "~registration_number", "~license_plate", "~plate", "~registreringsnummer", "~vin"}},
	{gallra.CategoryAddress, []string{"~street", "~street_address", "~address", "~adress", "~gatuadress", "~postadress", "~address1", "~address2", "~address_line1", "~address_line2", "~postal_address", "~gata", "~osoite", "~strasse"}},
	{gallra.CategoryPlace, []string{"~city", "~ort", "~postort", "~zip", "~zipcode", "~zip_code", "~postal_code", "~postnummer", "~postcode", "~kommun", "~location", "~town", "~hemort", "user_from", "~place", "~latitude", "~longitude", "~geo"}},
	{gallra.CategoryUsername, []string{"~username", "~user_name", "~login", "~screen_name", "~nickname", "~handle", "~anvandarnamn", "~userid_name", "user_login", "~nick", "~username_clean", "customer_user", "customer_user_id", "social_profiles", "~icq", "~jabber", "~skype", "~twitter", "~facebook", "~instagram", "~social_handle", "~sso_id"}},
	{gallra.CategoryPerson, []string{"~first_name", "~firstname", "~last_name", "~lastname", "~full_name", "~fullname", "~real_name", "~realname", "~surname", "~given_name", "~family_name", "~middle_name", "~fornamn", "~efternamn", "~namn", "~display_name", "~displayname", "customer_name", "contact_name", "user_real_name", "sender_name", "from_name", "to_name", "author_name", "requester_name", "person_name", "participant_name", "~kontaktperson", "~etunimi", "~sukunimi", "~vorname", "~nachname", "~fornavn", "~etternavn", "~efternavn", "poster", "~poster_name", "~author"}},
	{gallra.CategoryCustomerID, []string{"~customer_number", "~kundnummer", "~kundnr", "~member_number", "~medlemsnummer", "~customer_id", "~customer_no", "~patient_id", "~employee_id", "~student_id"}},
	{gallra.CategoryHealth, []string{"~diagnosis", "~diagnos", "~health", "~medication", "~blood_type", "~allergy", "~allergies", "~disability", "~sickness"}},
	{gallra.CategorySensitive, []string{"~religion", "~ethnicity", "~political", "~trade_union", "~sexual_orientation", "~criminal", "~fackforbund"}},
}

// notPersonal are endings that make a column's value something about the
// personal value rather than the value: a flag, a count, a time.
var notPersonal = map[string]bool{
	"at": true, "count": true, "verified": true, "enabled": true, "type": true, "status": true, "format": true, "template": true,
	"size": true, "length": true, "valid": true, "confirmed": true, "required": true, "flag": true, "sent": true, "notify": true,
	"active": true, "order": true, "limit": true, "policy": true, "changed": true, "time": true, "date": true, "expires": true, "level": true, "digest": true, "visibility": true, "optin": true, "allowed": true, "prefix": true, "id": true, "attempts": true, "message": true, "expiration": true, "hash": true, "convert": true,
}

// nameWords splits a column's name at signs, at changes of case and before
// digits, and folds diacritics.
func nameWords(name string) []string {
	var words []string
	var w strings.Builder
	flush := func() {
		if w.Len() > 0 {
			words = append(words, w.String())
			w.Reset()
		}
	}
	prevLower := false
	for _, r := range name {
		switch r {
		case 'å', 'ä', 'Å', 'Ä', 'æ', 'Æ':
			r = 'a'
		case 'ö', 'ø', 'Ö', 'Ø':
			r = 'o'
		case 'é', 'É':
			r = 'e'
		}
		switch {
		case r >= 'A' && r <= 'Z':
			if prevLower {
				flush()
			}
			w.WriteRune(r | 0x20)
			prevLower = false
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			w.WriteRune(r)
			prevLower = true
		default:
			flush()
			prevLower = false
		}
	}
	flush()
	return words
}

// matchName reports whether the column's words hold name as whole words, at
// their end unless name begins with "~", which lets it stand anywhere as long
// as no word after it makes the value something else.
func matchName(words []string, joined, name string) bool {
	anywhere := strings.HasPrefix(name, "~")
	name = strings.TrimPrefix(name, "~")
	if joined == name {
		return true
	}
	if !anywhere {
		return strings.HasSuffix(joined, "_"+name)
	}
	last := words[len(words)-1]
	if notPersonal[last] && !strings.HasSuffix(name, "_"+last) && name != last {
		return false
	}
	return strings.Contains("_"+joined+"_", "_"+name+"_") || strings.HasSuffix(joined, "_"+name)
}
