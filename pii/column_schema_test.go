package pii_test

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii"
)

// personalColumns are the columns of eight products' own schemas that hold a
// person's value as such, with its category; text, headers and blobs, whose
// names say nothing, are told by their values.
const personalColumns = `
osticket user name PERSON
osticket user_email address EMAIL
osticket user_account username USERNAME
osticket user_account passwd SECRET
osticket thread_entry poster PERSON
osticket thread_entry ip_address IP
osticket thread_event username USERNAME
osticket ticket ip_address IP
osticket session user_ip IP
osticket session user_agent DEVICE_ID
osticket syslog ip_address IP
znuny users login USERNAME
znuny users pw SECRET
znuny users first_name PERSON
znuny users last_name PERSON
znuny customer_user login USERNAME
znuny customer_user email EMAIL
znuny customer_user customer_id CUSTOMER_ID
znuny customer_user pw SECRET
znuny customer_user first_name PERSON
znuny customer_user last_name PERSON
znuny customer_user phone PHONE
znuny customer_user fax PHONE
znuny customer_user mobile PHONE
znuny customer_user street ADDRESS
znuny customer_user zip PLACE
znuny customer_user city PLACE
znuny service_customer_user customer_user_login USERNAME
znuny ticket customer_id CUSTOMER_ID
znuny ticket customer_user_id USERNAME
znuny article_data_mime a_from EMAIL
znuny article_data_mime a_reply_to EMAIL
znuny article_data_mime a_to EMAIL
znuny article_data_mime a_cc EMAIL
znuny article_data_mime a_bcc EMAIL
znuny article_data_otrs_chat chat_participant_name PERSON
znuny mail_queue sender EMAIL
znuny mail_queue recipient EMAIL
znuny ticket_loop_protection sent_to EMAIL
rt5 Users Name USERNAME
rt5 Users Password SECRET
rt5 Users AuthToken SECRET
rt5 Users EmailAddress EMAIL
rt5 Users RealName PERSON
rt5 Users NickName USERNAME
rt5 Users HomePhone PHONE
rt5 Users WorkPhone PHONE
rt5 Users MobilePhone PHONE
rt5 Users PagerPhone PHONE
rt5 Users Address1 ADDRESS
rt5 Users Address2 ADDRESS
rt5 Users City PLACE
rt5 Users Zip PLACE
freescout customers first_name PERSON
freescout customers last_name PERSON
freescout customers phones PHONE
freescout customers social_profiles USERNAME
freescout customers address ADDRESS
freescout customers city PLACE
freescout customers zip PLACE
freescout emails email EMAIL
freescout conversations customer_email EMAIL
freescout conversations cc EMAIL
freescout conversations bcc EMAIL
freescout threads from EMAIL
freescout threads to EMAIL
freescout threads cc EMAIL
freescout threads bcc EMAIL
freescout send_logs email EMAIL
freescout users emails EMAIL
freescout users phone PHONE
freescout users password SECRET
phpbb users user_ip IP
phpbb users username USERNAME
phpbb users username_clean USERNAME
phpbb users user_password SECRET
phpbb users user_newpasswd SECRET
phpbb users user_email EMAIL
phpbb users user_birthday DATE_OF_BIRTH
phpbb users user_from PLACE
phpbb users user_icq USERNAME
phpbb users user_jabber USERNAME
phpbb users reset_token SECRET
phpbb posts poster_ip IP
phpbb posts post_username USERNAME
phpbb sessions session_ip IP
phpbb sessions session_browser DEVICE_ID
phpbb sessions session_forwarded_for IP
phpbb sessions_keys last_ip IP
phpbb login_attempts attempt_ip IP
phpbb login_attempts attempt_browser DEVICE_ID
phpbb login_attempts attempt_forwarded_for IP
phpbb login_attempts username USERNAME
phpbb log log_ip IP
phpbb poll_votes vote_user_ip IP
flarum db_prefix_users username USERNAME
flarum db_prefix_users email EMAIL
flarum db_prefix_users password SECRET
flarum db_prefix_posts ip_address IP
flarum db_prefix_access_tokens last_ip_address IP
flarum db_prefix_access_tokens last_user_agent DEVICE_ID
flarum db_prefix_access_tokens token SECRET
flarum db_prefix_email_tokens email EMAIL
flarum db_prefix_email_tokens token SECRET
apache-answer user username USERNAME
apache-answer user pass SECRET
apache-answer user e_mail EMAIL
apache-answer user display_name PERSON
apache-answer user mobile PHONE
apache-answer user location PLACE
apache-answer user ip_info IP
chatwoot contacts name PERSON
chatwoot contacts email EMAIL
chatwoot contacts phone_number PHONE
chatwoot contacts identifier CUSTOMER_ID
chatwoot contacts middle_name PERSON
chatwoot contacts last_name PERSON
chatwoot contacts location PLACE
chatwoot audits username USERNAME
chatwoot audits remote_address IP
chatwoot users name PERSON
chatwoot users display_name PERSON
chatwoot users email EMAIL
chatwoot users unconfirmed_email EMAIL
chatwoot users encrypted_password SECRET
chatwoot users reset_password_token SECRET
chatwoot users otp_secret SECRET
chatwoot users otp_backup_codes SECRET
chatwoot users current_sign_in_ip IP
chatwoot users last_sign_in_ip IP
`

// TestColumnsByNameInRealSchemas: the personal columns of real products are
// recognised by table and name alone; the misses are printed.
func TestColumnsByNameInRealSchemas(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	total := 0
	for _, system := range []string{"osticket", "znuny", "rt5", "freescout", "phpbb", "flarum", "apache-answer", "chatwoot"} {
		f, err := os.Open(shareddata.Path(t, "data/schemas/"+system+"/columns.csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.FieldsPerRecord, r.LazyQuotes = -1, true
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			known[system+" "+row[0]+" "+row[1]] = true
			total++
		}
	}
	listed, right := 0, 0
	personal := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(personalColumns)) {
		f := strings.Fields(line)
		key := strings.Join(f[:3], " ")
		if !known[key] {
			t.Errorf("%s is in no schema", key)
			continue
		}
		listed++
		personal[key] = true
		c, ok := pii.ColumnIn(f[1], f[2])
		if ok && string(c) == f[3] {
			right++
		} else {
			t.Logf("missed: %s is %q, want %s", key, c, f[3])
		}
	}
	t.Logf("%d of %d recognised, in schemas of %d columns", right, listed, total)
	if 100*right < 97*listed {
		t.Errorf("%d of %d personal columns recognised by name", right, listed)
	}
}
