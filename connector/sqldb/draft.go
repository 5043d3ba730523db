package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

// Draft reads the schema of a database that has no profile and writes one to
// begin with: kinds and fields by their names, links by foreign keys and names.
// It reads no row. What it guessed is marked "look:"; nothing may be erased by it
// before somebody has looked.
func Draft(ctx context.Context, c connector.Config) (string, error) {
	name, dsn, d, err := driverOf(c)
	if err != nil {
		return "", err
	}
	db, err := sql.Open(name, dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	s := &Source{system: c.System, d: d, db: db, other: db, prefix: c.Option("prefix")}
	if s.have, err = s.readSchema(ctx); err != nil {
		return "", err
	}
	keys, err := s.primaryKeys(ctx)
	if err != nil {
		return "", err
	}
	foreign, err := s.foreignKeys(ctx)
	if err != nil {
		return "", err
	}
	w := drafter{prefix: s.prefix, have: s.have, keys: keys, foreign: foreign}
	return w.write(), nil
}

const (
	postgresKeys = `SELECT f.relname, a.attname FROM pg_constraint c JOIN pg_class f ON f.oid = c.conrelid JOIN pg_namespace n ON n.oid = f.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) WHERE c.contype = 'p' AND n.nspname = ANY(current_schemas(false)) ORDER BY 1, array_position(c.conkey, a.attnum)`
	mariadbKeys = `SELECT table_name, column_name FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND constraint_name = 'PRIMARY' ORDER BY 1, ordinal_position`
	sqliteKeys  = `SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND p.pk > 0 ORDER BY 1, p.pk`
)

func (s *Source) primaryKeys(ctx context.Context) (map[string][]string, error) {
	rows, err := s.db.QueryContext(ctx, map[dialect]string{postgres: postgresKeys, mariadb: mariadbKeys, sqlite: sqliteKeys}[s.d])
	if err != nil {
		return nil, s.fail("inspect", err)
	}
	defer rows.Close()
	out := map[string][]string{}
	for rows.Next() {
		var t, c string
		if err := rows.Scan(&t, &c); err != nil {
			return nil, s.fail("inspect", err)
		}
		out[t] = append(out[t], c)
	}
	return out, s.fail("inspect", rows.Err())
}

// drafter guesses a profile from names alone.
type drafter struct {
	prefix  string
	have    schema
	keys    map[string][]string
	foreign []foreignKey
}

// drafted is one table of a draft.
type drafted struct {
	name    string // without the prefix
	kind    connector.Kind
	key     []string
	parent  string
	column  string // that leads to the parent
	person  string
	toward  string // column that leads to the person
	guessed bool   // the link is by name
}

var kindWords = []struct {
	kind  connector.Kind
	words []string
}{
	{connector.KindTrace, []string{"history", "histories", "log", "logs", "audit", "audits", "draft", "drafts", "revision", "revisions", "index", "search", "session", "sessions", "cache", "queue", "token", "tokens", "version", "versions", "event", "events"}},
	{connector.KindAttachment, []string{"attachment", "attachments", "file", "files", "upload", "uploads", "document", "documents", "blob", "blobs"}},
	{connector.KindAgent, []string{"staff", "agent", "agents", "employee", "employees", "operator", "operators", "admin", "admins", "moderator", "moderators"}},
	{connector.KindMessage, []string{"message", "messages", "comment", "comments", "reply", "replies", "post", "posts", "article", "articles", "answer", "answers", "note", "notes", "entry", "entries", "email", "emails"}},
	{connector.KindConversation, []string{"ticket", "tickets", "conversation", "conversations", "case", "cases", "thread", "threads", "topic", "topics", "discussion", "discussions", "issue", "issues", "question", "questions", "chat", "chats", "request", "requests", "submission", "submissions"}},
	{connector.KindPerson, []string{"user", "users", "customer", "customers", "client", "clients", "contact", "contacts", "member", "members", "person", "persons", "people", "subscriber", "subscribers", "visitor", "visitors", "account", "accounts", "sender", "senders", "requester", "requesters"}},
}

// kindOf goes by the words of a table's name; the last word says most.
func kindOf(name string) connector.Kind {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for _, w := range slices.Backward(words) {
		for _, k := range kindWords {
			if slices.Contains(k.words, w) {
				return k.kind
			}
		}
	}
	return connector.KindRow
}

// tables returns what the draft speaks of, parents before children, and the rest.
func (w drafter) tables() (out []drafted, known []string) {
	in := map[string]bool{}
	for _, t := range slices.Sorted(maps.Keys(w.have)) {
		short, ok := strings.CutPrefix(t, w.prefix)
		if !ok {
			continue
		}
		if w.personal(t, short) || kindOf(short) != connector.KindRow && w.texts(t) {
			in[short] = true
		}
	}
	for _, f := range w.foreign { // what hangs on one of them belongs to it
		from, to := strings.TrimPrefix(f.from, w.prefix), strings.TrimPrefix(f.to, w.prefix)
		if in[to] && !in[from] && w.texts(f.from) {
			in[from] = true
		}
	}
	for _, t := range slices.Sorted(maps.Keys(w.have)) {
		short, ok := strings.CutPrefix(t, w.prefix)
		switch {
		case !ok:
		case !in[short]:
			known = append(known, short)
		default:
			out = append(out, w.table(t, short, in))
		}
	}
	return w.ordered(out), known
}

// personal reports whether a column's name says that it is about a person.
func (w drafter) personal(t, short string) bool {
	for n, c := range w.have[t] {
		if _, ok := pii.ColumnIn(short, n); ok && !c.numeric() && c.searchable() {
			return true
		}
	}
	return false
}

// texts reports whether a table has room for free text.
func (w drafter) texts(t string) bool {
	for _, c := range w.have[t] {
		if c.blob() || c.text() && (c.length == 0 || c.length >= 100) {
			return true
		}
	}
	return false
}

func (w drafter) table(t, short string, in map[string]bool) drafted {
	d := drafted{name: short, kind: kindOf(short), key: w.keys[t]}
	type link struct {
		to, column string
		guessed    bool
	}
	var links []link
	for _, f := range w.foreign {
		if to := strings.TrimPrefix(f.to, w.prefix); f.from == t && in[to] && to != short {
			links = append(links, link{to, f.column, false})
		}
	}
	for _, n := range slices.Sorted(maps.Keys(w.have[t])) {
		stem, ok := strings.CutSuffix(strings.ToLower(n), "_id")
		if !ok || slices.ContainsFunc(links, func(l link) bool { return l.column == n }) {
			continue
		}
		for to := range in {
			if x := strings.ToLower(to); to != short && (x == stem || x == stem+"s" || x == strings.TrimSuffix(stem, "y")+"ies" || strings.HasSuffix(x, "_"+stem) || strings.HasSuffix(x, "_"+stem+"s")) {
				if k := w.keys[w.prefix+to]; len(k) == 1 && w.have[w.prefix+to][k[0]].numeric() == w.have[t][n].numeric() {
					links = append(links, link{to, n, true})
				}
			}
		}
	}
	slices.SortFunc(links, func(a, b link) int {
		return cmp.Or(cmp.Compare(rankOf(kindOf(a.to), d.kind), rankOf(kindOf(b.to), d.kind)), strings.Compare(a.column, b.column))
	})
	for _, l := range links {
		k := kindOf(l.to)
		switch {
		case k == connector.KindAgent:
		case (k == connector.KindPerson) && (d.kind == connector.KindConversation || d.kind == connector.KindMessage):
			if d.person == "" {
				d.person, d.toward = l.to, l.column
				d.guessed = d.guessed || l.guessed
			}
		case d.kind != connector.KindConversation && d.kind != connector.KindPerson && d.kind != connector.KindAgent && d.parent == "":
			d.parent, d.column = l.to, l.column
			d.guessed = d.guessed || l.guessed
		}
	}
	if d.parent == "" && d.kind != connector.KindConversation && d.kind != connector.KindPerson && d.kind != connector.KindAgent && d.kind != connector.KindRow {
		if d.kind == connector.KindMessage {
			d.kind = connector.KindConversation // what stands alone is one
		} else {
			d.kind = connector.KindRow
		}
		d.guessed = true
	}
	if (d.kind == connector.KindConversation || d.kind == connector.KindPerson) && len(d.key) != 1 {
		d.kind, d.guessed = connector.KindRow, true
	}
	return d
}

// rankOf says which link is the way to the owner: the nearest kind above.
func rankOf(to, of connector.Kind) int {
	order := []connector.Kind{connector.KindMessage, connector.KindConversation, connector.KindPerson}
	if of == connector.KindMessage {
		order = order[1:]
	}
	if i := slices.Index(order, to); i >= 0 {
		return i
	}
	return len(order)
}

// ordered puts parents before children; a circle loses its link.
func (w drafter) ordered(list []drafted) []drafted {
	slices.SortStableFunc(list, func(a, b drafted) int { return weight(a.kind) - weight(b.kind) })
	var out []drafted
	placed := map[string]bool{}
	for len(list) > 0 {
		var later []drafted
		for _, d := range list {
			if (d.parent == "" || placed[d.parent]) && (d.person == "" || placed[d.person]) {
				out, placed[d.name] = append(out, d), true
			} else {
				later = append(later, d)
			}
		}
		if len(later) == len(list) {
			for i := range later {
				if !placed[later[i].parent] {
					later[i].parent, later[i].kind = "", connector.KindRow
				}
				if !placed[later[i].person] {
					later[i].person = ""
				}
				later[i].guessed = true
			}
		}
		list = later
	}
	for i, d := range out { // a person that turned out to be no person is none to point at
		if j := slices.IndexFunc(out, func(o drafted) bool { return o.name == d.person }); d.person != "" && out[j].kind != connector.KindPerson {
			out[i].person = ""
		}
	}
	return out
}

func weight(k connector.Kind) int {
	return slices.Index([]connector.Kind{connector.KindPerson, connector.KindAgent, connector.KindConversation, connector.KindMessage, connector.KindAttachment, connector.KindRow, connector.KindTrace}, k)
}

// the columns that tell a time, by what it is of.
var timeWords = []struct {
	key   string
	names []string
}{
	{"created", []string{"created_at", "created", "create_time", "date_created", "created_on", "added", "registered_at", "joined_at", "posted_at", "sent_at", "received_at", "date", "ts", "timestamp", "started_at"}},
	{"updated", []string{"updated_at", "updated", "change_time", "modified", "modified_at", "date_modified", "last_modified", "edited_at"}},
	{"contact", []string{"last_contact_at", "last_contact", "last_reply_at", "last_activity_at", "last_message_at", "last_posted_at"}},
	{"closed", []string{"closed_at", "closed", "resolved_at", "solved_at", "date_closed", "close_time", "ended_at"}},
}

var keepWords = []string{"status", "state", "priority", "channel", "queue", "department", "rating", "score", "category", "type", "is_closed", "direction", "source"}

func (w drafter) write() string {
	tables, known := w.tables()
	var b strings.Builder
	b.WriteString("# A draft, made of the names of tables and columns alone. Nothing was read. Go\n# through what says \"look:\", then run: gallra profile check\n")
	fmt.Fprintf(&b, "dataset:\n  - fides_key: draft\n    name: Draft\n    description: \"\"\n    meta:\n      gallra:\n        product: Draft # look: the product's name, its channel and time zone\n        channel: ticketing\n        timezone: UTC\n")
	fmt.Fprintf(&b, "        # look: tables without a column that looks personal. Leave here those that\n        # hold nothing about customers.\n        known: [%s]\n    collections:\n", strings.Join(known, ", "))
	for _, d := range tables {
		w.collection(&b, d)
	}
	return b.String()
}

func (w drafter) collection(b *strings.Builder, d drafted) {
	cols := w.have[w.prefix+d.name]
	fmt.Fprintf(b, "      - name: %s\n        meta:\n          gallra:\n            kind: %s%s\n", d.name, d.kind, map[bool]string{true: " # look: guessed by the name", false: ""}[d.guessed || d.kind == connector.KindRow])
	special := map[string]bool{}
	if len(d.key) > 0 {
		fmt.Fprintf(b, "            key: %s\n", map[bool]string{true: d.key[0], false: "[" + strings.Join(d.key, ", ") + "]"}[len(d.key) == 1])
	}
	for _, k := range d.key {
		special[k] = true
	}
	if d.parent != "" {
		fmt.Fprintf(b, "            parent: {type: %s, column: %s}\n", d.parent, d.column)
		special[d.column] = true
	}
	if d.person != "" {
		unlink := `"null"`
		if c := cols[d.toward]; !c.nullable {
			unlink = map[bool]string{true: "zero", false: "empty"}[c.numeric()] + " # look: what the product writes for nobody"
			fmt.Fprintf(b, "            person:\n              type: %s\n              column: %s\n              unlink: %s\n", d.person, d.toward, unlink)
		} else {
			fmt.Fprintf(b, "            person: {type: %s, column: %s, unlink: %s}\n", d.person, d.toward, unlink)
		}
		special[d.toward] = true
	}
	var times []string
	unix := false
	for _, t := range timeWords {
		for _, n := range t.names {
			if c, ok := cols[n]; ok && (!c.text() || w.prefix == "" && c.kind == "text") {
				times = append(times, t.key+": "+n)
				special[n], unix = true, unix || c.numeric()
				break
			}
		}
	}
	if unix {
		times = append(times, "encoding: unix")
	}
	if len(times) > 0 {
		fmt.Fprintf(b, "            times: {%s}\n", strings.Join(times, ", "))
	}
	var fields []string
	for _, n := range slices.Sorted(maps.Keys(cols)) {
		if f := field1(d, n, cols[n]); f != "" && !special[n] {
			fields = append(fields, "          - "+f+"\n")
		}
	}
	if len(fields) > 0 {
		b.WriteString("        fields:\n" + strings.Join(fields, ""))
	}
}

// field1 writes one field; "" for a column that holds neither text nor bytes.
func field1(d drafted, n string, c column) string {
	name := n
	if strings.ContainsAny(n, ":{}[],&*#?|-<>=!%@` ") {
		name = `"` + n + `"`
	}
	role := map[connector.Kind]string{connector.KindPerson: ", role: requester", connector.KindConversation: ", role: requester", connector.KindMessage: ", role: author", connector.KindAgent: ", role: agent"}[d.kind]
	if k, ok := pii.ColumnIn(d.name, n); ok && !c.numeric() && c.searchable() && !c.blob() {
		return fmt.Sprintf("{name: %s, data_categories: [%s], meta: {gallra: {category: %s%s}}}", name, k.Fides(), k, role)
	}
	lower := strings.ToLower(n)
	switch {
	case slices.Contains(keepWords, lower) && (c.numeric() || c.length > 0 && c.length < 100 || c.kind == "user-defined" || c.kind == "enum"):
		return fmt.Sprintf("{name: %s, meta: {gallra: {keep: true}}}", name)
	case c.blob():
		return fmt.Sprintf("{name: %s, data_categories: [user.content], meta: {gallra: {text: true, format: file}}}", name)
	case c.json():
		return fmt.Sprintf("{name: %s, data_categories: [user.content], meta: {gallra: {text: true, format: application/json}}}", name)
	case strings.Contains(lower, "header") && c.text():
		return fmt.Sprintf("{name: %s, data_categories: [user.content], meta: {gallra: {text: true, format: mail-headers}}}", name)
	case (strings.Contains(lower, "html") || lower == "body" || lower == "content" || lower == "message") && c.text():
		return fmt.Sprintf("{name: %s, data_categories: [user.content], meta: {gallra: {text: true, format: text/html}}}", name)
	case c.text():
		return fmt.Sprintf("{name: %s, data_categories: [user.content], meta: {gallra: {text: true}}}", name)
	}
	return ""
}
