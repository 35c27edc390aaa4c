package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"certscan/inventory"
	"certscan/report"
)

// badLinesShown is how many bad lines are printed; all are counted.
const badLinesShown = 20

// input reads the domains of one run: those of the command line, then each file. Its counts are good once the run that
// reads it is over.
type input struct {
	arguments []string
	files     []source
	// addresses lets a name come with an address (`certscan probe`).
	addresses bool
	port      uint16 // of a name that gives none
	notes     io.Writer
	catalogue *catalogue // what the configuration says of names; nil for nothing

	badLines, duplicates int
	failed               error // an input that could not be read to its end, or had nothing in it
	unread               bool  // one could not be read to its end
}

type source struct {
	name   string
	reader io.ReadCloser
}

// open opens every file of the run before it begins, so that a mistyped name costs nothing.
func (in *input) open(ctx context.Context, files []string, stdin io.Reader) error {
	for _, name := range files {
		if name == "-" {
			in.files = append(in.files, source{"standard input", &interruptible{ctx: ctx, from: stdin}})
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return fmt.Errorf("read domains: %w", err)
		case info.IsDir():
			return fmt.Errorf("read domains: %s is a directory: name a file in it", name)
		case !info.Mode().IsRegular(): // a FIFO or a device may keep us waiting, even to be opened
			in.files = append(in.files, source{name, &interruptible{ctx: ctx, path: name}})
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read domains: %w", err)
		}
		in.files = append(in.files, source{name, cancelable{ctx, f}})
	}
	if len(in.arguments) == 0 && len(in.files) == 0 && !in.catalogue.hasNames() {
		return errors.New("no domains: name some, or a file with --file (- for standard input), or an inventory in the configuration file")
	}
	return nil
}

// cancelable is a file whose reading ends with the context: a regular one never waits, but may be endless.
type cancelable struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to be told
	*os.File
}

func (c cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.File.Read(p)
}

// domains yields each distinct name once: the first line of a name counts.
func (in *input) domains() iter.Seq[inventory.Domain] {
	return func(yield func(inventory.Domain) bool) {
		seen := inventory.NewSet()
		fresh := func(d inventory.Domain) bool {
			d = in.admit(d)
			key := d.Name
			if d.At.IsValid() {
				key = fmt.Sprintf("%s@%s:%v", d.Name, d.At, d.Ports)
			}
			if !seen.Add(key) {
				in.duplicates++
				return true
			}
			return yield(d)
		}
		for _, d := range in.named() {
			if !fresh(in.catalogue.add(d, "")) {
				return
			}
		}
		for _, s := range in.files {
			if !in.file(s, fresh) {
				return
			}
		}
		for d := range in.catalogue.rest() {
			if !fresh(d) {
				return
			}
		}
	}
}

// admit refuses an address where the command takes none.
func (in *input) admit(d inventory.Domain) inventory.Domain {
	if !d.At.IsValid() || in.addresses || d.Invalid != "" {
		return d
	}
	text := fmt.Sprintf("%s@%s", d.Name, d.At) // the name alone may stand in the list as well
	return inventory.Domain{
		Name: text, Display: text, Source: d.Source, Owner: d.Owner, Manager: d.Manager,
		Invalid: "a name with an address: certscan probe takes those",
	}
}

// named reads the names of the command line. Several ports of one name are one domain.
func (in *input) named() []inventory.Domain {
	var out []inventory.Domain
	place := map[string]int{}
	for i, text := range in.arguments {
		d, err := inventory.Parse(text)
		d.Source = fmt.Sprintf("argument:%d", i+1)
		if err != nil {
			in.bad(&inventory.BadLine{Source: d.Source, Why: err.Error()})
			continue
		}
		key := fmt.Sprintf("%s@%s", d.Name, d.At)
		first, known := place[key]
		switch {
		case !known:
			place[key] = len(out)
			out = append(out, d)
		case d.Invalid == "" && in.addPorts(&out[first], d.Ports):
		default:
			in.duplicates++
		}
	}
	return out
}

// addPorts adds the ports of a name that was given once more, and reports whether there was something to add.
func (in *input) addPorts(d *inventory.Domain, more []uint16) bool {
	whole := slices.Clone(d.Ports)
	if len(whole) == 0 {
		whole = []uint16{in.port}
	}
	if len(more) == 0 {
		more = []uint16{in.port}
	}
	before := len(whole)
	for _, p := range more {
		if !slices.Contains(whole, p) {
			whole = append(whole, p)
		}
	}
	if len(whole) == before {
		return false
	}
	d.Ports = whole
	return true
}

// errNoName says that a list was read to its end in vain.
var errNoName = errors.New("not a single name in it: one name a line is wanted, or a table with a column domain")

// file reads one file and reports whether reading may go on.
func (in *input) file(s source, fresh func(inventory.Domain) bool) bool {
	for d, err := range s.read(in.catalogue.format(s.name)) {
		switch {
		case err != nil:
			if !in.note(err) {
				return false
			}
		case in.catalogue.skips(&d):
		case !fresh(in.catalogue.add(d, s.name)):
			return false
		}
	}
	return true
}

// read yields what stands in the file, and errNoName where that is not a single name.
func (s source) read(c inventory.Config) iter.Seq2[inventory.Domain, error] {
	return func(yield func(inventory.Domain, error) bool) {
		defer func() { _ = s.reader.Close() }()
		fine := false
		for d, err := range inventory.ReadWith(s.reader, c) {
			_, bad := errors.AsType[*inventory.BadLine](err)
			fine = fine || !bad // a name, or an error that says more than that there is none
			if !yield(d, err) {
				return
			}
		}
		if !fine {
			yield(inventory.Domain{}, fmt.Errorf("read domains: %s: %w", s.name, errNoName))
		}
	}
}

// note keeps an error of a list and reports whether reading may go on: not where the list was left unread.
func (in *input) note(err error) bool {
	if line, ok := errors.AsType[*inventory.BadLine](err); ok {
		in.bad(line)
		return true
	}
	if !errors.Is(err, context.Canceled) { // the run's end is told by the run
		in.failed = errors.Join(in.failed, err)
	}
	in.unread = in.unread || !errors.Is(err, errNoName)
	return !in.unread
}

func (in *input) bad(line *inventory.BadLine) {
	in.badLines++
	switch {
	case in.badLines <= badLinesShown:
		_, _ = fmt.Fprintln(in.notes, report.Terminal(line.Error()))
	case in.badLines == badLinesShown+1:
		_, _ = fmt.Fprintln(in.notes, "certscan: more bad lines are counted and not shown")
	}
}

// interruptible reads from something that may never answer, such as a terminal, and gives up when the context ends.
type interruptible struct {
	ctx    context.Context //nolint:containedctx // an io.Reader has no other way to be told
	from   io.Reader       // nil: path is opened first, which may wait as well
	path   string
	chunks chan chunk
	rest   []byte
}

// Close does nothing: what may still wait cannot be closed, and ends with the process.
func (r *interruptible) Close() error { return nil }

type chunk struct {
	data []byte
	err  error
}

func (r *interruptible) Read(p []byte) (int, error) {
	if r.chunks == nil {
		r.chunks = make(chan chunk)
		// Nothing can wake a read of a terminal: the goroutine ends with its input, or with the process.
		go r.pump()
	}
	if len(r.rest) == 0 {
		select {
		case c, ok := <-r.chunks:
			if !ok {
				return 0, io.EOF
			}
			if c.err != nil {
				return 0, c.err
			}
			r.rest = c.data
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *interruptible) pump() {
	defer close(r.chunks)
	if r.from == nil {
		f, err := os.Open(r.path)
		if err != nil {
			select {
			case r.chunks <- chunk{err: err}:
			case <-r.ctx.Done():
			}
			return
		}
		defer func() { _ = f.Close() }()
		r.from = f
	}
	for {
		buf := make([]byte, 64<<10)
		n, err := r.from.Read(buf)
		c := chunk{data: buf[:n]}
		if n == 0 {
			c.err = err
		}
		if n > 0 || (err != nil && !errors.Is(err, io.EOF)) {
			select {
			case r.chunks <- c:
			case <-r.ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
