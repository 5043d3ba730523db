package names

func (m *Model) addresses(w *work) {}
