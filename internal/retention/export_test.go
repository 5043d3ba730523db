package retention

// LastBackup is what a journal's end is reckoned from.
var LastBackup = (*Protocol).lastBackup

// InHand is a lane's part of what is held in memory at a time.
func InHand(e *Engine, n int) int { return e.inHand(n) }
