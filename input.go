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
	notes     io.Writer

	badLines, duplicates int
	failed               error // an input that could not be read to its end, or had nothing in it
}

type source struct {
	name   string
	reader io.ReadCloser
}

// open opens every file of the run before it begins, so that a mistyped name costs nothing.
func (in *input) open(ctx context.Context, files []string, stdin io.Reader) error {
	for _, name := range files {
		if name == "-" {
			in.files = append(in.files, source{"standard input", io.NopCloser(&interruptible{ctx: ctx, from: stdin})})
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read domains: %w", err)
		}
		info, err := f.Stat()
		switch {
		case err != nil:
			return fmt.Errorf("read domains: %w", err)
		case info.IsDir():
			return fmt.Errorf("read domains: %s is a directory: name a file in it", name)
		case info.Mode().IsRegular():
			in.files = append(in.files, source{name, f})
		default: // a FIFO or a device may keep us waiting
			in.files = append(in.files, source{name, readCloser{&interruptible{ctx: ctx, from: f}, f}})
		}
	}
	if len(in.arguments) == 0 && len(in.files) == 0 {
		return errors.New("no domains: name some, or a file with --file (- for standard input)")
	}
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// domains yields each distinct name once: the first line of a name counts.
func (in *input) domains() iter.Seq[inventory.Domain] {
	return func(yield func(inventory.Domain) bool) {
		seen := inventory.NewSet()
		fresh := func(d inventory.Domain) bool {
			key := d.Name
			if in.addresses && d.At.IsValid() {
				key = fmt.Sprintf("%s@%s:%v", d.Name, d.At, d.Ports)
			}
			if !seen.Add(key) {
				in.duplicates++
				return true
			}
			return yield(in.admit(d))
		}
		for _, d := range in.named() {
			if !fresh(d) {
				return
			}
		}
		for _, s := range in.files {
			if !in.file(s, fresh) {
				return
			}
		}
	}
}

// admit refuses an address where the command takes none.
func (in *input) admit(d inventory.Domain) inventory.Domain {
	if d.At.IsValid() && !in.addresses && d.Invalid == "" {
		d.Invalid = "a name with an address: certscan probe takes those"
	}
	return d
}

// named reads the names of the command line. Several ports of one name are one domain.
func (in *input) named() []inventory.Domain {
	var out []inventory.Domain
	for i, text := range in.arguments {
		d, err := inventory.Parse(text)
		d.Source = fmt.Sprintf("argument:%d", i+1)
		if err != nil {
			in.bad(&inventory.BadLine{Source: d.Source, Why: err.Error()})
			continue
		}
		same := slices.IndexFunc(out, func(o inventory.Domain) bool { return o.Name == d.Name && o.At == d.At })
		if same < 0 || len(d.Ports) == 0 || len(out[same].Ports) == 0 {
			out = append(out, d)
			continue
		}
		if !slices.Contains(out[same].Ports, d.Ports[0]) {
			out[same].Ports = append(out[same].Ports, d.Ports[0])
		}
	}
	return out
}

// file reads one file and reports whether reading may go on.
func (in *input) file(s source, fresh func(inventory.Domain) bool) bool {
	defer func() { _ = s.reader.Close() }()
	names := 0
	for d, err := range inventory.Read(s.reader, s.name) {
		if line, ok := errors.AsType[*inventory.BadLine](err); ok {
			in.bad(line)
			continue
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				in.failed = errors.Join(in.failed, err)
			}
			return false
		}
		names++
		if !fresh(d) {
			return false
		}
	}
	if names == 0 {
		in.failed = errors.Join(in.failed, fmt.Errorf("read domains: %s: not a single name in it", s.name))
	}
	return true
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
	from   io.Reader
	chunks chan chunk
	rest   []byte
}

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
