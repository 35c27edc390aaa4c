package inventory

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// endless writes n lines of a list as they are read.
type endless struct {
	line    func(i int) string
	next, n int
	rest    string
}

func (e *endless) Read(p []byte) (int, error) {
	for e.rest == "" {
		if e.next == e.n {
			return 0, io.EOF
		}
		e.rest = e.line(e.next)
		e.next++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// live returns the bytes of the heap that are in use.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory holds that a list of a million lines takes no more memory than one of a few, in each form that is
// streamed. It runs alone: it looks at the heap.
func TestMemory(t *testing.T) {
	const n, roomBytes = 20_000, 512 << 10
	for name, line := range map[string]func(int) string{
		"plain.txt": func(i int) string { return fmt.Sprintf("d%d.example\n", i) },
		"table.csv": func(i int) string {
			return [...]string{"domain,owner\n", fmt.Sprintf("d%d.example,\"two\nlines\"\n", i)}[min(i, 1)]
		},
		"one.json": func(i int) string {
			return [...]string{"[", fmt.Sprintf("{\"domain\":\"d%d.example\"},", i)}[min(i, 1)]
		},
		"lines.jsonl": func(i int) string { return fmt.Sprintf("{\"domain\":\"d%d.example\"}\n", i) },
		"dashes.yaml": func(i int) string { return fmt.Sprintf("- domain: d%d.example\n", i) },
		"flow.yaml": func(i int) string {
			return [...]string{"[", fmt.Sprintf("{domain: d%d.example},\n", i), "]\n"}[min(i, 1)+i/(n-1)]
		},
		"quotes.csv": func(i int) string {
			return [...]string{"domain,owner\n", fmt.Sprintf("d%d.example,\"x\n", i)}[min(i, 1)]
		},
	} {
		before, most, names := live(), uint64(0), 0
		room := uint64(roomBytes)
		if strings.HasSuffix(name, ".yaml") {
			room = 4 << 20 // the tree of the part that is parsed; that of all takes eight times as much
		}
		for _, err := range Read(&endless{line: line, n: n}, name) {
			if err == nil {
				if names++; names%5_000 == 0 {
					most = max(most, live())
				}
			}
		}
		if names < n-2 || most > before+room {
			t.Errorf("%s: %d names, %d bytes in use at the beginning, %d later", name, names, before, most)
		}
	}
}

// TestSetMemory holds that remembering a name takes 11 bytes at most, however many there are. It runs alone, too.
func TestSetMemory(t *testing.T) {
	for _, n := range []int{100_000, 150_000, 1_000_000} {
		before := live()
		s := NewSet()
		for i := range n {
			if !s.Add(fmt.Sprintf("d%d.example", i)) {
				t.Fatalf("d%d is new", i)
			}
		}
		each := float64(live()-before) / float64(n)
		if each > 11 {
			t.Errorf("%d names: %.1f bytes each", n, each)
		}
		for i := 0; i < n; i += 997 {
			if s.Add(fmt.Sprintf("d%d.example", i)) {
				t.Fatalf("%d names: d%d is not new", n, i)
			}
		}
	}
}

// BenchmarkRead tells how many bytes are allocated, and the time it takes, for each line of a list.
func BenchmarkRead(b *testing.B) {
	for name, line := range map[string]string{
		"plain.txt": "www.some-name.example\n", "lines.jsonl": `{"domain":"www.some-name.example","owner":"ACME"}` + "\n",
		"table.csv": "domain,\"a \"\"quoted\"\" cell\",www.some-name.example\n",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			Read(&endless{line: func(int) string { return line }, n: b.N}, name)(func(Domain, error) bool { n++; return true })
			if n < b.N-1 { // one may be a header
				b.Fatalf("%d names of %d lines", n, b.N)
			}
		})
	}
	b.Run("set", func(b *testing.B) {
		s, names := NewSet(), strings.Fields(strings.Repeat("a.example b.example ", 500))
		for i := range b.N {
			s.Add(names[i%len(names)])
		}
	})
}
