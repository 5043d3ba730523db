// Package all registers every connector of the product.
package all

import (
	_ "github.com/gallra/gallra/connector/chatwoot"   // Chatwoot
	_ "github.com/gallra/gallra/connector/discourse"  // Discourse
	_ "github.com/gallra/gallra/connector/dixa"       // Dixa
	_ "github.com/gallra/gallra/connector/freshdesk"  // Freshdesk
	_ "github.com/gallra/gallra/connector/gmail"      // Gmail
	_ "github.com/gallra/gallra/connector/imap"       // mailboxes
	_ "github.com/gallra/gallra/connector/intercom"   // Intercom
	_ "github.com/gallra/gallra/connector/kundo"      // Kundo, read only
	_ "github.com/gallra/gallra/connector/mailfile"   // mbox, Maildir, EML
	_ "github.com/gallra/gallra/connector/manual"     // places worked by hand
	_ "github.com/gallra/gallra/connector/metaexport" // exports of Instagram and Facebook
	_ "github.com/gallra/gallra/connector/msgraph"    // Microsoft 365 mail
	_ "github.com/gallra/gallra/connector/sqldb"      // databases
	_ "github.com/gallra/gallra/connector/table"      // CSV, JSON lines, Excel
	_ "github.com/gallra/gallra/connector/xexport"    // archives of X
	_ "github.com/gallra/gallra/connector/zammad"     // Zammad
	_ "github.com/gallra/gallra/connector/zendesk"    // Zendesk Support
)
