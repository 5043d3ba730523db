package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

const password = "sju tallar i vinden"

type setup struct {
	*auth.Auth
	db  *store.DB
	now time.Time
}

func each(t *testing.T, f func(t *testing.T, s *setup)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &setup{db: db, now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
		db.Now = func() time.Time { return s.now }
		s.Auth = auth.New(db, auth.Limits{})
		f(t, s)
	})
}

func (s *setup) account(t *testing.T, username string, role auth.Role) auth.Account {
	t.Helper()
	a, err := s.Create(context.Background(), auth.NewAccount{Username: username, Name: "Test " + username, Password: password, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *setup) signIn(t *testing.T, username string) string {
	t.Helper()
	token, _, err := s.SignIn(context.Background(), username, password, "Firefox")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// The matrix is written out here by hand, so that a change of it is a decision.
func TestS22_X7_PermissionMatrix(t *testing.T) {
	t.Parallel()
	want := map[auth.Permission]string{
		auth.SeeOverview:    "agent approver dpo admin auditor",
		auth.SeeInventory:   "agent approver dpo admin auditor",
		auth.SeeSystems:     "agent approver dpo admin auditor",
		auth.EditSystems:    "admin",
		auth.SeeRetention:   "agent approver dpo admin auditor",
		auth.EditRules:      "approver",
		auth.PlanRetention:  "agent approver",
		auth.Approve:        "approver",
		auth.RunRetention:   "agent approver",
		auth.SeeRequests:    "agent approver dpo",
		auth.HandleRequests: "agent approver",
		auth.DecideRequests: "approver",
		auth.ApprovePauses:  "dpo",
		auth.SeePersonal:    "agent approver",
		auth.SeeStatistics:  "agent approver dpo admin auditor",
		auth.SeeEvidence:    "approver dpo auditor",
		auth.ManageAccounts: "admin",
		auth.OwnAccount:     "agent approver dpo admin auditor",
	}
	for _, p := range auth.Permissions() {
		var got []string
		for _, r := range auth.Roles() {
			if auth.Can(r, p) {
				got = append(got, string(r))
			}
		}
		if s := strings.Join(got, " "); s != want[p] {
			t.Errorf("%s: %q may, want %q", p, s, want[p])
		}
	}
	if len(want) != len(auth.Permissions()) {
		t.Errorf("%d permissions, the table names %d", len(auth.Permissions()), len(want))
	}
	if auth.Can("", auth.SeeOverview) || auth.Can("root", auth.ManageAccounts) {
		t.Error("an unknown role may do something")
	}
}

func TestX6_SignInAndOut(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		want := s.account(t, "Karin", auth.Agent)
		if _, _, err := s.SignIn(ctx, "karin", password+"x", ""); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("wrong password: %v", err)
		}
		if _, _, err := s.SignIn(ctx, "nobody", password, ""); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("unknown account: %v", err)
		}
		token := s.signIn(t, " KARIN ")
		acc, _, err := s.Session(ctx, token)
		if err != nil || acc.ID != want.ID || acc.Role != auth.Agent {
			t.Fatalf("session of %+v: %v", acc, err)
		}
		if err := s.SignOut(ctx, token); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, token); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("after signing out: %v", err)
		}
	})
}

// What the database keeps must not open anything.
func TestX6_NeitherPasswordNorTokenIsStored(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		s.account(t, "karin", auth.Agent)
		token := s.signIn(t, "karin")
		var hashed, stored string
		if err := s.db.QueryRow(`SELECT password FROM account`).Scan(&hashed); err != nil {
			t.Fatal(err)
		}
		if err := s.db.QueryRow(`SELECT token FROM session`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(hashed, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hashed, password) {
			t.Errorf("password stored as %q", hashed)
		}
		if len(stored) != 64 || stored == token || len(token) != 43 {
			t.Errorf("token of %d characters stored as %d", len(token), len(stored))
		}
		if _, _, err := s.Session(context.Background(), stored); err == nil {
			t.Error("the stored digest opens the session")
		}
	})
}

func TestX6_LockAfterFiveFailures(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		acc := s.account(t, "karin", auth.Agent)
		for range 5 {
			_, _, _ = s.SignIn(ctx, "karin", "fel lösenord här", "")
		}
		if _, _, err := s.SignIn(ctx, "karin", password, ""); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("locked account signed in: %v", err)
		}
		s.now = s.now.Add(5*time.Minute + time.Second)
		if _, _, err := s.SignIn(ctx, "karin", "fel lösenord här", ""); err == nil {
			t.Fatal("wrong password accepted")
		}
		s.now = s.now.Add(9 * time.Minute) // the second lock is twice as long
		if _, _, err := s.SignIn(ctx, "karin", password, ""); err == nil {
			t.Fatal("the lock did not grow")
		}
		if err := s.Enable(ctx, acc.ID); err != nil {
			t.Fatal(err)
		}
		s.signIn(t, "karin")
		for range 4 { // success has set the count to zero
			_, _, _ = s.SignIn(ctx, "karin", "fel lösenord här", "")
		}
		s.signIn(t, "karin")
	})
}

func TestX6_SessionTimeouts(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		s.account(t, "karin", auth.Agent)
		token := s.signIn(t, "karin")
		for range 20 { // used every 29 minutes it lives, until it is ten hours old
			s.now = s.now.Add(29 * time.Minute)
			if _, _, err := s.Session(ctx, token); err != nil {
				t.Fatalf("used session ended: %v", err)
			}
		}
		s.now = s.now.Add(29 * time.Minute)
		if _, _, err := s.Session(ctx, token); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("session of %v: %v", 21*29*time.Minute, err)
		}
		token = s.signIn(t, "karin")
		s.now = s.now.Add(31 * time.Minute)
		if _, _, err := s.Session(ctx, token); !errors.Is(err, gallra.ErrAuth) {
			t.Fatalf("idle session: %v", err)
		}
	})
}

func TestX6_ListAndRevoke(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		karin, lars := s.account(t, "karin", auth.Agent), s.account(t, "lars", auth.Approver)
		first, second := s.signIn(t, "karin"), s.signIn(t, "karin")
		other := s.signIn(t, "lars")
		list, err := s.Sessions(ctx, karin.ID)
		if err != nil || len(list) != 2 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		_, ses, err := s.Session(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Revoke(ctx, ses.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, first); err == nil {
			t.Error("revoked session lives")
		}
		if _, _, err := s.Session(ctx, second); err != nil {
			t.Errorf("the other session ended too: %v", err)
		}
		if err := s.Disable(ctx, lars.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, other); err == nil {
			t.Error("session of a closed account lives")
		}
		if _, _, err := s.SignIn(ctx, "lars", password, ""); !errors.Is(err, gallra.ErrAuth) {
			t.Errorf("closed account signed in: %v", err)
		}
	})
}

// A new role must not be used through an old session.
func TestX7_ChangeOfRoleEndsSessions(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		s.account(t, "admin", auth.Admin)
		karin := s.account(t, "karin", auth.Approver)
		token := s.signIn(t, "karin")
		if err := s.SetRole(ctx, karin.ID, auth.Auditor); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(ctx, token); err == nil {
			t.Error("the session outlived the role")
		}
		if acc, _ := s.Account(ctx, karin.ID); acc.Can(auth.Approve) {
			t.Error("an auditor approves")
		}
	})
}

func TestX6_LastAdministratorStays(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		one, err := s.CreateFirst(ctx, auth.NewAccount{Username: "one", Name: "One", Password: password})
		if err != nil || one.Role != auth.Admin {
			t.Fatal(one, err)
		}
		if _, err := s.CreateFirst(ctx, auth.NewAccount{Username: "two", Name: "Two", Password: password}); !errors.Is(err, gallra.ErrConflict) {
			t.Fatalf("set up twice: %v", err)
		}
		if err := s.Disable(ctx, one.ID); !errors.Is(err, gallra.ErrBlocked) {
			t.Fatalf("last administrator closed: %v", err)
		}
		if err := s.SetRole(ctx, one.ID, auth.Agent); !errors.Is(err, gallra.ErrBlocked) {
			t.Fatalf("last administrator became an agent: %v", err)
		}
		s.account(t, "two", auth.Admin)
		if err := s.Disable(ctx, one.ID); err != nil {
			t.Fatal(err)
		}
	})
}

func TestX6_Refusals(t *testing.T) {
	each(t, func(t *testing.T, s *setup) {
		ctx := context.Background()
		acc := s.account(t, "karin", auth.Agent)
		for name, n := range map[string]auth.NewAccount{
			"auth.username_taken":    {Username: "Karin", Name: "K", Password: password, Role: auth.Agent},
			"auth.username":          {Username: "ka rin", Name: "K", Password: password, Role: auth.Agent},
			"auth.name":              {Username: "k2", Name: " ", Password: password, Role: auth.Agent},
			"auth.role":              {Username: "k2", Name: "K", Password: password, Role: "boss"},
			"auth.password_short":    {Username: "k2", Name: "K", Password: "elva tecken", Role: auth.Agent},
			"auth.password_long":     {Username: "k2", Name: "K", Password: strings.Repeat("x", 300), Role: auth.Agent},
			"auth.password_username": {Username: "kalle", Name: "K", Password: "Kalle kalle kalle", Role: auth.Agent},
		} {
			_, err := s.Create(ctx, n)
			var e *gallra.Error
			if !errors.As(err, &e) || e.Key != name {
				t.Errorf("want %s, got %v", name, err)
			}
		}
		if err := s.ChangePassword(ctx, acc.ID, "fel", "ett helt nytt lösenord"); !errors.Is(err, gallra.ErrAuth) {
			t.Errorf("changed without the old password: %v", err)
		}
		if err := s.ChangePassword(ctx, acc.ID, password, "ett helt nytt lösenord"); err != nil {
			t.Error(err)
		}
		if _, _, err := s.SignIn(ctx, "karin", password, ""); err == nil {
			t.Error("the old password still works")
		}
	})
}
