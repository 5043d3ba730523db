package pii

// loadTagger returns the tagger of names, places and the like.
func loadTagger() (tagger, error) { return nil, nil }
