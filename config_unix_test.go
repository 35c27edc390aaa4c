//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConfigGuarded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "certscan.yaml")
	if err := os.WriteFile(file, []byte("port: 443\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o664: false, 0o646: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfiguration(file); (err == nil) != good {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	for _, c := range []struct {
		owner, caller int
		good          bool
	}{{0, 1000, true}, {1000, 1000, true}, {1001, 1000, false}, {1000, 0, false}} {
		if err := ownedWell("f", c.owner, c.caller); (err == nil) != c.good {
			t.Errorf("owned by %d, read by %d: %v", c.owner, c.caller, err)
		}
	}
}
