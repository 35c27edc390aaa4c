//go:build !linux

package dns

// withoutSegments is nothing where nothing is batched.
func withoutSegments(link) {}
