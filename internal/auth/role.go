// Package auth says who may do what: accounts with argon2id passwords, sessions
// that can be listed and revoked, a lock against guessing, and one permission
// matrix for the pages and the API (REQUIREMENTS ).
//
// Two rules shape the matrix. An agent plans a retention run but never approves
// one (S22), and an administrator runs accounts and systems but sees no
// customer's data.
package auth

import "slices"

// Role is what an account is for. An account has exactly one: a person with
// two jobs has two accounts, so that four eyes stay four.
type Role string

// The roles.
const (
	Agent    Role = "agent"    // handläggare: plans runs, works with requests
	Approver Role = "approver" // godkännare, the manager: approves runs and decisions
	DPO      Role = "dpo"      // dataskyddsombud: sees everything but customers' content, approves pauses of the clock
	Admin    Role = "admin"    // systems and accounts, no content
	Auditor  Role = "auditor"  // revisor: reads reports and evidence
)

// Roles returns every role in the order they are shown.
func Roles() []Role { return []Role{Agent, Approver, DPO, Admin, Auditor} }

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Permission is one thing that can be allowed.
type Permission string

// The permissions. Those named See give numbers and pointers only, except
// SeePersonal.
const (
	SeeOverview    Permission = "see_overview"
	SeeInventory   Permission = "see_inventory"
	SeeSystems     Permission = "see_systems"
	EditSystems    Permission = "edit_systems" // connect, test, scan
	SeeRetention   Permission = "see_retention"
	EditRules      Permission = "edit_rules"
	PlanRetention  Permission = "plan_retention"
	Approve        Permission = "approve_retention"
	RunRetention   Permission = "run_retention"  // start, pause, stop what another has approved
	SeeRequests    Permission = "see_requests"   // the list, dates and state
	HandleRequests Permission = "handle_request" // register, search, review, deliver
	DecideRequests Permission = "decide_request"
	ApprovePauses  Permission = "approve_pauses" // find that a request's clock did stand still
	SeePersonal    Permission = "see_personal"   // customers' values in a case, masked until revealed
	SeeStatistics  Permission = "see_statistics"
	SeeEvidence    Permission = "see_evidence" // log, verification, export
	ManageAccounts Permission = "manage_accounts"
	OwnAccount     Permission = "own_account" // one's password and sessions
)

// Permissions returns every permission in the order they are shown.
func Permissions() []Permission {
	return []Permission{
		SeeOverview, SeeInventory, SeeSystems, EditSystems,
		SeeRetention, EditRules, PlanRetention, Approve, RunRetention,
		SeeRequests, HandleRequests, DecideRequests, ApprovePauses, SeePersonal,
		SeeStatistics, SeeEvidence, ManageAccounts, OwnAccount,
	}
}

// matrix is the only place that says what a role may.
var matrix = map[Role][]Permission{
	Agent: {
		SeeOverview, SeeInventory, SeeSystems, SeeRetention, PlanRetention, RunRetention,
		SeeRequests, HandleRequests, SeePersonal, SeeStatistics, OwnAccount,
	},
	Approver: {
		SeeOverview, SeeInventory, SeeSystems, SeeRetention, EditRules, PlanRetention, Approve, RunRetention,
		SeeRequests, HandleRequests, DecideRequests, SeePersonal, SeeStatistics, SeeEvidence, OwnAccount,
	},
	DPO: {
		SeeOverview, SeeInventory, SeeSystems, SeeRetention, SeeRequests, ApprovePauses, SeeStatistics, SeeEvidence, OwnAccount,
	},
	Admin: {
		SeeOverview, SeeInventory, SeeSystems, EditSystems, SeeRetention, SeeStatistics, ManageAccounts, OwnAccount,
	},
	Auditor: {
		SeeOverview, SeeInventory, SeeSystems, SeeRetention, SeeStatistics, SeeEvidence, OwnAccount,
	},
}

// Can reports whether role may do p. An unknown role may do nothing.
func Can(role Role, p Permission) bool { return slices.Contains(matrix[role], p) }
