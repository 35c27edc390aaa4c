//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certscan/dns"
)

func TestErrorsOfProviders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"STATE_DIRECTORY": dir}[name]
		return v, ok
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, notes bytes.Buffer
	got := run(ctx, []string{"certscan", "providers", "update", "--resolver", "127.0.0.1:1"}, streams{out: &out, err: &notes, env: env})
	lines := strings.Split(strings.TrimSpace(notes.String()), "\n")
	if last := strings.TrimPrefix(lines[len(lines)-1], "certscan: "); got != exitUnknown || !isMessage("providers: …: the lists from before stay", last) {
		t.Errorf("status %d: %q", got, notes.String())
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
	for _, path := range []string{"/dev/null/x/providers.json", "/dev/null/providers.json"} {
		if err := writeProviders(path, nil); err == nil || !isMessage("providers …: …: let this user write there", err.Error()) {
			t.Errorf("%v", err)
		}
	}
}

// TestProvidersWritten holds that the file is whole, readable for all, and nothing stays beside it.
func TestProvidersWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "providers.json")
	var want []dns.ProviderRanges
	for _, p := range dns.Providers()[:2] {
		want = append(want, dns.ProviderRanges{ID: p.ID, At: p.At, Edge: p.Edge})
		if err := writeProviders(path, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readProviders(path)
	if err != nil || len(got) != 2 || len(got[1].Edge) != len(want[1].Edge) {
		t.Errorf("%v, %v", got, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestProofToken holds where the token comes from, and that blanks around it are none of it.
func TestProofToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "proof.token"), []byte(" Zm9vYmFyYmF6cXV4-_01 \n"), 0o644); err != nil {
		t.Fatal(err)
	}
	token := func(text string, env func(string) (string, bool)) (string, error) {
		c, err := readConfiguration(filepath.Join(dir, "certscan.yaml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c.proofToken(env)
	}
	if got, err := token("ours: {proof: {token: {file: proof.token}}}", none); err != nil || got != "Zm9vYmFyYmF6cXV4-_01" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := token("ours: {networks: [192.0.2.0/24]}", none); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := token("ours: {proof: {token: {file: none.token}}}", none)
	if message, _, _ := strings.Cut(err.Error(), "\n"); !isMessage("…ours.proof.token.file: …: …", message) {
		t.Errorf("%v", err)
	}
	const secret = "not a good token!"
	if _, err := token("ours: {proof: {token: {env: X}}}", func(string) (string, bool) { return secret, true }); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}
