package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUsualConfigs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		xdg, home string
		want      []string
	}{
		{"/x", "/home/a", []string{systemConfig, "/x/certscan/certscan.yaml"}},
		{"", "/home/a", []string{systemConfig, "/home/a/.config/certscan/certscan.yaml"}},
		{"relative", "/home/a", []string{systemConfig, "/home/a/.config/certscan/certscan.yaml"}},
		{"", "", []string{systemConfig}},
	} {
		env := func(name string) (string, bool) {
			return map[string]string{"XDG_CONFIG_HOME": c.xdg, "HOME": c.home}[name], true
		}
		if got := usualConfigs(env); filepath.Separator == '/' && !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: %q, want %q", c.xdg, c.home, got, c.want)
		}
	}
}

func TestConfigTooLarge(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "certscan.yaml")
	if err := os.WriteFile(file, make([]byte, configBytesMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfiguration(file); err == nil || !strings.Contains(err.Error(), "larger than 256 KiB") {
		t.Errorf("%v", err)
	}
	if _, err := loadConfiguration(os.DevNull); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}

// TestConfigPrecedence holds flag > environment > file > default for one value and for a list.
func TestConfigPrecedence(t *testing.T) {
	t.Parallel()
	c, err := readConfiguration("f.yaml", []byte("port: 1\nhttp_port: 2\nprobe: {timeout: 1d}\nconcurrency: 3\nseverity: [WARN, OK]\nprobe_all: true\nours: {networks: [192.0.2.0/24], servers: {b: [198.51.100.1]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"CERTSCAN_PORT": "11", "CERTSCAN_HTTP_PORT": "12"}[name]
		return v, ok
	}
	_, given := flags("scan", env)
	if err := given["http-port"].Set("22"); err != nil {
		t.Fatal(err)
	}
	s, err := c.settings(given)
	if err != nil {
		t.Fatal(err)
	}
	if s.httpPort != 22 || s.port != 11 || s.concurrency != 3 || days(s.timeout) != "1d" || !s.probeAll || !s.http {
		t.Errorf("%+v", s)
	}
	if len(s.ours) != 2 || len(s.severities) != 2 {
		t.Errorf("ours %v, severities %v", s.ours, s.severities)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"prot", "port", 1}, {"ours", "hours", 1}, {"abc", "xyz", 3}, {strings.Repeat("a", 99), "a", 99}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
