//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// guarded refuses a file that somebody other than root and the caller could have written.
func guarded(file string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("mode %04o lets others than its owner write it: run chmod go-w %s", info.Mode().Perm(), file)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return ownedWell(file, int(stat.Uid), os.Geteuid())
	}
	return nil
}

func ownedWell(file string, owner, caller int) error {
	if owner != 0 && owner != caller {
		return fmt.Errorf("owned by user %d, who is neither root nor you (%d): run chown root %s, or name a file of your own with --config", owner, caller, file)
	}
	return nil
}
