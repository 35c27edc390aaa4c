package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"certscan/inventory"
	"certscan/report"
	"certscan/triage"
)

// deliver hands the lists of an audit out. It is the one place where they leave: to standard output or a file, or, split, into
// a folder with a file for each manager.
func (s *settings) deliver(st streams, stdout io.Writer, over <-chan struct{}, list *report.Audit, managers []string) error {
	if s.split == "" {
		to, err := openTarget(s.output, stdout, over)
		if err != nil {
			return err
		}
		return s.deliverTo(to, s.outputFormat(st.out), list, report.AuditOptions{Width: s.outputWidth(st.out)})
	}
	format := s.format
	if format == "" {
		format = report.FormatXLSX
	}
	if err := os.MkdirAll(s.output, 0o755); err != nil {
		return fmt.Errorf("write output: %w: name another folder with --output", err)
	}
	files := map[string]string{}
	var errs []error
	for _, manager := range managers {
		path := filepath.Join(s.output, fileOf(manager, files)+endings[format])
		to, err := openTarget(path, stdout, over)
		if err == nil {
			err = s.deliverTo(to, format, list.For(manager), report.AuditOptions{})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *settings) deliverTo(to *target, format report.Format, list *report.Audit, o report.AuditOptions) error {
	defer to.discard()
	err := report.WriteAudit(to, format, list, o)
	if err == nil {
		err = to.commit()
	}
	if err != nil {
		return unwritten(to.name, err)
	}
	return nil
}

// endings are those of the files, by format.
var endings = map[report.Format]string{
	report.FormatTable: ".txt", report.FormatJSON: ".json", report.FormatJSONL: ".jsonl", report.FormatCSV: ".csv",
	report.FormatXLSX: ".xlsx", report.FormatHTML: ".html", report.FormatMarkdown: ".md",
}

const (
	noManager = "no-manager"
	fileMax   = 80 // characters of a manager's name in that of a file
)

// reserved are the names that Windows gives to devices, whatever the ending.
var reserved = []string{
	"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
	"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
}

// fileOf returns the name of a manager's file without its ending: letters, digits and .-_@+ of his name. A name that cannot stand as it
// is, or is taken, gets a part that no other manager's has. taken holds the files so far, in lower case, and whose they are.
func fileOf(manager string, taken map[string]string) string {
	base := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".-_@+", r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(manager, "_"))
	if manager == "" {
		base = noManager
	}
	if runes := []rune(base); len(runes) > fileMax {
		base = string(runes[:fileMax])
	}
	stem, _, _ := strings.Cut(strings.ToLower(base), ".")
	_, used := taken[strings.ToLower(base)]
	if used || base != manager && manager != "" || base == noManager && manager != "" || strings.Trim(base, ".") == "" || base[0] == '.' || base[0] == '-' ||
		slices.Contains(reserved, stem) {
		sum := sha256.Sum256([]byte(manager))
		base = "manager_" + strings.TrimLeft(base, ".-") + "_" + hex.EncodeToString(sum[:4])
	}
	taken[strings.ToLower(base)] = manager
	return base
}

// fingerprint tells apart what an audit is told: what is ours, who is asked, and every name with what its list says of it. An audit
// that was cut goes on under the same alone.
func (s *settings) fingerprint(all *inventory.Union) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, version(), s.ours, s.allowPrivate, s.resolvers, s.registration, s.rdapURL, s.whoisServer, s.controls, s.probe, s.port) // never fails (hash.Hash)
	// The run itself tells what is wrong with the token.
	token, _ := s.config.proofToken(s.env)
	_, _ = fmt.Fprintln(h, s.config.servers(), token)
	for m := range all.Names() {
		_, _ = fmt.Fprintln(h, m.Name, m.SANs, m.Expect, m.Origin, m.Verify, m.Ports, m.Challenge)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// wholeInventory is the scope of an audit of lists.
const wholeInventory = ""

// scope tells audits of lists from those of names that somebody wrote on the command line: one of a single name must not make
// the next weekly list say that all others are gone, or new.
func (in *input) scope(all *inventory.Union) string {
	if len(in.arguments) == 0 || len(in.files) > 0 {
		return wholeInventory
	}
	var names []string
	for m := range all.Names() {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, " ")))
	return "names " + hex.EncodeToString(sum[:])
}

// tellAudit writes the closing count.
func tellAudit(w io.Writer, list *report.Audit, in *input) error {
	sections, fresh := map[triage.Section]int{}, 0
	for i := range list.Rows {
		r := &list.Rows[i]
		sections[r.Section]++
		if r.Section != triage.SectionSettled && r.Change == triage.ChangeNew {
			fresh++
		}
	}
	parts := []string{fmt.Sprintf("certscan: audit of %s", report.Plural(list.Run.Asked, "name"))}
	for _, s := range triage.Sections {
		if sections[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", sections[s], s))
		}
	}
	if list.Before.ID != "" {
		parts = append(parts, fmt.Sprintf("%d new since %s", fresh, list.Before.StartedAt.Format("2006-01-02")))
	} else {
		parts = append(parts, "the first audit, nothing to compare it with")
	}
	if in.badLines > 0 {
		parts = append(parts, report.Plural(in.badLines, "bad line"))
	}
	if !list.Run.Complete {
		parts = append(parts, "the list was cut: the next audit goes on with it")
	}
	if !list.Run.Trusted {
		parts = append(parts, "not to be trusted: "+list.Run.Reason)
	}
	return say(w, "%s", strings.Join(parts, " · "))
}
