package report

import (
	"bufio"
	"io"
)

// output writes to an io.Writer through a buffer. It keeps the first error until flush, so that no writing in between
// needs a look at it.
type output struct{ buf *bufio.Writer }

func newOutput(w io.Writer) output { return output{bufio.NewWriter(w)} }

// text writes its parts one after another.
func (o output) text(parts ...string) {
	for _, s := range parts {
		_, _ = o.buf.WriteString(s) // kept for flush
	}
}

func (o output) bytes(b []byte) {
	_, _ = o.buf.Write(b) // kept for flush
}

func (o output) flush() error { return o.buf.Flush() }
