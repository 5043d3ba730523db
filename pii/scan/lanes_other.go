//go:build !amd64

package scan

func lanesVector(*cues, *automaton, string, int) bool { panic("no vector instructions") }
