package retention

// LastBackup is what a journal's end is reckoned from.
var LastBackup = (*Protocol).lastBackup
