//go:build unix

package main

import (
	"math"
	"os"
	"syscall"
)

// openFilesMax is how many files this process may have open. The Go runtime has raised the soft limit already.
func openFilesMax() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

// syncFolder makes a rename in a folder survive a power cut. A folder that cannot be synced is no trouble of the run.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // a folder may be writable and not readable
	}
	_ = f.Sync() // some file systems refuse it
	return f.Close()
}
