//go:build !unix

package main

import "math"

// openFilesMax is how many files this process may have open: as good as any number.
func openFilesMax() int { return math.MaxInt32 }

// syncFolder does nothing: a folder cannot be synced here.
func syncFolder(string) error { return nil }
