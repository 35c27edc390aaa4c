//go:build unix

package main

import (
	"math"
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
