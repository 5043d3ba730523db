package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/archive"
)

// node is an XML element with everything below it, names with their namespace.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// at returns the elements at a path below n.
func (n node) at(path string) []node {
	list := []node{n}
	for _, step := range strings.Split(path, "/") {
		var next []node
		for _, x := range list {
			for _, c := range x.Nodes {
				if c.XMLName.Local == step {
					next = append(next, c)
				}
			}
		}
		list = next
	}
	return list
}

func made(t *testing.T) map[string][]byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.New(&b, archive.About{ID: "run-7-0-0", Title: "Ärenden & <mejl>", Organisation: "Exempelkommun", Number: "212000-0000", Creator: "Servicenämnden", Preserver: "Stadsarkivet", Agreement: "SA 2025/14", Reference: "SE/EX/1",
		System: "arenden", Version: "1.0", Made: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), From: time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)})
	for _, name := range []string{"000001/0001.eml", "000001/record.json", "000002/0001.pdf"} {
		if _, err := w.Add(name, func(w io.Writer) error { _, err := io.WriteString(w, "innehåll "+name); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// SE-11: what a package must have by CSIP 2.1.0 and SIP 2.1.0, the requirements
// of level MUST and those SHOULD that do not depend on an agreement, by their ids.
func TestSE11_PackageHasWhatTheSpecificationsAsk(t *testing.T) {
	t.Parallel()
	files := made(t)
	var m node
	if err := xml.Unmarshal(files["run-7-0-0/METS.xml"], &m); err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	var walk func(node)
	walk = func(n node) {
		if id := n.attr("ID"); id != "" {
			ids[id]++
		}
		for _, c := range n.Nodes {
			walk(c)
		}
	}
	walk(m)
	one := func(list []node) node {
		if len(list) != 1 {
			t.Fatalf("%d elements where one is asked for: %+v", len(list), list)
		}
		return list[0]
	}
	head, structure := one(m.at("metsHdr")), one(m.at("structMap"))
	agents := func(role, typ string) (out []node) {
		for _, a := range head.at("agent") {
			if a.attr("ROLE") == role && a.attr("TYPE") == typ {
				out = append(out, a)
			}
		}
		return out
	}
	div := func(label string) node {
		var out []node
		for _, d := range one(structure.at("div")).at("div") {
			if d.attr("LABEL") == label {
				out = append(out, d)
			}
		}
		return one(out)
	}
	all := func(list []node, attrs ...string) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(n node) bool {
			return slices.ContainsFunc(attrs, func(a string) bool { return n.attr(a) == "" })
		})
	}
	software := one(agents("CREATOR", "OTHER"))
	uses := func(use string) node {
		var out []node
		for _, g := range m.at("fileSec/fileGrp") {
			if g.attr("USE") == use {
				out = append(out, g)
			}
		}
		return one(out)
	}
	described := []string{"MIMETYPE", "SIZE", "CREATED", "CHECKSUM", "CHECKSUMTYPE"}
	for id, ok := range map[string]bool{
		"CSIP1":      m.attr("OBJID") == "run-7-0-0",
		"CSIP2":      m.attr("TYPE") != "" && m.attr("OTHERTYPE") != "",
		"CSIP4":      m.attr("CONTENTINFORMATIONTYPE") == "OTHER" && m.attr("OTHERCONTENTINFORMATIONTYPE") != "",
		"CSIP6/SIP2": m.attr("PROFILE") == "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml",
		"CSIP7":      head.attr("CREATEDATE") != "",
		"CSIP8":      head.attr("LASTMODDATE") != "",
		"CSIP9/SIP4": head.attr("OAISPACKAGETYPE") == "SIP",
		"CSIP12":     software.attr("OTHERTYPE") == "SOFTWARE",
		"CSIP14":     one(software.at("name")).Text == "Gallra",
		"CSIP15":     one(software.at("note")).Text == "1.0",
		"CSIP16":     one(software.at("note")).attr("NOTETYPE") == "SOFTWARE VERSION",
		"SIP5":       head.at("altRecordID")[0].attr("TYPE") == "SUBMISSIONAGREEMENT" && head.at("altRecordID")[0].Text == "SA 2025/14",
		"SIP7":       head.at("altRecordID")[1].attr("TYPE") == "REFERENCECODE" && head.at("altRecordID")[1].Text == "SE/EX/1",
		"SIP10":      one(one(agents("ARCHIVIST", "ORGANIZATION")).at("name")).Text == "Servicenämnden",
		"SIP16":      one(one(agents("CREATOR", "ORGANIZATION")).at("name")).Text == "Exempelkommun",
		"SIP20":      one(one(agents("CREATOR", "ORGANIZATION")).at("note")).attr("NOTETYPE") == "IDENTIFICATIONCODE",
		"SIP28":      one(one(agents("PRESERVATION", "ORGANIZATION")).at("name")).Text == "Stadsarkivet",
		"CSIP17":     all(m.at("dmdSec"), "ID", "CREATED", "STATUS") && all(m.at("dmdSec/mdRef"), append(described, "MDTYPE", "href", "LOCTYPE", "type")...),
		"CSIP32":     all(m.at("amdSec/digiprovMD"), "ID", "STATUS") && all(m.at("amdSec/digiprovMD/mdRef"), append(described, "MDTYPE", "href", "LOCTYPE", "type")...),
		"CSIP59":     one(m.at("fileSec")).attr("ID") != "",
		"CSIP60":     all(uses("Documentation").at("file"), described...),
		"CSIP113":    all(uses("Schemas").at("file"), described...),
		"CSIP114":    len(uses("Representations").at("file")) == 3 && uses("Representations").attr("CONTENTINFORMATIONTYPE") == "OTHER",
		"CSIP65":     all(m.at("fileSec/fileGrp"), "ID", "USE"),
		"CSIP67":     all(m.at("fileSec/fileGrp/file"), append(described, "ID")...),
		"CSIP77":     all(m.at("fileSec/fileGrp/file/FLocat"), "LOCTYPE", "type", "href"),
		"CSIP81":     structure.attr("TYPE") == "PHYSICAL" && structure.attr("LABEL") == "CSIP" && structure.attr("ID") != "",
		"CSIP91":     ids[div("Metadata").attr("ADMID")] == 1 && ids[div("Metadata").attr("DMDID")] == 1,
		"CSIP96":     one(div("Documentation").at("fptr")).attr("FILEID") == uses("Documentation").attr("ID"),
		"CSIP100":    one(div("Schemas").at("fptr")).attr("FILEID") == uses("Schemas").attr("ID"),
		"CSIP104":    one(div("Representations").at("fptr")).attr("FILEID") == uses("Representations").attr("ID"),
	} {
		if !ok {
			t.Errorf("%s is not met", id)
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%d elements have the id %s", n, id)
		}
	}
	order := []string{"metsHdr", "dmdSec", "amdSec", "fileSec", "structMap"} // as the METS schema has it
	for n, c := range m.Nodes {
		if c.XMLName.Local != order[n] || c.XMLName.Space != "http://www.loc.gov/METS/" {
			t.Errorf("%d: %v", n, c.XMLName)
		}
	}
	for _, name := range []string{"metadata/descriptive/dc.xml", "metadata/preservation/premis.xml"} {
		var x node
		if err := xml.Unmarshal(files["run-7-0-0/"+name], &x); err != nil || len(x.Nodes) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var schema map[string]any
	if err := json.Unmarshal(files["run-7-0-0/schemas/record.schema.json"], &schema); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(files["run-7-0-0/METS.xml"]), "Ärenden &amp; &lt;mejl&gt;") {
		t.Error("text is not escaped")
	}
}

func TestSE11_Receipts(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("ab", 32)
	for text, want := range map[string]archive.Receipt{
		`{"package": "p", "sha256": "` + strings.ToUpper(sum) + `", "accepted": true, "reference": "7"}`: {Package: "p", SHA256: sum, Accepted: true, Reference: "7"},
		"\ufeff" + `{"package": "p", "sha256": "` + sum + `", "accepted": false, "note": "trasig"}`:      {Package: "p", SHA256: sum, Note: "trasig"},
		sum + "  p.zip\n":               {Package: "p", SHA256: sum, Accepted: true},
		sum + " *C:\\inkorg\\p.zip\r\n": {Package: "p", SHA256: sum, Accepted: true},
	} {
		if got, err := archive.ReadReceipt([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{", sum, sum[:60] + "  p.zip", `{"package": "p", "sha256": "x", "accepted": true}`, `{"sha256": "` + sum + `", "accepted": true}`, `{"package": "p", "sha256": "` + sum + `", "accepted": "yes"}`, `{"package": "p", "sha256": "` + sum + `", "ok": true}`, sum + "  p.zip\n" + sum + "  q.zip"} {
		if got, err := archive.ReadReceipt([]byte(text)); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%q was believed: %+v", text, got)
		}
	}
}

func FuzzReadReceipt(f *testing.F) {
	f.Add([]byte(`{"package": "p", "sha256": "00", "accepted": true}`))
	f.Add([]byte(strings.Repeat("0", 64) + "  p.zip"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := archive.ReadReceipt(b); err == nil && (r.Package == "" || !archive.Sum(r.SHA256)) {
			t.Fatalf("%q: %+v", b, r)
		}
	})
}

func TestSE11_EndingsAreNotPersonal(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Annas avtal.PDF": ".pdf", "brev": ".bin", "a.Anna Lindqvist": ".bin", "a.anna-li": ".bin", "x.docx": ".docx", "": ".bin", ".pdf": ".pdf", "a.lindqvist": ".bin"} {
		if got := archive.Extension(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
