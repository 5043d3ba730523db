//go:build !unix

package mailfile

import (
	"os"
	"syscall"
)

const diskQuota = syscall.ENOSPC

const plainOnly = 0

func isLink(error) bool { return false }

func chownLike(*os.File, os.FileInfo) {}

func flock(*os.File) error { return nil }

func processLives(int) bool { return true }

func ignoreUnsupported(error) error { return nil }

func room(string) int64 { return 0 }
