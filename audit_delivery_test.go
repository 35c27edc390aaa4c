package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestManagerFiles holds that each manager has a file of his own inside the folder, whatever his name is.
func TestManagerFiles(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	want := map[string]string{"north": "north", "anna.berg@example.net": "anna.berg@example.net", "": "no-manager", "Ольга": "Ольга"}
	seen := map[string]string{}
	for _, manager := range []string{
		"north", "anna.berg@example.net", "", "Ольга", "North", "no-manager", "../../etc/passwd", "..", ".", "-rf", "a/b", "a\\b", "a b", "a_b", "CON", "con.txt",
		"x\x00y", "x\x1b[2Jy", "\u202egnp.exe", strings.Repeat("long", 100), strings.Repeat("long", 101), " ", "c:evil", "\xff",
	} {
		file := fileOf(manager, taken)
		if expect, plain := want[manager]; plain && file != expect {
			t.Errorf("%q: %q, want %q", manager, file, expect)
		}
		if other, twice := seen[strings.ToLower(file)]; twice {
			t.Errorf("%q and %q share %q", manager, other, file)
		}
		seen[strings.ToLower(file)] = manager
		if filepath.Dir(filepath.Join("out", file)) != "out" || len(file) > 255 || strings.ContainsAny(file, "/\\:\x00\x1b \u202e") || file[0] == '.' || file[0] == '-' {
			t.Errorf("%q: %q", manager, file)
		}
	}
}
