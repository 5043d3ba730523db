package archive

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
)

// contentType names the form of the content. No content information type of the
// specifications fits records out of any system, so it is said to be another.
const contentType = "urn:gallra:record-1"

// An XML document is written by hand, element by element: encoding/xml writes
// namespace prefixes that archives' validators do not expect.
type doc struct{ bytes.Buffer }

func (d *doc) open(name string, attrs ...string)  { d.tag(name, attrs, ">") }
func (d *doc) empty(name string, attrs ...string) { d.tag(name, attrs, "/>") }
func (d *doc) close(name string)                  { d.WriteString("</" + name + ">\n") }

func (d *doc) tag(name string, attrs []string, end string) {
	d.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		d.WriteString(" " + attrs[i] + `="`)
		_ = xml.EscapeText(d, []byte(attrs[i+1])) // a buffer takes everything
		d.WriteByte('"')
	}
	d.WriteString(end + "\n")
}

// text writes an element with text; nothing when the text is empty.
func (d *doc) text(name, value string, attrs ...string) {
	if value == "" {
		return
	}
	d.tag(name, attrs, ">")
	d.Truncate(d.Len() - 1)
	_ = xml.EscapeText(d, []byte(value)) // a buffer takes everything
	d.close(name)
}

func (d *doc) head() { d.WriteString(xml.Header) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// mets is the package's table of contents.
func (w *Writer) mets(schema, readMe, dc, premis File) []byte {
	a := w.about
	var d doc
	d.head()
	d.open("mets:mets", "xmlns:mets", "http://www.loc.gov/METS/", "xmlns:csip", "https://DILCIS.eu/XML/METS/CSIPExtensionMETS", "xmlns:sip", "https://DILCIS.eu/XML/METS/SIPExtensionMETS",
		"xmlns:xlink", "http://www.w3.org/1999/xlink", "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance",
		"xsi:schemaLocation", "http://www.loc.gov/METS/ http://www.loc.gov/standards/mets/mets.xsd http://www.w3.org/1999/xlink http://www.loc.gov/standards/mets/xlink.xsd https://DILCIS.eu/XML/METS/CSIPExtensionMETS https://earkcsip.dilcis.eu/schema/DILCISExtensionMETS.xsd",
		"OBJID", a.ID, "LABEL", a.Title, "TYPE", "Other", "csip:OTHERTYPE", "Customer service records",
		"csip:CONTENTINFORMATIONTYPE", "OTHER", "csip:OTHERCONTENTINFORMATIONTYPE", contentType, "PROFILE", "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml")
	d.open("mets:metsHdr", "CREATEDATE", stamp(a.Made), "LASTMODDATE", stamp(a.Made), "RECORDSTATUS", "NEW", "csip:OAISPACKAGETYPE", "SIP")
	agent := func(role, typ, other, name, noteType, note string) {
		if name == "" {
			return
		}
		d.open("mets:agent", "ROLE", role, "TYPE", typ, "OTHERTYPE", other)
		d.text("mets:name", name)
		d.text("mets:note", note, "csip:NOTETYPE", noteType)
		d.close("mets:agent")
	}
	agent("CREATOR", "OTHER", "SOFTWARE", "Gallra", "SOFTWARE VERSION", a.Version)
	number := ""
	if a.Creator == a.Organisation {
		number = a.Number
	}
	agent("ARCHIVIST", "ORGANIZATION", "", a.Creator, "IDENTIFICATIONCODE", number)
	agent("CREATOR", "ORGANIZATION", "", a.Organisation, "IDENTIFICATIONCODE", a.Number)
	agent("PRESERVATION", "ORGANIZATION", "", a.Preserver, "", "")
	d.text("mets:altRecordID", a.Agreement, "TYPE", "SUBMISSIONAGREEMENT")
	d.text("mets:altRecordID", a.Reference, "TYPE", "REFERENCECODE")
	d.close("mets:metsHdr")

	reference := func(f File, kind string) {
		d.empty("mets:mdRef", "LOCTYPE", "URL", "MDTYPE", kind, "xlink:type", "simple", "xlink:href", f.Name, "MIMETYPE", f.mime, "SIZE", strconv.FormatInt(f.Bytes, 10), "CREATED", stamp(f.made), "CHECKSUM", f.SHA256, "CHECKSUMTYPE", "SHA-256")
	}
	d.open("mets:dmdSec", "ID", "dmd-1", "CREATED", stamp(a.Made), "STATUS", "CURRENT")
	reference(dc, "DC")
	d.close("mets:dmdSec")
	d.open("mets:amdSec", "ID", "amd-1")
	d.open("mets:digiprovMD", "ID", "prov-1", "STATUS", "CURRENT")
	reference(premis, "PREMIS")
	d.close("mets:digiprovMD")
	d.close("mets:amdSec")

	d.open("mets:fileSec", "ID", "files")
	group := func(id, use string, list []File, attrs ...string) {
		d.open("mets:fileGrp", append([]string{"ID", id, "USE", use}, attrs...)...)
		for n, f := range list {
			d.open("mets:file", "ID", fmt.Sprintf("%s-%d", id, n+1), "MIMETYPE", f.mime, "SIZE", strconv.FormatInt(f.Bytes, 10), "CREATED", stamp(f.made), "CHECKSUM", f.SHA256, "CHECKSUMTYPE", "SHA-256")
			d.empty("mets:FLocat", "LOCTYPE", "URL", "xlink:type", "simple", "xlink:href", f.Name)
			d.close("mets:file")
		}
		d.close("mets:fileGrp")
	}
	group("doc", "Documentation", []File{readMe})
	group("schema", "Schemas", []File{schema})
	group("rep1", "Representations", w.data, "csip:CONTENTINFORMATIONTYPE", "OTHER", "csip:OTHERCONTENTINFORMATIONTYPE", contentType)
	d.close("mets:fileSec")

	d.open("mets:structMap", "ID", "struct-1", "TYPE", "PHYSICAL", "LABEL", "CSIP")
	d.open("mets:div", "ID", "div-0", "LABEL", a.ID)
	d.empty("mets:div", "ID", "div-1", "LABEL", "Metadata", "ADMID", "prov-1", "DMDID", "dmd-1")
	for n, g := range []struct{ label, id string }{{"Documentation", "doc"}, {"Schemas", "schema"}, {"Representations", "rep1"}} {
		d.open("mets:div", "ID", fmt.Sprintf("div-%d", n+2), "LABEL", g.label)
		d.empty("mets:fptr", "FILEID", g.id)
		d.close("mets:div")
	}
	d.close("mets:div")
	d.close("mets:structMap")
	d.close("mets:mets")
	return d.Bytes()
}

// dublinCore says what the package is about.
func (w *Writer) dublinCore() []byte {
	a := w.about
	var d doc
	d.head()
	d.open("metadata", "xmlns:dc", "http://purl.org/dc/elements/1.1/")
	d.text("dc:title", a.Title)
	d.text("dc:creator", a.Creator)
	d.text("dc:publisher", a.Organisation)
	d.text("dc:identifier", a.ID)
	d.text("dc:description", a.Description)
	d.text("dc:source", a.System)
	d.text("dc:date", day(a.Made))
	if !a.From.IsZero() && !a.To.IsZero() {
		d.text("dc:coverage", day(a.From)+"/"+day(a.To))
	}
	d.text("dc:type", "Collection")
	d.text("dc:format", "application/json")
	d.close("metadata")
	return d.Bytes()
}

// premis says where the package comes from: what it is, what was done, by what.
func (w *Writer) premis() []byte {
	a := w.about
	var d doc
	identifier := func(what, value string) {
		d.open(what + "Identifier")
		d.text(what+"IdentifierType", "local")
		d.text(what+"IdentifierValue", value)
		d.close(what + "Identifier")
	}
	d.head()
	d.open("premis", "xmlns", "http://www.loc.gov/premis/v3", "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance", "version", "3.0")
	d.open("object", "xsi:type", "representation")
	identifier("object", a.ID)
	d.close("object")
	d.open("event")
	identifier("event", a.ID+"-1")
	d.text("eventType", "information package creation")
	d.text("eventDateTime", stamp(a.Made))
	d.open("eventDetailInformation")
	d.text("eventDetail", "Read out of "+a.System+" by rule, before erasure there.")
	d.close("eventDetailInformation")
	d.open("linkingAgentIdentifier")
	d.text("linkingAgentIdentifierType", "local")
	d.text("linkingAgentIdentifierValue", "gallra")
	d.close("linkingAgentIdentifier")
	d.open("linkingObjectIdentifier")
	d.text("linkingObjectIdentifierType", "local")
	d.text("linkingObjectIdentifierValue", a.ID)
	d.close("linkingObjectIdentifier")
	d.close("event")
	d.open("agent")
	identifier("agent", "gallra")
	d.text("agentName", "Gallra")
	d.text("agentType", "software")
	d.text("agentVersion", a.Version)
	d.close("agent")
	d.close("premis")
	return d.Bytes()
}
