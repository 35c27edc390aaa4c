package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"certscan/report"
)

// destination reads where records go, and how the closing count is told.
func (s *settings) destination(output, summary *setting) error {
	if s.output = output.String(); s.output == "-" {
		s.output = ""
	}
	if s.format == "" && s.output != "" {
		s.format = formatOf(s.output)
	}
	var err error
	s.summary, err = summary.word()
	return err
}

// formatOf returns the format that the ending of a file asks for; empty where it asks for none.
func formatOf(path string) report.Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return report.FormatJSON
	case ".jsonl", ".ndjson":
		return report.FormatJSONL
	case ".csv":
		return report.FormatCSV
	case ".xlsx":
		return report.FormatXLSX
	case ".html", ".htm":
		return report.FormatHTML
	case ".md", ".markdown":
		return report.FormatMarkdown
	case ".txt":
		return report.FormatTable
	}
	return ""
}

// target is where the records of a run go. Either commit or discard ends it; discard after commit does nothing.
type target struct {
	io.Writer
	name    string // as an error tells it
	commit  func() error
	discard func()
}

// openTarget opens what --output names; empty is standard output. A regular file is written beside its name and gets it
// by commit, so that nobody ever sees half of one; a device or a FIFO is written to as it comes.
func openTarget(path string, stdout io.Writer, over <-chan struct{}) (*target, error) {
	if path == "" {
		g := newGathering(stdout)
		return &target{Writer: g, name: "standard output", commit: g.close, discard: func() { _ = g.close() }}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("write output: %s is a directory: name a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		d := &device{path: path}
		g := newGathering(newPatient(d, over))
		end := func() error { return errors.Join(g.close(), d.close()) }
		return &target{Writer: g, name: path, commit: end, discard: func() { _ = end() }}, nil
	case err == nil:
		if err := writable(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("write output: %w: name another file with --output", err)
	}
	return beside(path)
}

// writable refuses a file that we may not write although we could replace it.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write output: %w: name another file with --output, or change its rights", err)
	}
	return f.Close()
}

// beside opens a file of an unlikely name in the folder of path, which takes the name of path when it is committed.
func beside(path string) (*target, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil { // the link stays, what it points to is replaced
		path = real
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+hex.EncodeToString(b[:])+".part")
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // less the umask
	if err != nil {
		return nil, fmt.Errorf("write output: %s: %w: make that folder writable, or name another file with --output",
			path, errors.Unwrap(err))
	}
	buf := bufio.NewWriterSize(f, 64<<10)
	done := false
	t := &target{Writer: buf, name: path}
	t.discard = func() {
		if !done {
			done = true
			_ = errors.Join(f.Close(), os.Remove(part)) // there is nobody left to tell
		}
	}
	t.commit = func() error {
		if err := errors.Join(buf.Flush(), f.Sync(), f.Close()); err != nil {
			return err
		}
		if err := os.Rename(part, path); err != nil {
			return err
		}
		done = true
		return syncFolder(filepath.Dir(path))
	}
	return t, nil
}

// device is a device or a FIFO, opened with the first write: that may wait for a reader.
type device struct {
	path string
	file *os.File
}

func (d *device) Write(b []byte) (int, error) {
	if d.file == nil {
		f, err := os.OpenFile(d.path, os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		d.file = f
	}
	return d.file.Write(b)
}

func (d *device) close() error {
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}

// unwritten says what is to be done about output that could not be written. A closed pipe is no trouble: its reader has
// what it wanted.
func unwritten(name string, err error) error { return unwrittenBut(name, err, " with --output") }

// unprinted is unwritten for standard output of a command that has no --output.
func unprinted(err error) error { return unwrittenBut("standard output", err, "") }

func unwrittenBut(name string, err error, how string) error {
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		return &exit{status: exitUnknown}
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: %w: make room there, or write elsewhere%s", name, err, how)
	case errors.Is(err, errUnread):
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %w: write elsewhere%s", name, err, how)
}

// finish writes the end of the records and puts the file in its place. A run that was cut is put there as well: it says
// so itself.
func finish(to *target, out *report.Writer, meta report.Run) error {
	err := out.Close(meta)
	if err == nil {
		err = to.commit()
	}
	if err != nil {
		return unwritten(to.name, err)
	}
	return nil
}

// count writes the closing count.
func (s *settings) count(w io.Writer, meta report.Run, in *input) error {
	if s.summary == "json" {
		return report.SummaryJSON(w, meta, in.badLines, in.duplicates)
	}
	return report.Summary(w, meta, in.badLines, in.duplicates)
}

// outputWidth is the width that a table keeps to: that of the terminal, and none in a file.
func (s *settings) outputWidth(w io.Writer) int {
	if s.output != "" {
		return 0
	}
	return width(w)
}
