package safefile

import (
	"io"
	"sync/atomic"
)

// Step names a step of a rewrite that the file system can fail at.
type Step string

// The steps, in order.
const (
	StepCreate Step = "create"
	StepWrite  Step = "write" // each write of a buffer
	StepSync   Step = "sync"
	StepRename Step = "rename"
	StepFolder Step = "folder" // bringing the folder to disk, after the rename
	StepRemove Step = "remove" // of a file, by a connector whose records are files
)

var failing atomic.Pointer[func(Step) error]

// Fail lets tests make the file system fail: f is asked before each step and
// its error is the step's; nil ends it. A write that fails has written half of
// what it was given, as on a disk that is full.
func Fail(f func(Step) error) {
	if f == nil {
		failing.Store(nil)
		return
	}
	failing.Store(&f)
}

// At returns the error that Fail has for a step.
func At(s Step) error {
	if f := failing.Load(); f != nil {
		return (*f)(s)
	}
	return nil
}

// Writer returns w, failing as Fail says.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

func (w writer) Write(b []byte) (int, error) {
	if err := At(StepWrite); err != nil {
		n, _ := w.w.Write(b[:len(b)/2]) // the error to tell is the other
		return n, err
	}
	return w.w.Write(b)
}
