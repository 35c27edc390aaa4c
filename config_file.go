package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// configBytesMax bounds the configuration file.
const configBytesMax = 256 << 10

// systemConfig is where the configuration of a machine stands.
const systemConfig = "/etc/certscan/certscan.yaml"

// userConfig is where the caller's own configuration stands; empty where nothing says where home is. A relative
// directory counts for none (XDG Base Directory): the working directory must never matter.
func userConfig(env func(string) (string, bool)) string {
	dir, _ := env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, _ := env("HOME")
		if home == "" {
			home, _ = env("USERPROFILE")
		}
		dir = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "certscan", "certscan.yaml")
}

// usualConfigs lists where a configuration is looked for when nobody names one.
func usualConfigs(env func(string) (string, bool)) []string {
	out := []string{systemConfig}
	if own := userConfig(env); own != "" {
		out = append(out, own)
	}
	return out
}

// findConfiguration reads the named file, else the first of the usual ones that exists. Where there is none its doc is nil
// and defaults apply.
func findConfiguration(named string, usual []string) (*configuration, error) {
	if named != "" {
		return loadConfiguration(named)
	}
	for _, file := range usual {
		c, err := loadConfiguration(file)
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
	}
	return &configuration{}, nil
}

// loadConfiguration reads one file that only its owner can have written.
func loadConfiguration(file string) (*configuration, error) {
	text, err := readTrusted(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("config %s: there is no such file: name another with --config, or write one with certscan config init: %w", file, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", file, err)
	}
	return readConfiguration(file, text)
}

// readTrusted reads a regular file of bounded size that nobody but root and the caller can write.
func readTrusted(file string) ([]byte, error) { return readGuarded(file, configBytesMax, errTooLarge) }

// readGuarded is readTrusted with a limit, and the error of what is larger.
func readGuarded(file string, most int64, tooLarge error) ([]byte, error) {
	info, err := os.Stat(file) // before it is opened: a FIFO would keep us waiting
	if err != nil {
		return nil, bare(err)
	}
	if err := trustworthy(file, info, most, tooLarge); err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil { // what was opened may be another file than what was looked at
		return nil, bare(err)
	}
	if err := trustworthy(file, info, most, tooLarge); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(text)) > most {
		return nil, tooLarge
	}
	return text, err
}

var errTooLarge = fmt.Errorf("larger than %d KiB: lists of names belong into files of their own, named by inventory", configBytesMax>>10)

func trustworthy(file string, info fs.FileInfo, most int64, tooLarge error) error {
	switch {
	case info.IsDir():
		return errors.New("a directory: name the file in it")
	case !info.Mode().IsRegular():
		return errors.New("not a regular file: name one that stands on a disk")
	case info.Size() > most:
		return tooLarge
	}
	return guarded(file, info)
}

// bare takes the path out of an error that is told together with it.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: let this user read it, or name another file with --config", p.Err)
		}
		return p.Err
	}
	return err
}

// configure gives the settings of a command what the configuration file says, and parses them.
func configure(s streams, given map[string]*setting) (settings, error) {
	named := ""
	if v := given["config"]; v != nil {
		named = v.String()
	}
	c, err := findConfiguration(named, usualConfigs(s.env))
	if err != nil {
		return settings{}, err
	}
	set, err := c.settings(given)
	set.env = s.env
	return set, err
}

// settings fills in what flags and environment leave open, and parses all of it.
func (c *configuration) settings(given map[string]*setting) (settings, error) {
	for _, v := range given {
		c.fill(v)
	}
	set, err := parse(given)
	set.config = c
	c.resolvers(&set, given["resolver"], given["rate"])
	return set, err
}

// complaint is an error as it is told on a terminal. Faults are fit for one as they are, and take several lines.
func complaint(err error, safe func(string) string) string {
	if f, ok := errors.AsType[faults](err); ok {
		return strings.TrimSpace(f.Error())
	}
	return safe(err.Error())
}
