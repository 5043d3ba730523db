package names

func (w *work) lexicon() {}
