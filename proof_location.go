package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"certscan/probe"
)

// tokenFile is where config init puts the token of our proof, beside the configuration.
const tokenFile = "proof.token"

// locationsText holds the locations of the web servers that answer with our proof, TOKEN in place of the token.
//
//go:embed proof_location.txt
var locationsText string

// proofLocations returns the locations with a token in them.
func proofLocations(token string) []byte {
	return []byte(strings.ReplaceAll(locationsText, "TOKEN", token))
}

// newToken returns a token that nobody has.
func newToken() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// makeToken writes a new token to a file that only its owner reads, or returns the one that stands there already.
func makeToken(file string) (token string, made bool, err error) {
	text, err := readTrusted(file)
	switch {
	case err == nil:
		token = strings.TrimSpace(string(text))
		if err = probe.CheckToken(token); err != nil {
			return "", false, fmt.Errorf("write config: %s is there, and holds no token: %w: move it away", file, err)
		}
		return token, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", false, fmt.Errorf("write config: %w: name another file, or - for standard output", &fs.PathError{Op: "read", Path: file, Err: err})
	}
	token = newToken()
	return token, true, writeNew(file, []byte(token+"\n"), 0o600)
}

const (
	templateOurs  = "#ours:\n"
	templateProof = "#  proof: {token: {file: " + tokenFile + "}}\n"
)

// templateWithProof is the template of a configuration that has its token: ours holds the proof alone, which says of no
// address that it is ours.
func templateWithProof() []byte {
	text := bytes.Replace(configTemplate, []byte(templateOurs), []byte(templateOurs[1:]), 1)
	return bytes.Replace(text, []byte(templateProof), []byte(templateProof[1:]), 1)
}

// templateWithLocations is the template with the locations as comments.
func templateWithLocations(token string) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(proofLocations(token))) {
		b.WriteString(strings.TrimRight("#\t"+line, "\t\n") + "\n")
	}
	note := "# Put the token " + token + " into that file; the web servers answer with it by one of these:\n"
	return bytes.Replace(configTemplate, []byte(templateProof), []byte(templateProof+note+b.String()), 1)
}
