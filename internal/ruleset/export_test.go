package ruleset

// Complete opens complete to the tests.
var Complete = complete
