package web

import "github.com/gallra/gallra/internal/auth"

// route is one address: who may ask for it, and what answers. Without a
// permission it is open to anybody.
type route struct {
	pattern string
	may     auth.Permission
	serve   func(*call) error
}

var routes = []route{
	{"GET /sign-in", "", (*call).signInForm},
	{"POST /sign-in", "", (*call).signIn},
	{"POST /sign-out", "", (*call).signOut},
	{"GET /setup", "", (*call).setupForm},
	{"POST /setup", "", (*call).setup},
	{"POST /language", "", (*call).setLanguage},
	{"GET /accessibility", "", (*call).accessibility},
	{"/", "", (*call).unknownPage},

	{"GET /{$}", auth.SeeOverview, (*call).overview},

	{"GET /inventory", auth.SeeInventory, (*call).inventoryPage},
	{"GET /inventory.csv", auth.SeeInventory, (*call).inventoryCSV},
	{"GET /inventory/{system}/{category}", auth.SeeInventory, (*call).findingsPage},

	{"POST /inventory/{system}/{category}", auth.SeePersonal, (*call).samplesPage},

	{"GET /systems", auth.SeeSystems, (*call).systemsPage},
	{"GET /systems/new", auth.EditSystems, (*call).newSystemPage},
	{"POST /systems", auth.EditSystems, (*call).addSystem},
	{"POST /systems/{system}/vendor", auth.EditSystems, (*call).saveVendor},
	{"GET /systems/{system}", auth.SeeSystems, (*call).systemPage},
	{"POST /systems/{system}/check", auth.EditSystems, (*call).checkSystem},
	{"POST /systems/{system}/scan", auth.EditSystems, (*call).scanSystem},

	{"GET /retention", auth.SeeRetention, (*call).retentionPage},
	{"GET /retention/rules/{rule}", auth.EditRules, (*call).rulePage},
	{"POST /retention/rules", auth.EditRules, (*call).saveRule},
	{"POST /retention/rules/{rule}/end", auth.EditRules, (*call).endRule},
	{"GET /retention/rules.yaml", auth.SeeRetention, (*call).rulesYAML},
	{"POST /retention/plans", auth.PlanRetention, (*call).makePlan},
	{"GET /retention/plans/{plan}", auth.SeeRetention, (*call).planPage},
	{"POST /retention/plans/{plan}/approve", auth.Approve, (*call).approvePlan},
	{"POST /retention/plans/{plan}/sample", auth.SeePersonal, (*call).samplePlan},
	{"POST /retention/plans/{plan}/run", auth.RunRetention, (*call).startRun},
	{"GET /retention/runs/{run}", auth.SeeRetention, (*call).runPage},
	{"GET /retention/runs/{run}/protocol", auth.SeeRetention, (*call).protocolPage},
	{"GET /retention/documents", auth.SeeRetention, (*call).documentsPage},
	{"POST /retention/documents/{document}", auth.SeeRetention, (*call).drawDocument},
	{"GET /retention/holds", auth.SeeRetention, (*call).holdsPage},
	{"POST /retention/holds", auth.HandleRequests, (*call).placeHold},
	{"POST /retention/holds/{hold}/release", auth.Approve, (*call).releaseHold},
	{"GET /retention/tasks", auth.SeeRetention, (*call).tasksPage},
	{"POST /retention/tasks/{task}/sign", auth.RunRetention, (*call).signTask},
	{"GET /retention/deliveries", auth.SeeRetention, (*call).deliveriesPage},
	{"POST /retention/deliveries/{delivery}/receipt", auth.RunRetention, (*call).receiveDelivery},
	{"POST /retention/stop", auth.RunRetention, (*call).stopAll},
	{"POST /retention/lift", auth.Approve, (*call).liftStop},

	{"GET /requests", auth.SeeRequests, (*call).requestsPage},
	{"GET /requests/new", auth.HandleRequests, (*call).newRequestPage},
	{"POST /requests", auth.HandleRequests, (*call).registerRequest},
	{"GET /letters", auth.SeeRequests, (*call).lettersPage},
	{"POST /letters", auth.HandleRequests, (*call).writeLetter},
	{"POST /letters/{letter}/{step}", auth.HandleRequests, (*call).stepLetter},
	{"GET /alarms", auth.SeeRequests, (*call).alarmsPage},
	{"POST /alarms/check", auth.HandleRequests, (*call).checkAlarms},
	{"POST /alarms/{alarm}", auth.HandleRequests, (*call).decideAlarm},
	{"POST /alarms/{alarm}/replay", auth.Approve, (*call).replayAlarm},
	{"GET /requests/{request}", auth.SeeRequests, (*call).casePage},
	{"POST /requests/{request}/reveal", auth.SeePersonal, (*call).revealCase},

	{"POST /requests/{request}/read", auth.SeePersonal, (*call).readItem},
	{"POST /requests/{request}/fetch", auth.SeePersonal, (*call).fetchPackage},
	{"GET /requests/{request}/certificate", auth.SeeRequests, (*call).certificatePage},

	{"GET /statistics", auth.SeeStatistics, (*call).statisticsPage},
	{"GET /statistics/live", auth.SeeStatistics, (*call).liveStatistics},
	{"GET /statistics.csv", auth.SeeStatistics, (*call).statisticsCSV},

	{"GET /evidence", auth.SeeEvidence, (*call).evidencePage},
	{"GET /evidence/verify", auth.SeeEvidence, (*call).verifyPage},
	{"POST /evidence/export", auth.SeeEvidence, (*call).exportEvidence},

	{"GET /settings", auth.ManageAccounts, (*call).settingsPage},
	{"POST /settings/accounts", auth.ManageAccounts, (*call).addAccount},
	{"POST /settings/accounts/{account}/{change}", auth.ManageAccounts, (*call).changeAccount},
	{"POST /settings/sessions/{session}/end", auth.ManageAccounts, (*call).endSession},

	{"GET /account", auth.OwnAccount, (*call).accountPage},
	{"POST /account/password", auth.OwnAccount, (*call).changePassword},
	{"POST /account/tokens", auth.OwnAccount, (*call).issueToken},
	{"POST /account/tokens/{token}/end", auth.OwnAccount, (*call).revokeToken},
	{"POST /account/sessions/{session}/end", auth.OwnAccount, (*call).endOwnSession},

	{"GET /work/{work}/live", auth.SeeOverview, (*call).liveWork},
	{"POST /work/{work}/{wish}", auth.SeeOverview, (*call).brakeWork},
}

func init() {
	for name, step := range caseSteps {
		routes = append(routes, route{"POST /requests/{request}/" + name, step.may, step.serve})
	}
}
