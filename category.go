package gallra

// Category is a kind of personal data. The values are the labels that
// findings carry everywhere: in the scanner, the inventory and the command line.
type Category string

// The categories of personal data. What counts as each is the marking rule of
// the handbook (docs/categories.md).
const (
	CategoryPerson       Category = "PERSON"
	CategoryEmail        Category = "EMAIL"
	CategoryPhone        Category = "PHONE"
	CategoryPersonnummer Category = "PERSONNUMMER" // samordningsnummer included
	CategoryNationalID   Category = "NATIONAL_ID"  // other countries' identity numbers, passports
	CategoryAddress      Category = "ADDRESS"
	CategoryPlace        Category = "PLACE"
	CategoryOrgNumber    Category = "ORG_NUMBER"
	CategoryBankAccount  Category = "BANK_ACCOUNT"
	CategoryCard         Category = "CARD"
	CategoryIP           Category = "IP"
	CategoryDeviceID     Category = "DEVICE_ID"
	CategoryUsername     Category = "USERNAME"
	CategoryDateOfBirth  Category = "DATE_OF_BIRTH"
	CategoryVehicle      Category = "VEHICLE"
	CategoryCustomerID   Category = "CUSTOMER_ID"
	CategoryHealth       Category = "HEALTH"
	CategorySensitive    Category = "SENSITIVE" // the other kinds of GDPR art. 9 and 10
	CategorySecret       Category = "SECRET"
)

// CategoryName is a name that is more likely no person's, or a place that is
// nobody's home as far as the text tells. Redaction takes it out, since a leak
// costs more than a word too many; nothing is counted by it, and no field can
// be declared to hold it, so it is not one of Categories.
const CategoryName Category = "NAME"

// Categories returns all categories in the order they are shown.
func Categories() []Category {
	return []Category{
		CategoryPerson, CategoryEmail, CategoryPhone, CategoryPersonnummer, CategoryNationalID,
		CategoryAddress, CategoryPlace, CategoryDateOfBirth, CategoryCustomerID, CategoryUsername,
		CategoryIP, CategoryDeviceID, CategoryVehicle, CategoryOrgNumber, CategoryBankAccount,
		CategoryCard, CategoryHealth, CategorySensitive, CategorySecret,
	}
}

// Valid reports whether c is one of Categories.
func (c Category) Valid() bool { _, ok := vocabularies[c]; return ok }

// Special reports whether c is a special category or criminal data (GDPR
// articles 9 and 10): it gets its own access right and is never shown by default.
func (c Category) Special() bool { return c == CategoryHealth || c == CategorySensitive }

// Direct reports whether a value of c points out a person by itself.
func (c Category) Direct() bool {
	switch c {
	case CategoryPerson, CategoryEmail, CategoryPhone, CategoryPersonnummer, CategoryNationalID,
		CategoryAddress, CategoryBankAccount, CategoryCard, CategoryUsername:
		return true
	}
	return false
}

// Fides returns the fideslang data category key of c, for manifests.
func (c Category) Fides() string { return vocabularies[c].fides }

// DPV returns the W3C Data Privacy Vocabulary (pd) term of c.
func (c Category) DPV() string { return vocabularies[c].dpv }

type vocabulary struct{ fides, dpv string }

var vocabularies = map[Category]vocabulary{
	CategoryPerson:       {"user.name", "pd:Name"},
	CategoryEmail:        {"user.contact.email", "pd:EmailAddress"},
	CategoryPhone:        {"user.contact.phone_number", "pd:TelephoneNumber"},
	CategoryPersonnummer: {"user.government_id.national_identification_number", "pd:NationalIdentificationNumber"},
	CategoryNationalID:   {"user.government_id", "pd:OfficialID"},
	CategoryAddress:      {"user.contact.address.street", "pd:PhysicalAddress"},
	CategoryPlace:        {"user.location", "pd:Location"},
	CategoryOrgNumber:    {"user.contact.organization", "pd:Identifying"},
	CategoryBankAccount:  {"user.financial.bank_account", "pd:BankAccount"},
	CategoryCard:         {"user.financial.credit_card", "pd:CreditCardNumber"},
	CategoryIP:           {"user.device.ip_address", "pd:IPAddress"},
	CategoryDeviceID:     {"user.device.device_id", "pd:DeviceBased"},
	CategoryUsername:     {"user.account.username", "pd:Username"},
	CategoryDateOfBirth:  {"user.demographic.date_of_birth", "pd:BirthDate"},
	CategoryVehicle:      {"user.unique_id", "pd:VehicleLicenseNumber"},
	CategoryCustomerID:   {"user.unique_id", "pd:AccountIdentifier"},
	CategoryHealth:       {"user.health_and_medical", "pd:Health"},
	CategorySensitive:    {"user.sensitive", "pd:SpecialCategory"},
	CategorySecret:       {"user.authorization.credentials", "pd:Password"},
}
